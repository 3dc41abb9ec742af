"""conservation: sent = delivered + lost (with cause) + in flight, on every hop, at every instant and at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from twin.guarantees.verdict import Checker
from twin.trace import Entry, HopDelivered, HopLost, HopSent, Trace


class _Hop:
    __slots__ = ("delivered", "lost", "open", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.delivered = 0
        self.lost = 0
        self.open: set[int] = set()


class Conservation(Checker):
    """For every directed link at every instant: sent = delivered + lost by cause + in flight; copies made by faults
    count as sent.
    """

    key = "conservation"
    not_applicable = "nothing was sent"

    def __init__(self) -> None:
        super().__init__()
        self._hops: defaultdict[str, _Hop] = defaultdict(_Hop)
        self.causes: dict[str, int] = {}
        self.link_counts: dict[str, int] = {}

    def watch(self, trace: Trace) -> None:
        trace.read(self._read)

    def _read(self, entries: Sequence[Entry]) -> None:
        hops = self._hops
        for at_us, node, fact in entries:
            kind = type(fact)
            if kind is HopSent:
                link, number, _ = fact
                hop = hops[link]
                hop.sent += 1
                if number in hop.open:
                    self.violate(at_us, node, f"{link} #{number}", "sent twice under one number")
                hop.open.add(number)
            elif kind is HopDelivered or kind is HopLost:
                link, number = fact[0], fact[1]
                hop = hops[link]
                if number in hop.open:
                    hop.open.remove(number)
                else:
                    what = "arrived or was lost without having been sent, or twice"
                    self.violate(at_us, node, f"{link} #{number}", what)
                if kind is HopDelivered:
                    hop.delivered += 1
                else:
                    hop.lost += 1
                    self.causes[fact.cause] = self.causes.get(fact.cause, 0) + 1
                    if not fact.cause:
                        self.violate(at_us, node, f"{link} #{number}", "lost without a cause")
        self.checked = sum([hop.sent for hop in hops.values()])

    @property
    def totals(self) -> dict[str, int]:
        """Sent, delivered, lost and in flight over all hops."""
        hops = self._hops.values()
        return {
            "sent": sum(hop.sent for hop in hops),
            "delivered": sum(hop.delivered for hop in hops),
            "lost": sum(hop.lost for hop in hops),
            "in_flight": sum(len(hop.open) for hop in hops),
        }

    def sent_from(self, nodes: frozenset[str]) -> int:
        """Copies that these nodes have sent."""
        return sum(hop.sent for link, hop in self._hops.items() if link.partition("->")[0] in nodes)

    def finish(self, at_us: int) -> None:
        for link, hop in sorted(self._hops.items()):
            in_flight = self.link_counts.get(link, 0)
            if hop.sent != hop.delivered + hop.lost + in_flight:
                what = f"sent {hop.sent}, delivered {hop.delivered}, lost {hop.lost}, the link holds {in_flight}"
                self.violate(at_us, link, link, what)
