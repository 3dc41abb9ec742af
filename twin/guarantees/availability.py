"""When an edge could really transmit: the planned contacts less outages, stows and crashes; and what bounds are made
of.

`contact_wait` of a bound is the time until an edge that holds the record can transmit. Where a bound grants k lost
rounds (`k R`), the wait is counted for each of the 1 + k transmissions, and where it names `2 contact_wait` also for
the first return contact: a round that ends after the pass costs the night.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from twin.pipeline.transport.contact_plan import Contact

Window = tuple[int, int]
_A_MOMENT_US = 1_000_000


class Term(Protocol):
    """One summand of a bound: `coefficient` x `variable`, or a constant in microseconds."""

    @property
    def coefficient(self) -> float: ...
    @property
    def variable(self) -> str | None: ...
    @property
    def constant_us(self) -> int: ...


class Bound(Protocol):
    """A sum of terms and its text."""

    @property
    def terms(self) -> Sequence[Term]: ...
    @property
    def text(self) -> str: ...


class Passage:
    """Usable windows of one direction, in the transmitter's time, with the contact that each belongs to."""

    def __init__(self, windows: Sequence[tuple[int, int, Contact]]) -> None:
        self.windows = sorted(windows, key=lambda w: w[0])
        self._ends = [end for _, end, _ in self.windows]

    def next_us(self, at_us: int) -> tuple[int, Contact] | None:
        """Earliest usable instant from `at_us` on, and its contact; None beyond the plan."""
        position = bisect_right(self._ends, at_us)
        if position == len(self.windows):
            return None
        start_us, _, contact = self.windows[position]
        return max(at_us, start_us), contact

    def open_until_us(self, at_us: int) -> tuple[int, Contact] | None:
        """Until when the passage that is open at `at_us` stays open, and its contact; None if none is."""
        position = bisect_right(self._ends, at_us)
        if position == len(self.windows) or self.windows[position][0] > at_us:
            return None
        _, end_us, contact = self.windows[position]
        return end_us, contact

    def passes_through(self, at_us: int) -> bool:
        """Whether what leaves at `at_us` arrives without waiting at a node between: what leaves later arrives later."""
        found = self.open_until_us(at_us)
        if found is None:
            return False
        later_us = min(at_us + _A_MOMENT_US, found[0])
        return later_us == at_us or later_us + found[1].owlt_us(later_us) > at_us + found[1].owlt_us(at_us)

    def drain_us(self, at_us: int, size_bytes: int) -> tuple[int, Contact] | None:
        """When the last bit of `size_bytes` could have left, sending without a pause from `at_us` on."""
        left = size_bytes
        for start_us, end_us, contact in self.windows[bisect_right(self._ends, at_us) :]:
            begin_us = max(at_us, start_us)
            need_us = contact.airtime_us(left)
            if begin_us + need_us <= end_us:
                return begin_us + need_us, contact
            left -= (end_us - begin_us) * contact.rate_bps // 8_000_000
        return None


@dataclass(frozen=True)
class Belief:
    """A wrong plan that a sender follows in a span: the ways down that it knows, one per neighbour, and those up."""

    span: Window
    down: Sequence[Passage]
    up: Passage


def _at_once(begun_us: int) -> int:
    return begun_us


