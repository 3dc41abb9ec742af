"""Operators hand a device its next key: whatever crashes meanwhile, its frames arrive, and no key is skipped."""

from __future__ import annotations

from pathlib import Path

from flights import SHORT, fly

from twin.pipeline.facts import EpochClosed
from twin.scenario import parse_scenario

GUARANTEES = "guarantees: [durability, no_loss, exactly_once, integrity, convergence: {rounds: 5}]\n"
FULL_DISKS = (
    "{kind: disk_full, node: edge-1, at: 9 min, for: 5 min}, {kind: disk_full, node: edge-2, at: 9 min, for: 6 min}"
)
ROTATION = "{{kind: device_key_rotation, device: vitals-1, at: {} min}}"
CRASH = "{kind: device_crash, device: vitals-1, at: 11 min, down: 1 min}"


def closings(faults: list[str], folder: Path) -> list[tuple[int, str, str, int]]:
    """Closed epochs: minute, device, reason, and index of the closing frame; every guarantee holds."""
    scenario = parse_scenario(f"{SHORT}{GUARANTEES}faults: [{', '.join(faults)}]\n", "handover.yaml")
    flight = fly(scenario, folder, EpochClosed)
    assert {g.key: g.evidence for g in flight.result.guarantees if g.verdict == "broken"} == {}
    return [
        ((at_us - scenario.start_us) // 60_000_000, node, fact.reason, fact.record.index)
        for at_us, node, fact in flight.facts[EpochClosed]
    ]


def test_a_device_that_crashes_before_an_edge_wrote_its_closing_frame_goes_on(tmp_path: Path) -> None:
    told = closings([FULL_DISKS, ROTATION.format(10), CRASH], tmp_path / "run")
    (first, again) = told
    assert first[:3] == (10, "vitals-1", "key")
    assert first[3] > 0
    assert again == (12, "vitals-1", "key", 0)


def test_the_key_after_the_next_waits_until_an_edge_holds_the_frame_that_names_the_next(tmp_path: Path) -> None:
    at_once = closings([ROTATION.format(10), ROTATION.format(11)], tmp_path / "run")
    assert [minute for minute, *_ in at_once] == [10, 11]
    waits = closings([FULL_DISKS, ROTATION.format(10), ROTATION.format(11)], tmp_path / "full")
    assert [minute for minute, *_ in waits] == [10, 14]


def test_keys_asked_for_while_its_device_is_down_come_one_after_the_other(tmp_path: Path) -> None:
    told = closings([FULL_DISKS, ROTATION.format(10), CRASH, ROTATION.format(13)], tmp_path / "run")
    assert [(minute, index) for minute, _, _, index in told[1:]] == [(12, 0), (14, told[-1][3])]
