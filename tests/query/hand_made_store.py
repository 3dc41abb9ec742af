"""A run's folder made by hand with the pipeline's own code: what `twin.verify` and `twin.query` must be able to read.

Two crew members, two edge nodes on Mars, an auditor on Earth. `vitals-1` changes its key after 5 frames; `edge-1`
raises an alert in a stream of its own, and chains 3 checkpoints that `edge-2` and the auditor cosign.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cbor2

from twin.channels import VITALS
from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash
from twin.pipeline.wire.frame import (
    ALERT,
    CLOSING,
    NO_READING,
    SAMPLES,
    Alert,
    Frame,
    Samples,
    encode_alert,
    encode_closing,
    encode_samples,
    seal,
)
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.messages import Checkpoint, Cosign, Head, audit_part, encode_signed
from twin.pipeline.wire.signing import Signer
from twin.pipeline.wire.signing import signer as make_signer
from twin.run_registry import write_registry
from twin.world.timescales import utc_to_us

START_UTC = "2033-03-10T10:00:00Z"
START_US = utc_to_us(START_UTC)
S = 1_000_000
FRAME_SAMPLES = 4
EDGES = ("edge-1", "edge-2")
AUDITOR = "auditor"

ONE = 0x1111111111111111
TWO = 0x2222222222222222
EDGE_ONE = 0xE1E1E1E1E1E1E1E1
FIRST = StreamId(ONE, 0xA1)
SECOND = StreamId(ONE, 0xA2)
OTHER = StreamId(TWO, 0xB1)
ALERTS = StreamId(EDGE_ONE, 0xC1)
LEAD_OFF = 2
"""Frame of `OTHER` whose saturation the sensor could not read."""

SCHEMA = """
CREATE TABLE frames (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, kind INTEGER NOT NULL, frame BLOB NOT NULL,
  stored_us INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, idx)
);
CREATE TABLE heads (
  device TEXT NOT NULL, epoch TEXT NOT NULL, size INTEGER NOT NULL, term INTEGER NOT NULL, edge TEXT NOT NULL,
  PRIMARY KEY (device, epoch)
);
CREATE TABLE attestations (
  device TEXT NOT NULL, epoch TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
  frontier BLOB NOT NULL, signature BLOB NOT NULL,
  PRIMARY KEY (device, epoch)
);
CREATE TABLE alerts (
  device TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, rule TEXT NOT NULL, frame BLOB NOT NULL,
  stored_us INTEGER NOT NULL, acknowledged_us INTEGER,
  PRIMARY KEY (device, epoch, idx, rule)
);
CREATE TABLE ledger (
  author TEXT NOT NULL, counter INTEGER NOT NULL, digest BLOB NOT NULL, checkpoint BLOB NOT NULL,
  cosigns BLOB NOT NULL,
  PRIMARY KEY (author, counter, digest)
);
"""


class Made(NamedTuple):
    """What was stored: frames by stream, and the folder."""

    folder: Path
    frames: dict[StreamId, list[bytes]]


def signer(name: str, suite: str) -> Signer:
    """A key of its own for every name."""
    return make_signer(suite, hashlib.sha256(name.encode()).digest())


def samples_of(stream: StreamId, index: int) -> Samples:
    """Four seconds of plain values; those of `OTHER`'s frame `LEAD_OFF` lack the saturation."""
    row = [70 + index, 850, 97, 15, 118, 76, 371, 0, 0, 20]
    if stream == OTHER and index == LEAD_OFF:
        row[VITALS.index("spo2_pct")] = NO_READING
    begins = START_US + (index + (5 if stream == SECOND else 0)) * FRAME_SAMPLES * S
    return Samples(begins, S, VITALS, (tuple(row),) * FRAME_SAMPLES)


def seal_samples(stream: StreamId, index: int, key: Signer) -> bytes:
    """One frame of samples."""
    samples = samples_of(stream, index)
    generated_us = samples.start_us + (FRAME_SAMPLES - 1) * S
    frame = Frame(*stream, index, SAMPLES, generated_us, encode_samples(samples))
    return seal(frame, apid=1, packet_count=index, signer=key)


