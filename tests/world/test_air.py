"""The habitat's air against the limits that a crew lives within."""

import numpy as np
import pytest

from twin.channels import AIR, CHANNELS
from twin.randomness import stream
from twin.world.air import Air

SECOND_US = 1_000_000


def air(period_us: int = SECOND_US) -> Air:
    return Air(stream(2, "air", "air-1"), period_us)


def test_a_sound_cabin_keeps_its_air() -> None:
    rows = air(10 * SECOND_US).block(0, 3 * 8_877)
    bounds = {"cabin_pressure_hpa": (1000, 1026), "ppo2_dapa": (2050, 2190), "ppco2_pa": (200, 400)}
    for column, name in enumerate(AIR):
        low, high = bounds[name]
        assert low <= rows[:, column].min(), name
        assert rows[:, column].max() <= high, name
        assert rows[:, column].std() > 0.5, name
    assert CHANNELS["ppo2_dapa"].value(2120) == 21_200


def test_carbon_dioxide_follows_the_day_of_the_crew() -> None:
    rows = air(60 * SECOND_US).block(0, 3 * 1_479)
    hours = rows[: 72 * 61, 2].reshape(72, 61).mean(axis=1)
    assert hours.max() - hours.min() > 25


def test_air_does_not_depend_on_block_sizes() -> None:
    source = air()
    pieces = [source.block(first, 700) for first in range(0, 7_000, 700)]
    assert np.array_equal(np.concatenate(pieces), air().block(0, 7_000))


def test_air_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="air: 5 samples from 3 on: samples are read once and in order"):
        air().block(3, 5)
