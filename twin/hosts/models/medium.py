"""What stands on a medium, piece by piece: one piece per append, with the records in it and what is wrong with it.

A journal is read from its front and reading stops at the first piece that is not whole, so what a medium *holds* is
what lies before that. A piece may be torn (a crash cut it), a hole (a flush of it had failed) or rotten (a bit of it
flipped at rest). Front pieces that were dropped are known by how far their streams had come; the first piece left
states that again (a snapshot), so all of it hangs on that one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from twin.pipeline.wire.identity import RecordId, StreamId

TORN, HOLE, ROTTEN = "torn", "hole", "rotten"
UNREAD = (TORN, HOLE)
Sizes = dict[StreamId, int]


class Piece(NamedTuple):
    """Bytes on a medium; `flaw` is empty for what can be read back."""

    data: bytes
    records: tuple[RecordId, ...] = ()
    flaw: str = ""


class Image(NamedTuple):
    """All that a medium holds at one instant: `start` is the offset of its first byte."""

    start: int
    pieces: tuple[Piece, ...]
    dropped: tuple[tuple[StreamId, int], ...]


class Medium:
    """Durable pieces in order; `start` is the offset of the first byte that was not dropped.

    `is_sound` says that no hole or tear stands here, behind which nothing that is added can be read back.
    """

    def __init__(self) -> None:
        self.start = 0
        self.size_bytes = 0
        self.is_sound = True
        self._pieces: deque[Piece] = deque()
        self._dropped: Sizes = {}

    def _set(self, pieces: Iterable[Piece]) -> None:
        self._pieces = deque()
        self.size_bytes = 0
        self.is_sound = True
        self.add(pieces)

    def add(self, pieces: Iterable[Piece]) -> None:
        """Put pieces behind what stands here."""
        for piece in pieces:
            self._pieces.append(piece)
            self.size_bytes += len(piece.data)
            self.is_sound = self.is_sound and piece.flaw not in UNREAD

    def truncate(self, length: int) -> list[RecordId]:
        """Keep the first `length` bytes, counted from `start`; the records that are gone with the rest."""
        kept = cut(self._pieces, length)
        gone = [record for piece in list(self._pieces)[len(kept) :] for record in piece.records]
        if kept and kept[-1].data != self._pieces[len(kept) - 1].data:
            gone = [*self._pieces[len(kept) - 1].records, *gone]
        self._set(kept)
        if not kept:
            self._dropped.clear()  # nothing stands for what was dropped any more
        return gone

    def contents(self) -> bytes:
        """All bytes from `start` on."""
        return b"".join(piece.data for piece in self._pieces)

    def holds(self) -> Sizes:
        """How far each stream can be read back."""
        if not self._pieces or self._pieces[0].flaw:
            return {}
        sizes = dict(self._dropped)
        for piece in self._pieces:
            if piece.flaw:
                break
            for record in piece.records:
                sizes[record.stream] = record.index + 1
        return sizes

    def drop(self, before: int) -> Sizes:
        """Forget bytes before an offset; up to where streams are gone with them."""
        pieces = self._pieces
        gone_records: Sizes = {}
        while pieces and self.start < before:
            piece = pieces.popleft()
            for record in piece.records:
                gone_records[record.stream] = record.index + 1
            gone = min(len(piece.data), before - self.start)
            self.start += gone
            self.size_bytes -= gone
            if gone < len(piece.data):
                pieces.appendleft(piece._replace(data=piece.data[gone:], records=()))
        if not self.is_sound:
            self.is_sound = all(piece.flaw not in UNREAD for piece in pieces)
        self._dropped |= gone_records
        return gone_records

    def image(self) -> Image:
        """A copy for later."""
        return Image(self.start, tuple(self._pieces), tuple(self._dropped.items()))

    def restore(self, image: Image) -> None:
        """Become what `image` is."""
        self.start = image.start
        self._set(image.pieces)
        self._dropped = dict(image.dropped)

    def flip_bit(self, bit: int) -> None:
        """Let bit number `bit`, counted from `start`, rot; a piece that is rotten already rots no further."""
        for place, piece in enumerate(self._pieces):
            if bit < 8 * len(piece.data):
                if piece.flaw != ROTTEN:
                    damaged = bytearray(piece.data)
                    damaged[bit >> 3] ^= 0x80 >> (bit & 7)
                    self._pieces[place] = piece._replace(data=bytes(damaged), flaw=piece.flaw or ROTTEN)
                return
            bit -= 8 * len(piece.data)


def cut(pieces: Iterable[Piece], length: int) -> list[Piece]:
    """The pieces within the first `length` bytes; what is cut in two keeps no record, and its flaw if it had one."""
    kept = []
    for piece in pieces:
        if length <= 0:
            break
        if len(piece.data) <= length:
            kept.append(piece)
        else:
            kept.append(Piece(piece.data[:length], (), piece.flaw or TORN))
        length -= len(piece.data)
    return kept
