"""Flows as nodes know them, and what their two ends hold: the source group by group, the destination ahead of gaps."""

from __future__ import annotations

from typing import NamedTuple

from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.contact_volume import NORMAL
from twin.pipeline.transport.mailer import Address, EndpointId
from twin.pipeline.transport.route import Route
from twin.pipeline.wire.signing import Signer, Verifier


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


class NodeSettings(NamedTuple):
    """What a bundle node is configured with; times in microseconds.

    `storage_bytes_max` limits what it holds of other nodes' bundles (None: it has room for all);
    `return_to_sender` lets a bundle go back to the neighbour that brought it.
    """

    name: str
    plan: ContactPlan
    address: Address
    endpoints: dict[str, EndpointId]
    flows: tuple[FlowSettings, ...]
    signer: Signer
    turnaround_us: int
    margin_us: int
    storage_bytes_max: int | None = None
    return_to_sender: bool = False


def closes_group(flow: FlowSettings, index: int) -> bool:
    """Whether the destination acks when this payload is delivered: a full group, or the flow's last one."""
    return (index + 1) % flow.ack_every == 0 or index + 1 == flow.payloads


class Group:
    """Payloads that one ack covers, up to index `end`.

    `waiting` counts its bundles that have not left; `arrival_us` is when the last should arrive, `route` its way,
    `due_us` when the ack should be here (None: no timer runs), `rounds` how often it was sent again.
    """

    __slots__ = ("arrival_us", "due_us", "end", "rounds", "route", "waiting")

    def __init__(self, end: int) -> None:
        self.end = end
        self.waiting = 0
        self.arrival_us = 0
        self.rounds = 0
        self.route: Route | None = None
        self.due_us: int | None = None


class Outgoing:
    """Source's half of a flow: payloads in custody from `verified` on, and its open groups by their end; `service` is
    where its bundles go.

    `checksums[n]` is the CRC32C run over the first n payloads, kept where an ack may still name it.
    """

    __slots__ = ("checksum", "checksums", "counter", "custody", "groups", "service", "settings", "size", "verified")

    def __init__(self, settings: FlowSettings, service: EndpointId) -> None:
        self.settings = settings
        self.service = service
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
    """Destination's half: payloads ahead of a gap wait here; `source` is the node that they come from."""

    __slots__ = ("acks", "ahead", "checksum", "settings", "size", "source")

    def __init__(self, settings: FlowSettings, source: int) -> None:
        self.settings = settings
        self.source = source
        self.size = 0
        self.checksum = 0
        self.ahead: dict[int, bytes] = {}
        self.acks = 0
