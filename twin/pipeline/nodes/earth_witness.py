"""The witness on Earth: cosigns an edge's checkpoint when it has read the rows below every head.

The rows must stand in the table and hash to that head's root. The witness needs no proofs, because it has
read every row. Of each edge it holds the newest checkpoint whose rows are not all read back yet; a checkpoint
in which a stream has shrunk since the last cosigned one is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.pipeline.facts import HeadCosigned, Rejected, RootMismatch, WitnessRefused
from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Checkpoint, Cosign, MessageError, decode, encode, signed_part
from twin.pipeline.wire.signing import Signer, Verifier


class WitnessSettings(NamedTuple):
    """Who witnesses here, to whom cosignatures go, and the keys of the edges."""

    name: str
    gateway: str
    authors: Mapping[str, Verifier]
    signer: Signer


class _Author:
    """One edge: the newest checkpoint not yet cosigned (with its bytes), and counter and heads of the last cosigned."""

    __slots__ = ("counter", "held", "sizes")

    def __init__(self) -> None:
        self.held: tuple[Checkpoint, bytes] | None = None
        self.counter = -1
        self.sizes: dict[StreamId, int] = {}

    def is_new(self, counter: int) -> bool:
        """Whether neither a cosigned checkpoint nor the one held counts as far."""
        return counter > self.counter and (self.held is None or counter > self.held[0].counter)


class EarthWitness:
    """The auditor's half that knows edges.

    Args:
        log_of: the log of rows read back of a stream, None if there is none.
    """

    def __init__(self, settings: WitnessSettings, log_of: Callable[[StreamId], MerkleLog | None]) -> None:
        self.settings = settings
        self._log_of = log_of
        self._authors = {name: _Author() for name in settings.authors}
        self._cosigned: dict[StreamId, int] = {}

    def cosigned(self, stream: StreamId) -> int:
        """Size of the largest head of this stream that was cosigned."""
        return self._cosigned.get(stream, 0)

    def take(self, raw: bytes, out: list[Effect]) -> None:
        """Check who wrote a checkpoint and hold it, if it is the newest; `cosign` comes next."""
        try:
            checkpoint = decode(raw)
        except MessageError as problem:
            out.append(Report(Rejected("checkpoint", str(problem))))
            return
        verifier = self.settings.authors.get(checkpoint.author) if isinstance(checkpoint, Checkpoint) else None
        if verifier is None or not isinstance(checkpoint, Checkpoint):
            out.append(Report(Rejected("checkpoint", "author unknown")))
        elif not verifier.verify(signed_part(checkpoint), checkpoint.signature):
            out.append(Report(Rejected("checkpoint", "signature")))
        elif self._authors[checkpoint.author].is_new(checkpoint.counter):
            self._authors[checkpoint.author].held = (checkpoint, raw)

    def cosign(self, out: list[Effect]) -> bool:
        """Judge each held checkpoint whose rows have all been read back; True if any was signed."""
        signed = False
        for author in self._authors.values():
            if author.held is None:
                continue
            checkpoint, raw = author.held
            logs = {head.stream: self._log_of(head.stream) for head in checkpoint.heads}
            read_back = {stream: 0 if log is None else log.size for stream, log in logs.items()}
            if any(read_back[head.stream] < head.size for head in checkpoint.heads):
                continue
            author.held = None
            if self._follows(author, checkpoint, out):
                author.counter = checkpoint.counter
                author.sizes = {head.stream: head.size for head in checkpoint.heads}
                self._sign(checkpoint, raw, out)
                signed = True
        return signed

    def _follows(self, author: _Author, checkpoint: Checkpoint, out: list[Effect]) -> bool:
        """Whether no stream has shrunk and every head's root is that of the rows in the table."""
        sizes = {head.stream: head.size for head in checkpoint.heads}
        for stream, size in author.sizes.items():
            if sizes.get(stream, 0) < size:
                out.append(Report(WitnessRefused(checkpoint.author, stream, sizes.get(stream, 0))))
                return False
        for head in checkpoint.heads:
            log = self._log_of(head.stream)
            if log is None or head.size < log.base:
                return False  # older than what is still remembered here; a newer one will come
            if log.root(head.size) != head.root:
                out.append(Report(RootMismatch(head.stream, head.size)))
                return False
        return True

    def _sign(self, checkpoint: Checkpoint, raw: bytes, out: list[Effect]) -> None:
        for head in checkpoint.heads:
            self._cosigned[head.stream] = max(head.size, self.cosigned(head.stream))
            out.append(Report(HeadCosigned(checkpoint.author, head.stream, head.size, head.root)))
        sizes = tuple((head.stream, head.size) for head in checkpoint.heads)
        digest = hashlib.sha256(raw).digest()
        unsigned = Cosign(checkpoint.author, checkpoint.counter, self.settings.name, digest, sizes)
        signature = self.settings.signer.sign(signed_part(unsigned))
        out.append(Send(self.settings.gateway, encode(unsigned._replace(signature=signature))))
