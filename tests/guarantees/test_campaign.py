"""The campaign of Earth's faults has an eye for what is planted there, and is not blinded by its own faults."""

from pathlib import Path

import planted
import planted_on_earth as earth
import pytest

from twin.experiments.mission import Roles
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.guarantees.alert_latency import AlertLatency
from twin.scenario import load_scenario

CAMPAIGN = Path(__file__).parents[2] / "scenarios" / "bench" / "campaign-earth.yaml"


@pytest.mark.parametrize(
    ("roles", "verdict"), [(planted.SOUND, "held"), (Roles(gateway=earth.ForgetsWhomToTell), "broken")]
)
def test_an_alert_that_nobody_is_told_of_dies_in_the_campaign(roles: Roles, verdict: str, tmp_path: Path) -> None:
    """A gateway that starts again tells what is not marked; the last hypoxia comes when none is to start any more."""
    mission = prepare(load_scenario(CAMPAIGN), tmp_path, roles)
    drive(mission, Progress(mission, quiet=True))
    (latency,) = [checker for checker in mission.checkers if isinstance(checker, AlertLatency)]
    found = latency.verdict(listed=True)
    assert (found.verdict, found.pending) == (verdict, 0)
    assert latency.earth is not None
    assert latency.earth.share_in_view is not None, "the half of Earth was run"
    if found.evidence is not None:
        assert (found.evidence.where, found.evidence.what[:8]) == ("earth", "not told")
