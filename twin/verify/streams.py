"""Rows of one stream against the key they stand under, their device's signature, the head and the auditor's root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twin.guarantees.hashing import leaf_of
from twin.verify.findings import Findings
from twin.verify.frames import (
    ALERT,
    CLOSING,
    SAMPLES,
    MalformedError,
    ParsedFrame,
    StreamKey,
    parse_frame,
    read_alert,
    read_closing,
    read_samples,
)
from twin.verify.signatures import EpochKeys, Key
from twin.verify.statements import audited
from twin.verify.store import EarthStore, StoredAttestation, StoredRow
from twin.verify.tree import Tree

_READERS = {SAMPLES: read_samples, CLOSING: read_closing, ALERT: read_alert}


@dataclass
class HashedStream:
    """The rows of a stream as leaves; only those before the first gap can stand in a tree."""

    stream: StreamKey
    tree: Tree = field(default_factory=Tree)
    beyond_gap: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that stand in the table."""
        return self.tree.size + len(self.beyond_gap)


def hash_stream(store: EarthStore, stream: StreamKey, look: Callable[[StoredRow], None] | None = None) -> HashedStream:
    """Read a stream's rows in order, and show each to `look`; memory holds their hashes alone."""
    hashed = HashedStream(stream)
    for row in store.rows(stream):
        if row.index == hashed.tree.size and not hashed.beyond_gap:
            hashed.tree.add(leaf_of(row.frame))
        else:
            hashed.beyond_gap.append(row.index)
        if look is not None:
            look(row)
    return hashed


def judge_row(row: StoredRow, stream: StreamKey, keys: EpochKeys | None) -> tuple[ParsedFrame | None, str, str]:
    """A row against its key, its kind and its device's signature.

    Returns:
        The frame taken apart (None if it cannot be), the check that fails ("" if none does), and what is wrong.
    """
    if keys is None:
        return None, "signatures", "no signer of this name is registered"
    key = keys.of(stream.epoch)
    try:
        frame = parse_frame(row.frame, key.signature_bytes)
        if (frame.stream, frame.index) != (stream, row.index):
            return None, "rows", f"the frame names {frame.stream}/{frame.index}"
        if not key.signed(frame.signed, frame.signature):
            # what nobody signed is shown to nobody as a reading
            return None, "signatures", "the signature is not its device's"
        _READERS[frame.kind](frame.body)
    except MalformedError as error:
        return None, "rows", str(error)
    if row.kind != frame.kind:
        return frame, "rows", f"stands as kind {row.kind}, the frame is of kind {frame.kind}"
    end = keys.closed.get(stream.epoch)
    if end is not None and row.index > end.final_index:
        return frame, "signatures", f"beyond the epoch's last frame {end.final_index}: its key was given up"
    return frame, "", ""


def problem_with_attestation(hashed: HashedStream, attestation: StoredAttestation, auditor: Key) -> str:
    """Why an attestation does not hold for these rows, "" if it does."""
    size, root, frontier, signature = attestation
    if not auditor.signed(audited(hashed.stream, size, root), signature):
        return f"the auditor's signature over {size} rows does not verify"
    if not 0 <= size <= hashed.tree.size:
        return f"{size} rows were attested, {hashed.tree.size} stand in the table without a gap"
    if hashed.tree.root(size) != root:
        return f"the root of the first {size} rows is not the attested one"
    if b"".join(hashed.tree.frontier(size)) != frontier:
        return f"the frontier of the first {size} rows is not the stored one"
    return ""


def check_stream(
    store: EarthStore, stream: StreamKey, keys: EpochKeys | None, auditor: Key, findings: Findings
) -> tuple[HashedStream, dict[tuple[int, int, int, str], list[bytes]]]:
    """Everything about one stream; returns its leaves, and the frames of its alerts by the alert's key."""
    alerts: dict[tuple[int, int, int, str], list[bytes]] = {}

    def look(row: StoredRow) -> None:
        findings.look("rows")
        findings.look("signatures")
        frame, check, what = judge_row(row, stream, keys)
        if check:
            findings.fail(check, f"{stream}/{row.index}", what)
        elif frame is not None and frame.kind == ALERT:
            body = read_alert(frame.body)
            alerts.setdefault((body.device, body.epoch, body.index, body.rule), []).append(row.frame)

    hashed = hash_stream(store, stream, look)
    _check_head(store.head(stream), store.attestation(stream), hashed, findings)
    attestation = store.attestation(stream)
    if attestation is not None:
        findings.look("attestations")
        problem = problem_with_attestation(hashed, attestation, auditor)
        if problem:
            findings.fail("attestations", stream, problem)
    return hashed, alerts


def _check_head(
    head: int | None, attestation: StoredAttestation | None, hashed: HashedStream, findings: Findings
) -> None:
    stream, size = hashed.stream, hashed.tree.size
    attested = 0 if attestation is None else attestation.size
    findings.look("streams")
    findings.look("heads")
    visible = head or 0
    if visible > size:
        gap = f"row {size} is missing" if hashed.beyond_gap else f"the rows end at {size}"
        findings.fail("streams", stream, f"{visible} rows are visible, and {gap}")
    if head is None and attested:
        findings.fail("heads", stream, f"{attested} rows were attested, and there is no head")
    elif visible < attested:
        findings.fail("heads", stream, f"the head shows {visible} rows, {attested} were attested")
    if not 0 <= visible <= hashed.rows:
        findings.fail("heads", stream, f"the head shows {visible} rows, {hashed.rows} stand in the table")
    if hashed.beyond_gap and visible <= size:
        findings.pending.append(f"{stream}: {len(hashed.beyond_gap)} rows wait behind a gap at {size}")
    if visible < size:
        findings.pending.append(f"{stream}: {size - visible} rows are not visible yet")
    if attested < visible <= size:
        findings.pending.append(f"{stream}: {visible - attested} visible rows are not attested yet")
