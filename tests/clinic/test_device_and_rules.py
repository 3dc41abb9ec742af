"""The theorem of the room: the row that moves a level closes its frame, so no alarm waits for a frame's period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from watches import COLUMN, REST, WATCH, record, row, samples

from twin.hosts.models import sensor
from twin.pipeline.clinic.alarms import ACTIVE, AlarmRules, Change
from twin.pipeline.clinic.bands import Comparators, Windows
from twin.pipeline.clinic.levels import Levels
from twin.pipeline.wire.body import NO_READING

Row = tuple[int, ...]
WATERMARK = 60


class Forgetful:
    """A sensor that counts anew in every channel once it was programmed."""

    def __init__(self, windows: Windows) -> None:
        self.program(windows)

    def program(self, windows: Windows) -> None:
        self._windows = windows
        self._counts = [0] * len(windows.low)

    def fires(self, values: Row) -> bool:
        low, high, hold = self._windows
        for k, value in enumerate(values):
            below, above = low[k], high[k]
            outside = (below is not None and value < below) or (above is not None and value > above)
            self._counts[k] = self._counts[k] + 1 if outside else 0
        return max(self._counts) >= hold


class Remembering:
    """The simulated sensor: what had not fired and has the same window goes on counting."""

    def __init__(self, windows: Windows) -> None:
        self._comparators = sensor.Comparators(*windows, len(REST))

    def program(self, windows: Windows) -> None:
        self._comparators.change(*windows)

    def fires(self, values: Row) -> bool:
        rows = np.array([values])
        fired = self._comparators.first(rows) is not None
        self._comparators.pass_by(rows)
        return fired


Front = type[Forgetful] | type[Remembering]


def frames(rows: Sequence[Row], front: Front = Forgetful) -> Iterator[list[Row]]:
    """What a sensor delivers: at the watermark, or when `hold` samples in a row have left a channel's window."""
    device = Comparators(WATCH)
    end = front(device.initial())
    held: list[Row] = []
    for values in rows:
        held.append(values)
        if end.fires(values) or len(held) == WATERMARK:
            yield held
            windows = device.after(held)
            if windows is not None:
                end.program(windows)
            held = []
    if held:
        yield held


def alarms(rows: Sequence[Row], front: Front = Forgetful) -> Iterator[tuple[Change, int, int]]:
    """Changes, with the number of rows before their frame and in it."""
    rules = AlarmRules(WATCH)
    before = 0
    for index, held in enumerate(frames(rows, front)):
        for change in rules.frame(record(index), samples(held)):
            yield change, before, len(held)
        before += len(held)


def values(*around: int) -> st.SearchStrategy[int]:
    near = st.sampled_from([edge + off for edge in around for off in (-2, -1, 0, 1, 2)])
    return st.one_of(near, near, st.just(NO_READING), st.sampled_from([0, 260, 30_000]))


MOVES = st.tuples(
    values(92, 94, 96, 97),
    values(41, 51, 70, 91, 111, 131),
    values(9, 12, 16, 21, 25),
    values(91, 101, 120),
    values(351, 361, 370, 381, 391),
    st.sampled_from([0, 1, NO_READING]),
    st.sampled_from([0, 20]),
    st.sampled_from([10, 500]),
)


@st.composite
def courses(draw: st.DrawFn) -> list[Row]:
    """Stretches in which a few channels have left rest, some steady, some not."""
    rows: list[Row] = []
    for _ in range(draw(st.integers(1, 8))):
        columns = draw(st.sets(st.integers(0, 7), max_size=3))
        steady = draw(st.booleans())
        length = draw(st.integers(1, 70 if steady else 9))
        target = draw(MOVES)
        for _ in range(length):
            rows.append(tuple(target[k] if k in columns else REST[k] for k in range(8)))
            if not steady:
                target = draw(MOVES)
    return rows


@settings(max_examples=200, deadline=None)
@given(courses(), st.sampled_from([Forgetful, Remembering]))
@example([row()] * 20 + [row(spo2=93), row(spo2=91), *[row(spo2=89)] * 50], Forgetful)
@example([row()] * 20 + [row(spo2=None)] * 2 + [row(spo2=86)] * 50, Forgetful)
@example([row()] * 20 + [row(spo2=86), row(spo2=None), *[row(spo2=86)] * 50], Remembering)
@example([row()] * 20 + [row(spo2=86), row(spo2=86, heart=140), *[row(spo2=86, heart=140)] * 50], Forgetful)
def test_every_level_that_moves_and_every_alarm_is_in_the_last_row_of_a_frame(rows: list[Row], front: Front) -> None:
    edge = Levels(WATCH)
    cells = [level.cell if level else 0 for level in edge.by_column]
    off = [False] * len(REST)
    for held in frames(rows, front):
        for step in edge.take(held):
            if (step.cell, step.off) != (cells[step.column], off[step.column]):
                assert step.row == len(held) - 1, (step, held)
            cells[step.column], off[step.column] = step.cell, step.off
    for change, _, length in alarms(rows, front):
        if change.state == ACTIVE and not change.alert.rule.endswith("stale"):
            held_s = length - 1 - change.row
            assert held_s < WATCH.hold or NO_READING in [value for values in rows for value in values]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 130),
    st.sampled_from([("spo2", 91), ("spo2", 80), ("heart", 131), ("heart", 40), ("systolic", 85), ("respiration", 26)]),
    st.integers(3, 90),
)
def test_an_alarm_comes_two_seconds_after_the_crossing_wherever_the_frame_stands(
    before: int, crossing: tuple[str, int], length: int
) -> None:
    name, value = crossing
    rows = [row()] * before + [row(**{name: value})] * length + [row()] * 5
    raised = [(c, start, n) for c, start, n in alarms(rows) if c.state == ACTIVE]
    assert raised
    for change, start, frame_rows in raised:
        closed = start + frame_rows - 1
        assert closed == before + 2, change
        assert start + change.row <= before + 2


def test_a_quiet_sensor_fills_its_frames() -> None:
    assert [len(held) for held in frames([row()] * 150)] == [60, 60, 30]


def test_noise_at_an_edge_does_not_fire_for_ever() -> None:
    noise = [row(spo2=value) for value in (92, 91, 91, 91, 92, 92, 92, 91) * 60]
    cut = [len(held) for held in frames(noise)]
    assert len(cut) < 3 + len(noise) // 60 + 2


def test_a_lead_that_is_off_fires_once_and_once_more_when_readings_return() -> None:
    rows = [row()] * 10 + [row(spo2=None)] * 100 + [row()] * 60
    assert [len(held) for held in frames(rows)] == [13, 60, 40, 57]


def test_a_value_that_nobody_can_have_fires_once() -> None:
    rows = [row()] * 10 + [row(heart=300)] * 100 + [row(heart=5)] * 30
    assert [len(held) for held in frames(rows)] == [13, 60, 40, 27]


@pytest.mark.parametrize("name", ["activity_mg"])
def test_a_channel_without_rules_has_no_comparator(name: str) -> None:
    windows = Comparators(WATCH).initial()
    assert (windows.low[COLUMN[name]], windows.high[COLUMN[name]]) == (None, None)
    assert windows.hold == 3
    assert (windows.low[0], windows.high[0]) == (96, 100)


def test_windows_are_returned_only_to_be_programmed() -> None:
    device = Comparators(WATCH)
    assert device.after([row()] * 60) is None
    moved = device.after([row()] * 10 + [row(spo2=90)] * 3)
    assert moved is not None
    assert (moved.low[0], moved.high[0]) == (40, 92)
    assert device.after([row(spo2=90)] * 60) is None
