"""Mars under its sky: how the planet is turned, and where Earth and the Sun stand over a site.

The rotation is that of the IAU working group's 2015 report (pole and prime meridian by Kuchynka et al.
2014), with the constants of NAIF's kernel pck00011. Elevations are taken from the normal of the 3396.19 /
3376.20 km ellipsoid: the spherical vertical would move a rise by up to 37 s. No refraction; directions are
not cut at a site's horizon mask, windows are (``horizon_mask.clear_windows``). Instants are those of the event on Mars.
"""

from dataclasses import dataclass
from typing import overload

import numpy as np

from twin.world.apparent import Horizon, apparent_direction, rotate
from twin.world.ephemeris import Body, positions_km, velocities_km_s
from twin.world.horizon_mask import FLAT, HorizonMask
from twin.world.timescales import FloatArray, IntArray, tdb_s_past_j2000

EQUATORIAL_RADIUS_KM = 3396.19
POLAR_RADIUS_KM = 3376.20

# Pole: degrees at J2000 and per Julian century TDB; meridian: degrees at J2000 and per day TDB (pck00011).
# Terms: amplitude, phase at J2000 [deg], rate [deg per Julian century TDB] (BODY499_NUT_PREC_*, BODY4_*).
_RA_DEG = (317.269202, -0.10927547)
_RA_TERMS = np.array(
    [
        (0.000068, 198.991226, 19139.4819985),
        (0.000238, 226.292679, 38280.8511281),
        (0.000052, 249.663391, 57420.7251593),
        (0.000009, 266.183510, 76560.6367950),
        (0.419057, 79.398797, 0.5042615),
    ]
)
_DEC_DEG = (54.432516, -0.05827105)
_DEC_TERMS = np.array(
    [
        (0.000051, 122.433576, 19139.9407476),
        (0.000141, 43.058401, 38280.8753272),
        (0.000031, 57.663379, 57420.7517205),
        (0.000005, 79.476401, 76560.6495004),
        (1.591274, 166.325722, 0.5042615),
    ]
)
_MERIDIAN_DEG = (176.049863, 350.891982443297)
_MERIDIAN_TERMS = np.array(
    [
        (0.000145, 129.071773, 19140.0328244),
        (0.000157, 36.352167, 38281.0473591),
        (0.000040, 56.668646, 57420.9295360),
        (0.000001, 67.364003, 76560.2552215),
        (0.000001, 104.792680, 95700.4387578),
        (0.584542, 95.391654, 0.5042615),
    ]
)
_SPIN_RAD_S = np.radians(_MERIDIAN_DEG[1]) / 86_400.0


@dataclass(frozen=True)
class Site:
    """A place on the ellipsoid of Mars: areocentric latitude, east longitude, height 0, and the horizon around it.

    Raises:
        ValueError: the latitude is not within 90 deg, or the longitude not within -180 to 360 deg.
    """

    name: str
    latitude_deg: float
    longitude_deg: float
    mask: HorizonMask = FLAT

    def __post_init__(self) -> None:
        if not -90.0 <= self.latitude_deg <= 90.0:
            raise ValueError(
                f"site {self.name}: latitude {self.latitude_deg} deg is beyond a pole; give -90 to 90 north"
            )
        if not -180.0 <= self.longitude_deg <= 360.0:
            raise ValueError(
                f"site {self.name}: longitude {self.longitude_deg} deg is off the circle; give 0 to 360 east"
            )


@overload
def earth_azimuth_elevation_deg(site: Site, us: int) -> tuple[float, float]: ...
@overload
def earth_azimuth_elevation_deg(site: Site, us: IntArray) -> tuple[FloatArray, FloatArray]: ...
def earth_azimuth_elevation_deg(site: Site, us: int | IntArray) -> tuple[float, float] | tuple[FloatArray, FloatArray]:
    """Apparent azimuth (north through east) and elevation of Earth's centre at a site [deg].

    Errors: 0.0001 deg, and 0.05 s of rise and set, against SPICE with the same constants.
    """
    return horizon(site).azimuth_elevation_deg(_direction(site, "earth", us), us)


