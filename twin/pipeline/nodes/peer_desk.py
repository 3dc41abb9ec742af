"""What an edge asks of the other edges on Mars, and what it answers them.

A starting edge asks its peers what they know of it, and takes no frame before they have answered or `SETTLE_US` is
over: its medium may have been swapped or rolled back.
"""

from __future__ import annotations

from twin.pipeline.facts import Rejected
from twin.pipeline.ledger import journal
from twin.pipeline.machine import Effect, Report, Send, SetTimer
from twin.pipeline.nodes.device_desk import DeviceDesk
from twin.pipeline.nodes.edge_ledger import EdgeLedger
from twin.pipeline.nodes.words_of_earth import WordsOfEarth
from twin.pipeline.wire.frame import FrameError
from twin.pipeline.wire.messages import CheckpointOffer, Closings, Cosign, encode

SETTLE = "settle"
SETTLE_US = 2_000_000
ASK_AGAIN_US = 250_000


class PeerDesk:
    """The other edges, as one edge sees them; timer `settle`."""

    def __init__(self, ledger: EdgeLedger, devices: DeviceDesk, earth: WordsOfEarth) -> None:
        self._ledger = ledger
        self._notary = ledger.notary
        self._devices = devices
        self._earth = earth
        self._settle_until_us = 0

    def started(self, now_us: int, out: list[Effect]) -> None:
        """The edge starts: ask all, and let devices know when it goes on."""
        self._settle_until_us = now_us + SETTLE_US
        if not self._notary.settled:
            self.settle(now_us, out)
        else:
            self._devices.announce(out)

    def settle(self, now_us: int, out: list[Effect]) -> None:
        """Ask the silent peers again, a datagram may be lost; at last go on without them."""
        if self._notary.settled:
            return
        if now_us < self._settle_until_us:
            out.append(SetTimer(SETTLE, min(now_us + ASK_AGAIN_US, self._settle_until_us)))
            out.extend(self._notary.ask())
        else:
            self._notary.settle()
            self._devices.announce(out)

    def last_witnessed(self, source: str, author: str, out: list[Effect]) -> None:
        """A peer starts and asks what was signed here of its chain; or it answers that it signed nothing."""
        if author == self._notary.settings.name:
            before = self._notary.settled
            self._notary.answered(source)
            self._answered(before, out)
        elif author == source:
            if self._ledger.keys.closings:
                out.append(Send(source, encode(Closings(self._ledger.keys.closings))))
            self._ledger.journal.say([self._ledger.witness.asked(author)], out)

    def _answered(self, before: bool, out: list[Effect]) -> None:
        if self._notary.settled and not before:
            self._devices.announce(out)

    def cosigned(self, cosign: Cosign, data: bytes, out: list[Effect]) -> None:
        """A peer has signed a checkpoint of this edge; an answer like any other."""
        before = self._notary.settled
        self._earth.cosigned(cosign, data, out)
        self._answered(before, out)
        self._ledger.compact(out)

    def witness(self, offer: CheckpointOffer, out: list[Effect]) -> None:
        """A peer wants its checkpoint cosigned."""
        entry, effects = self._ledger.witness.follow(offer)
        if entry is not None:
            self._ledger.journal.append(journal.WITNESSED, entry, out)
        self._ledger.journal.say(effects, out)

    def closings(self, frames: tuple[bytes, ...], out: list[Effect]) -> None:
        """Somebody says which epochs were closed: each frame proves itself."""
        try:
            self._ledger.take_closings(frames, out)
        except FrameError as problem:
            out.append(Report(Rejected("Closings", str(problem))))
