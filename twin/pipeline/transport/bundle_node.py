"""A store-and-forward node: takes bundles in, checks them, keeps them until the next contact, and passes them on.

At a flow's source it keeps every payload in custody until the destination's signed, cumulative ack covers it; the
destination acks each full group of `ack_every` payloads, and the flow's last one. Source and destination know the flow
and the contact plan, so the source knows which bundle triggers which ack, and when. A bundle's payload is the index in
the flow (8 bytes, big endian) and then the application's payload. A relay keeps no custody: what it drops, for want of
room or because its lifetime is over, the source sends again. It passes extension blocks on as RFC 9171 5.4 wants it
(`passing_on`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twin.pipeline.facts import Rejected
from twin.pipeline.machine import (
    BundleArrived,
    Effect,
    Event,
    LinkChanged,
    Offered,
    PlanChanged,
    Report,
    Started,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.transport.contact_volume import EXPEDITED, NORMAL
from twin.pipeline.transport.flow_ends import FlowSettings, NodeSettings
from twin.pipeline.transport.flow_sink import ACK_SERVICE, FlowSink
from twin.pipeline.transport.flow_source import FlowSource
from twin.pipeline.transport.lane import Parcel
from twin.pipeline.transport.mailer import Mailer, read_clear
from twin.pipeline.transport.outbox import STRANDED
from twin.pipeline.transport.passing_on import note_blocks
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.messages import FlowAck, MessageError, decode

__all__ = ["BundleNode", "FlowSettings", "NodeSettings"]


class BundleNode:
    """The machine of a node that has nothing but contacts: source, relay or destination."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._mailer = Mailer(settings.address)
        self._node = settings.address.here[0]
        self._source = FlowSource(settings, self._mailer)
        self._outbox = self._source.outbox
        self._sink = FlowSink(settings, self._mailer, self._outbox)
        self._names = {node: name for name, (node, _) in settings.endpoints.items()}
        self._priorities = {(settings.endpoints[f.destination][0], f.flow): f.priority for f in settings.flows}
        for number, _ in settings.endpoints.values():
            self._priorities[number, ACK_SERVICE] = EXPEDITED
        self._handlers: dict[type[Any], Callable[[Any, int, list[Effect]], None]] = {
            BundleArrived: self._arrived,
            Transmitted: self._outbox.transmitted,
            Offered: self._source.offered,
            TimerFired: self._timer,
            TransmitFailed: self._outbox.failed,
            LinkChanged: self._link_changed,
            PlanChanged: self._plan_changed,
            Started: self._started,
        }

    @property
    def custody(self) -> int:
        """Payloads of this node's own flows that no ack covers yet."""
        return self._source.custody

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
        self._outbox.plan_changed(event, now_us, out)
        self._source.plan_changed(event.plan, out)

    def _timer(self, event: TimerFired, now_us: int, out: list[Effect]) -> None:
        kind, _, what = event.name.partition(":")
        if kind == "contact":
            self._outbox.wake(what, now_us, out)
        elif kind == STRANDED:
            self._outbox.look_at_stranded(now_us, out)
        else:
            self._source.overdue(int(what), now_us, out)

    def _arrived(self, event: BundleArrived, now_us: int, out: list[Effect]) -> None:
        data = event.data
        try:
            flow, payload, bundle, expiry_us, has_blocks = read_clear(data, self._mailer.address.here, now_us)
        except BundleError as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        node, service = flow.destination
        if node == self._node:
            if not self._sink.take(service, payload, now_us, out):
                self._take_ack(payload, out)
            return
        name = self._names.get(node)
        if name is None:
            out.append(Report(Rejected("bundle", f"for ipn:{node}.{service}, which nobody here knows")))
            return
        priority = self._priorities.get((node, service), NORMAL)
        parcel = Parcel(data, name, priority, expiry_us, bundle, event.source)
        if has_blocks:
            try:
                plan = self._outbox.router.plan
                note_blocks(parcel, plan.between(event.source, self.settings.name), now_us)
            except BundleError as problem:
                out.append(Report(Rejected("bundle", str(problem))))
                return
        self._outbox.put(parcel, now_us, out)

    def _take_ack(self, payload: bytes, out: list[Effect]) -> None:
        try:
            message = decode(payload)
        except MessageError as problem:
            out.append(Report(Rejected("bundle", str(problem))))
            return
        if isinstance(message, FlowAck):
            self._source.acked(message, out)
        else:
            out.append(Report(Rejected(type(message).__name__, "not for a bundle node")))


def _refuse(event: Event, _now_us: int, out: list[Effect]) -> None:
    out.append(Report(Rejected(type(event).__name__, "not an event of a bundle node")))
