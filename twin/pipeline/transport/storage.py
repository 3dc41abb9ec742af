"""What a node holds of other nodes' bundles, and which of them has to go when it is too much."""

from __future__ import annotations

from twin.pipeline.transport.contact_volume import LEVELS
from twin.pipeline.transport.lane import Parcel


class Storage:
    """Room for bundles from elsewhere, `bytes_max` of it, None for any amount; `used_bytes` are taken.

    What is being radiated takes room, but cannot be dropped. Two copies of a bundle are two.
    """

    __slots__ = ("_waiting", "bytes_max", "used_bytes")

    def __init__(self, bytes_max: int | None) -> None:
        self.bytes_max = bytes_max
        self.used_bytes = 0
        self._waiting: tuple[dict[Parcel, None], ...] = tuple([{} for _ in range(LEVELS)])

    @property
    def is_over(self) -> bool:
        """Whether something must be dropped."""
        return self.bytes_max is not None and self.used_bytes > self.bytes_max

    def take_in(self, parcel: Parcel) -> None:
        """A bundle has come."""
        self.used_bytes += parcel.size
        self._waiting[parcel.priority][parcel] = None

    def waits(self, parcel: Parcel) -> None:
        """A bundle waits again, the newest of its priority."""
        self._waiting[parcel.priority][parcel] = None

    def radiates(self, parcel: Parcel) -> None:
        """A bundle is being radiated."""
        del self._waiting[parcel.priority][parcel]

    def drop(self, parcel: Parcel) -> None:
        """A bundle that waited is given up."""
        self.used_bytes -= parcel.size
        del self._waiting[parcel.priority][parcel]

    def newest_of_lowest(self) -> Parcel | None:
        """The newest that waits of the lowest priority; None if everything held is being radiated."""
        for held in self._waiting:
            if held:
                return next(reversed(held))
        return None
