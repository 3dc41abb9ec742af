"""Two ingest leaders, and a table that is lost: what Earth says then, and what Mars makes of it."""

from collections import defaultdict
from pathlib import Path

from flights import Flight, fly_small

from twin.pipeline.facts import AckMade, Adopted, AlertActedOn, HeadSigned, Rejected
from twin.trace import AlertStored, Crashed, HeadVisible, Restarted, StoreRestored
from twin.world.timescales import utc_to_us

START_US = utc_to_us("2033-03-10T10:00:00Z")
MIN_US = 60_000_000
FACTS = (
    AckMade,
    Adopted,
    AlertActedOn,
    AlertStored,
    Crashed,
    HeadSigned,
    HeadVisible,
    Rejected,
    Restarted,
    StoreRestored,
)
# hypoxia so early that its alerts reach Earth while two lead
MORE = "episodes: [{kind: hypoxia, crew: 2, at: 12 min, for: 20 min}]\n"
MORE += "pipeline: {suite: hmac-sha256, backup_period: 15 min}\n"


def fly_earth(folder: Path, faults: str) -> Flight:
    flight = fly_small(folder, f"{faults}\n{MORE}", *FACTS)
    assert {g.key: g.evidence for g in flight.result.guarantees if g.verdict == "broken"} == {}
    return flight


def minutes(flight: Flight, kind: type, node: str) -> list[float]:
    return [(at_us - START_US) / MIN_US for at_us, name, _ in flight.facts[kind] if name == node]


def test_of_two_leaders_the_old_one_is_fenced_and_each_alert_has_one_row(tmp_path: Path) -> None:
    flight = fly_earth(tmp_path, "[{kind: stale_leader, at: 10 min, for: 30 min}]")
    fenced = [node for _, node, fact in flight.facts[Rejected] if "a higher term leads" in fact.reason]
    assert fenced == ["earth"]
    terms = defaultdict(list)
    for _, _, fact in flight.facts[HeadVisible]:
        terms[fact.stream].append(fact.term)
    assert all(of == sorted(of) for of in terms.values())
    assert {term for of in terms.values() for term in of} == {2, 3}, (
        "the first had moved no head before the second led, and could move none of any stream after; then it led again"
    )
    alerts = [fact for _, _, fact in flight.facts[AlertStored]]
    assert len({fact.alert for fact in alerts}) == sum(not fact.repeated for fact in alerts) > 0
    leaders = {node for _, node, _ in flight.facts[AlertActedOn]}
    assert "earth-2" in leaders
    assert minutes(flight, Crashed, "earth-2") == [40]


def test_acks_of_a_term_that_is_over_are_refused_on_mars(tmp_path: Path) -> None:
    """The old leader acks once more what its auditor told it before it moves a head and is fenced."""
    loss = "{kind: bundle_reorder, link: up, rate: 40 %, delay: 90 s}"
    flight = fly_earth(tmp_path, f"[{{kind: stale_leader, at: 20 min, for: 30 min}}, {loss}]")
    made = {fact.term for _, _, fact in flight.facts[AckMade]}
    assert {1, 2} <= made
    stale = [node for _, node, fact in flight.facts[Rejected] if fact.reason == "not newer than the last"]
    assert any(node.startswith("edge") for node in stale)


def test_no_leader_goes_on_while_the_table_is_restored_nor_returns_after_it_was_taken_out(tmp_path: Path) -> None:
    faults = "[{kind: stale_leader, at: 20 min, for: 22 min}, {kind: table_restore, at: 40 min, down: 5 min}]"
    flight = fly_earth(tmp_path, faults)
    assert minutes(flight, StoreRestored, "table") == [40]
    for node in ("earth", "earth-2", "auditor"):
        assert minutes(flight, Crashed, node)[0] == 40
    assert minutes(flight, Restarted, "earth-2") == [20], "it was taken out while it was down"
    while_lost = [at for node in ("earth", "earth-2") for at in minutes(flight, AckMade, node) if 40 <= at < 45]
    assert while_lost == []


def test_after_a_restore_no_edge_takes_up_the_alerts_of_another(tmp_path: Path) -> None:
    """The restored table does not say who brought a stream, and its acks go to every edge that may carry it."""
    flight = fly_earth(tmp_path, "[{kind: table_restore, at: 50 min, down: 5 min}]")
    assert flight.facts[AlertActedOn]
    assert flight.facts[Adopted] == []
    own = {
        node: {fact.stream.device for _, n, fact in flight.facts[HeadSigned] if n == node}
        for node in ("edge-1", "edge-2")
    }
    assert len(own["edge-1"] ^ own["edge-2"]) == 2, "each signs for its own alerts, both for the devices"
