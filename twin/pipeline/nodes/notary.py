"""The ledger half of an edge: signs checkpoints of its own streams, and witnesses the checkpoints of its
peers.

A checkpoint states the heads of all streams, chained to the one before by its SHA-256. A witness signs only
what it can follow: each head must be consistent (RFC 9162 section 2.1.4) with the last head of that stream
that it signed, and that head is durable here before the cosignature leaves. Cosigning is asynchronous and
never gates synchronization; a missing one is pending.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cbor2

from twin.pipeline.facts import HeadCosigned, HeadSigned, Rejected, WitnessRefused
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.merkle import verify_consistency
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Checkpoint,
    CheckpointOffer,
    Cosign,
    Head,
    MessageError,
    decode,
    encode,
    signed_part,
)
from twin.pipeline.wire.signing import Signer, Verifier


class NotarySettings(NamedTuple):
    """Who signs here, which peers witness, and by which keys; `witnesses` holds name -> key, Earth's auditor
    included.

    `earth_witness` is the one of them that is reached by bundle instead of the local network.
    """

    name: str
    signer: Signer
    witnesses: Mapping[str, Verifier]
    authors: Mapping[str, Verifier]
    earth_witness: str


class _Witnessed(NamedTuple):
    counter: int
    cosign: bytes
    heads: dict[StreamId, tuple[int, bytes]]


class MadeCheckpoint(NamedTuple):
    """A checkpoint: journal entry, heads, what to emit once it is durable, and the payload for Earth's witness."""

    entry: bytes
    heads: dict[StreamId, int]
    effects: tuple[Effect, ...]
    for_earth: bytes


