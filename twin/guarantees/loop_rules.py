"""The loop device -> Earth -> device in time: freshness and feedback_closure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twin.guarantees.availability import Availability, Bound
from twin.guarantees.truth import Key, RootBook, Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AckLearned, AckMade
from twin.trace import HeadVisible, Trace

Of = Callable[[int], Availability]  # device -> what its home edge can use


class Freshness(Checker):
    """Peak age of information: at each visible event, now - generation of the newest sample visible before is within
    the bound.

    The bound runs from the generation of the first record that became visible.
    """

    key = "freshness"
    not_applicable = "no head became visible"

    def __init__(self, truth: Truth, bound: Bound, of: Of, constants_us: Mapping[str, int]) -> None:
        super().__init__()
        self._truth = truth
        self._bound = bound
        self._of = of
        self._constants_us = constants_us
        self._visible: dict[Key, tuple[int, int]] = {}
        self._beyond = 0  # due after the planned contacts end
        truth.keep_from(lambda stream: self._visible.get(stream, (0, 0))[0])

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadVisible, self._moved)

    def _moved(self, at_us: int, node: str, fact: HeadVisible) -> None:
        stream = (fact.stream[0], fact.stream[1])
        truth = self._truth.of(stream)
        size, newest_us = self._visible.get(stream, (0, None))
        first_us = truth.generated_us.get(size)
        last_us = truth.generated_us.get(fact.size - 1)
        if fact.size <= size or first_us is None or last_us is None:
            return
        self._visible[stream] = (fact.size, last_us)
        deadline_us = self._of(stream[0]).deadline_us(self._bound, first_us, self._constants_us)
        if deadline_us is None:
            self._beyond += 1
            return
        self.checked += 1
        age_us = at_us - (first_us if newest_us is None else newest_us)
        if not self.measure(age_us, deadline_us - first_us):
            bound_s = (deadline_us - first_us) / 1e6
            self.violate(at_us, node, (*stream, size), f"age {age_us / 1e6:.1f} s is over the bound of {bound_s:.1f} s")

    def pending(self) -> int:
        return self._beyond + sum(
            max(0, t.sealed - self._visible.get(s, (0, 0))[0]) for s, t in self._truth.streams.items()
        )


class FeedbackClosure(Checker):
    """verified(n) implies that rows 0..n-1 were durable and correct when the ack was made; n is monotone per epoch
    and term; the device knows in time.

    The bound, if the scenario asks for one, runs from the generation of a record's newest sample to the instant at
    which its device learns that Earth has verified it.
    """

    key = "feedback_closure"
    not_applicable = "no ack was made"

    def __init__(
        self, truth: Truth, bound: Bound | None, of: Of, constants_us: Mapping[str, int], devices: Mapping[str, int]
    ) -> None:
        super().__init__()
        self._truth = truth
        self._bound = bound
        self._of = of
        self._constants_us = constants_us
        self._roots = RootBook(truth)
        self._made: dict[Key, tuple[int, int]] = {}
        self._known: dict[Key, int] = {}
        self._devices = devices
        self._beyond = 0  # due after the planned contacts end
        truth.keep_from(lambda stream: self._known.get(stream, 0))

    def watch(self, trace: Trace) -> None:
        trace.subscribe(AckMade, self._on_made)
        trace.subscribe(AckLearned, self._on_learned)

    def _on_made(self, at_us: int, node: str, fact: AckMade) -> None:
        self.checked += 1
        stream = (fact.stream.device, fact.stream.epoch)
        truth = self._truth.of(stream)
        rows = truth.contiguous["table"]
        term, verified = self._made.get(stream, (0, 0))
        if fact.term == term and fact.verified < verified:
            self.violate(at_us, node, (*stream, fact.verified), f"verified fell from {verified} to {fact.verified}")
        self._made[stream] = (fact.term, fact.verified)
        if fact.verified > rows:
            what = f"acked {fact.verified} records while row {rows} was not stored"
            self.violate(at_us, node, (*stream, rows), what)
            return
        if self._roots.at(stream, fact.verified) != fact.root:
            self.violate(
                at_us, node, (*stream, fact.verified), "the acked root is not the root of what the device signed"
            )

    def _on_learned(self, at_us: int, node: str, fact: AckLearned) -> None:
        if self._devices.get(node) != fact.stream.device:
            return
        stream = (fact.stream.device, fact.stream.epoch)
        made = self._made.get(stream, (0, 0))[1]
        if fact.verified > made:
            self.violate(at_us, node, (*stream, made), f"device believes {fact.verified} verified, Earth said {made}")
            return
        truth = self._truth.of(stream)
        known = self._known.get(stream, 0)
        for index in range(known, fact.verified):
            generated_us = truth.generated_us.get(index)
            if generated_us is None or self._bound is None:
                continue
            deadline_us = self._of(stream[0]).deadline_us(self._bound, generated_us, self._constants_us)
            if deadline_us is None:
                self._beyond += 1
                continue
            self.checked += 1
            if not self.measure(at_us - generated_us, deadline_us - generated_us):
                what = f"the device learned after {(at_us - generated_us) / 1e6:.1f} s, the bound is "
                what += f"{(deadline_us - generated_us) / 1e6:.1f} s"
                self.violate(at_us, node, (*stream, index), what)
        self._known[stream] = max(known, fact.verified)

    def pending(self) -> int:
        return self._beyond + sum(max(0, t.sealed - self._known.get(s, 0)) for s, t in self._truth.streams.items())
