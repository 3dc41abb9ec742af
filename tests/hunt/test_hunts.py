"""A campaign from its first seed to what it leaves: it finds, shrinks, keeps, goes on, and refuses what it cannot."""

from __future__ import annotations

import html
import json
import shlex
import subprocess
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import small

from twin.experiments.mission import Roles
from twin.hunt import campaign, findings, page
from twin.hunt.campaign import Tally, hunt, told
from twin.hunt.case import Case
from twin.hunt.draw import draw
from twin.hunt.trial import RAISED, trial
from twin.pipeline.facts import PayloadDelivered
from twin.pipeline.machine import Effect, Event, Report
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.transport.bundle_node import BundleNode
from twin.report import render
from twin.result import Result
from twin.scenario import ScenarioError, load_scenario, read_plain, scenario_of

PLANTED = Roles(device=small.BeginsAnew)
SEEDS = 3


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Tally:
    folder = tmp_path_factory.mktemp("hunt")
    return hunt(small.scenario_file(folder), (), folder / "out", seeds=SEEDS, roles=PLANTED)


def test_a_planted_bug_is_found_and_shrunk_to_what_it_takes(hunted: Tally) -> None:
    assert hunted.findings.done == hunted.tried == SEEDS
    assert hunted.findings.found
    for found in hunted.findings.found:
        assert found.confirmed
        smallest = load_scenario(found.smallest)
        assert len(smallest.faults) == 1, found
        assert smallest.faults[0].kind in ("device_crash", "crash_at_effect")
        assert smallest.listed_guarantees == (found.broken.statement,) or found.broken.statement == RAISED


def test_the_same_code_without_the_bug_holds(hunted: Tally) -> None:
    for found in hunted.findings.found:
        for path in (Path(found.smallest), hunted.findings.folder / f"seed-{found.seed}.yaml"):
            case = Case(read_plain(path))
            broken = trial(case, PLANTED)
            assert broken is not None
            assert broken.statement == found.broken.statement
            assert trial(case) is None


def test_what_was_found_is_told_with_its_replay(hunted: Tally) -> None:
    lines = told(hunted)
    first = hunted.findings.found[0]
    assert lines[0] == f"seed {first.seed}  {first.broken.text}"
    assert f"shrunk to {first.faults_left} in {first.trials} runs" in lines[1]
    assert lines[2] == f"    replay: twin run {first.smallest}"
    assert f"{len(hunted.findings.found)} found in seeds 13 to {12 + SEEDS}" in lines[-1]


def test_a_replay_command_is_one_for_a_shell(tmp_path: Path) -> None:
    out = tmp_path / "a folder; and more"
    tally = hunt(small.scenario_file(tmp_path), (), out, seeds=SEEDS, roles=PLANTED)
    first = tally.findings.found[0]
    command = told(tally)[2].partition("replay: ")[2]
    assert shlex.split(command) == ["twin", "run", first.smallest]
    for case in (first.smallest, first.drawn):
        assert f"replay: {shlex.join(['twin', 'run', case])}" in Path(case).read_text(encoding="utf-8")


def test_a_campaign_that_was_cut_short_goes_on_to_the_same_end(hunted: Tally, tmp_path: Path) -> None:
    path = small.scenario_file(tmp_path)
    for seeds in (2, SEEDS):
        tally = hunt(path, (), tmp_path / "out", seeds=seeds, jobs=2, roles=PLANTED)
    assert tally.tried == 1
    assert [(f.seed, f.broken, f.faults_left) for f in tally.findings.found] == [
        (f.seed, f.broken, f.faults_left) for f in hunted.findings.found
    ]
    for found in tally.findings.found:
        small_case = (tmp_path / "out" / f"seed-{found.seed}.smallest.yaml").read_text()
        other = (hunted.findings.folder / f"seed-{found.seed}.smallest.yaml").read_text()
        assert small_case.splitlines()[2:] == other.splitlines()[2:]


