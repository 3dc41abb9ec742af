"""Somebody babbles to every node of a small network in clear: each way of it happens, and is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from twin.experiments import node_babbler
from twin.experiments.outcome import write_result
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.faults.babble import BLOCK, CHANGED, CUT, FIELDS, MISADDRESSED, TAIL
from twin.faults.babbled_in_clear import WAYS, senseless
from twin.faults.stray_answers import stray_to_bundle_node
from twin.hosts.models.space_link import SpaceLink
from twin.pipeline.facts import Rejected
from twin.pipeline.machine import BundleArrived, Report
from twin.result import Result
from twin.scenario import parse_scenario
from twin.trace import Injected

NODES = ("S", "R", "D")
TIMES = 600  # to each node: 20 min, every 2 s
SCENARIO = """
name: babbled
duration: 90 min
seed: 3
network:
  nodes: [S, R, D]
  contacts:
    - {from: S, to: R, start: 0 s, end: 60 min, rate: 1 Mbit/s, owlt: 10 s, both_ways: true}
    - {from: R, to: D, start: 0 s, end: 90 min, rate: 1 Mbit/s, owlt: 10 s, both_ways: true}
    - {from: S, to: D, start: 70 min, end: 90 min, rate: 1 Mbit/s, owlt: 20 s, both_ways: true}
traffic:
  - {from: S, to: D, size: 200 B, period: 10 s, count: 240}
  - {from: D, to: S, size: 100 B, period: 20 s, count: 120}
  - {from: D, to: R, size: 100 B, period: 60 s, count: 40}
pipeline: {suite: hmac-sha256, ack_every: 10}
guarantees: [no_loss, exactly_once, stream_order, integrity, conservation]
faults:
""" + "".join(f"  - {{kind: babble, node: {node}, at: 5 min, for: 20 min, every: 2 s}}\n" for node in NODES)


class Heard(NamedTuple):
    """One senseless thing, and how its listener refused it, if it did."""

    way: str
    node: str
    refusals: tuple[str, ...]


class Run(NamedTuple):
    result: Result
    injected: Counter[str]
    answered: Counter[str]
    heard: list[Heard]
    refusals: set[tuple[str, str]]  # by anybody, also of what was passed on to it


@pytest.fixture(scope="module", name="run")
def babbled_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("babble") / "run"
    folder.mkdir()
    ways: list[str] = []
    said: dict[int, str] = {}
    heard: list[Heard] = []
    refusals: set[tuple[str, str]] = set()
    answered: Counter[str] = Counter()

    def hears(node: str, event: Any, _at_us: int, effects: Sequence[Any]) -> None:
        facts = [effect.fact for effect in effects if type(effect) is Report]
        reasons = tuple(f"{fact.what}: {fact.reason}" for fact in facts if type(fact) is Rejected)
        refusals.update((node, reason) for reason in reasons)
        answered[node] += event in strays
        if type(event) is BundleArrived and id(event.data) in said:
            heard.append(Heard(said.pop(id(event.data)), node, reasons))

    random = np.random.default_rng(1)
    strays = {stray_to_bundle_node(neighbour, random) for neighbour in NODES for _ in range(100)}
    kept: list[bytes] = []  # so that no identity is used twice
    with pytest.MonkeyPatch.context() as patch:
        inject = SpaceLink.inject

        def say(way: str, data: bytes, *more: Any) -> bytes:
            ways[:] = [way]
            return bytes(bytearray(senseless(way, data, *more)))

        def put_in(self: SpaceLink, kind: str, data: bytes, *more: Any) -> None:
            kept.append(data)
            said[id(data)] = ways[0]
            inject(self, kind, data, *more)

        patch.setattr(node_babbler, "senseless", say)
        patch.setattr(SpaceLink, "inject", put_in)
        scenario = parse_scenario(SCENARIO, "babble.yaml")
        mission = prepare(scenario, folder, observer=hears)
        injected: Counter[str] = Counter()
        mission.host.trace.subscribe(Injected, lambda _at_us, node, _fact: injected.update([node]))
        write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), folder, {})
    return Run(Result.load(folder), injected, answered, heard, refusals)


def test_every_guarantee_holds_whatever_is_said(run: Run) -> None:
    assert {g.key: g.evidence for g in run.result.guarantees if g.verdict == "broken"} == {}
    assert run.result.document.records.delivered == 400


def test_each_node_hears_something_every_so_often(run: Run) -> None:
    """A bundle, or, one time in eleven, an answer of its own host to what it never asked."""
    assert run.injected + run.answered == dict.fromkeys(NODES, TIMES)
    assert all(30 <= run.answered[node] <= 80 for node in NODES)
    assert len(run.heard) == sum(run.injected.values())


@pytest.mark.parametrize("node", NODES)
def test_a_link_to_nobody_and_an_event_of_other_nodes_are_refused(node: str, run: Run) -> None:
    reasons = {reason for by, reason in run.refusals if by == node}
    assert {"LinkChanged: stranger is no neighbour", "Synced: not an event of a bundle node"} <= reasons


@pytest.mark.parametrize("way", sorted(set(WAYS)))
def test_each_way_reaches_every_node_and_is_refused(way: str, run: Run) -> None:
    """At once, but for what is for another node, and what is true beside a block that nobody minds."""
    mine = [one for one in run.heard if one.way == way]
    refused = sum(bool(one.refusals) for one in mine)
    assert {one.node for one in mine} == set(NODES)
    assert len(mine) >= 100
    if way in (CUT, TAIL, CHANGED, BLOCK):
        assert refused == len(mine)
    else:
        assert refused >= {MISADDRESSED: 0.25, FIELDS: 0.75}[way] * len(mine)


@pytest.mark.parametrize(
    ("node", "part"),
    [
        ("R", "for ipn:99.1, which nobody here knows"),
        ("R", "hop count: the bundle has made 9 of 9 hops; delete it"),
        ("R", "does not fit the 64 bits"),
        ("R", "bundle of 0 ms outlived its lifetime"),
        ("R", "protected (BPSec), and this node holds no keys"),
        ("D", "payload: 7 bytes are too short to hold an index"),
        ("D", "payload: index 1099511627776 of a flow of 240"),
        ("S", "FlowAck: signature"),
        ("R", "FlowAck: unknown flow"),
        ("D", "Hello: not for a bundle node"),
        ("S", "8 bytes are no CBOR"),  # passed on by another, for a service that nobody has
    ],
)
def test_the_refusals_are_of_many_kinds(node: str, part: str, run: Run) -> None:
    assert any(by == node and part in reason for by, reason in run.refusals)


def test_what_is_passed_on_goes_with_its_blocks_and_ends_where_it_was_for(run: Run) -> None:
    passed_on = [one for one in run.heard if one.way == MISADDRESSED and not one.refusals]
    assert len({one.node for one in passed_on}) == len(NODES)
    assert len(passed_on) >= 50
