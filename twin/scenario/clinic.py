"""The clinic: when alarms sound, for whom other limits count, and how fast people answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from twin.scenario.errors import Key, RuleError
from twin.scenario.fields import DurationUs, Part, PositiveDurationUs, setting
from twin.scenario.limits import (
    CabinPressureLimits,
    Counts,
    DiastolicLimits,
    HeartRateLimits,
    Limits,
    PpCO2Limits,
    PpO2Limits,
    RespirationLimits,
    SpO2Limits,
    SystolicLimits,
    TemperatureLimits,
    in_counts,
)
from twin.units import format_duration

if TYPE_CHECKING:
    from twin.scenario.model import HabitatScenario

HOLD_US_MAX: Final = 5_000_000
"""A crossing must sound within 5 s, so no condition may have to hold for longer."""
_EVERYBODY = "null: as for everybody."
_KEY_BY_KEY = "key by key"
_AS_ALL = "assumed: nobody differs"


class VitalLimits(Part):
    """Limits for everybody of the crew."""

    heart_rate: HeartRateLimits = setting({}, "Heart rate.", source=_KEY_BY_KEY)
    spo2: SpO2Limits = setting({}, "Oxygen saturation.", source=_KEY_BY_KEY)
    respiration: RespirationLimits = setting({}, "Respiration rate.", source=_KEY_BY_KEY)
    systolic: SystolicLimits = setting({}, "Systolic blood pressure.", source=_KEY_BY_KEY)
    diastolic: DiastolicLimits = setting({}, "Diastolic blood pressure.", source=_KEY_BY_KEY)
    temperature: TemperatureLimits = setting({}, "Core temperature.", source=_KEY_BY_KEY)


class OwnLimits(Part):
    """Limits for one of the crew: what is not given is as for everybody."""

    heart_rate: HeartRateLimits | None = setting(None, f"Heart rate. {_EVERYBODY}", source=_AS_ALL)
    spo2: SpO2Limits | None = setting(None, f"Oxygen saturation. {_EVERYBODY}", source=_AS_ALL)
    respiration: RespirationLimits | None = setting(None, f"Respiration rate. {_EVERYBODY}", source=_AS_ALL)
    systolic: SystolicLimits | None = setting(None, f"Systolic blood pressure. {_EVERYBODY}", source=_AS_ALL)
    diastolic: DiastolicLimits | None = setting(None, f"Diastolic blood pressure. {_EVERYBODY}", source=_AS_ALL)
    temperature: TemperatureLimits | None = setting(None, f"Core temperature. {_EVERYBODY}", source=_AS_ALL)


class AirLimits(Part):
    """Limits for the air of the habitat."""

    cabin_pressure: CabinPressureLimits = setting({}, "Total pressure.", source=_KEY_BY_KEY)
    ppo2: PpO2Limits = setting({}, "Partial pressure of oxygen.", source=_KEY_BY_KEY)
    ppco2: PpCO2Limits = setting({}, "Partial pressure of carbon dioxide.", source=_KEY_BY_KEY)


CHANNEL_OF: Final = {
    "heart_rate": "heart_rate_bpm",
    "spo2": "spo2_pct",
    "respiration": "respiration_rpm",
    "systolic": "systolic_mmhg",
    "diastolic": "diastolic_mmhg",
    "temperature": "temperature_ddegc",
    "cabin_pressure": "cabin_pressure_hpa",
    "ppo2": "ppo2_dapa",
    "ppco2": "ppco2_pa",
}
"""Column by key of the limits."""

# Below 84 % the parameter scores 3 on scale 2, as it does below 92 % on scale 1.
_SCALE_2_LOW: Final = "84 %"


class CrewMember(Part):
    """One of the crew for whom something differs."""

    member: Annotated[int, Field(strict=True, ge=1)] = Field(description="Number in the crew, from 1.")
    spo2_scale: Literal[1, 2] = setting(
        1,
        "SpO2 scale of NEWS2; 2 moves the default SpO2 limit to 84 %.",
        source="Royal College of Physicians 2017: scale 2 for a prescribed target of 88 to 92 % alone",
    )
    limits: OwnLimits = setting({}, "Limits that differ.", source=_KEY_BY_KEY)


class Clinic(Part):
    """Alarms, and who answers them. An adult ward score, not validated on Mars; not a medical device."""

    hold_us: PositiveDurationUs = setting(
        "3 s",
        "How long a condition must hold before it is an alarm; at most 5 s.",
        source="assumed: longer than a spike, well below the 5 s in which an alarm must sound",
    )
    escalate_after_us: PositiveDurationUs | None = setting(
        "2 min",
        "Time without an acknowledgement after which an alarm escalates. null: never.",
        source="assumed: IEC 60601-1-8 leaves it to the manufacturer",
    )
    crew_response_us: DurationUs | None = setting(
        "30 s",
        "How long the crew takes to acknowledge. null: never.",
        source="assumed: a walk through a habitat",
    )
    surgeon_response_us: DurationUs | None = setting(
        "2 min",
        "How long the flight surgeon takes to acknowledge, on Earth. null: never.",
        source="assumed: a console that is staffed around the clock",
    )
    limits: VitalLimits = setting({}, "Limits for everybody.", source=_KEY_BY_KEY)
    air: AirLimits = setting({}, "Limits for the air.", source=_KEY_BY_KEY)
    crew: tuple[CrewMember, ...] = setting((), "For whom something differs.", source=_AS_ALL)

    def spo2_scale(self, member: int) -> int:
        """SpO2 scale of a member of the crew."""
        return next((entry.spo2_scale for entry in self.crew if entry.member == member), 1)

    def limits_of(self, member: int) -> dict[str, Counts]:
        """Limits of a member of the crew (0: the air), in counts by column.

        Raises:
            RuleError: They contradict themselves or the sensor.
        """
        if not member:
            return {
                CHANNEL_OF[name]: in_counts(
                    CHANNEL_OF[name], getattr(self.air, name), None, ("clinic", "air", name), ()
                )
                for name in AirLimits.model_fields
            }
        index = next((n for n, entry in enumerate(self.crew) if entry.member == member), None)
        found = {}
        for name in VitalLimits.model_fields:
            common: Limits = getattr(self.limits, name)
            own: Limits | None = None
            own_key: Key = ()
            if index is not None:
                own = getattr(self.crew[index].limits, name)
                own_key = ("clinic", "crew", index, "limits", name)
                if name == "spo2" and self.crew[index].spo2_scale == 2:
                    own = _on_scale_2(own)
            found[CHANNEL_OF[name]] = in_counts(CHANNEL_OF[name], common, own, ("clinic", "limits", name), own_key)
        return found


def _on_scale_2(own: Limits | None) -> Limits:
    """Own limits with the low limit of scale 2 where no other is given."""
    given = {} if own is None else {name: getattr(own, name) for name in own.model_fields_set}
    if "low_pct" in given:
        assert own is not None
        return own
    low = SpO2Limits.model_validate({"low": _SCALE_2_LOW})
    return low.model_copy(update=given)


def check_clinic(scenario: HabitatScenario) -> None:
    """Raise `RuleError` for the first setting of the clinic that cannot be meant."""
    clinic, crew = scenario.clinic, scenario.habitat.crew
    if clinic.hold_us > HOLD_US_MAX:
        rule = f"an alarm sounds within {format_duration(HOLD_US_MAX)} of the crossing"
        raise RuleError(rule, f"choose {format_duration(HOLD_US_MAX)} or less", ("clinic", "hold"))
    seen: list[int] = []
    for index, entry in enumerate(clinic.crew):
        key: Key = ("clinic", "crew", index, "member")
        if entry.member > crew:
            raise RuleError(f"the crew counts {crew}", f"choose one of 1 to {crew}", key)
        if entry.member in seen:
            raise RuleError("given twice", "put both into one entry", key)
        seen.append(entry.member)
    for member in range(crew + 1):
        if member in (0, 1, *seen):  # all others have the limits of everybody
            clinic.limits_of(member)
