"""Reading a run's folder back, against the folder that `sample_run` writes and broken copies of it."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sample_run import HELD, START_US, write_run

from twin.result import Result, ResultError
from twin.result_schema import TABLES


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), devices=2, frames=100)


def change(folder: Path, **keys: Any) -> Path:
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))
    return folder


def test_verdict_and_counts_come_back(run_dir: Path) -> None:
    result = Result.load(run_dir)
    assert (result.verdict, result.exit_code) == ("held", 0)
    assert tuple(guarantee.key for guarantee in result.guarantees) == HELD
    assert result.counts.transmissions.sent == 412
    assert result.document.streams["monitor-1"].latency_s.p50 > 500


def test_tables_come_back_with_exact_integers(run_dir: Path) -> None:
    tables = Result.load(run_dir).tables
    assert list(tables) == list(TABLES)
    records = tables["records"]
    assert list(records.columns) == list(TABLES["records"])
    assert records["generated_us"].iloc[0] == START_US + 60_000_000
    assert str(records["durable_us"].dtype) == "Int64"
    assert tables["records"] is records


def test_a_time_that_never_came_is_missing(tmp_path: Path) -> None:
    records = Result.load(write_run(tmp_path, devices=1, frames=1_600)).tables["records"]
    assert records["sent_us"].iloc[-1] is pd.NA


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"verdict": "broken"}, 1),
        ({"verdict": "incomplete"}, 1),
        ({"verdict": "incomplete", "interrupted": True}, 130),
    ],
)
def test_exit_code_follows_the_verdict(tmp_path: Path, keys: dict[str, Any], code: int) -> None:
    assert Result.load(write_run(tmp_path, devices=0, **keys)).exit_code == code


def test_keys_of_a_newer_writer_are_passed_over(tmp_path: Path) -> None:
    assert Result.load(write_run(tmp_path, devices=0, weather="fine")).verdict == "held"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"schema": "mars-iomt-twin/result/0"},
            "schema 'mars-iomt-twin/result/0' is not 'mars-iomt-twin/result/2'",
        ),
        ({"schema": None}, "schema None is not"),
        ({"verdict": "fine"}, "result.json, verdict: input should be 'held', 'broken' or 'incomplete'"),
        ({"seed": "7"}, "result.json, seed: input should be a valid integer"),
        ({"counts": {}}, "result.json, counts.samples: field required"),
        ({"guarantees": [{"key": "x"}]}, "result.json, guarantees.0.verdict: field required"),
    ],
)
def test_another_schema_is_refused_in_one_line(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    write_run(tmp_path, devices=0)
    with pytest.raises(ResultError, match=re.escape(message)) as caught:
        Result.load(change(tmp_path, **keys))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "result.json"))
    assert "again" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": NaN}', "\x00"])
def test_broken_document_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ResultError, match=r"result\.json: (not valid JSON|schema None is not)"):
        Result.load(tmp_path)


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"result\.json: no result here; name the folder that `twin run` wrote"):
        Result.load(tmp_path)


def test_missing_and_broken_tables_are_named(tmp_path: Path) -> None:
    tables = Result.load(write_run(tmp_path, devices=0)).tables
    (tmp_path / "tables" / "opacity.parquet").unlink()
    (tmp_path / "tables" / "backlog.parquet").write_bytes(b"not parquet")
    pd.DataFrame({"from_node": ["a"]}).to_parquet(tmp_path / "tables" / "contacts.parquet")
    with pytest.raises(ResultError, match=r"opacity\.parquet: the table is missing; run the scenario again"):
        tables["opacity"]
    with pytest.raises(ResultError, match=r"backlog\.parquet: not a readable table"):
        tables["backlog"]
    with pytest.raises(ResultError, match=r"contacts\.parquet: not a readable table"):
        tables["contacts"]


def test_unknown_table_is_a_key_error(run_dir: Path) -> None:
    with pytest.raises(KeyError, match="weather"):
        Result.load(run_dir).tables["weather"]
