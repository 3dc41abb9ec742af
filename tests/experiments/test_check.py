"""`twin check`: scenarios as tests, in words for people and as JUnit for machines."""

import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from flights import SMALL
from typer.testing import CliRunner

from twin.cli import app
from twin.experiments import check as check_module
from twin.experiments.check import check, scenario_files
from twin.experiments.junit import write_junit
from twin.experiments.run import run
from twin.scenario import ScenarioError, load_scenario
from twin.scenario.guarantees import GUARANTEES

SHORT = SMALL[: SMALL.index("guarantees:")].replace("duration: 1 h", "duration: 10 min")
ALL = len(GUARANTEES)
IMPOSSIBLE = SHORT.replace("name: small", "name: hopeless") + "guarantees: [freshness: {bound: owlt + 1 s}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good scenarios, one of them nested, and files that are none."""
    root = tmp_path / "scenarios"
    (root / "deep").mkdir(parents=True)
    (root / ".cache").mkdir()
    (root / "small.yaml").write_text(SHORT)
    (root / "deep" / "hopeless.yaml").write_text(IMPOSSIBLE)
    (root / "schema.json").write_text('{"name": "no scenario"}')
    (root / "base.yaml").write_text("duration: 1 h\n")
    (root / ".cache" / "old.yaml").write_text("name: [broken\n")
    return root


def suites(junit: Path) -> dict[str, ElementTree.Element]:
    root = ElementTree.parse(junit).getroot()
    assert root.tag == "testsuites"
    return {suite.attrib["name"]: suite for suite in root}


def test_a_folder_means_every_named_scenario_below_it(folder: Path) -> None:
    assert list(scenario_files(folder)) == [folder / "small.yaml", folder / "deep" / "hopeless.yaml"]
    assert list(scenario_files(folder / "base.yaml")) == [folder / "base.yaml"]
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(ScenarioError, match=r"holds no scenario .*; name a scenario file"):
        list(scenario_files(empty))


def test_held_scenarios_are_a_line_each_and_exit_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([folder / "small.yaml"], seeds=3) == 0
    told = capsys.readouterr()
    *runs, last = told.out.splitlines()
    assert [line.split(":")[0] for line in runs] == [f"held        small, seed {seed}" for seed in (5, 6, 7)]
    told_of = "guarantees 14 held, 5 not applicable; 20 of 20 records delivered"
    assert all(told_of in line for line in runs)
    assert last == "3 of 3 runs held"
    assert told.err == ""


def test_what_broke_is_shown_with_evidence_and_replays(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit = tmp_path / "deep" / "junit.xml"
    assert check([folder], seeds=2, junit=junit) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == "2 of 4 runs held"
    at = next(number for number, line in enumerate(out) if line.startswith("broken      hopeless, seed 6"))
    assert out[at + 1].startswith("  freshness: age ")
    assert "vitals-" in out[at + 2]
    replay = out[at + 3].strip().removeprefix("replay: ")
    assert replay == f"twin run {folder / 'deep' / 'hopeless.yaml'} --seed 6"

    found = suites(junit)
    assert set(found) == {"small", "hopeless"}
    for name, failures in (("small", 0), ("hopeless", 2)):
        cases = found[name].findall("testcase")
        assert len({case.attrib["name"] for case in cases}) == len(cases) == 2 * ALL
        assert {case.attrib["classname"] for case in cases} == {name}
        assert found[name].attrib["tests"] == str(2 * ALL)
        assert found[name].attrib["failures"] == str(failures)
    (failed,) = [c for c in found["hopeless"] if c.get("name") == "freshness[seed=6]"]
    (failure,) = failed
    assert failure.attrib["message"] == out[at + 1].removeprefix("  freshness: ")
    assert failure.text is not None
    assert out[at + 2].strip() in failure.text
    assert f"replay: {replay}" in failure.text

    program, *words = shlex.split(replay)
    assert program == "twin"
    again = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "again"), "--no-report"])
    assert again.exit_code == 1
    assert failure.attrib["message"] in again.stdout


