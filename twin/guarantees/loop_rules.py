"""The loop device -> Earth -> device in time: freshness and feedback_closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twin.guarantees.availability import Availability, Bound
from twin.guarantees.gap_rules import WordOfGaps
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker, Place
from twin.pipeline.facts import AckLearned, AckMade
from twin.trace import HeadVisible, Trace

Of = Callable[[int], Availability]  # device -> what the edges that carry it can use
TERMS_KEPT = 4


class _Timed(Checker):
    """A checker that holds instants of records against a bound over the contacts."""

    def __init__(self, truth: Truth, bound: Bound | None, of: Of, constants_us: Mapping[str, int]) -> None:
        super().__init__()
        self._truth = truth
        self._bound = bound
        self._of = of
        self._constants_us = constants_us
        self._beyond = 0  # due after the planned contacts end

    def _deadline_us(self, stream: Key, from_us: int) -> int | None:
        """When what began at `from_us` is due; None where nothing bounds it, or the planned contacts end before."""
        if self._bound is None:
            return None
        return self._of(stream[0]).deadline_us(self._bound, from_us, self._constants_us)

    def _in_time(self, place: Place, stream: Key, from_us: int, observed_us: int, deadline_us: int) -> bool:
        def terms() -> list[tuple[str, int]]:
            assert self._bound is not None
            return self._of(stream[0]).terms_us(self._bound, from_us, self._constants_us) or []

        return self.measure(observed_us, deadline_us - from_us, place, terms)

    def _overdue(self, at_us: int, node: str, reached: Callable[[Key], int], what: str) -> int:
        """At the end: violate for every stream whose next record is overdue; returns how many records are not.

        What died with its device before any edge had it is nobody's promise, and where a record was destroyed nothing
        behind it can be reached; no_loss lists it.
        """
        open_records = 0
        for stream, truth in sorted(self._truth.streams.items()):
            size = reached(stream)
            end = truth.end
            if size >= end or truth.destroyed(truth.contiguous["table"]):
                continue
            generated_us = truth.generated_us.get(size)
            deadline_us = None
            if generated_us is not None and self._bound is not None:
                deadline_us = self._of(stream[0]).overdue_us(self._bound, generated_us, self._constants_us)
            if generated_us is None or deadline_us is None or deadline_us >= at_us:
                open_records += end - size
            else:
                self.checked += 1
                place = (at_us, node, (*stream, size))
                self._in_time(place, stream, generated_us, at_us - generated_us, deadline_us)
                self.violate(*place, f"{what} after {(at_us - generated_us) / 1e6:.1f} s")
        return open_records


class Freshness(_Timed):
    """Peak age of information: at each visible event, now - generation of the newest sample visible before is within
    the bound.

    The bound runs from the generation of the first record that became visible. While a device is silent (it crashed)
    nothing ages: an age counts from one frame period before that record at the earliest. Streams of alerts have no
    samples and no age.
    """

    key = "freshness"
    not_applicable = "no head became visible"

    def __init__(
        self,
        truth: Truth,
        bound: Bound,
        of: Of,
        constants_us: Mapping[str, int],
        devices: frozenset[int] | None = None,
    ) -> None:
        super().__init__(truth, bound, of, constants_us)
        self._devices = devices
        self._visible: dict[Key, tuple[int, int]] = {}
        self._open = 0
        truth.keep_from(self._floor)

    def _floor(self, stream: Key) -> int:
        if self._devices is not None and stream[0] not in self._devices:
            return 1 << 62
        return self._visible.get(stream, (0, 0))[0]

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadVisible, self._moved)

    def _moved(self, at_us: int, node: str, fact: HeadVisible) -> None:
        stream = (fact.stream[0], fact.stream[1])
        if self._devices is not None and stream[0] not in self._devices:
            return
        truth = self._truth.of(stream)
        size, newest_us = self._visible.get(stream, (0, None))
        first_us = truth.generated_us.get(size)
        last_us = truth.generated_us.get(fact.size - 1)
        if fact.size <= size or first_us is None or last_us is None:
            return
        self._visible[stream] = (fact.size, last_us)
        deadline_us = self._deadline_us(stream, first_us)
        if deadline_us is None:
            self._beyond += 1
            return
        self.checked += 1
        silent_us = first_us - self._constants_us.get("frame_period", 1 << 62)
        age_us = at_us - (first_us if newest_us is None else max(newest_us, silent_us))
        if not self._in_time((at_us, node, (*stream, size)), stream, first_us, age_us, deadline_us):
            bound_s = (deadline_us - first_us) / 1e6
            self.violate(at_us, node, (*stream, size), f"age {age_us / 1e6:.1f} s is over the bound of {bound_s:.1f} s")

    def finish(self, at_us: int) -> None:
        self._open = self._overdue(at_us, "table", self._floor, "not visible")

    def pending(self) -> int:
        return self._beyond + self._open


class FeedbackClosure(_Timed):
    """verified(n) implies that rows 0..n-1 were durable and correct when the ack was made; n never falls within an
    epoch and term, and never below trim; what is missing beyond n is named (`gap_rules`); the device knows in time.

    The bound, if the scenario asks for one, runs from the generation of a record's newest sample to the instant at
    which the node that signed it learns that Earth has verified it.

    Args:
        earth: the node that the ways down end at; None: nobody sees what arrives, and gaps are not judged.
    """

    key = "feedback_closure"
    not_applicable = "no ack was made"

    def __init__(
        self,
        truth: Truth,
        bound: Bound | None,
        of: Of,
        constants_us: Mapping[str, int],
        owners: Mapping[str, int],
        earth: str | None,
    ) -> None:
        super().__init__(truth, bound, of, constants_us)
        self._gaps = None if earth is None else WordOfGaps(self, earth)
        self._made: dict[Key, dict[int, tuple[int, bytes]]] = {}  # by term: verified and root, as said last
        self._highest: dict[Key, int] = {}
        self._known: dict[Key, int] = {}
        self._owners = owners
        self._open = 0
        truth.keep_from(lambda stream: self._known.get(stream, 0))

    def watch(self, trace: Trace) -> None:
        trace.subscribe(AckMade, self._on_made)
        trace.subscribe(AckLearned, self._on_learned)
        if self._gaps is not None:
            self._gaps.watch(trace)

    def _on_made(self, at_us: int, node: str, fact: AckMade) -> None:
        self.checked += 1
        stream = (fact.stream.device, fact.stream.epoch)
        truth = self._truth.of(stream)
        rows = truth.contiguous["table"]
        of_terms = self._made.setdefault(stream, {})
        verified, said = of_terms.get(fact.term, (0, b""))
        if fact.verified < verified:
            self.violate(at_us, node, (*stream, fact.verified), f"verified fell from {verified} to {fact.verified}")
        elif fact.verified < truth.trim and fact.term >= max(of_terms, default=0):
            # what a leader of a term that is over says again was true in its term, and Mars refuses it
            what = f"verified fell to {fact.verified} while Mars may have deleted all below {truth.trim}"
            self.violate(at_us, node, (*stream, fact.verified), what)
        root = truth.roots.at(fact.verified)
        if root is None and fact.verified < truth.roots.kept:
            # a leader whose term is over says again what was judged when it said it first
            root = said if fact.verified == verified else fact.root
        if fact.verified >= verified:
            of_terms[fact.term] = (fact.verified, fact.root)
        if len(of_terms) > TERMS_KEPT:
            del of_terms[min(of_terms)]
        if fact.verified > rows:
            what = f"acked {fact.verified} records while row {rows} was not stored"
            self.violate(at_us, node, (*stream, rows), what)
            return
        if root != fact.root:
            self.violate(
                at_us, node, (*stream, fact.verified), "the acked root is not the root of what the device signed"
            )
            return  # and no device may believe it
        self._highest[stream] = max(self._highest.get(stream, 0), fact.verified)

    def _on_learned(self, at_us: int, node: str, fact: AckLearned) -> None:
        if self._owners.get(node) != fact.stream.device:
            return
        stream = (fact.stream.device, fact.stream.epoch)
        made = self._highest.get(stream, 0)
        if fact.verified > made:
            self.violate(at_us, node, (*stream, made), f"device believes {fact.verified} verified, Earth said {made}")
            return
        truth = self._truth.of(stream)
        known = self._known.get(stream, 0)
        if self._bound is not None:
            for index in range(known, fact.verified):
                generated_us = truth.generated_us.get(index)
                if generated_us is not None:
                    self._learned(at_us, node, stream, index, generated_us)
        self._known[stream] = max(known, fact.verified)

    def _learned(self, at_us: int, node: str, stream: Key, index: int, generated_us: int) -> None:
        deadline_us = self._deadline_us(stream, generated_us)
        if deadline_us is None:
            self._beyond += 1
            return
        self.checked += 1
        place = (at_us, node, (*stream, index))
        if not self._in_time(place, stream, generated_us, at_us - generated_us, deadline_us):
            what = f"the device learned after {(at_us - generated_us) / 1e6:.1f} s, the bound is "
            what += f"{(deadline_us - generated_us) / 1e6:.1f} s"
            self.violate(*place, what)

    def finish(self, at_us: int) -> None:
        def reached(stream: Key) -> int:
            """A node that crashed has forgotten what it would learn about."""
            return max(self._known.get(stream, 0), self._truth.of(stream).forgotten)

        self._open = self._overdue(at_us, "device", reached, "its device does not know")

    def pending(self) -> int:
        return self._beyond + self._open
