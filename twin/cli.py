"""The command line: one verb, one short function.

Exit codes: 0 every guarantee held, 1 one is broken, 2 bad input (one line on stderr), 130 interrupted, by
Ctrl-C or by SIGTERM. A verb imports what it needs when it runs, so that help answers at once. Results go to
stdout; stderr is for errors and, on a terminal, for the progress bar.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

if TYPE_CHECKING:
    from twin.scenario.errors import ScenarioError

BROKEN: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
_WRITABLE: Final = "choose a folder that you can write to"
# typer gives this base of its public error no name of its own
_UsageError = cast(type[typer.BadParameter], typer.BadParameter.__base__)

app = typer.Typer(
    name="twin",
    help="Will the data that leaves a patient on Mars be on Earth, whole, once, in order and in time?",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Entry point of the `twin` command; a usage error is one line, as all bad input is."""
    # A CI that cancels a job, or `timeout`, asks for an end in order as well: written, said, nothing left behind.
    signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        code = app(prog_name="twin", standalone_mode=False)
    except _UsageError as error:
        # to no words at all the answer is the help
        typer.echo(f"twin: {_usage(error)}" if sys.argv[1:] else error.format_message(), err=True)
        code = BAD_INPUT
    raise SystemExit(code)


def _usage(error: typer.BadParameter) -> str:
    said = " ".join(error.format_message().split()).rstrip(".")
    verb_path = "twin" if error.ctx is None else error.ctx.command_path
    return f"{said[:1].lower()}{said[1:]}; see `{verb_path} --help`"


def verb(function: Callable[..., int]) -> Callable[..., int]:
    """Make a function a verb: its result is the exit code, bad input is one line, an interrupt is quiet."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> int:
        # Imported here: help and usage errors need no scenario.
        from twin.scenario.errors import ScenarioError

        try:
            code = function(*args, **kwargs)
        except ScenarioError as error:
            from twin.verify.store import BrokenStoreError

            typer.echo(f"twin: {error}", err=True)
            code = BROKEN if isinstance(error, BrokenStoreError) else BAD_INPUT
        except KeyboardInterrupt:
            typer.echo("twin: interrupted", err=True)
            code = INTERRUPTED
        raise typer.Exit(code)

    app.command()(guarded)
    return function


@verb
def run(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file.")],
    seed: Annotated[int | None, typer.Option(help="Replaces the scenario's seed.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="Override a key, e.g. faults.0.at='3 h'.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's own folder; default reports/<name>.")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Run one scenario and judge its guarantees."""
    from twin.scenario import load_scenario

    loaded = load_scenario(scenario, overrides or (), seed)
    folder = out if out is not None else Path("reports") / loaded.name
    _refuse_unwritable(folder)
    from twin.experiments.run import run as run_scenario
    from twin.report import render

    try:
        result = run_scenario(loaded, out=folder, quiet=quiet, render=render if report else None)
    except OSError as error:
        if not _concerns(folder, error):
            raise
        raise _unwritable(folder, error) from error
    if not quiet:
        from twin.result_text import summary

        typer.echo(summary(result, report))
    return result.exit_code


@verb
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Scenario files, or folders of them.")],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per scenario, counted up from its own.")] = 1,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report to this file.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that run at the same time.")] = 1,
    against: Annotated[
        Path | None, typer.Option(metavar="BASELINE", help="Margins that must not be lost: a file of --write-baseline.")
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Of a margin in the baseline that may be lost; default 5 %.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the margins of these runs, if all held.")
    ] = None,
) -> int:
    """Run scenarios as tests.

    Exit codes: 0 every run held and lost no margin, 1 one did not, 2 bad input.
    """
    from twin.experiments.against import Against
    from twin.experiments.check import check as check_scenarios
    from twin.margins.baseline import read_baseline
    from twin.margins.tolerance import DEFAULT, tolerance_ppm
    from twin.scenario.errors import ScenarioError

    if against is None and tolerance is not None:
        rule = "without a baseline there is no margin to lose"
        raise ScenarioError(f"tolerance {tolerance}", rule, "--tolerance", "give --against BASELINE")
    baseline = None
    if against is not None:
        baseline = Against(read_baseline(against), against, tolerance_ppm(DEFAULT if tolerance is None else tolerance))
    return check_scenarios(paths, seeds, junit, jobs, baseline, write_baseline)


