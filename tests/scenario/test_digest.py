"""A scenario's digest: what a file asks for, not how it is written."""

from pathlib import Path

import pytest

from twin.scenario import load_scenario, parse_scenario
from twin.scenario.digest import digest

BARE = """
name: bare
description: Three payloads.
duration: 1 h
seed: 3
network:
  nodes: [S, D]
  contacts: [{from: S, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s, both_ways: true}]
traffic: [{from: S, to: D, size: 1 kB, period: 1 min, count: 3, start: 0 s}]
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Three payloads.", "Four.", True),
        ("seed: 3", "seed: 4", True),
        ("duration: 1 h", "duration: 60 min  # the same", True),
        ("name: bare\n", "", True),  # stands at the end instead
        ("duration: 1 h", "duration: 61 min", False),
        ("count: 3", "count: 4", False),
        ("both_ways: true", "both_ways: false", False),
    ],
)
def test_only_what_is_asked_for_changes_it(old: str, new: str, same: bool) -> None:
    assert BARE.count(old) == 1
    other = BARE.replace(old, new) + ("" if "name:" in BARE.replace(old, new) else "name: bare\n")
    assert (digest(parse_scenario(other)) == digest(parse_scenario(BARE))) is same


def test_a_file_counts_by_its_content_wherever_it_stands(tmp_path: Path) -> None:
    replayed = """
name: replayed
start: 2033-03-10T10:00:00Z
duration: 10 min
habitat:
  site: jezero
  crew: 1
  devices:
    - {kind: vitals_monitor, replay: [{crew: 1, path: heart.csv}]}
  edge_nodes: 1
"""
    digests = []
    for name, rate in (("here", 70), ("there", 70), ("elsewhere", 71)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "heart.csv").write_text(f"t_s,heart_rate\n0,{rate}\n600,{rate}\n")
        (folder / "replayed.yaml").write_text(replayed)
        digests.append(digest(load_scenario(folder / "replayed.yaml")))
    assert digests[0] == digests[1] != digests[2]
