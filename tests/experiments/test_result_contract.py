"""`result.json` against the keys and types that others rely on, written down here by hand, one by one."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

import pytest
from flights import SMALL, rows_on_earth

from twin.experiments.run import run
from twin.result import Result
from twin.scenario import load_scenario, parse_scenario
from twin.scenario.guarantees import GUARANTEES

LOSSY = SMALL + "faults: [{kind: bundle_loss, link: down, rate: 5 %}]\n"
DEAF = """
name: deaf
duration: 10 min
network:
  nodes: [S, D]
  contacts: [{from: S, to: D, start: 5 min, end: 6 min, rate: 1 Mbit/s, owlt: 600 s}]
traffic: [{from: S, to: D, size: 1 kB, period: 1 min, count: 3, start: 0 s}]
"""
NUMBER_OR_NULL = (int, float, type(None))
TEXT_OR_NULL = (str, type(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("contract") / "run"
    run(parse_scenario(LOSSY), out)
    return out


def document(folder: Path) -> dict[str, Any]:
    """The file as any JSON reader sees it; NaN and Infinity are no JSON."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} in result.json")

    loaded = json.loads((folder / "result.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert isinstance(loaded, dict)
    return loaded


def test_the_promised_keys_are_there_with_their_types(folder: Path) -> None:
    d = document(folder)
    assert d["schema"] == "mars-iomt-twin/result/2"
    assert (d["scenario"], d["seed"], d["verdict"]) == ("small", 5, "held")
    assert type(d["trace_hash"]) is str
    assert len(bytes.fromhex(d["trace_hash"])) == 32
    assert 3600 < d["sim_s"] < 20_000
    assert sorted(guarantee["key"] for guarantee in d["guarantees"]) == sorted(GUARANTEES)
    for guarantee in d["guarantees"]:
        assert {
            "key", "verdict", "reason", "checked", "pending",
            "bound", "observed", "unit", "margin", "evidence",
        } <= set(guarantee)  # fmt: skip
        assert guarantee["verdict"] in ("held", "broken", "not_applicable")
        assert type(guarantee["checked"]) is type(guarantee["pending"]) is int
        assert all(isinstance(guarantee[key], NUMBER_OR_NULL) for key in ("bound", "observed", "margin"))
        assert all(isinstance(guarantee[key], TEXT_OR_NULL) for key in ("reason", "unit"))
        assert guarantee["evidence"] is None
    measured = [guarantee for guarantee in d["guarantees"] if guarantee["unit"] == "s"]
    assert {guarantee["key"] for guarantee in measured} == {"convergence", "freshness", "feedback_closure"}
    for guarantee in measured:
        assert set(guarantee["worst"]) == {"record", "at_utc", "where"}
        assert guarantee["worst"]["record"].startswith("dev-")
        assert d["start_utc"] < guarantee["worst"]["at_utc"] <= d["end_utc"]
    assert len(bytes.fromhex(d["scenario_digest"])) == 8
    assert set(d["counts"]) == {"samples", "frames", "bundles", "rows", "alerts", "transmissions"}
    assert set(d["counts"]["transmissions"]) == {"sent", "delivered", "lost", "in_flight"}
    assert set(d["records"]) == {"accepted", "delivered", "lost", "in_flight", "never_accepted"}
    assert set(d["streams"]) == {"vitals-1", "vitals-2", "edge-1", "edge-2"}, "edges sign their alerts"
    for stream in d["streams"].values():
        assert set(stream["latency_s"]) == {"p50", "p95", "p99", "max"}
        assert set(stream["age_s"]) == {"mean", "max"}
    assert [need["node"] for need in d["storage"]] == ["edge-1", "edge-2"]
    for need in d["storage"]:
        assert set(need) == {
            "node", "since_utc", "until_utc", "held_s", "needed_bytes", "capacity_bytes", "used_bytes_max",
        }  # fmt: skip
        assert 0 < need["used_bytes_max"] <= need["needed_bytes"] < need["capacity_bytes"] == 8_000_000_000
    provenance = d["provenance"]
    assert type(provenance["version"]) is type(provenance["python"]) is str
    assert type(provenance["wall_s"]) is float
    assert type(provenance["events"]) is int


def test_clinic_and_ledger_are_counted(folder: Path) -> None:
    d = document(folder)
    assert [one["crew"] for one in d["clinic"]["crew"]] == [1, 2]
    assert all(set(one) == set(d["clinic"]["total"]) for one in d["clinic"]["crew"])
    assert d["clinic"]["total"]["patient_days"] == pytest.approx(2 / 24)
    ledger = d["ledger"]
    assert ledger["frames"] == ledger["rows"] == ledger["rows_audited"] == d["counts"]["frames"]
    assert ledger["frames"] == ledger["frames_cosigned_mars"] == ledger["frames_cosigned_earth"]
    assert 0 < ledger["cosigned_by_all"] <= ledger["checkpoints"]
    tables = Result.load(folder).tables
    assert len(tables["checkpoints"]) == ledger["checkpoints"]
    signs = tables["vitals"]
    assert set(signs["stream"]) == {"vitals-1", "vitals-2"}
    assert signs.groupby("channel")["readings"].sum().unique().tolist() == [d["counts"]["samples"]]
    assert (signs["min"] <= signs["median"]).all()
    assert (signs["median"] <= signs["max"]).all()


def test_its_numbers_balance(folder: Path) -> None:
    d = document(folder)
    records, counts = d["records"], d["counts"]
    copies = counts["transmissions"]
    assert records["accepted"] == records["delivered"] + records["lost"] + records["in_flight"] == 2 * 60
    assert copies["sent"] == copies["delivered"] + copies["lost"] + copies["in_flight"]
    assert copies["lost"] == sum(d["losses"].values()) > 0
    assert counts["samples"] == 2 * 720
    assert counts["rows"] == counts["frames"] == len(rows_on_earth(folder)) == 120


def test_its_percentiles_are_those_of_the_records_table(folder: Path) -> None:
    records = Result.load(folder).tables["records"]
    for name, stream in document(folder)["streams"].items():
        own = records[records["stream"] == name]
        latencies_s = sorted((own["visible_us"] - own["generated_us"]) / 1e6)
        if name.startswith("edge-"):
            assert not latencies_s
            assert set(stream["latency_s"].values()) == {None}, "no alarm, no alert"
            continue
        at = {p: latencies_s[math.ceil(p / 100 * len(latencies_s)) - 1] for p in (50, 95, 99, 100)}
        assert stream["latency_s"] == {"p50": at[50], "p95": at[95], "p99": at[99], "max": at[100]}


def test_numbers_that_do_not_exist_are_null(tmp_path: Path) -> None:
    """The run ends before the light of its one contact arrives."""
    run(parse_scenario(DEAF), tmp_path / "run")
    d = document(tmp_path / "run")
    (stream,) = d["streams"].values()
    assert stream["latency_s"] == {"p50": None, "p95": None, "p99": None, "max": None}
    assert stream["age_s"] == {"mean": None, "max": None}
    idle = next(g for g in d["guarantees"] if g["key"] == "freshness")
    assert (idle["verdict"], idle["checked"]) == ("not_applicable", 0)
    assert [idle[key] for key in ("bound", "observed", "margin", "unit")] == [None] * 4
    assert idle["reason"]


def test_nothing_outside_provenance_differs_between_two_runs(folder: Path, tmp_path: Path) -> None:
    run(parse_scenario(LOSSY), tmp_path / "again")
    first, again = document(folder), document(tmp_path / "again")
    assert first.pop("provenance").keys() == again.pop("provenance").keys()
    assert first == again


def test_another_seed_makes_another_run(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    run(load_scenario(path, seed=6), tmp_path / "run")
    assert document(folder)["trace_hash"] != document(tmp_path / "run")["trace_hash"]
    assert rows_on_earth(folder)[0][3] != rows_on_earth(tmp_path / "run")[0][3]
