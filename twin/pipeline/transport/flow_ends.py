"""A flow as its two ends know it: what the source has in custody, group by group, and what the destination holds."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.transport.contact_volume import NORMAL
from twin.pipeline.transport.route import Route
from twin.pipeline.wire.signing import Verifier


class FlowSettings(NamedTuple):
    """A flow as all nodes know it: `payloads` of them from `source` to `destination`; keys of the destination's acks.

    `priority` is `BULK`, `NORMAL` or `EXPEDITED` (acks are always expedited); `lifetime_us` of its bundles, None for
    that of the source's address.
    """

    flow: int
    source: str
    destination: str
    payloads: int
    ack_every: int
    verifier: Verifier
    priority: int = NORMAL
    lifetime_us: int | None = None


def closes_group(flow: FlowSettings, index: int) -> bool:
    """Whether the destination acks when this payload is delivered: a full group, or the flow's last one."""
    return (index + 1) % flow.ack_every == 0 or index + 1 == flow.payloads


class Group:
    """Payloads that one ack covers, up to index `end`.

    `waiting` counts its bundles that have not left; `left_us` is when the last has, `arrival_us` when it should arrive,
    `route` its way, `due_us` when the ack should be here (None: no timer runs). After each of `rounds` repetitions in
    vain the wait is longer by one and then three round trips, so that a full relay can empty itself.
    """

    __slots__ = ("arrival_us", "due_us", "end", "left_us", "rounds", "route", "waiting")

    def __init__(self, end: int) -> None:
        self.end = end
        self.waiting = 0
        self.arrival_us = 0
        self.left_us = 0
        self.rounds = 0
        self.route: Route | None = None
        self.due_us: int | None = None


class Outgoing:
    """Source's half of a flow: payloads in custody from `verified` on, and its open groups by their end.

    `checksums[n]` is the CRC32C run over the first n payloads, kept where an ack may still name it.
    """

    __slots__ = ("checksum", "checksums", "counter", "custody", "groups", "settings", "size", "verified")

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self.custody: dict[int, bytes] = {}
        self.size = 0
        self.checksum = 0
        self.checksums: dict[int, int] = {}
        self.verified = 0
        self.counter = -1
        self.groups: dict[int, Group] = {}

    def group_of(self, index: int) -> Group:
        """The group that this index belongs to."""
        every = self.settings.ack_every
        end = min((index // every + 1) * every, self.settings.payloads)
        group = self.groups.get(end)
        if group is None:
            group = self.groups[end] = Group(end)
        return group

    def acked_up_to(self, verified: int) -> None:
        """Custody of what lies below is over."""
        for index in range(self.verified, verified):
            del self.custody[index]
            del self.checksums[index + 1]
        self.verified = max(self.verified, verified)
        for end in [end for end in self.groups if end <= verified]:
            del self.groups[end]


class Incoming:
    """Destination's half: payloads ahead of a gap wait here."""

    __slots__ = ("acks", "ahead", "checksum", "settings", "size")

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self.size = 0
        self.checksum = 0
        self.ahead: dict[int, bytes] = {}
        self.acks = 0
