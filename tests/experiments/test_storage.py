"""The storage that edges need: above what runs take, not far above, and refused where a disk is smaller."""

from pathlib import Path

import pytest
from flights import SCENARIOS, SMALL

from twin.experiments.habitat import HabitatBuilder
from twin.experiments.mission import Roles
from twin.experiments.planned import needed_storage, whole_plan
from twin.experiments.run import run
from twin.experiments.storage import StorageNeed
from twin.result import Result
from twin.result_schema import Storage
from twin.scenario import HabitatScenario, ScenarioError, load_scenario, parse_scenario
from twin.world.timescales import US_PER_DAY, utc_to_us

CONJUNCTION = SCENARIOS / "conjunction.yaml"


def needs_of(path: Path, *overrides: str) -> list[StorageNeed]:
    scenario = load_scenario(path, overrides)
    assert isinstance(scenario, HabitatScenario)
    return needed_storage(scenario, whole_plan(scenario))


def shipped(name: str, folder: Path) -> tuple[Storage, ...]:
    storage = run(load_scenario(SCENARIOS / f"{name}.yaml"), folder / name, quiet=True).document.storage
    assert storage
    return storage


@pytest.fixture(scope="module")
def conjunction(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(load_scenario(CONJUNCTION), tmp_path_factory.mktemp("sun") / "run", quiet=True)


@pytest.mark.campaign
def test_a_conjunction_takes_what_was_said_and_more_than_half_of_it(conjunction: Result) -> None:
    assert conjunction.document.storage is not None
    assert [need.node for need in conjunction.document.storage] == ["edge-1", "edge-2"]
    for need in conjunction.document.storage:
        assert need.used_bytes_max <= need.needed_bytes <= 2 * need.used_bytes_max


@pytest.mark.campaign
def test_a_moratorium_is_longer_than_the_time_in_which_nothing_leaves(conjunction: Result) -> None:
    """16 days nothing leaves; no command goes up from May 13 to June 5, and data before that miss its ack as well."""
    document = conjunction.document
    assert document.storage is not None
    assert document.longest_silence_s is not None
    (need, _) = document.storage
    assert need.held_s > document.longest_silence_s + 8 * 86_400
    assert need.since_utc.startswith("2030-05-13T")
    assert need.until_utc.startswith("2030-06-06T")
    # the tables of the run: nothing that was kept at the peak had been acked in between
    records = conjunction.tables["records"]
    kept = records[records["generated_us"] >= utc_to_us(need.since_utc)]["acked_us"].min()
    assert kept > utc_to_us(need.until_utc) - US_PER_DAY


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["relay-safe-mode", "bad-sol"])
def test_no_run_takes_more_than_was_said(name: str, tmp_path: Path) -> None:
    for need in shipped(name, tmp_path):
        assert need.used_bytes_max <= need.needed_bytes, need


def test_a_disk_below_the_need_is_refused_with_the_arithmetic(tmp_path: Path) -> None:
    need = needs_of(CONJUNCTION)[0]
    assert need.needed_bytes < 10_000_000
    small = load_scenario(CONJUNCTION, [f"edge.disk.capacity={need.needed_bytes - 1} B"])
    with pytest.raises(ScenarioError) as refused:
        run(small, tmp_path / "run")
    text = str(refused.value)
    size = need.size
    assert text.startswith(f"storage of {(need.needed_bytes - 1) / 1e3} kB on edge-1: 6.6 MB are kept from 2030-05-13T")
    assert "days without an ack" in text
    assert f"{size.frames} frames of {size.frame_bytes} B with an ack of {size.ack_bytes} B each" in text
    assert f"{size.checkpoints} checkpoints of {size.checkpoint_bytes} B" in text
    assert "conjunction.yaml, edge.disk.capacity); give at least 6.6 MB, measure less, or set overload: allowed" in text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", [["edge.disk.capacity={} B"], ["edge.disk.capacity=1 MB", "overload=allowed"]])
def test_a_disk_that_holds_it_or_that_may_be_too_small_is_accepted(more: list[str], tmp_path: Path) -> None:
    needed_bytes = needs_of(CONJUNCTION)[0].needed_bytes
    scenario = load_scenario(CONJUNCTION, [override.format(needed_bytes) for override in more])
    assert isinstance(scenario, HabitatScenario)
    (tmp_path / "tables").mkdir()
    built = HabitatBuilder(scenario, tmp_path, Roles(), None)
    assert [need.needed_bytes for need in built.needs] == [needed_bytes] * 2


def test_a_storm_that_stows_the_antenna_is_a_silence() -> None:
    """Opacity stands above the threshold for most of three sols; Earth still hears of nothing before and after it."""
    (need, _) = needs_of(SCENARIOS / "regional-storm.yaml")
    calm = needs_of(SCENARIOS / "regional-storm.yaml", "weather.dust.storms=[]")[0]
    assert need.silence.held_us > 2.5 * US_PER_DAY > 2 * calm.silence.held_us
    assert need.needed_bytes > 2 * calm.needed_bytes


def test_faults_that_the_plan_does_not_know_lengthen_the_silence() -> None:
    small = SMALL.partition("guarantees:")[0].replace("duration: 1 h", "duration: 4 h")

    def held_us(faults: str) -> int:
        scenario = parse_scenario(f"{small}faults: [{faults}]\n")
        assert isinstance(scenario, HabitatScenario)
        return needed_storage(scenario, whole_plan(scenario))[0].silence.held_us

    quiet_us = held_us("")
    for fault in (
        "{kind: link_outage, link: up, at: 30 min, for: 150 min, announced: true}",
        "{kind: link_outage, link: up, at: 30 min, for: 150 min}",
        "{kind: earth_crash, node: auditor, at: 30 min, down: 150 min}",
        "{kind: disk_full, node: edge-1, at: 30 min, for: 150 min}",
    ):
        assert held_us(fault) > max(quiet_us, 150 * 60_000_000), fault


def test_what_is_generated_twice_as_fast_takes_more() -> None:
    once = needs_of(CONJUNCTION)[0]
    twice = needs_of(CONJUNCTION, "habitat.devices.0.sample_period=15 s", "habitat.devices.0.frame_period=15 min")[0]
    assert twice.size.frames == pytest.approx(2 * once.size.frames, rel=0.01)
    assert 1.6 * once.needed_bytes < twice.needed_bytes < 2.1 * once.needed_bytes
