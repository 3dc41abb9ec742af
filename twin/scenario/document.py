"""One scenario file as a tree that remembers its lines.

Read as YAML with the scalars of YAML 1.2's core schema (`no` is a word, `010` is ten, dates stay text), and
with less: one document, words as keys, no duplicate key, no tag, no anchor or alias (an alias can expand a
kilobyte to gigabytes, and `extends` does what people use them for), bounded size and depth.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.nodes import Node as YamlNode

from twin.scenario.errors import FileError, Place, ScenarioError, shown

FILE_BYTES_MAX: Final = 2**20
DEPTH_MAX: Final = 24
_DIGITS_MAX: Final = 30
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Node:
    """A value and where it was written; `value` is a dict or list of nodes, or a scalar."""

    value: Any
    place: Place

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Words(yaml.SafeLoader):
    """PyYAML's parser with the core schema's scalars and without anchors, aliases and tags."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own attribute)
    depth = 0

    def compose_node(self, parent: YamlNode | None, index: int) -> YamlNode | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _RefusedError(
                event, "anchors and aliases are not read", "repeat the value, or put it in a file to extend"
            )
        if getattr(event, "tag", None) is not None:
            raise _RefusedError(
                event, f"the YAML tag {shown(event.tag.replace(_TAG, '!!'))} is not read", "remove the tag"
            )
        if self.depth >= DEPTH_MAX:
            raise _RefusedError(
                event, f"nested deeper than {DEPTH_MAX} levels", "flatten it; a scenario needs about six"
            )
        self.depth += 1
        node: YamlNode | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _RefusedError(Exception):
    def __init__(self, event: Any, rule: str, remedy: str) -> None:
        super().__init__(event, rule, remedy)
        self.line: int = event.start_mark.line + 1
        self.rule = rule
        self.remedy = remedy


for _kind, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
):
    _Words.add_implicit_resolver(_TAG + _kind, re.compile(rf"^(?:{_pattern})$"), _first)


def read_document(path: Path) -> Node:
    """Read one scenario file.

    Raises:
        ScenarioError: Missing, unreadable, not a regular file, larger than 1 MiB, not UTF-8 text, empty,
            not a mapping, or YAML that is malformed or uses what is not read.
    """
    return parse_document(_text(path), str(path))


def parse_document(text: str, source: str) -> Node:
    """Read a scenario from text; `source` names it in errors."""
    if not text.strip():
        raise FileError(f"scenario {source}", "the file is empty", source, "write a scenario, see `twin schema`")
    root = parse_value(text, Place(source, 1))
    if root.value is None:
        raise FileError(f"scenario {source}", "holds only comments", source, "write a scenario, see `twin schema`")
    if not isinstance(root.value, dict):
        raise ScenarioError(
            f"scenario {source}",
            "a scenario is a mapping of keys to values",
            source,
            "begin with `name: ...`",
        )
    return root


def parse_value(text: str, place: Place) -> Node:
    """Read any YAML value, every part of it at `place`, or at its own line where the place is a file."""
    try:
        loader = _Words(text)
        root = loader.get_single_node()
    except _RefusedError as refused:
        raise ScenarioError(
            f"scenario {place.source}", refused.rule, str(_at(place, refused.line)), refused.remedy
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise ScenarioError(
            f"scenario {place.source}",
            f"this is not YAML: {shown(problem)}",
            str(_at(place, mark.line + 1) if mark else place),
            "correct the line; a value with `: ` or `#` needs quotes",
        ) from None
    except yaml.YAMLError as error:
        raise ScenarioError(
            f"scenario {place.source}",
            f"this is not text: {shown(error)}",
            str(place),
            "save it as UTF-8 text",
        ) from None
    if root is None:
        return Node(None, place)
    return _node(root, _at(place, root.start_mark.line + 1), place)


def _at(place: Place, line: int) -> Place:
    return place if place.line is None else Place(place.source, line)


def _node(node: YamlNode, at: Place, origin: Place) -> Node:
    if isinstance(node, MappingNode):
        return Node(_mapping(node, origin), at)
    if isinstance(node, SequenceNode):
        return Node([_node(item, _at(origin, item.start_mark.line + 1), origin) for item in node.value], at)
    assert isinstance(node, ScalarNode)
    return Node(_scalar(node, at), at)


def _mapping(node: MappingNode, origin: Place) -> dict[str, Node]:
    entries: dict[str, Node] = {}
    for key_node, value_node in node.value:
        at = _at(origin, key_node.start_mark.line + 1)
        if not isinstance(key_node, ScalarNode) or key_node.tag != _TAG + "str":
            text = shown(key_node.value) if isinstance(key_node, ScalarNode) else "that is a list or mapping"
            raise ScenarioError(f"key {text}", "a key is a word", str(at), "write it as `word: value`")
        key = key_node.value
        if key in entries:
            raise ScenarioError(
                f"key {shown(key)}",
                f"given twice, first at {entries[key].place}",
                str(at),
                "keep one of the two",
            )
        entries[key] = _node(value_node, at, origin)
    return entries


def _scalar(node: ScalarNode, at: Place) -> Any:
    text = node.value
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" | "float" if len(text) > _DIGITS_MAX:
            raise ScenarioError(
                f"number {shown(text)}", f"has more than {_DIGITS_MAX} digits", str(at), "write fewer digits"
            )
        case "int":
            return int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _text(path: Path) -> str:
    source = str(path)
    subject, remedy = f"scenario {source}", "give the path of a scenario file"
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise FileError(subject, "is not a regular file", source, remedy)
            if facts.st_size > FILE_BYTES_MAX:
                raise FileError(
                    f"{subject} of {facts.st_size} bytes",
                    f"a scenario has at most {FILE_BYTES_MAX} bytes",
                    source,
                    "use `every` and `count` for repeated contacts, or check that this is the file you meant",
                )
            data = file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise FileError(subject, _reason(error), source, remedy) from None
    except ValueError:
        raise FileError(f"scenario {shown(source)}", "is not a path", shown(source), remedy) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = Place(source, data.count(b"\n", 0, error.start) + 1)
        rule = f"byte {error.start} is not UTF-8 text"
        raise FileError(subject, rule, str(at), "save the file as UTF-8 text") from None


def _without_waiting(path: str, flags: int) -> int:
    # A pipe without a writer must be refused, not waited for.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    return f"cannot be read ({(error.strerror or 'unknown reason').lower()})"
