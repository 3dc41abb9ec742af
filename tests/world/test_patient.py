"""Vital signs against the textbook ranges of resting adults, and against themselves read in other ways."""

import hashlib
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__  # no public name exists

from twin.randomness import stream
from twin.world import walks
from twin.world.patient import Vitals
from twin.world.timescales import SOL_US
from twin.world.vital_model import TRAITS

SECOND_US = 1_000_000
SOL_SAMPLES = 88_775
PINNED_WORDS = [1510304628991593555, 3530091598353936460]
PINNED_FIRST = [70, 882, 99, 14, 121, 72, 364, 0, 0, 19]
PINNED_DIGEST = "86d519dffe642e398e48a28fe5f5530ecd2b9a2d9ad7e8f48f5429cbc3c22569"


HEART, RR, SPO2, BREATH, SYSTOLIC, DIASTOLIC, CORE, AWARE, OXYGEN, ACTIVITY = range(len(Vitals.CHANNELS))
# A reading outside scores 3 in NEWS2 (Royal College of Physicians 2017); temperature 39.1 scores 2.
LIMITS = {HEART: (41, 130), SPO2: (92, 100), BREATH: (9, 24), SYSTOLIC: (91, 219), CORE: (351, 390)}


def vitals(name: str = "monitor-1", period_us: int = SECOND_US) -> Vitals:
    return Vitals(stream(7, "vitals", name), period_us)


@pytest.fixture(scope="module")
def three_sols() -> np.ndarray:
    """Three sols of each of six people, shape (6, samples, channels)."""
    return np.stack([vitals(f"monitor-{person}").block(0, 3 * SOL_SAMPLES) for person in range(6)])


def test_streams_of_random_numbers_keep_their_first_words() -> None:
    assert stream(7, "vitals", "monitor-1").bit_generator.random_raw(2).tolist() == PINNED_WORDS


def test_names_that_join_to_the_same_text_are_different_streams() -> None:
    first = [int(stream(7, *name).bit_generator.random_raw()) for name in (("a", "b"), ("ab",), ("a b",))]
    assert len(set(first)) == 3


@pytest.mark.parametrize("name", [(), ("",), ("a\x1fb",)])
def test_unusable_stream_name_is_refused(name: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="every part of a name is non-empty text"):
        stream(7, *name)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed -1: a seed is 0 or more"):
        stream(-1, "a")


def test_samples_do_not_depend_on_the_block_sizes() -> None:
    at_once = vitals().block(0, 10_000)
    in_pieces, piecewise, first = vitals(), [], 0
    for count in (1, 59, 0, 3_540, 3_600, 61, 2_739):
        piecewise.append(in_pieces.block(first, count))
        first += count
    assert first == 10_000
    assert np.array_equal(at_once, np.concatenate(piecewise))


def test_samples_are_the_pinned_ones() -> None:
    """One sol at 1 s; the digest pins the determinism contract across machines and NumPy versions."""
    rows = vitals().block(0, SOL_SAMPLES)
    assert rows[0].tolist() == PINNED_FIRST
    assert hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest() == PINNED_DIGEST


def test_samples_are_the_same_without_cpu_features() -> None:
    program = (
        "import hashlib; import numpy._core._multiarray_umath as umath;"
        "from twin.randomness import stream; from twin.world.patient import Vitals;"
        "print(sum(umath.__cpu_features__[name] for name in umath.__cpu_dispatch__));"
        "rows = Vitals(stream(7, 'vitals', 'monitor-1'), 1000000).block(0, 88775);"
        "print(hashlib.sha256(rows.astype('<i8').tobytes()).hexdigest())"
    )
    usable = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    env = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(usable)}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["0", PINNED_DIGEST]


def test_another_person_has_other_samples() -> None:
    assert not np.array_equal(vitals("monitor-1").block(0, 600), vitals("monitor-2").block(0, 600))


