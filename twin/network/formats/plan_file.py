"""What every reader of a contact plan shares: how a file is refused, and what its contacts must satisfy together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.scenario.errors import Place, ScenarioError
from twin.world.timescales import us_to_utc


class PlanFileError(ScenarioError):
    """A file that holds no contact plan the twin could use; `str()` is one line that names file and line."""


class Import(NamedTuple):
    """A plan that was read, and what of the file is not in it, one sentence each."""

    plan: ContactPlan
    left_out: tuple[str, ...]


class Line(NamedTuple):
    """A line of a file, or where something begins in it."""

    source: str
    number: int

    def refuse(self, subject: str, rule: str, remedy: str) -> PlanFileError:
        """The error that names this line."""
        return PlanFileError(subject, rule, str(Place(self.source, self.number)), remedy)


def check_contact(line: Line, contact: Contact) -> None:
    """Refuse a contact that is wrong by itself.

    Raises:
        PlanFileError: It ends before it starts, or has no rate.
    """
    subject = f"contact {contact.source}->{contact.destination}"
    if contact.end_us < contact.start_us:
        rule = f"end {us_to_utc(contact.end_us)} is before start {us_to_utc(contact.start_us)}"
        raise line.refuse(subject, rule, "swap them or drop the contact")
    if contact.rate_bps <= 0:
        raise line.refuse(subject, f"rate {contact.rate_bps} bit/s is not above 0", "give its rate or drop the contact")


def check_overlaps(contacts: Iterable[tuple[Line, Contact]]) -> None:
    """Refuse two contacts of one pair at one time; contacts that touch are fine.

    Raises:
        PlanFileError: Names the lines of both.
    """
    last: dict[tuple[str, str], tuple[Line, Contact]] = {}
    for line, contact in sorted(contacts, key=lambda entry: (entry[1].start_us, entry[1].end_us)):
        pair = contact.source, contact.destination
        before = last.get(pair)
        if before is not None and contact.start_us < before[1].end_us:
            first, second = sorted((before[0].number, line.number))
            rule = f"overlaps the contact of line {first} of the same pair"
            subject = f"contact {contact.source}->{contact.destination}"
            raise Line(line.source, second).refuse(subject, rule, "shorten or drop one of the two")
        last[pair] = line, contact
