"""Two runs of one clinic, the second with an ack delay that eats margin but breaks nothing: who says so, and how."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result as Done
from margin_parts import PROMPT, SLOW
from typer.testing import CliRunner

from twin.cli import app
from twin.experiments import check as check_module
from twin.experiments.run import run
from twin.margins.baseline import SCHEMA, baseline_text
from twin.result import Result
from twin.scenario import load_scenario

Runs = dict[str, Result]


def twin(*words: object) -> Done:
    return CliRunner().invoke(app, [str(word) for word in words])


def told(done: Done) -> tuple[int, str, str]:
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The prompt clinic, the slow one, and the prompt one once more."""
    root = tmp_path_factory.mktemp("runs")
    made = {}
    for name, text in (("prompt", PROMPT), ("slow", SLOW), ("again", PROMPT)):
        (root / f"{name}.yaml").write_text(text)
        made[name] = run(load_scenario(root / f"{name}.yaml"), root / name, quiet=True)
    assert {result.verdict for result in made.values()} == {"held"}
    return made


@pytest.fixture
def check(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """`twin check` of one clinic whose run is made already."""

    def checked(name: str, *words: object) -> Done:
        monkeypatch.setattr(check_module, "_runs", lambda *_: iter([runs[name]]))
        return twin("check", runs[name].folder.with_suffix(".yaml"), *words)

    return checked


@pytest.fixture
def baseline(runs: Runs, tmp_path: Path) -> Path:
    path = tmp_path / "margins.json"
    path.write_text(baseline_text([runs["prompt"].document]))
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The same file with something done to its content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


# ------------------------------------------------------------ twin diff


def test_a_run_has_lost_nothing_against_its_twin(runs: Runs) -> None:
    code, out, err = told(twin("diff", runs["prompt"].folder, runs["again"].folder, "--tolerance", "0 %"))
    assert (code, err) == (0, "")
    table, ends = out.splitlines()[1:-5], out.splitlines()[-5:]
    assert [line.split()[0] for line in table] == [guarantee.key for guarantee in runs["prompt"].guarantees]
    assert all(line.endswith("the same") for line in table)
    assert ends[2:] == ["scenario: the same", "trace: the same", "nothing lost, with a tolerance of 0 %"]


def test_a_slower_ack_is_named_with_how_much_and_where(runs: Runs) -> None:
    code, out, _ = told(twin("diff", runs["prompt"].folder, runs["slow"].folder))
    assert code == 1
    lines = out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("feedback_closure"))
    before, after = (
        next(g for g in runs[name].guarantees if g.key == "feedback_closure") for name in ("prompt", "slow")
    )
    assert before.margin is not None
    assert after.margin is not None
    assert after.worst is not None
    lost_s = before.margin - after.margin
    assert 60 < lost_s < 200
    assert f"LOST {lost_s:.1f} s of {before.margin:.1f} s that were left" in lines[at]
    assert lines[at + 1].startswith(f"    observed {after.observed:.1f} of {after.bound:.1f} s, was ")
    assert f"worst case: vitals-1, {after.worst.record}, {after.worst.at_utc}, at vitals-1" in out
    assert "    pipeline.ack_delay: 3 min, was 10 s" in lines
    assert {"scenario: differs", "trace: differs"} <= set(lines)
    assert lines[-1].startswith("lost, with a tolerance of 5 %: ")
    assert "feedback_closure" in lines[-1]


