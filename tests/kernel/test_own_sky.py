"""A scenario, or `twin sky`, names a kernel: all of its sky is that kernel's, and nobody else's is."""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner, Result

from twin.cli import app
from twin.experiments.own_sky import own_sky
from twin.experiments.planned import planned_contacts, raw_sights
from twin.experiments.run import run
from twin.experiments.sky_plan import antenna_use, plan_of
from twin.planning.budget_text import budget_text
from twin.planning.output import write_plan
from twin.result_schema import Document
from twin.scenario import HabitatScenario, ScenarioError, assumptions, load_scenario, parse_scenario
from twin.world import ephemeris
from twin.world.ephemeris import computed_from, in_force, owlt_down_sent_us, owlt_down_us
from twin.world.ephemeris_table import EphemerisTable, built_in
from twin.world.timescales import utc_to_us

SMALL = """\
name: small
start: 2033-03-10T10:00:00Z
duration: 20 min
seed: 5
habitat:
  site: jezero
  crew: 1
  devices:
    - {kind: vitals_monitor, per: crew, sample_period: 10 s, frame_period: 60 s}
  edge_nodes: 2
network:
  relays: [{name: mro, orbit: {like: mro-like}}]
  crosslinks: {}
  apertures: {}
"""
START_US = utc_to_us("2033-03-10T10:00:00Z")


class Refusing:
    """Stands in the place of the built-in table."""

    path = None

    @property
    def positions(self) -> NoReturn:
        """Nobody may ask."""
        raise AssertionError("the built-in table was asked for")

    velocities = positions


@pytest.fixture
def file(circles: Path, tmp_path: Path) -> Path:
    """A scenario in a folder whose neighbour holds its kernel."""
    (tmp_path / "kernels").mkdir()
    shutil.copy(circles, tmp_path / "kernels" / "circles.bsp")
    (tmp_path / "scenarios").mkdir()
    path = tmp_path / "scenarios" / "small.yaml"
    path.write_text(SMALL + "kernel: ../kernels/circles.bsp\n")
    return path


