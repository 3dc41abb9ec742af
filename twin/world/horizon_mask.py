"""What terrain hides: the height of the horizon around a place, and the windows in which a body stands clear of it.

A mask is given by points of azimuth and elevation and runs straight between them, through north as well. The same class
serves sites on Mars and stations on Earth. A body is clear where it stands at or above both the mask and the lowest
usable elevation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, overload

import numpy as np

from twin.world.timescales import FloatArray, IntArray
from twin.world.windows import elevation_crossings

Directions = Callable[[IntArray], tuple[FloatArray, FloatArray]]

_STEP_US: Final = 600_000_000
_MASKED_STEP_US: Final = 60_000_000
"""Planets and the Sun move by 0.25 deg in it: finer than the points of a surveyed mask (assumed: a degree apart)."""
_ANY_DEG: Final = -90.0


@dataclass(frozen=True)
class HorizonMask:
    """The horizon around a place, as (azimuth from north through east, elevation) [deg].

    Args:
        points: At least one, azimuths rising from 0 to below 360, elevations from -90 to below 90. One point alone is
            the same height all around; a negative one lets a place on a rim see below the plane.

    Raises:
        ValueError: No points, a point out of range, or azimuths that do not rise.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("horizon mask: has no points; give at least one (azimuth, elevation), or take FLAT")
        before_deg = -1.0
        for number, (azimuth_deg, elevation_deg) in enumerate(self.points):
            where = f"horizon mask, point {number}"
            if not 0.0 <= azimuth_deg < 360.0:
                raise ValueError(f"{where}: azimuth {azimuth_deg} deg is not from 0 to below 360; count through east")
            if not -90.0 <= elevation_deg < 90.0:
                raise ValueError(f"{where}: elevation {elevation_deg} deg is not from -90 to below 90; correct it")
            if azimuth_deg <= before_deg:
                raise ValueError(
                    f"{where}: azimuth {azimuth_deg} deg does not rise above {before_deg} deg; sort the points"
                )
            before_deg = azimuth_deg

    @property
    def flat_deg(self) -> float | None:
        """The one height [deg] of a mask that is the same all around, else None."""
        heights_deg = {elevation_deg for _, elevation_deg in self.points}
        return heights_deg.pop() if len(heights_deg) == 1 else None

    @overload
    def __call__(self, azimuth_deg: float) -> float: ...
    @overload
    def __call__(self, azimuth_deg: FloatArray) -> FloatArray: ...
    def __call__(self, azimuth_deg: float | FloatArray) -> float | FloatArray:
        """Elevation of the horizon [deg] at azimuths [deg], shape (n,) to (n,), or one to one."""
        table = np.array(self.points)
        # One point beyond each end, so that the line runs through north.
        azimuths_deg = np.concatenate(([table[-1, 0] - 360.0], table[:, 0], [table[0, 0] + 360.0]))
        heights_deg = np.concatenate((table[-1:, 1], table[:, 1], table[:1, 1]))
        height_deg = np.interp(np.asarray(azimuth_deg) % 360.0, azimuths_deg, heights_deg)
        return height_deg if isinstance(azimuth_deg, np.ndarray) else float(height_deg)


FLAT: Final = HorizonMask(((0.0, 0.0),))
"""Nothing above the plane of the ellipsoid."""


def clear_windows(
    directions: Directions, mask: HorizonMask, start_us: int, end_us: int, min_elevation_deg: float = _ANY_DEG
) -> list[tuple[int, int]]:
    """Windows (rise, set) [us] in which a body stands clear of a mask and of a lowest elevation.

    Args:
        directions: azimuths and elevations [deg] of the body at instants, shapes (n,) to (n,), (n,).
        mask: the horizon of the place that looks.
        start_us, end_us: the range; windows open at its ends are clipped to it.
        min_elevation_deg: the lowest elevation that is used [deg]; by default the mask alone decides.

    Raises:
        ValueError: the range ends before it starts.
    """
    flat_deg = mask.flat_deg
    if flat_deg is not None:
        least_deg = max(flat_deg, min_elevation_deg)
        return elevation_crossings(lambda us: directions(us)[1], start_us, end_us, least_deg, _STEP_US)

    def clearance_deg(us: IntArray) -> FloatArray:
        azimuth_deg, elevation_deg = directions(us)
        clear_deg: FloatArray = elevation_deg - np.maximum(mask(azimuth_deg), min_elevation_deg)
        return clear_deg

    return elevation_crossings(clearance_deg, start_us, end_us, 0.0, _MASKED_STEP_US)
