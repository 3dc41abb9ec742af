"""What is added to a scenario against what was there before: no other device, link or cause of chance is moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import BARE, HABITAT, document, rows, run_here

from twin.experiments.disturbances import link_faults
from twin.pipeline.wire.body import Samples, decode_samples
from twin.pipeline.wire.frame import open_frame
from twin.scenario import BareScenario, parse_scenario

SIGNATURE_BYTES = 64
SHORT = HABITAT.replace("duration: 2 h", "duration: 81 min")
GROUP = "{kind: vitals_monitor, per: crew, sample_period: 5 s, frame_period: 60 s}"
SECOND_GROUP = "{kind: vitals_monitor, per: habitat, sample_period: 10 s, frame_period: 5 min}"


def samples(folder: Path) -> dict[str, list[Samples]]:
    """What each device measured, by pseudonymous id."""
    return {
        device: [decode_samples(open_frame(frame, SIGNATURE_BYTES).body) for _, frame in sorted(frames.items())]
        for device, frames in rows(folder).items()
    }


@pytest.fixture(scope="module", name="before")
def run_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_here(SHORT, tmp_path_factory.mktemp("before") / "run")


@pytest.mark.parametrize(
    ("old", "new", "devices"),
    [
        ("crew: 2", "crew: 3", 3),
        ("crew: 2", "crew: 5", 5),
        (GROUP, f"{GROUP}, {SECOND_GROUP}", 3),
        ("edge_nodes: 2", "edge_nodes: 3", 2),
    ],
    ids=["one more in the crew", "three more", "one more group", "one more edge node"],
)
def test_who_comes_later_changes_no_other_samples(
    old: str, new: str, devices: int, before: Path, tmp_path: Path
) -> None:
    assert old in SHORT
    after = run_here(SHORT.replace(old, new), tmp_path / "run")
    then, now = samples(before), samples(after)
    assert (len(then), len(now)) == (2, devices)
    assert {device: now[device] for device in then} == then


def test_a_larger_crew_moves_no_device_of_another_group(tmp_path: Path) -> None:
    two_groups = SHORT.replace(GROUP, f"{GROUP}, {SECOND_GROUP}")
    then = samples(run_here(two_groups, tmp_path / "two"))
    now = samples(run_here(two_groups.replace("crew: 2", "crew: 3"), tmp_path / "three"))
    assert (len(then), len(now)) == (3, 4)
    assert {device: now.get(device) for device in then} == then


def test_frames_are_signed_alike_whoever_else_is_there(before: Path, tmp_path: Path) -> None:
    after = run_here(SHORT.replace("crew: 2", "crew: 3"), tmp_path / "run")
    then, now = rows(before), rows(after)
    assert {device: now[device] for device in then} == then


def test_two_faults_of_one_kind_on_one_link_draw_apart() -> None:
    twice = BARE.replace("faults:\n", "faults:\n  - {kind: bundle_loss, link: S->R, rate: 5 %}\n")
    scenario = parse_scenario(twice, "small.yaml")
    assert isinstance(scenario, BareScenario)
    faults = link_faults(scenario, "S->R")
    lost = sum(fate.cause is not None for at_us in range(4_000) for fate in faults.fates(at_us + scenario.start_us))
    assert 320 < lost < 460  # 1 - 0.95 ** 2 of 4000 is 390; one stream for both would lose about 200


def test_a_fault_on_one_link_leaves_the_transmissions_of_another_alone(tmp_path: Path) -> None:
    """Copies on the far hop's way back change who sends when, but not which transmission of the near hop is lost."""
    before = run_here(BARE, tmp_path / "before")
    added = "faults:\n  - {kind: bundle_duplication, link: D->R, rate: 50 %}\n"
    after = run_here(BARE.replace("faults:\n", added), tmp_path / "after")
    then, now = document(before), document(after)
    # doubled acks arrive more often, so fewer groups go again: something did change
    assert now["counts"]["transmissions"]["sent"] != then["counts"]["transmissions"]["sent"]
    outcomes = fates_on(before, "S", "R"), fates_on(after, "S", "R")
    common = min(map(len, outcomes))
    assert common > 100
    assert outcomes[0][:common] == outcomes[1][:common]
    assert "lost" in outcomes[0]


def fates_on(folder: Path, source: str, destination: str) -> list[str]:
    """Outcomes of the transmissions on one link, in the order of sending."""
    import pyarrow.parquet as pq

    found = pq.read_table(folder / "tables" / "transmissions.parquet").to_pylist()
    on_link = [row for row in found if (row["from_node"], row["to_node"]) == (source, destination)]
    return [row["outcome"] for row in sorted(on_link, key=lambda row: int(row["hop"]))]
