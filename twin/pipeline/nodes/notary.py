"""An edge as author of checkpoints: signs the heads of its streams and keeps what its witnesses signed of them.

A checkpoint states the heads of all streams, chained to the one before by its SHA-256; those that every witness has
followed in this chain rest, and are stated by one digest. Cosigning (`witness`) is asynchronous and never gates
synchronization; a missing cosignature is pending.

A medium may come back with less than it held (swapped, rolled back, rotten). So an edge that starts asks its
witnesses which checkpoint of its own they signed last, and signs nothing before they have answered:

| what it learns | then |
|---|---|
| a checkpoint that it does not remember | the chain goes on behind it; no head is signed below those sizes |
| heads of streams that it has not refilled | they are left out, and the chain begins anew, for all to see |
| the same from Earth, whose word is as old as the way it took | the chain begins anew: a later one may be on its way |
| a witness last signed streams that are not named any more | it missed where the chain began anew: so it does again |
| it cannot prove a head from what a witness signed | the proof starts at an ack, whose root Earth's auditor signed |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.facts import HeadSigned, Rejected
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.at_rest import digest_at_rest
from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Checkpoint,
    CheckpointOffer,
    Cosign,
    Head,
    LastWitnessed,
    decode_as,
    encode,
    encode_signed,
    signed_part,
)
from twin.pipeline.wire.signing import Signer, Verifier

MADE_MAX = 1024  # of an older checkpoint a cosignature does not say that anything rests


class NotarySettings(NamedTuple):
    """Who signs here, which peers witness, and by which keys; `witnesses` holds name -> key, Earth's auditor
    included.

    `earth_witness` is the one of them that is reached by bundle instead of the local network. `gateway` and
    `auditor` sign acks.
    """

    name: str
    signer: Signer
    witnesses: Mapping[str, Verifier]
    authors: Mapping[str, Verifier]
    earth_witness: str
    gateway: Verifier
    auditor: Verifier


class MadeCheckpoint(NamedTuple):
    """A checkpoint: journal entry, heads, what to emit once it is durable, and the payload for Earth's witness."""

    entry: bytes
    heads: dict[StreamId, int]
    effects: tuple[Effect, ...]
    for_earth: bytes


