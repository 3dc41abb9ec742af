"""The network of a bare scenario: nodes, scripted contacts and traffic, with no sky and no patients.

A contact is given in the transmitter's time and covers `start <= t < end`, relative to the scenario's
start. A bundle may start inside a contact and arrive after it has closed: propagation never occupies a
link.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from twin.scenario.fields import (
    BitRateBps,
    DurationUs,
    NodeName,
    Part,
    PositiveDurationUs,
    SizeBytes,
    setting,
)

CONTACTS_MAX: Final = 200_000


class ScriptedContact(NamedTuple):
    """One contact of one direction, every repetition written out; times relative to the scenario's start."""

    from_node: str
    to_node: str
    start_us: int
    end_us: int
    rate_bps: int
    owlt_us: int


class ContactRule(Part):
    """A contact, and its repetitions."""

    from_node: NodeName = Field(alias="from", description="Transmitting node.")
    to_node: NodeName = Field(alias="to", description="Receiving node.")
    start_us: DurationUs = Field(description="First instant of transmission, after the scenario's start.")
    end_us: DurationUs = Field(description="End of transmission, after the scenario's start.")
    rate_bps: BitRateBps = Field(description="Rate.")
    owlt_us: DurationUs = Field(description="One-way light time.")
    every_us: PositiveDurationUs | None = setting(
        None,
        "Time from one repetition to the next; null: the contact does not repeat.",
        source="assumed: once",
    )
    count: Annotated[int, Field(strict=True, ge=1, le=CONTACTS_MAX)] = setting(
        1, "How often the contact takes place.", source="assumed: once"
    )
    both_ways: Annotated[bool, Field(strict=True)] = setting(
        False,
        "Whether the same contact exists from `to` to `from` as well.",
        source="assumed: a contact is one-way",
    )

    @property
    def label(self) -> str:
        """`S->R`."""
        return f"{self.from_node}->{self.to_node}"

    def occurrences(self) -> Iterator[ScriptedContact]:
        """Every repetition, in time order; both directions where `both_ways`."""
        pairs = [(self.from_node, self.to_node)]
        if self.both_ways:
            pairs.append((self.to_node, self.from_node))
        for repetition in range(self.count):
            shift_us = repetition * (self.every_us or 0)
            for source, destination in pairs:
                yield ScriptedContact(
                    source,
                    destination,
                    self.start_us + shift_us,
                    self.end_us + shift_us,
                    self.rate_bps,
                    self.owlt_us,
                )


class ContactNetwork(Part):
    """Bundle nodes and when they can transmit to each other."""

    nodes: Annotated[tuple[NodeName, ...], Field(min_length=2, max_length=256)] = Field(description="Bundle nodes.")
    contacts: Annotated[tuple[ContactRule, ...], Field(min_length=1)] = Field(description="When who reaches whom.")
    storage_bytes: dict[NodeName, SizeBytes] = setting(
        {},
        "What a node holds of other nodes' bundles, by node; a full one drops the newest of the lowest priority.",
        source="assumed: a node that is not named has room for all",
    )

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Directed pairs with contacts."""
        forward = {(rule.from_node, rule.to_node) for rule in self.contacts}
        return forward | {(rule.to_node, rule.from_node) for rule in self.contacts if rule.both_ways}

    @property
    def links(self) -> tuple[str, ...]:
        """Directed pairs with contacts, as `S->R`, sorted."""
        return tuple(sorted(f"{source}->{destination}" for source, destination in self.pairs))

    def scripted_contacts(self) -> list[ScriptedContact]:
        """All contacts with repetitions and both directions written out, by start, then pair."""
        return sorted(
            (contact for rule in self.contacts for contact in rule.occurrences()),
            key=lambda contact: (contact.start_us, contact.from_node, contact.to_node),
        )


class Traffic(Part):
    """A flow of equal payloads, one bundle each: item i leaves the source at `start + i period`."""

    from_node: NodeName = Field(alias="from", description="Source node.")
    to_node: NodeName = Field(alias="to", description="Destination node.")
    size_bytes: SizeBytes = Field(description="Payload of each bundle; 10 kB is 10000 bytes.")
    period_us: PositiveDurationUs = Field(description="Time between two bundles.")
    count: Annotated[int, Field(strict=True, ge=1, le=100_000_000)] = Field(description="Number of bundles.")
    start_us: DurationUs = setting("0 s", "The first bundle, after the scenario's start.", source="assumed: at once")
    priority: Literal["bulk", "normal", "expedited"] = setting(
        "normal", "Which bundles an antenna sends first.", source="the three levels of CCSDS 734.3-B-1"
    )
    lifetime_us: PositiveDurationUs | None = setting(
        None,
        "Lifetime of its bundles; one that ends is dropped where it waits, and its payload is sent again; "
        "null: that of the pipeline.",
        source="RFC 9171, 4.3.1",
    )

    @property
    def last_us(self) -> int:
        """When the last bundle leaves, after the scenario's start [us]."""
        return self.start_us + (self.count - 1) * self.period_us
