"""The guarantee checkers as judges of a world that these tests drive by hand: they are fed what a host would say.

Every checker that needs no contact plan watches; bounds in time are left out, since weather here has no measure. What
must come in the end is asked for when everything has healed (`close`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twin.guarantees.alarm_truth import AlarmTruth, DeviceRules
from twin.guarantees.alarms_on_mars import AlarmsOnMars
from twin.guarantees.alert_latency import AlertLatency
from twin.guarantees.anti_replay import AntiReplay
from twin.guarantees.availability import Availability, Passage
from twin.guarantees.clock_honesty import ClockHonesty
from twin.guarantees.confidentiality import Confidentiality
from twin.guarantees.convergence import Allowance, Convergence
from twin.guarantees.edge_rules import AppendOnly, Durability, NoEquivocation, SafeTrim
from twin.guarantees.flow_rules import FlowLedger
from twin.guarantees.integrity import Integrity
from twin.guarantees.loop_rules import FeedbackClosure
from twin.guarantees.reader_rules import MonotonicReads
from twin.guarantees.recovery import Recovery
from twin.guarantees.store_rules import ExactlyOnce, NoLoss, StreamOrder
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.trace import Trace

CENTURY_US = 3_155_760_000_000_000
NOWHERE = Availability(Passage([]), Passage([]), 0)


class GuaranteeBrokenError(AssertionError):
    """A checker has seen a violation; the text is its key and its evidence."""


class Oracles:
    """The trace of a world, and the checkers that watch it.

    Args:
        signers: node name -> device id under which it signs records.
        rules: device node name -> the rules that its samples are held against.
        carriers: device id -> the edges that run its rules.
        secrets: what must not be heard between the planets; None: bundles go in clear here.
        on_earth: whether what is accepted on Mars is to stand in the table in the end.
    """

    def __init__(
        self,
        signers: Mapping[str, int],
        rules: Mapping[str, DeviceRules] | None = None,
        carriers: Mapping[int, tuple[str, ...]] | None = None,
        secrets: Iterable[bytes] | None = None,
        on_earth: bool = True,
    ) -> None:
        self.trace = Trace()
        self.truth = truth = Truth(signers)
        truth.watch(self.trace)
        alarms = AlarmTruth(rules or {})
        alarms.watch(self.trace)
        sounding = AlertLatency()
        sounding.mars = AlarmsOnMars(sounding, truth, alarms, carriers or {}, CENTURY_US, lambda _: True)
        no_loss = NoLoss(truth)
        no_loss.complete = on_earth
        self.checkers: list[Checker] = [
            Durability(truth),
            NoEquivocation(truth),
            no_loss,
            ExactlyOnce(truth),
            StreamOrder(truth),
            Integrity(truth),
            AppendOnly(truth, [name for name in signers if name.startswith("edge")]),
            Convergence(truth, lambda _: NOWHERE, Allowance(0, 0, 0)),
            FeedbackClosure(truth, None, lambda _: NOWHERE, {}, signers, earth=None),
            Recovery(truth, None, lambda _: NOWHERE, {}),
            SafeTrim(truth),
            AntiReplay(truth),
            MonotonicReads(truth),
            ClockHonesty(truth, alarms),
            sounding,
            *(() if secrets is None else (Confidentiality(tuple(secrets)),)),
        ]
        for checker in self.checkers:
            checker.watch(self.trace)
        truth.watch_last(self.trace)

    def saw(self, at_us: int, node: str, fact: tuple[Any, ...]) -> None:
        """A machine has stated this, or it was seen to happen; every guarantee must hold with it."""
        self.trace.emit(at_us, node, fact)
        self.hold()

    @property
    def broken(self) -> Checker | None:
        """The first checker with a violation."""
        return next((checker for checker in self.checkers if checker.violations), None)

    def hold(self) -> None:
        """Every guarantee holds so far."""
        broken = self.broken
        if broken is not None:
            raise GuaranteeBrokenError(f"{broken.key}: {broken.first}")

    def close(self) -> None:
        """All that was promised has come: nothing is left that a century more would bring."""
        self.trace.flush()
        for checker in self.checkers:
            checker.finish(1 << 62)
        self.hold()

    def checked(self) -> dict[str, int]:
        """How often each guarantee was held against something."""
        return {checker.key: checker.checked for checker in self.checkers}


class FlowOracles(Oracles):
    """The same for bundle nodes, whose records are payloads of flows."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.ledger = FlowLedger(lambda *_: None)
        self.ledger.watch(self.trace)
        self.checkers = [self.ledger.exactly_once, self.ledger.order, self.ledger.integrity, self.ledger.no_loss]

    def hold(self) -> None:
        """Every guarantee holds so far."""
        self.trace.flush()
        super().hold()
