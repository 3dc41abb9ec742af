"""Quantities: against values worked by hand, and read back after writing."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twin import units
from twin.units import (
    ANGLE,
    BIT_RATE,
    BYTE_RATE,
    COORDINATE,
    DURATION,
    GAIN,
    LENGTH,
    MARGIN,
    POWER,
    RATIO,
    ROW_RATE,
    SIZE,
    Dimension,
    QuantityError,
    format_duration,
    format_quantity,
    parse_quantity,
)
from twin.world import timescales


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("1 us", DURATION, 1),
        ("2 ms", DURATION, 2_000),
        ("0.1 s", DURATION, 100_000),
        ("10 min", DURATION, 600_000_000),
        ("10min", DURATION, 600_000_000),
        (" 1.5 h ", DURATION, 5_400_000_000),
        ("1 day", DURATION, 86_400_000_000),
        ("1 sol", DURATION, 88_775_244_000),
        ("0.001 sol", DURATION, 88_775_244),
        ("1e3 s", DURATION, 1_000_000_000),
        ("2.5 Mbit/s", BIT_RATE, 2_500_000),
        ("10 kB", SIZE, 10_000),
        ("1 MiB", SIZE, 1_048_576),
        ("50 MB/s", BYTE_RATE, 50_000_000),
        (5, ROW_RATE, 5.0),
        ("5 rows/s", ROW_RATE, 5.0),
        ("402336000 km", LENGTH, 402_336_000_000.0),
        ("0.1 kW", POWER, 100.0),
        ("25 dB", GAIN, 25.0),
        ("-1.5 dB", GAIN, -1.5),
        ("0.5 dB", MARGIN, 0.5),
        ("1 %", RATIO, 0.01),
        (0.01, RATIO, 0.01),
        ("0.01", RATIO, 0.01),
        (-4.5895, COORDINATE, -4.5895),
    ],
)
def test_a_quantity_is_read_exactly(text: object, dimension: Dimension, value: float) -> None:
    read = parse_quantity(text, dimension)
    assert read == value
    assert isinstance(read, int) == dimension.whole


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        (3, DURATION, "a duration needs a unit; write it like 10 min (units: us, ms, s, min, h, day, sol)"),
        ("3", DURATION, "a duration needs a unit; write it like 10 min (units: us, ms, s, min, h, day, sol)"),
        ("3 km", DURATION, "'km' is not a unit of duration; use one of us, ms, s, min, h, day, sol"),
        (25, GAIN, "a gain needs a unit; write it like 25 dB (units: dB)"),
        (10, ANGLE, "an angle needs a unit; write it like 10 deg (units: deg)"),
        ("10 deg north", ANGLE, "an angle is one number and one unit; write it like 10 deg"),
        ("3 dBi", GAIN, "'dBi' is not a unit of gain; did you mean dB? use one of dB"),
        ("-3 dB", MARGIN, "a margin is not negative; write it like 3 dB"),
        ("3 mbit/s", BIT_RATE, "'mbit/s' is not a unit of bit rate; did you mean Mbit/s? use one of "),
        ("-3 s", DURATION, "a duration is not negative; write it like 10 min"),
        ("inf s", DURATION, "a duration is a finite number; write it like 10 min"),
        (float("inf"), DURATION, "a duration is a finite number; write it like 10 min"),
        (float("nan"), RATIO, "a ratio is a finite number; write it like 1 % or 0.01"),
        ("1e99 s", DURATION, "a duration this large does not fit; write it like 10 min"),
        ("1e999999999 s", DURATION, "a duration is one number and one unit; write it like 10 min"),
        ("1 h 3 min", DURATION, "a duration is one number and one unit; write it like 10 min"),
        ("0.1 us", DURATION, "a duration is a whole number of us; write 0 or a larger value"),
        (True, RATIO, "a ratio is a number with a unit; write it like 1 % or 0.01"),
        (None, SIZE, "a size is a number with a unit; write it like 10 kB"),
        ("", SIZE, "a size is one number and one unit; write it like 10 kB"),
    ],
)
def test_what_is_not_a_quantity_is_refused_with_a_remedy(text: object, dimension: Dimension, message: str) -> None:
    with pytest.raises(QuantityError) as refusal:
        parse_quantity(text, dimension)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (0, "0 s"),
        (1, "1 us"),
        (2_500_000, "2.5 s"),
        (5_400_000_000, "90 min"),
        (108_000_000_000, "30 h"),
        (88_775_244_000, "1 sol"),
        (133_162_866_000, "1.5 sol"),
        (1_000_001, "1000.001 ms"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_reads_best(duration_us: int, text: str) -> None:
    assert format_duration(duration_us) == text


@settings(max_examples=200, deadline=None)
@given(value=st.integers(0, 2**62), dimension=st.sampled_from([DURATION, BIT_RATE, SIZE, BYTE_RATE]))
def test_what_is_written_reads_back_the_same(value: int, dimension: Dimension) -> None:
    assert parse_quantity(format_quantity(value, dimension), dimension) == value


@settings(max_examples=200, deadline=None)
@example(value=173321542229979 / 4e29, dimension=LENGTH)
@given(value=st.floats(0, 1e15), dimension=st.sampled_from([LENGTH, POWER, ROW_RATE]))
def test_what_is_written_of_a_float_reads_back_the_same(value: float, dimension: Dimension) -> None:
    try:
        assert parse_quantity(format_quantity(value, dimension), dimension) == value
    except QuantityError:
        # More decimals than a person writes are refused, not cut.
        assert -int(Decimal(str(value)).as_tuple().exponent) > 30


def test_the_sol_of_the_border_is_the_sol_of_the_world() -> None:
    assert units.SOL_US == timescales.SOL_US


def test_units_and_scenarios_import_without_the_heavy_libraries() -> None:
    script = (
        "import sys, twin.units, twin.scenario;"
        "print([name for name in ('numpy', 'scipy', 'astropy', 'pandas') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
