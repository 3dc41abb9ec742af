"""Reads a contact plan from commands of ION's `ionadmin`, in a file of its own or within an `ionstart` file.

Carried out: `a contact`, `a range`, `c contact`, `d contact`, `d range`, `@`. Tolerated: every other command of
ionrc(5), comments and blank lines, and sections of other programs (`## begin bpadmin` to `## end bpadmin`). Left out
and told: contacts that promise nothing for certain (registrations, hypothetical ones, a confidence below 1) and
loopbacks, of which the twin has none. Anything else is an error.

ION asks for a range where a contact starts; the twin asks for one throughout, because it knows the light time of every
bit.

Source: ION manual page ionrc(5); ici/utils/ionadmin.c and ici/library/rfx.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from twin.network.formats.ion import BITS_PER_BYTE, ion_time
from twin.network.formats.ion_ranges import LightTimes, Pair
from twin.network.formats.nodes import name_of
from twin.network.formats.plan_file import Import, Line, check_overlaps
from twin.network.formats.posix import at_or_before_s, floor_s, instant_us
from twin.network.formats.whole_seconds import Piece, WholeContact
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.errors import RuleError, listed, shown
from twin.scenario.instants import parse_instant

_NAMED: Final = re.compile(r"#\s*node (\d{1,18}) is (.+)", re.ASCII)
_REFERENCE: Final = re.compile(r"#\s*reference \+0 is (\S+)", re.ASCII)
_SECTION: Final = re.compile(r"##\s*(begin|end)\s+(\w+)", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})-(\d{1,2}):(\d{1,2}):(\d{1,2})", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_TOLERATED: Final = ("?", "1", "^", "e", "h", "i", "l", "m", "q", "r", "s", "v", "x")
_CARRIED_OUT: Final = ("a contact", "a range", "c contact", "d contact", "d range")
_A_CONTACT: Final = "a contact START END FROM TO BYTES_PER_SECOND [CONFIDENCE]"
_A_RANGE: Final = "a range START END FROM TO SECONDS"
_C_CONTACT: Final = "c contact START FROM TO BYTES_PER_SECOND [CONFIDENCE]"
_DELETE: Final = "d {contact|range} {START|*} FROM TO"


class _Window(NamedTuple):
    line: Line
    start_s: int
    end_s: int
    bytes_per_s: int


def read_ion(
    text: str,
    source: str = "<text>",
    names: Mapping[int, str] | None = None,
    reference_us: int | None = None,
) -> Import:
    """Read a plan.

    Args:
        text: The file's text.
        source: What to call the file in errors.
        names: Name of each node number; those that `to_ion` left in comments where not given, and `ipn:N` for every
            node where there are none either.
        reference_us: Instant of `+0` before the first `@`; the one that `to_ion` left in a comment where not given.

    Raises:
        PlanFileError: What is wrong, with file and line.
    """
    return _Commands(source, names, None if reference_us is None else at_or_before_s(reference_us)).read(text)


class _Commands:
    """The state that commands change, one after the other."""

    def __init__(self, source: str, names: Mapping[int, str] | None, reference_s: int | None) -> None:
        self._source = source
        self._given_names = names
        self._names: dict[int, str] = dict(names or {})
        self._numbers: dict[str, int] = {}  # of the names that comments give
        self._given_reference_s = reference_s
        self._reference_s = reference_s
        self._windows: dict[Pair, dict[int, list[_Window]]] = {}  # by start
        self._light_times = LightTimes()
        self._left_out: list[str] = []

    def read(self, text: str) -> Import:
        section, opened = "", Line(self._source, 1)
        for number, raw in enumerate(text.split("\n"), start=1):
            self._line, words = Line(self._source, number), raw.split()
            mark = _SECTION.match(raw)
            if mark is not None:
                section, opened = (mark[2] if mark[1] == "begin" else ""), self._line
            elif raw.startswith("#"):
                self._comment(raw)
            elif words and section in ("", "ionadmin"):
                self._command(words)
        if section:
            raise opened.refuse(f"section {section}", "is never ended", f"close it with `## end {section}`")
        contacts = [
            self._contact(pair, window)
            for pair, by_start in self._windows.items()
            for windows in by_start.values()
            for window in windows
        ]
        check_overlaps(contacts)
        return Import(ContactPlan(contact for _, contact in contacts), tuple(self._left_out))

    def _comment(self, raw: str) -> None:
        named, reference = _NAMED.fullmatch(raw.strip()), _REFERENCE.fullmatch(raw.strip())
        if named is not None and self._given_names is None:
            number, name = int(named[1]), named[2]
            if self._names.get(number, name) != name or self._numbers.get(name, number) != number:
                raise self._line.refuse(f"node {number}", "shares its name or number", "name each node once")
            self._names[number], self._numbers[name] = name, number
        if reference is not None and self._given_reference_s is None:
            self._reference_s = self._given_reference_s = self._time(reference[1])

    def _command(self, words: list[str]) -> None:
        command = " ".join(words[:2])
        if words[0] == "@":
            self._at(words)
        elif command == "a contact":
            self._add_contact(words)
        elif command == "a range":
            self._add_range(words)
        elif command == "c contact":
            self._change_contact(words)
        elif command in ("d contact", "d range"):
            self._delete(words)
        elif words[0] not in _TOLERATED:
            known = listed((*_CARRIED_OUT, "@", *_TOLERATED), command)
            raise self._line.refuse(f"command {shown(' '.join(words))}", "is not one of ionadmin", known)

    def _at(self, words: list[str]) -> None:
        self._count(words, (2,), "@ TIME")
        self._reference_s = self._given_reference_s if words[1] == "0" else self._time(words[1])

    def _add_contact(self, words: list[str]) -> None:
        self._count(words, (7, 8), _A_CONTACT)
        pair = self._pair(words[4:6])
        kind = "registration" if words[2] == "-1" else "hypothetical contact" if "0" in words[2:4] else ""
        if not kind and pair[0] == pair[1]:
            kind = "loopback"
        if not kind and len(words) == 8 and self._confidence(words[7]) < 1.0:
            kind = f"contact of confidence {words[7]}"
        if kind:
            self._left_out.append(f"line {self._line.number}: {kind} {words[4]}->{words[5]}")
            return
        start_s, end_s = self._span(words)
        window = _Window(self._line, start_s, end_s, self._rate(words[6]))
        self._windows.setdefault(pair, {}).setdefault(start_s, []).append(window)

    def _add_range(self, words: list[str]) -> None:
        self._count(words, (7,), _A_RANGE)
        pair = self._pair(words[4:6])
        start_s, end_s = self._span(words)
        owlt_s = self._whole(words[6], "light time", "seconds")
        if owlt_s < 0:
            raise self._line.refuse(f"light time {owlt_s} s", "is negative", "give 0 or more seconds")
        self._light_times.add(pair, Piece(start_s, end_s, owlt_s), self._line)

    def _change_contact(self, words: list[str]) -> None:
        self._count(words, (6, 7), _C_CONTACT)
        start_s, pair = self._time(words[2]), self._pair(words[3:5])
        windows = self._windows.get(pair, {}).get(start_s)
        if not windows:
            rule = "no contact of the pair starts then"
            raise self._line.refuse(f"c contact {' '.join(words[2:5])}", rule, "add the contact before it is changed")
        windows[0] = windows[0]._replace(line=self._line, bytes_per_s=self._rate(words[5]))

    def _delete(self, words: list[str]) -> None:
        self._count(words, (5,), _DELETE)
        pair = self._pair(words[3:5])
        if words[2] in ("0", "-1"):
            return  # hypothetical contacts and registrations are not kept
        start_s = None if words[2] == "*" else self._time(words[2])
        if words[1] == "range":
            self._light_times.delete(pair, start_s)
        elif start_s is None:
            self._windows.pop(pair, None)
        else:
            self._windows.get(pair, {}).pop(start_s, None)

    def _contact(self, pair: Pair, window: _Window) -> tuple[Line, Contact]:
        names = []
        for number in pair:
            name = name_of(number, self._names)
            if name is None:
                raise window.line.refuse(f"node {number}", "has no name", f"name it in `# node {number} is NAME`")
            names.append(name)
        pieces, reached_s = self._light_times.within(pair, window.start_s, window.end_s)
        if reached_s < window.end_s:
            rule = f"no range says the light time from {ion_time(reached_s)} on"
            raise window.line.refuse(f"contact {pair[0]}->{pair[1]}", rule, "add `a range` that covers the contact")
        rate_bps = window.bytes_per_s * BITS_PER_BYTE
        return window.line, WholeContact(names[0], names[1], rate_bps, pieces).contact()

    def _count(self, words: list[str], allowed: tuple[int, ...], form: str) -> None:
        if len(words) not in allowed:
            rule = "lacks fields" if len(words) < allowed[0] else "has too many fields"
            raise self._line.refuse(f"command {shown(' '.join(words))}", rule, f"write `{form}`")

    def _span(self, words: list[str]) -> tuple[int, int]:
        start_s, end_s = self._time(words[2]), self._time(words[3])
        if end_s <= start_s:
            what = "is its start" if end_s == start_s else f"is before start {words[2]}"
            raise self._line.refuse(f"{words[1]} {words[4]} {words[5]}", f"end {words[3]} {what}", "let it end later")
        return start_s, end_s

    def _time(self, word: str) -> int:
        match = _DATE.fullmatch(word)
        if match is not None:
            year, *rest = match.groups()
            month, day, hour, minute, second = (part.zfill(2) for part in rest)
            try:
                return floor_s(parse_instant(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
            except RuleError as broken:
                raise self._line.refuse(f"time {word}", broken.rule, "correct the date") from None
        if not word.startswith("+") or _WHOLE.fullmatch(word[1:]) is None or word[1] == "-":
            raise self._line.refuse(f"time {shown(word)}", "is no time of ION", "write +SECONDS or yyyy/mm/dd-hh:mm:ss")
        if self._reference_s is None:
            remedy = "set it with `@ yyyy/mm/dd-hh:mm:ss` or give the instant of +0"
            raise self._line.refuse(f"time {word}", "counts from a reference that is not known", remedy)
        second_of_file = self._reference_s + int(word[1:])
        try:
            instant_us(second_of_file)
        except ValueError:
            raise self._line.refuse(f"time {word}", "is after the year 9999", "choose an earlier one") from None
        return second_of_file

    def _pair(self, words: list[str]) -> Pair:
        for word in words:
            if _WHOLE.fullmatch(word) is None or int(word) < 1:
                raise self._line.refuse(f"node {shown(word)}", "is not a node number", "give a whole number from 1 on")
        return int(words[0]), int(words[1])

    def _whole(self, word: str, what: str, unit: str) -> int:
        if _WHOLE.fullmatch(word) is None:
            raise self._line.refuse(f"{what} {shown(word)}", f"is not whole {unit}", f"give whole {unit}")
        return int(word)

    def _rate(self, word: str) -> int:
        rate = self._whole(word, "rate", "bytes per second")
        if rate <= 0:
            raise self._line.refuse(f"rate {rate} bytes/s", "is not above 0", "give the contact's rate or drop it")
        return rate

    def _confidence(self, word: str) -> float:
        if re.fullmatch(r"\d{1,17}(\.\d{0,17})?|\.\d{1,17}", word, re.ASCII) is None or float(word) > 1.0:
            raise self._line.refuse(f"confidence {shown(word)}", "is not between 0 and 1", "give 1 or drop it")
        return float(word)
