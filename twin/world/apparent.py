"""Where a body appears in the sky of a moving observer: light time, then stellar aberration.

The light seen now left the body earlier (light time, solved in ``ephemeris.seen_from_km``), and the
observer's own velocity tilts its direction by up to v/c = 20 arcsec towards the motion (aberration,
Newtonian: the relativistic correction is below 0.001 arcsec). No refraction and no deflection of light by
the Sun.
"""

from dataclasses import dataclass
from typing import overload

import numpy as np

from twin.world.ephemeris import SPEED_OF_LIGHT_KM_S, Body, seen_from_km
from twin.world.timescales import FloatArray, IntArray
from twin.world.vectors import dot


@dataclass(frozen=True)
class Horizon:
    """Directions at a place, unit vectors in the axes of the planet it stands on, shape (3,)."""

    east: FloatArray
    north: FloatArray
    up: FloatArray

    @classmethod
    def from_normal(cls, longitude_rad: float, normal_latitude_rad: float) -> "Horizon":
        """The horizon whose vertical has this latitude (of the ellipsoid's normal) and east longitude."""
        sin_lon, cos_lon = np.sin(longitude_rad), np.cos(longitude_rad)
        sin_lat, cos_lat = np.sin(normal_latitude_rad), np.cos(normal_latitude_rad)
        return cls(
            east=np.array([-sin_lon, cos_lon, 0.0]),
            north=np.array([-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat]),
            up=np.array([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]),
        )

    @overload
    def azimuth_elevation_deg(self, direction: FloatArray, us: int) -> tuple[float, float]: ...
    @overload
    def azimuth_elevation_deg(self, direction: FloatArray, us: IntArray) -> tuple[FloatArray, FloatArray]: ...
    def azimuth_elevation_deg(
        self, direction: FloatArray, us: int | IntArray
    ) -> tuple[float, float] | tuple[FloatArray, FloatArray]:
        """Azimuth from north through east, 0 to 360, and elevation [deg] of unit vectors in a planet's axes.

        Args:
            direction: shape (3,) or (n, 3).
            us: the instants they belong to; only tells one from many.
        """
        east, north, up = dot(direction, self.east), dot(direction, self.north), dot(direction, self.up)
        azimuth_deg = np.degrees(np.arctan2(east, north)) % 360.0
        elevation_deg = np.degrees(np.arctan2(up, np.sqrt(east * east + north * north)))
        if isinstance(us, np.ndarray):
            return azimuth_deg, elevation_deg
        return float(azimuth_deg), float(elevation_deg)


def apparent_direction(
    body: Body, observer_km: FloatArray, observer_km_s: FloatArray, us: int | IntArray
) -> FloatArray:
    """Unit vector (ICRF) in which an observer sees a body, shape (3,) or (n, 3).

    Args:
        observer_km: barycentric ICRF position of the observer at ``us`` [km], shape (3,) or (n, 3).
        observer_km_s: its velocity [km/s], the same shape.
    """
    seen_km = seen_from_km(body, observer_km, us)
    direction = seen_km / np.sqrt(dot(seen_km, seen_km))[..., np.newaxis]
    # Turn the direction towards the velocity by asin |direction x v/c|.
    beta = observer_km_s / SPEED_OF_LIGHT_KM_S
    across = beta - direction * dot(direction, beta)[..., np.newaxis]
    sine_squared = dot(across, across)[..., np.newaxis]
    turned: FloatArray = direction * np.sqrt(1.0 - sine_squared) + across
    return turned


def rotate(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Matrix times vector: (3, 3) or (n, 3, 3) by (3,) or (n, 3), in one fixed order of additions."""
    rotated: FloatArray = (
        matrix[..., :, 0] * vector[..., 0, np.newaxis]
        + matrix[..., :, 1] * vector[..., 1, np.newaxis]
        + matrix[..., :, 2] * vector[..., 2, np.newaxis]
    )
    return rotated