@overload
def sun_azimuth_elevation_deg(site: Site, us: int) -> tuple[float, float]: ...
@overload
def sun_azimuth_elevation_deg(site: Site, us: IntArray) -> tuple[FloatArray, FloatArray]: ...
def sun_azimuth_elevation_deg(site: Site, us: int | IntArray) -> tuple[float, float] | tuple[FloatArray, FloatArray]:
    """Apparent azimuth (north through east) and elevation of the Sun's centre at a site [deg]."""
    return horizon(site).azimuth_elevation_deg(_direction(site, "sun", us), us)


def icrf_to_mars(us: int | IntArray) -> FloatArray:
    """Rotation from ICRF axes to the body-fixed axes IAU_MARS, shape (3, 3) or (n, 3, 3).

    Source: ``pole_and_meridian_deg``.
    """
    pole_ra_deg, pole_dec_deg, meridian_deg = pole_and_meridian_deg(us)
    # R3(W) R1(90 - DEC) R3(90 + RA), multiplied out with its node (the X axis at W = 0).
    ra, dec, w = np.radians(pole_ra_deg), np.radians(pole_dec_deg), np.radians(meridian_deg % 360.0)
    zero = np.zeros_like(ra)
    node = np.stack([-np.sin(ra), np.cos(ra), zero], axis=-1)
    pole = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    quarter = np.cross(pole, node)
    sin_w, cos_w = np.sin(w)[..., np.newaxis], np.cos(w)[..., np.newaxis]
    return np.stack([cos_w * node + sin_w * quarter, cos_w * quarter - sin_w * node, pole], axis=-2)


def pole_and_meridian_deg(us: int | IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Right ascension and declination of the pole, and the prime meridian, not reduced to a circle [deg].

    Source: pck00011, BODY499_POLE_RA, _POLE_DEC, _PM and their periodic terms.
    """
    days = np.asarray(tdb_s_past_j2000(us)) / 86_400.0
    centuries = days / 36_525.0
    pole_ra_deg = _RA_DEG[0] + _RA_DEG[1] * centuries + _periodic(np.sin, _RA_TERMS, centuries)
    pole_dec_deg = _DEC_DEG[0] + _DEC_DEG[1] * centuries + _periodic(np.cos, _DEC_TERMS, centuries)
    meridian_deg = _MERIDIAN_DEG[0] + _MERIDIAN_DEG[1] * days + _periodic(np.sin, _MERIDIAN_TERMS, centuries)
    return pole_ra_deg, pole_dec_deg, meridian_deg


def site_position_km(site: Site) -> FloatArray:
    """Body-fixed position of a site [km], shape (3,)."""
    latitude, longitude = np.radians(site.latitude_deg), np.radians(site.longitude_deg)
    across, along = np.cos(latitude), np.sin(latitude)
    radius_km = 1.0 / np.sqrt((across / EQUATORIAL_RADIUS_KM) ** 2 + (along / POLAR_RADIUS_KM) ** 2)
    return np.array(
        [
            radius_km * across * np.cos(longitude),
            radius_km * across * np.sin(longitude),
            radius_km * along,
        ]
    )


def horizon(site: Site) -> Horizon:
    """East, north and up at a site; up is the normal of the ellipsoid."""
    latitude = np.radians(site.latitude_deg)
    squash = (EQUATORIAL_RADIUS_KM / POLAR_RADIUS_KM) ** 2
    normal_latitude = np.arctan2(squash * np.sin(latitude), np.cos(latitude))
    return Horizon.from_normal(float(np.radians(site.longitude_deg)), float(normal_latitude))


def _direction(site: Site, body: Body, us: int | IntArray) -> FloatArray:
    """Apparent direction of a body from a site, unit vectors in the body-fixed axes."""
    to_mars = icrf_to_mars(us)
    to_icrf = np.swapaxes(to_mars, -1, -2)
    fixed_km = site_position_km(site)
    spin_km_s = _SPIN_RAD_S * np.array([-fixed_km[1], fixed_km[0], 0.0])
    observer_km = positions_km("mars", us) + rotate(to_icrf, fixed_km)
    observer_km_s = velocities_km_s("mars", us) + rotate(to_icrf, spin_km_s)
    return rotate(to_mars, apparent_direction(body, observer_km, observer_km_s, us))


def _periodic(wave: np.ufunc, terms: FloatArray, centuries: FloatArray) -> FloatArray:
    total_deg = np.zeros_like(centuries)
    for amplitude_deg, phase_deg, rate_deg in terms:
        total_deg = total_deg + amplitude_deg * wave(np.radians(phase_deg + rate_deg * centuries))
    return total_deg
