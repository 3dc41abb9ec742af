"""What a campaign does where this computer, or the scenario, does not let it go on: nothing false is found or lost."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import small
import yaml

from twin.experiments.mission import Roles
from twin.hunt import campaign, trial
from twin.hunt.campaign import Tried, hunt, told
from twin.hunt.case import Case
from twin.hunt.findings import open_findings
from twin.hunt.trial import RAISED, Broken
from twin.pipeline.machine import Effect, Event
from twin.pipeline.nodes.gateway import Gateway
from twin.scenario import Scenario, ScenarioError, load_scenario, read_plain, scenario_of
from twin.scenario.model import SEED_MAX

PLANTED = Roles(device=small.BeginsAnew)
RECORDED = small.TEXT.replace("5 min}", "5 min, replay: [{crew: 1, path: one.csv}]}")
RECORDING = "time [s],heart_rate_bpm [/min]\n" + "".join(f"{60 * minute},{70 + minute}\n" for minute in range(41))


def recorded(folder: Path) -> Path:
    folder.mkdir()
    (folder / "one.csv").write_text(RECORDING)
    return small.scenario_file(folder, RECORDED)


def test_a_scenario_that_names_files_is_hunted_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    tally = hunt(Path("scenarios", "small.yaml"), (), Path("out"), seeds=3, roles=PLANTED)
    assert tally.findings.found
    assert all(found.confirmed for found in tally.findings.found)
    drawn = load_scenario(Path("out", f"seed-{tally.findings.found[0].seed}.yaml"))
    assert str(tmp_path / "scenarios" / "one.csv") in drawn.model_dump_json()


def test_a_file_named_by_an_override_stands_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded(tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    document = read_plain(path, ["habitat.devices.0.replay.0.path=scenarios/one.csv"])
    assert document["habitat"]["devices"][0]["replay"][0]["path"] == str(tmp_path / "scenarios" / "one.csv")


def test_a_campaign_over_other_contents_of_a_file_is_another_one(tmp_path: Path) -> None:
    path = recorded(tmp_path / "scenarios")
    open_findings(tmp_path / "out", load_scenario(path))
    open_findings(tmp_path / "out", load_scenario(path))
    (tmp_path / "scenarios" / "one.csv").write_text(RECORDING.replace(",71\n", ",72\n"))
    with pytest.raises(ScenarioError, match="holds a campaign of another scenario"):
        open_findings(tmp_path / "out", load_scenario(path))
    (tmp_path / "scenarios" / "one.csv").unlink()
    with pytest.raises(ScenarioError, match=r"one\.csv: cannot be read: no such file"):
        open_findings(tmp_path / "out", load_scenario(path))


def sqlite_full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.mark.parametrize("error", [sqlite_full(), OSError(errno.ENOSPC, "full"), MemoryError()], ids=repr)
def test_a_computer_that_bears_no_more_is_no_find(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise error

    path, out = small.scenario_file(tmp_path), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(trial, "drive", refuse)
        said = "no memory is left" if isinstance(error, MemoryError) else "no space left on device .TMPDIR"
        with pytest.raises(ScenarioError, match=f"{said}.*and hunt on with the same command"):
            hunt(path, (), out, seeds=2)
    tally = hunt(path, (), out, seeds=2)
    assert (tally.findings.done, tally.tried, tally.findings.found) == (2, 2, [])


class MissesAFile(Gateway):
    """A gateway that looks for a file that is not there."""

    def handle(self, _event: Event, _now_us: int) -> list[Effect]:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "somewhere")


class Killed(Gateway):
    """A gateway whose process takes so much memory that the system kills it."""

    def handle(self, _event: Event, _now_us: int) -> list[Effect]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []


def test_an_error_of_the_system_that_the_code_under_test_raises_is_a_find(tmp_path: Path) -> None:
    broken = trial.trial(Case(read_plain(small.scenario_file(tmp_path))), Roles(gateway=MissesAFile))
    assert broken is not None
    assert broken.statement == RAISED


def test_a_process_that_was_killed_is_no_find(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"campaign: a process was killed .--jobs.; give it more memory"):
        hunt(small.scenario_file(tmp_path), (), tmp_path / "out", seeds=2, jobs=2, roles=Roles(gateway=Killed))


def test_processes_of_a_killed_campaign_end_with_it(tmp_path: Path) -> None:
    """They hold its standard output, which whoever reads it sees end when the last of them is gone."""
    with campaign_of_two_processes(tmp_path) as running:
        running.kill()
        running.communicate(timeout=30)


def test_a_campaign_that_is_told_to_end_leaves_what_it_did_and_nothing_else(tmp_path: Path) -> None:
    """As a CI tells it that cancels a job."""
    (tmp_path / "temporary").mkdir()
    with campaign_of_two_processes(tmp_path, TMPDIR=str(tmp_path / "temporary")) as running:
        running.terminate()
        said, _ = running.communicate(timeout=60)
        assert running.returncode == 130
    assert said.endswith("twin: interrupted\n")
    assert "Traceback" not in said
    assert json.loads(state(tmp_path / "out"))["done"] > 0
    assert list((tmp_path / "temporary").iterdir()) == []


@contextmanager
def campaign_of_two_processes(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """One that has done a seed, and has more to do than anyone waits for."""
    path, out = small.scenario_file(folder), folder / "out"
    words = [sys.executable, "-m", "twin", "hunt", str(path), "--time", "10 min", "--jobs", "2", "--out", str(out)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    ) as running:
        try:
            deadline = time.monotonic() + 60
            while '"done": 0' in (text := state(out)) or not text:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield running
        finally:
            running.kill()  # or a test that fails waits ten minutes for it


def state(out: Path) -> str:
    path = out / "campaign.json"
    return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.mark.parametrize(("number", "said"), [
    (errno.EACCES, "permission denied (--out); make it writable, and hunt on"),
    (errno.ENOSPC, "no space left on device (--out); make room there, and hunt on"),
])  # fmt: skip
def test_what_to_do_is_said_by_why_a_finding_cannot_be_written(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ScenarioError) as refused:
        hunt(small.scenario_file(tmp_path), (), tmp_path / "out", seeds=1)
    assert said in str(refused.value)


def until_stopped(case: Case, broken: Broken | None, seed: int) -> Tried:
    """Seed 0 is done at once; another is tried until the campaign is stopped, or half a minute long."""
    begun = time.monotonic()
    while seed and time.monotonic() - begun < 30:
        if campaign._stop is not None and campaign._stop.is_set():
            break
        time.sleep(0.05)
    return Tried(seed, case, broken, case, 0)


def test_a_campaign_that_ends_early_does_not_wait_for_runs_that_nobody_wants_any_more() -> None:
    begun = time.monotonic()
    results = campaign._tried(partial(until_stopped, Case(small.DOCUMENT), None), count(), 2, None)
    assert next(results).seed == 0
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 20


def test_a_stopped_process_begins_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class IsSet:
        @staticmethod
        def is_set() -> bool:
            return True

    monkeypatch.setattr(campaign, "_stop", IsSet)
    with pytest.raises(KeyboardInterrupt):
        campaign._unless_stopped(Case(small.DOCUMENT), None)


def test_a_draw_that_no_plan_can_carry_is_passed_over_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its disks and links hold what a scenario asks for is known only once its sky is."""
    path = small.scenario_file(tmp_path)

    def greedy(document: dict[str, object], _scenario: Scenario, seed: int) -> Case:
        more = {"edge": {"disk": {"capacity": "1 B"}}} if seed == 14 else {}
        return Case({**document, "seed": seed, **more})

    runs: list[int] = []

    def counted(case: Case, roles: Roles | None = None) -> Broken | None:
        runs.append(case.seed)
        return trial.trial(case, roles)

    with monkeypatch.context() as patched:
        patched.setattr(campaign, "draw", greedy)
        patched.setattr(campaign, "trial", counted)
        tally = hunt(path, (), tmp_path / "out", seeds=2)
    assert (tally.findings.done, list(tally.findings.refused), tally.findings.found) == (2, [14], [])
    assert runs == [13, 14]  # nothing is run to learn that the scenario itself can be
    line = told(tally)[0]
    assert line.startswith("1 of the seeds drew what cannot be run, e.g. seed 14: storage of 1 B on edge-")
    assert open_findings(tmp_path / "out", load_scenario(path)).refused == tally.findings.refused


