"""recovery: after the loss of Earth's store nothing that readers had seen is missing for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.availability import Availability, Bound
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import Trimmed
from twin.trace import HeadVisible, StoreRestored, Trace


class _Lost(NamedTuple):
    since_us: int
    size: int  # visible before the store was lost


class Recovery(Checker):
    """RPO 0: after the loss of Earth's store, rows below trim stand again from the backup, and every record that had
    been visible is visible again, resent from Mars, within RTO + R over the contacts.

    Nothing may have been deleted on Mars that the backup does not hold. Without a bound the record has until the end.
    What was destroyed meanwhile with every medium that held it nobody can send again: it is listed and not hidden.
    """

    key = "recovery"
    not_applicable = "Earth's store was never lost"

    def __init__(
        self,
        truth: Truth,
        bound: Bound | None,
        of: Callable[[int], Availability],
        constants_us: Mapping[str, int],
    ) -> None:
        super().__init__()
        self._truth = truth
        self._bound = bound
        self._of = of
        self._constants_us = constants_us
        self._visible: dict[Key, int] = {}
        self._deleted: dict[Key, int] = {}
        self._lost: dict[Key, _Lost] = {}
        self._pending = 0
        self._destroyed = 0
        self.complete = True

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadVisible, self._moved)
        trace.subscribe(Trimmed, self._trimmed)
        trace.subscribe(StoreRestored, self._restored)

    def _moved(self, at_us: int, node: str, fact: HeadVisible) -> None:
        stream = (fact.stream[0], fact.stream[1])
        self._visible[stream] = fact.size
        lost = self._lost.get(stream)
        if lost is not None and fact.size >= lost.size:
            del self._lost[stream]
            self._judge(at_us, node, stream, lost)

    def _trimmed(self, _at_us: int, _node: str, fact: Trimmed) -> None:
        stream = (fact.stream.device, fact.stream.epoch)
        self._deleted[stream] = max(self._deleted.get(stream, 0), fact.below)

    def _restored(self, at_us: int, node: str, fact: StoreRestored) -> None:
        holds = {(device, epoch): size for device, epoch, size in fact.streams}
        for stream, visible in sorted(self._visible.items()):
            size = holds.get(stream, 0)
            deleted = max(self._deleted.get(stream, 0), self._truth.of(stream).trim)
            if size < deleted:
                self.checked += 1
                what = f"the backup gave {size} rows back, and Mars may have deleted all below {deleted}"
                self.violate(at_us, node, (*stream, size), what)
            self._visible[stream] = min(visible, size)
            before = self._lost.get(stream, _Lost(at_us, visible))
            if size >= before.size:
                self._lost.pop(stream, None)
                self.checked += 1  # the backup had all that was visible
            else:
                self._lost[stream] = before

    def _deadline_us(self, stream: Key, lost: _Lost) -> int | None:
        if self._bound is None:
            return None
        return self._of(stream[0]).deadline_us(self._bound, lost.since_us, self._constants_us)

    def _judge(self, at_us: int, node: str, stream: Key, lost: _Lost) -> None:
        self.checked += 1
        deadline_us = self._deadline_us(stream, lost)
        if self._bound is None or deadline_us is None:
            return
        bound = self._bound
        took_us = at_us - lost.since_us

        def terms() -> list[tuple[str, int]]:
            return self._of(stream[0]).terms_us(bound, lost.since_us, self._constants_us) or []

        if not self.measure(took_us, deadline_us - lost.since_us, (at_us, node, (*stream, lost.size)), terms):
            what = f"{lost.size} rows were visible again after {took_us / 1e6:.1f} s, the bound is "
            what += f"{(deadline_us - lost.since_us) / 1e6:.1f} s"
            self.violate(at_us, node, (*stream, lost.size), what)

    def finish(self, at_us: int) -> None:
        for stream, lost in sorted(self._lost.items()):
            due_us = at_us if self.complete else None
            if self._bound is not None:
                due_us = self._of(stream[0]).overdue_us(self._bound, lost.since_us, self._constants_us)
            if due_us is None or due_us > at_us:
                self._pending += 1
                continue
            self.checked += 1
            again = self._visible.get(stream, 0)
            if self._truth.of(stream).destroyed(again):  # and nothing behind the gap can be visible
                self._destroyed += lost.size - again
                continue
            self.violate(at_us, "table", (*stream, again), f"{again} of {lost.size} rows are visible again at the end")

    def remark(self) -> str:
        if not self._destroyed:
            return ""
        return f"{self._destroyed} rows cannot be seen again: Mars's last copy was destroyed before Earth's was whole"

    def pending(self) -> int:
        return self._pending
