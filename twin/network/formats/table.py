"""A contact plan as CSV (RFC 4180) under lines of comment: for spreadsheets, and back.

Windows and rates are exact, to the microsecond and the bit per second. The light time is that of the first bit: within
a contact between Mars and Earth it moves by up to 0.22 s an hour (twin/world/ephemeris.py, 2026 to 2045), and a plan
that was read holds it still.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from twin.network.formats.plan_file import Import, Line, check_contact, check_overlaps
from twin.network.formats.utc_text import seconds_text, utc_text
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.errors import RuleError, listed, shown
from twin.scenario.instants import parse_instant

COLUMNS: Final = ("from", "to", "start_utc", "end_utc", "rate_bps", "owlt_s", "via")
_UNITS: Final = (
    "# start_utc, end_utc: UTC at the transmitter, start included, end not; rate_bps: bit per second;",
    "# owlt_s: one-way light time of the first bit, in seconds; via: station or relay, empty if none",
)
_RATE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_SECONDS: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,6}))?", re.ASCII)


def to_csv(plan: ContactPlan, scenario: str = "") -> str:
    """One contact a line, in order of time, under comments that say units and, where given, the scenario's name."""
    out = io.StringIO()
    titles = [f"# contact plan of {' '.join(scenario.split())}"] if scenario.split() else ["# contact plan"]
    out.write("".join(f"{line}\n" for line in (*titles, *_UNITS)))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (
            contact.source,
            contact.destination,
            utc_text(contact.start_us),
            utc_text(contact.end_us),
            contact.rate_bps,
            seconds_text(contact.owlt_us(contact.start_us)),
            contact.via,
        )
        for contact in plan.contacts
    )
    return out.getvalue()


def read_csv(text: str, source: str = "<text>") -> Import:
    """Read a plan; lines that begin with `#` above the header are comments, columns may stand in any order.

    Raises:
        PlanFileError: What is wrong, with file and line.
    """
    lines = list(io.StringIO(text, newline=""))
    above = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    rows = csv.reader(lines[above:], strict=True)
    line = Line(source, above + 1)
    contacts: list[tuple[Line, Contact]] = []
    header: list[str] = []
    try:
        for cells in rows:
            if not header:
                header = _header(line, cells)
            elif cells:
                contacts.append((line, _contact(line, header, cells)))
            line = Line(source, above + rows.line_num + 1)
    except csv.Error as error:
        raise line.refuse("the row", f"is not CSV ({error})", "quote and separate the cells with commas") from None
    if not header:
        raise Line(source, 1).refuse("the file", "holds no header", f"begin with `{','.join(COLUMNS)}`")
    check_overlaps(contacts)
    return Import(ContactPlan(contact for _, contact in contacts), ())


def _header(line: Line, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for name in names:
        if name not in COLUMNS:
            raise line.refuse(f"column {shown(name)}", "is not of a contact plan", listed(COLUMNS, name))
        if names.count(name) > 1:
            raise line.refuse(f"column {name}", "stands twice", "keep one of the two")
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise line.refuse("the header", f"lacks {', '.join(missing)}", f"begin with `{','.join(COLUMNS)}`")
    return names


def _contact(line: Line, header: list[str], cells: list[str]) -> Contact:
    if len(cells) != len(header):
        raise line.refuse("the row", f"has {len(cells)} cells under {len(header)} columns", "add or drop some")
    row = dict(zip(header, cells, strict=True))
    for name in COLUMNS[:-1]:
        if not row[name]:
            raise line.refuse(f"contact {row['from']}->{row['to']}", f"{name} is missing", "fill the cell")
    if _RATE.fullmatch(row["rate_bps"]) is None:
        raise line.refuse(f"rate_bps {shown(row['rate_bps'])}", "is not whole bits per second", "give a whole number")
    seconds = _SECONDS.fullmatch(row["owlt_s"])
    if seconds is None:
        rule = "is not seconds with up to six decimals"
        raise line.refuse(f"owlt_s {shown(row['owlt_s'])}", rule, "write it like 763.401000")
    owlt_us = int(seconds[1] + (seconds[2] or "").ljust(6, "0"))
    start_us, end_us = _instant(line, "start_utc", row), _instant(line, "end_utc", row)
    light_time = ((start_us, owlt_us),)
    contact = Contact(row["from"], row["to"], start_us, end_us, int(row["rate_bps"]), light_time, row["via"])
    check_contact(line, contact)
    return contact


def _instant(line: Line, column: str, row: dict[str, str]) -> int:
    try:
        return parse_instant(row[column])
    except RuleError as broken:
        raise line.refuse(f"{column} {shown(row[column])}", broken.rule, broken.remedy) from None
