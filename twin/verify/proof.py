"""The proof of one record, from its row in the table to signatures on both planets.

| state | means |
|---|---|
| `broken` | the row is not what its device signed, or stands under another key or kind |
| `signed` | the device's signature verifies; no attestation of the auditor's covers the row, or it does not hold |
| `attested` | besides, the row is in a root that the auditor signed |
| `cosigned` | besides, it is below a head of a checkpoint that witnesses on both planets cosigned |

In a habitat with one edge node no other edge can witness: its own signature then stands for Mars.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from twin.guarantees.hashing import leaf_of
from twin.run_registry import RunRegistry, load_registry
from twin.verify.audit import keys_of
from twin.verify.findings import Findings
from twin.verify.frames import ParsedFrame, StreamKey
from twin.verify.ledger import EARTH, MARS, KeptCheckpoint, Keys, read_ledger
from twin.verify.signatures import Key
from twin.verify.store import EarthStore, StoredAttestation, StoredRow
from twin.verify.streams import hash_stream, judge_row, problem_with_attestation

BROKEN: Final = "broken"
SIGNED: Final = "signed"
ATTESTED: Final = "attested"
COSIGNED: Final = "cosigned"


class Inclusion(NamedTuple):
    """That a leaf stands among the first `size` leaves with `root`; `path` from its sibling up (RFC 9162)."""

    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Proof:
    """Of one row.

    Attributes:
        problem: what contradicts it, "" if nothing does.
        leaf: hash of the row; device_signature stands in the frame itself.
        attested: inclusion in the root that the auditor signed, with that signature.
        checkpoint: the earliest checkpoint that covers it best, with the inclusion in its head.
    """

    stream: StreamKey
    index: int
    state: str
    problem: str
    leaf: bytes
    stored_us: int
    frame: ParsedFrame | None
    attested: tuple[Inclusion, bytes] | None
    checkpoint: tuple[Inclusion, KeptCheckpoint] | None

    @property
    def record(self) -> str:
        """The record's address."""
        return f"{self.stream}/{self.index}"

    @property
    def planets(self) -> list[str]:
        """The planets whose witnesses cosigned the checkpoint, in alphabetical order."""
        return [] if self.checkpoint is None else sorted(self.checkpoint[1].planets)


class Archive:
    """The ledger of a run, read once, and the keys that judge it.

    Args:
        findings: takes what is wrong with the ledger itself.
    """

    def __init__(self, store: EarthStore, registry: RunRegistry, findings: Findings | None = None) -> None:
        self.store = store
        self.registry = registry
        self.auditor = Key.of(registry.auditor.key)
        self.checkpoints = read_ledger(store, Keys.of(registry), findings or Findings())
        self._needed = {EARTH, MARS} if len(registry.edges) > 1 else {EARTH}

    @classmethod
    def of(cls, store: EarthStore, run_dir: Path) -> Archive:
        """With the registry of a run's folder."""
        return cls(store, load_registry(run_dir))

    def stream(self, stream: StreamKey) -> ProvableStream:
        """What is needed to prove any row of a stream."""
        return ProvableStream(self, stream)

    def is_enough(self, checkpoint: KeptCheckpoint) -> bool:
        """Whether witnesses on both planets cosigned a checkpoint."""
        return self._needed <= checkpoint.planets


class ProvableStream:
    """One stream: its leaves, what the auditor signed of it, and the checkpoints whose heads are its roots.

    `problem` is why the auditor's attestation does not hold for these rows, "" if it does: then some row of the stream
    is not what the auditor read, and which one the rows' own signatures tell.
    """

    def __init__(self, archive: Archive, stream: StreamKey) -> None:
        self._archive = archive
        store = archive.store
        self.stream = stream
        self.keys = keys_of(store, archive.registry, stream.device)
        self.hashed = hash_stream(store, stream)
        self.attestation, self.problem = self._attestation(store.attestation(stream))
        tree = self.hashed.tree
        covering = [
            (checkpoint.statement.heads[stream][0], checkpoint)
            for checkpoint in archive.checkpoints
            if stream in checkpoint.statement.heads
            and 0 < checkpoint.statement.heads[stream][0] <= tree.size
            and tree.root(checkpoint.statement.heads[stream][0]) == checkpoint.statement.heads[stream][1]
        ]
        # the best witnessed first, and of those the earliest
        self._covering = sorted(covering, key=lambda one: (-self._worth(one[1]), one[0], one[1].statement.counter))

    def _worth(self, checkpoint: KeptCheckpoint) -> int:
        return 3 if self._archive.is_enough(checkpoint) else len(checkpoint.planets)

    def _attestation(self, attestation: StoredAttestation | None) -> tuple[StoredAttestation | None, str]:
        if attestation is None:
            return None, ""
        problem = problem_with_attestation(self.hashed, attestation, self._archive.auditor)
        return (None, problem) if problem else (attestation, "")

    def rows(self) -> Iterator[StoredRow]:
        """The stream's rows in the order of their indices."""
        return self._archive.store.rows(self.stream)

    def prove(self, row: StoredRow) -> Proof:
        """The proof of a row of this stream."""
        frame, check, what = judge_row(row, self.stream, self.keys)
        tree = self.hashed.tree
        problem = f"{check}: {what}" if check else ""
        if row.index >= tree.size:
            return self._proof(row, frame, problem, None, None)
        attested = None
        if self.attestation is not None and row.index < self.attestation.size:
            attested = self._inclusion(row.index, self.attestation.size), self.attestation.signature
        covering = next((one for one in self._covering if row.index < one[0]), None)
        checkpoint = None if covering is None else (self._inclusion(row.index, covering[0]), covering[1])
        return self._proof(row, frame, problem, attested, checkpoint)

    def _inclusion(self, index: int, size: int) -> Inclusion:
        tree = self.hashed.tree
        return Inclusion(size, tree.root(size), tree.path(index, size))

    def _proof(
        self,
        row: StoredRow,
        frame: ParsedFrame | None,
        problem: str,
        attested: tuple[Inclusion, bytes] | None,
        checkpoint: tuple[Inclusion, KeptCheckpoint] | None,
    ) -> Proof:
        if problem:
            state = BROKEN
        elif attested is None:
            state = SIGNED
        elif checkpoint is None or not self._archive.is_enough(checkpoint[1]):
            state = ATTESTED
        else:
            state = COSIGNED
        return Proof(
            self.stream, row.index, state, problem, leaf_of(row.frame), row.stored_us, frame, attested, checkpoint
        )


def tally(states: Sequence[str]) -> dict[str, int]:
    """How many rows are in each state, in the order of the table above; states that no row is in are left out."""
    return {state: states.count(state) for state in (BROKEN, SIGNED, ATTESTED, COSIGNED) if state in states}
