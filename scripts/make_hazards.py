"""Make ``HAZARDS.md`` from ``twin/hazards.yaml``, ``requirements.lock`` and the licences of what is installed.

Usage: python scripts/make_hazards.py

Refuses a hazard whose control is not shown: each cause names tests that exist and guarantees that scenarios know, and
what remains must be acceptable by the table in the source. Needs an environment with everything in the lock file.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from twin.scenario.guarantees import GUARANTEES

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "twin" / "hazards.yaml"
PAGE = ROOT / "HAZARDS.md"
LICENCE_CHARS_MAX = 60

HEAD = """# Hazards

Made by `scripts/make_hazards.py` from `twin/hazards.yaml` and `requirements.lock`; do not edit.

Hazard, cause, risk control and its verification, in the manner of ISO 14971. This is a digital twin and no medical
device: nothing here was validated on patients, NEWS2 is an adult ward score that was never validated on Mars, and every
probability is assumed. A guarantee is checked in every run that gives it an opportunity; a test is a function below
`tests/`. What is not acceptable by the table stays in the list until it is.
"""


def load() -> dict[str, Any]:
    """The source."""
    found: dict[str, Any] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return found


@cache
def known_tests() -> set[str]:
    """Every test function, as FILE::FUNCTION below tests/."""
    tests = ROOT / "tests"
    return {
        f"{path.relative_to(tests).as_posix()}::{node.name}"
        for path in sorted(tests.rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def problems(source: dict[str, Any]) -> Iterator[str]:
    """What the source says that is not so."""
    tests, severities, probabilities = known_tests(), list(source["severities"]), list(source["probabilities"])
    if set(source["acceptable"]) != set(severities):
        yield "acceptable: must name every severity once"
    seen: set[str] = set()
    for hazard in source["hazards"]:
        name = hazard["id"]
        if name in seen:
            yield f"{name}: stands twice"
        seen.add(name)
        if hazard["severity"] not in severities or {hazard["before"], hazard["after"]} - set(probabilities):
            yield f"{name}: severity or probability is not one of the tables"
        elif not is_acceptable(source, hazard, "after"):
            yield f"{name}: {hazard['after']} is not acceptable where harm is {hazard['severity']}"
        for cause in hazard["causes"]:
            where = f"{name}, {cause['cause']}"
            if not cause["tests"]:
                yield f"{where}: no test shows the control"
            yield from (f"{where}: no guarantee {key}" for key in cause["guarantees"] if key not in GUARANTEES)
            yield from (f"{where}: no test {test}" for test in cause["tests"] if test not in tests)


def is_acceptable(source: dict[str, Any], hazard: dict[str, Any], when: str) -> bool:
    """Whether the risk `before` or `after` control is acceptable without a further reason."""
    likely_first = list(source["probabilities"])
    return likely_first.index(hazard[when]) >= likely_first.index(source["acceptable"][hazard["severity"]])


# ------------------------------------------------------------ third-party software


def locked() -> dict[str, tuple[str, str]]:
    """Canonical name -> (name, version) of every line of the lock file."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    return {
        str(canonicalize_name(name)): (name, version) for name, _, version in (line.partition("==") for line in lines)
    }


def direct() -> dict[str, str]:
    """Canonical name of each direct dependency -> what it is installed for: `run`, or the name of an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {**project["optional-dependencies"], "run": project["dependencies"]}
    return {str(canonicalize_name(Requirement(line).name)): group for group, lines in groups.items() for line in lines}


def software(source: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, version, licence, what it is installed for, and what it does here, of everything in the lock file.

    Raises:
        LookupError: a direct dependency without a role, or something in the lock that nobody needs or is not installed.
    """
    roles = {str(canonicalize_name(name)): role for name, role in source["software"].items()}
    wanted, versions = direct(), locked()
    missing = sorted(wanted.keys() - roles.keys())
    if missing:
        raise LookupError(f"{SOURCE.name}, software: {', '.join(missing)} has no role; say what it does")
    users = {name: sorted(n for n in versions if name in _needs(n)) for name in versions}
    run = _closure({name for name, group in wanted.items() if group == "run"}, versions)
    for name, (shown, version) in sorted(versions.items()):
        role = roles.get(name)
        if role is None and not users[name]:
            raise LookupError(f"requirements.lock: nothing needs {shown}; lock again")
        purpose = "run" if name in run else wanted.get(name, "test")
        yield shown, version, _licence(name), purpose, role or f"needed by {', '.join(users[name])}"