def test_json_says_the_same(runs: Runs) -> None:
    done = twin("diff", runs["prompt"].folder, runs["slow"].folder, "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["schema"] == "mars-iomt-twin/diff/1"
    assert (document["same_trace"], document["same_scenario"], document["tolerance"]) == (False, False, 0.05)
    (closure,) = [one for one in document["guarantees"] if one["key"] == "feedback_closure"]
    assert (closure["change"], closure["loss"]) == ("lost", True)
    assert closure["margin_lost"] == pytest.approx(closure["before"]["margin"] - closure["after"]["margin"], abs=1e-3)
    assert closure["margin_lost_share"] == pytest.approx(closure["margin_lost"] / closure["before"]["margin"], rel=1e-5)
    assert "feedback_closure" in document["losses"]
    assert {"key": "pipeline.ack_delay", "before": "10 s", "after": "3 min"} in document["settings"]


def test_the_other_way_round_is_a_gain_but_where_the_bound_became_tighter(runs: Runs) -> None:
    """Convergence's bound counts the ack delay: room that a long one gave is gone with it, and told by its term."""
    code, out, _ = told(twin("diff", runs["slow"].folder, runs["prompt"].folder))
    lines = out.splitlines()
    (closure,) = [line for line in lines if line.startswith("feedback_closure")]
    assert " won " in closure
    at = next(number for number, line in enumerate(lines) if line.startswith("convergence"))
    assert "LOST" in lines[at]
    assert any(line.startswith("    term processing on Earth: ") for line in lines[at : at + 5])
    assert (code, lines[-1]) == (1, "lost, with a tolerance of 5 %: convergence")


def test_a_great_tolerance_forgives(runs: Runs) -> None:
    assert twin("diff", runs["prompt"].folder, runs["slow"].folder, "--tolerance", "100 %").exit_code == 0


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "no result here"),
        ("{", "not valid JSON"),
        ('{"schema": "mars-iomt-twin/result/1"}', "is not 'mars-iomt-twin/result/2'"),
        ('{"schema": "mars-iomt-twin/result/2"}', "field required"),
    ],
)
def test_a_folder_that_holds_no_result_is_bad_input(runs: Runs, content: str | None, rule: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    for pair in ((runs["prompt"].folder, tmp_path), (tmp_path, runs["prompt"].folder)):
        code, out, err = told(twin("diff", *pair))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"twin: {tmp_path / 'result.json'}")
        assert rule in err


def test_a_run_without_worst_cases_and_digests_is_compared_too(runs: Runs, tmp_path: Path) -> None:
    """As versions before this one wrote it."""
    old = tmp_path / "old"
    shutil.copytree(runs["prompt"].folder, old)

    def forget(content: dict[str, Any]) -> None:
        del content["scenario_digest"]
        for guarantee in content["guarantees"]:
            guarantee.pop("worst", None)

    changed(old / "result.json", forget)
    code, out, _ = told(twin("diff", old, runs["slow"].folder))
    assert code == 1
    assert "scenario: not known" in out
    assert "worst case before" not in out


# ------------------------------------------------------------ twin check


def test_a_baseline_that_was_just_written_holds(check: Callable[..., Done], tmp_path: Path) -> None:
    path = tmp_path / "new" / "margins.json"
    code, out, err = told(check("prompt", "--write-baseline", path))
    assert (code, out.splitlines()[-1], err) == (0, f"baseline: {path}", "")
    content = json.loads(path.read_text())
    assert content["schema"] == SCHEMA
    code, out, err = told(check("again", "--against", path, "--tolerance", "0%"))
    assert (code, err) == (0, "")
    kept = f"1 of 1 runs kept their margins against {path}, twin {content['version']}, tolerance 0 %"
    assert out.splitlines()[-1] == kept


def test_a_lost_margin_fails_the_check_with_a_sentence(
    check: Callable[..., Done], runs: Runs, baseline: Path, tmp_path: Path
) -> None:
    """Here the same scenario became slower, as by a change of the pipeline."""
    digest = runs["slow"].document.scenario_digest
    changed(baseline, lambda content: content["runs"][0].update(digest=digest))
    junit = tmp_path / "junit.xml"
    code, out, err = told(check("slow", "--against", baseline, "--junit", junit))
    assert (code, err) == (1, "")
    assert "1 of 1 runs held" in out
    lines = out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  feedback_closure: LOST "))
    assert lines[at + 1].startswith("    observed ")
    assert lines[-1].startswith(f"0 of 1 runs kept their margins against {baseline}")

    suite = ElementTree.parse(junit).getroot()[0]
    failures = {case.attrib["name"]: case.find("failure") for case in suite if case.find("failure") is not None}
    failure = failures["feedback_closure[seed=5]"]
    assert failure is not None
    assert failure.attrib["type"] == "margin"
    assert failure.attrib["message"] == lines[at].removeprefix("  feedback_closure: ")
    assert failure.text is not None
    assert "replay: twin run " in failure.text
    assert suite.attrib["failures"] == str(len(failures))
    assert "baseline[seed=5]" in {case.attrib["name"] for case in suite} - set(failures)


