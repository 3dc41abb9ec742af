"""The command line: exit codes, one line for bad input, and what each verb hands on."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from twin.cli import app
from twin.report import render
from twin.scenario import json_schema
from twin.world.mars import Site
from twin.world.sky import describe_sky
from twin.world.timescales import utc_to_us

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FIRST_LIGHT = str(SCENARIOS / "first-light.yaml")


def twin(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=stdin)


def refusal(*words: str, stdin: str = "") -> str:
    """The one line on stderr of a command that ends with 2."""
    result = twin(*words, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.rstrip("\n")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """Replaces the run by a recorder; the exit code is 1."""
    seen: list[tuple[Any, dict[str, Any]]] = []

    def run(scenario: Any, **options: Any) -> SimpleNamespace:
        seen.append((scenario, options))
        return SimpleNamespace(exit_code=1)

    monkeypatch.setitem(sys.modules, "twin.experiments.run", SimpleNamespace(run=run))
    return seen


def test_help_takes_half_a_second_of_a_processor() -> None:
    def spent_s() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    def once_s() -> float:
        began_s = spent_s()
        done = subprocess.run(
            [sys.executable, "-c", "from twin.cli import main; main()", "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "sky" in done.stdout
        return spent_s() - began_s

    assert min(once_s() for _ in range(3)) < 0.5


def test_run_hands_on_the_scenario_and_its_options(runs: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    result = twin(
        "run", FIRST_LIGHT, "--seed", "3", "--set", "faults.0.at=3 h", "--set", "duration=2 sol",
        "--out", str(out), "--no-report", "--quiet",
    )  # fmt: skip
    assert result.exit_code == 1
    ((scenario, options),) = runs
    assert (scenario.seed, scenario.faults[0].at_us, scenario.duration_us) == (
        3,
        10_800_000_000,
        177_550_488_000,
    )
    assert options == {"out": out, "quiet": True, "render": None}
    assert not out.exists(), "the command line itself writes nothing"


def test_run_defaults_to_a_folder_named_after_the_scenario(runs: list[Any]) -> None:
    twin("run", FIRST_LIGHT)
    ((_, options),) = runs
    assert options == {"out": Path("reports/first-light"), "quiet": False, "render": render}


def test_bad_input_is_one_line_and_exit_code_2(runs: list[Any], tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert refusal("run", str(missing)) == (
        f"twin: scenario {missing}: no such file ({missing}); give the path of a scenario file"
    )
    assert refusal("run", FIRST_LIGHT, "--set", "seed=x").startswith(
        "twin: seed = x: must be a whole number (--set seed=x, seed); "
    )
    assert refusal("run", FIRST_LIGHT, "--seed", "-1").startswith("twin: seed -1: lies from 0 to ")
    assert runs == []


def test_an_output_that_is_no_folder_is_refused_before_the_run(runs: list[Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = refusal("run", FIRST_LIGHT, "--out", str(tmp_path / "file" / "x"))
    assert line == (
        f"twin: output {tmp_path / 'file' / 'x'}: {tmp_path / 'file'} is not a folder (--out); "
        "choose a folder that you can write to"
    )
    assert runs == []


def test_an_output_that_cannot_be_written_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: Any, out: Path, **__: Any) -> None:
        out.mkdir(parents=True)

    monkeypatch.setitem(sys.modules, "twin.experiments.run", SimpleNamespace(run=run))
    assert refusal("run", FIRST_LIGHT, "--out", "/proc/twin/run").startswith("twin: output /proc/twin/run: ")


def test_an_error_of_the_program_is_not_called_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        Path("/none/of/our/files").read_text()

    monkeypatch.setitem(sys.modules, "twin.experiments.run", SimpleNamespace(run=run))
    assert isinstance(twin("run", FIRST_LIGHT).exception, FileNotFoundError)


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "twin.experiments.run", SimpleNamespace(run=run))
    result = twin("run", FIRST_LIGHT)
    assert (result.exit_code, result.stderr) == (130, "twin: interrupted\n")


def test_check_hands_on_its_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []

    def check(*arguments: Any) -> int:
        seen.append(arguments)
        return 0

    monkeypatch.setitem(sys.modules, "twin.experiments.check", SimpleNamespace(check=check))
    junit = tmp_path / "junit.xml"
    assert twin("check", "a.yaml", "b", "--seeds", "5", "--junit", str(junit)).exit_code == 0
    assert twin("check", "a.yaml", "--jobs", "2").exit_code == 0
    assert seen == [([Path("a.yaml"), Path("b")], 5, junit, 1, None, None), ([Path("a.yaml")], 1, None, 2, None, None)]


def test_report_of_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert refusal("report", str(tmp_path)) == (
        f"twin: run {tmp_path}: holds no result.json ({tmp_path}); give a run's folder"
    )


def test_schema_prints_the_schema() -> None:
    result = twin("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json_schema()


def test_sky_prints_an_array_in_input_order() -> None:
    late, early = "2040-01-01T00:00:00Z", "2033-03-10 00:00"
    result = twin("sky", "--at", late, "--at", "-", "--at", "2030-01-01", "--json", stdin=f"\n{early}\n")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [row["utc"][:10] for row in rows] == ["2040-01-01", "2033-03-10", "2030-01-01"]
    assert rows[1] == describe_sky(utc_to_us("2033-03-10T00:00:00Z"))
    assert rows[1]["lmst_h"] is None


def test_sky_of_one_instant_is_an_array_too() -> None:
    assert len(json.loads(twin("sky", "--at", "2030-01-01", "--json").stdout)) == 1
    assert json.loads(twin("sky", "--at", "-", "--json", stdin="").stdout) == []


def test_sky_at_a_site_tells_its_local_time() -> None:
    (row,) = json.loads(twin("sky", "--at", "2033-03-10T13:56:24", "--site", "jezero", "--json").stdout)
    assert row == describe_sky(utc_to_us("2033-03-10T13:56:24"), Site("jezero", 18.4447, 77.4508))
    assert row["earth_elevation_deg"] == pytest.approx(73.5548, abs=0.02)


def test_sky_without_json_is_a_table_for_people() -> None:
    lines = twin("sky", "--at", "2033-03-10", "--site", "jezero").stdout.splitlines()
    assert lines[0].split() == ["utc", "2033-03-10T00:00:00.000Z"]
    assert any(line.startswith("owlt_down_s") for line in lines)


@pytest.mark.parametrize(
    ("words", "stdin", "line"),
    [
        (
            ["--at", "2060-01-01"],
            "",
            "twin: instant 2060-01-01: 2060-01-01T00:00:00.000Z is outside the ephemeris",
        ),
        (["--at", "2009-12-31T23:59:59"], "", "twin: instant 2009-12-31T23:59:59: "),
        (["--at", "tomorrow"], "", "twin: instant tomorrow: "),
        (["--at", "-"], "2033-01-01\n\nnever\n", "twin: instant never: "),
        (
            ["--at", "2033-01-01", "--site", "jezro"],
            "",
            "twin: site jezro: unknown site (--site); ",
        ),
    ],
)
def test_sky_refuses_what_it_cannot_answer(words: list[str], stdin: str, line: str) -> None:
    said = refusal("sky", "--json", *words, stdin=stdin)
    assert said.startswith(line)
    assert ("stdin:3" in said) == bool(stdin)
