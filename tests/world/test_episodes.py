"""Episodes against the courses that they state, and against everybody and every time that they do not concern."""

import hashlib

import numpy as np
import pytest

from twin.channels import VITALS
from twin.randomness import stream
from twin.world.air import Air
from twin.world.decompression import saturation_change
from twin.world.episodes import KINDS, Course, Episode
from twin.world.patient import Vitals

SECOND_US, MINUTE_US, HOUR_US = 1_000_000, 60_000_000, 3_600_000_000
HEART, RR, SPO2, BREATH, SYSTOLIC, DIASTOLIC, CORE, AWARE, OXYGEN, ACTIVITY = range(len(VITALS))
LENGTHS = {
    "hypoxia": 40 * MINUTE_US,
    "sepsis": 8 * HOUR_US,
    "arrhythmia": 20 * MINUTE_US,
    "decompression": 40 * MINUTE_US,
    "hypothermia": 4 * HOUR_US,
}
AT_S = 3_600
PINNED_DIGEST = "fa6a4f7165a3c3c488e25cd0ef987ffc4450bb718f548630afc5a1d060a9f8ed"


def course(kind: str, severity: int = 1000, at_s: int = AT_S, name: str = "1", for_us: int | None = None) -> Course:
    episode = Episode(kind, at_s * SECOND_US, LENGTHS[kind] if for_us is None else for_us, severity)
    return Course(episode, stream(3, "episode", kind, name))


def person(*courses: Course, samples: int = 36_000, period_us: int = SECOND_US) -> np.ndarray:
    return Vitals(stream(3, "vitals", "vitals-1"), period_us, courses=courses).block(0, samples)


def at_worst(rows: np.ndarray, kind: str, first: float = 0.5, last: float = 0.7) -> np.ndarray:
    length_s = LENGTHS[kind] // SECOND_US
    return rows[AT_S + int(first * length_s) : AT_S + int(last * length_s)].mean(axis=0)


@pytest.fixture(scope="module", name="well")
def undisturbed() -> np.ndarray:
    return person()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", [300, 1000, 1500])
def test_an_episode_moves_samples_of_its_window_and_no_other(kind: str, severity: int, well: np.ndarray) -> None:
    ill = person(course(kind, severity))
    moved = np.flatnonzero((ill != well).any(axis=1))
    end = AT_S + LENGTHS[kind] // SECOND_US
    assert moved[0] >= AT_S
    assert moved[-1] < end
    assert len(moved) > 0.7 * (end - AT_S)


def test_an_episode_that_ends_between_two_cuff_readings_leaves_no_pressure_behind(well: np.ndarray) -> None:
    ill = person(course("arrhythmia", at_s=4_000, for_us=1_000 * SECOND_US))
    assert (ill[4_500:5_000, SYSTOLIC] < well[4_500:5_000, SYSTOLIC]).all()
    assert np.array_equal(ill[5_000:], well[5_000:])


