"""The catalogue of channels against what its codes mean elsewhere, and against itself."""

import re
from fractions import Fraction

from twin.channels import ACVPU, AIR, CHANNELS, CHANNELS_OF, NO_READING, VITALS
from twin.pipeline.wire.body import NO_READING as ON_THE_WIRE

# Partition (high 16 bits) and term of ISO/IEEE 11073-10101, where SCADA measurements are partition 2.
TERMS = {
    "heart_rate_bpm": ("MDC_ECG_HEART_RATE", 2, 16770),
    "rr_interval_ms": ("MDC_ECG_TIME_PD_RR_GL", 2, 16168),
    "spo2_pct": ("MDC_PULS_OXIM_SAT_O2", 2, 19384),
    "respiration_rpm": ("MDC_RESP_RATE", 2, 20490),
    "systolic_mmhg": ("MDC_PRESS_BLD_NONINV_SYS", 2, 18949),
    "diastolic_mmhg": ("MDC_PRESS_BLD_NONINV_DIA", 2, 18950),
    "temperature_ddegc": ("MDC_TEMP_CORE", 2, 19296),
}
UNIT_OF_SUFFIX = {
    "bpm": ("/min", 1),
    "rpm": ("/min", 1),
    "ms": ("ms", 1),
    "pct": ("%", 1),
    "mmhg": ("mm[Hg]", 1),
    "ddegc": ("Cel", Fraction(1, 10)),
    "acvpu": ("{ACVPU}", 1),
    "dlpm": ("L/min", Fraction(1, 10)),
    "mg": ("m[g]", 1),
    "hpa": ("hPa", 1),
    "dapa": ("Pa", 10),
    "pa": ("Pa", 1),
}


def loinc_check_digit(digits: str) -> int:
    """Mod 10 check digit (Luhn) of a LOINC number."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return -sum(number // 10 + number % 10 for number in doubled) % 10


def test_every_channel_has_its_codes_or_says_why_not() -> None:
    for channel in CHANNELS.values():
        assert channel.label, channel.name
        missing = channel.mdc is None or channel.loinc is None
        assert bool(channel.without) == missing, channel.name


def test_codes_of_11073_are_partition_and_term() -> None:
    for name, (reference, partition, term) in TERMS.items():
        assert CHANNELS[name].mdc == (reference, partition * 65_536 + term), name
    assert set(TERMS) == {name for name, channel in CHANNELS.items() if channel.mdc is not None}


def test_loinc_codes_keep_their_check_digit() -> None:
    codes = [channel.loinc for channel in CHANNELS.values() if channel.loinc is not None]
    assert len(codes) == len(set(codes)) == 10
    for code in codes:
        match = re.fullmatch(r"(\d{3,5})-(\d)", code)
        assert match is not None, code
        assert loinc_check_digit(match[1]) == int(match[2]), code


def test_names_end_with_the_unit_of_a_count() -> None:
    for name, channel in CHANNELS.items():
        assert channel.name == name
        assert (channel.unit, channel.resolution) == UNIT_OF_SUFFIX[name.rsplit("_", 1)[1]], name


def test_columns_of_devices_are_channels_and_no_reading_is_none_of_their_counts() -> None:
    assert CHANNELS_OF == {"vitals_monitor": VITALS, "air_monitor": AIR}
    assert (*VITALS, *AIR) == tuple(CHANNELS)
    for channel in CHANNELS.values():
        low, high = channel.range
        assert NO_READING < low < high < 32_768
    assert NO_READING == ON_THE_WIRE
    assert CHANNELS["consciousness_acvpu"].range == (0, len(ACVPU) - 1)
