"""A contact plan as JSON, or the geometry behind it as JSON or CSV: what `twin contacts` prints for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from twin.network.formats.utc_text import utc_text
from twin.network.sights import Sight
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.world.timescales import US_PER_S


def to_json(plan: ContactPlan) -> str:
    """A list of `{from, to, start_utc, end_utc, rate_bps, owlt_s, via}`, one contact a line, in order of time.

    Exact to the microsecond. `owlt_s` is the light time of the first bit; within a contact it moves.
    """
    rows = [
        json.dumps(
            {
                "from": contact.source,
                "to": contact.destination,
                "start_utc": utc_text(contact.start_us),
                "end_utc": utc_text(contact.end_us),
                "rate_bps": contact.rate_bps,
                "owlt_s": contact.owlt_us(contact.start_us) / US_PER_S,
                "via": contact.via,
            },
            ensure_ascii=False,
        )
        for contact in plan.contacts
    ]
    return _lines(rows)


def sights_to_json(sights: Iterable[Sight]) -> str:
    """A list of `{kind, from, to, start_utc, end_utc}`, one sight a line; instants as in `twin.network.sights`."""
    return _lines(
        [
            json.dumps(
                {
                    "kind": sight.kind,
                    "from": sight.source,
                    "to": sight.destination,
                    "start_utc": utc_text(sight.start_us),
                    "end_utc": utc_text(sight.end_us),
                },
                ensure_ascii=False,
            )
            for sight in sights
        ]
    )


def sights_to_csv(sights: Iterable[Sight]) -> str:
    """The same columns as CSV (RFC 4180), one sight a line, under comments that say whose instants they are."""
    out = io.StringIO()
    out.write("# who sees whom, whatever the schedule; start_utc, end_utc: UTC at `from`, start included, end not\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("kind", "from", "to", "start_utc", "end_utc"))
    writer.writerows((*sight[:3], utc_text(sight.start_us), utc_text(sight.end_us)) for sight in sights)
    return out.getvalue()


def _lines(rows: list[str]) -> str:
    return "[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n"