@dataclass(frozen=True)
class Availability:
    """Both directions for what carries a stream: one edge, or the union of two; `turnaround_us` is Earth's processing
    allowance plus its ack delay. Under a belief timers wait for answers when it promises them, if that is later; in
    `deaf` spans, when the sender's only antenna hears nothing, they stand still (RFC 5326 6.5). A bound for what began
    at an instant runs from `owed_from` that instant: later where it began while faults excused it, None while they do.
    """

    down: Passage
    up: Passage
    turnaround_us: int
    beliefs: Sequence[Belief] = ()
    deaf: Sequence[Window] = ()
    owed_from: Callable[[int], int | None] = _at_once

    def promised(self, begun_us: int) -> bool:
        """Whether a bound runs from the very instant at which something began."""
        return self.owed_from(begun_us) == begun_us

    def answered_us(self, sent_us: int, contact: Contact) -> int | None:
        """When the answer to what was sent at `sent_us` can be home, or is waited for."""
        arrival_us = sent_us + contact.owlt_us(sent_us)
        home_us = self._home_us(self.up, arrival_us)
        if home_us is None:
            return None
        for belief in self.beliefs:
            if belief.span[0] <= sent_us < belief.span[1]:
                open_now = [found[1] for way in belief.down if (found := way.open_until_us(sent_us)) is not None]
                arrivals_us = [arrival_us, *(sent_us + believed.owlt_us(sent_us) for believed in open_now)]
                homes_us = [self._home_us(up, at_us) for up in (self.up, belief.up) for at_us in arrivals_us]
                home_us = max(home_us, *(us for us in homes_us if us is not None))
        return max(home_us, self._due_us(sent_us, contact)) if self.deaf else home_us

    def _due_us(self, sent_us: int, contact: Contact) -> int:
        """When a timer runs off whose answer waits for no contact: it stands still while the sender is deaf."""
        due_us = sent_us + 2 * contact.owlt_us(sent_us) + self.turnaround_us
        for start_us, end_us in self.deaf:
            if start_us < due_us and sent_us < end_us:
                due_us += end_us - max(start_us, sent_us)
        return due_us

    def _home_us(self, up: Passage, arrival_us: int) -> int | None:
        back = up.next_us(arrival_us + self.turnaround_us)
        return None if back is None else back[0] + back[1].owlt_us(back[0])

    def deadline_us(self, bound: Bound, from_us: int, constants_us: Mapping[str, int]) -> int | None:
        """Instant by which a bound that runs from `from_us` is due; None if nothing is promised yet, or the plan ends
        before.
        """
        if not self.promised(from_us):
            return None
        terms = self.terms_us(bound, from_us, constants_us)
        return None if terms is None else from_us + sum(us for _, us in terms)

    def overdue_us(self, bound: Bound, begun_us: int, constants_us: Mapping[str, int]) -> int | None:
        """Instant by which what began at `begun_us` must be over, be it excused for a while; None as in `deadline_us`.

        Only for what is still open: how late it was before bounds were in force is nobody's fault.
        """
        owed_us = self.owed_from(begun_us)
        return None if owed_us is None else self.deadline_us(bound, owed_us, constants_us)

    def terms_us(self, bound: Bound, from_us: int, constants_us: Mapping[str, int]) -> list[tuple[str, int]] | None:
        """The bound's summands at `from_us`, with the waits of each round apart; None if the plan ends before."""
        coefficients: dict[str, float] = {}
        fixed: list[tuple[str, int]] = []
        for term in bound.terms:
            variable = term.variable
            if variable is None:
                fixed.append(("constant", term.constant_us))
            elif variable in constants_us:
                fixed.append((variable, round(term.coefficient * constants_us[variable])))
            else:
                coefficients[variable] = coefficients.get(variable, 0) + term.coefficient
        waits = coefficients.get("contact_wait", 0)
        at_us = from_us
        rounds = round(coefficients.get("R", 0))
        moving: list[tuple[str, int]] = []
        light_us = 0
        for attempt in range(rounds + 1):
            found = self.down.next_us(at_us)
            if found is None:
                return None
            sent_us, contact = found if waits else (at_us, found[1])
            light_us = contact.owlt_us(sent_us)
            if waits:
                name = f"contact_wait after round {attempt}" if attempt else "contact_wait"
                moving.append((name, sent_us - at_us))
            at_us = sent_us
            if attempt < rounds:
                answer_us = self.answered_us(sent_us, contact)
                if answer_us is None:
                    return None
                moving.append((f"R, round {attempt + 1}", answer_us - at_us))
                at_us = answer_us
        owlts = coefficients.get("owlt", 0)
        answers: list[tuple[str, int]] = []
        all_light_us = owlts * light_us
        if waits >= 2:
            arrival_us = at_us + light_us + self.turnaround_us
            back = self.up.next_us(arrival_us)
            if back is None:
                return None
            answers.append(("contact_wait for the way back", back[0] - arrival_us))
            if owlts >= 2:  # one of them is the way back, which over relays may be hours longer or shorter
                all_light_us += back[1].owlt_us(back[0]) - light_us
        if owlts:
            moving.append(("owlt" if owlts == 1 else f"{owlts:g} owlt", round(all_light_us)))
        return moving + answers + fixed
