"""A radio that is pointed at Earth: from the habitat, or from a relay.

Rate toward Earth follows the inverse square of distance, anchored at one published rate and capped at
another::

    rate = rate_reference (rate_reference_distance / d)^2 (power / 100 W) (antenna / 3 m)^2,  at most rate_max

X-band does not fade by dust. The way up has power to spare (a 20 kW station against a 100 W spacecraft),
so it is limited by the receiver's design and runs at a constant rate.
"""

from __future__ import annotations

from typing import Final, Literal

from twin.scenario.fields import (
    BitRateBps,
    DistanceKm,
    DurationUs,
    ElevationDeg,
    LengthM,
    Part,
    PowerW,
    setting,
)

# The transmitter that the reference rate was published for: MRO, mars.nasa.gov commxband.
REFERENCE_ANTENNA_M: Final = 3.0
REFERENCE_POWER_W: Final = 100.0


class DeepSpaceRadio(Part):
    """A radio that is pointed at Earth, on the ground or on a relay."""

    band: Literal["X"] = setting("X", "Radio band.", source="MRO, mars.nasa.gov commxband: 8.4 GHz down")
    antenna_m: LengthM = setting("3 m", "Dish diameter.", source="MRO, mars.nasa.gov commxband: 3 m high-gain antenna")
    power_w: PowerW = setting("100 W", "Transmitter power.", source="MRO, mars.nasa.gov commxband: 100 W amplifier")
    station_min_elevation_deg: ElevationDeg = setting(
        "10 deg",
        "Lowest elevation of Mars at a station.",
        source="assumed: above every station's land mask (DSN 810-005)",
    )
    rate_reference_bps: BitRateBps = setting(
        "0.5 Mbit/s",
        "Rate at the reference distance.",
        source="MRO, mars.nasa.gov commxband: at 250 million miles",
    )
    rate_reference_distance_km: DistanceKm = setting(
        "402336000 km",
        "Distance of the reference rate.",
        source="MRO, mars.nasa.gov commxband: 250 million miles",
    )
    rate_max_bps: BitRateBps = setting(
        "6 Mbit/s",
        "Highest rate down.",
        source="MRO launch article of 2005-08-11, convergedigest: 6 Mbit/s at 100 Mkm",
    )
    uplink_rate_max_bps: BitRateBps = setting(
        "32 kbit/s",
        "Rate up, at any distance.",
        source="assumed: above 2 kbit/s command links, below the 256 kbit/s of DSN 820-100 (recalled)",
    )
    setup_us: DurationUs = setting(
        "1 min",
        "Time to point and lock at the start of a contact, in which nothing is sent.",
        source="assumed: both ends point and pre-tune by the contact plan",
    )

    def downlink_rate_bps(self, distance_km: float) -> int:
        """Rate down at a distance [km], by the law above, whole bit/s, at least 1."""
        gain = (self.power_w / REFERENCE_POWER_W) * (self.antenna_m / REFERENCE_ANTENNA_M) ** 2
        rate_bps = self.rate_reference_bps * gain * (self.rate_reference_distance_km / distance_km) ** 2
        return max(1, min(self.rate_max_bps, int(rate_bps)))
