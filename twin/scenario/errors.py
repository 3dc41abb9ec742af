"""How a scenario is refused: one line that names subject, rule, place and remedy.

`RuleError` is what a validator raises: it knows the rule and the remedy, not the file. The loader adds
the place and raises `ScenarioError`, whose text is the line that a person reads.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Key = tuple[str | int, ...]

_VALUE_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: a file with a line (from 1), or a command-line option without one."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


class ScenarioError(Exception):
    """A scenario that cannot be run; `str()` is one line for people.

    Args:
        subject: What is wrong, with its value.
        rule: The rule that it breaks.
        place: File and line, or the option.
        remedy: What to do.
        key: Path of the key, empty when the whole file is meant.
    """

    def __init__(self, subject: str, rule: str, place: str, remedy: str, key: Key = ()) -> None:
        super().__init__(subject, rule, place, remedy, key)
        self.subject = subject
        self.rule = rule
        self.place = place
        self.remedy = remedy
        self.key = key

    def __str__(self) -> str:
        where = f"{self.place}, {dotted(self.key)}" if self.key else self.place
        return " ".join(f"{self.subject}: {self.rule} ({where}); {self.remedy}".split())


class FileError(ScenarioError):
    """A file that cannot hold a scenario at all: missing, no regular file, too large, no text, empty."""


class RuleError(ValueError):
    """A rule that a value breaks, raised inside validation.

    Args:
        rule: The rule.
        remedy: What to do.
        key: Path of the culprit, relative to the model that raises.
        subject: What to call it, where the key alone says too little (`contact S->R`).
    """

    def __init__(self, rule: str, remedy: str, key: Key = (), subject: str = "") -> None:
        super().__init__(rule, remedy, key, subject)
        self.rule = rule
        self.remedy = remedy
        self.key = key
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.rule}; {self.remedy}"


def dotted(key: Key) -> str:
    """`("faults", 0, "at")` as `faults[0].at`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def shown(value: Any) -> str:
    """A value as its scenario would write it, cut to one short piece of line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = " ".join(str(value).split()).encode("unicode_escape", "replace").decode("ascii")
    return text if len(text) <= _VALUE_CHARS_MAX else f"{text[:_VALUE_CHARS_MAX]}..."


def listed(allowed: Iterable[str], given: object = None) -> str:
    """`did you mean X? use one of X, Y, Z` for a word that was not one of the allowed."""
    words = list(allowed)
    near = guessed(words, given) if isinstance(given, str) else ""
    hint = f"did you mean {near}? " if near else ""
    return f"{hint}use one of {', '.join(words)}"


def guessed(words: Iterable[str], given: str, at_least: float = 0.6) -> str:
    """The one word nearest to what was given, "" if none is near or two are equally near.

    Args:
        at_least: Ratcliff and Obershelp's similarity, from 0 to 1.
    """
    near = difflib.get_close_matches(given.lower(), list(words), n=2, cutoff=at_least)
    alike = [difflib.SequenceMatcher(None, word, given.lower()).ratio() for word in near]
    return near[0] if near and alike[0] not in alike[1:] else ""
