"""What a scenario rests on: against the file that gave some values and the model that filled in the rest."""

from examples import BARE, HABITAT

from twin.scenario import Assumption, assumptions, parse_scenario
from twin.scenario.assumptions import GIVEN


def by_key(text: str) -> dict[str, Assumption]:
    entries = assumptions(parse_scenario(text))
    keyed = {entry.key: entry for entry in entries}
    assert len(keyed) == len(entries), "a key stands twice"
    return keyed


def test_every_assumption_has_a_value_and_a_source() -> None:
    for text in (HABITAT, BARE):
        for entry in by_key(text).values():
            assert entry.value_text, entry
            assert entry.source, entry
            assert entry.given or entry.source != GIVEN, entry


def test_given_values_are_told_from_defaults() -> None:
    entries = by_key(HABITAT + "network: {direct_to_earth: {power: 50 W}}\n")
    power, antenna = (entries[f"network.direct_to_earth.{key}"] for key in ("power", "antenna"))
    assert power == Assumption("network.direct_to_earth.power", "50 W", GIVEN, True)
    assert (antenna.value_text, antenna.given) == ("3 m", False)
    assert "MRO" in antenna.source


def test_values_are_written_as_a_scenario_writes_them() -> None:
    entries = by_key(
        HABITAT + "faults: [{kind: bundle_loss, link: down, rate: 1 %}]\n"
        "guarantees: [freshness: {bound: owlt + 3 min}]\n"
    )
    assert entries["duration"].value_text == "1 sol"
    assert entries["start"].value_text.startswith("2033-03-10T00:00:00")
    assert entries["pipeline.bundle_bytes_max"].value_text == "64 kB"
    assert entries["network.direct_to_earth.rate_reference_distance"].value_text == "402336000 km"
    assert entries["faults[0].rate"].value_text == "1 %"
    assert entries["faults[0].from"].value_text == "0 s"
    assert entries["guarantees.freshness.bound"].value_text == "owlt + 3 min"
    assert entries["habitat.site"].value_text == "jezero (18.4447 N, 77.4508 E)"
    assert "Perseverance" in entries["habitat.site"].source


def test_what_is_computed_says_so() -> None:
    entries = by_key(HABITAT)
    assert entries["pipeline.lifetime"].value_text == "the longest planned outage plus one round"
    assert entries["pipeline.window"].value_text == "rate times R over the contact"
