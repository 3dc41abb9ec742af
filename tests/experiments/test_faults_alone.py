"""Each kind of fault alone: it leaves its mark, all guarantees hold, and Earth's rows are a calm run's."""

from pathlib import Path

import pytest
from flights import Flight, fly_small, rows_on_earth

from twin.pipeline.facts import HeadSigned
from twin.trace import Crashed, HopDelivered, HopLost, HopSent, Restarted, RowsRefused
from twin.world.timescales import utc_to_us

START_US = utc_to_us("2033-03-10T10:00:00Z")
MIN_US = 60_000_000
DOWN = ("edge-1->earth", "edge-2->earth")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Flight:
    return fly_small(tmp_path_factory.mktemp("calm"), "[]", HopSent, HopLost, RowsRefused)


def held(flight: Flight, calm: Flight) -> Flight:
    """The flight, if all held and Earth has the very rows of a run without faults."""
    document = flight.result.document
    assert {g.key: g.evidence for g in document.guarantees if g.verdict == "broken"} == {}
    assert rows_on_earth(flight.result.folder) == rows_on_earth(calm.result.folder)
    return flight


def sent_down(flight: Flight) -> int:
    return sum(fact.link in DOWN for _, _, fact in flight.facts[HopSent])


def rounds_max(flight: Flight) -> int:
    return int(flight.result.tables["records"]["rounds"].max())


def test_a_calm_run_loses_refuses_and_repeats_nothing(calm: Flight) -> None:
    held(calm, calm)
    assert calm.result.document.losses == {}
    assert not calm.facts[RowsRefused]
    assert rounds_max(calm) == 1


def test_what_is_lost_is_counted_and_sent_again(calm: Flight, tmp_path: Path) -> None:
    faults = "[{kind: bundle_loss, link: down, rate: 10 %}]"
    flight = held(fly_small(tmp_path, faults, HopSent, HopLost), calm)
    lost = [fact for _, _, fact in flight.facts[HopLost]]
    assert {fact.cause for fact in lost} == {"bundle_loss"}
    assert {fact.link for fact in lost} <= set(DOWN)
    assert flight.result.document.losses == {"bundle_loss": len(lost)}
    assert 0.03 < len(lost) / sent_down(flight) < 0.25
    assert rounds_max(flight) > 1


def test_what_is_doubled_arrives_twice_and_is_stored_once(calm: Flight, tmp_path: Path) -> None:
    faults = "[{kind: bundle_duplication, link: down, rate: 20 %}]"
    flight = held(fly_small(tmp_path, faults, HopSent, HopDelivered), calm)
    bundles = {(at_us, node) for at_us, node, fact in flight.facts[HopSent] if fact.link in DOWN}
    assert len(bundles) < sent_down(flight) < 1.5 * len(bundles)
    assert sum(fact.link in DOWN for _, _, fact in flight.facts[HopDelivered]) == sent_down(flight)
    assert rounds_max(flight) == 1


def test_what_is_late_arrives_behind_what_was_sent_later(calm: Flight, tmp_path: Path) -> None:
    faults = "[{kind: bundle_reorder, link: down, rate: 20 %, delay: 90 s}]"
    flight = held(fly_small(tmp_path, faults, HopDelivered), calm)
    for link in DOWN:
        order = [fact.hop for _, _, fact in flight.facts[HopDelivered] if fact.link == link]
        assert order != sorted(order)
        assert sorted(order) == sorted(set(order))


def test_an_announced_outage_is_planned_around(calm: Flight, tmp_path: Path) -> None:
    faults = "[{kind: link_outage, station: DSS-14, at: 20 min, for: 15 min, announced: true}]"
    flight = held(fly_small(tmp_path, faults, HopSent), calm)
    out = range(START_US + 20 * MIN_US, START_US + 35 * MIN_US)
    contacts = flight.result.tables["contacts"]
    down = contacts[(contacts["to_node"] == "earth") & (contacts["start_us"] < out[-1])]
    owlt_us = int(down["owlt_us"].iloc[0])
    # what leaves Mars now reaches the station a light time later
    for start_us, end_us in zip(down["start_us"], down["end_us"], strict=True):
        assert end_us + owlt_us <= out.start + 1_000_000 or start_us + owlt_us >= out.stop - 1_000_000
    assert flight.result.document.losses == {}
    assert rounds_max(flight) == 1


def test_an_outage_that_surprises_costs_time_and_no_record(calm: Flight, tmp_path: Path) -> None:
    faults = "[{kind: link_outage, link: down, at: 20 min, for: 15 min}]"
    flight = held(fly_small(tmp_path, faults, HopLost), calm)
    lost = flight.facts[HopLost]
    assert flight.result.document.losses == {"link_outage": len(lost)}
    assert len(lost) > 10
    assert all(START_US + 20 * MIN_US <= at_us <= START_US + 35 * MIN_US for at_us, _, _ in lost)
    assert rounds_max(flight) > 1


def test_a_throttled_table_refuses_rows_and_gets_them_again(calm: Flight, tmp_path: Path) -> None:
    faults = "[{kind: table_throttling, at: 20 min, for: 20 min, write_capacity: 1 rows/s}]"
    flight = held(fly_small(tmp_path, faults, RowsRefused), calm)
    refused = flight.facts[RowsRefused]
    assert sum(fact.rows for _, _, fact in refused) > 0
    assert all(START_US + 20 * MIN_US <= at_us <= START_US + 41 * MIN_US for at_us, _, _ in refused)
    assert rounds_max(flight) == 1


def test_a_crash_loses_the_unsynced_tail_and_no_record(calm: Flight, tmp_path: Path) -> None:
    # Frames are closed at second 55; two milliseconds later they are at the edge, and two more on its disk.
    faults = "[{kind: edge_crash, node: edge-1, at: 1255.004 s, down: 5 min}]"
    flight = held(fly_small(tmp_path, faults, Crashed, Restarted, HopLost), calm)
    ((at_us, node, crashed),) = flight.facts[Crashed]
    assert (at_us, node) == (START_US + 1_255_004_000, "edge-1")
    assert crashed.lost_bytes > 0
    starts = [(at, fact.durable_bytes) for at, name, fact in flight.facts[Restarted] if name == "edge-1"]
    assert [at for at, _ in starts] == [START_US, at_us + 5 * MIN_US]
    assert starts[1][1] > crashed.torn_bytes
    assert {fact.cause for _, _, fact in flight.facts[HopLost]} == {"node_down"}


def test_a_head_that_its_author_could_not_tell_of_breaks_no_chain(tmp_path: Path) -> None:
    """The crash falls while a checkpoint is being synced, and the torn tail holds it whole: it counts after all."""
    faults = "[{kind: edge_crash, node: edge-1, at: 600.001 s, down: 5 min}]"
    flight = fly_small(tmp_path, faults, Crashed, HeadSigned, seed=10)
    assert {g.key: g.evidence for g in flight.result.guarantees if g.verdict == "broken"} == {}
    ((at_us, _, crashed),) = flight.facts[Crashed]
    assert crashed.torn_bytes > 0
    heads = [(at, fact) for at, node, fact in flight.facts[HeadSigned] if node == "edge-1"]
    assert min(at for at, _ in heads) > at_us, "nothing was told before the crash"
    first = {}
    for _, fact in heads:
        first.setdefault(fact.stream, fact.previous)
    assert set(first.values()) == {10}, "and yet ten minutes of frames were signed for before it"
