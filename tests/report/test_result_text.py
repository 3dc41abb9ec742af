"""What a terminal shows of a result: every verdict, evidence where one broke, and where to read on."""

from pathlib import Path

from sample_run import HELD, _guarantee, write_run

from twin.result import Result
from twin.result_text import evidence, named_record, one_line, summary


def test_summary_names_every_guarantee_once_and_ends_with_the_report(tmp_path: Path) -> None:
    result = Result.load(write_run(tmp_path, devices=1, frames=9))
    *verdicts, total, where = summary(result, report=True).splitlines()
    assert tuple(line.split()[0] for line in verdicts) == HELD
    assert "tightest: 2230.5 s of 5410.0 s" in next(line for line in verdicts if line.startswith("convergence"))
    assert "12 pending" in next(line for line in verdicts if line.startswith("freshness"))
    assert total == "first-light, seed 7: held, 9 of 9 records delivered, 25.1 h simulated in 7.9 s"
    assert where == f"report: {tmp_path / 'report.html'}"
    assert summary(result, report=False).splitlines()[-1] == f"result: {tmp_path / 'result.json'}"


def test_summary_of_an_interrupted_run_says_when(tmp_path: Path) -> None:
    write_run(tmp_path, devices=0, verdict="incomplete", interrupted=True, end_utc="2033-03-10T05:00:00.000Z")
    lines = summary(Result.load(tmp_path), report=True).splitlines()
    assert lines[-3] == "interrupted at 2033-03-10T05:00:00.000Z: what was due later is pending"
    assert ": incomplete, " in lines[-2]


def test_what_no_edge_ever_took_is_named(tmp_path: Path) -> None:
    records = {"accepted": 501, "delivered": 501, "lost": 0, "in_flight": 0, "never_accepted": 998}
    document = Result.load(write_run(tmp_path, devices=0, records=records)).document
    assert "501 of 501 records delivered, 998 never accepted, 25.1 h simulated" in one_line(document)


def test_evidence_names_the_stream_of_a_record(tmp_path: Path) -> None:
    broken = _guarantee("no_loss") | {"verdict": "broken", "reason": "1 of 9 checks failed"}
    broken["evidence"] = {
        "record": "dev-00ff/ep-01/4", "at_utc": "2033-03-10T05:00:00.000Z", "where": "table",
        "what": "accepted on Mars and not in the table on Earth", "replay": "twin run a.yaml --seed 7",
    }  # fmt: skip
    blank = {"latency_s": dict.fromkeys(("p50", "p95", "p99", "max")), "age_s": dict.fromkeys(("mean", "max"))}
    streams = {"vitals-2": {"device": "00ff", **blank}}
    write_run(tmp_path, devices=0, verdict="broken", guarantees=[broken], streams=streams)
    document = Result.load(tmp_path).document
    assert list(evidence(document.guarantees[0], document)) == [
        "accepted on Mars and not in the table on Earth",
        "vitals-2, dev-00ff/ep-01/4, 2033-03-10T05:00:00.000Z, at table",
        "replay: twin run a.yaml --seed 7",
    ]
    assert one_line(document).startswith("broken      first-light, seed 7: guarantees 1 broken; ")
    assert named_record("S/1/2", document) == "S/1/2"
    assert named_record(None, document) is None


def test_what_was_listed_and_never_checked_still_tells_how_to_replay(tmp_path: Path) -> None:
    idle = _guarantee("freshness") | {"verdict": "broken", "checked": 0, "reason": "never checked: no head"}
    write_run(tmp_path, devices=0, verdict="broken", guarantees=[idle])
    lines = summary(Result.load(tmp_path), report=False).splitlines()
    assert lines[0].split() == ["freshness", "BROKEN", "never", "checked:", "no", "head"]
    assert lines[1].strip() == "replay: twin run scenarios/first-light.yaml --seed 7"
