"""The catalogue of channels: every quantity that a sensor of the clinic reports, and what it is called elsewhere.

A sample row holds one integer per channel, in counts: value = count * resolution in `unit`. The name of a channel ends
with its unit and says the size of a count (`temperature_ddegc`: tenths of a degree Celsius).

| code | system |
|---|---|
| `mdc` | ISO/IEEE 11073-10101 nomenclature: reference identifier, context-free code (partition * 65536 + term) |
| `loinc` | LOINC (Regenstrief Institute) |
| `unit` | UCUM, case sensitive |

Every code was held against public implementation guides: 11073 terms and LOINC codes of vital signs against the German
intensive-care and telemonitoring profiles, HL7's Personal Health Device and US Core guides; LOINC 8637-1, 80288-4 and
76268-2 against published code lists. Where no fitting term is known the code is None, and `without` says why: no
code at all is better than one that means something else.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

ACVPU: Final = ("A", "C", "V", "P", "U")
"""Levels of consciousness, by count: alert, new confusion, responds to voice, to pain, unresponsive (NEWS2)."""


NO_READING: Final = -32_768
"""Stands in a row for a value that a sensor could not take (`twin.pipeline.wire.body` has the same)."""


class Channel(NamedTuple):
    """One measured or entered quantity.

    Args:
        name: Column name, unit included.
        label: What people call it.
        unit: UCUM unit in which the resolution is given.
        resolution: One count [unit].
        mdc: Reference identifier and code of ISO/IEEE 11073-10101, None where no term fits.
        loinc: LOINC code, None where none fits.
        range: Least and greatest count that a device reports.
        entered: Entered by a person, not measured.
        without: Why a code is None.
    """

    name: str
    label: str
    unit: str
    resolution: Fraction
    mdc: tuple[str, int] | None
    loinc: str | None
    range: tuple[int, int]
    entered: bool = False
    without: str = ""

    def value(self, count: int) -> Fraction:
        """A count in the channel's unit."""
        return count * self.resolution


_ONE: Final = Fraction(1)
_TENTH: Final = Fraction(1, 10)

_VITALS: Final = (
    Channel("heart_rate_bpm", "Heart rate", "/min", _ONE, ("MDC_ECG_HEART_RATE", 147842), "8867-4", (20, 300)),
    # The newest interval between two R waves when the sample is taken.
    Channel("rr_interval_ms", "RR interval", "ms", _ONE, ("MDC_ECG_TIME_PD_RR_GL", 147240), "8637-1", (200, 3000)),
    Channel("spo2_pct", "Oxygen saturation", "%", _ONE, ("MDC_PULS_OXIM_SAT_O2", 150456), "59408-5", (0, 100)),
    Channel("respiration_rpm", "Respiration", "/min", _ONE, ("MDC_RESP_RATE", 151562), "9279-1", (0, 150)),
    Channel(
        "systolic_mmhg", "Systolic pressure", "mm[Hg]", _ONE, ("MDC_PRESS_BLD_NONINV_SYS", 150021), "8480-6", (30, 260)
    ),
    Channel(
        "diastolic_mmhg",
        "Diastolic pressure",
        "mm[Hg]",
        _ONE,
        ("MDC_PRESS_BLD_NONINV_DIA", 150022),
        "8462-4",
        (15, 220),
    ),
    Channel("temperature_ddegc", "Core temperature", "Cel", _TENTH, ("MDC_TEMP_CORE", 150368), "8329-5", (250, 450)),
    Channel(
        "consciousness_acvpu",
        "Consciousness",
        "{ACVPU}",  # a count that is a level, not an amount: see `ACVPU`
        _ONE,
        None,
        "80288-4",
        (0, 4),
        entered=True,
        without="11073-10101 names scores of the Glasgow coma scale, no AVPU scale",
    ),
    Channel(
        "oxygen_flow_dlpm",
        "Supplemental oxygen",
        "L/min",
        _TENTH,
        None,
        "3151-8",
        (0, 150),
        entered=True,
        without="11073-10101 names fresh gas of anaesthesia machines (MDC_FLOW_O2_FG), not a flow by mask or cannula",
    ),
    Channel(
        "activity_mg",
        "Activity",
        "m[g]",  # UCUM [g]: standard acceleration of free fall; mean over the sample period, gravity removed
        _ONE,
        None,
        None,
        (0, 4000),
        without="11073-10101 and LOINC name activities and their energy, no bare acceleration of the body",
    ),
)

_AIR: Final = (
    Channel(
        "cabin_pressure_hpa",
        "Cabin pressure",
        "hPa",
        _ONE,
        None,
        "76268-2",  # Pressure.ambient, system Room
        (0, 1200),
        without="11073-10101 names pressures in patients and airways; no term for a cabin was found",
    ),
    Channel(
        "ppo2_dapa",
        "Oxygen partial pressure",
        "Pa",
        Fraction(10),
        None,
        None,
        (0, 6000),
        without="terms exist for blood and airway gas only, not for the air of a cabin",
    ),
    Channel(
        "ppco2_pa",
        "Carbon dioxide partial pressure",
        "Pa",
        _ONE,
        None,
        None,
        (0, 10000),
        without="terms exist for blood and airway gas only, not for the air of a cabin",
    ),
)

CHANNELS: Final[dict[str, Channel]] = {channel.name: channel for channel in _VITALS + _AIR}
"""Every channel by name."""

VITALS: Final[tuple[str, ...]] = tuple(channel.name for channel in _VITALS)
"""Columns of a `vitals_monitor`, in order."""

AIR: Final[tuple[str, ...]] = tuple(channel.name for channel in _AIR)
"""Columns of an `air_monitor`, in order."""

CHANNELS_OF: Final[dict[str, tuple[str, ...]]] = {"vitals_monitor": VITALS, "air_monitor": AIR}
"""Columns by kind of device."""
