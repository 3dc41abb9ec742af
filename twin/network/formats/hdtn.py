"""A contact plan for HDTN, as the JSON that its router reads, and back.

What is lost: windows are whole seconds of POSIX time, rounded inward; light times are whole seconds, rounded up; the
station (`via`) is not said. HDTN has one light time per contact, so a contact is split where it steps by a second; the
parts touch. Rates are bits per second and exact; the deprecated `rate` in Mbit/s is read too.

HDTN looks at `contacts` alone. Beside it stand the names of nodes and the instant from which times count, for
`read_hdtn`.

Source: github.com/nasa/HDTN, module/router/src/router.cpp (`ProcessContacts`, `GetRateBpsFromPtree`) and
module/router/contact_plans/*.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from twin.network.formats.located_json import Located, located_items
from twin.network.formats.nodes import checked_numbers, name_of
from twin.network.formats.plan_file import Import, Line, check_contact, check_overlaps
from twin.network.formats.posix import POSIX_MAX_S, at_or_before_s, instant_us
from twin.network.formats.whole_seconds import Export, in_whole_seconds
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.errors import RuleError, shown
from twin.scenario.instants import parse_instant
from twin.world.timescales import US_PER_S, us_to_utc

_REQUIRED: Final = ("source", "dest", "startTime", "endTime", "owlt")
_NUMBER_MAX: Final = 10**18 - 1  # as ION's readers: what has more digits is no node, second or rate
_NODE: Final = re.compile(r"\d{1,18}", re.ASCII)
_BITS_PER_MBIT: Final = 1_000_000
_EPOCH_KEY: Final = "timesCountFrom"
_NAMES_KEY: Final = "nodeNames"
_UNIX_EPOCH: Final = "1970-01-01T00:00:00Z"


def to_hdtn(plan: ContactPlan, nodes: Mapping[str, int], reference_us: int | None = None) -> Export:
    """Write a plan for HDTN's router.

    Args:
        plan: What to write.
        nodes: Node number (`ipn:N`) of each name.
        reference_us: Instant from which times count, down to a whole second: the start of the router. Without it they
            are Unix timestamps (its option `--use-unix-timestamp`), which HDTN keeps in 32 bits, up to 2038-01-19.

    Returns:
        Text, one contact a line in order of time; what changed.

    Raises:
        ValueError: A node without its own number, a contact before the reference, a time that HDTN cannot hold.
    """
    numbers = checked_numbers(plan, nodes)
    whole, changes = in_whole_seconds(plan, 1, 0)
    zero_s = 0 if reference_us is None else at_or_before_s(reference_us)
    rows: list[dict[str, int]] = []
    parts = [(piece, contact) for contact in whole for piece in contact.pieces]
    for piece, contact in sorted(parts, key=lambda part: (part[0].start_s, part[1].source, part[1].destination)):
        if not 0 <= piece.start_s - zero_s <= piece.end_s - zero_s <= POSIX_MAX_S:
            subject = f"contact {contact.source}->{contact.destination} from {us_to_utc(instant_us(piece.start_s))}"
            rule = f"does not lie within {POSIX_MAX_S} s after {_epoch(reference_us, zero_s)}"
            raise ValueError(f"{subject}: {rule}; count times from a reference shortly before the first contact")
        rows.append(
            {
                "contact": len(rows),
                "source": numbers[contact.source],
                "dest": numbers[contact.destination],
                "startTime": piece.start_s - zero_s,
                "endTime": piece.end_s - zero_s,
                "rateBitsPerSec": contact.rate_bps,
                "owlt": piece.owlt_s,
            }
        )
    names = {str(number): name for name, number in sorted(numbers.items(), key=lambda item: item[1])}
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    head = f'  "{_EPOCH_KEY}": {json.dumps(_epoch(reference_us, zero_s))},\n  "{_NAMES_KEY}": {json.dumps(names)},\n'
    return Export("{\n" + head + '  "contacts": [\n' + lines + "\n  ]\n}\n", changes)


def read_hdtn(
    text: str,
    source: str = "<text>",
    names: Mapping[int, str] | None = None,
    reference_us: int | None = None,
) -> Import:
    """Read a plan.

    Args:
        text: The file's text.
        source: What to call the file in errors.
        names: Name of each node number; those that `to_hdtn` left where not given, and `ipn:N` for every node where
            there are none either.
        reference_us: Instant from which times count; the one that `to_hdtn` left where not given, else the Unix epoch.

    Raises:
        PlanFileError: What is wrong, with file and line, and the number of the contact.
    """
    document, items = located_items(text, source, "contacts")
    zero_s = _zero_s(document, source) if reference_us is None else at_or_before_s(reference_us)
    known = _names(document, source) if names is None else names
    contacts: list[tuple[Line, Contact]] = []
    left_out = []
    for index, item in enumerate(items):
        fields = _fields(index, item)
        if fields["source"] == fields["dest"]:
            left_out.append(f"line {item.line.number}: loopback {fields['source']}->{fields['dest']}")
            continue
        contact = _contact(item.line, fields, known, zero_s)
        check_contact(item.line, contact)
        contacts.append((item.line, contact))
    check_overlaps(contacts)
    return Import(ContactPlan(contact for _, contact in contacts), tuple(left_out))


def _epoch(reference_us: int | None, zero_s: int) -> str:
    return _UNIX_EPOCH if reference_us is None else us_to_utc(instant_us(zero_s))


def _fields(index: int, item: Located) -> dict[str, int]:
    """The whole numbers of one contact; the rate under `rateBitsPerSec`, whatever it was given in."""
    if not isinstance(item.value, dict):
        raise item.line.refuse(f"contact at position {index}", "is not an object", "write it as {...}")
    subject = f"contact {shown(item.value.get('contact', index))}"
    rate = "rateBitsPerSec" if "rateBitsPerSec" in item.value or "rate" not in item.value else "rate"
    missing = [name for name in (*_REQUIRED, rate) if name not in item.value]
    if missing:
        raise item.line.refuse(subject, f"lacks {', '.join(missing)}", "add what is missing")
    for name in (*_REQUIRED, rate):
        value = item.value[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise item.line.refuse(subject, f"{name} {shown(value)} is not a whole number", "give a whole number")
        if value < 0:
            raise item.line.refuse(subject, f"{name} {shown(value)} is negative", "give 0 or more")
        if value > _NUMBER_MAX:
            raise item.line.refuse(subject, f"{name} {shown(value)} has more than 18 digits", "give a smaller number")
    for name in ("source", "dest"):
        if item.value[name] == 0:
            raise item.line.refuse(subject, f"{name} 0 is not a node number", "give a whole number from 1 on")
    if item.value[rate] == 0:
        raise item.line.refuse(subject, f"{rate} 0 says no rate", "give the rate of the link, or drop the contact")
    rate_bps = item.value[rate] * (_BITS_PER_MBIT if rate == "rate" else 1)
    return {**{name: item.value[name] for name in _REQUIRED}, "rateBitsPerSec": rate_bps}


def _contact(line: Line, fields: dict[str, int], names: Mapping[int, str], zero_s: int) -> Contact:
    ends = []
    for number in (fields["source"], fields["dest"]):
        name = name_of(number, names)
        if name is None:
            raise line.refuse(f"node {number}", "has no name", f"name it under {_NAMES_KEY}")
        ends.append(name)
    try:
        start_us, end_us = instant_us(zero_s + fields["startTime"]), instant_us(zero_s + fields["endTime"])
    except ValueError:
        rule = f"startTime {fields['startTime']}, endTime {fields['endTime']} do not lie between 1972 and 9999"
        remedy = "give Unix times, or the instant from which the file's times count"
        raise line.refuse(f"contact {ends[0]}->{ends[1]}", rule, remedy) from None
    light_time = ((start_us, fields["owlt"] * US_PER_S),)
    return Contact(ends[0], ends[1], start_us, end_us, fields["rateBitsPerSec"], light_time)


def _zero_s(document: Mapping[str, Any], source: str) -> int:
    text = document.get(_EPOCH_KEY, _UNIX_EPOCH)
    if text == _UNIX_EPOCH:
        return 0
    try:
        return at_or_before_s(parse_instant(text))
    except RuleError as broken:
        raise Line(source, 1).refuse(f"{_EPOCH_KEY} {shown(text)}", broken.rule, broken.remedy) from None


def _names(document: Mapping[str, Any], source: str) -> dict[int, str]:
    names = document.get(_NAMES_KEY, {})
    if not isinstance(names, dict) or not all(_NODE.fullmatch(key) and isinstance(names[key], str) for key in names):
        raise Line(source, 1).refuse(_NAMES_KEY, "is not a name for each node number", 'write {"1": "NAME"}')
    by_number = {int(number): name for number, name in names.items()}
    if len(set(by_number.values())) < len(names):
        raise Line(source, 1).refuse(_NAMES_KEY, "names two nodes alike", "give each node its own name")
    return by_number
