"""Who a record is: device, epoch, index (PROTOCOL, "Identity").

    stream = (device, epoch)            one writer, one append-only log
    record = (device, epoch, index)     one frame = one leaf = one table row

Device and epoch are 64-bit numbers that the host delivers: the device id is a pseudonym, the epoch id is
random. Neither is counted or derived from a clock, so a device that lost its memory cannot reuse an
identity. The index counts frames from 0 within the epoch and is assigned by the device alone.
"""

from __future__ import annotations

from typing import NamedTuple


class StreamId(NamedTuple):
    """One device's stream between two changes of its medium or key; both fields are 64-bit."""

    device: int
    epoch: int

    def __str__(self) -> str:
        return f"dev-{self.device:016x}/ep-{self.epoch:016x}"


class AlertKey(NamedTuple):
    """Which alert: the record whose samples fired `rule`. Whoever derives it from the frames finds the same key."""

    device: int
    epoch: int
    index: int  # type: ignore[assignment]  # the field's name, not tuple.index, is what is wanted
    rule: str

    @property
    def record(self) -> RecordId:
        """The record that fired the rule."""
        return RecordId(self.device, self.epoch, self.index)

    def __str__(self) -> str:
        return f"{self.record}/{self.rule}"


class RecordId(NamedTuple):
    """One frame of one stream; `index` counts from 0."""

    device: int
    epoch: int
    index: int  # type: ignore[assignment]  # the field's name, not tuple.index, is what is wanted

    @property
    def stream(self) -> StreamId:
        """The stream this record belongs to."""
        return StreamId(self.device, self.epoch)

    def __str__(self) -> str:
        return f"dev-{self.device:016x}/ep-{self.epoch:016x}/{self.index}"
