"""The sensor front end with machines that program it: what is delivered when, and what survives trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from twin.channels import NO_READING
from twin.hosts.models.sensor import Comparators, Hiccup, Sensor
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import ArmSensor, Effect, Event, SamplesReady, SetComparators, Started
from twin.randomness import stream
from twin.trace import Generated, Trace

SECOND_US = 1_000_000
START_US = 500_000_000
Answer = Callable[[SamplesReady], list[Effect]]


class Script:
    """A source whose samples are written down."""

    def __init__(self, rows: Sequence[Sequence[int]], period_us: int = SECOND_US) -> None:
        self.rows = np.array(rows, dtype=np.int64)
        self.channels = tuple(f"c{number}" for number in range(self.rows.shape[1]))
        self.period_us = period_us
        self.read = 0

    def block(self, first_sample: int, count: int) -> np.ndarray:
        assert first_sample == self.read, "samples are read once and in order"
        self.read += count
        beyond = np.repeat(self.rows[-1:], max(0, self.read - len(self.rows)), axis=0)
        return np.concatenate((self.rows, beyond))[first_sample : self.read]


class Bench:
    """One device at a sensor; `got` lists deliveries as (seconds since the start, event)."""

    def __init__(self, source: Script, arm: ArmSensor, answer: Answer = lambda _: [], **sensor: Any) -> None:
        self.trace = Trace()
        self.host = SimulatedHost(START_US, self.trace)
        self.got: list[tuple[float, SamplesReady]] = []
        self.generated: list[Generated] = []
        self.trace.subscribe(Generated, lambda _at, _node, fact: self.generated.append(fact))
        self._arm, self._answer = arm, answer
        self.sensor = Sensor(self.host, "device", source, START_US, START_US + len(source.rows) * SECOND_US, **sensor)
        self.host.carriers[ArmSensor] = lambda _, effect: self.sensor.arm(effect)
        self.host.carriers[SetComparators] = lambda _, effect: self.sensor.set_comparators(effect)
        self.host.start("device", self)

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, Started):
            return [self._arm]
        assert isinstance(event, SamplesReady)
        self.got.append(((now_us - START_US) / SECOND_US, event))
        return self._answer(event)

    def run(self) -> Bench:
        self.host.env.run()
        return self

    def instants(self) -> list[float]:
        return [at_s for at_s, _ in self.got]

    def values(self, channel: int = 0) -> list[int]:
        return [row[channel] for _, event in self.got for row in event.rows]


def armed(low: int | None, high: int | None, hold: int = 1, watermark: int = 10, channels: int = 1) -> ArmSensor:
    others = (None,) * (channels - 1)
    return ArmSensor(SECOND_US, watermark, (low, *others), (high, *others), hold)


def test_the_watermark_delivers_and_the_end_cuts() -> None:
    bench = Bench(Script([[70]] * 25), armed(41, 130)).run()
    assert bench.instants() == [9, 19, 24]
    assert bench.values() == [70] * 25
    assert [event.start_us for _, event in bench.got] == [START_US + at * SECOND_US for at in (0, 10, 20)]
    assert [fact.start_us for fact in bench.generated] == [event.start_us for _, event in bench.got]


def test_a_crossing_delivers_at_once_and_once() -> None:
    rows = [[70]] * 4 + [[140]] * 12 + [[70]] * 4
    assert Bench(Script(rows), armed(41, 130)).run().instants() == [4, 14, 19]


def test_a_comparator_fires_again_after_a_sample_inside() -> None:
    rows = [[70], [140], [70], [140], [140], [70]] + [[70]] * 6
    assert Bench(Script(rows), armed(41, 130)).run().instants() == [1, 3, 11]


def test_hold_asks_for_so_many_samples_in_a_row() -> None:
    rows = [[70], [140], [140], [70], [140], [140], [140], [140], [70], [70], [140], [140]]
    assert Bench(Script(rows), armed(41, 130, hold=3)).run().instants() == [6, 11]


def test_hold_counts_across_deliveries() -> None:
    rows = [[70]] * 8 + [[140]] * 4 + [[70]] * 8
    assert Bench(Script(rows), armed(41, 130, hold=3)).run().instants() == [9, 10, 19]


def test_channels_fire_apart() -> None:
    rows = [[70, 98], [140, 98], [140, 98], [140, 80], [140, 80], [140, 98]] + [[140, 98]] * 4
    arm = ArmSensor(SECOND_US, 10, (41, 92), (130, None))
    assert Bench(Script(rows), arm).run().instants() == [1, 3, 9]


def test_a_lead_that_falls_off_fires_where_a_low_bound_is_set() -> None:
    rows = [[70, 98]] * 3 + [[70, NO_READING]] * 3 + [[NO_READING, NO_READING]] * 4
    bounded = ArmSensor(SECOND_US, 10, (None, 92), (130, None))
    assert Bench(Script(rows), bounded).run().instants() == [3, 9]


def test_reprogrammed_windows_follow_a_value_down_step_by_step() -> None:
    """A device that programs the next band each time hears of each band once."""
    rows = [[98], [97], [95], [95], [93], [93], [90], [90], [90], [95]]
    bands = [(96, None), (94, 95), (92, 93), (None, 91)]

    def answer(event: SamplesReady) -> list[Effect]:
        value = event.rows[-1][0]
        low, high = next(band for band in bands if (band[0] or 0) <= value <= (band[1] or 100))
        return [SetComparators((low,), (high,), 1)]

    assert Bench(Script(rows), armed(96, None), answer).run().instants() == [2, 4, 6, 9]


def test_the_same_windows_again_arm_a_comparator_that_had_fired() -> None:
    """A device that is not done with a crossing (readings came and went) asks to be told again after `hold` samples."""
    rows = [[70]] * 4 + [[140]] * 6 + [[70]] * 10
    assert Bench(Script(rows), armed(41, 130, hold=3)).run().instants() == [6, 16, 19]
    again = Bench(Script(rows), armed(41, 130, hold=3), lambda _: [SetComparators((41,), (130,), 3)])
    assert again.run().instants() == [6, 9, 19]


def test_windows_set_between_deliveries_judge_the_samples_from_then_on() -> None:
    bench = Bench(Script([[70]] * 20), armed(41, 130))
    bench.host.call_at(START_US + 4_500_000, bench.sensor.set_comparators, SetComparators((80,), (None,), 2))
    assert bench.run().instants() == [6, 16, 19]
    assert bench.values() == [70] * 20


def test_wider_windows_set_in_time_call_a_planned_delivery_off() -> None:
    rows = [[70]] * 5 + [[140]] * 15
    bench = Bench(Script(rows), armed(41, 130))
    bench.host.call_at(START_US + 4_500_000, bench.sensor.set_comparators, SetComparators((41,), (150,), 1))
    assert bench.run().instants() == [9, 19]


def test_a_run_that_began_before_unchanged_windows_counts_on() -> None:
    rows = [[70, 1]] * 3 + [[140, 1]] * 17
    bench = Bench(Script(rows), armed(41, 130, hold=4, channels=2))
    bench.host.call_at(START_US + 4_500_000, bench.sensor.set_comparators, SetComparators((41, 0), (130, None), 4))
    assert bench.run().instants() == [6, 16, 19]


def test_random_rows_fire_as_a_plain_reading_of_the_rule_says() -> None:
    """Deliveries against a sample-by-sample model, for many windows, holds and watermarks."""
    random = np.random.Generator(np.random.PCG64(11))
    for _ in range(60):
        rows = random.integers(0, 10, size=(200, 3))
        hold, watermark = int(random.integers(1, 5)), int(random.integers(1, 30))
        low, high = (2, None, 1), (8, 7, None)
        expected, outside, ready = [], [0, 0, 0], [True] * 3
        held = 0
        for at, row in enumerate(rows.tolist()):
            held += 1
            fires = False
            for channel, value in enumerate(row):
                bottom, top = low[channel], high[channel]
                if (bottom is not None and value < bottom) or (top is not None and value > top):
                    outside[channel] += 1
                    if ready[channel] and outside[channel] == hold:
                        fires, ready[channel] = True, False
                else:
                    outside[channel], ready[channel] = 0, True
            if fires or held == watermark or at == len(rows) - 1:
                expected.append(float(at))
                held = 0
        bench = Bench(Script(rows.tolist()), ArmSensor(SECOND_US, watermark, low, high, hold)).run()
        assert bench.instants() == expected
        assert [row for _, event in bench.got for row in event.rows] == [tuple(row) for row in rows.tolist()]


def test_a_wrong_clock_stamps_samples_and_truth_stays_true() -> None:
    bench = Bench(Script([[70]] * 20), armed(None, None), clock=lambda at_us: at_us - 3 * SECOND_US).run()
    assert [event.start_us for _, event in bench.got] == [START_US - 3 * SECOND_US, START_US + 7 * SECOND_US]
    assert [fact.start_us for fact in bench.generated] == [START_US, START_US + 10 * SECOND_US]


def hiccup(from_s: int, until_s: int, delay_s: int = 0, rate: float = 1.0) -> Hiccup:
    return Hiccup(
        START_US + from_s * SECOND_US, START_US + until_s * SECOND_US, rate, delay_s * SECOND_US, stream(1, "hiccup")
    )


def test_a_block_that_is_delivered_twice_was_generated_once() -> None:
    bench = Bench(Script([[70]] * 40), armed(None, None), hiccups=[hiccup(15, 30)]).run()
    assert bench.instants() == [9, 19, 19, 29, 29, 39]
    assert bench.got[1] == bench.got[2]
    assert len(bench.generated) == 4


def test_late_blocks_stay_in_order() -> None:
    bench = Bench(Script([[70]] * 50), armed(None, None), hiccups=[hiccup(15, 25, delay_s=14)]).run()
    assert bench.instants() == [9, 33, 33, 39, 49]
    starts = [event.start_us for _, event in bench.got]
    assert starts == sorted(starts)


def test_hiccups_by_chance_meet_some_blocks() -> None:
    bench = Bench(Script([[70]] * 4_000), armed(None, None), hiccups=[hiccup(0, 4_000, rate=0.25)]).run()
    assert 70 < len(bench.got) - 400 < 130


def test_a_device_that_is_down_takes_nothing_and_goes_on_with_what_comes_after() -> None:
    rows = [[number] for number in range(40)]
    bench = Bench(Script(rows), armed(None, None), hiccups=[hiccup(5, 10, delay_s=4)])
    bench.host.call_at(START_US + 12 * SECOND_US + 1, bench.host.stop, "device", 0, 0)
    bench.host.call_at(START_US + 24 * SECOND_US + 1, bench.host.start, "device", bench)
    bench.run()
    # the block of seconds 0 to 9 was on its way, late, when the device stopped
    assert bench.values() == list(range(25, 40))
    assert bench.instants() == [34, 39]


def test_a_period_that_is_not_the_source_s_is_refused() -> None:
    with pytest.raises(ValueError, match="armed with a period of 2000000 us, and its source has 1000000 us"):
        Bench(Script([[70]]), ArmSensor(2 * SECOND_US, 1, (None,), (None,)))


@pytest.mark.parametrize(("low", "high", "hold"), [((1,), (2, 3), 1), ((1,), (2,), 1), ((1, 2), (2, 3), 0)])
def test_windows_for_other_channels_are_refused(low: tuple[int], high: tuple[int], hold: int) -> None:
    with pytest.raises(ValueError, match="2 channels need a low and a high bound each, and a hold is 1 or more"):
        Comparators(low, high, hold, 2)
