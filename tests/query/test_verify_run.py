"""`twin verify` on a sound store, and on one in which somebody changed anything at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import cbor2
import pytest
from hand_made_store import (
    ALERTS,
    AUDITOR,
    FIRST,
    LEAD_OFF,
    ONE,
    OTHER,
    SECOND,
    START_US,
    Made,
    flipped,
    log_of,
    make_run,
    seal_samples,
    signer,
    tampering,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from twin.cli import app
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Checkpoint, Cosign, Head, audit_part, decode, encode, encode_signed, signed_part
from twin.scenario.errors import ScenarioError
from twin.verify.audit import verify_run
from twin.verify.findings import CHECKS, NEEDED
from twin.verify.text import as_document, summary


def wrong(folder: Path) -> list[tuple[str, str]]:
    """(check, where) of every finding."""
    return [(finding.check, finding.where) for finding in verify_run(folder).findings.wrong]


def key(stream: StreamId) -> tuple[str, str]:
    return f"{stream.device:016x}", f"{stream.epoch:016x}"


def set_frame(made: Made, stream: StreamId, index: int, frame: bytes) -> None:
    with tampering(made.folder) as store:
        where = (frame, *key(stream), index)
        assert store.execute("UPDATE frames SET frame = ? WHERE device = ? AND epoch = ? AND idx = ?", where).rowcount


def set_ledger(made: Made, counter: int, column: str, value: bytes) -> None:
    with tampering(made.folder) as store:
        assert store.execute(f"UPDATE ledger SET {column} = ? WHERE counter = ?", (value, counter)).rowcount == 1


def ledger_of(made: Made, counter: int, column: str) -> bytes:
    with tampering(made.folder) as store:
        found: tuple[bytes] = store.execute(f"SELECT {column} FROM ledger WHERE counter = ?", (counter,)).fetchone()
    return found[0]


@pytest.mark.parametrize("suite", ["ed25519", "hmac-sha256"])
def test_what_the_pipeline_wrote_is_sound_and_every_check_had_something_to_look_at(tmp_path: Path, suite: str) -> None:
    found = verify_run(make_run(tmp_path / "run", suite).folder)
    assert [str(finding) for finding in found.findings.wrong] == []
    assert found.findings.pending == []
    assert found.findings.checked == {
        "store": 1,
        "rows": 23,
        "signatures": 23,
        "streams": 4,
        "heads": 4,
        "attestations": 4,
        "checkpoints": 3,
        "ledger": 12,
        "cosignatures": 6,
        "alerts": 1,
        "counts": 4,
    }
    assert all(of.equal and of.mars == of.earth == of.table for of in found.counts.values())


# ------------------------------------------------------------ rows


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_one_bit_flipped_anywhere_in_a_row_is_found_and_the_row_is_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    made = make_run(tmp_path_factory.mktemp("flip") / "run", "hmac-sha256")
    stream = data.draw(st.sampled_from(list(made.frames)))
    index = data.draw(st.integers(0, len(made.frames[stream]) - 1))
    frame = made.frames[stream][index]
    set_frame(made, stream, index, flipped(frame, data.draw(st.integers(0, 8 * len(frame) - 1))))
    found = wrong(made.folder)
    assert found[0][0] in ("rows", "signatures") or stream == FIRST  # a broken closing breaks what answers to it
    assert any(check in ("rows", "signatures") and where == f"{stream}/{index}" for check, where in found)
    assert ("attestations", str(stream)) in found


def test_a_bit_flipped_in_a_signature_is_found(made: Made) -> None:
    set_frame(made, OTHER, 3, flipped(made.frames[OTHER][3], 8 * len(made.frames[OTHER][3]) - 9))
    assert ("signatures", f"{OTHER}/3") in wrong(made.folder)


def test_a_dropped_row_is_found_at_its_place(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("DELETE FROM frames WHERE device = ? AND epoch = ? AND idx = 4", key(OTHER))
    found = [str(finding) for finding in verify_run(made.folder).findings.wrong]
    assert f"streams: {OTHER}: 11 rows are visible, and row 4 is missing" in found
    assert f"counts: {OTHER}: Earth's witness cosigned 11 rows, the table holds 10" in found


def test_the_last_row_dropped_with_head_and_attestation_set_back_is_found_by_the_ledger(made: Made) -> None:
    log = log_of(made.frames[OTHER][:10])
    signature = signer(AUDITOR, "ed25519").sign(audit_part(OTHER, 10, log.root()))  # even the auditor's key was stolen
    with tampering(made.folder) as store:
        store.execute("DELETE FROM frames WHERE device = ? AND epoch = ? AND idx = 10", key(OTHER))
        store.execute("UPDATE heads SET size = 10 WHERE device = ? AND epoch = ?", key(OTHER))
        store.execute(
            "UPDATE attestations SET size = 10, root = ?, frontier = ?, signature = ? WHERE device = ? AND epoch = ?",
            (log.root(), b"".join(log.frontier()), signature, *key(OTHER)),
        )
    assert wrong(made.folder) == [("counts", str(OTHER))]


def test_two_swapped_rows_are_both_named(made: Made) -> None:
    set_frame(made, OTHER, 5, made.frames[OTHER][6])
    set_frame(made, OTHER, 6, made.frames[OTHER][5])
    found = wrong(made.folder)
    assert ("rows", f"{OTHER}/5") in found
    assert ("rows", f"{OTHER}/6") in found


def test_a_frame_signed_with_the_key_given_up_is_found_in_the_new_epoch(made: Made) -> None:
    set_frame(made, SECOND, 2, seal_samples(SECOND, 2, signer("vitals-1", "ed25519")))
    assert ("signatures", f"{SECOND}/2") in wrong(made.folder)


def test_a_frame_beyond_a_closed_epoch_is_stale_although_its_signature_is_good(made: Made) -> None:
    stale = seal_samples(FIRST, 5, signer("vitals-1", "ed25519"))
    with tampering(made.folder) as store:
        store.execute("INSERT INTO frames VALUES (?, ?, 5, 1, ?, 0)", (*key(FIRST), stale))
    assert wrong(made.folder) == [("signatures", f"{FIRST}/5")]


def test_rows_of_a_device_that_nobody_registered_are_found(made: Made) -> None:
    stranger = StreamId(0x99, 1)
    with tampering(made.folder) as store:
        forged = seal_samples(stranger, 0, signer("stranger", "ed25519"))
        store.execute("INSERT INTO frames VALUES (?, ?, 0, 1, ?, 0)", (*key(stranger), forged))
    assert wrong(made.folder) == [("signatures", f"{stranger}/0")]


def test_a_row_under_a_name_that_is_no_number_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("UPDATE frames SET device = 'somebody' WHERE device = ? AND epoch = ? AND idx = 10", key(OTHER))
    assert ("rows", f"frames dev-somebody/ep-{OTHER.epoch:016x}") in wrong(made.folder)


def test_a_row_that_stands_under_another_kind_than_its_frame_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("UPDATE frames SET kind = 3 WHERE device = ? AND epoch = ? AND idx = 4", key(OTHER))
    (found,) = verify_run(made.folder).findings.wrong
    assert str(found) == f"rows: {OTHER}/4: stands as kind 3, the frame is of kind 1"


def test_a_whole_stream_that_is_gone_is_found_by_the_ledger(made: Made) -> None:
    with tampering(made.folder) as store:
        for table in ("frames", "heads", "attestations"):
            store.execute(f"DELETE FROM {table} WHERE device = ? AND epoch = ?", key(OTHER))
    assert wrong(made.folder) == [("counts", str(OTHER))]


# ------------------------------------------------------------ heads and attestations


@pytest.mark.parametrize(("size", "checks"), [(10, {"heads"}), (12, {"heads", "streams"}), (-1, {"heads"})])
def test_a_changed_head_is_found(made: Made, size: int, checks: set[str]) -> None:
    with tampering(made.folder) as store:
        store.execute("UPDATE heads SET size = ? WHERE device = ? AND epoch = ?", (size, *key(OTHER)))
    assert set(wrong(made.folder)) == {(check, str(OTHER)) for check in checks}


def test_a_head_that_is_gone_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("DELETE FROM heads WHERE device = ? AND epoch = ?", key(OTHER))
    assert wrong(made.folder) == [("heads", str(OTHER))]


@pytest.mark.parametrize("column", ["root", "frontier", "signature"])
def test_a_bit_flipped_in_an_attestation_is_found(made: Made, column: str) -> None:
    with tampering(made.folder) as store:
        where = "WHERE device = ? AND epoch = ?"
        (value,) = store.execute(f"SELECT {column} FROM attestations {where}", key(OTHER)).fetchone()
        store.execute(f"UPDATE attestations SET {column} = ? {where}", (flipped(value, 77), *key(OTHER)))
    assert wrong(made.folder) == [("attestations", str(OTHER))]


def test_an_attestation_of_another_size_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("UPDATE attestations SET size = 9 WHERE device = ? AND epoch = ?", key(OTHER))
    assert wrong(made.folder) == [("attestations", str(OTHER))]


def test_rows_past_the_attestation_are_pending_and_not_wrong(made: Made) -> None:
    log = log_of(made.frames[OTHER][:8])
    signature = signer(AUDITOR, "ed25519").sign(audit_part(OTHER, 8, log.root()))
    with tampering(made.folder) as store:
        store.execute("UPDATE heads SET size = 10 WHERE device = ? AND epoch = ?", key(OTHER))
        store.execute(
            "UPDATE attestations SET size = 8, root = ?, frontier = ?, signature = ? WHERE device = ? AND epoch = ?",
            (log.root(), b"".join(log.frontier()), signature, *key(OTHER)),
        )
    found = verify_run(made.folder).findings
    assert found.sound
    assert found.pending == [
        f"{OTHER}: 1 rows are not visible yet",
        f"{OTHER}: 2 visible rows are not attested yet",
    ]


# ------------------------------------------------------------ the ledger


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_one_bit_flipped_anywhere_in_a_checkpoint_is_found_and_it_is_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    made = make_run(tmp_path_factory.mktemp("flip") / "run", "hmac-sha256")
    raw = ledger_of(made, 1, "checkpoint")
    set_ledger(made, 1, "checkpoint", flipped(raw, data.draw(st.integers(0, 8 * len(raw) - 1))))
    assert ("checkpoints", "edge-1/1") in wrong(made.folder)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_one_bit_flipped_anywhere_in_a_cosignature_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    made = make_run(tmp_path_factory.mktemp("flip") / "run", "hmac-sha256")
    cosigns = cbor2.loads(ledger_of(made, 2, "cosigns"))
    place = data.draw(st.integers(0, 1))
    cosigns[place] = flipped(cosigns[place], data.draw(st.integers(0, 8 * len(cosigns[place]) - 1)))
    set_ledger(made, 2, "cosigns", cbor2.dumps(cosigns))
    found = wrong(made.folder)
    assert [check for check, _ in found] == ["cosignatures"]
    assert found[0][1].startswith("edge-1/2")


def test_a_cosignature_moved_to_another_checkpoint_is_found(made: Made) -> None:
    set_ledger(made, 2, "cosigns", ledger_of(made, 1, "cosigns"))
    assert wrong(made.folder) == [("cosignatures", "edge-1/2 by edge-2"), ("cosignatures", "edge-1/2 by auditor")]


def test_an_edge_cannot_witness_itself(made: Made) -> None:
    said = decode(cbor2.loads(ledger_of(made, 2, "cosigns"))[0])._replace(witness="edge-1")  # type: ignore[call-arg]
    own = encode_signed(said, signer("edge-1", "ed25519"))  # type: ignore[arg-type]
    set_ledger(made, 2, "cosigns", cbor2.dumps([own]))
    assert wrong(made.folder) == [("cosignatures", "edge-1/2 by edge-1")]


def resigned(made: Made, counter: int, **changes: object) -> None:
    """The edge itself writes another history."""
    old = decode(ledger_of(made, counter, "checkpoint"))
    assert isinstance(old, Checkpoint)
    unsigned = old._replace(**changes)  # type: ignore[arg-type]
    signature = signer("edge-1", "ed25519").sign(signed_part(unsigned))
    raw = encode(unsigned._replace(signature=signature))
    set_ledger(made, counter, "checkpoint", raw)
    set_ledger(made, counter, "digest", hashlib.sha256(raw).digest())
    set_ledger(made, counter, "cosigns", cbor2.dumps([]))


def test_an_edge_that_rewrites_a_checkpoint_breaks_the_chain_after_it(made: Made) -> None:
    resigned(made, 1, at_us=5)
    assert wrong(made.folder) == [("checkpoints", "edge-1/2")]


def test_a_chain_that_begins_with_a_hash_of_nothing_known_is_found(made: Made) -> None:
    resigned(made, 0, previous=hashlib.sha256(b"").digest())
    assert wrong(made.folder) == [("checkpoints", "edge-1/0"), ("checkpoints", "edge-1/1")]


def test_a_head_in_a_checkpoint_that_is_not_the_root_of_the_rows_is_found(made: Made) -> None:
    old = decode(ledger_of(made, 2, "checkpoint"))
    assert isinstance(old, Checkpoint)
    heads = tuple(h._replace(root=flipped(h.root, 3)) if h.stream == OTHER else h for h in old.heads)
    resigned(made, 2, heads=heads)
    assert wrong(made.folder) == [("ledger", "edge-1/2")]


def test_a_head_that_shrinks_along_the_chain_is_found(made: Made) -> None:
    old = decode(ledger_of(made, 2, "checkpoint"))
    assert isinstance(old, Checkpoint)
    heads = tuple(
        h._replace(size=1, root=log_of(made.frames[OTHER][:1]).root()) if h.stream == OTHER else h for h in old.heads
    )
    resigned(made, 2, heads=heads)
    assert wrong(made.folder) == [("checkpoints", "edge-1/2")]


def test_a_checkpoint_that_is_not_archived_is_pending_and_named(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("DELETE FROM ledger WHERE counter = 1")
    found = verify_run(made.folder).findings
    assert found.sound
    assert found.pending == ["edge-1: 1 of 3 checkpoints did not reach Earth; the heads of later ones cover their rows"]


def test_cosignatures_that_came_before_their_checkpoint_wait_for_it(made: Made) -> None:
    set_ledger(made, 2, "checkpoint", b"")
    found = verify_run(made.folder).findings
    assert found.sound
    assert "edge-1: of 1 checkpoints only cosignatures have reached Earth" in found.pending


ALL = (FIRST, SECOND, OTHER, ALERTS)


def add_checkpoint(
    made: Made,
    counter: int,
    previous: bytes,
    streams: tuple[StreamId, ...],
    resting: bytes = b"",
    cosigned: Mapping[str, tuple[StreamId, ...]] = MappingProxyType({}),
) -> str:
    """The edge signs one more, over all rows of these streams; returns its digest in hex.

    Args:
        cosigned: of each witness the streams that its cosignature names.
    """
    heads = tuple(Head(s, len(made.frames[s]), log_of(made.frames[s]).root()) for s in streams)
    unsigned = Checkpoint("edge-1", counter, START_US, previous, heads, resting)
    raw = encode_signed(unsigned, signer("edge-1", "ed25519"))
    digest = hashlib.sha256(raw).digest()
    cosigns = []
    for witness, named in cosigned.items():
        sizes = tuple((s, len(made.frames[s])) for s in named)
        said = Cosign("edge-1", counter, witness, digest, sizes, resting=b"" if set(named) == set(ALL) else resting)
        cosigns.append(encode_signed(said, signer(witness, "ed25519")))
    with tampering(made.folder) as store:
        store.execute("INSERT INTO ledger VALUES ('edge-1', ?, ?, ?, ?)", (counter, digest, raw, cbor2.dumps(cosigns)))
    return digest.hex()


def rest_of(made: Made, *streams: StreamId, fewer: int = 0) -> bytes:
    """The digest of heads over all rows of these streams, or `fewer`."""
    sizes = {stream: len(made.frames[stream]) - fewer for stream in streams}
    heads = [[list(s), size, log_of(made.frames[s][:size]).root()] for s, size in sorted(sizes.items())]
    return hashlib.sha256(cbor2.dumps(heads)).digest()


def test_heads_at_rest_are_those_of_the_checkpoint_before_and_their_witnesses_signed_them(made: Made) -> None:
    before = verify_run(made.folder)
    cosigned = {AUDITOR: ALL, "edge-2": (OTHER,)}
    add_checkpoint(made, 3, digest_of(made, 2), (OTHER,), rest_of(made, FIRST, SECOND, ALERTS), cosigned)
    after = verify_run(made.folder)
    assert after.findings.wrong == []
    assert after.findings.pending == []
    assert after.counts == before.counts
    newest = after.checkpoints[-1]
    assert newest.statement.heads == after.checkpoints[-2].statement.heads
    assert set(newest.cosigns) == {AUDITOR, "edge-2"}


def test_heads_at_rest_are_found_across_a_gap(made: Made) -> None:
    add_checkpoint(made, 5, bytes(32), (OTHER,), rest_of(made, FIRST, SECOND, ALERTS))
    assert verify_run(made.folder).findings.wrong == []


def test_heads_that_are_said_to_rest_and_stand_nowhere_are_found(made: Made) -> None:
    add_checkpoint(made, 3, digest_of(made, 2), (OTHER,), rest_of(made, FIRST, SECOND, fewer=1))
    assert ("checkpoints", "edge-1/3") in wrong(made.folder)
    assert "checkpoints: edge-1/3: the heads at rest are not those of any checkpoint before it" in [
        str(finding) for finding in verify_run(made.folder).findings.wrong
    ]


def test_a_new_chain_in_which_heads_rest_is_found(made: Made) -> None:
    add_checkpoint(made, 3, b"", (OTHER,), rest_of(made, FIRST, SECOND, ALERTS))
    assert wrong(made.folder) == [("checkpoints", "edge-1/3")]


def test_a_cosignature_over_some_of_the_heads_at_rest_is_found(made: Made) -> None:
    rest = rest_of(made, FIRST, SECOND, ALERTS)
    add_checkpoint(made, 3, digest_of(made, 2), (OTHER,), rest, {"edge-2": (OTHER, FIRST)})
    assert wrong(made.folder) == [("cosignatures", "edge-1/3 by edge-2")]


def digest_of(made: Made, counter: int) -> bytes:
    return hashlib.sha256(ledger_of(made, counter, "checkpoint")).digest()


def test_a_new_chain_after_a_lost_medium_is_noted_with_what_it_leaves_out_and_what_comes_back(made: Made) -> None:
    digest = add_checkpoint(made, 3, b"", (OTHER, ALERTS))
    add_checkpoint(made, 4, bytes.fromhex(digest), (FIRST, SECOND, OTHER, ALERTS))
    found = verify_run(made.folder).findings
    assert found.sound
    assert found.pending == []
    what = f"a new chain begins, as after the loss of a medium; it leaves out {FIRST}, {SECOND}"
    assert found.notes == [f"edge-1/3: {what}"]


def test_a_stream_left_out_without_a_new_chain_is_found(made: Made) -> None:
    add_checkpoint(made, 3, digest_of(made, 2), (OTHER, ALERTS))
    assert wrong(made.folder) == [("checkpoints", "edge-1/3")] * 2


def test_two_checkpoints_under_one_number_are_both_kept_and_noted(made: Made) -> None:
    add_checkpoint(made, 2, digest_of(made, 1), (FIRST, SECOND, OTHER, ALERTS))
    found = verify_run(made.folder).findings
    assert found.sound
    assert len(found.notes) == 1
    assert "edge-1/2: another checkpoint stands under the same number" in found.notes[0]


def test_a_checkpoint_under_the_hash_of_another_is_found(made: Made) -> None:
    set_ledger(made, 1, "digest", bytes(32))
    assert ("checkpoints", "edge-1/1") in wrong(made.folder)


def test_a_number_that_does_not_follow_the_one_it_names_is_found(made: Made) -> None:
    add_checkpoint(made, 5, digest_of(made, 2), (FIRST, SECOND, OTHER, ALERTS))
    assert wrong(made.folder) == [("checkpoints", "edge-1/5")]


def test_rows_that_only_mars_has_seen_are_pending(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", witnesses=("edge-2",))
    with tampering(made.folder) as store:
        for table in ("frames", "heads", "attestations"):
            store.execute(f"DELETE FROM {table} WHERE device = ? AND epoch = ?", key(SECOND))
    found = verify_run(made.folder).findings
    assert found.sound
    assert found.pending == [f"{SECOND}: 6 rows of the ledger are not on Earth"]


# ------------------------------------------------------------ alerts


def test_an_alert_that_is_missing_in_its_table_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("DELETE FROM alerts")
    assert wrong(made.folder) == [("alerts", f"{OTHER}/{LEAD_OFF}/spo2_low")]


def test_an_alert_that_no_edge_raised_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("INSERT INTO alerts SELECT device, epoch, idx, 'invented', frame, 0, NULL FROM alerts")
    assert wrong(made.folder) == [("alerts", f"{OTHER}/{LEAD_OFF}/invented")]


def test_an_alert_with_another_frame_is_found(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("UPDATE alerts SET frame = ?", (flipped(made.frames[ALERTS][0], 500),))
    assert wrong(made.folder) == [("alerts", f"{OTHER}/{LEAD_OFF}/spo2_low")]


# ------------------------------------------------------------ what people see


def test_the_summary_names_the_first_failures_and_counts_all(made: Made) -> None:
    for index in range(11):
        set_frame(made, OTHER, index, flipped(made.frames[OTHER][index], 1000))
    text = summary(verify_run(made.folder))
    assert f"signatures: {OTHER}/0: the signature is not its device's" in text
    assert "... and " in text
    assert text.splitlines()[-1].startswith("NOT sound: ")


def test_the_document_holds_every_finding(made: Made) -> None:
    set_frame(made, OTHER, 3, flipped(made.frames[OTHER][3], 1000))
    found = as_document(verify_run(made.folder))
    assert found["sound"] is False
    assert set(found["checks"]) == set(CHECKS)
    assert found["checks"]["signatures"]["wrong"] == 1
    assert found["wrong"][0] == {
        "check": "signatures",
        "where": f"{OTHER}/3",
        "what": "the signature is not its device's",
    }


def test_both_forms_say_what_no_signature_covers(made: Made) -> None:
    found = verify_run(made.folder)
    text, document = summary(found), as_document(found)
    for words in ("stored_us", "the table told", "heads.term", "set back to what it held earlier"):
        assert words in text
        assert any(words in one for one in document["not_covered"])


# ------------------------------------------------------------ nothing proved


PROOFS = {
    "attestations": ("DELETE FROM attestations", ["attestations"]),
    "cosignatures": ("UPDATE ledger SET cosigns = X'80'", ["cosignatures"]),
    "ledger": ("DELETE FROM ledger", ["checkpoints", "ledger", "cosignatures"]),
    "no ledger at all": ("DROP TABLE ledger", ["checkpoints", "ledger", "cosignatures"]),
    "checkpoints": ("UPDATE ledger SET checkpoint = X''", ["checkpoints", "ledger", "cosignatures"]),
}


@pytest.mark.parametrize(("change", "missing"), PROOFS.values(), ids=PROOFS)
def test_a_store_without_a_kind_of_proof_contradicts_nothing_and_proves_nothing(
    made: Made, change: str, missing: list[str]
) -> None:
    with tampering(made.folder) as store:
        store.execute(change)
    found = verify_run(made.folder)
    assert found.findings.wrong == []
    assert (found.findings.outcome, found.findings.missing) == ("nothing proved", missing)
    done = CliRunner().invoke(app, ["verify", str(made.folder)])
    assert done.exit_code == 1
    last = done.stdout.splitlines()[-1]
    assert last == f"NOTHING PROVED: the store holds nothing to check for {', '.join(missing)}"
    document = json.loads(CliRunner().invoke(app, ["verify", str(made.folder), "--json"]).stdout)
    assert (document["outcome"], document["sound"], document["missing"]) == ("nothing proved", False, missing)
    done = CliRunner().invoke(app, ["ledger", str(made.folder)])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, last)


def test_an_emptied_store_proves_nothing(made: Made) -> None:
    with tampering(made.folder) as store:
        for table in ("frames", "heads", "attestations", "alerts", "ledger"):
            store.execute(f"DELETE FROM {table}")
    found = verify_run(made.folder).findings
    assert (found.outcome, found.missing, found.wrong) == ("nothing proved", list(NEEDED), [])


def test_what_is_wrong_goes_before_what_is_missing(made: Made) -> None:
    set_frame(made, OTHER, 3, flipped(made.frames[OTHER][3], 1000))
    with tampering(made.folder) as store:
        store.execute("DELETE FROM ledger")
    assert verify_run(made.folder).findings.outcome == "broken"


# ------------------------------------------------------------ damaged as a file


def overwrite(file: Path, at: int, data: bytes) -> None:
    with file.open("r+b") as store:
        store.seek(at)
        store.write(data)


DAMAGES = {
    "another file": lambda file: file.write_bytes(b"not a database, whatever it is called" * 100),
    "empty": lambda file: file.write_bytes(b""),
    "cut in a page": lambda file: os.truncate(file, file.stat().st_size // 2 + 77),
    "cut between pages": lambda file: os.truncate(file, 8192),
    "cut in the first page": lambda file: os.truncate(file, 50),
    "a schema that is no text": lambda file: file.write_bytes(
        file.read_bytes().replace(b"TABLE heads", b"TABL\xbc heads")
    ),
    "a page of nothing": lambda file: overwrite(file, 3 * 4096, bytes(4096)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("has_backup", [True, False])
def test_a_damaged_file_is_a_broken_store_and_the_remedy_names_what_is_there(
    made: Made, damage: Callable[[Path], None], has_backup: bool
) -> None:
    file = made.folder / "earth.sqlite"
    if has_backup:
        shutil.copy(file, made.folder / "earth-backup.sqlite")
    damage(file)
    remedy = "earth-backup.sqlite beside it holds the rows" if has_backup else "nothing beside it holds its rows"
    (found,) = verify_run(made.folder).findings.wrong
    assert (found.check, found.where) == ("store", str(file))
    assert remedy in found.what
    done = CliRunner().invoke(app, ["verify", str(made.folder)], catch_exceptions=False)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "NOT sound: 1 findings")
    for words in (["query", "--crew", "2", "--metric", "spo2"], ["ledger", "--every"]):
        done = CliRunner().invoke(app, [*words, str(made.folder)], catch_exceptions=False)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"twin: store {file}: ")
        assert remedy in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE frames SET frame = 'text' WHERE idx = 3", "holds text in frames.frame, where blob belongs"),
        ("UPDATE frames SET idx = 'x' WHERE idx = 10", "holds text in frames.idx, where integer belongs"),
        ("UPDATE heads SET size = 1.5", "holds real in heads.size, where integer belongs"),
        ("UPDATE ledger SET cosigns = 7", "holds integer in ledger.cosigns, where blob belongs"),
    ],
)
def test_a_value_of_another_type_is_found(made: Made, change: str, words: str) -> None:
    with tampering(made.folder) as store:
        store.execute(change)
    (found,) = verify_run(made.folder).findings.wrong
    assert found.check == "store"
    assert words in found.what


def test_text_that_is_no_text_and_alerts_of_nobody_are_named(made: Made) -> None:
    with tampering(made.folder) as store:
        store.execute("UPDATE alerts SET device = CAST(X'ff' AS TEXT)")
    assert ("rows", f"alerts dev-\ufffd/ep-{OTHER.epoch:016x}") in wrong(made.folder)


def test_a_store_that_was_taken_away_is_asked_for_by_the_name_of_what_is_left(made: Made) -> None:
    (made.folder / "earth.sqlite").rename(made.folder / "earth-backup.sqlite")
    with pytest.raises(ScenarioError, match=r"holds no earth.sqlite .*; earth-backup.sqlite beside it holds"):
        verify_run(made.folder)


def test_a_device_that_was_never_registered_is_named_by_the_registry_alone(made: Made) -> None:
    registry = made.folder / "registry.json"
    registry.write_text(registry.read_text().replace(f"dev-{ONE:016x}", "dev-00000000000000aa"))
    named = {where for check, where in wrong(made.folder) if check == "signatures"}
    assert {f"{FIRST}/0", f"{SECOND}/5"} <= named