def test_a_changed_scenario_fails_and_is_compared_all_the_same(
    check: Callable[..., Done], baseline: Path, tmp_path: Path
) -> None:
    junit = tmp_path / "junit.xml"
    code, out, _ = told(check("slow", "--against", baseline, "--junit", junit, "--tolerance", "100 %"))
    assert code == 1
    assert "  baseline: the scenario was changed after the baseline was written; write it anew with " in out
    assert "LOST" not in out
    assert "  feedback_closure: LOST " in check("slow", "--against", baseline).stdout
    (failure,) = ElementTree.parse(junit).getroot().iter("failure")
    assert failure.attrib["type"] == "baseline"


def test_a_guarantee_that_vanished_fails(check: Callable[..., Done], baseline: Path, tmp_path: Path) -> None:
    kept = {"key": "far_sight", "verdict": "held", "checked": 3}
    changed(baseline, lambda content: content["runs"][0]["guarantees"].append(kept))
    junit = tmp_path / "junit.xml"
    code, out, _ = told(check("prompt", "--against", baseline, "--junit", junit))
    assert code == 1
    assert "  far_sight: NOT CHECKED any more: not listed, was held without a bound, 3 checked" in out
    (failed,) = [
        case for case in ElementTree.parse(junit).getroot().iter("testcase") if case.find("failure") is not None
    ]
    assert failed.attrib["name"] == "far_sight[seed=5]"


