"""From a file to a scenario: read, overlay on what it extends, apply `--set`, validate.

`extends: other.yaml` (relative to the file that says so) lays this file over the other: mappings merge
key by key, everything else, lists included, replaces. `a.b=c` overrides one key; a list item is
`faults.0.at=3 h`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from twin.scenario.document import DEPTH_MAX, Node, parse_document, parse_value, read_document
from twin.scenario.errors import FileError, Key, Place, RuleError, ScenarioError, dotted, listed, shown
from twin.scenario.explain import explain, refuse
from twin.scenario.model import SEED_MAX, Origin, Scenario, kind_of

EXTENDS_MAX: Final = 8
_INDEX: Final = re.compile(r"\d{1,9}", re.ASCII)
_FROM_HERE: Final = "give its path, relative to this file"


def read_plain(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What a scenario file says as plain data, with what it extends and with overrides; files that it names stand
    with their whole paths, so that it means the same wherever it is written.

    Raises:
        ScenarioError: The file is none, or an override names nothing. Whether it is a scenario is not asked.
    """
    file = Path(path)
    root = _extended(file, read_document(file), ())
    for override in overrides:
        _apply(root, override)
    _resolve_paths(Path.cwd() / file.name, root)  # relative to here until now
    plain: dict[str, Any] = root.plain()
    return plain


def scenario_of(document: Mapping[str, Any], source: str) -> Scenario:
    """A scenario from plain data, without `extends`; `source` names it in errors.

    Raises:
        ScenarioError: Whatever is wrong, as one line.
    """
    try:
        return kind_of(dict(document)).model_validate(document)
    except (RuleError, ValidationError):
        # once more as text, for the line that it breaks
        return parse_scenario(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True), source)


def load_scenario(path: str | os.PathLike[str], overrides: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """Read a scenario file.

    Args:
        path: The file.
        overrides: `key=value` texts, applied in order; the value is YAML.
        seed: Replaces the file's seed.

    Raises:
        ScenarioError: Whatever is wrong, as one line.
    """
    file = Path(path)
    root = _extended(file, read_document(file), ())
    for override in overrides:
        _apply(root, override)
    if seed is not None:
        if not 0 <= seed <= SEED_MAX:
            raise ScenarioError(f"seed {seed}", f"lies from 0 to {SEED_MAX}", "--seed", "choose another seed")
        root.value["seed"] = Node(seed, Place("--seed"))
    scenario = _validated(root)
    scenario._origin = Origin(str(file), tuple(overrides), root.plain())
    return scenario


def parse_scenario(text: str, source: str = "<text>") -> Scenario:
    """Read a scenario from YAML text, without `extends`; `source` names it in errors.

    Raises:
        ScenarioError: Whatever is wrong, as one line.
    """
    return _validated(parse_document(text, source))


def _validated(root: Node) -> Scenario:
    data = root.plain()
    try:
        return kind_of(data).model_validate(data)
    except RuleError as broken:
        raise refuse(broken, root) from None
    except ValidationError as error:
        raise explain(error, root) from None


def _extended(path: Path, root: Node, above: tuple[str, ...]) -> Node:
    """Lay a document over what it extends."""
    _resolve_paths(path, root)
    base_name = root.value.pop("extends", None)
    if base_name is None:
        return root
    subject, place = f"extends = {shown(base_name.value)}", str(base_name.place)
    if not isinstance(base_name.value, str):
        raise ScenarioError(subject, "names one file", place, _FROM_HERE, ("extends",))
    base = Path(os.path.normpath(path.parent / base_name.value))
    chain = (*above, os.path.abspath(path))
    if os.path.abspath(base) in chain:
        raise ScenarioError(subject, "loops back to itself", place, "let one of the files stand alone", ("extends",))
    if len(chain) > EXTENDS_MAX:
        raise ScenarioError(subject, f"more than {EXTENDS_MAX} files deep", place, "shorten the chain", ("extends",))
    try:
        below = read_document(base)
    except FileError as error:
        raise ScenarioError(subject, error.rule, place, _FROM_HERE, ("extends",)) from None
    under = _extended(base, below, chain)
    _overlay(under, root)
    under.place = root.place
    return under


def _resolve_paths(path: Path, root: Node) -> None:
    """Make paths of recordings, orbits and of a kernel relative to the file that names them.

    What is malformed is left to validation.
    """
    _resolve(path, root.value.get("kernel"))
    for relay in _items(_below(root.value.get("network"), "relays")):
        _resolve(path, _below(_below(relay, "orbit"), "oem"))
    for group in _items(_below(root.value.get("habitat"), "devices")):
        for replay in _items(_below(group, "replay")):
            _resolve(path, _below(replay, "path"))


def _below(node: Node | None, key: str) -> Node | None:
    return node.value.get(key) if node is not None and isinstance(node.value, dict) else None


def _items(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []


def _resolve(path: Path, named: Node | None) -> None:
    if named is not None and isinstance(named.value, str) and named.value:
        named.value = os.path.normpath(path.parent / named.value)


def _overlay(under: Node, over: Node) -> None:
    for key, node in over.value.items():
        below = under.value.get(key)
        if below is not None and isinstance(below.value, dict) and isinstance(node.value, dict):
            _overlay(below, node)
        else:
            under.value[key] = node


def _apply(root: Node, override: str) -> None:
    place = Place(f"--set {shown(override)}")
    path, equals, text = override.partition("=")
    # `faults[0].at`, as errors write it, means the same as `faults.0.at`.
    words = re.sub(r"\[(\d+)\]", r".\1", path.strip()).split(".")
    if not equals or not all(words):
        raise ScenarioError(
            f"override {shown(override)}",
            "an override is a key and a value",
            "--set",
            "write it like `faults.0.at=3 h`",
        )
    if len(words) > DEPTH_MAX:
        raise ScenarioError(
            f"override {shown(override)}", f"nested deeper than {DEPTH_MAX} levels", "--set", "name a key of a scenario"
        )
    if words == ["extends"]:
        raise ScenarioError("extends", "is resolved before overrides", str(place), "name another file", ("extends",))
    value = parse_value(text, Place(place.source))
    key: Key = ()
    node = root
    for word in words[:-1]:
        key = (*key, _step(node, word, key, place))
        if isinstance(node.value, dict):
            node = node.value.setdefault(word, Node({}, place))
            if node.value is None:
                node.value = {}
        else:
            node = node.value[int(word)]
    last = _step(node, words[-1], key, place)
    node.value[last] = value


def _step(node: Node, word: str, key: Key, place: Place) -> str | int:
    """The key or index that `word` means in a node."""
    subject = dotted((*key, word))
    if isinstance(node.value, dict):
        return word
    if not isinstance(node.value, list):
        rule = f"{dotted(key)} is {shown(node.value)} and has no keys"
        raise ScenarioError(subject, rule, str(place), f"set {dotted(key)} as a whole", (*key, word))
    count = len(node.value)
    if _INDEX.fullmatch(word) is None or int(word) >= count:
        remedy = listed(str(index) for index in range(count)) if count else f"set {dotted(key)} as a whole"
        raise ScenarioError(subject, f"{dotted(key)} is a list of {count}", str(place), remedy, (*key, word))
    return int(word)