def test_resting_adults_stay_in_plausible_ranges(three_sols: np.ndarray) -> None:
    plausible = {
        "heart_rate_bpm": (45, 125),
        "rr_interval_ms": (450, 1500),
        "spo2_pct": (94, 100),
        "respiration_rpm": (10, 24),
        "temperature_ddegc": (355, 383),
        "systolic_mmhg": (90, 155),
        "diastolic_mmhg": (50, 100),
        "activity_mg": (0, 600),
    }
    for column, name in enumerate(Vitals.CHANNELS):
        if name in plausible:
            low, high = plausible[name]
            values = three_sols[:, :, column]
            assert low <= values.min(), name
            assert values.max() <= high, name
            assert values.std() > 0.2, name


def test_nobody_enters_anything_about_a_healthy_crew(three_sols: np.ndarray) -> None:
    assert not three_sols[:, :, [AWARE, OXYGEN]].any()


def test_a_quiet_crew_leaves_no_band_that_scores_3() -> None:
    """False crossings per patient-day: 0 in these 16; scripts of this test's shape found 0 in 100."""
    crossings = 0
    for seed in range(16):
        rows = Vitals(stream(seed, "vitals", f"vitals-{seed % 6 + 1}"), SECOND_US, seed * 5_400_000_000).block(
            0, 86_400
        )
        for column, (low, high) in LIMITS.items():
            outside = (rows[:, column] < low) | (rows[:, column] > high)
            crossings += int((outside[1:] & ~outside[:-1]).sum()) + int(outside[0])
    assert crossings == 0


def test_mean_of_each_person_is_near_the_baseline(three_sols: np.ndarray) -> None:
    """Light work raises the mean by at most two thirds of what one unit of effort does."""
    for column, name in enumerate(Vitals.CHANNELS):
        if name in TRAITS:
            low, high = TRAITS[name].baseline
            means = three_sols[:, :, column].mean(axis=1)
            above = 2 / 3 * TRAITS[name].effort
            assert ((low - 1.5 <= means) & (means <= high + 1.5 + above)).all(), name


def test_core_temperature_is_that_of_people(three_sols: np.ndarray) -> None:
    """36.5 to 37.2 degC at rest, a circadian swing of 0.4 degC to either side: by the hour 36.0 to 37.8."""
    hourly = three_sols[:, : 73 * 3_600, CORE].reshape(6, 73, 3_600).mean(axis=2) / 10
    assert hourly.min() > 36.0
    assert hourly.max() < 37.9
    assert 0.6 < np.mean(hourly.max(axis=1) - hourly.min(axis=1)) < 1.6


def test_systolic_is_above_diastolic(three_sols: np.ndarray) -> None:
    assert (three_sols[:, :, SYSTOLIC] - three_sols[:, :, DIASTOLIC]).min() >= 15


def test_heart_rate_peaks_in_the_afternoon_of_the_sol(three_sols: np.ndarray) -> None:
    hour_samples = SOL_SAMPLES // 24
    by_hour = three_sols[:, : 24 * hour_samples, HEART].reshape(6, 24, hour_samples).mean(axis=(0, 2))
    assert by_hour[14:20].mean() - by_hour[2:8].mean() > 6.0