def test_a_scenario_that_no_plan_can_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="storage of 1 B"):
        hunt(small.scenario_file(tmp_path), ("edge.disk.capacity=1 B",), tmp_path / "out", seeds=2)


def test_seeds_beyond_the_largest_are_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"the last of 2 seeds .* lies above"):
        hunt(small.scenario_file(tmp_path), (f"seed={SEED_MAX}",), tmp_path / "out", seeds=2)
    assert not (tmp_path / "out").exists()


def test_one_exception_is_not_like_another() -> None:
    one = Broken(RAISED, "KeyError: 'a'", where="edge.py:7 in handle")
    assert one.is_like(one._replace(what="KeyError: 'b'"))
    assert not one.is_like(one._replace(what="ValueError: 'a'"))
    assert not one.is_like(one._replace(where="disk.py:7 in build"))
    assert not one.is_like(None)
    assert not one.is_like(Broken("no_loss", one.what, where=one.where))


def test_a_message_of_several_lines_leaves_a_case_that_can_be_read(tmp_path: Path) -> None:
    path = small.scenario_file(tmp_path)
    findings = open_findings(tmp_path / "out", load_scenario(path))
    case = Case({**read_plain(path), "seed": 5})
    kept = findings.write_drawn(case, Broken(RAISED, "ValueError: one\n- two: [\nthree"))
    assert yaml.safe_load(kept.read_text())["seed"] == 5
    assert scenario_of(read_plain(kept), "kept").seed == 5
