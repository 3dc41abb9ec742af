"""anti_replay: what an adversary injects has no effect but a counter."""

from __future__ import annotations

from twin.guarantees.alert_names import name_of
from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.facts import Accepted, AckLearned, AlarmRaised, Attested, BundleSent, FrameSealed
from twin.trace import AlertStored, Crashed, Injected, MediumHolds, RowStored, Trace


class AntiReplay(Checker):
    """Forged, replayed and stale-key inputs have no effect but a counter.

    Held against a shadow list of what was injected: a leaf that no device signed never becomes a row, is never carried
    in a bundle; no record beyond what its device signed is accepted, attested or raises an alarm; a replayed ack never
    moves what a node knows backwards, (verified, trim) never falls within a term until the node loses its memory; a
    replayed alert makes no second row.
    """

    key = "anti_replay"
    not_applicable = "nothing was injected"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._shadow: dict[bytes, str] = {}  # as many as the scenario has forgeries, none of which may ever come up
        self._known: dict[tuple[str, Key], tuple[int, int, int]] = {}
        self.kinds: dict[str, int] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Injected, self._injected)
        trace.subscribe(FrameSealed, self._sealed)
        trace.subscribe(RowStored, self._stored)
        trace.subscribe(BundleSent, self._sent)
        trace.subscribe(Accepted, self._accepted)
        trace.subscribe(Attested, self._attested)
        trace.subscribe(AlarmRaised, self._raised)
        trace.subscribe(AckLearned, self._learned)
        trace.subscribe(AlertStored, self._alert)
        trace.subscribe(Crashed, self._lost_memory)
        trace.subscribe(MediumHolds, self._lost_memory)

    def _injected(self, _at_us: int, _node: str, fact: Injected) -> None:
        self.checked += 1
        self.kinds[fact.kind] = self.kinds.get(fact.kind, 0) + 1
        if fact.leaf and "replay" not in fact.kind:
            self._shadow[fact.leaf] = fact.kind

    def _sealed(self, at_us: int, node: str, fact: FrameSealed) -> None:
        if self._shadow and fact.leaf in self._shadow:
            self.violate(at_us, node, fact.record, "a device signed what was injected as a forgery")

    def _stored(self, at_us: int, _node: str, fact: RowStored) -> None:
        if self._shadow and fact.leaf in self._shadow:
            what = f"a frame injected as {self._shadow[fact.leaf]} became a row"
            self.violate(at_us, fact.store, fact.record, what)

    def _sent(self, at_us: int, node: str, fact: BundleSent) -> None:
        if self._shadow:
            for record, leaf in fact.records:
                if leaf in self._shadow:
                    what = f"a frame injected as {self._shadow[leaf]} was accepted and carried to Earth"
                    self.violate(at_us, node, record, what)

    def _accepted(self, at_us: int, node: str, fact: Accepted) -> None:
        self._within(at_us, node, fact.stream, fact.end, "accepted")

    def _attested(self, at_us: int, node: str, fact: Attested) -> None:
        self._within(at_us, node, fact.stream, fact.size, "attested")

    def _raised(self, at_us: int, node: str, fact: AlarmRaised) -> None:
        alert = fact.alert
        self._within(at_us, node, (alert.device, alert.epoch), alert.index + 1, "taken for an alarm")

    def _within(self, at_us: int, node: str, stream: Key, end: int, what: str) -> None:
        sealed = self._truth.of(stream).sealed
        if end > sealed:
            self.violate(at_us, node, (*stream, sealed), f"{what}, but its device has signed no such record")

    def _learned(self, at_us: int, node: str, fact: AckLearned) -> None:
        stream = (fact.stream.device, fact.stream.epoch)
        place = (node, stream)
        term, verified, trim = self._known.get(place, (0, 0, 0))
        back = fact.term < term or (fact.term == term and fact.verified < verified) or fact.trim < trim
        if back:
            what = f"went back from (verified {verified}, trim {trim}, term {term}) to "
            what += f"(verified {fact.verified}, trim {fact.trim}, term {fact.term})"
            self.violate(at_us, node, stream, what)
        self._known[place] = (fact.term, fact.verified, fact.trim)

    def _lost_memory(self, _at_us: int, node: str, _fact: Crashed | MediumHolds) -> None:
        """What was not on its medium a node may have to learn again."""
        for place in [place for place in self._known if place[0] == node]:
            del self._known[place]

    def _alert(self, at_us: int, _node: str, fact: AlertStored) -> None:
        if not fact.repeated and self._truth.alerts.of(fact.alert).stored:
            self.violate(at_us, "alert table", name_of(fact.alert), "a second row for one alert")

    def remark(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
