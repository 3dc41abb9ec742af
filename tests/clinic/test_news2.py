"""NEWS2 against the reference chart, at every edge, with fractions on both sides of it."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.pipeline.clinic.news2 import PARAMETERS, inner_edges, points

REFERENCE = Path(__file__).parents[1] / "reference" / "news2.csv"
STEP = {"temperature": Fraction(1, 10)}
TINY = Fraction(1, 10**9)


def bands() -> list[tuple[str, Fraction | None, Fraction | None, int]]:
    """(parameter, low, high, points) of the reference, consciousness left out: its bands are words."""
    with REFERENCE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [
        (r["parameter"], Fraction(r["low"]) if r["low"] else None, Fraction(r["high"]) if r["high"] else None,
         int(r["points"]))
        for r in rows
        if r["parameter"] != "consciousness"
    ]  # fmt: skip


def test_the_reference_has_every_measured_parameter() -> None:
    assert {band[0] for band in bands()} == set(PARAMETERS) - {"oxygen", "consciousness"}
    assert len(bands()) == 25


@pytest.mark.parametrize(("parameter", "low", "high", "expected"), bands())
def test_both_ends_of_every_band_with_fractions_beside_them(
    parameter: str, low: Fraction | None, high: Fraction | None, expected: int
) -> None:
    half = STEP.get(parameter, Fraction(1)) / 2
    if low is not None:
        assert points(parameter, low) == expected
        assert points(parameter, low - half) == expected  # half goes up, into the band
        assert points(parameter, low - half - TINY) != expected
    if high is not None:
        assert points(parameter, high) == expected
        assert points(parameter, high + half - TINY) == expected
        assert points(parameter, high + half) != expected


@given(st.sampled_from(bands()), st.integers(0, 10**6))
def test_every_value_rounds_first_and_then_finds_its_band(
    band: tuple[str, Fraction | None, Fraction | None, int], millionths: int
) -> None:
    parameter, low, high, _ = band
    step = STEP.get(parameter, Fraction(1))
    value = (low if low is not None else high or Fraction(0)) + Fraction(millionths, 10**6) * 3 * step
    rounded = (value / step + Fraction(1, 2)).__floor__() * step
    found = [
        p
        for name, a, b, p in bands()
        if name == parameter and (a is None or rounded >= a) and (b is None or rounded <= b)
    ]
    assert [points(parameter, value)] == found


@pytest.mark.parametrize("value", range(-10, 400))
def test_whole_numbers_are_exhausted(value: int) -> None:
    for parameter in ("respiration_rate", "spo2", "systolic_bp", "heart_rate"):
        found = [
            p for n, a, b, p in bands() if n == parameter and (a is None or value >= a) and (b is None or value <= b)
        ]
        assert [points(parameter, value)] == found
    tenths = Fraction(value + 250, 10)
    found = [
        p for n, a, b, p in bands() if n == "temperature" and (a is None or tenths >= a) and (b is None or tenths <= b)
    ]
    assert [points("temperature", tenths)] == found


# RCP 2017, chart 1, SpO2 scale 2; the same in Echevarria et al. 2019, Thorax 74, 941, table 1
SCALE_2 = {83: (3, 3), 84: (2, 2), 85: (2, 2), 86: (1, 1), 87: (1, 1), 88: (0, 0), 92: (0, 0), 93: (0, 1), 94: (0, 1),
           95: (0, 2), 96: (0, 2), 97: (0, 3), 100: (0, 3)}  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), SCALE_2.items())
def test_scale_2_on_air_and_on_oxygen(value: int, expected: tuple[int, int]) -> None:
    assert (points("spo2", value, 2), points("spo2", value, 2, on_oxygen=True)) == expected
    assert points("spo2", value - Fraction(1, 2), 2, on_oxygen=True) == expected[1]
    assert points("spo2", 97) == 0


def test_another_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="SpO2 scale 3: NEWS2 has scale 1 and scale 2"):
        points("spo2", 97, 3)


def test_oxygen_adds_two_and_anyone_not_alert_three() -> None:
    assert [points("oxygen", flow) for flow in (0, Fraction(1, 10), 15)] == [0, 2, 2]
    assert [points("consciousness", level) for level in range(5)] == [0, 3, 3, 3, 3]


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("resolution", [Fraction(1), Fraction(1, 10), Fraction(1, 3), Fraction(3, 7), Fraction(5, 2)])
@pytest.mark.parametrize("scale", [1, 2])
def test_points_change_at_the_inner_edges_and_nowhere_else(parameter: str, resolution: Fraction, scale: int) -> None:
    edges = inner_edges(parameter, resolution, scale)

    def scored(count: int) -> tuple[int, int]:
        value = count * resolution
        return points(parameter, value, scale), points(parameter, value, scale, on_oxygen=True)

    changed = [count for count in range(-2, int(300 / resolution)) if scored(count) != scored(count - 1)]
    assert set(changed) <= set(edges)
    if parameter != "temperature" or resolution <= Fraction(1, 10):
        assert changed == list(edges)