def _closure(names: set[str], versions: dict[str, tuple[str, str]]) -> set[str]:
    found: set[str] = set()
    waiting = sorted(names & versions.keys())
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += sorted(_needs(name) & versions.keys())
    return found


@cache
def _needs(name: str) -> set[str]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        raise LookupError(f"{name} is locked and not installed; install the extra `test` first") from None
    wanted = (Requirement(line) for line in lines)
    return {str(canonicalize_name(one.name)) for one in wanted if one.marker is None or one.marker.evaluate()}


def _licence(name: str) -> str:
    """SPDX expression, else the classifier, else the first line of the text, else that there is none."""
    about = metadata.metadata(name)
    (expression, *_), (text, *_) = (about.get_all(field) or [""] for field in ("License-Expression", "License"))
    classifiers = [
        c.rpartition("::")[2].strip() for c in about.get_all("Classifier") or [] if c.startswith("License ::")
    ]
    text = text.strip().split("\n")[0]
    found = expression or ", ".join(classifiers) or (text if len(text) <= LICENCE_CHARS_MAX else "")
    return found or "not stated in its metadata"


# ------------------------------------------------------------ the page


def page(source: dict[str, Any]) -> str:
    """The whole of HAZARDS.md."""
    lines = [HEAD, "## Severity and probability\n", "| severity | worst harm | acceptable up to |", "|---|---|---|"]
    lines += [f"| {name} | {harm} | {source['acceptable'][name]} |" for name, harm in source["severities"].items()]
    lines += ["", "| probability | per mission of 500 sols with six people |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in source["probabilities"].items()]
    lines += ["", "## Hazards\n", "| | hazard | severity | before | after |", "|---|---|---|---|---|"]
    lines += [
        f"| {h['id']} | {h['hazard']} | {h['severity']} | {_risk(source, h, 'before')} | {_risk(source, h, 'after')} |"
        for h in source["hazards"]
    ]
    for hazard in source["hazards"]:
        lines += ["", f"### {hazard['id']} {hazard['hazard']}\n"]
        lines += ["| cause | risk control | guarantees | verified by |", "|---|---|---|---|"]
        for cause in hazard["causes"]:
            keys = ", ".join(f"`{key}`" for key in cause["guarantees"]) or "-"
            tests = "<br>".join(f"`{test}`" for test in cause["tests"])
            lines.append(f"| {cause['cause']} | {cause['control']} | {keys} | {tests} |")
    lines += ["", "## Guarantees and the hazards they control\n", "| guarantee | hazards |", "|---|---|"]
    for key in GUARANTEES:
        named = [h["id"] for h in source["hazards"] if any(key in cause["guarantees"] for cause in h["causes"])]
        lines.append(f"| `{key}` | {', '.join(named) or '-'} |")
    lines += ["", "## Third-party software\n", "As locked in `requirements.lock`; no other version was tested.\n"]
    lines += ["| package | version | licence | for | role |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in software(source)]
    return "\n".join(lines) + "\n"


def _risk(source: dict[str, Any], hazard: dict[str, Any], when: str) -> str:
    return hazard[when] if is_acceptable(source, hazard, when) else f"**{hazard[when]}**"


def main() -> int:
    source = load()
    found = list(problems(source))
    if found:
        print(*(re.sub(r"\s+", " ", line) for line in found), sep="\n", file=sys.stderr)
        return 1
    PAGE.write_text(page(source), encoding="utf-8")
    print(f"{PAGE}: {len(source['hazards'])} hazards, {sum(1 for _ in software(source))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