def test_two_episodes_add_and_draw_apart() -> None:
    hypoxia, sepsis = course("hypoxia", at_s=7_000), course("sepsis")
    both = person(hypoxia, sepsis)
    alone = person(course("hypoxia", at_s=7_000))
    far = slice(AT_S + LENGTHS["sepsis"] // SECOND_US, None)
    assert np.array_equal(both[far], alone[far])
    # delays of what people enter are the episode's own
    oxygen = np.flatnonzero(alone[:, OXYGEN])
    assert np.array_equal(np.flatnonzero(both[:, OXYGEN] >= 60), oxygen)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_of_an_episode_do_not_depend_on_block_sizes(kind: str) -> None:
    source = Vitals(stream(3, "vitals", "vitals-1"), SECOND_US, courses=[course(kind)])
    pieces, first = [], 0
    for count in (3_601, 1, 59, 2_739, 3_600):
        pieces.append(source.block(first, count))
        first += count
    assert np.array_equal(np.concatenate(pieces), person(course(kind), samples=first))


def test_hypoxia_desaturates_to_about_80_percent_until_oxygen_is_given(well: np.ndarray) -> None:
    ill = person(course("hypoxia"))
    given = int(np.flatnonzero(ill[:, OXYGEN])[0])
    before = ill[given - 60 : given]
    assert 78 <= before[:, SPO2].mean() <= 83
    assert 12 < (before - well[given - 60 : given])[:, HEART].mean() < 28  # about one beat for each percent
    assert before[:, BREATH].mean() > 20
    later = ill[given + 180 : given + 400]
    assert later[:, SPO2].mean() > before[:, SPO2].mean() + 5


def test_sepsis_reaches_the_signs_of_sepsis_3_and_fever_comes_before_shock() -> None:
    ill = person(course("sepsis"))
    worst = at_worst(ill, "sepsis", 0.65, 0.78)
    assert worst[BREATH] >= 22
    assert worst[SYSTOLIC] <= 100
    assert worst[AWARE] == 1
    assert worst[CORE] >= 385
    assert worst[HEART] >= 110
    fever = np.flatnonzero(ill[:, CORE] > 380)[0]
    shock = np.flatnonzero(ill[:, SYSTOLIC] <= 100)[0]
    assert AT_S + 1_800 < fever < shock


def test_arrhythmia_begins_at_once_and_is_irregular(well: np.ndarray) -> None:
    ill = person(course("arrhythmia"))
    assert ill[AT_S + 5, HEART] > 150
    intervals = ill[AT_S + 60 : AT_S + 1_000, RR]
    assert 0.15 < intervals.std() / intervals.mean() < 0.25
    assert intervals.mean() == pytest.approx(60_000 / ill[AT_S + 60 : AT_S + 1_000, HEART].mean(), rel=0.03)
    regular = well[AT_S + 60 : AT_S + 1_000, RR]
    assert regular.std() / regular.mean() < 0.08


def test_hypothermia_cools_to_about_34_degrees() -> None:
    ill = person(course("hypothermia"))
    worst = at_worst(ill, "hypothermia", 0.55, 0.7)
    assert 331 <= worst[CORE] <= 345
    assert worst[AWARE] == 0  # stage HT I is conscious
    assert at_worst(person(course("hypothermia", 1500)), "hypothermia", 0.6, 0.7)[AWARE] == 1


def test_a_decompression_takes_the_air_first_and_everybody_s_oxygen_after_it() -> None:
    episode = Episode("decompression", AT_S * SECOND_US, LENGTHS["decompression"], 1000)
    air = Air(stream(3, "air", "air-1"), SECOND_US, 0, [episode]).block(0, 12_000)
    calm = Air(stream(3, "air", "air-1"), SECOND_US).block(0, 12_000)
    end = AT_S + LENGTHS["decompression"] // SECOND_US
    moved = np.flatnonzero((air != calm).any(axis=1))
    assert AT_S <= moved[0] < AT_S + 20
    assert moved[-1] < end
    assert 590 < air[AT_S + 700 : AT_S + 900, 0].mean() < 625  # 60 % of 1013 hPa
    assert 1_230 < air[AT_S + 700 : AT_S + 900, 1].mean() < 1_310
    for name in ("1", "2"):
        ill = person(course("decompression", name=name))
        pressure_low = np.flatnonzero(air[:, 0] < 900)[0]
        desaturated = np.flatnonzero(ill[:, SPO2] < 92)[0]
        assert desaturated > pressure_low + 30
        masked = np.flatnonzero(ill[:, OXYGEN])[0]
        assert ill[masked - 30 : masked, SPO2].mean() < 88
    assert not np.array_equal(person(course("decompression")), person(course("decompression", name="2")))


def test_saturation_in_thin_air_is_that_of_people_at_altitude() -> None:
    """Muhm et al. 2007: 4.4 points lower at 2,440 m, where the ambient ppO2 is 15.8 kPa, 74.5 % of 21.2 kPa."""
    hour = np.array([HOUR_US // 2])
    fall = saturation_change(hour, HOUR_US, round(1000 * (1 - 0.745) / 0.4))[0] / 65_536
    assert fall == pytest.approx(-4.7, abs=0.7)
    assert saturation_change(np.array([0]), HOUR_US, 1000)[0] == 0


def test_severity_scales_the_deviation() -> None:
    lows = [
        at_worst(person(course("hypothermia", severity)), "hypothermia", 0.55, 0.7)[CORE] for severity in (500, 1500)
    ]
    assert lows[0] - lows[1] == pytest.approx(30, abs=1.5)


def test_people_enter_what_they_see_minutes_later_and_take_it_back_before_the_end() -> None:
    for seed in range(20):
        episode = Episode("hypoxia", 0, LENGTHS["hypoxia"], 1000)
        ill = Vitals(
            stream(3, "vitals", "vitals-1"), SECOND_US, courses=[Course(episode, stream(seed, "episode", "hypoxia"))]
        ).block(0, 2_400)
        for column in (AWARE, OXYGEN):
            entered = np.flatnonzero(ill[:, column])
            assert 300 + 120 <= entered[0] <= 300 + 360
            assert entered[-1] < 2_399
            assert (np.diff(entered) == 1).all()


def test_samples_of_episodes_are_the_pinned_ones() -> None:
    """All kinds at once; the digest pins the determinism contract across machines and NumPy versions."""
    rows = person(*(course(kind) for kind in KINDS))
    assert hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest() == PINNED_DIGEST


def test_slow_sampling_sees_the_same_episode() -> None:
    ill = person(course("sepsis"), samples=60, period_us=600 * SECOND_US)
    assert ill[:, CORE].max() >= 385