def test_heart_rate_rises_with_breathing_and_movement_under_exertion(three_sols: np.ndarray) -> None:
    minutes = three_sols[:, : 3 * SOL_SAMPLES // 60 * 60].reshape(6, -1, 60, len(Vitals.CHANNELS)).mean(axis=2)
    for other in (BREATH, ACTIVITY):
        assert min(np.corrcoef(person[:, HEART], person[:, other])[0, 1] for person in minutes) > 0.4


def test_people_rest_at_night(three_sols: np.ndarray) -> None:
    hour_samples = SOL_SAMPLES // 24
    by_hour = three_sols[:, : 24 * hour_samples, ACTIVITY].reshape(6, 24, hour_samples).mean(axis=(0, 2))
    assert by_hour[3:7].max() < 15
    assert by_hour[14:20].mean() > 30


def test_rr_intervals_are_those_of_the_heart_rate(three_sols: np.ndarray) -> None:
    """RR = 60000 / HR on the average of any five minutes, to 1.5 %: rounding and the monitor's jitter make the rest."""
    fives = three_sols[:, : 3 * SOL_SAMPLES // 300 * 300].reshape(6, -1, 300, len(Vitals.CHANNELS))
    expected = (60_000 / fives[:, :, :, HEART]).mean(axis=2)
    assert np.abs(fives[:, :, :, RR].mean(axis=2) / expected - 1).max() < 0.015


def test_rr_intervals_vary_as_published_at_rest(three_sols: np.ndarray) -> None:
    """Nunan et al. 2010: short-term SDNN 50 (32 to 93) ms and RMSSD 42 (19 to 75) ms over studies of healthy adults."""
    night = three_sols[:, 3 * 3_700 : 6 * 3_700, RR]
    fives = night[:, : night.shape[1] // 300 * 300].reshape(6, -1, 300)
    assert 19 < np.sqrt((np.diff(fives, axis=2) ** 2).mean()) < 75
    assert 25 < fives.std(axis=2).mean() < 93


def test_rr_intervals_swing_with_each_breath(three_sols: np.ndarray) -> None:
    """Most of their power lies at the breathing rate: the high-frequency band of heart rate variability."""
    night, rate_hz = three_sols[0, 12_000:14_048, RR], three_sols[0, 12_000:14_048, BREATH].mean() / 60
    power = np.abs(np.fft.rfft(night - night.mean())) ** 2
    frequency = np.fft.rfftfreq(len(night), 1.0)
    near = (np.abs(frequency - rate_hz) < 0.05) & (frequency > 0.1)
    assert abs(frequency[1 + np.argmax(power[1:] * (frequency[1:] > 0.1))] - rate_hz) < 0.03
    assert power[near].sum() > 0.6 * power[frequency > 0.1].sum()


def test_slow_wander_has_the_memory_it_states() -> None:
    walk = walks.Walk(np.random.Generator(np.random.PCG64(3)), 1, 2.0, 3)
    knots = walk.held(np.arange(200_000)) / 65_536
    assert knots.std() == pytest.approx(2.0, rel=0.03)
    assert np.corrcoef(knots[:-1], knots[1:])[0, 1] == pytest.approx(7 / 8, abs=0.01)


def test_circadian_swing_is_a_sine_within_bhaskara_s_error() -> None:
    local_us = np.linspace(-1e11, 3e11, 20_001).astype(np.int64)
    sine = np.sin(2 * np.pi * (local_us / SOL_US - 17 / 24 + 1 / 4))
    assert np.abs(walks.circadian(local_us) / 65_536 - sine).max() < 0.0018


def test_cuff_reading_holds_for_fifteen_minutes() -> None:
    systolic = vitals().block(0, 9_000)[:, Vitals.CHANNELS.index("systolic_mmhg")].reshape(10, 900)
    assert (systolic == systolic[:, :1]).all()
    assert len(set(systolic[:, 0].tolist())) > 3


def test_slow_sampling_sees_the_same_sol() -> None:
    rows = vitals(period_us=600 * SECOND_US).block(0, 3 * 148)
    assert 45 < rows[:, 0].mean() < 85


def test_memory_stays_flat_over_many_sols() -> None:
    source = vitals()
    source.block(0, 3_600)
    tracemalloc.start()
    peaks = []
    for first in (3_600, 3_600 + 10 * 3_600, 3_600 + 60 * 3_600):
        tracemalloc.reset_peak()
        count = {3_600: 10, 39_600: 50, 219_600: 50}[first]
        for block in range(count):
            source.block(first + block * 3_600, 3_600)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert max(peaks) - min(peaks) < 100_000


def test_samples_out_of_order_are_refused() -> None:
    source = vitals()
    source.block(0, 60)
    with pytest.raises(ValueError, match="60 samples from 0 on: samples are read once and in order; ask"):
        source.block(0, 60)


def test_period_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="sample period 0 us: a period is longer than 0"):
        vitals(period_us=0)
