"""clock_honesty: no device's clock has a say in what a record is called or in what is an alarm."""

from __future__ import annotations

from twin.guarantees.alarm_truth import AlarmTruth
from twin.guarantees.by_record import ByRecord
from twin.guarantees.held import Held
from twin.guarantees.score_rules import SCORE_RULES
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import AckMade, AlarmRaised, FrameSealed
from twin.trace import RowStored, Trace


class ClockHonesty(Checker):
    """Shifting any device's clock changes no row's identity and no alert decision.

    Recomputed from content alone: no record stands under (d, e, i) that was signed as another; a limit
    alarm of a record is one that the samples of this record call for, at that row, counted in samples and not in time,
    and an alarm of NEWS2 one that their score may call for from that row on;
    two edges that raise one alarm name the same row and priority.
    """

    key = "clock_honesty"
    not_applicable = "no row was stored and no alarm was raised"

    def __init__(self, truth: Truth, alarms: AlarmTruth) -> None:
        super().__init__()
        self._truth = truth
        self._alarms = alarms
        self._rules = {of.device: of.names for of in alarms.rules.values()}
        self._called_for: ByRecord[list[tuple[int, int]]] = ByRecord()
        self.alarms = 0

    def watch(self, trace: Trace) -> None:
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(AlarmRaised, self._on_raised)
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(AckMade, self._forget)

    def _sealed(self, _at_us: int, node: str, fact: FrameSealed) -> None:
        """The frame holds the oldest samples that no frame holds yet."""
        blocks = self._alarms.blocks.get(node)
        if not blocks:
            return
        stream, offset = (fact.record.device, fact.record.epoch), 0
        while blocks and offset + blocks[0][0] <= fact.samples:
            samples, held = blocks.popleft()
            for item in held:
                self._call_for(stream, fact.record.index, item, offset)
            offset += samples
        if offset < fact.samples:  # not whole blocks: what remains cannot be told apart, so nothing is taken from it
            blocks.clear()

    def _call_for(self, stream: tuple[int, int], index: int, item: Held, offset: int) -> None:
        stretches = self._called_for.get(stream, index, item.rule)
        # a level of the score names the row where its run began, which may lie in the block before
        stretch = (0 if item.rule in SCORE_RULES else item.first + offset, item.last + offset)
        if stretches is None:
            self._called_for.put(stream, index, [stretch], item.rule)
        else:
            stretches.append(stretch)

    def _on_raised(self, at_us: int, node: str, fact: AlarmRaised) -> None:
        alert = fact.alert
        stream = (alert.device, alert.epoch)
        self.checked += 1
        self.alarms += 1
        said = self._truth.alerts.of(alert).said
        if said is not None and said != (fact.row, fact.priority):
            what = f"row {fact.row}, priority {fact.priority}; another edge said row {said[0]}, priority {said[1]}"
            self.violate(at_us, node, alert, what)
        if alert.index >= self._truth.of(stream).sealed:
            self.violate(at_us, node, alert, "an alarm from a record that no device signed")
        elif alert.index >= self._truth.of(stream).trim and alert.rule in self._rules.get(alert.device, ()):
            stretches = self._called_for.get(stream, alert.index, alert.rule) or ()
            if not any(first <= fact.row <= last for first, last in stretches):
                self.violate(at_us, node, alert, f"the samples call for no such alarm at row {fact.row}")

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        truth = self._truth.of(fact.record)
        signed = truth.leaves.get(fact.record[2])
        if signed is not None:
            self.checked += 1
            if fact.leaf != signed and self._signed_as_another(fact.leaf):  # else changed, which is for `integrity`
                self.violate(at_us, fact.store, fact.record, "stands under an identity that its device gave to another")

    def _signed_as_another(self, leaf: bytes) -> bool:
        return any(leaf in truth.leaves.values() for truth in self._truth.streams.values())

    def _forget(self, _at_us: int, _node: str, fact: AckMade) -> None:
        """Only an edge whose medium was rolled back evaluates a record again that is below trim, and should find what
        was found before.
        """
        stream = (fact.stream.device, fact.stream.epoch)
        self._called_for.forget(stream, self._truth.of(stream).trim)
