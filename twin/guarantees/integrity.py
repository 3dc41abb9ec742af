"""integrity: every row is what its device signed, and what rots at rest is found and mended in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.availability import Availability, Bound
from twin.guarantees.truth import Rot, Truth
from twin.guarantees.verdict import Checker
from twin.trace import RowRotted, RowStored, Trace

Of = Callable[[int], Availability]
Place = tuple[str, tuple[int, int, int]]


class Mending(NamedTuple):
    """How long a rotten row may stand: `scrub_us` until a scrub has read it, then `bound` over the contacts."""

    scrub_us: int
    bound: Bound
    of: Of
    constants_us: Mapping[str, int]


class Integrity(Checker):
    """Every row, in table and backup, is what its device signed. A row that was changed at rest stands as signed again
    within the scrub period and the bound.
    """

    key = "integrity"
    not_applicable = "no row was stored"

    def __init__(self, truth: Truth, mending: Mending | None = None) -> None:
        super().__init__()
        self._truth = truth
        self._mending = mending
        self._pending = 0
        self.rotted = 0
        self.mended = 0

    def watch(self, trace: Trace) -> None:
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(RowRotted, self._rotted)

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        self.checked += 1
        index = fact.record[2]
        truth = self._truth.of(fact.record)
        signed = truth.leaves.get(index)
        if self._truth.rotten:
            rot = self._truth.rotten.get((fact.store, fact.record))
            if rot is not None:
                signed = rot.leaf
                if fact.leaf == signed:
                    self._mend(at_us, (fact.store, fact.record), rot)
        if signed is None and index < truth.kept:
            # proved before: the row that stood there is the witness; in the backup it is the table's, seen when it came
            signed = fact.replaced
        if fact.leaf != signed:
            self.violate(at_us, fact.store, fact.record, "the row is not what its device signed")

    def _rotted(self, _at_us: int, _node: str, _fact: RowRotted) -> None:
        self.rotted += 1

    def _mend(self, at_us: int, place: Place, rot: Rot) -> None:
        self.mended += 1
        deadline_us = self._deadline_us(place, rot)
        if deadline_us is None or self._mending is None:
            return
        mending = self._mending
        due_us = deadline_us

        def terms() -> list[tuple[str, int]]:
            from_us = rot.since_us + mending.scrub_us
            found = mending.of(place[1][0]).terms_us(mending.bound, from_us, mending.constants_us)
            return [("scrub", mending.scrub_us), *(found or ())]

        if not self.measure(at_us - rot.since_us, due_us - rot.since_us, (at_us, *place), terms):
            self._late(at_us, place, rot)

    def _deadline_us(self, place: Place, rot: Rot) -> int | None:
        if self._mending is None:
            return None
        m = self._mending
        return m.of(place[1][0]).deadline_us(m.bound, rot.since_us + m.scrub_us, m.constants_us)

    def _overdue_us(self, place: Place, rot: Rot) -> int | None:
        """When what is rotten still must have been mended; what was excused for a while waits for a scrub after it."""
        if self._mending is None:
            return None
        m = self._mending
        of, scrubbed_us = m.of(place[1][0]), rot.since_us + m.scrub_us
        if of.promised(scrubbed_us):
            return self._deadline_us(place, rot)
        owed_us = of.owed_from(scrubbed_us)
        return None if owed_us is None else of.deadline_us(m.bound, owed_us + m.scrub_us, m.constants_us)

    def _late(self, at_us: int, place: Place, rot: Rot) -> None:
        what = f"rotten for {(at_us - rot.since_us) / 1e6:.0f} s, longer than a scrub and its bound"
        self.violate(at_us, place[0], place[1], what)

    def pending(self) -> int:
        return self._pending

    def finish(self, at_us: int) -> None:
        for place, rot in sorted(self._truth.rotten.items(), key=lambda item: item[0]):
            overdue_us = self._overdue_us(place, rot)
            if overdue_us is None or overdue_us > at_us:
                self._pending += 1
            else:
                self.checked += 1
                self._late(at_us, place, rot)

    def remark(self) -> str:
        return f"{self.mended} of {self.rotted} rows that rotted at rest were mended" if self.rotted else ""
