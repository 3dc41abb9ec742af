"""The smallest scenario of each kind, for tests to bend."""

from __future__ import annotations

import pytest

from twin.scenario import ScenarioError, parse_scenario

HABITAT = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 1 sol
habitat: {site: jezero, crew: 6}
"""

BARE = """\
name: chain
duration: 6 h
network:
  nodes: [S, R, D]
  contacts:
    - {from: S, to: R, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s, every: 1 h, count: 6, both_ways: true}
    - {from: R, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s, every: 1 h, count: 6}
traffic:
  - {from: S, to: D, size: 10 kB, period: 10 s, count: 100}
"""


def refusal_of(text: str) -> str:
    """The line that a scenario is refused with."""
    with pytest.raises(ScenarioError) as refusal:
        parse_scenario(text, "s.yaml")
    line = str(refusal.value)
    assert "\n" not in line
    return line