@verb
def diff(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="Folder that the earlier run left.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Folder that the later run left.")],
    tolerance: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Of an earlier margin that may be lost; default 5 %.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Say which guarantee lost margin from one run to another, how much and from what.

    Exit codes: 0 nothing lost, 1 a guarantee broke, is not checked any more or lost more than the tolerance, 2 bad
    input.
    """
    from twin.margins.run_diff import RunDiff, as_document, as_text
    from twin.margins.tolerance import DEFAULT, tolerance_ppm
    from twin.result import Result, ResultError

    try:
        compared = RunDiff(
            Result.load(run_a), Result.load(run_b), tolerance_ppm(DEFAULT if tolerance is None else tolerance)
        )
    except ResultError as error:
        typer.echo(f"twin: {error}", err=True)
        return BAD_INPUT
    typer.echo(json.dumps(as_document(compared), indent=1) if as_json else as_text(compared))
    return BROKEN if compared.losses else 0


@verb
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder that a run left.")],
) -> int:
    """Render the report of a finished run again."""
    from twin.scenario.errors import ScenarioError

    if not (run_dir / "result.json").is_file():
        raise ScenarioError(f"run {run_dir}", "holds no result.json", str(run_dir), "give a run's folder")
    from twin.report import render
    from twin.result import ResultError

    try:
        typer.echo(render(run_dir))
    except ResultError as error:
        typer.echo(f"twin: {error}", err=True)
        return BAD_INPUT
    except OSError as error:
        if not _concerns(run_dir, error):
            raise
        raise _unwritable(run_dir, error) from error
    return 0


@verb
def query(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder that a run left.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Channel, e.g. spo2, heart_rate, blood_pressure; repeatable."),
    ] = None,
    crew: Annotated[str | None, typer.Option(metavar="N", help="Whose, counted from 1.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="Instead: a device, e.g. air-1.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="UTC", help="First instant, zone or UTC.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="UTC", help="End, not included.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORM", help="table, csv, json or fhir (R4).")] = "table",
) -> int:
    """Read vital signs from Earth's store, each with the proof of its record.

    Exit codes: 0 answered, also where nothing was found; 1 a row or its attestation is broken; 2 no such question.
    """
    from twin.query.formats import FORMS, notes
    from twin.query.readings import read

    write = _form(form, FORMS)
    answer = read(run_dir, metric or [], _crew(crew), device, since, until, panels=form == "fhir")
    typer.echo(write(answer))
    if not answer.sound and form != "table":
        typer.echo("\n".join(notes(answer)), err=True)
    return 0 if answer.sound else 1


@verb
def verify(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder that a run left.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print every finding as JSON.")] = False,
) -> int:
    """Check Earth's store: rows, streams, checkpoints, signatures, by code of its own.

    Exit codes: 0 sound; 1 something is broken, or a kind of proof is missing so that nothing is proved; 2 no run.
    """
    from twin.verify.audit import verify_run
    from twin.verify.text import as_document, summary

    verification = verify_run(run_dir)
    typer.echo(json.dumps(as_document(verification), indent=1) if as_json else summary(verification))
    return 0 if verification.findings.sound else 1


@verb
def ledger(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder that a run left.")],
    record: Annotated[
        str | None, typer.Option(metavar="dev-../ep-../I", help="Prove one record instead of listing all streams.")
    ] = None,
    every: Annotated[bool, typer.Option("--every", help="Prove every record: one line of JSON each.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show table and ledger side by side, and the proof of any record."""
    from twin.query import ledger_view
    from twin.query.formats import proof_document
    from twin.scenario.errors import ScenarioError
    from twin.verify.audit import verify_run

    if every and record is not None:
        raise ScenarioError(f"record {record}", "is one of all that --every proves", "--record", "give one of the two")
    if every:
        broken = 0
        for proof in ledger_view.prove_all(run_dir):
            typer.echo(json.dumps(proof_document(proof)))
            broken += bool(proof.problem)
        return int(broken > 0)
    if record is not None:
        proof = ledger_view.prove(run_dir, record)
        typer.echo(json.dumps(proof_document(proof), indent=1) if as_json else ledger_view.proof_text(proof))
        return int(bool(proof.problem))
    found = verify_run(run_dir)
    typer.echo(
        json.dumps(ledger_view.overview_document(found), indent=1) if as_json else ledger_view.overview_text(found)
    )
    return 0 if found.findings.sound else 1