def test_what_broke_is_kept_and_said_before_it_is_shrunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is killed in the hour that it takes to shrink a long scenario has lost no case."""

    def killed(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(campaign, "shrink", killed)
    tally = hunt(small.scenario_file(tmp_path), (), tmp_path / "out", seeds=SEEDS, roles=PLANTED)
    assert (tally.interrupted, tally.findings.found) == (True, [])
    (kept,) = (tmp_path / "out").glob("seed-*.yaml")
    broken = trial(Case(read_plain(kept)), PLANTED)
    assert broken is not None
    assert kept.read_text().splitlines()[:2] == [f"# broke {broken.text}", f"# replay: twin run {kept}"]
    assert f"shrinking {kept}, which broke {broken.text}" in capsys.readouterr().err


def test_a_find_leaves_one_page_that_explains_it(tmp_path: Path) -> None:
    path, out = small.scenario_file(tmp_path), tmp_path / "out"
    first = 1 + next(n for n in range(SEEDS) if trial(draw_of(path, 13 + n), PLANTED) is not None)
    tally = hunt(path, (), out, seeds=first, roles=PLANTED, render=render)
    (found,) = tally.findings.found
    assert found.page == str(out / f"seed-{found.seed}" / "report.html")
    assert f"    report: {found.page}" in told(tally)
    shown = Path(found.page).read_text(encoding="utf-8")
    smallest = Path(found.smallest)
    result = Result.load(Path(found.page).parent)
    for line in smallest.read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or html.escape(line, quote=False) in shown.replace("&#39;", "'")
    assert f"twin run {smallest} --seed {found.seed}" in shown
    assert f"{found.broken.statement} broke" in shown
    assert "crashes" in shown
    (broken,) = (g for g in result.guarantees if g.verdict == "broken")
    assert broken.key == found.broken.statement
    assert hunt(path, (), out, seeds=first, roles=PLANTED, render=render).findings.found == [found]


def test_a_smallest_case_that_holds_once_it_is_read_again_is_kept_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the case as drawn is the one to replay; there is nothing for a page to explain."""
    path = small.scenario_file(tmp_path)
    sound = read_plain(path)
    monkeypatch.setattr(
        campaign, "read_plain", lambda of, *more: sound if of.match("*.smallest.yaml") else read_plain(of, *more)
    )
    tally = hunt(path, (), tmp_path / "out", seeds=SEEDS, roles=PLANTED, render=render)
    found = tally.findings.found[0]
    assert (found.confirmed, found.page) == (False, "")
    drawn = tmp_path / "out" / f"seed-{found.seed}.yaml"
    assert drawn.is_file()
    assert "holds once it is read" in Path(found.smallest).read_text().splitlines()[0]
    shrunk, replay = told(tally)[1:3]
    assert shrunk.endswith("; the smallest case holds once it is read again: keep the one as drawn")
    assert replay == f"    replay: twin run {drawn}"


def test_a_disk_that_is_full_when_the_page_is_written_loses_no_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    path, out = small.scenario_file(tmp_path), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(page, "run", refuse)
        with pytest.raises(ScenarioError, match=r"no space left on device.*hunt on with the same command"):
            hunt(path, (), out, seeds=SEEDS, roles=PLANTED, render=render)
    (smallest,) = out.glob("*.smallest.yaml")
    assert trial(Case(read_plain(smallest)), PLANTED) is not None


def draw_of(path: Path, seed: int) -> Case:
    document = read_plain(path)
    return draw(document, scenario_of(document, "the scenario"), seed)


def test_time_ends_a_campaign_and_changes_nothing_of_a_seed(tmp_path: Path) -> None:
    tally = hunt(small.scenario_file(tmp_path), (), tmp_path / "out", time_s=0.0)
    assert (tally.tried, tally.findings.found) == (0, [])


def dawdle(seed: int) -> int:
    time.sleep(0.3)
    return seed


def test_what_nobody_has_begun_when_the_time_is_over_is_left_for_later() -> None:
    """Dozens of seeds wait their turn; those that came to something have no gap among them."""
    jobs = 2
    came = list(campaign._tried(partial(dawdle), count(), jobs, time.monotonic() + 2.0))  # type: ignore[arg-type]
    assert came == list(range(len(came)))
    assert 0 < len(came) < campaign.AHEAD * jobs


class Stumbles(Gateway):
    """A gateway that bears nothing."""

    def handle(self, _event: Event, _now_us: int) -> list[Effect]:
        raise KeyError("somewhere")


