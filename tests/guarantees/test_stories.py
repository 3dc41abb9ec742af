"""The story of a planted bug names who took part, what was lost, and the statement; its diagram can be read."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import planted_on_earth as earth
import planted_on_mars as mars
import pytest
from small_habitat import HABITAT

from twin.experiments.mission import Roles
from twin.experiments.run import run
from twin.pipeline.facts import PayloadDelivered
from twin.pipeline.machine import Effect, Event, Report
from twin.pipeline.transport.bundle_node import BundleNode
from twin.report import diagram, render
from twin.result import Result, ResultError
from twin.result_story import Story
from twin.result_text import evidence
from twin.scenario import parse_scenario

SCENARIO = (
    """
name: small
start: 2033-03-10T10:00:00Z
duration: 30 min
seed: 3
"""
    + HABITAT
    + """\
guarantees: [durability, no_equivocation, no_loss, stream_order, conservation]
faults:
"""
)
NODES = """
name: line
duration: 30 min
seed: 0
network:
  nodes: [S, R, D]
  contacts:
    - {from: S, to: R, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 60 s, both_ways: true}
    - {from: R, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 60 s, both_ways: true}
traffic:
  - {from: S, to: D, size: 10 kB, period: 10 s, count: 5, start: 0 s}
guarantees: [exactly_once]
"""


class SaysItTwice(BundleNode):
    """A destination that hands the third payload over twice."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        effects = super().handle(event, now_us)
        facts = [effect for effect in effects if isinstance(effect, Report)]
        return effects + [e for e in facts if isinstance(e.fact, PayloadDelivered) and e.fact.record[2] == 2]


class Planted(NamedTuple):
    """A bug, the fault in which it shows, what must break, and what its story must say."""

    breaks: str
    roles: Roles
    fault: str
    parties: tuple[str, ...]
    lost: set[str]
    told: str
    text: str = SCENARIO


PLANTED = {
    "accepts before the flush": Planted(
        "durability",
        Roles(edge=mars.AcceptsBeforeFsync),
        "  - {kind: edge_crash, node: edge-1, at: 12 min, down: 1 min}",
        ("vitals-1", "edge-1"),
        set(),
        "edge-1 -> vitals-1: accepted below 1, under way",
    ),
    "index restarts": Planted(
        "no_equivocation",
        Roles(device=mars.IndexRestarts),
        "  - {kind: device_crash, device: vitals-1, at: 12 min, down: 1 min}",
        ("vitals-1", "edge-1", "earth", "table", "auditor"),
        set(),
        "vitals-1 crashes (device crash)",
    ),
    "what the store refuses is forgotten": Planted(
        "no_loss",
        Roles(gateway=earth.DropsUnprocessed),
        "  - {kind: table_throttling, at: 11 min, for: 10 min, write_capacity: 0.01 rows/s}",
        ("vitals-1", "edge-1", "earth", "table", "auditor"),
        {"throttled"},
        "earth -> table: row 1, LOST: throttled",
    ),
    "nothing is sent again": Planted(
        "no_loss",
        Roles(edge=mars.NeverSendsAgain),
        "  - {kind: bundle_loss, link: down, rate: 100 %, from: 12 min, until: 22 min}",
        ("vitals-1", "edge-1", "earth", "table", "auditor"),
        {"bundle loss"},
        "edge-1 -> earth: frame 2, LOST: bundle loss",
    ),
    "delivers twice": Planted(
        "exactly_once",
        Roles(node=SaysItTwice),
        "",
        ("S", "R", "D"),
        set(),
        "R -> D: payload 2",
        NODES,
    ),
}


class Told(NamedTuple):
    """What a run with a planted bug left."""

    bug: Planted
    result: Result
    story: Story


@pytest.fixture(scope="module", params=PLANTED.values(), ids=PLANTED.keys())
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    bug: Planted = request.param
    result = run(parse_scenario(bug.text + bug.fault), tmp_path_factory.mktemp("told") / "run", roles=bug.roles)
    return Told(bug, result, story_of(result, bug.breaks))


def story_of(result: Result, key: str) -> Story:
    story = next(guarantee.story for guarantee in result.guarantees if guarantee.key == key)
    assert story is not None
    return story


def test_a_story_names_parties_what_was_lost_and_the_statement(told: Told) -> None:
    bug, story = told.bug, told.story
    assert tuple(party.name for party in story.parties) == bug.parties
    assert {step.lost for step in story.steps} - {""} == bug.lost
    guarantee = next(g for g in told.result.guarantees if g.key == bug.breaks)
    assert guarantee.evidence is not None
    assert story.broke == guarantee.evidence.what
    lines = list(evidence(guarantee, told.result.document))
    assert any(line.endswith(bug.told) for line in lines), lines
    assert sum(line.startswith("  ") for line in lines) <= 15
    assert f"BROKEN at {story.broke_at}: {story.broke}" in next(line for line in lines if "BROKEN" in line)


