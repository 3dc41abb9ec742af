"""An auditor in any weather: stores that refuse and do not answer, rows that rot, a table that is lost, and hints that
are wrong.
"""

from __future__ import annotations

from random import Random

import planted_on_earth as earth
import planted_on_mars as mars
import pytest
from auditor_alone import AuditorAlone
from earth_weather import WeatherOnEarth
from hypothesis.stateful import rule
from solitude import NEVER_HOME, SEEDS, assert_caught, bounded

from twin.pipeline.ledger import merkle
from twin.pipeline.nodes.auditor import Auditor


class AuditorWeather(WeatherOnEarth):
    world_of = AuditorAlone

    @rule(seed=SEEDS)
    def somebody_gives_wrong_hints(self, seed: int) -> None:
        self.world.forge(Random(seed))


TestAuditor = AuditorWeather.TestCase
TestAuditor.settings = bounded(25)


@pytest.mark.parametrize(
    ("kind", "breaks"),
    [
        (earth.SignsAWrongRoot, "convergence"),
        (earth.LeavesRotAlone, NEVER_HOME),
        (earth.FallsSilent, NEVER_HOME),
    ],
)
def test_an_auditor_with_a_bug_is_caught(kind: type[Auditor], breaks: str) -> None:
    assert_caught(AuditorWeather, breaks, auditor=kind)


def test_an_auditor_that_hashes_nodes_like_leaves_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merkle, "sha256", mars.without_domain_separation)
    assert_caught(AuditorWeather, "convergence|feedback_closure")
