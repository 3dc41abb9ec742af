"""A store-and-forward node: takes bundles in, checks them, keeps them until the next contact, and passes them on.

At a flow's source it keeps every payload in custody until the destination's signed, cumulative ack covers it; the
destination acks each full group of `ack_every` payloads, and the flow's last one. An ack states how many payloads
were delivered in order and the CRC32C run over all of them, so that both ends agree on content, not only on a count.
Source and destination know the flow and the contact plan, so the source knows which bundle triggers which ack, and
its timer starts when that one has left. A bundle's payload is the index in the flow (8 bytes, big endian) and then
the application's payload. A group whose ack is overdue is sent again, in new bundles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from twin.pipeline.facts import PayloadDelivered, PayloadOffered, Rejected
from twin.pipeline.machine import (
    BundleArrived,
    Deliver,
    Effect,
    Event,
    LinkChanged,
    Offered,
    PlanChanged,
    Report,
    SetTimer,
    Started,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, EndpointId, Mailer
from twin.pipeline.transport.routing import route
from twin.pipeline.transport.timing import expected_answer_us
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.crc import extend_crc32c
from twin.pipeline.wire.messages import FlowAck, MessageError, decode, encode, signed_part
from twin.pipeline.wire.signing import Signer, Verifier

INDEX_BYTES = 8
ACK_BYTES = 300


class FlowSettings(NamedTuple):
    """A flow as both its ends know it: `payloads` of them from `source` to `destination`; keys of the destination's
    acks.
    """

    flow: int
    source: str
    destination: str
    payloads: int
    ack_every: int
    verifier: Verifier


class NodeSettings(NamedTuple):
    """What a bundle node is configured with; times in microseconds."""

    name: str
    plan: ContactPlan
    address: Address
    endpoints: dict[str, EndpointId]
    flows: tuple[FlowSettings, ...]
    signer: Signer
    turnaround_us: int
    margin_us: int


def closes_group(flow: FlowSettings, index: int) -> bool:
    """Whether the destination acks when this payload is delivered: a full group, or the flow's last one."""
    return (index + 1) % flow.ack_every == 0 or index + 1 == flow.payloads


class _Lane:
    """Bundles waiting for one neighbour."""

    __slots__ = ("antenna", "queue", "under_way", "wake_set")

    def __init__(self, antenna: Antenna) -> None:
        self.antenna = antenna
        self.queue: deque[tuple[bytes, tuple[int, int] | None]] = deque()
        self.under_way: tuple[bytes, tuple[int, int] | None] | None = None
        self.wake_set = False


class _Outgoing:
    """Source's half of a flow: payloads in custody from `verified` on, and when each open group is overdue.

    `checksums[n]` is the CRC32C run over the first n payloads, kept where an ack may still name it.
    """

    __slots__ = ("checksum", "checksums", "counter", "custody", "due_us", "settings", "size", "verified")

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self.custody: dict[int, bytes] = {}
        self.size = 0
        self.checksum = 0
        self.checksums: dict[int, int] = {}
        self.verified = 0
        self.counter = -1
        self.due_us: dict[int, int] = {}

    def group_of(self, index: int) -> int | None:
        """End of the ack group that this index closes, None if it closes none."""
        return index + 1 if closes_group(self.settings, index) else None


class _Incoming:
    """Destination's half: payloads ahead of a gap wait here."""

    __slots__ = ("acks", "ahead", "checksum", "settings", "size")

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self.size = 0
        self.checksum = 0
        self.ahead: dict[int, bytes] = {}
        self.acks = 0


