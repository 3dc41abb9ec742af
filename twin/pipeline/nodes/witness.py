"""An edge as witness of its peers' checkpoints.

It signs only what it can follow: each head must be consistent (RFC 9162 section 2.1.4) with the last head of that
stream that it signed, the heads at rest must be those that it knows, and all that is durable here before the
cosignature leaves.
"""

from __future__ import annotations

import hashlib

from twin.pipeline.facts import ChainRestarted, HeadCosigned, Rejected, WitnessRefused
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.at_rest import digest_at_rest
from twin.pipeline.ledger.journal import Witnessed
from twin.pipeline.ledger.merkle import verify_consistency
from twin.pipeline.ledger.stream import problem_with_signatures
from twin.pipeline.machine import Effect, Report, Send
from twin.pipeline.nodes.notary import NotarySettings
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Ack,
    Checkpoint,
    CheckpointOffer,
    Cosign,
    Head,
    LastWitnessed,
    MessageError,
    decode_as,
    encode,
    encode_signed,
    signed_part,
)


class Witness:
    """What one edge remembers of its peers: `witnessed`, the last followed checkpoint of each."""

    def __init__(self, settings: NotarySettings) -> None:
        self.settings = settings
        self.witnessed: dict[str, Witnessed] = {}

    def follow(self, offer: CheckpointOffer) -> tuple[bytes | None, list[Effect]]:
        """Follow a peer's checkpoint.

        Returns:
            A journal entry (None: nothing new), and effects for when all that this witness remembers is
            durable.
        """
        try:
            checkpoint = decode_as(Checkpoint, offer.checkpoint)
        except MessageError as problem:
            return None, [Report(Rejected("checkpoint", str(problem)))]
        author = self.settings.authors.get(checkpoint.author)
        if author is None:
            return None, [Report(Rejected("checkpoint", "author unknown"))]
        if not author.verify(signed_part(checkpoint), checkpoint.signature):
            return None, [Report(Rejected("checkpoint", "signature"))]
        last = self.witnessed.get(checkpoint.author)
        if last is not None and checkpoint.counter <= last.counter:
            return None, [self.asked(checkpoint.author)]
        refused = self._refused(checkpoint, offer, last)
        if refused is not None:
            if last is not None or checkpoint.resting:
                refused = [self.asked(checkpoint.author), *refused]
            return None, refused
        return self._cosign(checkpoint, hashlib.sha256(offer.checkpoint).digest(), last)

    def asked(self, author: str) -> Effect:
        """The answer to an author that asks what was signed last here."""
        last = self.witnessed.get(author)
        if last is None:
            return Send(author, encode(LastWitnessed(author)))
        said = decode_as(Cosign, last.cosign)
        if not said.resting:
            return Send(author, last.cosign)
        live = set(last.live)
        sizes = tuple((stream, size) for stream, size, _ in last.heads if stream in live)
        return Send(author, self._signed(said._replace(sizes=sizes, resting=b"")))

    def _refused(self, checkpoint: Checkpoint, offer: CheckpointOffer, last: Witnessed | None) -> list[Effect] | None:
        """None when every head follows from the last signed one; else what to say of it.

        A proof from another size than the last signed is not the author's lie but its ignorance (a
        cosignature was lost): the answer is the last cosignature, and the next checkpoint will start from
        there. A stream that this witness never signed has nothing to be consistent with; one that it signed
        and that is missing now rests, or has shrunk to nothing, unless the author says that it begins a new chain.
        """
        if len(offer.proofs) != len(checkpoint.heads):
            return [Report(Rejected("checkpoint", "one proof per head is needed"))]
        named = {head.stream for head in checkpoint.heads}
        if len(named) != len(checkpoint.heads):
            return [Report(Rejected("checkpoint", "two heads of one stream"))]
        known = {} if last is None else {stream: (size, root) for stream, size, root in last.heads}
        missing = [] if last is None or not checkpoint.previous else [s for s in last.live if s not in named]
        if checkpoint.resting != digest_at_rest(Head(stream, *known[stream]) for stream in missing):
            if checkpoint.resting:
                return [Report(Rejected("checkpoint", "the heads at rest are not those that were followed here"))]
            return [Report(WitnessRefused(checkpoint.author, min(missing), 0))]
        vouched = self._vouched(offer)
        for head, (claimed, proof) in zip(checkpoint.heads, offer.proofs, strict=True):
            size, root = known.get(head.stream, (0, b""))
            if not size or (head.size == size and head.root == root):
                continue
            if head.stream in vouched and claimed == vouched[head.stream][0] >= size:
                size, root = vouched[head.stream]
            if claimed != size:
                return []
            if not verify_consistency(size, head.size, root, head.root, proof):
                return [Report(WitnessRefused(checkpoint.author, head.stream, head.size))]
        return None

    def _vouched(self, offer: CheckpointOffer) -> dict[StreamId, tuple[int, bytes]]:
        """Sizes and roots that Earth has signed for, by stream."""
        found = {}
        for raw in offer.acks:
            try:
                ack = decode_as(Ack, raw)
            except MessageError:
                continue  # a proof that starts there will not be followed
            if not problem_with_signatures(ack, self.settings.gateway, self.settings.auditor):
                found[ack.stream] = (ack.verified, ack.root)
        return found

    def _cosign(self, checkpoint: Checkpoint, digest: bytes, last: Witnessed | None) -> tuple[bytes, list[Effect]]:
        heads = {} if last is None else {stream: (size, root) for stream, size, root in last.heads}
        heads |= {head.stream: (head.size, head.root) for head in checkpoint.heads}
        sizes = tuple((head.stream, head.size) for head in checkpoint.heads)
        live = dict.fromkeys(() if last is None or not checkpoint.previous else last.live) | dict(sizes)
        given_up = tuple((stream, size) for stream, (size, _) in heads.items() if stream not in live)
        name, resting = self.settings.name, checkpoint.resting
        data = self._signed(Cosign(checkpoint.author, checkpoint.counter, name, digest, sizes, given_up, resting))
        witnessed = Witnessed(
            checkpoint.author,
            checkpoint.counter,
            data,
            tuple((stream, size, root) for stream, (size, root) in heads.items()),
            tuple(live),
        )
        self.witnessed[checkpoint.author] = witnessed
        out: list[Effect] = [
            Report(HeadCosigned(checkpoint.author, head.stream, head.size, head.root)) for head in checkpoint.heads
        ]
        if last is not None and not checkpoint.previous:
            out.append(Report(ChainRestarted(checkpoint.author, checkpoint.counter)))
        return journal.encode_witnessed(witnessed), [*out, Send(checkpoint.author, data)]

    def _signed(self, cosign: Cosign) -> bytes:
        return encode_signed(cosign, self.settings.signer)

    def remember(self, witnessed: Witnessed) -> None:
        """A peer's followed checkpoint, read back from the journal."""
        self.witnessed[witnessed.author] = witnessed
