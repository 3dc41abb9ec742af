"""integrity: every row is what its device signed, and what rots at rest is found and mended in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from twin.guarantees.availability import Availability, Bound
from twin.guarantees.truth import Rot, Truth
from twin.guarantees.verdict import Checker
from twin.trace import Crashed, Restarted, RowRotted, RowStored, Trace

Of = Callable[[int], Availability]
Place = tuple[str, tuple[int, int, int]]
_OTHER: Final = {"table": "backup", "backup": "table"}


class Mending(NamedTuple):
    """How long a rotten row may stand: `scrub_us` until a scrub has read it, then `bound` over the contacts. When
    `auditor`, who scrubs, starts, the period begins anew.
    """

    auditor: str
    scrub_us: int
    bound: Bound
    of: Of
    constants_us: Mapping[str, int]


class Integrity(Checker):
    """Every row, in table and backup, is what its device signed. A row that was changed at rest stands as signed again
    within the scrub period and the bound; one that no store has any more, and that Mars has lost or may have deleted,
    is listed as lost.
    """

    key = "integrity"
    not_applicable = "no row was stored"

    def __init__(self, truth: Truth, mending: Mending | None = None) -> None:
        super().__init__()
        self._truth = truth
        self._mending = mending
        self._auditing_since_us = 0
        self._late: set[Place] = set()
        self._lost = 0
        self._pending = 0
        self.rotted = 0
        self.mended = 0

    def watch(self, trace: Trace) -> None:
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(RowRotted, self._rotted)
        trace.subscribe(Crashed, self._crashed)
        trace.subscribe(Restarted, self._restarted)

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

    def _rotted(self, at_us: int, _node: str, fact: RowRotted) -> None:
        """What was overdue before the other store's row rots as well is not lost by that."""
        self.rotted += 1
        other = (_OTHER[fact.store], fact.record)
        if other in self._truth.rotten:
            self._is_overdue(at_us, other, self._truth.rotten[other])

    def _mend(self, at_us: int, place: Place, rot: Rot) -> None:
        self.mended += 1
        mending, since_us = self._mending, self._since_us(rot)
        due_us = self._deadline_us(place, since_us)
        if mending is None or due_us is None or place in self._late:
            self._late.discard(place)
            return

        def terms() -> list[tuple[str, int]]:
            found = mending.of(place[1][0]).terms_us(mending.bound, since_us + mending.scrub_us, mending.constants_us)
            return [("scrub", mending.scrub_us), *(found or ())]

        if not self.measure(at_us - since_us, due_us - since_us, (at_us, *place), terms):
            self._blame(at_us, place, rot)

    def _crashed(self, at_us: int, node: str, _fact: Crashed) -> None:
        """What was overdue before a node forgets what it held is not lost by that."""
        self._judge(at_us)
        if self._mending is not None and node == self._mending.auditor:
            self._auditing_since_us = at_us

    def _restarted(self, at_us: int, node: str, _fact: Restarted) -> None:
        if self._mending is not None and node == self._mending.auditor:
            self._auditing_since_us = at_us

    def _since_us(self, rot: Rot) -> int:
        """From when on a scrub may be asked for what rotted."""
        return max(rot.since_us, self._auditing_since_us)

    def _deadline_us(self, place: Place, since_us: int) -> int | None:
        if self._mending is None:
            return None
        m = self._mending
        return m.of(place[1][0]).deadline_us(m.bound, since_us + m.scrub_us, m.constants_us)

    def _overdue_us(self, place: Place, rot: Rot) -> int | None:
        """When what is rotten still must have been mended; what was excused for a while waits for a scrub after it."""
        if self._mending is None:
            return None
        m, since_us = self._mending, self._since_us(rot)
        owed_us = m.of(place[1][0]).owed_from(since_us + m.scrub_us)
        if owed_us is None:
            return None
        return self._deadline_us(place, since_us if owed_us == since_us + m.scrub_us else owed_us)

    def _is_lost(self, place: Place) -> bool:
        """Whether neither store has the row any more, and Mars need not have it, or does not."""
        record = place[1]
        index, truth, other = record[2], self._truth.of(record), _OTHER[place[0]]
        if truth.stands_in(other, index) and (other, record) not in self._truth.rotten:
            return False
        return index < truth.trim or not truth.held(index)

    def due_us(self) -> int | None:
        """Until when all that is rotten now must be mended; None: nothing is, or none of it is owed."""
        rotten = [(place, rot) for place, rot in self._truth.rotten.items() if not self._is_lost(place)]
        due = [self._overdue_us(place, rot) for place, rot in rotten if place not in self._late]
        return max((us for us in due if us is not None), default=None)

    def _judge(self, at_us: int) -> int:
        """Blame what is overdue; how many rows are rotten and not due yet."""
        waiting, lost = 0, set()
        for place, rot in sorted(self._truth.rotten.items(), key=lambda item: item[0]):
            if self._is_lost(place):
                lost.add(place[1])
            elif not self._is_overdue(at_us, place, rot):
                waiting += 1
        self._lost = len(lost)
        return waiting

    def _is_overdue(self, at_us: int, place: Place, rot: Rot) -> bool:
        """Whether what is rotten should have been mended; it is blamed for that once."""
        if place in self._late:
            return True
        overdue_us = self._overdue_us(place, rot)
        if overdue_us is None or overdue_us > at_us:
            return False
        self.checked += 1
        self._late.add(place)
        self._blame(at_us, place, rot)
        return True

    def _blame(self, at_us: int, place: Place, rot: Rot) -> None:
        what = f"rotten for {(at_us - rot.since_us) / 1e6:.0f} s, longer than a scrub and its bound"
        self.violate(at_us, place[0], place[1], what)

    def pending(self) -> int:
        return self._pending

    def finish(self, at_us: int) -> None:
        self._pending = self._judge(at_us)

    def remark(self) -> str:
        parts = [f"{self.mended} of {self.rotted} rows that rotted at rest were mended"] if self.rotted else []
        if self._lost:
            parts.append(f"{self._lost} rotted when nobody else had them any more, and are lost")
        return ", ".join(parts)
