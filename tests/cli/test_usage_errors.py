"""What a person mistypes is answered by one line that names the remedy, and help by help."""

import shlex
import sys
from pathlib import Path

import pytest

from twin import cli


def answer(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command as a shell starts it."""
    monkeypatch.setattr(sys, "argv", ["twin", *shlex.split(words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, told.out, told.err


@pytest.mark.parametrize(
    ("words", "culprit", "verb"),
    [
        ("run --seed abc first-light.yaml", "--seed", "twin run"),
        ("run --sed 3 first-light.yaml", "--sed", "twin run"),
        ("run first-light.yaml --seed", "--seed", "twin"),
        ("run", "SCENARIO", "twin run"),
        ("run one.yaml two.yaml", "two.yaml", "twin run"),
        ("check --seeds 0 scenarios", "--seeds", "twin check"),
        ("check --jobs -2 scenarios", "--jobs", "twin check"),
        ("verify --jsn reports/first-light", "--jsn", "twin verify"),
        ("bogus", "bogus", "twin"),
        ("--bogus", "--bogus", "twin"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_2(
    words: str, culprit: str, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, said = answer(words, monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert said.startswith("twin: ")
    assert culprit in said
    assert said.endswith(f"; see `{verb} --help`\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", ["--help", "run --help"])
def test_help_ends_with_0(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, said = answer(words, monkeypatch, capsys)
    assert (code, said) == (0, "")
    assert out.startswith(f"Usage: twin {words.removesuffix('--help')}")


def test_no_words_at_all_bring_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, said = answer("", monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert said.startswith("Usage: twin ")


def test_what_a_verb_ends_with_reaches_the_shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert answer("schema", monkeypatch, capsys)[0] == 0
    code, _, said = answer(f"report {tmp_path}", monkeypatch, capsys)
    assert (code, said.count("\n")) == (2, 1)

    def interrupted() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin.read", interrupted, raising=False)
    code, _, said = answer("sky --at -", monkeypatch, capsys)
    assert (code, said) == (130, "twin: interrupted\n")


def test_one_record_and_every_record_are_two_questions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, said = answer(f"ledger {tmp_path} --record dev-1/ep-1/0 --every", monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert said == ("twin: record dev-1/ep-1/0: is one of all that --every proves (--record); give one of the two\n")
