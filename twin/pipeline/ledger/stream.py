"""One device's stream as a node keeps it: log of leaves, frames not yet trimmed, and how far each stage has
come.

`size` appended >= `durable` on the medium >= `verified` on Earth >= `trim` backed up there. Frames below
`trim` are gone; leaf hashes stay until every witness has signed past them.
"""

from __future__ import annotations

from collections.abc import Mapping

from twin.pipeline.ledger.merkle import MerkleLog, leaf_hash
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Ack, audit_part, signed_part
from twin.pipeline.wire.signing import Verifier

WRONG_ROOT = "root differs from the own log"


def problem_with_signatures(ack: Ack, gateway: Verifier, auditor: Verifier) -> str | None:
    """Whose signature on an ack is wrong, None if neither: the gateway's over all, the auditor's over the root."""
    if not gateway.verify(signed_part(ack), ack.signature):
        return "gateway's signature"
    if not auditor.verify(audit_part(ack.stream, ack.verified, ack.root), ack.audit):
        return "auditor's signature"
    return None


class Stream:
    """Ledger of one (device, epoch); `signed` is the size of the head in the newest checkpoint.

    `vouched` is the ack at whose frontier the stream was adopted (`adopt`), empty otherwise. Frames below its
    `vouched_size` stood on Earth then; this medium never had them, has lost them, or holds them without their leaves.
    """

    __slots__ = ("ack", "ack_bytes", "durable", "frames", "id", "log", "signed", "trimmed", "vouched", "vouched_size")

    def __init__(self, stream: StreamId, size: int = 0, frontier: tuple[bytes, ...] = ()) -> None:
        self.id = stream
        self.log = MerkleLog(size, frontier)
        self.frames: dict[int, bytes] = {}
        self.durable = size
        self.signed = 0
        self.trimmed = 0
        self.ack: Ack | None = None
        self.ack_bytes = b""
        self.vouched = b""
        self.vouched_size = 0

    @classmethod
    def adopt(cls, ack: Ack, data: bytes, held: Mapping[int, bytes]) -> Stream:
        """Take up a stream at the frontier of an ack whose signatures are good; `data` is its encoding.

        What was `held` of it stays until Earth lets it go: the only copy there may rot before it is backed up.
        """
        stream = cls(ack.stream, ack.verified, ack.frontier)
        stream.frames = {index: frame for index, frame in held.items() if ack.trim <= index < ack.verified}
        stream.take(ack, data)
        stream.vouched = data
        stream.vouched_size = ack.verified
        stream.trimmed = ack.trim
        return stream

    @property
    def size(self) -> int:
        """Frames appended, durable or not."""
        return self.log.size

    @property
    def verified(self) -> int:
        """Frames that Earth has verified, as far as this node knows."""
        return 0 if self.ack is None else self.ack.verified

    @property
    def trim(self) -> int:
        """Frames that this node may delete."""
        return 0 if self.ack is None else self.ack.trim

    @property
    def proof_start(self) -> tuple[int, bytes]:
        """The size, and the ack that vouches for it, from which this log can prove its head to a witness that knows
        less than the log still holds; (0, empty) if there is none.
        """
        if self.ack is not None and self.log.base <= self.ack.verified <= self.durable:
            return self.ack.verified, self.ack_bytes
        return (self.vouched_size, self.vouched) if self.log.base <= self.vouched_size else (0, b"")

    def append(self, frame: bytes) -> bytes:
        """Append a frame and return its leaf hash."""
        leaf = leaf_hash(frame)
        self.frames[self.log.size] = frame
        self.log.append(leaf)
        return leaf

    def problem_with(self, ack: Ack, gateway: Verifier, auditor: Verifier) -> str | None:
        """Why this node must not act on `ack`, or None: order, bounds, both signatures, and the root of the own log.

        Within a term `verified` never falls; a new leader may have lost rows that were not in the backup. If it falls
        below the size at which this stream was adopted, both signatures must do, as they did then.
        """
        last = self.ack
        if last is not None and (ack.term, ack.counter) <= (last.term, last.counter):
            return "not newer than the last"
        if last is not None and ack.term == last.term and ack.verified < last.verified:
            return "verified fell within a term"
        if not self.trim <= ack.trim <= ack.verified <= self.size:
            return "counts outside what this node holds or was told before"
        problem = problem_with_signatures(ack, gateway, auditor)
        if problem is not None:
            return problem
        if ack.verified < self.log.base:  # only of an adopted stream: else no leaf above `trim` is forgotten
            return None
        return None if self.log.root(ack.verified) == ack.root else WRONG_ROOT

    def take(self, ack: Ack, data: bytes) -> None:
        """Act on an ack that has no problem; `data` is its encoding, to pass on."""
        self.ack = ack
        self.ack_bytes = data

    def drop_frames(self, below: int) -> bool:
        """Delete frames with an index under `below`; True if there were any."""
        self.trimmed = max(self.trimmed, below)
        gone = []
        for index in self.frames:  # insertion order is index order
            if index >= below:
                break
            gone.append(index)
        for index in gone:
            del self.frames[index]
        return bool(gone)
