"""convergence: once faults stop, Earth's roots equal those of Mars within the ideal drain plus k rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twin.guarantees.availability import Availability
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import US_PER_S, Checker, in_seconds
from twin.pipeline.facts import Attested
from twin.trace import DisturbanceEnded, GenerationEnded, StoreRestored, Trace

WIRE_OVERHEAD = 1.05  # bundle and payload headers over the frames' own bytes, at most


class Allowance(NamedTuple):
    """What the bound grants besides the contact plan: rounds k, local hop and batching, processing on Earth, times in
    microseconds; `window_bytes` is what may be in flight, None for no limit.
    """

    rounds: int
    before_transmission_us: int
    processing_us: int
    window_bytes: int | None = None


class Convergence(Checker):
    """Faults and generation stop at h: by h + B Earth's rows and roots equal those of the longest prefix that any
    edge holds, and of all that its device still does: what no edge will hear is not at rest either.

    B is the ideal drain: the backlog at h sent without a pause over the contacts that are really usable, one light
    time, processing, and k retransmission rounds, each with its wait for a contact. A window lets so much leave for
    each answer: the drain takes a round for each window full.
    """

    key = "convergence"
    not_applicable = "no stream exists"

    def __init__(self, truth: Truth, of: Callable[[int], Availability], allow: Allowance) -> None:
        super().__init__()
        self._truth = truth
        self._of = of
        self._allow = allow
        self._attested: dict[Key, int] = {}
        self._attested_us: dict[Key, int] = {}
        self._silent_us: int | None = None
        self.healed_us: int | None = None
        self.deadline_us: int | None = None
        self.complete = True

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Attested, self._on_attested)
        trace.subscribe(StoreRestored, self._on_restored)
        trace.subscribe(GenerationEnded, self._on_silence)
        trace.subscribe(DisturbanceEnded, self._on_healed)

    def _on_attested(self, at_us: int, node: str, fact: Attested) -> None:
        stream = (fact.stream.device, fact.stream.epoch)
        if fact.size <= self._attested.get(stream, 0):
            return
        self._attested[stream] = fact.size
        self._attested_us[stream] = at_us
        truth = self._truth.of(stream)
        if truth.roots.at(fact.size) != fact.root and fact.size >= truth.kept:
            self.violate(at_us, node, (*stream, fact.size), "Earth's root is not the root of what the device signed")

    def _on_restored(self, at_us: int, _node: str, fact: StoreRestored) -> None:
        """What was lost with the store has to be read back and signed again."""
        holds = {(device, epoch): size for device, epoch, size in fact.streams}
        for stream, size in self._attested.items():
            self._attested[stream] = min(size, holds.get(stream, 0))
        if self._silent_us is not None:
            self._restart_bound(at_us)

    def _on_silence(self, at_us: int, _node: str, _fact: GenerationEnded) -> None:
        self._silent_us = at_us
        self._restart_bound(at_us)

    def _on_healed(self, at_us: int, _node: str, _fact: DisturbanceEnded) -> None:
        if self._silent_us is not None:
            self._restart_bound(at_us)

    def _restart_bound(self, at_us: int) -> None:
        """B from now on: the latest deadline over all edges with a backlog, and its terms."""
        self.healed_us = at_us
        self.deadline_us, self.terms = at_us + self._allow.processing_us, ()
        backlogs: list[int] = []  # devices that have one
        total = largest = 0
        for (device, _), truth in sorted(self._truth.streams.items()):
            at = truth.contiguous["table"]
            sizes = [size for index, size in truth.sizes.items() if index >= at]
            if sizes:
                backlogs.append(device)
                total += sum(sizes)
                largest = max(largest, *sizes)
        for available in {id(found): found for found in map(self._of, backlogs)}.values():
            # edge nodes share one antenna, so each may have to wait for all
            bound = self._ideal_drain(available, at_us, int(total * WIRE_OVERHEAD), largest)
            if bound is None:
                self.deadline_us, self.terms = None, (("beyond the planned contacts", float("nan")),)
                return
            if bound[0] > self.deadline_us:
                self.deadline_us, self.terms = bound

    def _ideal_drain(
        self, availability: Availability, from_us: int, size_bytes: int, largest_bytes: int
    ) -> tuple[int, tuple[tuple[str, float], ...]] | None:
        start_us = from_us + self._allow.before_transmission_us
        begin_us, left_bytes, windows = start_us, size_bytes, 0
        if self._allow.window_bytes is not None:
            # of a window the last frame may find no room; and a frame larger than it goes alone
            full_bytes = max(self._allow.window_bytes - largest_bytes, largest_bytes)
            while left_bytes > full_bytes:
                drained = availability.down.drain_us(begin_us, full_bytes)
                answered_us = None if drained is None else availability.answered_us(*drained)
                if answered_us is None:
                    return None
                begin_us, left_bytes, windows = answered_us, left_bytes - full_bytes, windows + 1
        drained = availability.down.drain_us(begin_us, left_bytes)
        if drained is None:
            return None
        sent_us, contact = drained
        waits = f", each of {windows} full windows until its answer" if windows else ""
        terms = [
            ("local hop, fsync and batching", self._allow.before_transmission_us),
            (f"drain of {size_bytes / 1e6:.2f} MB over the usable contacts{waits}", sent_us - start_us),
        ]
        at_us = sent_us
        for attempt in range(1, self._allow.rounds + 1):
            answer_us = availability.answered_us(at_us, contact)
            again = None if answer_us is None else availability.down.next_us(answer_us)
            if answer_us is None or again is None:
                return None
            terms.append((f"round {attempt}: until the answer", answer_us - at_us))
            terms.append((f"round {attempt}: wait for a contact", again[0] - answer_us))
            at_us, contact = again
        terms.append(("one-way light time", contact.owlt_us(at_us)))
        terms.append(("processing on Earth", self._allow.processing_us))
        deadline_us = from_us + sum(us for _, us in terms)
        return deadline_us, in_seconds(terms)

    def finish(self, at_us: int) -> None:
        if self.healed_us is None or self.deadline_us is None or not self.complete:
            return
        for stream, truth in sorted(self._truth.streams.items()):
            size = self._attested.get(stream, 0)
            target = truth.end
            self.checked += 1
            if size < target and truth.destroyed(size):
                continue  # no_loss lists it, and nothing behind it can be verified
            # a stream that no medium holds any more has nothing to wait for
            done_us = self._attested_us.get(stream, self.healed_us) if size >= target else at_us
            observed_us = max(0, done_us - self.healed_us)
            place = (done_us, "auditor", (*stream, size))
            in_time = self.measure(observed_us, self.deadline_us - self.healed_us, place)
            if size < target:
                self.violate(at_us, "auditor", (*stream, size), f"Earth verified {size} of {target} records by the end")
            elif not in_time:
                self.violate(
                    done_us,
                    "auditor",
                    (*stream, size),
                    f"roots agreed {observed_us / US_PER_S:.1f} s after faults stopped",
                )
