"""Files that are no scenario: refused at once, in one line, whatever they are."""

import os
import time
from pathlib import Path

import pytest
from examples import HABITAT, refusal_of

from twin.scenario import ScenarioError, load_scenario
from twin.scenario.document import parse_document


def line_of(path: Path) -> str:
    with pytest.raises(ScenarioError) as refusal:
        load_scenario(path)
    line = str(refusal.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "scenario s.yaml: the file is empty (s.yaml); write a scenario, see `twin schema`"),
        ("# nothing\n", "scenario s.yaml: holds only comments (s.yaml); write a scenario, see `twin schema`"),
        (
            "[1]\n",
            "scenario s.yaml: a scenario is a mapping of keys to values (s.yaml); begin with `name: ...`",
        ),
        (HABITAT + "name: y\n", "key name: given twice, first at s.yaml:1 (s.yaml:5); keep one of the two"),
        (HABITAT + "5: y\n", "key 5: a key is a word (s.yaml:5); write it as `word: value`"),
        (HABITAT + "? [a]\n: y\n", "key that is a list or mapping: a key is a word (s.yaml:5); "),
        (HABITAT + "a: [1\n", "scenario s.yaml: this is not YAML: while parsing a flow sequence "),
        (
            HABITAT + "a: b: c\n",
            "scenario s.yaml: this is not YAML: mapping values are not allowed here (s.yaml:5); ",
        ),
        (HABITAT + "---\nname: y\n", "scenario s.yaml: this is not YAML: expected a single document "),
        (HABITAT + "x: \x00\n", "scenario s.yaml: this is not text: unacceptable character #x0000: "),
        (
            HABITAT + "x: !!python/object/apply:os.system [ls]\n",
            "scenario s.yaml: the YAML tag !!python/object/apply:os.system is not read (s.yaml:5); remove the tag",
        ),
        (
            HABITAT + "x: !secret y\n",
            "scenario s.yaml: the YAML tag !secret is not read (s.yaml:5); remove the tag",
        ),
        (
            HABITAT + "x: &x [1]\ny: *x\n",
            "scenario s.yaml: anchors and aliases are not read (s.yaml:5); repeat the value, ",
        ),
        (
            HABITAT + "x: " + "9" * 5000,
            "number 999999999999999999999999999999999999999999999999999999999999...: has more ",
        ),
        ("[" * 5000, "scenario s.yaml: nested deeper than 24 levels (s.yaml:1); flatten it; "),
        ("- " * 400 + "a", "scenario s.yaml: nested deeper than 24 levels (s.yaml:1); flatten it; "),
    ],
)
def test_text_that_is_no_scenario_is_refused(text: str, line: str) -> None:
    assert refusal_of(text).startswith(line)


def test_an_alias_bomb_is_refused_before_it_expands() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    began_s = time.perf_counter()
    assert "anchors and aliases are not read" in refusal_of(bomb)
    assert time.perf_counter() - began_s < 1.0


def test_words_mean_what_yaml_1_2_says() -> None:
    document = parse_document("a: no\nb: 010\nc: 1e3\nd: 2033-03-10\ne: 1:30\nf: ~\ng: true\nh: -.inf\n", "s.yaml")
    assert document.plain() == {
        "a": "no", "b": 10, "c": 1000.0, "d": "2033-03-10", "e": "1:30", "f": None, "g": True, "h": float("-inf"),
    }  # fmt: skip


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert line_of(path) == f"scenario {path}: no such file ({path}); give the path of a scenario file"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert line_of(tmp_path) == f"scenario {tmp_path}: is a directory ({tmp_path}); give the path of a scenario file"


def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in line_of(tmp_path / "pipe")


def test_a_path_with_a_nul_is_refused() -> None:
    assert "is not a path" in line_of(Path("a\x00b"))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    path.write_bytes(b"name: x\n\x89PNG\r\n\xff\xfe")
    assert line_of(path) == (f"scenario {path}: byte 8 is not UTF-8 text ({path}:2); save the file as UTF-8 text")


def test_a_file_of_100_megabytes_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    began_s = time.perf_counter()
    assert f"scenario {path} of 100000000 bytes: a scenario has at most 1048576 bytes" in line_of(path)
    assert time.perf_counter() - began_s < 0.5


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + HABITAT.encode())
    assert load_scenario(path).name == "small"


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(HABITAT)
    assert "cannot be read (not a directory)" in line_of(path / "x.yaml")