@pytest.fixture
def only_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the built-in table for a place fails."""
    monkeypatch.setattr(ephemeris, "built_in", Refusing)


def told(words: str) -> Result:
    return CliRunner().invoke(app, shlex.split(words))


def habitat(path: Path, *overrides: str) -> HabitatScenario:
    scenario = load_scenario(path, overrides)
    assert isinstance(scenario, HabitatScenario)
    return scenario


@pytest.mark.parametrize(
    "computed",
    [
        pytest.param(planned_contacts, id="planned_contacts"),
        pytest.param(plan_of, id="plan_of"),
        pytest.param(raw_sights, id="raw_sights"),
        pytest.param(antenna_use, id="antenna_use"),
        pytest.param(budget_text, id="budget_text"),
        pytest.param(lambda scenario: write_plan(scenario, None, False, None), id="table"),
        pytest.param(lambda scenario: write_plan(scenario, "--json", True, None), id="geometry"),
    ],
)
@pytest.mark.usefixtures("only_kernels")
def test_whatever_is_computed_from_a_scenario_comes_from_its_kernel(
    file: Path, computed: Callable[[HabitatScenario], object]
) -> None:
    scenario = habitat(file)
    assert computed(scenario)
    with pytest.raises(AssertionError, match="the built-in table"):
        owlt_down_us(START_US)


def test_contacts_have_the_light_time_of_their_kernel(file: Path, table: EphemerisTable) -> None:
    plain = file.with_name("plain.yaml")
    plain.write_text(SMALL)
    for path, own in ((file, table), (plain, built_in())):
        contacts = planned_contacts(habitat(path, "duration=1 sol")).between("edge-1", "earth")
        assert contacts
        for contact in contacts:
            with computed_from(own):
                light_us = owlt_down_sent_us(contact.start_us)
            assert contact.owlt_us(contact.start_us) == pytest.approx(light_us, abs=50_000), "a site is 0.03 s nearer"
            in_built_in_us = owlt_down_sent_us(contact.start_us)
            assert (abs(in_built_in_us - light_us) > 1_000_000) == (own is table), "the kernels tell apart"


def test_a_scenario_without_a_kernel_has_the_built_in_table_wherever_it_is_computed(table: EphemerisTable) -> None:
    scenario = parse_scenario(SMALL)
    alone = planned_contacts(scenario).contacts
    with computed_from(table), own_sky(scenario):
        assert in_force() is built_in()
    with computed_from(table):
        assert planned_contacts(scenario).contacts == alone
        assert in_force() is table


@pytest.mark.usefixtures("only_kernels")
def test_a_run_names_its_kernel_and_gives_one_hash_wherever_the_file_lies(
    file: Path, table: EphemerisTable, tmp_path: Path
) -> None:
    found = run(load_scenario(file), tmp_path / "first").document
    assert found.provenance.ephemeris is not None
    assert found.provenance.ephemeris.model_dump() == {"name": "circles.bsp", "sha256": table.sha256}
    elsewhere = tmp_path / "elsewhere.bsp"
    shutil.copy(tmp_path / "kernels" / "circles.bsp", elsewhere)
    again = run(load_scenario(file, [f"kernel={elsewhere}"]), tmp_path / "again").document
    assert again.trace_hash == found.trace_hash


def document_of(path: Path, folder: Path) -> Document:
    """What a run leaves; at the top of the module, so that another process finds it."""
    return run(load_scenario(path), folder).document


def test_runs_one_after_the_other_do_not_disturb_each_other_here_or_in_a_worker_of_check(
    file: Path, tmp_path: Path
) -> None:
    plain = file.with_name("plain.yaml")
    plain.write_text(SMALL)
    order = plain, file, plain
    first, other, again = (document_of(path, tmp_path / f"run-{number}") for number, path in enumerate(order))
    assert first.trace_hash == again.trace_hash != other.trace_hash
    assert first.provenance.ephemeris is not None
    assert first.provenance.ephemeris.model_dump() == {"name": "built-in DE440", "sha256": built_in().sha256}
    with ProcessPoolExecutor(1) as pool:
        found = list(pool.map(document_of, order[1:], (tmp_path / "run-3", tmp_path / "run-4")))
    assert [document.trace_hash for document in found] == [other.trace_hash, first.trace_hash]


def test_a_path_is_relative_to_the_file_that_names_it_and_to_the_shell_in_an_override(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = file.parents[1] / "kernels" / "circles.bsp"
    deep = file.parent / "deep"
    deep.mkdir()
    (deep / "over.yaml").write_text("extends: ../small.yaml\nname: over\n")
    assert habitat(deep / "over.yaml").kernel == str(kernel)
    monkeypatch.chdir(kernel.parent)
    plain = file.with_name("plain.yaml")
    plain.write_text(SMALL)
    assert habitat(plain, "kernel=circles.bsp").kernel == "circles.bsp"
    named_here, named_there = (planned_contacts(s) for s in (habitat(plain, "kernel=circles.bsp"), habitat(file)))
    assert named_here.contacts == named_there.contacts


def test_assumptions_say_where_the_sky_comes_from(file: Path) -> None:
    (named,) = (a for a in assumptions(load_scenario(file)) if a.key == "kernel")
    assert (Path(named.value_text).name, named.given) == ("circles.bsp", True)
    (default,) = (a for a in assumptions(parse_scenario(SMALL)) if a.key == "kernel")
    assert default.value_text == "the built-in table, JPL DE440 for 2010 to 2050"
    assert not default.given


def test_a_kernel_that_cannot_be_used_is_one_line_with_its_place(file: Path) -> None:
    (file.parents[1] / "kernels" / "circles.bsp").write_text("no kernel at all")
    kernel = os.path.normpath(file.parent / "../kernels/circles.bsp")
    line = f"kernel {kernel}: is no SPK file ({file}, kernel); give the path of an SPK file such as de440.bsp"
    with pytest.raises(ScenarioError) as refusal:
        planned_contacts(load_scenario(file))
    assert str(refusal.value) == line
    for words in (f"contacts {file}", f"run {file} --out {file.parent / 'out'}", f"check {file}"):
        result = told(words)
        assert (result.exit_code, result.stderr) == (2, f"twin: {line}\n"), words
    assert not (file.parent / "out").exists()


def test_a_habitat_alone_has_a_sky(circles: Path) -> None:
    bare = (
        "name: chain\nduration: 1 h\nkernel: x.bsp\nnetwork:\n  nodes: [S, D]\n  contacts:\n"
        "    - {from: S, to: D, start: 0 s, end: 30 min, rate: 1 Mbit/s, owlt: 600 s}\n"
        "traffic: [{from: S, to: D, size: 10 kB, period: 10 s, count: 2}]\n"
    )
    with pytest.raises(ScenarioError, match=r"^kernel: unknown key"):
        parse_scenario(bare)
    with pytest.raises(ScenarioError, match=r"^kernel: must be text .*, kernel\); write a word"):
        parse_scenario(f"{SMALL}kernel: [{circles}]\n")


def test_twin_sky_answers_from_the_kernel_and_says_so(circles: Path, table: EphemerisTable) -> None:
    for words in ("--at 2033-03-10T10:00:00Z --json", "--site jezero --from 2033-03-10 --sols 1 --json"):
        plain, other = told(f"sky {words}"), told(f"sky {words} --kernel {circles}")
        assert (plain.exit_code, plain.stderr, other.exit_code) == (0, "", 0)
        assert other.stderr == (
            f"twin: Earth, Mars and Sun are those of circles.bsp, coefficients sha256 {table.sha256}\n"
        )
        assert json.loads(plain.stdout) != json.loads(other.stdout)
    with computed_from(table):
        light_us = owlt_down_us(START_US)
    (row,) = json.loads(told(f"sky --at 2033-03-10T10:00:00Z --json --kernel {circles}").stdout)
    assert row["owlt_down_s"] == light_us / 1e6


def test_twin_sky_refuses_a_kernel_in_one_line(tmp_path: Path) -> None:
    result = told(f"sky --at 2033-03-10 --kernel {tmp_path}/none.bsp")
    line = (
        f"twin: kernel {tmp_path}/none.bsp: is not there (--kernel); give the path of an SPK file such as de440.bsp\n"
    )
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)