LINE = """
name: line
duration: 40 min
seed: 1
network:
  nodes: [S, D]
  contacts:
    - {from: S, to: D, start: 0 s, end: 40 min, rate: 1 Mbit/s, owlt: 60 s, both_ways: true}
traffic: [{from: S, to: D, size: 1 kB, period: 10 s, count: 6}]
guarantees: [no_loss, exactly_once]
"""


def spoilt(times: int) -> type[BundleNode]:
    """A destination that hands its third payload over so many times."""

    class Spoils(BundleNode):
        def handle(self, event: Event, now_us: int) -> list[Effect]:
            out: list[Effect] = []
            for effect in super().handle(event, now_us):
                third = (
                    isinstance(effect, Report)
                    and isinstance(effect.fact, PayloadDelivered)
                    and effect.fact.record[2] == 2
                )
                out += [effect] * (times if third else 1)
            return out

    return Spoils


@pytest.mark.parametrize(("times", "breaks", "duration"), [(0, "no_loss", "40 min"), (2, "exactly_once", "10 min")])
def test_between_bundle_nodes_a_loss_keeps_its_time_when_it_is_shrunk(
    times: int, breaks: str, duration: str, tmp_path: Path
) -> None:
    """What they have not delivered by the end counts as lost, so a shorter run loses what was only late."""
    tally = hunt(small.scenario_file(tmp_path, LINE), (), tmp_path / "out", seeds=1, roles=Roles(node=spoilt(times)))
    (found,) = tally.findings.found
    assert found.broken.statement == breaks
    assert read_plain(Path(found.smallest))["duration"] == duration


def test_code_that_raises_has_broken_everything(tmp_path: Path) -> None:
    broken = trial(Case(read_plain(small.scenario_file(tmp_path))), Roles(gateway=Stumbles))
    assert broken is not None
    assert (broken.statement, broken.what) == (RAISED, "KeyError: 'somewhere'")
    assert broken.where.startswith("test_hunts.py:")


def test_a_scenario_without_guarantees_is_not_hunted(tmp_path: Path) -> None:
    bare = small.TEXT.split("guarantees:")[0]
    with pytest.raises(ScenarioError, match="lists no guarantee"):
        hunt(small.scenario_file(tmp_path, bare), (), tmp_path / "out", seeds=1)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    path, out = small.scenario_file(tmp_path), tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    with pytest.raises(ScenarioError, match="holds no campaign"):
        hunt(path, (), out, seeds=1)
    (out / "letter.txt").unlink()
    hunt(path, (), out, seeds=1)
    with pytest.raises(ScenarioError, match="another scenario"):
        hunt(path, ("duration=2 h",), out, seeds=2)
    (out / "campaign.json").write_text("{")
    with pytest.raises(ScenarioError, match="cannot be read"):
        hunt(path, (), out, seeds=2)


def test_a_full_disk_loses_nothing_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = small.scenario_file(tmp_path), tmp_path / "out"
    write = findings.Findings._write

    def full(self: findings.Findings, name: str, text: str) -> Path:
        if "smallest" in name:
            monkeypatch.setattr(Path, "write_bytes", refuse)
        return write(self, name, text)

    def refuse(*_args: object, **_more: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(findings.Findings, "_write", full)
        with pytest.raises(ScenarioError, match="no space left on device"):
            hunt(path, (), out, seeds=2, roles=PLANTED)
    monkeypatch.undo()
    (kept,) = out.glob("seed-*.yaml")
    assert trial(Case(read_plain(kept)), PLANTED) is not None
    before = json.loads((out / "campaign.json").read_text())["done"] if (out / "campaign.json").exists() else 0
    tally = hunt(path, (), out, seeds=2, roles=PLANTED)
    assert tally.findings.done == 2
    assert tally.tried == 2 - before
    assert tally.findings.found


def test_the_command_says_what_it_found_and_how_it_ended(tmp_path: Path) -> None:
    path = small.scenario_file(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "twin", "hunt", str(path), "--seeds", "2", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("small: 0 found in seeds 13 to 14; 2 tried now")
    for words, said in ((["--time", "soon"], "--time"), (["--time", "0 s"], "no time"), (["--jobs", "0"], "jobs")):
        refused = subprocess.run(
            [sys.executable, "-m", "twin", "hunt", str(path), *words], capture_output=True, text=True, check=False
        )
        assert refused.returncode == 2
        assert said in refused.stderr
        assert refused.stderr.count("\n") == 1
