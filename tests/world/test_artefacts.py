"""Troubles of sensors: what they change, and everything that they must leave alone."""

import numpy as np
import pytest

from twin.channels import AIR, CHANNELS, NO_READING, VITALS
from twin.randomness import stream
from twin.world.air import Air
from twin.world.artefacts import (
    LEADS,
    LeadOff,
    Motion,
    NaturalLeadOff,
    NaturalMotion,
    Stuck,
    Trouble,
    Troubled,
    lead_of,
)
from twin.world.patient import Vitals

SECOND_US = 1_000_000
HEART, RR, SPO2, BREATH, SYSTOLIC, DIASTOLIC, CORE, AWARE, OXYGEN, ACTIVITY = range(len(VITALS))
FROM_S, UNTIL_S = 1_000, 1_600
WINDOW_US = FROM_S * SECOND_US, UNTIL_S * SECOND_US


def person() -> Vitals:
    return Vitals(stream(5, "vitals", "vitals-1"), SECOND_US)


def seen(*troubles: Trouble, samples: int = 7_200) -> np.ndarray:
    return Troubled(person(), troubles).block(0, samples)


def motion(rate: float = 0.05) -> Motion:
    return Motion(*WINDOW_US, rate, stream(5, "fault", "motion_artefact", "vitals-1", "1"))


@pytest.fixture(scope="module", name="clean")
def undisturbed() -> np.ndarray:
    return person().block(0, 7_200)


@pytest.mark.parametrize("channel", [name for lead in LEADS for name in lead])
def test_a_lead_that_is_off_silences_its_own_channels_and_no_other(channel: str, clean: np.ndarray) -> None:
    rows = seen(LeadOff(*WINDOW_US, channel))
    silent = [VITALS.index(name) for name in lead_of(channel)]
    others = [column for column in range(len(VITALS)) if column not in silent]
    assert (rows[FROM_S:UNTIL_S, silent] == NO_READING).all()
    assert np.array_equal(rows[:, others], clean[:, others])
    assert np.array_equal(
        np.delete(rows, slice(FROM_S, UNTIL_S), axis=0), np.delete(clean, slice(FROM_S, UNTIL_S), axis=0)
    )


def test_a_monitor_that_is_taken_off_still_takes_what_people_enter(clean: np.ndarray) -> None:
    rows = seen(LeadOff(*WINDOW_US))
    kept = [AWARE, OXYGEN, ACTIVITY]
    assert np.array_equal(rows[:, kept], clean[:, kept])
    assert (np.delete(rows[FROM_S:UNTIL_S], kept, axis=1) == NO_READING).all()


def test_an_air_sensor_that_fails_leaves_the_others() -> None:
    rows = Troubled(Air(stream(5, "air"), SECOND_US), [LeadOff(*WINDOW_US, "ppo2_dapa")]).block(0, 2_000)
    off = rows == NO_READING
    assert off.sum(axis=0).tolist() == [0, UNTIL_S - FROM_S, 0]
    assert AIR[1] == "ppo2_dapa"


def test_a_frozen_front_end_repeats_its_last_values(clean: np.ndarray) -> None:
    rows = seen(Stuck(*WINDOW_US))
    measured = [column for column, name in enumerate(VITALS) if not CHANNELS[name].entered]
    assert (rows[FROM_S:UNTIL_S, measured] == clean[FROM_S - 1, measured]).all()
    assert np.array_equal(rows[UNTIL_S:], clean[UNTIL_S:])
    from_the_start = seen(Stuck(0, 100 * SECOND_US))
    assert (from_the_start[:100, measured] == clean[0, measured]).all()


def test_movement_comes_in_bursts_that_shake_all_at_once(clean: np.ndarray) -> None:
    rows = seen(motion())
    shaken = np.flatnonzero((rows != clean).any(axis=1))
    assert shaken[0] >= FROM_S
    assert shaken[-1] < UNTIL_S
    assert 0.15 < len(shaken) / (UNTIL_S - FROM_S) < 0.7
    difference = rows[shaken] - clean[shaken]
    assert (difference[:, ACTIVITY] >= 200).all()
    assert (difference[:, SPO2] <= -5).all()
    assert (difference[:, HEART] >= 20).all()
    assert (difference[:, BREATH] >= 4).all()
    assert not difference[:, [SYSTOLIC, DIASTOLIC, CORE, AWARE, OXYGEN]].any()
    assert np.abs(rows[shaken, RR] - 60_000 / rows[shaken, HEART]).max() <= 1
    runs = np.diff(np.flatnonzero(np.diff(shaken, prepend=-9, append=10**9) > 1))
    assert runs.min() >= 2


def test_movement_makes_no_reading_where_there_is_none() -> None:
    off = Troubled(person(), [LeadOff(0, UNTIL_S * SECOND_US, "heart_rate_bpm")])
    rows = Troubled(off, [motion(1.0)]).block(0, UNTIL_S)
    assert (rows[:, [HEART, RR, BREATH]] == NO_READING).all()
    assert (rows[FROM_S:, ACTIVITY] >= 200).all()


def test_movement_of_rate_0_moves_nothing(clean: np.ndarray) -> None:
    assert np.array_equal(seen(motion(0.0)), clean)


def test_natural_movement_follows_activity_and_leads_fall_off_rarely() -> None:
    day = 5 * 86_400
    clean = person().block(0, day)
    troubles = (NaturalMotion(SECOND_US, stream(5, "artefact", "motion")), NaturalLeadOff(SECOND_US, stream(5, "lead")))
    rows = Troubled(person(), troubles).block(0, day)
    shaken = rows[:, ACTIVITY] != clean[:, ACTIVITY]
    assert 10 < np.flatnonzero(np.diff(shaken.astype(int)) == 1).size < 100
    assert clean[shaken, ACTIVITY].mean() > 2 * clean[:, ACTIVITY].mean()
    off = (rows == NO_READING).sum(axis=0)
    assert 0 < off.sum() < 0.05 * rows.size
    assert off[HEART] == off[RR] == off[BREATH]
    assert not off[[AWARE, OXYGEN, ACTIVITY]].any()


@pytest.mark.parametrize("cut", [1, 7, 60, 3_600])
def test_troubles_do_not_depend_on_how_rows_are_read(cut: int) -> None:
    def troubles() -> list[Trouble]:
        return [
            NaturalMotion(SECOND_US, stream(5, "artefact", "motion")),
            motion(),
            Stuck(1_200 * SECOND_US, 1_300 * SECOND_US),
            NaturalLeadOff(SECOND_US, stream(5, "lead")),
            LeadOff(1_250 * SECOND_US, 1_400 * SECOND_US, "spo2_pct"),
        ]

    whole = seen(*troubles(), samples=2_000)
    source = Troubled(person(), troubles())
    pieces = [source.block(first, min(cut, 2_000 - first)) for first in range(0, 2_000, cut)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_one_trouble_more_moves_no_sample_of_the_others() -> None:
    alone, both = seen(motion()), seen(motion(), LeadOff(3_000 * SECOND_US, 3_100 * SECOND_US))
    assert np.array_equal(np.delete(alone, slice(3_000, 3_100), 0), np.delete(both, slice(3_000, 3_100), 0))
