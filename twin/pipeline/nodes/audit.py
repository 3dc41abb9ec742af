"""One stream as the auditor knows it: what was read back, what it has signed for, and what is to be read next."""

from __future__ import annotations

from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash, root_of_frontier
from twin.pipeline.nodes.scrub import RangeRoots
from twin.pipeline.nodes.stored import StoredStream
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Attestation, audit_part
from twin.pipeline.wire.signing import Signer


class Audit:
    """`log` of leaves read back, `backup` likewise from the backup; `ranges` find rot later.

    `proved` is the newest attestation that stands in the store; `writing` the one on its way there, at most
    one, so that an older one never overwrites a newer one. `backup.base` is how far the backup was proved; `backing`
    is the statement of more on its way beside it. `registered`: a statement stands there, be it of no rows.

    `keyed`: a row was seen to carry the signature of this epoch's key. Where none was and no closing frame names the
    epoch, its key may be what is missing: then the stream `waits`, and is `impatient` after that.
    """

    __slots__ = (
        "backing",
        "backup",
        "backup_target",
        "id",
        "impatient",
        "keyed",
        "log",
        "missing",
        "proved",
        "ranges",
        "reading",
        "registered",
        "target",
        "waits",
        "writing",
    )

    def __init__(self, stream: StreamId, range_rows: int) -> None:
        self.id = stream
        self.log = MerkleLog()
        self.backup = MerkleLog()
        self.ranges = RangeRoots(range_rows)
        self.target = 0
        self.backup_target = 0
        self.missing = 0
        self.reading = False
        self.registered = False
        self.keyed = False
        self.waits = False
        self.impatient = False
        self.proved: Attestation | None = None
        self.writing: Attestation | None = None
        self.backing: Attestation | None = None

    @classmethod
    def recover(cls, state: StoredStream, range_rows: int) -> Audit:
        """From the statements that stand in the stores."""
        audit = cls(state.stream, range_rows)
        if state.attestation is not None:
            audit.proved = state.attestation
            audit.target = state.attestation.size
            audit.log = MerkleLog(state.attestation.size, state.attestation.frontier)
            audit.ranges = RangeRoots(range_rows, state.attestation.size)
        if state.backed is not None:
            audit.registered = True
            audit.backup_target = state.backed.size
            audit.backup = MerkleLog(state.backed.size, state.backed.frontier)
        return audit

    @property
    def attested(self) -> int:
        """Rows that this auditor has signed for, stored or not."""
        newest = self.writing or self.proved
        return 0 if newest is None else newest.size

    def append(self, frame: bytes) -> None:
        """The next row was read and is what its device signed."""
        leaf = leaf_hash(frame)
        self.log.append(leaf)
        self.ranges.append(leaf)
        self.missing = 0
        self.keyed = True

    def restart_backup(self) -> None:
        """What was read from the backup beyond what is proved is not believed."""
        proved = self.backup.base
        self.backup = MerkleLog(proved, self.backup.frontier(proved))
        self.backup_target = proved

    def statement(self, log: MerkleLog, signer: Signer) -> Attestation:
        """Sign what a log of rows read back comes to."""
        frontier = tuple(log.frontier())
        root = root_of_frontier(frontier, log.size)
        return Attestation(self.id, log.size, root, frontier, signer.sign(audit_part(self.id, log.size, root)))
