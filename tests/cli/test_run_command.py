"""`twin run` and `twin report` as a shell sees them: what they print where, what they leave, how they end."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from small_scenario import SMALL
from typer.testing import CliRunner

from twin.cli import app

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TWIN = (sys.executable, "-m", "twin")
IMPOSSIBLE = "guarantees=[{freshness: {bound: owlt + 1 s}}]"
LEAVES = {"result.json", "report.html", "tables", "earth.sqlite", "earth-backup.sqlite", "registry.json", "mars"}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def twin(*words: str | Path) -> Done:
    """A command within this process; what it raises is raised here."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return Done(done.exit_code, done.stdout, done.stderr)


def shell(*words: str | Path, cwd: Path | None = None) -> Done:
    """A command in a process of its own, its output piped."""
    done = subprocess.run([*TWIN, *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def result(folder: Path) -> dict[str, Any]:
    loaded = json.loads((folder / "result.json").read_text())
    assert isinstance(loaded, dict)
    return loaded


def refusal(done: Done) -> str:
    """The one line of a command that refused."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("twin: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    return done.stderr.removeprefix("twin: ").rstrip("\n")


def test_a_run_tells_each_verdict_and_where_the_report_is(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = shell("run", small, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    *verdicts, last, where = done.stdout.splitlines()
    keys = [guarantee["key"] for guarantee in result(out)["guarantees"]]
    assert [line.split()[0] for line in verdicts] == keys
    told = {line.split()[0]: line.split()[1] for line in verdicts}
    assert set(told.values()) == {"held", "not"}
    # Nothing is backed up within twenty minutes, so nothing may be trimmed yet; nobody is ill, forges or loses a table.
    idle = ["freshness", "alert_latency", "safe_trim", "recovery", "anti_replay"]
    assert sorted(key for key, word in told.items() if word == "not") == sorted(idle)
    assert last.startswith("small, seed 5: held, 40 of 40 records delivered, ")
    assert where == f"report: {out / 'report.html'}"
    assert names(out) == LEAVES


def test_quiet_prints_nothing_and_no_report_writes_none(small: Path, tmp_path: Path) -> None:
    done = twin("run", small, "--out", tmp_path / "out", "--quiet", "--no-report")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert names(tmp_path / "out") == LEAVES - {"report.html"}


def test_on_a_terminal_a_bar_shows_the_simulated_date_and_the_speed(small: Path, tmp_path: Path) -> None:
    ours, its = pty.openpty()
    words = [*TWIN, "run", str(small), "--out", str(tmp_path / "out"), "--no-report"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=its, text=True)
    os.close(its)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    stdout, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    frames = shown.decode().split("\r")
    assert any(re.search(r"running 2033-03-10 10:1\d UTC +\d+%.* simulated s per s", frame) for frame in frames)
    assert any("draining 2033-03-10 10:" in frame for frame in frames)
    assert frames[-2].strip() == frames[-1].strip() == "", "the bar wipes itself away"
    assert "UTC" not in stdout


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # on Linux, the other side has been closed
        return b""


def test_without_out_a_run_goes_to_reports(small: Path, tmp_path: Path) -> None:
    done = shell("run", small, "--no-report", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "result: reports/small/result.json"
    assert (tmp_path / "reports" / "small" / "result.json").is_file()


def test_a_second_run_replaces_the_first_and_nothing_else(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert twin("run", small, "--out", out, "--quiet").returncode == 0
    (out / "notes.txt").write_text("mine")
    assert twin("run", small, "--seed", "6", "--out", out, "--no-report", "--quiet").returncode == 0
    assert result(out)["seed"] == 6
    assert names(out) == (LEAVES - {"report.html"}) | {"notes.txt"}


def test_a_broken_run_shows_evidence_and_a_command_that_breaks_again(small: Path, tmp_path: Path) -> None:
    first = twin("run", small, "--seed", "8", "--set", IMPOSSIBLE, "--out", tmp_path / "out", "--no-report")
    assert (first.returncode, first.stderr) == (1, "")
    broken = next(g for g in result(tmp_path / "out")["guarantees"] if g["verdict"] == "broken")
    assert broken["key"] == "freshness"
    evidence = broken["evidence"]
    lines = [line.strip() for line in first.stdout.splitlines()]
    at = next(number for number, line in enumerate(lines) if line.startswith("freshness "))
    assert "BROKEN" in lines[at]
    assert lines[at + 1] == evidence["what"]
    for part in (evidence["record"], evidence["at_utc"], evidence["where"], "vitals-"):
        assert part in lines[at + 2]
    assert lines[at + 3] == f"replay: {evidence['replay']}"
    assert evidence["replay"].startswith(f"twin run {small} --seed 8 --set ")

    program, *words = shlex.split(evidence["replay"])
    assert program == "twin"
    again = twin(*words, "--out", tmp_path / "again", "--no-report")
    assert again.returncode == 1
    replayed, original = result(tmp_path / "again"), result(tmp_path / "out")
    assert replayed["trace_hash"] == original["trace_hash"]
    assert replayed["guarantees"] == original["guarantees"]


def test_ctrl_c_leaves_a_partial_result_that_says_so(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert twin("run", small, "--out", out, "--no-report", "--quiet").returncode == 0
    settings = ["--set", "start=2033-03-10T08:00:00Z", "--set", "duration=5 sol"]
    words = [*TWIN, "run", str(SCENARIOS / "first-light.yaml"), *settings, "--out", str(out)]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Rows on Earth first come when Earth rises, twenty simulated minutes after this start.
    deadline_s = time.monotonic() + 60
    store = out / ".partial" / "earth.sqlite"
    while not (store.is_file() and store.stat().st_size > 200_000):
        assert running.poll() is None
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in stderr
    found = result(out)
    assert (found["scenario"], found["verdict"], found["interrupted"]) == ("first-light", "incomplete", True)
    assert 0 < found["sim_s"] < 5 * 88_775
    assert found["counts"]["rows"] > 0
    assert not [g for g in found["guarantees"] if g["verdict"] == "broken"]
    records, copies = found["records"], found["counts"]["transmissions"]
    assert records["accepted"] == records["delivered"] + records["lost"] + records["in_flight"]
    assert copies["sent"] == copies["delivered"] + copies["lost"] + copies["in_flight"]
    assert f"interrupted at {found['end_utc']}" in stdout
    assert "seed 7: incomplete" in stdout
    assert names(out) == LEAVES
    page = (out / "report.html").read_text()
    assert "Interrupted." in page
    (out / "report.html").unlink()
    assert twin("report", out).returncode == 0
    assert (out / "report.html").read_text() == page


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda out: out.write_text("a file"), "is not a folder"),
        (lambda out: (out.mkdir(), (out / "thesis.tex").write_text("dear")), "must be new, empty or an earlier"),
        (lambda out: (out.mkdir(), (out / "result.json").write_text("[]")), "must be new, empty or an earlier"),
        (lambda out: (out.mkdir(), (out / "result.json").write_text("}")), "must be new, empty or an earlier"),
    ],
    ids=["a file", "a folder of something else", "another program's result", "no result at all"],
)
def test_an_output_that_belongs_to_something_else_is_left_alone(
    make: Any, why: str, small: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make(out)

    def state() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in out.iterdir()} if out.is_dir() else {"": b""}

    before = state()
    line = refusal(twin("run", small, "--out", out))
    assert line.startswith(f"output {out}: ")
    assert why in line
    assert "(--out); " in line
    assert state() == before
    assert names(tmp_path) == {"small.yaml", "out"}


def test_an_output_that_cannot_be_written_is_refused(small: Path, tmp_path: Path) -> None:
    assert refusal(shell("run", small, "--out", "/proc/twin/run")).startswith("output /proc/twin/run: ")
    assert names(tmp_path) == {"small.yaml"}


def test_a_missing_scenario_is_refused_and_nothing_written(tmp_path: Path) -> None:
    line = refusal(twin("run", tmp_path / "none.yaml", "--out", tmp_path / "out"))
    assert line.startswith(f"scenario {tmp_path / 'none.yaml'}: no such file")
    assert names(tmp_path) == set()


def test_report_of_no_run_is_refused(tmp_path: Path) -> None:
    assert "holds no result.json" in refusal(twin("report", tmp_path))
    (tmp_path / "result.json").write_text('{"schema": "mars-iomt-twin/result/2", "verdict": NaN}')
    assert refusal(twin("report", tmp_path)).startswith(f"{tmp_path / 'result.json'}: not valid JSON")
    (tmp_path / "result.json").write_text('{"schema": "mars-iomt-twin/result/2"}')
    assert refusal(twin("report", tmp_path)).endswith("; run the scenario again")
    assert names(tmp_path) == {"result.json"}


def test_the_package_runs_as_a_module_too() -> None:
    done = shell("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"run", "check", "report", "schema", "sky"} <= set(done.stdout.split())
