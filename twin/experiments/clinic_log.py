"""Everything that the clinic's page tells, collected from a run's trace: vitals, alarms, episodes, ledger.

log = ClinicLog(folder / "tables", devices, edges, start_us, end_us)
log.watch(trace)
...                      # the run
log.close(now_us)        # writes vitals, alarms, episodes, checkpoints
log.clinic()             # the blocks of result.json
log.ledger(table.count_rows())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from twin.experiments.alarm_log import AlarmLog
from twin.experiments.alarm_tally import counted_to, tally
from twin.experiments.identities import AUDITOR, EARTH
from twin.experiments.ledger_log import LedgerLog
from twin.experiments.vitals_log import VitalsLog, WatchedDevice
from twin.trace import Trace

_TECHNICAL: Final = (".lead_off", ".stale")
_SPELLED: Final = {"spo2": "SpO2", "news2": "NEWS2", "ppo2": "ppO2", "ppco2": "ppCO2"}


def is_technical(rule: str) -> bool:
    """Whether a rule of `twin.pipeline.clinic.rules` is about a sensor instead of a patient."""
    return rule.endswith(_TECHNICAL)


def in_words(rule: str) -> str:
    """A rule `<channel>.<what>` or `news2.<what>` as people read it: `SpO2 low`, without the channel's unit."""
    of, _, what = rule.rpartition(".")
    quantity = of.rpartition("_")[0] or of
    words = f"{quantity}_{what}".strip("_").split("_")
    return " ".join(_SPELLED.get(word, word) for word in words)


class ClinicLog:
    """Collector of the clinic's tables and blocks; counts from the trace and changes nothing.

    Args:
        folder: where tables go.
        devices: every device of the habitat with its crew member (0: the habitat's air) and its channels.
        edges: names of the edge nodes.
        start_us, end_us: when generation begins and ends.
        technical: tells rules about devices from those about patients.
        text: a rule in words.
    """

    def __init__(
        self,
        folder: Path,
        devices: Sequence[WatchedDevice],
        edges: Sequence[str],
        start_us: int,
        end_us: int,
        technical: Callable[[str], bool] = is_technical,
        text: Callable[[str], str] = in_words,
    ) -> None:
        self._folder = folder
        self._devices = devices
        self._start_us = start_us
        self._end_us = end_us
        self._technical = technical
        self._text = text
        self._watched_us = end_us - start_us
        self.vitals = VitalsLog(folder, devices, start_us, end_us)
        self.alarms = AlarmLog(devices, EARTH)
        self.ledger_log = LedgerLog(folder, edges, AUDITOR)

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        self.vitals.watch(trace)
        self.alarms.watch(trace)
        self.ledger_log.watch(trace)

    def close(self, at_us: int) -> None:
        """The run is over at `at_us`: write all four tables."""
        self._watched_us = min(at_us, self._end_us) - self._start_us
        self.vitals.close()
        self.ledger_log.close()
        episodes = self.alarms.episodes

        self.alarms.write(
            self._folder,
            lambda alarm: None if self._technical(alarm.alert.rule) else counted_to(alarm, episodes),
            self._technical,
            self._text,
        )

    @property
    def alerts(self) -> int:
        """How many alert keys there are."""
        return len(self.alarms.alarms)

    def clinic(self) -> dict[str, Any]:
        """The `clinic` block of `result.json`."""
        every = self.alarms.in_order()
        technical = [alarm for alarm in every if self._technical(alarm.alert.rule)]
        about_people = [alarm for alarm in every if not self._technical(alarm.alert.rule)]
        crew = [device.crew for device in self._devices]
        return tally(about_people, technical, self.alarms.episodes, crew, self._watched_us)

    def ledger(self, rows: int) -> dict[str, Any]:
        """The `ledger` block of `result.json`; `rows` were counted in the table itself."""
        return self.ledger_log.block(rows)
