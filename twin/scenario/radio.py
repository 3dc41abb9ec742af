"""A radio that is pointed at Earth: from the habitat, or from a relay.

Without a `budget`, the rate toward Earth follows the inverse square of distance, anchored at one published rate and
capped at another, whatever the station, its weather and the code::

    rate = rate_reference (rate_reference_distance / d)^2 (power / 100 W) (antenna / 3 m)^2,  at most rate_max

With one, each contact uses the rates of a list that its station's dish, the code, the weather over the station and, at
Ka-band, the dust over a habitat leave room for (`twin.network.deep_space`), less what frames and headers take.

The way up is at X-band and has power to spare (a 20 kW station against a 100 W spacecraft), so it is limited by the
receiver's design and runs at a constant rate.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from twin.scenario.errors import Key, RuleError
from twin.scenario.fields import (
    BitRateBps,
    DistanceKm,
    DurationUs,
    ElevationDeg,
    LengthM,
    MarginDb,
    Part,
    PowerW,
    Ratio,
    setting,
)
from twin.units import BIT_RATE, format_quantity

# The transmitter that the reference rate was published for: MRO, mars.nasa.gov commxband.
REFERENCE_ANTENNA_M: Final = 3.0
REFERENCE_POWER_W: Final = 100.0


BUDGET_ELEVATION_MIN_DEG: Final = 5.0
"""Lower, the air over a station is no flat layer any more: `twin.network.attenuation`."""
LTP_LOSS_MAX: Final = 0.9
RATES_MAX: Final = 64
_RATES: Final = (
    *(f"{rate} kbit/s" for rate in ("1", "1.5", "2", "3", "4", "6", "8", "12", "16", "24", "32", "48", "64", "96")),
    *(f"{rate} kbit/s" for rate in ("125", "190", "250", "375", "500", "750")),
    *(f"{rate} Mbit/s" for rate in ("1", "1.5", "2", "3", "4", "6")),
)

# Names as `twin.network.radios.CODES` has them, which needs NumPy.
Code = Literal["conv-1/2", "rs-conv", "turbo-1/6", "turbo-1/2", "ldpc-7/8"]
Rates = Annotated[tuple[BitRateBps, ...], Field(min_length=1, max_length=RATES_MAX)]


class LinkBudget(Part):
    """How the rate down comes about, term by term; what is null is that of a radio like MRO's in the same band."""

    code: Code | None = setting(
        None,
        "Channel code. null: rs-conv at X-band, turbo-1/6 at Ka-band.",
        source="head of reference/link_budget.csv",
    )
    efficiency_ratio: Ratio | None = setting(
        None,
        "Of the dish. null: 65 % at X-band, 55 % at Ka-band.",
        source="head of reference/link_budget.csv; at Ka-band assumed: a surface made for X-band",
    )
    margin_db: MarginDb | None = setting(
        None,
        "Kept above the code's threshold when a rate is chosen. null: 3 dB at X-band, 4 dB at Ka-band.",
        source="head of reference/link_budget.csv; Ka-band: IPN Progress Report 42-214B (2018), abstract",
    )
    hysteresis_db: MarginDb = setting(
        "0.5 dB",
        "What the signal must have beyond the margin before a higher rate is taken.",
        source="assumed: less than the smallest step of the list",
    )
    rates_bps: Rates = setting(
        _RATES,
        "The radio's rates, in information bits; those above rate_max are not used.",
        source="assumed: steps of 2 dB and less, around the published 0.5 to 6 Mbit/s",
    )
    weather_ratio: Ratio = setting(
        "90 %",
        "Share of the time in which the weather over a station is no worse, from 50 to 99 %.",
        source="assumed: usual for a plan (810-005 module 105 has the shares, recalled)",
    )

    @model_validator(mode="after")
    def _possible(self) -> LinkBudget:
        if self.efficiency_ratio == 0:
            raise RuleError("an efficiency is above 0", "write it like 65 %", ("efficiency",))
        if not 0.5 <= self.weather_ratio <= 0.99:
            raise RuleError("shares of weather are known from 50 to 99 %", "write it like 90 %", ("weather",))
        return self


class Ltp(Part):
    """What LTP loses and repeats on the hop, both ways, whatever the law of the rate.

    Repetitions take their share of the rate. A bundle with a lost segment arrives whole only after further rounds,
    each a round trip later; where a contact ends before that, rounds go on in the next one. The sender is not told, so
    its own timers may repeat the bundle meanwhile.
    """

    segment_loss: Ratio = setting(
        "0 %",
        "Chance that a segment of 1,400 bytes is lost, reports as well.",
        source="assumed: the margin leaves none",
    )

    @model_validator(mode="after")
    def _possible(self) -> Ltp:
        if self.segment_loss > LTP_LOSS_MAX:
            raise RuleError("a link that loses more than 90 % is none", "plan no contact", ("segment_loss",))
        return self


def require_a_rate(rates_bps: tuple[int, ...], rate_max_bps: int, key: Key) -> None:
    """Raise `RuleError` where a list has no rate up to the highest."""
    if min(rates_bps) > rate_max_bps:
        highest = format_quantity(rate_max_bps, BIT_RATE)
        raise RuleError(f"every rate is above the highest, {highest}", "raise rate_max or add a lower rate", key)


class DeepSpaceRadio(Part):
    """A radio that is pointed at Earth, on the ground or on a relay."""

    band: Literal["X", "Ka"] = setting(
        "X",
        "Radio band of the way down; Ka needs a budget. The way up is at X-band.",
        source="MRO, mars.nasa.gov commxband: 8.4 GHz down",
    )
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
    budget: LinkBudget | None = setting(
        None,
        "Rate down from a link budget; null: the reference rate over the square of distance.",
        source="assumed: one published rate says more than many assumed terms",
    )
    ltp: Ltp = setting({}, "What LTP makes of lost segments.", source="key by key")
    setup_us: DurationUs = setting(
        "1 min",
        "Time to point and lock at the start of a contact, in which nothing is sent.",
        source="assumed: both ends point and pre-tune by the contact plan",
    )

    @model_validator(mode="after")
    def _one_law(self) -> DeepSpaceRadio:
        if self.budget is None:
            if self.band != "X":
                rule = f"no rate at {self.band}-band is published that could be scaled"
                raise RuleError(rule, "add `budget: {}` or take band X", ("band",))
            return self
        for name in ("rate_reference", "rate_reference_distance"):
            if self.model_fields_set & {name + "_bps", name + "_km"}:
                raise RuleError("a budget scales no reference rate", "drop it, or the budget", (name,))
        if self.station_min_elevation_deg < BUDGET_ELEVATION_MIN_DEG:
            rule = f"a budget knows the air from {BUDGET_ELEVATION_MIN_DEG:g} deg up"
            raise RuleError(rule, "raise it, or drop the budget", ("station_min_elevation",))
        require_a_rate(self.budget.rates_bps, self.rate_max_bps, ("budget", "rates"))
        return self

    def downlink_rate_bps(self, distance_km: float) -> int:
        """Rate down at a distance [km] without a budget, by the law above, whole bit/s, at least 1."""
        gain = (self.power_w / REFERENCE_POWER_W) * (self.antenna_m / REFERENCE_ANTENNA_M) ** 2
        rate_bps = self.rate_reference_bps * gain * (self.rate_reference_distance_km / distance_km) ** 2
        return max(1, min(self.rate_max_bps, int(rate_bps)))
