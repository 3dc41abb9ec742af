"""Makes the acks of all streams: what the auditor has signed, what is backed up, what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from twin.pipeline.facts import AckMade
from twin.pipeline.machine import Effect, Report
from twin.pipeline.nodes.stream_on_earth import GAPS_MAX, StreamOnEarth
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Ack, encode_signed
from twin.pipeline.wire.signing import Signer


class AckMaker:
    """Acks of one leader, numbered in one row.

    Args:
        term: the leader's; acks order by it, then by their number.
        streams: what is known of them, read when an ack is made.
        gaps_max: ranges of missing records that an ack names at most.
    """

    def __init__(
        self, term: int, signer: Signer, streams: Mapping[StreamId, StreamOnEarth], gaps_max: int = GAPS_MAX
    ) -> None:
        self._term = term
        self._signer = signer
        self._streams = streams
        self._gaps_max = gaps_max
        self._counter = 0

    def make(self, stream_id: StreamId, now_us: int, out: list[Effect]) -> bytes | None:
        """The encoded ack of a stream; None while nothing of it is verified."""
        stream = self._streams[stream_id]
        proved = stream.attestation
        if proved is None:
            return None
        gaps, complete_to = stream.gaps(self._gaps_max)
        term, counter = self._term, self._counter
        self._counter += 1
        unsigned = Ack(
            stream_id, proved.size, proved.root, proved.frontier, stream.trim, gaps, complete_to, now_us, term, counter,
            proved.signature,
        )  # fmt: skip
        fact = AckMade(stream_id, proved.size, stream.trim, proved.root, term, counter, gaps, complete_to)
        out.append(Report(fact))
        return encode_signed(unsigned, self._signer)
