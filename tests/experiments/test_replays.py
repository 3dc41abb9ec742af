"""A recording held against the run that replays it: holes are refused, or are no readings where that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from twin.channels import NO_READING, VITALS
from twin.cli import app
from twin.experiments.replays import replayed
from twin.scenario import ScenarioError, assumptions, load_scenario
from twin.scenario.habitat import Replay
from twin.world.recording import Recording

S = 1_000_000
HEART = VITALS.index("heart_rate_bpm")
SCENARIO = """\
name: small
start: 2033-03-10T10:00:00Z
duration: 10 s
habitat:
  site: jezero
  crew: 1
  devices: [{kind: vitals_monitor, frame_period: 10 s, replay: [{crew: 1, path: one.csv}]}]
"""


def source(
    folder: Path, seconds: list[float], period_s: int = 1, gaps: str = "refuse", blank: bool = False
) -> Recording:
    """A recording with the heart rates 70, 71, ... at these seconds, for a run of ten."""
    rows = [f"{at},{'' if blank else 70 + row}" for row, at in enumerate(seconds)]
    file = folder / "one.csv"
    file.write_text("\n".join(["time [s],heart_rate_bpm [/min]", "", *rows]))  # a blank line counts as a line
    replay = Replay.model_validate({"path": str(file), "crew": 1, "gaps": gaps})
    return replayed(replay, VITALS, period_s * S, 10 * S)


WHOLE = {
    "from 0 on": (list(range(10)), 1),
    "from 1 on": (list(range(1, 11)), 1),
    "one row short at the end": (list(range(9)), 1),
    "longer than the run": (list(range(100)), 1),
    "a gap after the run": ([*range(10), 50], 1),
    "faster than the device": ([row / 10 for row in range(100)], 1),
    "a hole that no sample falls into": ([0, 0.2, 0.4, 0.9, *range(1, 10)], 1),
    "slower than the device": ([0, 3, 6, 9], 1),
    "a hole shorter than the device's period": ([0, 1, *range(3, 10)], 2),
}


@pytest.mark.parametrize(("seconds", "period_s"), WHOLE.values(), ids=WHOLE)
def test_a_whole_recording_is_replayed(seconds: list[float], period_s: int, tmp_path: Path) -> None:
    rates = source(tmp_path, seconds, period_s).block(0, 10 // period_s)[1:-1, HEART]
    assert (rates >= 70).all()


RUN = "the run takes samples for 10 s"
STANDS = "and a row stands for"
HOLES = {
    "a hole": ([0, 1, 2, *range(6, 10)], 6, f"the row at 6 s: comes 4 s after the one before, a gap, {STANDS} 1 s"),
    "two": ([0, 1, 3, 4, 7, 8, 9], 5, f"the row at 3 s: comes 2 s after the one before, the first of 2 gaps, {STANDS}"),
    "in a slow one": ([0, 2, 4, 8], 6, f"the row at 8 s: comes 4 s after the one before, a gap, {STANDS} 2 s"),
    "to the end": ([0, 1, 2, 50], 6, f"the row at 50 s: comes 48 s after the one before, a gap, {STANDS} 1 s"),
    "too late": (list(range(3, 10)), 3, f"the recording: begins at 3 s, the run at 0 s, {STANDS} 1 s"),
    "too short": (list(range(5)), 7, f"the recording: ends at 4 s, and {RUN}"),
    "one row": ([0], 3, f"the recording: ends at 0 s, and {RUN}"),
}


@pytest.mark.parametrize(("seconds", "line", "words"), HOLES.values(), ids=HOLES)
def test_a_hole_is_refused_with_its_line_unless_it_is_meant(
    seconds: list[float], line: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError) as refused:
        source(tmp_path, seconds)
    text = str(refused.value)
    assert text.startswith(words)
    remedy = "record the rest, or write `gaps: no_reading` in the replay"
    assert text.endswith(f" ({tmp_path / 'one.csv'}:{line}); {remedy}")
    recording = source(tmp_path, seconds, gaps="no_reading")
    rates = recording.block(0, 10)[:, HEART].tolist()
    for second, rate in enumerate(rates):
        standing = [at for at in seconds if at <= second < at + recording.hold_us / S]
        assert rate == (70 + seconds.index(standing[-1]) if standing else NO_READING)
    assert NO_READING in rates


@pytest.mark.parametrize("gaps", ["refuse", "no_reading"])
def test_a_recording_of_another_time_or_of_nothing_is_refused_whatever_is_said_of_gaps(
    gaps: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match=rf"^the recording: begins at 10 s, and {RUN} \(.*one.csv:3\); count time "):
        source(tmp_path, [10, 11, 12], gaps=gaps)
    with pytest.raises(ScenarioError, match=rf"^the recording: holds no reading, and {RUN} \(.*one.csv:3\); fill in "):
        source(tmp_path, list(range(10)), gaps=gaps, blank=True)


def test_a_recording_with_a_hole_ends_the_command_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SCENARIO)
    (tmp_path / "one.csv").write_text("time [s],heart_rate_bpm [/min]\n0,70\n1,70\n5,70\n")
    done = CliRunner().invoke(app, ["run", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "out")])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("twin: the row at 5 s: comes 4 s after the one before")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", "small.yaml"]


def test_what_is_said_of_gaps_stands_among_the_assumptions(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    for written, said, given in (
        (SCENARIO, "refuse", False),
        (SCENARIO.replace("one.csv", "one.csv, gaps: no_reading"), "no_reading", True),
    ):
        file.write_text(written)
        found = {one.key: one for one in assumptions(load_scenario(file))}["habitat.devices[0].replay[0].gaps"]
        assert (found.value_text, found.given) == (said, given)
