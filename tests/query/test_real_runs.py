"""Real runs with alerts, new keys, lost media and restarts: all that Earth holds is sound, and any change is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhirclient.models.bundle import Bundle as R4Bundle
from hand_made_store import flipped
from real_run import copied, make_real_run
from typer.testing import CliRunner

from twin.cli import app
from twin.pipeline.wire.frame import ALERT, peek_kind
from twin.query.ledger_view import prove_all
from twin.run_registry import load_registry
from twin.verify.audit import verify_run
from twin.verify.proof import COSIGNED

ALERT_ROWS = "SELECT device, epoch, idx, frame FROM frames WHERE kind = 3 ORDER BY device, epoch, idx"


@pytest.fixture(scope="module", params=["ed25519", "hmac-sha256"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the run left; nobody changes it."""
    return make_real_run(tmp_path_factory.mktemp("asked") / "run", request.param)


def output(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def wrong(folder: Path) -> set[tuple[str, str]]:
    """(check, where) of every finding."""
    return {(finding.check, finding.where) for finding in verify_run(folder).findings.wrong}


# ------------------------------------------------------------ what a run leaves


def test_everything_was_looked_at_and_is_sound_with_nothing_left_to_prove(folder: Path) -> None:
    found = verify_run(folder).findings
    assert found.wrong == []
    assert all(found.checked.values()), "alerts, checkpoints and cosignatures are there"
    assert found.pending == []


def test_each_change_of_keys_and_each_lost_medium_is_told(folder: Path) -> None:
    """The keys of an epoch follow from closing frames alone: the registry holds the first."""
    devices = {one.device for one in load_registry(folder).devices}
    verification = verify_run(folder)
    epochs = [stream for stream in verification.counts if stream.device in devices]
    assert len(epochs) == len(devices) + 1
    chained = [kept.statement for kept in verification.checkpoints]
    numbers = [(one.author, one.counter) for one in chained]
    assert len(numbers) == len(set(numbers)), "no number is used twice while a peer remembers it"


def test_every_record_is_found_with_its_proof_below_a_head_that_both_planets_cosigned(folder: Path) -> None:
    proofs = list(prove_all(folder))
    assert {proof.state for proof in proofs} == {COSIGNED}
    assert {tuple(proof.planets) for proof in proofs} == {("earth", "mars")}


def test_counts_in_ledger_and_table_are_equal_and_witnessed_on_both_planets(folder: Path) -> None:
    found = json.loads(output("ledger", folder, "--json"))
    assert all(one["equal"] for one in found["streams"])
    for one in found["streams"]:
        assert one["table"] == one["ledger"] == one["witnessed"]["mars"] == one["witnessed"]["earth"]
    newest = {point["author"]: point for point in found["checkpoints"]}
    assert {tuple(point["planets"]) for point in newest.values()} == {("earth", "mars")}


def test_a_record_of_an_alert_is_proved_like_any_other(folder: Path, tmp_path: Path) -> None:
    with copied(folder, tmp_path / "copy") as store:
        device, epoch, index, frame = store.execute(ALERT_ROWS).fetchone()
    assert peek_kind(frame) == ALERT
    record = f"dev-{device}/ep-{epoch}/{index}"
    proof = json.loads(output("ledger", folder, "--record", record, "--json"))
    assert (proof["state"], proof["problem"]) == ("cosigned", None)
    assert proof["checkpoint"]["planets"] == ["earth", "mars"]


# ------------------------------------------------------------ asked


@pytest.mark.parametrize(
    ("who", "metric", "count"),
    [
        (("--crew", "1"), "spo2", 360),
        (("--crew", "2"), "heart_rate", 360),
        (("--device", "vitals-2"), "respiration", 360),
        (("--device", "air-1"), "ppo2", 360),
        (("--device", "air-1"), "cabin_pressure", 360),
    ],
)
def test_each_form_tells_the_same_readings(folder: Path, who: tuple[str, str], metric: str, count: int) -> None:
    words = ("query", folder, *who, "--metric", metric, "--format")
    found = json.loads(output(*words, "json"))
    assert len(found["readings"]) == count
    assert set(found["frames"]) == {"cosigned"}
    lines = output(*words, "csv").splitlines()
    assert len(lines) == count + 1
    assert [line.split(",")[0] for line in lines[1:]] == [row["utc"] for row in found["readings"]]
    assert len(output(*words, "table").splitlines()) == count + 3
    bundle = json.loads(output(*words, "fhir"))
    observations = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    assert sorted(one["effectiveDateTime"] for one in observations) == [row["utc"] for row in found["readings"]]


def test_a_person_asked_for_the_air_is_sent_to_the_air_s_monitor(folder: Path) -> None:
    done = CliRunner().invoke(app, ["query", str(folder), "--crew", "1", "--metric", "ppo2"], catch_exceptions=False)
    line = "twin: metric ppo2: no device asked reports ppo2_dapa (--metric); ask --device air-1\n"
    assert (done.exit_code, done.stderr) == (2, line)


@pytest.mark.parametrize(
    ("who", "metric"), [(("--crew", "1"), "bp"), (("--crew", "2"), "spo2"), (("--device", "air-1"), "ppco2")]
)
def test_two_fhir_libraries_read_the_bundle_of_an_hour_and_its_proof_holds(
    folder: Path, who: tuple[str, str], metric: str
) -> None:
    hour = ("--from", "2033-03-10T10:30:00Z", "--to", "2033-03-10T11:30:00Z")
    bundle = json.loads(output("query", folder, *who, "--metric", metric, *hour, "--format", "fhir"))
    assert len(Bundle.model_validate(bundle).entry) == len(bundle["entry"])
    R4Bundle(bundle, strict=True)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds.count("Observation") == 180
    assert kinds.count("Provenance") >= 60
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Provenance":
            _check_proof(entry["resource"])


def _check_proof(provenance: dict[str, Any]) -> None:
    """RFC 9162 section 2.1.3.2, from the values in the resource alone."""
    import base64

    def value(part: dict[str, Any]) -> Any:
        (key,) = (name for name in part if name.startswith("value"))
        return base64.b64decode(part[key]) if key == "valueBase64Binary" else part[key]

    (proof,) = provenance["extension"]
    parts = {part["url"]: part for part in proof["extension"]}
    for name in ("attested", "checkpoint"):
        inner = parts[name]["extension"]
        root = next(value(part) for part in inner if part["url"] == "root")
        size = next(value(part) for part in inner if part["url"] == "treeSize")
        node, at, last = value(parts["leafHash"]), value(parts["index"]), size - 1
        for part in inner:
            if part["url"] != "inclusionPath":
                continue
            sibling = value(part)
            if at & 1 or at == last:
                node = hashlib.sha256(b"\x01" + sibling + node).digest()
                while at and not at & 1:
                    at, last = at >> 1, last >> 1
            else:
                node = hashlib.sha256(b"\x01" + node + sibling).digest()
            at, last = at >> 1, last >> 1
        assert node == root


# ------------------------------------------------------------ tampered with


@pytest.mark.parametrize("kind", [1, 2, 3], ids=["samples", "closing", "alert"])
@pytest.mark.parametrize("place", ["body", "signature"])
def test_a_bit_flipped_in_a_row_is_found_and_the_row_is_named(
    folder: Path, tmp_path: Path, kind: int, place: str
) -> None:
    with copied(folder, tmp_path / "copy") as store:
        query = "SELECT rowid, device, epoch, idx, frame FROM frames WHERE kind = ?"
        # both edges raise an alert; the alert table holds the frame that came first
        query += " AND frame IN (SELECT frame FROM alerts)" if kind == ALERT else ""
        rows = store.execute(query, (kind,)).fetchall()
        row, device, epoch, index, frame = rows[len(rows) // 2]
        bit = 8 * (len(frame) - 20 if place == "signature" else 40) + 3
        store.execute("UPDATE frames SET frame = ? WHERE rowid = ?", (flipped(frame, bit), row))
    found = wrong(tmp_path / "copy")
    named = f"dev-{device}/ep-{epoch}"
    assert {("signatures", f"{named}/{index}"), ("rows", f"{named}/{index}")} & found
    assert ("attestations", named) in found
    assert any(check == "ledger" for check, _ in found)
    if kind == ALERT:
        assert any(check == "alerts" for check, _ in found), "the alert of that row has no frame any more"


def test_a_dropped_row_is_found(folder: Path, tmp_path: Path) -> None:
    with copied(folder, tmp_path / "copy") as store:
        where = "kind = 1 AND idx = 20"
        device, epoch = store.execute(f"SELECT device, epoch FROM frames WHERE {where}").fetchone()
        store.execute(f"DELETE FROM frames WHERE device = ? AND epoch = ? AND {where}", (device, epoch))
    named = f"dev-{device}/ep-{epoch}"
    assert {("streams", named), ("heads", named), ("attestations", named), ("counts", named)} <= wrong(
        tmp_path / "copy"
    )


def test_two_rows_that_changed_places_are_both_named(folder: Path, tmp_path: Path) -> None:
    with copied(folder, tmp_path / "copy") as store:
        device, epoch = store.execute("SELECT device, epoch FROM frames WHERE kind = 1 AND idx = 20").fetchone()
        stream = f"device = '{device}' AND epoch = '{epoch}'"
        for old, new in ((10, -1), (11, 10), (-1, 11)):
            store.execute(f"UPDATE frames SET idx = ? WHERE idx = ? AND {stream}", (new, old))
    named = f"dev-{device}/ep-{epoch}"
    assert {("rows", f"{named}/10"), ("rows", f"{named}/11"), ("attestations", named)} <= wrong(tmp_path / "copy")


@pytest.mark.parametrize("column", ["root", "frontier", "signature"])
def test_a_bit_flipped_in_what_the_auditor_signed_is_found(folder: Path, tmp_path: Path, column: str) -> None:
    with copied(folder, tmp_path / "copy") as store:
        query = f"SELECT rowid, device, epoch, {column} FROM attestations"
        row, device, epoch, value = store.execute(query).fetchone()
        store.execute(f"UPDATE attestations SET {column} = ? WHERE rowid = ?", (flipped(value, 9), row))
    assert wrong(tmp_path / "copy") == {("attestations", f"dev-{device}/ep-{epoch}")}


def test_a_bit_flipped_in_a_checkpoint_is_found_and_it_is_named(folder: Path, tmp_path: Path) -> None:
    with copied(folder, tmp_path / "copy") as store:
        query = "SELECT rowid, author, counter, checkpoint FROM ledger ORDER BY author, counter LIMIT 1 OFFSET 3"
        row, author, counter, value = store.execute(query).fetchone()
        store.execute("UPDATE ledger SET checkpoint = ? WHERE rowid = ?", (flipped(value, 8 * len(value) - 30), row))
    assert wrong(tmp_path / "copy") == {("checkpoints", f"{author}/{counter}")}


def test_a_bit_flipped_in_a_cosignature_is_found_and_its_witness_is_named(folder: Path, tmp_path: Path) -> None:
    with copied(folder, tmp_path / "copy") as store:
        query = "SELECT rowid, author, counter, cosigns FROM ledger ORDER BY author, counter LIMIT 1 OFFSET 3"
        row, author, counter, value = store.execute(query).fetchone()
        cosigns = cbor2.loads(value)
        cosigns[0] = flipped(cosigns[0], 8 * len(cosigns[0]) - 30)
        store.execute("UPDATE ledger SET cosigns = ? WHERE rowid = ?", (cbor2.dumps(cosigns), row))
    (found,) = wrong(tmp_path / "copy")
    assert found[0] == "cosignatures"
    assert found[1].startswith(f"{author}/{counter} by ")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM alerts WHERE rowid = {row}",
        "UPDATE alerts SET rule = 'invented' WHERE rowid = {row}",
        "UPDATE alerts SET idx = idx + 1000 WHERE rowid = {row}",
        "UPDATE alerts SET frame = substr(frame, 2) WHERE rowid = {row}",
    ],
    ids=["dropped", "another rule", "another record", "another frame"],
)
def test_a_changed_alert_is_found_and_named(folder: Path, tmp_path: Path, change: str) -> None:
    with copied(folder, tmp_path / "copy") as store:
        query = "SELECT rowid, device, epoch, idx, rule FROM alerts ORDER BY 2, 3, 4, 5"
        row, device, epoch, index, rule = store.execute(query).fetchone()
        store.execute(change.format(row=row))
    found = wrong(tmp_path / "copy")
    assert ("alerts", f"dev-{device}/ep-{epoch}/{index}/{rule}") in found
    assert {check for check, _ in found} == {"alerts"}


# ------------------------------------------------------------ what Mars forgot


def test_a_number_that_nobody_on_mars_remembers_may_be_used_twice_and_both_are_kept(tmp_path: Path) -> None:
    """Both edges lose their media within a minute: the newest checkpoint may be on its way to Earth just then."""
    faults = """faults:
  - {kind: disk_swap, node: edge-1, at: 50 min, down: 5 min}
  - {kind: disk_swap, node: edge-2, at: 51 min, down: 5 min}
"""
    folder = make_real_run(tmp_path / "run", "hmac-sha256", faults)
    verification = verify_run(folder)
    assert verification.findings.wrong == []
    assert all(of.equal for of in verification.counts.values())
    assert any("a new chain begins" in note for note in verification.findings.notes)
    for proof in prove_all(folder):
        assert proof.state == COSIGNED
