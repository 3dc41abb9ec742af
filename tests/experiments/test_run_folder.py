"""What a run does to its folder when it fails, and when Ctrl-C comes: all or nothing, and an earlier run stays."""

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flights import SMALL

import twin.experiments.run as run_module
from twin.experiments.interrupt import Interrupt
from twin.experiments.run import run
from twin.report import render
from twin.scenario import ScenarioError, parse_scenario

SHORT = SMALL[: SMALL.index("guarantees:")].replace("duration: 1 h", "duration: 5 min")


class PlannedError(Exception):
    """A fault of the program, for once on purpose."""


def then(first: Callable[..., Any], second: Callable[[], None]) -> Callable[..., Any]:
    def both(*arguments: Any) -> Any:
        done = first(*arguments)
        second()
        return done

    return both


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def fail() -> None:
    raise PlannedError


def seed_in(folder: Path) -> int:
    return int(json.loads((folder / "result.json").read_text())["seed"])


def test_a_run_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run_module, "write_result", then(run_module.write_result, fail))
    with pytest.raises(PlannedError):
        run(parse_scenario(SHORT), tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_leaves_an_earlier_run_as_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(parse_scenario(SHORT), tmp_path / "run")
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    monkeypatch.setattr(run_module, "write_result", then(run_module.write_result, fail))
    with pytest.raises(PlannedError):
        run(parse_scenario(SHORT.replace("seed: 5", "seed: 6")), tmp_path / "run")
    assert seed_in(tmp_path / "run") == 5
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("moved", [(), ("earth.sqlite", "report.html")])
def test_what_a_killed_run_left_is_in_nobody_s_way(moved: tuple[str, ...], tmp_path: Path) -> None:
    """Nor is a run that was killed while it took the place of an earlier one."""
    (tmp_path / "run" / ".partial" / "tables").mkdir(parents=True)
    for name in moved:
        (tmp_path / "run" / name).write_text("whole")
    run(parse_scenario(SHORT), tmp_path / "run")
    assert seed_in(tmp_path / "run") == 5
    assert not (tmp_path / "run" / ".partial").exists()


def test_a_folder_of_something_else_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("dear reader")
    with pytest.raises(ScenarioError) as refused:
        run(parse_scenario(SHORT), tmp_path)
    assert str(refused.value) == (
        f"output {tmp_path}: a run's folder must be new, empty or an earlier run's (--out); name another folder"
    )


def test_ctrl_c_before_the_first_event_leaves_an_empty_but_whole_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_module, "prepare", then(run_module.prepare, ctrl_c))
    result = run(parse_scenario(SHORT), tmp_path / "run", render=render)
    document = result.document
    assert (document.verdict, document.interrupted, result.exit_code) == ("incomplete", True, 130)
    assert document.sim_s == 0
    assert document.records.accepted == 0
    assert all(guarantee.verdict != "broken" for guarantee in document.guarantees)
    assert "Interrupted." in (tmp_path / "run" / "report.html").read_text()


def test_ctrl_c_while_results_are_written_waits_until_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run_module, "write_result", then(run_module.write_result, ctrl_c))
    with pytest.raises(KeyboardInterrupt):
        run(parse_scenario(SHORT), tmp_path / "run")
    document = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (document["verdict"], document["interrupted"]) == ("held", False)


def test_a_second_ctrl_c_does_not_wait(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run_module, "prepare", then(run_module.prepare, ctrl_c))
    monkeypatch.setattr(run_module, "write_result", then(run_module.write_result, ctrl_c))
    with pytest.raises(KeyboardInterrupt):
        run(parse_scenario(SHORT), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_python_s_own_again_after_a_run(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    run(parse_scenario(SHORT), tmp_path / "run")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_in_another_thread_leaves_signals_alone() -> None:
    """Python lets only the main thread handle signals."""
    before = signal.getsignal(signal.SIGINT)
    seen: list[Any] = []

    def body() -> None:
        with Interrupt() as interrupt:
            seen.append((interrupt.noted, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_folder_whose_result_is_nested_by_the_thousand_is_not_taken_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("[" * 100_000)
    with pytest.raises(ScenarioError, match="must be new, empty or an earlier run's"):
        run(parse_scenario(SHORT), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
