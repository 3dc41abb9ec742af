"""`extends`, `--set` and `--seed`: what lies over what, and where an error is then said to be."""

from pathlib import Path

import pytest
from examples import HABITAT

from twin.scenario import HabitatScenario, Scenario, ScenarioError, load_scenario

FAULTS = "faults:\n  - {kind: edge_crash, node: edge-1, at: 1 h, down: 20 min}\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.yaml"
    path.write_text(HABITAT + FAULTS + "pipeline: {ack_delay: 3 s, bundle_wait: 4 s}\n")
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def habitat(path: Path, *overrides: str) -> HabitatScenario:
    scenario: Scenario = load_scenario(path, overrides)
    assert isinstance(scenario, HabitatScenario)
    return scenario


def line_of(path: Path, *overrides: str, seed: int | None = None) -> str:
    with pytest.raises(ScenarioError) as refusal:
        load_scenario(path, overrides, seed)
    return str(refusal.value)


def test_mappings_merge_and_lists_replace(base: Path) -> None:
    over = write(base.parent / "over.yaml", "extends: base.yaml\nname: over\nfaults: []\npipeline: {ack_delay: 9 s}\n")
    scenario = habitat(over)
    assert (scenario.name, scenario.faults) == ("over", ())
    assert scenario.pipeline.ack_delay_us == 9_000_000
    assert scenario.pipeline.bundle_wait_us == 4_000_000


def test_an_error_names_the_file_that_says_it(base: Path, tmp_path: Path) -> None:
    over = write(tmp_path / "over.yaml", "extends: base.yaml\n\npipeline: {ack_delay: 9}\n")
    assert f"({over}:3, pipeline.ack_delay)" in line_of(over)
    base.write_text(base.read_text().replace("4 s", "4"))
    over.write_text("extends: base.yaml\n")
    assert f"({base}:7, pipeline.bundle_wait)" in line_of(over)


def test_a_loop_of_extends_is_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", "name: x\nextends: two.yaml\n")
    two = write(tmp_path / "two.yaml", "extends: one.yaml\n")
    assert line_of(one) == (
        f"extends = one.yaml: loops back to itself ({two}:1, extends); let one of the files stand alone"
    )
    assert "loops back to itself" in line_of(write(tmp_path / "self.yaml", "extends: self.yaml\n"))


def test_a_chain_of_extends_has_an_end(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"{number}.yaml", f"extends: {number + 1}.yaml\n")
    assert "more than 8 files deep" in line_of(tmp_path / "0.yaml")


def test_extending_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "extends: none.yaml\n")
    assert line_of(path) == (
        f"extends = none.yaml: no such file ({path}:1, extends); give its path, relative to this file"
    )
    nul = write(tmp_path / "c.yaml", 'extends: "a\\0b"\n')
    assert line_of(nul) == f"extends = a\\x00b: is not a path ({nul}:1, extends); give its path, relative to this file"
    assert "is a directory" in line_of(write(tmp_path / "d.yaml", "extends: .\n"))
    assert "cannot be read" in line_of(write(tmp_path / "e.yaml", f"extends: {'x' * 300}\n"))
    assert "extends = 3: names one file" in line_of(write(tmp_path / "b.yaml", "extends: 3\n"))


def test_set_overrides_keys_and_list_items(base: Path) -> None:
    scenario = habitat(base, "faults.0.at=3 h", "faults[0].node=edge-2", "weather.dust.background_tau=0.7", "seed=5")
    crash = scenario.faults[0]
    assert crash.kind == "edge_crash"
    assert (crash.at_us, crash.node) == (3 * 3_600_000_000, "edge-2")
    assert scenario.weather.dust.background_tau == 0.7
    assert scenario.seed == 5


def test_a_value_of_set_may_hold_an_equals_sign_and_any_yaml(base: Path) -> None:
    assert habitat(base, "description=a=b").description == "a=b"
    assert habitat(base, "faults=[]").faults == ()
    assert habitat(base, "habitat.site={latitude: 1, longitude: 2}").habitat.site.name == "custom"


def test_seed_replaces_the_seed_of_the_file(base: Path) -> None:
    assert load_scenario(base, seed=12).seed == 12
    assert line_of(base, seed=-1) == ("seed -1: lies from 0 to 9223372036854775807 (--seed); choose another seed")


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "nonsense",
            "override nonsense: an override is a key and a value (--set); write it like `faults.0.at=3 h`",
        ),
        ("=3", "override =3: an override is a key and a value (--set); "),
        ("a..b=3", "override a..b=3: an override is a key and a value (--set); "),
        (
            "pipeline.ackdelay=3 s",
            "pipeline.ackdelay: unknown key (--set pipeline.ackdelay=3 s, pipeline.ackdelay); did you mean ack_delay? ",
        ),
        (
            "pipeline.ack_delay=3",
            "pipeline.ack_delay = 3: a duration needs a unit (--set pipeline.ack_delay=3, ",
        ),
        (
            "faults.1.at=3 h",
            "faults.1: faults is a list of 1 (--set faults.1.at=3 h, faults.1); use one of 0",
        ),
        ("faults.x=3 h", "faults.x: faults is a list of 1 (--set faults.x=3 h, faults.x); use one of 0"),
        (
            "duration.x=3",
            "duration.x: duration is 1 sol and has no keys (--set duration.x=3, duration.x); set duration ",
        ),
        (
            "extends=x.yaml",
            "extends: is resolved before overrides (--set extends=x.yaml, extends); name another file",
        ),
        ("seed=[1", "scenario --set seed=[1: this is not YAML: "),
        ("seed=!!int 3", "scenario --set seed=!!int 3: the YAML tag !!int is not read "),
    ],
)
def test_an_override_that_cannot_be_meant_is_refused(base: Path, override: str, line: str) -> None:
    assert line_of(base, override).startswith(line)


def test_a_scenario_knows_the_command_that_replays_it(base: Path) -> None:
    scenario = load_scenario(base, ["faults.0.at=3 h"])
    assert scenario.origin is not None
    assert scenario.origin.command(9) == f"twin run {base} --seed 9 --set 'faults.0.at=3 h'"
