"""Follows each alarm from the sample at which its rule began to hold to the last who learned of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from twin.experiments.tables import TableWriter
from twin.experiments.vitals_log import WatchedDevice
from twin.pipeline.facts import AlarmRaised, AlertSealed, BundleSent, FrameSealed, ReceiptLearned, Trimmed
from twin.pipeline.wire.identity import AlertKey
from twin.trace import (
    AlarmSounded,
    AlertStored,
    EpisodeBegan,
    EpisodeEnded,
    Generated,
    HopDelivered,
    Restarted,
    RowStored,
    SurgeonTold,
    Trace,
)

Record = tuple[int, ...]


@dataclass(slots=True)
class Alarm:
    """One alert key and its instants; None where that has not happened."""

    alert: AlertKey
    stream: str
    crew: int
    priority: int = 0
    onset_us: int | None = None
    raised_us: int | None = None
    sounded_us: int | None = None
    escalated_us: int | None = None
    acknowledged_us: int | None = None
    cleared_us: int | None = None
    sealed_us: int | None = None
    sent_us: int | None = None
    arrived_us: int | None = None
    durable_us: int | None = None
    stored_us: int | None = None
    told_us: int | None = None
    times_told: int = 0
    seen_on_mars_us: int | None = None

    @property
    def began_us(self) -> int:
        """When what it tells of began: its onset, or the first that is known of it."""
        known = (self.onset_us, self.raised_us, self.sounded_us, self.sealed_us, self.stored_us, self.told_us)
        return next((at_us for at_us in known if at_us is not None), 0)


@dataclass(slots=True)
class Episode:
    """Ground truth: `end_us` is None while it lasts; crew 0 is the habitat's air."""

    kind: str
    crew: int
    start_us: int
    end_us: int | None = None


_STATES = {
    "active": "sounded_us",
    "escalated": "escalated_us",
    "acknowledged": "acknowledged_us",
    "cleared": "cleared_us",
}