class BundleNode:
    """The machine of a node that has nothing but contacts: source, relay or destination."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._plan = settings.plan
        self._mailer = Mailer(settings.address)
        self._node = settings.address.here[0]
        self._names = {node: name for name, (node, _) in settings.endpoints.items()}
        self._lanes = {
            neighbour: _Lane(Antenna(settings.plan, settings.name, neighbour))
            for neighbour in settings.plan.neighbours(settings.name)
        }
        self._routes: dict[str, tuple[str, ...]] = {}
        self._handlers: dict[type[Any], Callable[[Any, int, list[Effect]], None]] = {
            BundleArrived: self._arrived,
            Transmitted: self._transmitted,
            Offered: self._offered,
            TimerFired: self._timer,
            TransmitFailed: self._failed,
            LinkChanged: self._link_changed,
            PlanChanged: self._plan_changed,
            Started: self._started,
        }
        name = settings.name
        self._outgoing = {f.flow: _Outgoing(f) for f in settings.flows if f.source == name}
        self._incoming = {f.flow: _Incoming(f) for f in settings.flows if f.destination == name}

    @property
    def custody(self) -> int:
        """Payloads of this node's own flows that no ack covers yet."""
        return sum(len(outgoing.custody) for outgoing in self._outgoing.values())

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        handler = self._handlers.get(type(event))
        if handler is None:
            out.append(Report(Rejected(type(event).__name__, "not an event of a bundle node")))
        else:
            handler(event, now_us, out)
        return out

    def _started(self, event: Started, now_us: int, out: list[Effect]) -> None:
        """Everything this node does answers a bundle, a payload or a contact."""

    def _link_changed(self, event: LinkChanged, now_us: int, out: list[Effect]) -> None:
        lane = self._lanes.get(event.neighbour)
        if lane is None:
            out.append(Report(Rejected("LinkChanged", f"{event.neighbour} is no neighbour")))
        else:
            lane.antenna.usable = event.usable
            self._pump(event.neighbour, now_us, out)

    def _plan_changed(self, event: PlanChanged, now_us: int, out: list[Effect]) -> None:
        self._plan = event.plan
        self._routes.clear()
        for neighbour in event.plan.neighbours(self.settings.name):
            if neighbour not in self._lanes:
                self._lanes[neighbour] = _Lane(Antenna(event.plan, self.settings.name, neighbour))
        for neighbour, lane in self._lanes.items():
            lane.antenna.replan(event.plan)
            lane.wake_set = False
            self._pump(neighbour, now_us, out)

    # ------------------------------------------------------------ source

    def _offered(self, event: Offered, now_us: int, out: list[Effect]) -> None:
        flow, payload = event
        outgoing = self._outgoing[flow]
        index = outgoing.size
        outgoing.size = index + 1
        outgoing.checksum = extend_crc32c(outgoing.checksum, payload)
        outgoing.checksums[index + 1] = outgoing.checksum
        outgoing.custody[index] = payload
        out.append(Report(PayloadOffered((self._node, flow, index), outgoing.checksum)))
        self._send_payload(outgoing, index, payload, now_us, out)

    def _send_payload(self, outgoing: _Outgoing, index: int, payload: bytes, now_us: int, out: list[Effect]) -> None:
        s = outgoing.settings
        group = outgoing.group_of(index)
        closing = None if group is None else (s.flow, group)
        service = (self.settings.endpoints[s.destination][0], s.flow)
        data = self._mailer.bundle(service, index.to_bytes(INDEX_BYTES, "big") + payload, now_us)
        self._enqueue(s.destination, data, closing, now_us, out)

    def _overdue(self, flow: int, now_us: int, out: list[Effect]) -> None:
        outgoing = self._outgoing[flow]
        for group, due_us in sorted(outgoing.due_us.items()):
            if due_us <= now_us:
                del outgoing.due_us[group]
                first = max(outgoing.verified, group - outgoing.settings.ack_every)
                for index in range(first, group):
                    self._send_payload(outgoing, index, outgoing.custody[index], now_us, out)
        self._watch(outgoing, out)

    def _watch(self, outgoing: _Outgoing, out: list[Effect]) -> None:
        if outgoing.due_us:
            out.append(SetTimer(f"overdue:{outgoing.settings.flow}", min(outgoing.due_us.values())))

    def _acked(self, ack: FlowAck, out: list[Effect]) -> None:
        outgoing = self._outgoing.get(ack.flow)
        if outgoing is None or ack.counter <= outgoing.counter or not 0 < ack.verified <= outgoing.size:
            out.append(Report(Rejected("FlowAck", "unknown flow, old, or beyond what was sent")))
        elif not outgoing.settings.verifier.verify(signed_part(ack), ack.signature):
            out.append(Report(Rejected("FlowAck", "signature")))
        elif ack.verified > outgoing.verified and outgoing.checksums[ack.verified] != ack.checksum:
            out.append(Report(Rejected("FlowAck", "checksum differs from what was sent")))
        else:
            outgoing.counter = ack.counter
            for index in range(outgoing.verified, ack.verified):
                del outgoing.custody[index]
                del outgoing.checksums[index + 1]
            outgoing.verified = max(outgoing.verified, ack.verified)
            for group in [group for group in outgoing.due_us if group <= ack.verified]:
                del outgoing.due_us[group]
            self._watch(outgoing, out)

    # ------------------------------------------------------------ every node

    def _enqueue(
        self, destination: str, data: bytes, closing: tuple[int, int] | None, now_us: int, out: list[Effect]
    ) -> None:
        path = self._routes.get(destination) or self._find(destination)
        if path is None:
            out.append(Report(Rejected("bundle", f"no contact leads to {destination}")))
            return
        self._lanes[path[1]].queue.append((data, closing))
        self._pump(path[1], now_us, out)

    def _find(self, destination: str) -> tuple[str, ...] | None:
        path = route(self._plan, self.settings.name, destination)
        if path is not None:
            self._routes[destination] = path
        return path

    def _pump(self, neighbour: str, now_us: int, out: list[Effect]) -> None:
        lane = self._lanes[neighbour]
        queue = lane.queue
        antenna = lane.antenna
        if not queue or antenna.under_way is not None or not antenna.usable:
            return
        data = queue[0][0]
        if len(data) <= antenna.room_bytes(now_us):
            lane.under_way = queue.popleft()
            out.append(antenna.radiate(data))
        elif not lane.wake_set:
            start_us = antenna.next_start_us(now_us, len(data))
            if start_us is not None:
                lane.wake_set = True
                out.append(SetTimer(f"contact:{neighbour}", start_us))

    def _failed(self, event: TransmitFailed, now_us: int, out: list[Effect]) -> None:
        lane = self._lanes[event.neighbour]
        if lane.antenna.failed(event.id, now_us) and lane.under_way is not None:
            lane.queue.appendleft(lane.under_way)
        self._pump(event.neighbour, now_us, out)

    def _transmitted(self, event: Transmitted, now_us: int, out: list[Effect]) -> None:
        transmission, neighbour = event
        lane = self._lanes[neighbour]
        if not lane.antenna.ended(transmission):
            return
        closing = None if lane.under_way is None else lane.under_way[1]
        if closing is not None:
            flow, group = closing
            outgoing = self._outgoing[flow]
            path = self._routes.get(outgoing.settings.destination)
            if path is not None and group > outgoing.verified:
                due_us = expected_answer_us(self._plan, path, now_us, self.settings.turnaround_us, ACK_BYTES)
                if due_us is not None:
                    outgoing.due_us[group] = due_us + self.settings.margin_us
                    self._watch(outgoing, out)
        self._pump(neighbour, now_us, out)

    def _timer(self, event: TimerFired, now_us: int, out: list[Effect]) -> None:
        kind, _, what = event.name.partition(":")
        if kind == "contact":
            self._lanes[what].wake_set = False
            self._pump(what, now_us, out)
        else:
            self._overdue(int(what), now_us, out)

    def _arrived(self, event: BundleArrived, now_us: int, out: list[Effect]) -> None:
        data = event.data
        try:
            _, (node, service), payload = self._mailer.check(data, now_us)
        except BundleError as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if node != self._node:
            name = self._names.get(node)
            if name is None:
                out.append(Report(Rejected("bundle", f"for ipn:{node}.{service}, which nobody here knows")))
            else:
                self._enqueue(name, data, None, now_us, out)
        elif service in self._incoming:
            self._take(self._incoming[service], payload, now_us, out)
        else:
            self._take_ack(payload, out)

    # ------------------------------------------------------------ destination

    def _take(self, incoming: _Incoming, payload: bytes, now_us: int, out: list[Effect]) -> None:
        s = incoming.settings
        if len(payload) < INDEX_BYTES:
            out.append(Report(Rejected("payload", f"{len(payload)} bytes are too short to hold an index")))
            return
        index = int.from_bytes(payload[:INDEX_BYTES], "big")
        if index < incoming.size:
            if closes_group(s, index):
                self._send_ack(incoming, now_us, out)  # a group came again: the source has not heard of us
            return
        if index >= s.payloads:
            out.append(Report(Rejected("payload", f"index {index} of a flow of {s.payloads}")))
            return
        incoming.ahead[index] = payload[INDEX_BYTES:]
        source = self.settings.endpoints[s.source][0]
        while incoming.size in incoming.ahead:
            at = incoming.size
            ready = incoming.ahead.pop(at)
            incoming.size = at + 1
            incoming.checksum = extend_crc32c(incoming.checksum, ready)
            out.append(Report(PayloadDelivered((source, s.flow, at), incoming.checksum)))
            out.append(Deliver(s.flow, at, ready))
            if closes_group(s, at):
                self._send_ack(incoming, now_us, out)

    def _send_ack(self, incoming: _Incoming, now_us: int, out: list[Effect]) -> None:
        s = incoming.settings
        unsigned = FlowAck(s.flow, incoming.size, incoming.checksum, incoming.acks)
        incoming.acks += 1
        payload = encode(unsigned._replace(signature=self.settings.signer.sign(signed_part(unsigned))))
        self._enqueue(
            s.source, self._mailer.bundle((self.settings.endpoints[s.source][0], 0), payload, now_us), None, now_us, out
        )

    def _take_ack(self, payload: bytes, out: list[Effect]) -> None:
        try:
            message = decode(payload)
        except MessageError as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if isinstance(message, FlowAck):
            self._acked(message, out)
        else:
            out.append(Report(Rejected(type(message).__name__, "not for a bundle node")))