def test_a_bad_scenario_among_good_ones_stops_all_before_any_runs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "deep" / "worse.yaml").write_text(SHORT.replace("duration: 10 min", "duration: 10 metres"))
    junit = tmp_path / "junit.xml"
    missing = tmp_path / "missing.yaml"
    assert check([folder / "small.yaml", folder / "deep", missing], junit=junit) == 2
    told = capsys.readouterr()
    assert told.out == ""
    worse, gone = told.err.splitlines()
    assert worse.startswith("twin: duration = 10 metres: ")
    assert f"{folder / 'deep' / 'worse.yaml'}:4, duration" in worse
    assert gone.startswith(f"twin: scenario {missing}: no such file")
    assert not junit.exists()


def test_a_run_that_no_plan_can_carry_is_an_error_among_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether disks and links hold what a scenario asks for is known only once its sky is."""
    greedy = SHORT.replace("name: small", "name: greedy") + "edge: {disk: {capacity: 1 B}}\n"
    (folder / "greedy.yaml").write_text(greedy)
    junit = folder / "junit.xml"
    baseline = folder / "margins.json"
    assert check([folder / "greedy.yaml", folder / "small.yaml"], junit=junit, write_baseline=baseline) == 2
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith("held        small, seed 5")
    assert told.out.splitlines()[-1] == "1 of 1 runs held, 1 not run"
    first, second = told.err.splitlines()
    assert first.startswith("twin: storage of 1 B on edge-1: ")
    assert second == f"twin: baseline {baseline} is not written: a run did not hold"
    assert not baseline.exists()
    found = suites(junit)
    assert {name: suite.attrib["errors"] for name, suite in found.items()} == {"small": "0", "greedy": "1"}
    (case,) = found["greedy"]
    error = case.find("error")
    assert error is not None
    assert (case.attrib["name"], error.text) == ("run[seed=5]", first.removeprefix("twin: "))


def test_code_that_raises_is_an_error_with_its_trace_and_the_others_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(scenario: Any, out: Path, quiet: bool) -> Any:
        if scenario.seed == 6:
            raise KeyError("edge-7")
        return run(scenario, out, quiet)

    monkeypatch.setattr(check_module, "run", failing)
    small, junit, baseline = folder / "small.yaml", folder / "junit.xml", folder / "margins.json"
    assert check([small], seeds=3, junit=junit, write_baseline=baseline) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "2 of 2 runs held, 1 not run"
    first, *trace, replay, last = told.err.splitlines()
    assert first == "twin: small, seed 6, raised KeyError: 'edge-7'"
    assert any('raise KeyError("edge-7")' in line for line in trace)
    assert replay == f"replay: twin run {small} --seed 6"
    assert last == f"twin: baseline {baseline} is not written: a run did not hold"
    (suite,) = suites(junit).values()
    (error,) = suite.findall("testcase/error")
    assert (suite.attrib["errors"], error.attrib["type"]) == ("1", "raised")
    assert error.text is not None
    assert error.text.endswith(replay)


def test_want_of_memory_is_no_error_of_the_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **_more: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(check_module, "run", failing)
    with pytest.raises(MemoryError):
        check([folder / "small.yaml"])


def _killed(*_: Any, **_more: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_was_killed_is_said_in_a_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "run_once", _killed)
    with pytest.raises(ScenarioError, match=r"twin check: a process was killed \(--jobs\)"):
        check([folder / "small.yaml"], jobs=2)


def test_what_did_not_apply_is_skipped_in_junit(tmp_path: Path) -> None:
    bare = tmp_path / "bare.yaml"
    bare.write_text(
        """
name: bare
duration: 1 h
network:
  nodes: [S, D]
  contacts: [{from: S, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s, both_ways: true}]
traffic: [{from: S, to: D, size: 1 kB, period: 1 min, count: 3, start: 0 s}]
"""
    )
    assert check([bare], junit=tmp_path / "junit.xml") == 0
    (suite,) = suites(tmp_path / "junit.xml").values()
    skipped = {case.attrib["name"].partition("[")[0] for case in suite if case.find("skipped") is not None}
    assert {"durability", "freshness"} <= skipped
    assert suite.attrib["skipped"] == str(len(skipped))
    assert not {"no_loss", "conservation"} & skipped


def interrupted_by(ending: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the second run of a check end as `ending` says."""
    count = 0

    def second(scenario: Any, out: Path, quiet: bool) -> Any:
        nonlocal count
        count += 1
        finished = run(scenario, out, quiet)
        return finished if count == 1 else ending(finished)

    monkeypatch.setattr(check_module, "run", second)