def make_frames(suite: str) -> dict[StreamId, list[bytes]]:
    """All frames of all streams."""
    old, new = signer("vitals-1", suite), signer("vitals-1 later", suite)
    closing = Frame(*FIRST, 4, CLOSING, START_US + 20 * S, encode_closing(4, SECOND.epoch, new.suite, new.public))
    alert = Alert(AlertKey(*OTHER, LEAD_OFF, "spo2_low"), 1, 3, "oxygen saturation is low")
    raised = Frame(*ALERTS, 0, ALERT, START_US + 12 * S, encode_alert(alert))
    return {
        FIRST: [seal_samples(FIRST, i, old) for i in range(4)] + [seal(closing, apid=1, packet_count=4, signer=old)],
        SECOND: [seal_samples(SECOND, i, new) for i in range(6)],
        OTHER: [seal_samples(OTHER, i, signer("vitals-2", suite)) for i in range(11)],
        ALERTS: [seal(raised, apid=9, packet_count=0, signer=signer("edge-1", suite))],
    }


def make_run(folder: Path, suite: str = "ed25519", witnesses: Sequence[str] = ("edge-2", AUDITOR)) -> Made:
    """Write store, registry and map of persons.

    Args:
        witnesses: Who cosigned each of the three checkpoints, of which the last covers everything.
    """
    folder.mkdir(exist_ok=True)
    frames = make_frames(suite)
    with sqlite3.connect(folder / "earth.sqlite") as store:
        store.executescript(SCHEMA)
        for stream, own in frames.items():
            key = (f"{stream.device:016x}", f"{stream.epoch:016x}")
            rows = [(*key, index, frame[7], frame, START_US + 900 * S) for index, frame in enumerate(own)]
            store.executemany("INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?)", rows)
            store.execute("INSERT INTO heads VALUES (?, ?, ?, 1, 'edge-1')", (*key, len(own)))
            log = log_of(own)
            signature = signer(AUDITOR, suite).sign(audit_part(stream, log.size, log.root()))
            attestation = (*key, log.size, log.root(), b"".join(log.frontier()), signature)
            store.execute("INSERT INTO attestations VALUES (?, ?, ?, ?, ?, ?)", attestation)
        alert = (f"{OTHER.device:016x}", f"{OTHER.epoch:016x}", LEAD_OFF, "spo2_low", frames[ALERTS][0])
        store.execute("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, 0, NULL)", alert)
        store.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?)", make_ledger(frames, suite, witnesses))
    store.close()
    vitals = ("vitals_monitor", VITALS)
    write_registry(
        folder,
        gateway=("earth", signer("earth", suite)),
        auditor=(AUDITOR, signer(AUDITOR, suite)),
        edges={"edge-1": (EDGE_ONE, signer("edge-1", suite)), "edge-2": (None, signer("edge-2", suite))},
        devices={ONE: (*vitals, signer("vitals-1", suite)), TWO: (*vitals, signer("vitals-2", suite))},
        persons={1: {"vitals-1": ONE}, 2: {"vitals-2": TWO}},
        habitat={},
    )
    return Made(folder, frames)


def log_of(frames: Sequence[bytes]) -> MerkleLog:
    """The pipeline's log over frames."""
    log = MerkleLog()
    log.extend(leaf_hash(frame) for frame in frames)
    return log


def make_ledger(
    frames: dict[StreamId, list[bytes]], suite: str, witnesses: Sequence[str]
) -> Iterator[tuple[str, int, bytes, bytes, bytes]]:
    """Three checkpoints of `edge-1`, over the first third, two thirds and all of each stream."""
    previous = b""
    for counter in range(3):
        heads = []
        for stream, own in frames.items():
            size = max(1, len(own) * (counter + 1) // 3)
            heads.append(Head(stream, size, log_of(own[:size]).root()))
        unsigned = Checkpoint("edge-1", counter, START_US + counter * 60 * S, previous, tuple(heads))
        raw = encode_signed(unsigned, signer("edge-1", suite))
        digest = hashlib.sha256(raw).digest()
        cosigns = []
        for witness in witnesses:
            sizes = tuple((head.stream, head.size) for head in heads)
            said = Cosign("edge-1", counter, witness, digest, sizes)
            cosigns.append(encode_signed(said, signer(witness, suite)))
        yield "edge-1", counter, digest, raw, cbor2.dumps(cosigns)
        previous = digest


@contextmanager
def tampering(folder: Path) -> Iterator[sqlite3.Connection]:
    """The store, open for whoever means harm."""
    with sqlite3.connect(folder / "earth.sqlite") as store:
        yield store
    store.close()


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
