"""The witness on Earth: cosigns an edge's checkpoint when it has read the rows below every head.

The rows must stand in the table and hash to that head's root; heads at rest must be those that it cosigned. The witness
needs no proofs, because it has read every row. Of each edge it holds the newest checkpoint whose rows are not all read
back yet. One in which a stream has shrunk since the last cosigned one is refused, and its author is reminded of that
last one: it may have lost its medium, and what it said of that may have been lost on its way. Every checkpoint with a
good signature is archived in Earth's ledger, and so are its cosignatures from Mars; the own one leaves when it stands
there, and no newer one has left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.facts import HeadCosigned, Rejected, RootMismatch, WitnessRefused
from twin.pipeline.ledger.at_rest import digest_at_rest
from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.machine import Effect, KeepCheckpoint, Report, Send
from twin.pipeline.nodes.requests import Requests
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Checkpoint,
    Cosign,
    Head,
    MessageError,
    decode_as,
    encode_signed,
    signed_part,
)
from twin.pipeline.wire.signing import Signer, Verifier


class WitnessSettings(NamedTuple):
    """Who witnesses here, to whom cosignatures go, and the keys of the edges, which are authors and witnesses too."""

    name: str
    gateways: tuple[str, ...]
    authors: Mapping[str, Verifier]
    signer: Signer
    own: Verifier


class _Author:
    """One edge: the newest checkpoint not yet cosigned (with its bytes), the counter of the last cosigned, and the
    newest cosignature that has left (empty: none yet) with its counter `said`.

    `heads` are all that were ever cosigned (after a start their roots are those of the rows), `live` the streams that
    the last checkpoint states.
    """

    __slots__ = ("cosign", "counter", "heads", "held", "live", "said")

    def __init__(self) -> None:
        self.held: tuple[Checkpoint, bytes] | None = None
        self.counter = self.said = -1
        self.cosign = b""
        self.heads: dict[StreamId, Head] = {}
        self.live: set[StreamId] = set()

    def is_new(self, counter: int) -> bool:
        """Whether neither a cosigned checkpoint nor the one held counts as far."""
        return counter > self.counter and (self.held is None or counter > self.held[0].counter)


class EarthWitness:
    """The auditor's half that knows edges.

    Args:
        log_of: the log of rows read back of a stream, None if there is none.
    """

    def __init__(
        self, settings: WitnessSettings, log_of: Callable[[StreamId], MerkleLog | None], requests: Requests
    ) -> None:
        self.settings = settings
        self._log_of = log_of
        self._requests = requests
        self._authors = {name: _Author() for name in settings.authors}
        self._own: dict[int, tuple[Checkpoint, bytes]] = {}
        self._cosigned: dict[StreamId, int] = {}

    def cosigned(self, stream: StreamId) -> int:
        """Size of the largest head of this stream that was cosigned."""
        return self._cosigned.get(stream, 0)

    def restore(self, cosigns: Iterable[bytes]) -> None:
        """Take over what was cosigned here before a restart."""
        for raw in cosigns:
            cosign = decode_as(Cosign, raw)
            if cosign.witness != self.settings.name:
                continue
            author = self._authors.get(cosign.author)
            if author is None or not self.settings.own.verify(signed_part(cosign), cosign.signature):
                continue
            if cosign.counter > author.counter:
                author.counter = author.said = cosign.counter
                author.cosign = raw
                author.heads = {stream: Head(stream, size, b"") for stream, size in (*cosign.given_up, *cosign.sizes)}
                author.live = {stream for stream, _ in cosign.sizes}

    def take(self, raw: bytes, out: list[Effect]) -> None:
        """Check who wrote a checkpoint, archive it, and hold it, if it is the newest; `cosign` comes next."""
        try:
            checkpoint = decode_as(Checkpoint, raw)
        except MessageError as problem:
            out.append(Report(Rejected("checkpoint", str(problem))))
            return
        verifier = self.settings.authors.get(checkpoint.author)
        if verifier is None:
            out.append(Report(Rejected("checkpoint", "author unknown")))
        elif not verifier.verify(signed_part(checkpoint), checkpoint.signature):
            out.append(Report(Rejected("checkpoint", "signature")))
        else:
            self._keep(checkpoint.author, checkpoint.counter, hashlib.sha256(raw).digest(), raw, (), out)
            author = self._authors[checkpoint.author]
            if author.is_new(checkpoint.counter):
                author.held = (checkpoint, raw)
            elif checkpoint.counter < author.counter:
                self._remind(author, out)

    def archive(self, cosigns: Iterable[bytes], out: list[Effect]) -> None:
        """Archive cosignatures of witnesses on Mars."""
        for raw in cosigns:
            try:
                cosign = decode_as(Cosign, raw)
            except MessageError as problem:
                out.append(Report(Rejected("cosignature", str(problem))))
                continue
            verifier = self.settings.authors.get(cosign.witness)
            if verifier is None or cosign.author not in self.settings.authors:
                out.append(Report(Rejected("cosignature", "author or witness unknown")))
            elif not verifier.verify(signed_part(cosign), cosign.signature):
                out.append(Report(Rejected("cosignature", "signature")))
            else:
                self._keep(cosign.author, cosign.counter, cosign.digest, b"", (raw,), out)

    def _keep(
        self, author: str, counter: int, digest: bytes, raw: bytes, cosigns: tuple[bytes, ...], out: list[Effect]
    ) -> int:
        request = next(self._requests.ids)
        self._requests.ask(KeepCheckpoint(request, author, counter, digest, raw, cosigns), out)
        return request

    def cosign(self, out: list[Effect]) -> None:
        """Judge each held checkpoint whose rows have all been read back."""
        for author in self._authors.values():
            if author.held is None:
                continue
            checkpoint, raw = author.held
            heads = checkpoint.heads
            logs = {head.stream: self._log_of(head.stream) for head in heads}
            read_back = {stream: 0 if log is None else log.size for stream, log in logs.items()}
            if any(read_back[head.stream] < head.size for head in heads):
                continue
            author.held = None
            if self._follows(author, checkpoint, out):
                author.counter = checkpoint.counter
                author.heads |= {head.stream: head for head in heads}
                named = {head.stream for head in heads}
                author.live = author.live | named if checkpoint.previous else named
                self._sign(checkpoint, raw, out)

    def _remind(self, author: _Author, out: list[Effect]) -> None:
        """Tell an author that counts or names less than before, or what is not known here, what was cosigned last."""
        if author.cosign:
            reminder = self._signed(decode_as(Cosign, author.cosign)._replace(digest=b""))
            out.extend(Send(gateway, reminder) for gateway in self.settings.gateways)

    def _follows(self, author: _Author, checkpoint: Checkpoint, out: list[Effect]) -> bool:
        if not self._keeps_streams(author, checkpoint, out):
            self._remind(author, out)
            return False
        return self._is_of_the_rows(checkpoint, out)

    def _keeps_streams(self, author: _Author, checkpoint: Checkpoint, out: list[Effect]) -> bool:
        """Whether no stream has shrunk.

        One that is not written out rests. A checkpoint that begins a new chain may leave streams out: its author lost
        them with its medium.
        """
        sizes = {head.stream: head.size for head in checkpoint.heads}
        for stream, now in sizes.items():
            if stream in author.heads and now < author.heads[stream].size:
                out.append(Report(WitnessRefused(checkpoint.author, stream, now)))
                return False
        missing = author.live - sizes.keys() if checkpoint.previous else set()
        if checkpoint.resting != digest_at_rest(self._with_root(author.heads[stream]) for stream in missing):
            if checkpoint.resting:
                out.append(Report(Rejected("checkpoint", "the heads at rest are not those that were cosigned here")))
            else:
                out.append(Report(WitnessRefused(checkpoint.author, min(missing), 0)))
            return False
        return True

    def _with_root(self, head: Head) -> Head:
        """A cosigned head with its root; without one if it was cosigned before this start, and the rows' log, which has
        them by its size, begins behind it.
        """
        log = self._log_of(head.stream)
        if head.root or log is None or not log.base <= head.size <= log.size:
            return head
        return head._replace(root=log.root(head.size))

    def _is_of_the_rows(self, checkpoint: Checkpoint, out: list[Effect]) -> bool:
        """Whether the root of every head that is written out is that of the rows in the table."""
        for head in checkpoint.heads:
            log = self._log_of(head.stream)
            if log is None or head.size < log.base:
                return False  # older than what is still remembered here; a newer one will come
            if log.root(head.size) != head.root:
                out.append(Report(RootMismatch(head.stream, head.size)))
                return False
        return True

    def _sign(self, checkpoint: Checkpoint, raw: bytes, out: list[Effect]) -> None:
        author = self._authors[checkpoint.author]
        sizes = tuple((stream, head.size) for stream, head in author.heads.items() if stream in author.live)
        given_up = tuple((stream, head.size) for stream, head in author.heads.items() if stream not in author.live)
        digest = hashlib.sha256(raw).digest()
        name = self.settings.name
        cosign = self._signed(Cosign(checkpoint.author, checkpoint.counter, name, digest, sizes, given_up))
        # with the checkpoint, which may not be stored yet: heads will rest on it
        request = self._keep(checkpoint.author, checkpoint.counter, digest, raw, (cosign,), out)
        self._own[request] = (checkpoint, cosign)

    def _signed(self, cosign: Cosign) -> bytes:
        return encode_signed(cosign, self.settings.signer)

    def kept(self, request: int, out: list[Effect]) -> bool:
        """The ledger answered; False if nobody asked it."""
        if self._requests.answered(request, KeepCheckpoint) is None:
            return False
        own = self._own.pop(request, None)
        if own is not None:
            self._say(*own, out)
        return True

    def _say(self, checkpoint: Checkpoint, cosign: bytes, out: list[Effect]) -> None:
        """Let a stored cosignature leave, unless a newer one has: a store that refuses now and then answers in any
        order, and nobody may hear of a smaller head after a larger one.
        """
        author = self._authors[checkpoint.author]
        if checkpoint.counter < author.said:
            return
        author.said, author.cosign = checkpoint.counter, cosign
        for head in checkpoint.heads:
            self._cosigned[head.stream] = max(head.size, self.cosigned(head.stream))
            out.append(Report(HeadCosigned(checkpoint.author, head.stream, head.size, head.root)))
        out.extend(Send(gateway, cosign) for gateway in self.settings.gateways)
