"""One bundle node: source of one flow, destination of another, on the way of a third. Its neighbours are stand-ins.

What it holds as a source is in its memory alone, so only a node that is nothing but a relay may crash.
"""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from driven import Driven
from oracles import FlowOracles
from pipeline_parts import LIFETIME, T0, S, contact, signed_by, signer, verifier

from twin.pipeline.facts import PayloadDelivered, PayloadOffered
from twin.pipeline.machine import (
    BundleArrived,
    Deliver,
    Effect,
    LinkChanged,
    Offered,
    PlanChanged,
    Report,
    Transmit,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.transport.bundle_node import BundleNode, FlowSettings, NodeSettings
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.flow_source import INDEX_BYTES
from twin.pipeline.transport.mailer import Address, Mailer, read_clear
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.crc import crc32c
from twin.pipeline.wire.messages import FlowAck, decode, encode, signed_part

NEAR, NODE, FAR = "near", "node", "far"
ENDPOINTS = {NEAR: (1, 0), NODE: (2, 0), FAR: (3, 0)}
OUT, IN, THROUGH = 1, 2, 3
ENDS = {OUT: (NODE, FAR), IN: (NEAR, NODE), THROUGH: (NEAR, FAR)}
PAYLOADS, ACK_EVERY = 3_000, 3
STORAGE_BYTES = 1_500
DAYS_US = 400 * 86_400 * S
LIGHT_US = 10 * S
SHORT_US, PERIOD_US, PASSES = 600 * S, 3_600 * S, 300


def plan(start_us: int = 0, passes: bool = True) -> ContactPlan:
    """The neighbours by turns: ten minutes of each hour (from `start_us` into it), or always."""
    pairs = [(NODE, NEAR), (NODE, FAR), (NEAR, NODE), (FAR, NODE)]
    spans = [(T0, T0 + DAYS_US)]
    if passes:
        starts = [T0 + start_us + n * PERIOD_US for n in range(PASSES)]
        spans = [(at_us, at_us + SHORT_US) for at_us in starts]
    return ContactPlan([contact(x, y, a, b, owlt_us=LIGHT_US) for x, y in pairs for a, b in spans])


PLANS = (plan(), plan(1_800 * S), plan(passes=False))


def payload_of(flow: int, index: int) -> bytes:
    return bytes([flow]) * 40 + index.to_bytes(4, "big")


class BundleNodeAlone(Driven):
    """A node of `kind` with `flows`."""

    nodes = (NODE,)
    may_crash = False
    kind: ClassVar[type[BundleNode]] = BundleNode
    flows: ClassVar[tuple[int, ...]] = (OUT, IN, THROUGH)
    storage_bytes: ClassVar[int | None] = None

    def __init__(self) -> None:
        super().__init__(FlowOracles())
        self.plan = plan(passes=False)
        self.shut: set[str] = set()
        self.delivered = 0
        self.offered = dict.fromkeys(self.flows, 0)
        self.ends = {name: FarEnd(name, self) for name in (NEAR, FAR)}
        for name, end in self.ends.items():
            self.start(name, end)
        self.restart(NODE)

    @property
    def node(self) -> Any:
        return self.machines.get(NODE)

    def restart(self, node: str) -> None:
        flows = tuple(
            FlowSettings(flow, *ENDS[flow], PAYLOADS, ACK_EVERY, verifier(ENDS[flow][1])) for flow in self.flows
        )
        address = Address(ENDPOINTS[NODE], LIFETIME)
        settings = NodeSettings(
            node, self.plan, address, ENDPOINTS, flows, signer(NODE), 5 * S, 2 * S, self.storage_bytes
        )
        self.start(node, self.kind(settings))
        for neighbour in sorted(self.shut):
            self.deliver(node, LinkChanged(neighbour, False))

    def take(self, node: str, effect: Any) -> None:
        if isinstance(effect, Deliver):
            assert (effect.index, effect.payload) == (self.delivered, payload_of(IN, self.delivered))
            self.delivered += 1
        else:
            super().take(node, effect)

    def outcome(self, node: str, effect: Any, random: Random, bad: float) -> Any:
        assert isinstance(effect, Transmit)
        number, neighbour, data = effect
        if neighbour in self.shut or random.random() < bad:
            return TransmitFailed(number, neighbour, "refused")
        self.messages.append((neighbour, BundleArrived(node, data)))
        return Transmitted(number, neighbour)

    # ------------------------------------------------------------ what may happen

    def work(self, random: Random) -> None:
        what = random.random()
        if what < 0.7:
            self.offer(random.choice(self.flows))
        elif what < 0.8:
            self.forge(random)
        else:
            self.repeat()

    def offer(self, flow: int) -> None:
        """An application hands over the next payload."""
        index = self.offered[flow]
        self.offered[flow] = index + 1
        if ENDS[flow][0] == NODE:
            self.deliver(NODE, Offered(flow, payload_of(flow, index)))
        else:
            self.messages += self.ends[NEAR].offer(flow, index)

    def repeat(self) -> None:
        """A source near by sends again what no ack covers."""
        self.messages += self.ends[NEAR].repeat()

    def set_link(self, neighbour: str, usable: bool) -> None:
        """The antenna towards a neighbour fails, or works again."""
        self.shut.discard(neighbour) if usable else self.shut.add(neighbour)
        self.deliver(NODE, LinkChanged(neighbour, usable))

    def believe(self, believed: ContactPlan) -> None:
        """Another plan is loaded; it may be wrong."""
        self.plan = believed
        self.deliver(NODE, PlanChanged(believed))

    def forge(self, random: Random) -> None:
        """Somebody acks what never arrived, with a key of his own."""
        verified = self.offered.get(OUT, 0)
        unsigned = FlowAck(OUT, verified, self.ends[FAR].checksum(OUT, verified), (1 << 30) + random.getrandbits(8))
        ack = signed_by("stranger", unsigned)
        mailer = Mailer(Address(ENDPOINTS[FAR], LIFETIME))
        self.deliver(NODE, BundleArrived(FAR, mailer.bundle(ENDPOINTS[NODE], encode(ack), self.now_us)))

    # ------------------------------------------------------------ healing

    def mend(self) -> None:
        super().mend()
        self.believe(plan(passes=False))
        for neighbour in sorted(self.shut):
            self.set_link(neighbour, True)
        for flow in self.flows:
            while self.offered[flow] % ACK_EVERY:  # what is no full group is not waited for
                self.offer(flow)

    def chores(self, _random: Random) -> None:
        self.repeat()

    def home(self) -> bool:
        """All payloads are delivered, and every source knows."""
        self.oracles.trace.flush()
        return not self.oracles.ledger.open and not self.node.custody and not self.ends[NEAR].repeat()


class RelayAlone(BundleNodeAlone):
    """A relay with little room, which may crash."""

    may_crash = True
    flows = (THROUGH,)
    storage_bytes = STORAGE_BYTES


class FarEnd:
    """A neighbour: the source or the destination of flows, which sends and acks without waiting for contacts."""

    def __init__(self, name: str, world: BundleNodeAlone) -> None:
        self.name = name
        self._world = world
        self._mailer = Mailer(Address(ENDPOINTS[name], LIFETIME))
        self._checksums: dict[int, list[int]] = {flow: [0] for flow in ENDS}
        self._acked: dict[int, int] = dict.fromkeys(ENDS, 0)
        self._sent: dict[int, int] = dict.fromkeys(ENDS, 0)
        self._ahead: dict[int, set[int]] = {flow: set() for flow in ENDS}
        self._got: dict[int, int] = dict.fromkeys(ENDS, 0)
        self._acks = 0

    def checksum(self, flow: int, size: int) -> int:
        """CRC32C over the first payloads of a flow."""
        known = self._checksums[flow]
        while len(known) <= size:
            known.append(crc32c(payload_of(flow, len(known) - 1), known[-1]))
        return known[size]

    def _bundle(self, to: tuple[int, int], payload: bytes) -> tuple[str, Any]:
        return NODE, BundleArrived(self.name, self._mailer.bundle(to, payload, self._world.now_us))

    def offer(self, flow: int, index: int) -> list[tuple[str, Any]]:
        """The next payload of a flow that begins here leaves."""
        self._sent[flow] = index + 1
        fact = PayloadOffered((ENDPOINTS[self.name][0], flow, index), self.checksum(flow, index + 1))
        self._world.saw(self.name, fact)
        return [self._payload(flow, index)]

    def _payload(self, flow: int, index: int) -> tuple[str, Any]:
        node, _ = ENDPOINTS[ENDS[flow][1]]
        return self._bundle((node, flow), index.to_bytes(INDEX_BYTES, "big") + payload_of(flow, index))

    def repeat(self) -> list[tuple[str, Any]]:
        """What no ack covers, a full group at a time."""
        flows = [flow for flow, sent in self._sent.items() if sent]
        return [self._payload(flow, index) for flow in flows for index in range(self._acked[flow], self._sent[flow])]

    def handle(self, event: Any, now_us: int) -> list[Effect]:
        """Take one event."""
        if not isinstance(event, BundleArrived):
            return []
        try:
            flow, payload, *_ = read_clear(event.data, self._mailer.address.here, now_us)
        except BundleError:
            return []
        node, service = flow.destination
        assert node == ENDPOINTS[self.name][0], "a bundle goes where it is addressed"
        if service:
            return self._take(service, payload)
        self._hear(decode(payload))
        return []

    def _hear(self, ack: Any) -> None:
        assert isinstance(ack, FlowAck)
        assert verifier(ENDS[ack.flow][1]).verify(signed_part(ack), ack.signature)
        assert ack.verified <= self._sent[ack.flow]
        assert ack.checksum == self.checksum(ack.flow, ack.verified)
        self._acked[ack.flow] = max(ack.verified, self._acked[ack.flow])

    def _take(self, flow: int, payload: bytes) -> list[Effect]:
        index = int.from_bytes(payload[:INDEX_BYTES], "big")
        assert payload[INDEX_BYTES:] == payload_of(flow, index)
        out: list[Effect] = []
        repeated = index < self._got[flow]
        self._ahead[flow].add(index)
        while self._got[flow] in self._ahead[flow]:
            at = self._got[flow]
            self._got[flow] = at + 1
            record = (ENDPOINTS[ENDS[flow][0]][0], flow, at)
            out.append(Report(PayloadDelivered(record, self.checksum(flow, at + 1))))
        if repeated or self._got[flow] % ACK_EVERY == 0:
            self._ack(flow)
        return out

    def _ack(self, flow: int) -> None:
        size = self._got[flow]
        self._acks += 1
        ack = signed_by(self.name, FlowAck(flow, size, self.checksum(flow, size), self._acks))
        self._world.messages.append(self._bundle((ENDPOINTS[ENDS[flow][0]][0], 0), encode(ack)))
