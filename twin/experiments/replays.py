"""A recording in the place of a person or the air: held against the run that replays it.

Each sample of the run finds a recorded row that stands for it (`twin.world.recording`), or the scenario says with
`gaps: no_reading` that holes are meant: there the sensor then has no reading, whatever was recorded before. Up to one
period may lack at the begin and at the end, so a recording may count from 0 or from 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from twin.channels import NO_READING
from twin.scenario.errors import Place, ScenarioError
from twin.scenario.habitat import Replay
from twin.scenario.recordings import read_recording
from twin.units import format_duration
from twin.world.recording import Recording

_REMEDY = "record the rest, or write `gaps: no_reading` in the replay"


def replayed(replay: Replay, channels: tuple[str, ...], period_us: int, duration_us: int) -> Recording:
    """The source that a replay names.

    Args:
        channels: Columns of the device.
        period_us: From one of the device's samples to the next [us].
        duration_us: How long the run takes samples [us].

    Raises:
        ScenarioError: The file is wrong, holds no reading of the run's time, or has gaps that nobody asked for.
    """
    series = read_recording(Path(replay.path), channels)
    counts = np.array(series.counts, dtype=np.int64).reshape(-1, len(channels))
    times_us = np.array(series.times_us, dtype=np.int64)
    recording = Recording(channels, times_us, counts, period_us)

    def refusal(row: int, subject: str, rule: str, remedy: str = _REMEDY) -> ScenarioError:
        return ScenarioError(subject, rule, str(Place(replay.path, series.lines[row])), remedy)

    first, last = (format_duration(int(times_us[row])) for row in (0, -1))
    run = f"the run takes samples for {format_duration(duration_us)}"
    inside = times_us < duration_us
    if not inside.any():
        raise refusal(0, "the recording", f"begins at {first}, and {run}", "count time from the scenario's start")
    if (counts[inside] == NO_READING).all():
        raise refusal(0, "the recording", f"holds no reading, and {run}", "fill in cells, or drop the replay")
    gaps = recording.gaps(duration_us)
    if replay.gaps == "no_reading" or not len(gaps):
        return recording
    row = int(gaps[0])
    stands = f"a row stands for {format_duration(recording.hold_us)}"
    if row == 0:
        raise refusal(0, "the recording", f"begins at {first}, the run at 0 s, and {stands}")
    if row == len(times_us):
        raise refusal(-1, "the recording", f"ends at {last}, and {run}")
    gap = format_duration(int(times_us[row] - times_us[row - 1]))
    number = f"the first of {len(gaps)} gaps" if len(gaps) > 1 else "a gap"
    at = f"the row at {format_duration(int(times_us[row]))}"
    raise refusal(row, at, f"comes {gap} after the one before, {number}, and {stands}")
