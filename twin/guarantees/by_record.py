"""What a checker notes about records, by stream, so that it can be forgotten with what Earth has backed up."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
Key = tuple[int, int]


class ByRecord(Generic[Value]):
    """Values under (stream, index, more); `more` tells apart what one record has several of, such as rules."""

    __slots__ = ("_streams",)

    def __init__(self) -> None:
        self._streams: dict[Key, dict[tuple[int, Any], Value]] = {}

    def get(self, stream: Key, index: int, more: Any = None) -> Value | None:
        """The value, or None."""
        of = self._streams.get(stream)
        return None if of is None else of.get((index, more))

    def put(self, stream: Key, index: int, value: Value, more: Any = None) -> None:
        """Note a value."""
        self._streams.setdefault(stream, {})[index, more] = value

    def forget(self, stream: Key, below: int) -> None:
        """Drop all values of records with an index under `below`."""
        of = self._streams.get(stream)
        if of:
            for key in [key for key in of if key[0] < below]:
                del of[key]
            if not of:
                del self._streams[stream]

    def __len__(self) -> int:
        return sum(len(of) for of in self._streams.values())