@verb
def hunt(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file, with guarantees.")],
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds in all; default 100 without --time.")] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long to try seeds, e.g. 10min; what breaks is shrunk to its end."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at the same time.")] = 1,
    out: Annotated[Path | None, typer.Option(help="The campaign's own folder; default reports/hunt-<name>.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="Override a key.")] = None,
) -> int:
    """Hunt for violations: random faults and settings from each seed; what breaks is shrunk to its smallest form.

    A campaign that was cut short goes on with the same command. Exit code 1 when anything was found.
    """
    from twin.hunt.campaign import hunt as hunt_scenario
    from twin.hunt.campaign import told
    from twin.scenario.errors import ScenarioError
    from twin.units import DURATION, QuantityError, parse_quantity

    try:
        time_s = None if time is None else parse_quantity(time, DURATION) / 1e6
    except QuantityError as error:
        raise ScenarioError(f"time {time}", error.rule, "--time", error.remedy) from error
    if time_s == 0:
        raise ScenarioError(f"time {time}", "is no time to try a seed in", "--time", "give it some, e.g. 10min")
    wanted = 100 if seeds is None and time is None else seeds
    folder = out if out is not None else Path("reports") / f"hunt-{scenario.stem}"
    from twin.report import render

    tally = hunt_scenario(scenario, tuple(overrides or ()), folder, wanted, time_s, jobs, render=render)
    for line in told(tally):
        typer.echo(line)
    if tally.interrupted:
        raise KeyboardInterrupt
    return BROKEN if tally.findings.found else 0


@verb
def contacts(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file; it need not have devices.")],
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="K=V", help="Override a key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of {from, to, start_utc, end_utc, ...}.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The same columns as CSV.")] = False,
    as_ion: Annotated[bool, typer.Option("--ion", help="For ION: ionrc commands.")] = False,
    as_hdtn: Annotated[bool, typer.Option("--hdtn", help="For HDTN: its JSON contact plan.")] = False,
    relative: Annotated[
        bool, typer.Option("--relative", help="ION and HDTN: times from the scenario's start, not dates up to 2038.")
    ] = False,
    geometry: Annotated[bool, typer.Option("--geometry", help="Raw visibility instead: who sees whom.")] = False,
    budget: Annotated[bool, typer.Option("--budget", help="Link budgets instead: why a rate is what it is.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg or .pdf.")] = None,
) -> int:
    """Print the contact plan that a scenario's sky makes, for people or for ION, HDTN and spreadsheets."""
    from twin.planning.output import FORMS, write_plan
    from twin.scenario import load_scenario
    from twin.scenario.errors import ScenarioError

    asked = [name for name, on in zip(FORMS, (as_json, as_csv, as_ion, as_hdtn), strict=True) if on]
    if len(asked) > 1:
        raise ScenarioError(f"formats {' and '.join(asked)}", "one is printed", "the options", "choose one")
    loaded = load_scenario(scenario, overrides or ())
    text, notes = write_plan(loaded, asked[0] if asked else None, geometry, plot, budget, relative)
    typer.echo(text, nl=False)
    for note in notes:
        typer.echo(f"twin: {note}", err=True)
    return 0


@verb
def schema() -> int:
    """Print the JSON Schema of scenario files."""
    from twin.scenario import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
    return 0