def _raise(_: Any) -> None:
    raise KeyboardInterrupt


def _partial(finished: Any) -> Any:
    document = finished.document.model_copy(update={"interrupted": True, "verdict": "incomplete"})
    return SimpleNamespace(document=document, verdict="incomplete", guarantees=document.guarantees)


@pytest.mark.parametrize(("ending", "cases", "told"), [(_raise, ALL, 1), (_partial, 2 * ALL, 2)])
def test_ctrl_c_stops_the_check_and_keeps_what_is_known(
    ending: Any,
    cases: int,
    told: int,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupted_by(ending, monkeypatch)
    junit = tmp_path / "junit.xml"
    assert check([folder / "small.yaml"], seeds=3, junit=junit) == 130
    captured = capsys.readouterr()
    assert captured.err == "twin: interrupted\n"
    assert captured.out.splitlines()[-1] == f"1 of {told} runs held, {3 - told} not run"
    (suite,) = suites(junit).values()
    assert suite.attrib["tests"] == str(cases)
    # freshness has no bound here; in ten minutes nothing is backed up, so nothing is trimmed; and there is no alarm, no
    # adversary and no lost store
    idle = 5
    assert suite.attrib["skipped"] == str(cases - ALL + idle)


def test_a_report_that_cannot_be_written_is_bad_input(folder: Path, tmp_path: Path) -> None:
    document = run(load_scenario(folder / "small.yaml"), tmp_path / "run").document
    with pytest.raises(ScenarioError, match=r"JUnit report .*: cannot be written: .* \(--junit\); name a file"):
        write_junit([document], Path("/proc/junit.xml"))
    done = CliRunner().invoke(app, ["check", str(folder / "small.yaml"), "--junit", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"twin: JUnit report {tmp_path}: is a folder (--junit); ")
    with pytest.raises(ScenarioError, match=r"JUnit report .*: cannot be written: "):
        write_junit([document], folder / "small.yaml" / "junit.xml")


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("/proc/x.xml", "cannot be written: "),
        ("/proc/new/x.xml", "cannot be written: "),
        ("{root}/small.yaml/x.xml", "{root}/small.yaml is not a folder"),
        ("{root}/small.yaml/new/x.xml", "{root}/small.yaml is not a folder"),
        ("{root}", "is a folder"),
    ],
)
def test_a_report_that_could_not_be_written_is_refused_before_the_first_run(
    place: str, rule: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(check_module, "_runs", lambda *given: iter(ran.append(given) or ()))
    junit = place.format(root=folder)
    done = CliRunner().invoke(app, ["check", str(folder / "small.yaml"), "--junit", junit])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"twin: JUnit report {junit}: {rule.format(root=folder)}")
    assert done.stderr.endswith(" (--junit); name a file that you may write\n")
    assert ran == []


def test_an_earlier_report_stays_until_the_new_one_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    junit = folder / "junit.xml"
    junit.write_text("earlier")

    def runs(*_: Any) -> Any:
        assert (junit.read_text(), list(folder.glob(".*.partial"))) == ("earlier", [])
        return iter(())

    monkeypatch.setattr(check_module, "_runs", runs)
    assert check([folder / "small.yaml"], junit=junit) == 0
    assert suites(junit) == {}


def test_characters_that_xml_cannot_hold_are_replaced(folder: Path, tmp_path: Path) -> None:
    document = run(load_scenario(folder / "deep" / "hopeless.yaml"), tmp_path / "run").document
    odd = document.model_copy(update={"scenario": "a\x00b\x1b<&>"})
    write_junit([odd], tmp_path / "junit.xml")
    assert set(suites(tmp_path / "junit.xml")) == {"a\ufffdb\ufffd<&>"}
