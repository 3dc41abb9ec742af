"""Two edges on one local network, each the other's witness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditor_parts import auditor, hear, served
from pipeline_parts import EDGE, ENTROPY, PEER, T0, Medium, edge_in_clear, edge_settings, of, run_syncs, said

from twin.pipeline.machine import Received, Send, Started
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.stored import Stored
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Checkpoint, CheckpointOffer, Cosign, FrameOffer, HeadMoved, decode, encode


class Pair:
    """Two edges on one local network, each the other's witness; everything that one says the other hears, except words
    that are `lost`.
    """

    def __init__(self) -> None:
        self.lost: tuple[type, ...] = ()
        self.media = {EDGE: Medium(), PEER: Medium()}
        self.effects: list[Any] = []
        self.edges: dict[str, Edge] = {}
        for name in self.media:
            self.edges[name] = edge_in_clear(edge_settings(name), b"")
        for name in self.media:
            self.deliver(name, Started(ENTROPY))

    def deliver(self, name: str, event: Any) -> list[Any]:
        """The event's effects, those of its syncs, and those of what the other edge answers."""
        edge = self.edges[name]
        done = run_syncs(edge, edge.handle(event, T0), T0, self.media[name])
        for send in of(done, Send):
            heard = send.destination in self.edges and not isinstance(decode(send.data), self.lost)
            if heard and send.destination != name:
                done += self.deliver(send.destination, Received(name, send.data))
        return done

    def give(self, frames: list[bytes], to: str = EDGE) -> list[Any]:
        return [e for f in frames for e in self.deliver(to, Received("device-1", encode(FrameOffer(f))))]

    def restart(self, name: str, durable: bytes, start: int = 0) -> list[Any]:
        self.media[name].synced, self.media[name].start = durable, start
        self.edges[name] = edge_in_clear(edge_settings(name), durable, start)
        return self.deliver(name, Started(bytes(32)))


class PairAndEarth(Pair):
    """Two edges, and Earth's auditor, who reads back every row of `table`."""

    def __init__(self, table: Mapping[StreamId, Sequence[bytes]]) -> None:
        super().__init__()
        self.table = table
        self.start_auditor()

    def start_auditor(self, *cosigns: Cosign) -> None:
        """It starts over what the ledger holds, and reads all rows."""
        self.auditor = auditor(Stored(cosigns=tuple(map(encode, cosigns))))
        for stream, rows in self.table.items():
            self.tell_auditor(HeadMoved(stream, len(rows)))

    def tell_auditor(self, message: Any) -> list[Any]:
        """What it does; both stores answer."""
        return served(self.auditor, hear(self.auditor, message), self.table, self.table)


def offers(effects) -> list[Checkpoint]:
    found = [decode(message.checkpoint) for message in said(effects, PEER) if isinstance(message, CheckpointOffer)]
    return [checkpoint for checkpoint in found if isinstance(checkpoint, Checkpoint)]