class AlarmLog:
    """All alarms and episodes of a run, from facts alone. Memory follows alarms, and the frames devices still hold.

    Args:
        devices: who is watched by what.
        earth: node of the gateway.
    """

    def __init__(self, devices: Iterable[WatchedDevice], earth: str) -> None:
        self._devices = {device.device: device for device in devices}
        self._nodes = {device.name: device.device for device in self._devices.values()}
        self._earth = earth
        self.alarms: dict[AlertKey, Alarm] = {}
        self.episodes: list[Episode] = []
        self._unsealed: dict[str, deque[tuple[int, int, int]]] = {name: deque() for name in self._nodes}
        self._frames: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}
        self._carried: dict[Record, Alarm] = {}
        self._sends: dict[tuple[str, int], list[Alarm]] = {}
        self._came_us: int | None = None  # when Earth last got a bundle

    def watch(self, trace: Trace) -> None:
        """Subscribe."""
        trace.subscribe(Generated, self._on_generated)
        trace.subscribe(Restarted, lambda _a, node, _f: self._unsealed.get(node, deque()).clear())
        trace.subscribe(FrameSealed, self._on_frame)
        trace.subscribe(Trimmed, self._on_trimmed)
        trace.subscribe(AlarmRaised, self._on_raised)
        trace.subscribe(AlarmSounded, self._on_sounded)
        trace.subscribe(AlertSealed, self._on_sealed)
        trace.subscribe(BundleSent, self._on_sent)
        trace.subscribe(HopDelivered, self._on_hop)
        trace.subscribe(RowStored, self._on_row)
        trace.subscribe(AlertStored, lambda at, _n, f: _first(self._of(f.alert), "stored_us", at))
        trace.subscribe(SurgeonTold, self._on_told)
        trace.subscribe(ReceiptLearned, lambda at, _n, f: _first(self._of(f.alert), "seen_on_mars_us", at))
        trace.subscribe(EpisodeBegan, lambda at, _n, f: self.episodes.append(Episode(f.kind, f.crew, at)))
        trace.subscribe(EpisodeEnded, self._on_episode_end)

    def _of(self, key: tuple[int, int, int, str]) -> Alarm:
        alert = AlertKey(*key)
        found = self.alarms.get(alert)
        if found is None:
            device = self._devices[alert.device]
            found = self.alarms[alert] = Alarm(alert, device.name, device.crew)
        return found

    # ------------------------------------------------------------ the true instant of a sample

    def _on_generated(self, _at_us: int, node: str, fact: Generated) -> None:
        self._unsealed[node].append((fact.start_us, fact.period_us, len(fact.rows)))

    def _on_frame(self, _at_us: int, node: str, fact: FrameSealed) -> None:
        """A frame holds the oldest samples not sealed yet; how its device stamped them does not matter here.

        What a device had in hand when it went down is gone. Samples that were never generated (a sensor that repeats
        itself) have no true instant.
        """
        if node not in self._unsealed:
            return  # an edge's own alert
        blocks, wanted = self._unsealed[node], fact.samples
        if not wanted or wanted > sum(count for _, _, count in blocks):
            return
        device, epoch, index = fact.record
        self._frames.setdefault((device, epoch), {})[index] = blocks[0][:2]
        while wanted:
            start_us, period_us, count = blocks.popleft()
            if count > wanted:
                blocks.appendleft((start_us + wanted * period_us, period_us, count - wanted))
            wanted -= min(count, wanted)

    def _on_trimmed(self, _at_us: int, node: str, fact: Trimmed) -> None:
        """Frames that their own device has deleted can raise nothing new."""
        frames = self._frames.get(fact.stream)
        if frames is not None and self._nodes.get(node) == fact.stream.device:
            for index in [index for index in frames if index < fact.below]:
                del frames[index]

    # ------------------------------------------------------------ on Mars

    def _on_raised(self, at_us: int, _node: str, fact: AlarmRaised) -> None:
        alarm = self._of(fact.alert)
        alarm.priority = max(alarm.priority, fact.priority)
        if alarm.raised_us is not None:
            return  # the other edge found the same
        alarm.raised_us = at_us
        frame = self._frames.get((fact.alert.device, fact.alert.epoch), {}).get(fact.alert.index)
        if frame is not None:
            alarm.onset_us = frame[0] + fact.row * frame[1]

    def _on_sounded(self, at_us: int, _node: str, fact: AlarmSounded) -> None:
        alarm = self._of(fact.alert)
        alarm.priority = max(alarm.priority, fact.priority)
        if fact.state in _STATES:
            _first(alarm, _STATES[fact.state], at_us)

    def _on_sealed(self, at_us: int, _node: str, fact: AlertSealed) -> None:
        alarm = self._of(fact.alert)
        _first(alarm, "sealed_us", at_us)
        if alarm.durable_us is None:
            self._carried[fact.record] = alarm

    # ------------------------------------------------------------ to Earth

    def _on_sent(self, at_us: int, node: str, fact: BundleSent) -> None:
        if not self._carried:
            return
        for record, _ in fact.records:
            alarm = self._carried.get(record)
            if alarm is not None:
                self._sends.setdefault((f"{node}->{fact.destination}", at_us), []).append(alarm)

    def _on_hop(self, at_us: int, node: str, fact: HopDelivered) -> None:
        if node != self._earth or not self._sends:
            return
        self._came_us = at_us
        for alarm in self._sends.pop((fact.link, fact.sent_us), ()):
            if alarm.arrived_us is None:
                alarm.sent_us, alarm.arrived_us = fact.sent_us, at_us

    def _on_row(self, at_us: int, _node: str, fact: RowStored) -> None:
        if fact.store != "table" or not self._carried:
            return
        alarm = self._carried.pop(fact.record, None)
        if alarm is not None:
            if alarm.arrived_us is None:
                self._came_over_a_relay(alarm)
            _first(alarm, "durable_us", at_us)
            self._forget(alarm)

    def _came_over_a_relay(self, alarm: Alarm) -> None:
        """Which of its bundles brought it, nobody says: it first left with the first, and came with what came last."""
        sent_us = [at_us for (_, at_us), alarms in self._sends.items() if alarm in alarms]
        if sent_us:
            alarm.sent_us, alarm.arrived_us = min(sent_us), self._came_us

    def _forget(self, alarm: Alarm) -> None:
        """Nothing more is asked of bundles that carry it."""
        self._carried = {record: of for record, of in self._carried.items() if of is not alarm}
        sends = {key: [of for of in alarms if of is not alarm] for key, alarms in self._sends.items()}
        self._sends = {key: alarms for key, alarms in sends.items() if alarms}

    def _on_told(self, at_us: int, _node: str, fact: SurgeonTold) -> None:
        alarm = self._of(fact.alert)
        _first(alarm, "told_us", at_us)
        alarm.times_told = max(alarm.times_told, fact.times)

    # ------------------------------------------------------------ ground truth, and the end

    def _on_episode_end(self, at_us: int, _node: str, fact: EpisodeEnded) -> None:
        for episode in self.episodes:
            if (episode.kind, episode.crew, episode.end_us) == (fact.kind, fact.crew, None):
                episode.end_us = at_us
                return

    def in_order(self) -> list[Alarm]:
        """Alarms by the instant at which they began, then by key."""
        return sorted(self.alarms.values(), key=lambda alarm: (alarm.began_us, alarm.alert))

    def write(
        self,
        folder: Path,
        counted_to: Callable[[Alarm], Episode | None],
        technical: Callable[[str], bool],
        text: Callable[[str], str],
    ) -> None:
        """Write `alarms` and `episodes`; what an alarm was counted to is the tally's to say."""
        table = TableWriter(folder, "alarms")
        for a in self.in_order():
            episode = counted_to(a)
            rule = a.alert.rule
            table.row(
                str(a.alert), a.stream, a.crew, rule, text(rule), int(technical(rule)), a.priority,
                None if episode is None else episode.kind, a.onset_us, a.raised_us, a.sounded_us, a.escalated_us,
                a.acknowledged_us, a.cleared_us, a.sealed_us, a.sent_us, a.arrived_us, a.durable_us, a.stored_us,
                a.told_us, a.times_told, a.seen_on_mars_us,
            )  # fmt: skip
        table.close()
        table = TableWriter(folder, "episodes")
        for episode in self.episodes:
            table.row(episode.kind, episode.crew, episode.start_us, episode.end_us)
        table.close()


def _first(alarm: Alarm, name: str, at_us: int) -> None:
    if getattr(alarm, name) is None:
        setattr(alarm, name, at_us)
