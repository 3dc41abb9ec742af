"""Bundle nodes with a planted bug: each guarantee over bundles breaks alone, and the sound node holds them all."""

from pathlib import Path

import pytest

from twin.experiments.mission import Roles
from twin.experiments.run import run
from twin.pipeline.facts import PayloadDelivered
from twin.pipeline.machine import Effect, Event, Report
from twin.pipeline.transport.bundle_node import BundleNode
from twin.scenario import parse_scenario

CHAIN = """
name: chain
duration: 3 h
seed: 1
network:
  nodes: [S, R, D]
  contacts:
    - {from: S, to: R, start: 0 s, end: 3 h, rate: 1 Mbit/s, owlt: 60 s, both_ways: true}
    - {from: R, to: D, start: 0 s, end: 3 h, rate: 1 Mbit/s, owlt: 60 s, both_ways: true}
traffic: [{from: S, to: D, size: 1 kB, period: 10 s, count: 90}]
pipeline: {ack_every: 20}
faults: [{kind: bundle_loss, link: S->R, rate: 5 %}]
guarantees: [no_loss, exactly_once, stream_order, integrity, conservation]
"""


def changed(effects: list[Effect], change: object) -> list[Effect]:
    """Effects with each delivery report replaced by what `change` makes of it."""
    out: list[Effect] = []
    for effect in effects:
        if isinstance(effect, Report) and isinstance(effect.fact, PayloadDelivered):
            out.extend(Report(fact) for fact in change(effect.fact))  # type: ignore[operator]
        else:
            out.append(effect)
    return out


class DeliversTwice(BundleNode):
    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return changed(super().handle(event, now_us), lambda fact: (fact, fact) if fact.record[2] == 5 else (fact,))


class NeverDeliversOne(BundleNode):
    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return changed(super().handle(event, now_us), lambda fact: () if fact.record[2] == 89 else (fact,))


class DeliversDamaged(BundleNode):
    def handle(self, event: Event, now_us: int) -> list[Effect]:
        return changed(super().handle(event, now_us), lambda fact: (fact._replace(checksum=fact.checksum ^ 1),))


class SwapsNeighbours(BundleNode):
    """Payloads 10 and 11 are delivered in the wrong order."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for effect in tuple(out):
            if isinstance(effect, Report) and isinstance(effect.fact, PayloadDelivered):
                if effect.fact.record[2] == 10:
                    self.held = effect
                    out.remove(effect)
                elif effect.fact.record[2] == 11:
                    out.append(self.held)
        return out


@pytest.mark.parametrize(
    ("node", "broken"),
    [
        (BundleNode, set()),
        (DeliversTwice, {"exactly_once", "stream_order"}),  # the second copy also stands where the next was due
        (NeverDeliversOne, {"no_loss"}),
        (DeliversDamaged, {"integrity"}),
        (SwapsNeighbours, {"stream_order"}),
    ],
)
def test_the_bug_breaks_its_guarantee_over_bundles(node: type[BundleNode], broken: set[str], tmp_path: Path) -> None:
    result = run(parse_scenario(CHAIN), tmp_path / "run", roles=Roles(node=node))
    assert {guarantee.key for guarantee in result.guarantees if guarantee.verdict == "broken"} == broken
    assert result.counts.transmissions.lost > 0
