"""Machines with a planted bug, for runs in the loop: what each does wrong, and which guarantee must see it.

Numbers are those of the project's list of planted bugs. Bugs 1, 2, 11, 15, 17, 20 and 24 stand in
`test_each_guarantee_breaks`. Each class changes one decision of the sound machine and nothing else. `PLANTED` is the
register: bug, guarantee that must break, the roles to replace, and what a scenario needs so that the bug can show.
Bug 25 (a stale leader writes) is the store's to make: one that does not look at the term lets a head's term fall, which
`stream_order` sees.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twin.pipeline.facts import AlarmRaised
from twin.pipeline.machine import (
    AlertPut,
    Annunciate,
    Effect,
    Event,
    PutAlert,
    Report,
    SamplesReady,
    Started,
    TellSurgeon,
    Transmit,
    WriteRows,
)
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.wire.frame import peek_record
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.key_book import WRONG_SIGNATURE, KeyBook


class TakesWhatAnyKeySigned(KeyBook):
    """Bug 7: frames are taken under a key that was given up, and beyond the end of a closed epoch."""

    def problem_with(self, frame: bytes, record: RecordId) -> str | None:
        problem = super().problem_with(frame, record)
        return problem if problem == WRONG_SIGNATURE or record.device not in self._devices else None


class AcceptsReplayAfterRotation(Edge):
    """Bug 7 on the edge: whatever has a known device's name is appended."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.keys = TakesWhatAnyKeySigned(settings.devices)


class KeysAlertsByTheirEdge(Gateway):
    """Bug 8: the alert table is keyed by the record that brought an alert, so the standby's copy is another alert."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for position, effect in enumerate(out):
            if isinstance(effect, PutAlert):
                edge = peek_record(effect.frame).device
                out[position] = effect._replace(alert=effect.alert._replace(rule=f"{effect.alert.rule} {edge:016x}"))
        return out


class ForgetsWhomToTell(Gateway):
    """Bug 12: an alert that was put is told in the list that put it, so a crash, or a first word lost, ends it."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        if isinstance(event, AlertPut):
            out = [effect for effect in out if not isinstance(effect, TellSurgeon)]
        return out


class RestoresItsVectors(Edge):
    """Bug 26: every start goes on with the vectors of the first, as if they had come with a snapshot."""

    _first = bytes(range(100, 108))

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, Started):
            event = Started(event.entropy[:8] + self._first + event.entropy[16:])
        return super().handle(event, now_us)


class RadiatesInClear(Edge):
    """Bundles are not protected."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings._replace(hop_keys=None))


class IsSlowToSound(Edge):
    """The crew is told of an alarm with the next event, as if the annunciator waited for the medium."""

    _late: tuple[Effect, ...] = ()

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        now = [effect for effect in out if not isinstance(effect, Annunciate)]
        late, self._late = self._late, tuple(effect for effect in out if isinstance(effect, Annunciate))
        return [*late, *now]


class NeverSounds(Edge):
    """An alarm is raised and sent to Earth, and nobody on Mars hears of it."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return [effect for effect in super().handle(event, now_us) if not isinstance(effect, Annunciate)]


class NamesAnotherRow(Edge):
    """The row of an alarm is counted from the other end of its frame."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for position, effect in enumerate(out):
            if isinstance(effect, Report) and isinstance(effect.fact, AlarmRaised):
                out[position] = Report(effect.fact._replace(row=effect.fact.row + 1_000))
        return out


class PutsAlertsInTheQueue(Edge):
    """Alerts have no lane of their own: they wait until all vitals are sent."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.downlink.alert = lambda record: self.downlink.sync.offer(record, 600)  # type: ignore[method-assign]


class SendsEverythingTwentyTimes(Edge):
    """Each transmission is repeated as fast as the antenna lets it."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        again = [effect for effect in out if isinstance(effect, Transmit)]
        return [*out, *(effect._replace(id=effect.id + (n << 40)) for effect in again for n in range(1, 20))]


class SignsByItsClock(Device):
    """The index of a frame follows the device's clock: it is off by one once the clock has been set back."""

    _last_us = -1 << 62

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, SamplesReady):
            if event.start_us < self._last_us:
                self.stream.frames.pop(self.stream.size - 1, None)
                self._open_epoch(self.stream.id.epoch)
            self._last_us = event.start_us
        return super().handle(event, now_us)


class LeavesRotAlone(Auditor):
    """A row that a scrub found wrong is not reported."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        code = b"\x0e"  # RowsWrong in the registry of messages
        return [effect for effect in out if code not in getattr(effect, "data", b"")[1:2]]


class ForgetsBelowTrim(Gateway):
    """After a restore the rows that stood beyond the backup are taken for stored."""

    def _write_rows(self, out: list[Effect]) -> None:
        super()._write_rows(out)
        if self.settings.term > 1:
            out[:] = [
                effect
                for effect in out
                if not (isinstance(effect, WriteRows) and effect.store == "table" and effect.id % 7 == 0)
            ]


class Bug(NamedTuple):
    """One planted bug: its number in the list (0: not listed), what must break, where it goes, what a run must have."""

    number: int
    key: str
    role: str
    machine: type[Any]
    needs: str


PLANTED = (
    Bug(
        7, "anti_replay", "edge", AcceptsReplayAfterRotation, "device_key_rotation, then frame_forgery {key: given_up}"
    ),
    Bug(8, "exactly_once", "gateway", KeysAlertsByTheirEdge, "an alarm"),
    Bug(12, "alert_latency", "gateway", ForgetsWhomToTell, "an alarm and a bound on Earth"),
    Bug(26, "confidentiality", "edge", RestoresItsVectors, "edge_crash in a contact"),
    Bug(0, "confidentiality", "edge", RadiatesInClear, "nothing"),
    Bug(0, "alert_latency", "edge", IsSlowToSound, "an alarm with no event for 5 s after it"),
    Bug(0, "alert_latency", "edge", NeverSounds, "an alarm"),
    Bug(0, "clock_honesty", "edge", NamesAnotherRow, "a limit alarm"),
    Bug(0, "alert_latency", "edge", PutsAlertsInTheQueue, "an alarm at the begin of a contact, with a night's backlog"),
    Bug(0, "bounded_resources", "edge", SendsEverythingTwentyTimes, "limits of the wire below 20"),
    Bug(0, "no_equivocation", "device", SignsByItsClock, "clock_step backwards on a device"),
    Bug(0, "integrity", "auditor", LeavesRotAlone, "row_rot and a scrub shorter than the run"),
    Bug(0, "recovery", "gateway", ForgetsBelowTrim, "table_restore"),
)
