"""The source's end of a node's flows: payloads in custody until the destination's ack covers them, sent again in time.

The timer of a group starts when its last bundle has left, and runs until the ack can be home: there by the routes that
the bundles took, back by the destination's earliest. A group whose ack is overdue is sent again, in new bundles, and by
another neighbour if that is quicker than to wait and see whether the same one fails again. The wait never grows: it is
hours by the plan as it is, and what crowds a relay is less crowded by sending less, not later.
"""

from __future__ import annotations

from twin.pipeline.facts import PayloadOffered, Rejected
from twin.pipeline.machine import Effect, Offered, Report, SetTimer, made
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.contact_volume import EXPEDITED
from twin.pipeline.transport.flow_ends import Group, NodeSettings, Outgoing
from twin.pipeline.transport.lane import Parcel
from twin.pipeline.transport.mailer import Mailer
from twin.pipeline.transport.outbox import Outbox
from twin.pipeline.transport.route import NOBODY
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.timing import answer_us, arrival_us
from twin.pipeline.wire.crc import extend_crc32c
from twin.pipeline.wire.messages import FlowAck, signed_part

INDEX_BYTES = 8
ACK_BYTES = 300
ROUNDS_TOGETHER = 3  # repetitions in vain after which the first open group goes alone (assumed)


class FlowSource:
    """Custody of the payloads of a node's own flows; their bundles leave by the `outbox` that it opens."""

    def __init__(self, settings: NodeSettings, mailer: Mailer) -> None:
        s = self._settings = settings
        self._plan = s.plan
        self._mailer = mailer
        self._returns: dict[str, Router] = {}
        self._outgoing = {
            f.flow: Outgoing(f, (s.endpoints[f.destination][0], f.flow)) for f in s.flows if f.source == s.name
        }
        self.outbox = Outbox(s.name, s.plan, self._has_left, self._given_up, s.storage_bytes_max, s.return_to_sender)

    @property
    def custody(self) -> int:
        """Payloads that no ack covers yet."""
        return sum(len(outgoing.custody) for outgoing in self._outgoing.values())

    def plan_changed(self, plan: ContactPlan, out: list[Effect]) -> None:
        """Set the timers by another plan."""
        self._plan = plan
        self._returns.clear()
        for _, outgoing in sorted(self._outgoing.items()):
            for _, group in sorted(outgoing.groups.items()):
                self._await(outgoing, group)
            self._watch(outgoing, out)

    def offered(self, event: Offered, now_us: int, out: list[Effect]) -> None:
        """Take the next payload of a flow into custody, and send it."""
        flow, payload = event
        outgoing = self._outgoing[flow]
        index = outgoing.size
        outgoing.size = index + 1
        checksum = outgoing.checksum = extend_crc32c(outgoing.checksum, payload)
        outgoing.checksums[index + 1] = checksum
        outgoing.custody[index] = payload
        fact = made(PayloadOffered, ((self._mailer.address.here[0], flow, index), checksum))
        out.append(made(Report, (fact,)))
        self._send(outgoing, outgoing.group_of(index), index, now_us, out)

    def _send(
        self,
        outgoing: Outgoing,
        group: Group,
        index: int,
        now_us: int,
        out: list[Effect],
        shunned: frozenset[str] = NOBODY,
    ) -> None:
        s, mailer = outgoing.settings, self._mailer
        group.waiting += 1
        payload = index.to_bytes(INDEX_BYTES, "big") + outgoing.custody[index]
        data = mailer.bundle(outgoing.service, payload, now_us, s.lifetime_us)
        owner = (outgoing, index, group)
        parcel = Parcel(data, s.destination, s.priority, mailer.last_expiry_us, mailer.last_id, None, owner, shunned)
        self.outbox.put(parcel, now_us, out)

    def _given_up(self, parcel: Parcel, now_us: int, out: list[Effect]) -> None:
        """A bundle of an own flow was dropped before it left: its payload goes into a new one."""
        outgoing, index, group = parcel.owner
        group.waiting -= 1
        if index >= outgoing.verified:
            self._send(outgoing, group, index, now_us, out)

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
        if not group.waiting and outgoing.verified < group.end <= outgoing.size:
            self._await(outgoing, group)
            self._watch(outgoing, out)

    def _await(self, outgoing: Outgoing, group: Group) -> None:
        """Set the group's timer by the plan, if everything of it has left; none if no way back is planned."""
        group.due_us = None
        if group.route is not None and not group.waiting and group.end <= outgoing.size:
            due_us = self._answer_us(outgoing.settings.destination, group.arrival_us)
            if due_us is not None:
                group.due_us = due_us + self._settings.margin_us

    def _answer_us(self, destination: str, there_us: int) -> int | None:
        back = self._returns.get(destination)
        if back is None:
            back = self._returns[destination] = Router(self._plan, destination)
        return answer_us(back, self._settings.name, there_us, self._settings.turnaround_us, ACK_BYTES)

    def overdue(self, flow: int, now_us: int, out: list[Effect]) -> None:
        """The timer of a flow is due: repeat the groups whose acks should be here.

        Acks are cumulative, so the silence about a group tells nothing while one before it is missing. One that has
        missed several times goes alone: behind a small relay those that follow might take its room every time.
        """
        outgoing = self._outgoing[flow]
        every = outgoing.settings.ack_every
        first = min(outgoing.groups, default=0)
        for end, group in sorted(outgoing.groups.items()):
            if group.due_us is not None and group.due_us <= now_us:
                group.due_us = None
                if end != first and outgoing.groups[first].rounds > ROUNDS_TOGETHER:
                    continue
                group.rounds += 1
                shunned = self._shunned(outgoing, group, now_us)
                for index in range(max(outgoing.verified, (end - 1) // every * every), end):
                    self._send(outgoing, group, index, now_us, out, shunned)
        self._watch(outgoing, out)

    def _shunned(self, outgoing: Outgoing, group: Group, now_us: int) -> frozenset[str]:
        """The neighbour that had the group, if going round it is quicker than to learn that it has failed again."""
        destination = outgoing.settings.destination
        suspect = NOBODY if group.route is None else frozenset((group.route.next_hop,))
        best = self.outbox.router.best
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

    def acked(self, ack: FlowAck, out: list[Effect]) -> None:
        """End custody of what an ack covers, if it is good."""
        outgoing = self._outgoing.get(ack.flow)
        if outgoing is None or ack.counter <= outgoing.counter or not 0 < ack.verified <= outgoing.size:
            out.append(Report(Rejected("FlowAck", "unknown flow, old, or beyond what was sent")))
        elif not outgoing.settings.verifier.verify(signed_part(ack), ack.signature):
            out.append(Report(Rejected("FlowAck", "signature")))
        elif ack.verified > outgoing.verified and outgoing.checksums[ack.verified] != ack.checksum:
            out.append(Report(Rejected("FlowAck", "checksum differs from what was sent")))
        else:
            outgoing.counter = ack.counter
            before = outgoing.verified
            outgoing.acked_up_to(ack.verified)
            if outgoing.verified > before:  # of those held back nothing was to be heard before
                for group in outgoing.groups.values():
                    if group.due_us is None:
                        self._await(outgoing, group)
            self._watch(outgoing, out)
