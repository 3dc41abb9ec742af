"""The way of one bundle through the contact plan."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.transport.contact_plan import Contact
from twin.pipeline.transport.contact_volume import ContactVolume, Span

NOBODY: frozenset[str] = frozenset()


class Route(NamedTuple):
    """The way of one bundle: a contact and a span of it for each hop, and when the last bit arrives."""

    volumes: tuple[ContactVolume, ...]
    spans: list[Span]
    arrival_us: int
    priority: int

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Contacts from here to the destination."""
        return tuple([volume.contact for volume in self.volumes])

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes from here to the destination, both included."""
        first = self.volumes[0].contact.source
        return (first, *[volume.contact.destination for volume in self.volumes])

    @property
    def next_hop(self) -> str:
        """The neighbour that takes the bundle."""
        return self.volumes[0].contact.destination

    @property
    def departure_us(self) -> int:
        """When its first bit should leave here."""
        return self.spans[0][0]
