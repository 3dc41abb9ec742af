"""Scenarios as tests of a foreign project: what is collected, how it is told, what a session costs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from small_habitat import HABITAT

from twin import pytest_plugin
from twin.experiments import check
from twin.experiments.check import run_once
from twin.pytest_plugin import runs
from twin.scenario import ScenarioError, load_scenario
from twin.scenario.guarantees import GUARANTEES

pytest_plugins = "pytester"

SMALL = """\
name: small
duration: 1 h
seed: 38
network:
  nodes: [S, D]
  contacts: [{from: S, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s, both_ways: true}]
traffic: [{from: S, to: D, size: 1 kB, period: 1 min, count: 3, start: 0 s}]
guarantees: [no_loss, conservation]
"""
# the age of a clinic's newest sample cannot stay under a second more than light needs
HOPELESS = (
    """\
name: hopeless
start: 2033-03-10T06:00:00Z
duration: 40 min
seed: 38
"""
    + HABITAT
    + """\
guarantees: [no_loss, freshness: {bound: owlt + 1 s}, alert_latency]
"""
)
ALL = len(GUARANTEES)
PLUGIN = ("-p", "twin.pytest_plugin", "-p", "no:hypothesispytest", "-p", "no:cacheprovider", "-W", "error")


@pytest.fixture(scope="module", autouse=True)
def _libraries_of_a_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Imported here: pytester forgets what a session under test imports, and NumPy cannot be imported twice."""
    folder = tmp_path_factory.mktemp("first")
    for name, text in (("small", SMALL), ("hopeless", HOPELESS)):
        (folder / f"{name}.yaml").write_text(text)
        run_once(load_scenario(folder / f"{name}.yaml"), folder / name)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Scenario and seed of every run that is made."""
    all_made: list[tuple[str, int]] = []

    def counted(scenario: Any, folder: Path) -> Any:
        all_made.append((scenario.name, scenario.seed))
        return run_once(scenario, folder)

    monkeypatch.setattr(check, "run_once", counted)
    return all_made


def scenarios(pytester: pytest.Pytester, **texts: str) -> Path:
    folder = pytester.mkdir("scenarios")
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def collected(pytester: pytest.Pytester, *words: str) -> list[str]:
    told = pytester.runpytest_inprocess(*PLUGIN, "--collect-only", "-q", *words)
    return [line for line in told.outlines if "::" in line]


def test_the_package_names_the_plugin_by_its_own_name() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    named = project["entry-points"]["pytest11"]
    assert {name: import_module(module) for name, module in named.items()} == {"twin.pytest_plugin": pytest_plugin}


def test_each_guarantee_and_seed_is_a_test_and_each_run_is_made_once(
    pytester: pytest.Pytester, made: list[tuple[str, int]]
) -> None:
    scenarios(pytester, small=SMALL)
    names = collected(pytester, "scenarios", "--twin-seeds", "2")
    assert names[:2] == ["scenarios/small.yaml::no_loss[seed=38]", "scenarios/small.yaml::conservation[seed=38]"]
    assert {re.sub(r".*::|\[.*", "", name) for name in names} == set(GUARANTEES)
    assert len(names) == len(set(names)) == 2 * ALL
    assert made == []
    held = 5  # what asks for no habitat
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios", "--twin-seeds", "2", "-rs")
    told.assert_outcomes(passed=2 * held, skipped=2 * (ALL - held))
    told.stdout.fnmatch_lines("SKIPPED [[]18[]] *: scenario of bundle nodes: no device, journal, table or auditor")
    assert made == [("small", 38), ("small", 39)]


def test_one_test_can_be_named(pytester: pytest.Pytester, made: list[tuple[str, int]]) -> None:
    scenarios(pytester, small=SMALL)
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios/small.yaml::no_loss[seed=40]", "--twin-seeds=3")
    told.assert_outcomes(passed=1)
    assert made == [("small", 40)]


def test_what_broke_is_told_with_evidence_and_the_replay_command(pytester: pytest.Pytester) -> None:
    scenarios(pytester, hopeless=HOPELESS)
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios")
    assert told.ret == 1
    assert told.parseoutcomes()["failed"] == 2
    told.stdout.fnmatch_lines(
        [
            "___* hopeless: freshness, seed 38 _*",
            "age * s is over the bound of * s",
            "vitals-1, dev-*/ep-*/*, 2033-03-10T*Z, at *",
            "replay: twin run scenarios/hopeless.yaml --seed 38",
            "1 of 1 checks failed",
            "___* hopeless: alert_latency, seed 38 _*",
            "listed by the scenario but never checked: *",
            "replay: twin run scenarios/hopeless.yaml --seed 38",
            "FAILED scenarios/hopeless.yaml::freshness[[]seed=38[]] - age *",
        ]
    )
    told.stdout.no_fnmatch_line("*Traceback*")
    told.stdout.no_fnmatch_line("*.py:*")


def test_a_file_from_elsewhere_is_named_so_that_the_command_works_here(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = scenarios(pytester, hopeless=HOPELESS) / "hopeless.yaml"
    monkeypatch.chdir(pytester.mkdir("elsewhere"))
    told = pytester.runpytest_inprocess(*PLUGIN, "../scenarios", "-k", "freshness")
    told.assert_outcomes(failed=1, deselected=ALL - 1)
    told.stdout.fnmatch_lines(f"replay: twin run {file} --seed 38")


def test_a_bad_scenario_is_one_line_among_good_ones(pytester: pytest.Pytester, made: list[tuple[str, int]]) -> None:
    scenarios(pytester, small=SMALL, bad=SMALL.replace("1 h", "10 metres"), last=SMALL.replace("38", str(2**63 - 1)))
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios", "--twin-seeds", "2")
    assert (told.ret, made) == (2, [])
    told.assert_outcomes(errors=2)
    refused = "duration = 10 metres: 'metres' is not a unit of duration (scenarios/bad.yaml:2, duration); use one of *"
    told.stdout.fnmatch_lines(
        ["*ERROR collecting scenarios/bad.yaml*", refused, "*last.yaml*", f"seed {2**63}: lies *"]
    )
    told.stdout.no_fnmatch_line("*Traceback*")
    assert not [line for line in told.outlines if re.search(r"\.py:\d", line)]


def test_what_is_no_scenario_or_lists_no_guarantee_has_no_tests(pytester: pytest.Pytester) -> None:
    without = SMALL[: SMALL.index("guarantees")]
    base = SMALL.replace("name: small\n", "")
    folder = scenarios(pytester, without=without, base=base, compose="name: [broken\nservices:\n")
    (folder / "overlay.yml").write_text("extends: base.yaml\nname: overlay\nseed: 5\n")
    deep = folder / "regressions"
    deep.mkdir()
    (deep / "seed-17.yaml").write_text(SMALL)
    (deep / "README.md").write_text(SMALL)
    files = {name.partition("::")[0] for name in collected(pytester, "scenarios")}
    assert files == {"scenarios/overlay.yml", "scenarios/regressions/seed-17.yaml"}
    # `twin check` finds the same, and runs those too that insist on nothing
    (folder / "compose.yaml").unlink()
    found = {path.relative_to(pytester.path).as_posix() for path in check.scenario_files(folder)}
    assert found == files | {"scenarios/without.yaml"}


def test_seeds_after_the_time_are_skipped_but_for_each_scenarios_own(
    pytester: pytest.Pytester, made: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = iter(range(0, 1000, 40))
    monkeypatch.setattr(runs.time, "monotonic", lambda: next(now_s))
    scenarios(pytester, a=SMALL.replace("small", "a"), b=SMALL.replace("small", "b"))
    told = pytester.runpytest_inprocess(
        *PLUGIN, "scenarios", "--twin-seeds=3", "--twin-time=1 min", "-k", "no_loss", "-rs"
    )
    # begun at 0 s; own seeds do not look at the clock; the next look is at 40 s, then it is over
    assert made == [("a", 38), ("b", 38), ("a", 39)]
    told.assert_outcomes(passed=3, skipped=3, deselected=6 * (ALL - 1))
    told.stdout.fnmatch_lines("SKIPPED [[]3[]] *: the time for runs is over: 60 s (--twin-time)")


def test_settings_stand_in_the_ini_file_and_options_before_them(pytester: pytest.Pytester) -> None:
    scenarios(pytester, small=SMALL)
    pytester.makeini("[pytest]\ntwin_seeds = 3\ntwin_time = 1 h\naddopts = --strict-markers --strict-config")
    assert len(collected(pytester, "scenarios")) == 3 * ALL
    assert len(collected(pytester, "scenarios", "--twin-seeds", "1")) == ALL


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--twin-seeds=0", "ERROR: --twin-seeds 0: seeds are counted from 1; give a whole number"),
        ("--twin-seeds=many", "ERROR: --twin-seeds many: seeds are counted from 1; *"),
        ("--twin-time=10", "ERROR: --twin-time 10: a duration needs a unit; write it like 10 min *"),
        ("--twin-time=-1 s", "ERROR: --twin-time -1 s: a duration is not negative; *"),
    ],
)
def test_an_option_that_says_nothing_is_a_usage_error(option: str, words: str, pytester: pytest.Pytester) -> None:
    told = pytester.runpytest_inprocess(*PLUGIN, option)
    assert told.ret == pytest.ExitCode.USAGE_ERROR
    told.stderr.fnmatch_lines(words)


def test_a_run_that_raises_is_made_once_and_shows_its_traceback_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []

    def raising(*given: Any) -> Any:
        begun.append(given)
        raise KeyError("a bug of the pipeline")

    monkeypatch.setattr(check, "run_once", raising)
    scenarios(pytester, small=SMALL)
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios", "-k", "no_loss or conservation")
    assert len(begun) == 1
    told.assert_outcomes(failed=2, deselected=ALL - 2)
    told.stdout.fnmatch_lines(
        [
            "*raise KeyError(*",
            "E*replay: twin run scenarios/small.yaml --seed 38",
            "the run ended with KeyError, as its first test shows: 'a bug of the pipeline'",
        ]
    )
    assert sum("raise KeyError(" in line for line in told.outlines) == 1


def test_what_a_run_refuses_is_one_line_for_each_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: Any) -> Any:
        raise ScenarioError("folder /tmp", "no space left on device", "run of small, seed 38", "make room there")

    monkeypatch.setattr(check, "run_once", refusing)
    scenarios(pytester, small=SMALL)
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios", "-k", "no_loss or conservation")
    told.assert_outcomes(failed=2, deselected=ALL - 2)
    line = "folder /tmp: no space left on device (run of small, seed 38); make room there"
    assert told.outlines.count(line) == 2
    told.stdout.no_fnmatch_line("*Error*")


def test_an_interrupted_run_ends_the_session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(scenario: Any, folder: Path) -> Any:
        result = run_once(scenario, folder)
        result.document = result.document.model_copy(update={"interrupted": True, "verdict": "incomplete"})
        return result

    monkeypatch.setattr(check, "run_once", interrupted)
    scenarios(pytester, small=SMALL)
    told = pytester.runpytest_inprocess(*PLUGIN, "scenarios", no_reraise_ctrlc=True)
    assert told.ret == pytest.ExitCode.INTERRUPTED
    told.assert_outcomes()


def test_the_tests_of_a_run_are_a_group_of_xdist(pytester: pytest.Pytester) -> None:
    scenarios(pytester, small=SMALL)
    items, _ = pytester.inline_genitems(*PLUGIN, "scenarios", "--twin-seeds=2")
    groups = [[mark.args for mark in item.iter_markers("xdist_group")] for item in items]
    assert groups == [[("small 38",)]] * ALL + [[("small 39",)]] * ALL


def test_workers_that_get_whole_files_make_each_run_once(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from pathlib import Path
        from twin.experiments.as_test import Tested
        from twin.pytest_plugin import runs
        from twin.scenario.guarantees import GUARANTEES

        def made(run):
            with Path(__file__).with_name("made").open("a") as file:
                file.write(f"{run.name} {run.seed}\\n")
            return {key: Tested("passed") for key in GUARANTEES}

        runs.Run._made = made
        """
    )
    scenarios(pytester, a=SMALL.replace("small", "a"), b=SMALL.replace("small", "b"))
    words = (*PLUGIN, "scenarios", "-n", "2", "--dist", "loadfile", "--twin-seeds", "2")
    told = pytester.runpytest_subprocess(*words)
    told.assert_outcomes(passed=4 * ALL)
    assert sorted((pytester.path / "made").read_text().splitlines()) == ["a 38", "a 39", "b 38", "b 39"]


def test_a_foreign_session_imports_nothing_of_the_twin_and_is_not_changed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_foreign="""
        import sys

        def test_nothing_is_imported():
            own = {name for name in sys.modules if name.startswith("twin")}
            assert own == {"twin", *(name for name in own if name.startswith("twin.pytest_plugin"))}
            assert not {"numpy", "astropy", "scipy", "pydantic", "yaml", "simpy"} & set(sys.modules)
        """
    )
    pytester.path.joinpath("mkdocs.yml").write_text("site_name: docs\nname: x\n")
    pytester.path.joinpath("compose.yaml").write_text("name: [\n")
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error")
    # twice over, as where the entry point is installed and somebody names the module too
    command = [sys.executable, "-m", "pytest", *PLUGIN, "-p", "twin.pytest_plugin", "-v"]
    told = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert [line.split()[0] for line in told.stdout.splitlines() if "::" in line] == [
        "test_foreign.py::test_nothing_is_imported"
    ]