@verb
def sky(
    at: Annotated[
        list[str] | None, typer.Option(metavar="UTC", help="At an instant, repeatable; `-` reads one per line.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="UTC", help="Over a site, from the sol in which this instant lies.")
    ] = None,
    sols: Annotated[int | None, typer.Option(min=1, help="How many sols from there; default 10.")] = None,
    site: Annotated[
        str | None, typer.Option(metavar="NAME|LAT,LON", help="E.g. jezero, or degrees north and east: 18.44,77.45.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; units stand in the names of the keys.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the sols: .png, .svg or .pdf.")] = None,
    kernel: Annotated[
        Path | None, typer.Option(metavar="PATH", help="From this SPK file, not the built-in DE440; extra de440.")
    ] = None,
) -> int:
    """Distance, light time, solar separation and Mars time: at instants, or for the coming sols of a site.

    For sols also: season and sunlight, sunrise and sunset, Earth over the site, the stations that see Mars and the gaps
    between them, equinoxes, opposition, conjunction, and when the Sun is too near for a band or for commands.
    """
    from twin.planning.sky_output import sky_at, sky_over
    from twin.scenario.errors import ScenarioError

    if (at is None) == (since is None):
        rule = "neither an instant nor a span of sols is given" if at is None else "instants and sols are two questions"
        remedy = "give --at UTC, or --site NAME --from UTC --sols N"
        raise ScenarioError("sky", rule, "--at, --from", remedy)
    if at is not None and (sols is not None or plot is not None):
        option = "--plot" if sols is None else "--sols"
        raise ScenarioError("sky at instants", "has no sols", option, f"give --from with {option}, or drop it")
    with _sky_of(kernel):
        if at is not None:
            typer.echo(sky_at(at, sys.stdin, site, as_json))
        elif since is not None:
            typer.echo(sky_over(site, since, 10 if sols is None else sols, as_json, plot))
    return 0


@contextmanager
def _sky_of(kernel: Path | None) -> Iterator[None]:
    """Until the end of the block the sky is that of a kernel, and a note says so."""
    if kernel is None:
        yield
        return
    from twin.experiments.own_sky import sky_from, told_sky

    with sky_from(kernel, "--kernel"):
        yield
        for note in told_sky():
            typer.echo(f"twin: {note}", err=True)


def _form(name: str, forms: dict[str, Callable[[Any], str]]) -> Callable[[Any], str]:
    from twin.scenario.errors import ScenarioError, listed, shown

    if name not in forms:
        raise ScenarioError(f"format {shown(name)}", "unknown format", "--format", listed(forms, name))
    return forms[name]


def _crew(text: str | None) -> int | None:
    from twin.scenario.errors import ScenarioError, shown

    try:
        return None if text is None else int(text)
    except ValueError:
        remedy = "count the crew from 1, as in --crew 2"
        raise ScenarioError(f"crew member {shown(text)}", "is no whole number", "--crew", remedy) from None


def _refuse_unwritable(folder: Path) -> None:
    """Before anything runs: the folder is writable, or can be made."""
    from twin.scenario.errors import ScenarioError

    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    subject = f"output {folder}"
    if not nearest.is_dir():
        raise ScenarioError(subject, f"{nearest} is not a folder", "--out", _WRITABLE)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ScenarioError(subject, f"{nearest} is not writable", "--out", _WRITABLE)


def _unwritable(folder: Path, error: OSError) -> ScenarioError:
    from twin.scenario.errors import ScenarioError

    reason = (error.strerror or "cannot be written").lower()
    return ScenarioError(f"output {folder}", reason, "--out", _WRITABLE)


def _concerns(folder: Path, error: OSError) -> bool:
    """Whether an error is about writing the run's folder; any other is a fault of the program."""
    from twin.hosts.full_disk import FULL

    if error.errno in FULL:
        return True
    if not isinstance(error.filename, str):
        return False
    named, own = Path(error.filename).absolute(), folder.absolute()
    return named.is_relative_to(own) or own.is_relative_to(named)


if __name__ == "__main__":
    main()
