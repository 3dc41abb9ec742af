"""A store-and-forward node: takes bundles in, checks them, keeps them until the next contact, and passes them on.

At a flow's source it keeps every payload in custody until the destination's signed, cumulative ack covers it; the
destination acks each full group of `ack_every` payloads, and the flow's last one. An ack states how many payloads
were delivered in order and the CRC32C run over all of them, so that both ends agree on content, not only on a count.
Source and destination know the flow and the contact plan, so the source knows which bundle triggers which ack, and
its timer starts when the last bundle of the group has left, and runs until the ack can be home: there by the routes
that the bundles took, back by the destination's earliest. A bundle's payload is the index in the flow (8 bytes, big
endian) and then the application's payload. A group whose ack is overdue is sent again, in new bundles, and by
another neighbour if that is quicker than to wait and see whether the same one fails again. A relay keeps no custody:
what it drops, for want of room or because its lifetime is over, the source sends again.
"""

from __future__ import annotations

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
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.contact_volume import EXPEDITED, NORMAL
from twin.pipeline.transport.flow_ends import FlowSettings, Group, Incoming, Outgoing, closes_group
from twin.pipeline.transport.lane import Parcel
from twin.pipeline.transport.mailer import Address, EndpointId, Mailer
from twin.pipeline.transport.outbox import STRANDED, Outbox
from twin.pipeline.transport.route import NEVER_US, NOBODY
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.timing import answer_us, arrival_us
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.crc import extend_crc32c
from twin.pipeline.wire.messages import FlowAck, MessageError, decode, encode, signed_part
from twin.pipeline.wire.signing import Signer

INDEX_BYTES = 8
ACK_BYTES = 300
ACK_SERVICE = 0
DOUBLINGS_MAX = 2  # of the wait for an ack, as in `sync`


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