class Notary:
    """Checkpoint chain of one edge and its memory as a witness."""

    def __init__(self, settings: NotarySettings) -> None:
        self.settings = settings
        self.counter = 0
        self.digest = b""
        self._signed_past: dict[str, dict[StreamId, int]] = {name: {} for name in settings.witnesses}
        self._witnessed: dict[str, _Witnessed] = {}

    # ------------------------------------------------------------ as author

    def checkpoint(self, streams: Mapping[StreamId, Stream], now_us: int) -> MadeCheckpoint | None:
        """Sign the heads of all durable records; None when none has moved since the last checkpoint.

        `Stream.signed` moves when the checkpoint is durable, which is the caller's to say (`published`).
        """
        moved = [s for s in streams.values() if s.durable > s.signed]
        if not moved:
            return None
        out: list[Effect] = []
        for stream in moved:
            root = stream.log.root(stream.durable)
            proof = stream.log.consistency_proof(stream.signed, stream.durable) if stream.signed else ()
            out.append(Report(HeadSigned(stream.id, stream.signed, stream.durable, root, tuple(proof))))
        heads = tuple(Head(s.id, s.durable, s.log.root(s.durable)) for s in streams.values() if s.durable)
        unsigned = Checkpoint(self.settings.name, self.counter, now_us, self.digest, heads)
        data = encode(unsigned._replace(signature=self.settings.signer.sign(signed_part(unsigned))))
        self._remember(data)
        for name in self.settings.witnesses:
            if name != self.settings.earth_witness:
                proofs = tuple(self._proof_for(name, streams[head.stream], head.size) for head in heads)
                out.append(Send(name, encode(CheckpointOffer(data, proofs))))
        sizes = {head.stream: head.size for head in heads}
        return MadeCheckpoint(data, sizes, tuple(out), encode(CheckpointOffer(data, ())))

    def _proof_for(self, witness: str, stream: Stream, size: int) -> tuple[int, tuple[bytes, ...]]:
        """From the size that the witness signed last, as far as known here; (0, ()) asks it to say."""
        known = self._signed_past[witness].get(stream.id, 0)
        if known < max(1, stream.log.base):
            return 0, ()
        return known, tuple(stream.log.consistency_proof(known, size))

    def published(self, heads: Mapping[StreamId, int], streams: Mapping[StreamId, Stream]) -> None:
        """A checkpoint with these heads is on the medium."""
        for stream_id, size in heads.items():
            streams[stream_id].signed = size

    def cosigned(self, cosign: Cosign, streams: Mapping[StreamId, Stream]) -> list[Effect]:
        """Take a witness's cosignature: leaves below it need not be kept for that witness any more."""
        verifier = self.settings.witnesses.get(cosign.witness)
        if verifier is None or cosign.author != self.settings.name:
            return [Report(Rejected("Cosign", "not a witness of this edge"))]
        if not verifier.verify(signed_part(cosign), cosign.signature):
            return [Report(Rejected("Cosign", "signature"))]
        if any(stream not in streams or size > streams[stream].signed for stream, size in cosign.sizes):
            return [Report(Rejected("Cosign", "of a head that this edge never signed"))]
        past = self._signed_past[cosign.witness]
        for stream, size in cosign.sizes:
            past[stream] = max(size, past.get(stream, 0))
        return []

    def signed_by_all(self, stream: Stream) -> int:
        """Size up to which every witness has signed; with no witness, what this edge has signed itself."""
        return min((past.get(stream.id, 0) for past in self._signed_past.values()), default=stream.signed)

    def _remember(self, checkpoint: bytes) -> None:
        self.counter += 1
        self.digest = hashlib.sha256(checkpoint).digest()

    # ------------------------------------------------------------ as witness

    def witness(self, offer: CheckpointOffer) -> tuple[bytes | None, list[Effect]]:
        """Follow a peer's checkpoint.

        Returns:
            A journal entry (None: nothing new), and effects for when all that this witness remembers is
            durable.
        """
        try:
            checkpoint = decode(offer.checkpoint)
        except MessageError as problem:
            return None, [Report(Rejected("checkpoint", str(problem)))]
        author = self.settings.authors.get(checkpoint.author) if isinstance(checkpoint, Checkpoint) else None
        if author is None or not isinstance(checkpoint, Checkpoint):
            return None, [Report(Rejected("checkpoint", "author unknown"))]
        if not author.verify(signed_part(checkpoint), checkpoint.signature):
            return None, [Report(Rejected("checkpoint", "signature"))]
        last = self._witnessed.get(checkpoint.author)
        if last is not None and checkpoint.counter <= last.counter:
            return None, [Send(checkpoint.author, last.cosign)]
        refused = self._refused(checkpoint, offer, {} if last is None else last.heads)
        if refused is not None:
            out: list[Effect] = [] if last is None else [Send(checkpoint.author, last.cosign)]
            return None, [*out, *refused]
        return self._cosign(checkpoint, hashlib.sha256(offer.checkpoint).digest())

    def _refused(
        self, checkpoint: Checkpoint, offer: CheckpointOffer, known: Mapping[StreamId, tuple[int, bytes]]
    ) -> list[Effect] | None:
        """None when every head follows from the last signed one; else what to say of it.

        A proof from another size than the last signed is not the author's lie but its ignorance (a
        cosignature was lost): the answer is the last cosignature, and the next checkpoint will start from
        there. A stream that this witness never signed has nothing to be consistent with; one that it signed
        and that is missing now has shrunk to nothing.
        """
        if len(offer.proofs) != len(checkpoint.heads):
            return [Report(Rejected("checkpoint", "one proof per head is needed"))]
        named = {head.stream for head in checkpoint.heads}
        if len(named) != len(checkpoint.heads):
            return [Report(Rejected("checkpoint", "two heads of one stream"))]
        missing = known.keys() - named
        if missing:
            return [Report(WitnessRefused(checkpoint.author, min(missing), 0))]
        for head, (claimed, proof) in zip(checkpoint.heads, offer.proofs, strict=True):
            size, root = known.get(head.stream, (0, b""))
            if not size or (head.size == size and head.root == root):
                continue
            if claimed != size:
                return []
            if not verify_consistency(size, head.size, root, head.root, proof):
                return [Report(WitnessRefused(checkpoint.author, head.stream, head.size))]
        return None

    def _cosign(self, checkpoint: Checkpoint, digest: bytes) -> tuple[bytes, list[Effect]]:
        sizes = tuple((head.stream, head.size) for head in checkpoint.heads)
        unsigned = Cosign(checkpoint.author, checkpoint.counter, self.settings.name, digest, sizes)
        data = encode(unsigned._replace(signature=self.settings.signer.sign(signed_part(unsigned))))
        heads = {head.stream: (head.size, head.root) for head in checkpoint.heads}
        self._witnessed[checkpoint.author] = _Witnessed(checkpoint.counter, data, heads)
        out: list[Effect] = [
            Report(HeadCosigned(checkpoint.author, head.stream, head.size, head.root)) for head in checkpoint.heads
        ]
        return cbor2.dumps(self._witness_state(checkpoint.author)), [*out, Send(checkpoint.author, data)]

    def _witness_state(self, author: str) -> tuple[str, int, bytes, tuple[tuple[StreamId, int, bytes], ...]]:
        state = self._witnessed[author]
        return author, state.counter, state.cosign, tuple((s, size, root) for s, (size, root) in state.heads.items())

    # ------------------------------------------------------------ durable state

    def snapshot(self, streams: Iterable[Stream], heads: Mapping[StreamId, int]) -> journal.Snapshot:
        """What lets everything before it in the journal be dropped; `heads` are those of the newest checkpoint."""
        states = tuple(
            journal.StreamState(s.id, s.size, tuple(s.log.frontier()), heads.get(s.id, 0), s.ack_bytes) for s in streams
        )
        witnessed = tuple(self._witness_state(author) for author in self._witnessed)
        return journal.Snapshot(self.counter, self.digest, states, witnessed)

    def restore(self, snapshot: journal.Snapshot) -> None:
        """Take over what a snapshot says."""
        self.counter = snapshot.checkpoint_counter
        self.digest = snapshot.checkpoint_digest
        for author, counter, cosign, heads in snapshot.witnessed:
            self._witnessed[author] = _Witnessed(counter, cosign, {s: (size, root) for s, size, root in heads})

    def replay_checkpoint(self, payload: bytes, streams: Mapping[StreamId, Stream]) -> None:
        """Read an own checkpoint back from the journal."""
        checkpoint = decode(payload)
        if isinstance(checkpoint, Checkpoint):
            self._remember(payload)
            self.published({head.stream: head.size for head in checkpoint.heads}, streams)

    def replay_witnessed(self, payload: bytes) -> None:
        """Read a peer's followed checkpoint back from the journal."""
        author, counter, cosign, heads = cbor2.loads(payload)
        known = {StreamId(*s): (size, root) for s, size, root in heads}
        self._witnessed[author] = _Witnessed(counter, cosign, known)