def test_runs_that_only_one_side_knows_are_said(
    runs: Runs, baseline: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def add(content: dict[str, Any]) -> None:
        content["runs"].append({**content["runs"][0], "scenario": "retired"})

    changed(baseline, add)
    later = runs["prompt"].document.model_copy(update={"seed": 6})
    other = Result(runs["prompt"].folder, later)
    monkeypatch.setattr(check_module, "_runs", lambda *_: iter([runs["prompt"], other]))
    junit = tmp_path / "junit.xml"
    code, out, _ = told(
        twin(
            "check", runs["prompt"].folder.with_suffix(".yaml"), "--seeds", 2, "--against", baseline, "--junit", junit
        )
    )  # fmt: skip
    assert code == 0
    assert "  baseline: the baseline does not know this run; " in out
    assert out.splitlines()[-3].startswith("1 of 1 runs kept their margins against ")
    assert out.splitlines()[-2:] == [
        "not in the baseline: prompt, seed 6",
        "in the baseline and not run: retired, seed 5",
    ]
    skipped = {case.attrib["name"] for case in ElementTree.parse(junit).getroot().iter("testcase") if len(case)}
    assert "baseline[seed=6]" in skipped
    assert "baseline[seed=5]" not in skipped


def test_what_broke_is_told_once_and_no_baseline_is_made_of_it(baseline: Path, tmp_path: Path) -> None:
    path = tmp_path / "hopeless.yaml"
    path.write_text(PROMPT.replace("2 owlt + 30 min", "owlt + 1 s"))
    fresh = tmp_path / "fresh.json"
    code, out, err = told(twin("check", path, "--against", baseline, "--write-baseline", fresh))
    assert code == 1
    assert out.count("  feedback_closure: ") == 1
    assert err == f"twin: baseline {fresh} is not written: a run did not hold\n"
    assert not fresh.exists()


def test_a_baseline_written_over_another_says_what_it_does_not_know_any_more(
    check: Callable[..., Done], baseline: Path
) -> None:
    other = {"scenario": "far", "digest": "0", "seed": 3, "guarantees": []}
    changed(baseline, lambda content: content["runs"].append(other))
    code, out, err = told(check("prompt", "--write-baseline", baseline))
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"baseline: {baseline}; not in it any more: far, seed 3"
    assert told(check("prompt", "--write-baseline", baseline))[1].splitlines()[-1] == f"baseline: {baseline}"
    baseline.write_text("no baseline")
    assert told(check("prompt", "--write-baseline", baseline))[1].splitlines()[-1] == f"baseline: {baseline}"


def test_a_baseline_is_not_replaced_by_one_that_lost_a_margin(check: Callable[..., Done], baseline: Path) -> None:
    kept = {"key": "far_sight", "verdict": "held", "checked": 3}
    before = changed(baseline, lambda content: content["runs"][0]["guarantees"].append(kept)).read_bytes()
    code, _, err = told(check("prompt", "--against", baseline, "--write-baseline", baseline))
    assert (code, err) == (1, f"twin: baseline {baseline} is not written: a margin was lost\n")
    assert baseline.read_bytes() == before


@pytest.mark.parametrize("verb", ["check", "diff"])
def test_an_empty_tolerance_is_none(verb: str, runs: Runs, baseline: Path) -> None:
    """A variable of a CI system that is not set."""
    folder = runs["prompt"].folder
    words = [folder, folder] if verb == "diff" else [folder.with_suffix(".yaml"), "--against", baseline]
    code, out, err = told(twin(verb, *words, "--tolerance", ""))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--tolerance" in err


# ------------------------------------------------------------ bad baselines


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "is missing"),
        ("", "is damaged: "),
        ("{", "is damaged: "),
        ("[" * 100_000, "is damaged: "),
        ("[]", f"schema null is not {SCHEMA}"),
        ('{"schema": "mars-iomt-twin/margins/0"}', f"schema mars-iomt-twin/margins/0 is not {SCHEMA}"),
        (f'{{"schema": "{SCHEMA}"}}', "is damaged: field required (--against, version)"),
        (f'{{"schema": "{SCHEMA}", "version": "1", "runs": [{{"seed": NaN}}]}}', "NaN is no number"),
        (f'{{"schema": "{SCHEMA}", "version": "1", "runs": {{}}}}', "is damaged: "),
        (f'{{"schema": "{SCHEMA}", "version": "1", "runs": []}}', "knows none of these scenarios"),
    ],
)
def test_a_bad_baseline_stops_all_before_anything_runs(
    content: str | None, rule: str, check: Callable[..., Done], tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    code, out, err = told(check("prompt", "--against", path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"twin: baseline {path}: ")
    assert rule in err


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda content: content["runs"].append(content["runs"][0]), "has prompt, seed 5 twice"),
        (lambda content: content["runs"][0]["guarantees"][0].update(verdict="well"), "runs.0.guarantees.0.verdict"),
        (lambda content: content["runs"][0].update(seed="5"), "valid integer (--against, runs.0.seed)"),
        (lambda content: content["runs"][0].update(scenario="other"), "knows none of these scenarios"),
    ],
)
def test_a_damaged_run_of_a_baseline_is_named(
    change: Callable[[dict[str, Any]], object], rule: str, check: Callable[..., Done], baseline: Path
) -> None:
    code, out, err = told(check("prompt", "--against", changed(baseline, change)))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert rule in err


def test_a_folder_is_no_baseline(check: Callable[..., Done], tmp_path: Path) -> None:
    for words in (("--against", tmp_path), ("--write-baseline", tmp_path), ("--tolerance", "5 %")):
        code, out, err = told(check("prompt", *words))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words[0] in err


def test_two_scenarios_of_one_name_have_no_common_baseline(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(PROMPT)
    code, out, err = told(twin("check", tmp_path, "--write-baseline", tmp_path / "margins.json"))
    assert (code, out) == (2, "")
    assert err.startswith(f"twin: scenario prompt: {tmp_path / 'one.yaml'} has the same name")
    assert not (tmp_path / "margins.json").exists()