class BundleNode:
    """The machine of a node that has nothing but contacts: source, relay or destination."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._plan = settings.plan
        self._mailer = Mailer(settings.address)
        self._node = settings.address.here[0]
        self._names = {node: name for name, (node, _) in settings.endpoints.items()}
        self._outbox = Outbox(
            settings.name,
            settings.plan,
            self._has_left,
            self._given_up,
            settings.storage_bytes_max,
            settings.return_to_sender,
        )
        self._returns: dict[str, Router] = {}
        self._priorities = {(settings.endpoints[f.destination][0], f.flow): f.priority for f in settings.flows}
        for number, _ in settings.endpoints.values():
            self._priorities[number, ACK_SERVICE] = EXPEDITED
        self._handlers: dict[type[Any], Callable[[Any, int, list[Effect]], None]] = {
            BundleArrived: self._arrived,
            Transmitted: self._outbox.transmitted,
            Offered: self._offered,
            TimerFired: self._timer,
            TransmitFailed: self._outbox.failed,
            LinkChanged: self._link_changed,
            PlanChanged: self._plan_changed,
            Started: self._started,
        }
        name = settings.name
        self._outgoing = {f.flow: Outgoing(f) for f in settings.flows if f.source == name}
        self._incoming = {f.flow: Incoming(f) for f in settings.flows if f.destination == name}

    @property
    def custody(self) -> int:
        """Payloads of this node's own flows that no ack covers yet."""
        return sum(len(outgoing.custody) for outgoing in self._outgoing.values())

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event; see `twin.pipeline.machine`."""
        out: list[Effect] = []
        self._handlers.get(type(event), _refuse)(event, now_us, out)
        return out

    def _started(self, event: Started, now_us: int, out: list[Effect]) -> None:
        """Everything this node does answers a bundle, a payload or a contact."""

    def _link_changed(self, event: LinkChanged, now_us: int, out: list[Effect]) -> None:
        if not self._outbox.link_changed(event.neighbour, event.usable, now_us, out):
            out.append(Report(Rejected("LinkChanged", f"{event.neighbour} is no neighbour")))

    def _plan_changed(self, event: PlanChanged, now_us: int, out: list[Effect]) -> None:
        self._plan = event.plan
        self._returns.clear()
        self._outbox.plan_changed(event, now_us, out)
        for _, outgoing in sorted(self._outgoing.items()):
            for _, group in sorted(outgoing.groups.items()):
                self._await(outgoing, group)
            self._watch(outgoing, out)

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

    def _send_payload(
        self,
        outgoing: Outgoing,
        index: int,
        payload: bytes,
        now_us: int,
        out: list[Effect],
        shunned: frozenset[str] = NOBODY,
    ) -> None:
        s = outgoing.settings
        group = outgoing.group_of(index)
        group.waiting += 1
        service = (self.settings.endpoints[s.destination][0], s.flow)
        mailer = self._mailer
        data = mailer.bundle(service, index.to_bytes(INDEX_BYTES, "big") + payload, now_us, s.lifetime_us)
        owner = (outgoing, index, group)
        parcel = Parcel(data, s.destination, s.priority, mailer.last_expiry_us, mailer.last_id, None, owner, shunned)
        self._outbox.put(parcel, now_us, out)

    def _given_up(self, parcel: Parcel, now_us: int, out: list[Effect]) -> None:
        """A bundle of an own flow was dropped before it left: its payload goes into a new one."""
        outgoing, index, group = parcel.owner
        group.waiting -= 1
        if index >= outgoing.verified:
            self._send_payload(outgoing, index, outgoing.custody[index], now_us, out)

    def _has_left(self, parcel: Parcel, now_us: int, out: list[Effect]) -> None:
        """A bundle of an own flow has left: with the last one of its group, the wait for the ack begins."""
        outgoing, _, group = parcel.owner
        route = parcel.route
        group.waiting -= 1
        there_us = route.arrival_us
        if route.spans[0][1] != now_us:
            there_us = arrival_us(self._plan, route.nodes, now_us, parcel.size) or there_us
        if there_us > group.arrival_us:
            group.arrival_us = there_us
        group.route = route
        group.left_us = now_us
        if not group.waiting and outgoing.verified < group.end <= outgoing.size:
            self._await(outgoing, group)
            self._watch(outgoing, out)

    def _await(self, outgoing: Outgoing, group: Group) -> None:
        """Set the group's timer by the plan, if everything of it has left; none if no way back is planned."""
        group.due_us = None
        if group.route is not None and not group.waiting and group.end <= outgoing.size:
            due_us = self._answer_us(outgoing.settings.destination, group.arrival_us)
            if due_us is not None:
                patience_us = ((1 << min(group.rounds, DOUBLINGS_MAX)) - 1) * (due_us - group.left_us)
                group.due_us = due_us + self.settings.margin_us + patience_us

    def _answer_us(self, destination: str, there_us: int) -> int | None:
        back = self._returns.get(destination)
        if back is None:
            back = self._returns[destination] = Router(self._plan, destination)
        return answer_us(back, self.settings.name, there_us, self.settings.turnaround_us, ACK_BYTES)

    def _overdue(self, flow: int, now_us: int, out: list[Effect]) -> None:
        outgoing = self._outgoing[flow]
        every = outgoing.settings.ack_every
        for end, group in sorted(outgoing.groups.items()):
            if group.due_us is not None and group.due_us <= now_us:
                group.due_us = None
                group.rounds += 1
                shunned = self._shunned(outgoing, group, now_us)
                for index in range(max(outgoing.verified, (end - 1) // every * every), end):
                    self._send_payload(outgoing, index, outgoing.custody[index], now_us, out, shunned)
        self._watch(outgoing, out)

    def _shunned(self, outgoing: Outgoing, group: Group, now_us: int) -> frozenset[str]:
        """The neighbour that had the group, if going round it is quicker than to learn that it has failed again."""
        destination = outgoing.settings.destination
        suspect = NOBODY if group.route is None else frozenset((group.route.next_hop,))
        best = self._outbox.router.best
        again = best(destination, ACK_BYTES, now_us, EXPEDITED)
        around = best(destination, ACK_BYTES, now_us, EXPEDITED, None, suspect)
        if around is None or again is None:
            return NOBODY
        known_us = self._answer_us(destination, again.arrival_us)
        return suspect if known_us is None or around.arrival_us <= known_us else NOBODY

    def _watch(self, outgoing: Outgoing, out: list[Effect]) -> None:
        due_us = [group.due_us for group in outgoing.groups.values() if group.due_us is not None]
        if due_us:
            out.append(SetTimer(f"overdue:{outgoing.settings.flow}", min(due_us)))

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
            outgoing.acked_up_to(ack.verified)
            self._watch(outgoing, out)

    # ------------------------------------------------------------ every node

    def _timer(self, event: TimerFired, now_us: int, out: list[Effect]) -> None:
        kind, _, what = event.name.partition(":")
        if kind == "contact":
            self._outbox.wake(what, now_us, out)
        elif kind == STRANDED:
            self._outbox.look_at_stranded(now_us, out)
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
                priority = self._priorities.get((node, service), NORMAL)
                expiry_us = self._mailer.checked_expiry_us
                good_until_us = NEVER_US if expiry_us is None else expiry_us
                parcel = Parcel(data, name, priority, good_until_us, self._mailer.checked_id, event.source)
                self._outbox.put(parcel, now_us, out)
        elif service in self._incoming:
            self._take(self._incoming[service], payload, now_us, out)
        else:
            self._take_ack(payload, out)

    # ------------------------------------------------------------ destination

    def _take(self, incoming: Incoming, payload: bytes, now_us: int, out: list[Effect]) -> None:
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

    def _send_ack(self, incoming: Incoming, now_us: int, out: list[Effect]) -> None:
        s = incoming.settings
        unsigned = FlowAck(s.flow, incoming.size, incoming.checksum, incoming.acks)
        incoming.acks += 1
        payload = encode(unsigned._replace(signature=self.settings.signer.sign(signed_part(unsigned))))
        mailer = self._mailer
        data = mailer.bundle((self.settings.endpoints[s.source][0], ACK_SERVICE), payload, now_us)
        self._outbox.put(Parcel(data, s.source, EXPEDITED, mailer.last_expiry_us, mailer.last_id), now_us, out)

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


def _refuse(event: Event, _now_us: int, out: list[Effect]) -> None:
    out.append(Report(Rejected(type(event).__name__, "not an event of a bundle node")))
