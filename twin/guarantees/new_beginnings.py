"""Epochs that no closing frame announced: their signer began anew, and what it had open has no end of its own."""

from __future__ import annotations

from collections.abc import Callable

from twin.pipeline.facts import EpochClosed, FrameSealed
from twin.trace import Trace


class NewBeginnings:
    """Tells of the first frame of each epoch that follows no other.

    Args:
        began: what to call with device and epoch.
    """

    def __init__(self, began: Callable[[int, int], None]) -> None:
        self._began = began
        self._followed: set[tuple[int, int]] = set()

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(EpochClosed, self._closed)
        trace.subscribe(FrameSealed, self._sealed)

    def _closed(self, _at_us: int, _node: str, fact: EpochClosed) -> None:
        self._followed.add((fact.record.device, fact.next_epoch))

    def _sealed(self, _at_us: int, _node: str, fact: FrameSealed) -> None:
        device, epoch, index = fact.record
        if index == 0 and (device, epoch) not in self._followed:
            self._began(device, epoch)
        self._followed.discard((device, epoch))