def test_a_story_goes_from_cause_to_effect_and_stays_short(told: Told) -> None:
    story = told.story
    instants = [step.at_us for step in story.steps]
    assert instants == sorted(instants)
    assert instants[-1] <= story.broke_us
    assert all(step.end_us is None or step.at_us <= step.end_us <= story.broke_us for step in story.steps)
    assert 3 <= len(story.steps) <= 23
    names = {party.name for party in story.parties}
    assert {step.source for step in story.steps} | {step.target for step in story.steps} <= names | {""}


def test_a_light_time_lies_between_the_planets(told: Told) -> None:
    sides = {party.name: party.side for party in told.story.parties}
    for step in told.story.steps:
        if step.kind == "message" and step.end_us is not None and sides[step.source] != sides[step.target]:
            assert step.end_us - step.at_us > 580_000_000, step


class Box(NamedTuple):
    """Where a text stands, by estimate."""

    left: float
    right: float
    y: float
    text: str


def boxes(svg: ElementTree.Element) -> list[Box]:
    found = []
    for element in svg.iter("text"):
        text, classes = element.text or "", (element.get("class") or "").split()
        width = len(text) * (7.6 if {"statement", "name"} & set(classes) else 6.4)
        x, y = float(element.get("x", "")), float(element.get("y", ""))
        left = x - width if "end" in classes else x - width / 2 if "middle" in classes else x
        found.append(Box(left, left + width, y, text))
    return found


def test_the_diagram_is_well_formed_and_no_text_meets_another_or_the_edge(told: Told) -> None:
    html = diagram(told.result.folder, told.bug.breaks).html
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    texts = boxes(svg)
    for box in texts:
        assert box.left >= 0, box
        assert box.right <= width, box
        assert 0 < box.y < height, box
    for one, other in combinations(texts, 2):
        apart = one.right <= other.left or other.right <= one.left or abs(one.y - other.y) >= 11
        assert apart, (one, other)
    everything = " ".join(box.text for box in texts)
    assert told.bug.breaks in everything
    for step in told.story.steps:
        assert step.text in everything
    for element in svg.iter():
        assert all(value for value in element.attrib.values()), element.attrib


def test_the_page_shows_it_once_and_says_what_is_left_out(tmp_path: Path) -> None:
    bug = PLANTED["nothing is sent again"]
    result = run(parse_scenario(bug.text + bug.fault), tmp_path / "run", roles=bug.roles)
    story = story_of(result, bug.breaks)
    page = render(result.folder).read_text(encoding="utf-8")
    assert f"What happened to {story.about}" in page
    different = {(g.story.broke_us, g.story.steps) for g in result.guarantees if g.story is not None}
    assert len(re.findall(r"<svg[^>]*aria-label=\"Sequence diagram", page)) == len(different)
    assert story.left_out
    for part in story.left_out[:6]:
        assert f"{part.what} ({part.count})" in page
    assert f"{story.others} other messages had nothing to do with it." in page


def test_the_same_run_tells_the_same_story(told: Told, tmp_path: Path) -> None:
    again = run(parse_scenario(told.bug.text + told.bug.fault), tmp_path / "again", roles=told.bug.roles)
    assert story_of(again, told.bug.breaks) == told.story
    assert again.document.trace_hash == told.result.document.trace_hash
    assert diagram(again.folder, told.bug.breaks) == diagram(told.result.folder, told.bug.breaks)
    assert sorted(path.name for path in again.folder.iterdir()) == sorted(
        path.name for path in told.result.folder.iterdir() if path.name != "report.html"
    )


def test_a_run_that_holds_is_run_once_and_has_no_story(tmp_path: Path) -> None:
    calls: list[Any] = []
    result = run(
        parse_scenario(SCENARIO + PLANTED["index restarts"].fault),
        tmp_path / "run",
        observer=lambda *call: calls.append(call),
    )
    assert result.verdict == "held"
    assert all(guarantee.story is None for guarantee in result.guarantees)
    assert len(calls) == result.document.provenance.events
    with pytest.raises(ResultError, match="no story of no_loss; nothing broke there"):
        diagram(result.folder, "no_loss")


def test_code_that_is_no_function_of_its_seed_has_no_story(tmp_path: Path) -> None:
    """The second run takes another way, so what it heard explains nothing."""
    lives: list[int] = []

    class Fickle(mars.AcceptsBeforeFsync):
        def handle(self, event: Event, now_us: int) -> list[Effect]:
            if not lives:
                lives.append(id(self))
            first = lives[0] == id(self)
            return super().handle(event, now_us) if first else mars.Edge.handle(self, event, now_us)

    bug = PLANTED["accepts before the flush"]
    result = run(parse_scenario(SCENARIO + bug.fault), tmp_path / "run", roles=Roles(edge=Fickle))
    broken = next(g for g in result.guarantees if g.key == bug.breaks)
    assert broken.verdict == "broken"
    assert broken.story is None