class Notary:
    """Checkpoint chain of one edge."""

    def __init__(self, settings: NotarySettings) -> None:
        self.settings = settings
        self.counter = 0
        self.digest = b""
        self.peers = tuple(name for name in settings.witnesses if name != settings.earth_witness)
        self.signed_before: dict[StreamId, int] = {}
        """Sizes of heads that this edge has signed, as far as it remembers or was told."""
        self._named: set[StreamId] = set()  # streams in the newest checkpoint, at rest or not
        self._anew = False  # whether the next checkpoint begins a new chain
        self._answered: set[str] = set()
        self._waited = False
        self._signed_past: dict[str, dict[StreamId, int]] = {name: {} for name in settings.witnesses}
        self._cosigns: dict[str, bytes] = {}
        self._made: dict[bytes, int] = {}  # counters of the newest checkpoints made since this start, by digest
        self._stated: dict[StreamId, tuple[int, int]] = {}  # size, and counter of the first in the chain with it
        self._followed: dict[str, int] = {}  # counter of the one that a witness followed last

    @property
    def settled(self) -> bool:
        """Whether every peer has said, since this start, what it signed last, or was waited for long enough."""
        return self._waited or self._answered.issuperset(self.peers)

    def settle(self) -> None:
        """Go on without those that have not answered."""
        self._waited = True

    def ask(self) -> list[Effect]:
        """Ask the peers that have not answered yet."""
        question = encode(LastWitnessed(self.settings.name))
        return [Send(peer, question) for peer in self.peers if peer not in self._answered]

    def answered(self, peer: str) -> None:
        """A peer has said that it remembers nothing of this edge."""
        if peer in self.peers:
            self._answered.add(peer)
            self._followed.pop(peer, None)

    def checkpoint(self, streams: Mapping[StreamId, Stream], now_us: int) -> MadeCheckpoint | None:
        """Sign the heads of all durable records; None when none has moved since the last checkpoint and no witness
        needs to hear that the chain began anew.

        `Stream.signed` moves when the checkpoint is durable, which is the caller's to say (`published`).
        """
        whole = [s for s in streams.values() if s.durable and s.durable >= s.signed]
        moved = [s for s in whole if s.durable > s.signed]
        if not whole or not (moved or self._anew):
            return None
        out: list[Effect] = []
        for stream in moved:
            root = stream.log.root(stream.durable)
            previous = max(stream.signed, stream.log.base)
            proof = stream.log.consistency_proof(previous, stream.durable) if previous else ()
            out.append(Report(HeadSigned(stream.id, previous, stream.durable, root, tuple(proof))))
        sizes = {s.id: s.durable for s in whole}
        previous_digest = b"" if self._anew or self._named - sizes.keys() else self.digest
        stated = [Head(s.id, s.durable, s.log.root(s.durable)) for s in whole]
        resting = self._at_rest(stated, begins=not previous_digest)
        heads = tuple(head for head in stated if head.stream not in resting)
        digest = digest_at_rest(resting.values())
        unsigned = Checkpoint(self.settings.name, self.counter, now_us, previous_digest, heads, digest)
        data = encode_signed(unsigned, self.settings.signer)
        if len(self._made) == MADE_MAX:
            del self._made[next(iter(self._made))]
        self._made[hashlib.sha256(data).digest()] = self.counter
        self._remember(data, sizes)
        self._named = set(sizes)
        for name in self.peers:
            proofs, acks = self._proofs_for(name, [streams[head.stream] for head in heads])
            out.append(Send(name, encode(CheckpointOffer(data, proofs, acks))))
        return MadeCheckpoint(data, sizes, tuple(out), encode(CheckpointOffer(data, ())))

    def _at_rest(self, heads: Iterable[Head], *, begins: bool) -> dict[StreamId, Head]:
        """Of the heads to be stated those that rest: every witness has followed them in this chain, as they are now.

        After a start it does not matter what was followed before; a witness may have missed where the chain `begins`.
        """
        if begins:
            self._stated.clear()
        followed = min((self._followed.get(name, -1) for name in self.settings.witnesses), default=-1)
        resting = {}
        for head in heads:
            if self._stated.get(head.stream, (0, 0))[0] != head.size:
                self._stated[head.stream] = (head.size, self.counter)
            if self._stated[head.stream][1] <= followed:
                resting[head.stream] = head
        return resting

    def _proofs_for(
        self, witness: str, streams: list[Stream]
    ) -> tuple[tuple[tuple[int, tuple[bytes, ...]], ...], tuple[bytes, ...]]:
        """Per stream the size that the witness signed last, as far as known here, and the proof from it; and acks.

        (0, ()) asks the witness to say.
        """
        proofs: list[tuple[int, tuple[bytes, ...]]] = []
        acks = []
        for stream in streams:
            known = self._signed_past[witness].get(stream.id, 0)
            if 0 < known < stream.log.base:  # the witness went back, or this edge took the stream up further on
                known, ack = stream.proof_start
                acks += [ack] if known else []
            if known < max(1, stream.log.base):
                proofs.append((0, ()))
            else:
                proofs.append((known, tuple(stream.log.consistency_proof(known, stream.durable))))
        return tuple(proofs), tuple(acks)

    def published(self, heads: Mapping[StreamId, int], streams: Mapping[StreamId, Stream]) -> None:
        """A checkpoint with these heads is on the medium."""
        for stream_id, size in heads.items():
            streams[stream_id].signed = max(size, streams[stream_id].signed)

    def cosigned(self, cosign: Cosign, data: bytes, streams: Mapping[StreamId, Stream]) -> list[Effect]:
        """Take a witness's cosignature: leaves below it need not be kept for that witness any more.

        One of a checkpoint that this edge does not remember tells what it signed on a medium that is gone; so may any,
        of streams that it gave up, until all have answered after a start, and Earth's, which is slow, at any time.
        """
        verifier = self.settings.witnesses.get(cosign.witness)
        if verifier is None or cosign.author != self.settings.name:
            return [Report(Rejected("Cosign", "not a witness of this edge"))]
        if not verifier.verify(signed_part(cosign), cosign.signature):
            return [Report(Rejected("Cosign", "signature"))]
        if cosign.resting and cosign.digest not in self._made:
            return []  # of a life before this start, and not all that its witness knows: that comes when it is asked
        if cosign.counter >= self.counter:
            self._go_on_from(cosign)
            self._recall(cosign, streams)
        elif not self.settled or cosign.witness == self.settings.earth_witness:
            self._recall(cosign, streams)
        self._answered.add(cosign.witness)
        self._followed[cosign.witness] = self._made.get(cosign.digest, -1)
        if any(stream not in self._named for stream, _ in cosign.sizes):
            self._anew = True
        if any(size > self.signed_before.get(stream, 0) for stream, size in cosign.sizes):
            return [Report(Rejected("Cosign", "of a head that this edge never signed"))]
        self._cosigns[cosign.witness] = data
        past = self._signed_past[cosign.witness]
        near = cosign.witness in self.peers
        for stream, size in (*cosign.sizes, *cosign.given_up):
            # a peer whose medium went back follows only from what it says now; Earth needs no proof, its word is old
            past[stream] = size if near else max(size, past.get(stream, 0))
        return []

    def _go_on_from(self, cosign: Cosign) -> None:
        self.counter = cosign.counter + 1
        self.digest = cosign.digest
        self._anew = cosign.witness == self.settings.earth_witness
        self._named = {stream for stream, _ in cosign.sizes}

    def _recall(self, cosign: Cosign, streams: Mapping[StreamId, Stream]) -> None:
        for stream, size in (*cosign.sizes, *cosign.given_up):
            self.signed_before[stream] = max(size, self.signed_before.get(stream, 0))
            if stream in streams:
                streams[stream].signed = max(size, streams[stream].signed)

    @property
    def cosigns(self) -> tuple[bytes, ...]:
        """The newest cosignature of each witness on Mars."""
        return tuple(self._cosigns[name] for name in self.peers if name in self._cosigns)

    def signed_by_all(self, stream: Stream) -> int:
        """Size up to which every witness has signed; with no witness, what this edge has signed itself."""
        return min((past.get(stream.id, 0) for past in self._signed_past.values()), default=stream.signed)

    def _remember(self, checkpoint: bytes, sizes: Mapping[StreamId, int]) -> None:
        self.counter += 1
        self._anew = False
        self.digest = hashlib.sha256(checkpoint).digest()
        for stream, size in sizes.items():
            self.signed_before[stream] = max(size, self.signed_before.get(stream, 0))

    # ------------------------------------------------------------ durable state

    def restore(self, snapshot: journal.Snapshot) -> None:
        """Take over what a snapshot says."""
        self.counter = snapshot.checkpoint_counter
        self.digest = snapshot.checkpoint_digest
        for state in snapshot.streams:
            if state.signed:
                self._named.add(state.stream)
                self.signed_before[state.stream] = max(state.signed, self.signed_before.get(state.stream, 0))

    def replay(self, payload: bytes) -> None:
        """Read an own checkpoint back from the journal."""
        checkpoint = decode_as(Checkpoint, payload)
        sizes = {head.stream: head.size for head in checkpoint.heads}
        self._remember(payload, sizes)
        self._named = sizes.keys() | (self._named if checkpoint.previous else set())
