"""`twin ledger`: counts of table and ledger side by side, and the proof of every record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hand_made_store import ALERTS, FIRST, OTHER, SECOND, Made, flipped, make_run, tampering
from typer.testing import CliRunner, Result

from twin.cli import app
from twin.pipeline.ledger.merkle import leaf_hash
from twin.verify.tree import is_included


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A sound run that nobody changes."""
    return make_run(tmp_path_factory.mktemp("made") / "run")


def twin(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_every_frame_of_the_store_is_found_with_its_proof_and_its_checkpoint(made: Made) -> None:
    done = twin("ledger", made.folder, "--every")
    assert done.exit_code == 0
    proofs = {proof["record"]: proof for proof in map(json.loads, done.stdout.splitlines())}
    assert len(proofs) == sum(map(len, made.frames.values()))
    for stream, frames in made.frames.items():
        for index, frame in enumerate(frames):
            proof = proofs[f"{stream}/{index}"]
            assert bytes.fromhex(proof["leaf"]) == leaf_hash(frame)
            head = proof["checkpoint"]["head"]
            path = [bytes.fromhex(sibling) for sibling in head["path"]]
            assert is_included(leaf_hash(frame), index, head["tree_size"], path, bytes.fromhex(head["root"]))
            assert proof["checkpoint"]["planets"] == ["earth", "mars"]


def test_counts_of_table_and_ledger_are_equal_and_witnessed_on_both_planets(made: Made) -> None:
    done = twin("ledger", made.folder, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    counts = {row["stream"]: (row["table"], row["ledger"], row["witnessed"], row["equal"]) for row in found["streams"]}
    assert counts == {
        str(stream): (size, size, {"mars": size, "earth": size}, True)
        for stream, size in ((FIRST, 5), (SECOND, 6), (OTHER, 11), (ALERTS, 1))
    }
    assert [point["counter"] for point in found["checkpoints"]] == [0, 1, 2]
    text = twin("ledger", made.folder).stdout
    assert f"{OTHER}  11     11      11                 11        equal" in text
    assert "newest of edge-1: 2, cosigned by auditor, edge-2" in text


def test_a_row_too_many_makes_the_counts_differ(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute("DELETE FROM ledger WHERE counter = 2")
    done = twin("ledger", made.folder)
    assert done.exit_code == 0
    assert "4 rows not in a checkpoint yet" in done.stdout


def test_one_record_is_proved_in_words(made: Made) -> None:
    text = twin("ledger", made.folder, "--record", f"{OTHER}/4/2").stdout
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert lines["state"].split() == ["state", "cosigned"]
    assert "leaf 4 of 11" in lines["attested"]
    assert "edge-1/1, made 2033-03-10T10:01:00.000Z" in lines["checkpoint"]
    assert "leaf 4 of 7" in lines["head"]
    assert lines["planets"].split()[1:] == ["earth", "and", "mars"]


def test_a_broken_record_says_why_and_fails(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        frame = flipped(made.frames[OTHER][4], 999)
        store.execute("UPDATE frames SET frame = ? WHERE device LIKE '2%' AND idx = 4", (frame,))
    done = twin("ledger", made.folder, "--record", f"{OTHER}/4")
    assert done.exit_code == 1
    assert "problem     signatures: the signature is not its device's" in done.stdout
    assert twin("ledger", made.folder, "--every").exit_code == 1
    assert twin("ledger", made.folder).exit_code == 1


def test_a_record_that_no_checkpoint_covers_is_pending(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run")
    with tampering(made.folder) as store:
        store.execute("DELETE FROM ledger")
    text = twin("ledger", made.folder, "--record", f"{OTHER}/4").stdout
    assert [line.split() for line in text.splitlines() if line.startswith("checkpoint")] == [["checkpoint", "pending"]]
    assert json.loads(twin("ledger", made.folder, "--record", f"{OTHER}/4", "--json").stdout)["checkpoint"] is None
