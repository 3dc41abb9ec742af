"""A progress bar with the simulated date and the speed; shown on a terminal only."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

from twin.experiments.mission import Mission
from twin.world.timescales import us_to_utc

STEPS = 500
US_PER_S = 1_000_000


class Progress:
    """Context manager around a run; its ticks are host callbacks that change nothing of the run."""

    def __init__(self, mission: Mission, quiet: bool) -> None:
        self._mission = mission
        self._shown = not quiet and sys.stderr.isatty()
        self._bar: Any = None
        self._begun = 0.0

    def __enter__(self) -> Progress:
        if self._shown:
            m = self._mission
            span_us = m.generation_end_us - m.start_us
            form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
            columns, rows = shutil.get_terminal_size()  # 80 x 24 where a terminal knows no size; tqdm would hide
            size: dict[str, Any] = {"ncols": columns - 1, "nrows": rows}
            self._bar = tqdm(total=span_us, bar_format=form, leave=False, file=sys.stderr, **size)
            self._begun = time.monotonic()
            self._every_us = max(1, span_us // STEPS)
            m.host.call_at(m.start_us, self._tick)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def _tick(self) -> None:
        m = self._mission
        now_us = m.host.now_us
        done_us = now_us - m.start_us
        self._bar.n = min(done_us, self._bar.total)
        wall_s = time.monotonic() - self._begun
        speed = done_us / US_PER_S / wall_s if wall_s > 0 else 0.0
        phase = "draining" if now_us >= m.generation_end_us else "running"
        date = us_to_utc(now_us)[:16].replace("T", " ")
        self._bar.set_description_str(f"{phase} {date} UTC", refresh=False)
        self._bar.set_postfix_str(f" {speed:,.0f} simulated s per s")
        m.host.call_in(self._every_us, self._tick)
