"""Messages between nodes: datagrams on one planet and payloads of bundles between planets.

Each message is a CBOR array `[code, field, ...]` (RFC 8949, definite lengths). The table `CODES` is the
registry; `decode` accepts exactly what `encode` writes and raises `MessageError` for anything else. Signed
messages carry their signature as last field; what is signed is the CBOR array without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cbor2

from twin.pipeline.wire.encoding import dumps
from twin.pipeline.wire.identity import AlertKey, StreamId

U64 = 1 << 64
Gap = tuple[int, int]


class MessageError(ValueError):
    """Bytes that are no message of this registry."""


class FrameOffer(NamedTuple):
    """Device -> edge: one signed frame; `carry` asks this edge to be the one that brings the stream to Earth."""

    frame: bytes
    carry: bool = True


class Hello(NamedTuple):
    """Device -> edge: I (re)started this epoch; which index do you expect? Home edge -> device: I (re)started and hold
    nothing of yours (epoch 0).
    """

    stream: StreamId


class Expect(NamedTuple):
    """Edge -> device: send from `next_index` on; frames below it need not come again."""

    stream: StreamId
    next_index: int


class Accept(NamedTuple):
    """Edge -> device: all frames below `next_index` are durable here, or Earth has verified them."""

    stream: StreamId
    next_index: int


class Ack(NamedTuple):
    """Earth -> edges -> device: verified up to `verified`, backed up to `trim`, these `gaps` below
    `gaps_complete_to`.

    `frontier` holds the maximal complete subtrees of the first `verified` leaves. `made_us` is Earth's clock.
    Acks order by (`term`, `counter`). `audit` is the auditor's signature over (stream, verified, root);
    `signature` the gateway's over all.
    """

    stream: StreamId
    verified: int
    root: bytes
    frontier: tuple[bytes, ...]
    trim: int
    gaps: tuple[Gap, ...]
    gaps_complete_to: int
    made_us: int
    term: int
    counter: int
    audit: bytes
    signature: bytes = b""


class Head(NamedTuple):
    """One stream's signed head inside a checkpoint."""

    stream: StreamId
    size: int
    root: bytes


class Checkpoint(NamedTuple):
    """Edge -> witnesses, Earth: all stream heads, chained to the checkpoint before."""

    author: str
    counter: int
    at_us: int
    previous: bytes
    heads: tuple[Head, ...]
    signature: bytes = b""


class CheckpointOffer(NamedTuple):
    """Edge -> witness: a checkpoint with, per head, the size signed last by the witness and the proof from it.

    Where the edge has lost what it would need for that, the proof starts at the size of one of `acks`, for which
    Earth's auditor has signed.
    """

    checkpoint: bytes
    proofs: tuple[tuple[int, tuple[bytes, ...]], ...]
    acks: tuple[bytes, ...] = ()


class Cosign(NamedTuple):
    """Witness -> edge: I followed your checkpoint `counter` and stored it; `sizes` are the heads' sizes I signed.

    `given_up` are those that I signed last of streams that your checkpoints name no longer.
    """

    author: str
    counter: int
    witness: str
    digest: bytes
    sizes: tuple[tuple[StreamId, int], ...]
    given_up: tuple[tuple[StreamId, int], ...] = ()
    signature: bytes = b""


class Frames(NamedTuple):
    """Bundle payload, edge -> Earth: signed frames of any streams."""

    frames: tuple[bytes, ...]


class Acks(NamedTuple):
    """Bundle payload, Earth -> edge: encoded acks, cosignatures and receipts."""

    acks: tuple[bytes, ...]
    cosigns: tuple[bytes, ...]
    receipts: tuple[bytes, ...] = ()


class MismatchNotice(NamedTuple):
    """Bundle payload, edge -> Earth: my root at `size` is not the one you acked; read again."""

    stream: StreamId
    size: int
    root: bytes


class HeadMoved(NamedTuple):
    """Gateway -> auditor: rows below `size` are visible."""

    stream: StreamId
    size: int


class Attestation(NamedTuple):
    """Auditor -> gateway: rows below `size` read back from the table hash to `root`."""

    stream: StreamId
    size: int
    root: bytes
    frontier: tuple[bytes, ...]
    signature: bytes


class RowsWrong(NamedTuple):
    """Auditor -> gateway: these rows of `store` are missing or not what their device signed."""

    stream: StreamId
    indices: tuple[int, ...]
    store: str = "table"


class BackupCopied(NamedTuple):
    """Gateway -> auditor: the backup should hold rows below `size`."""

    stream: StreamId
    size: int


class BackupProved(NamedTuple):
    """Auditor -> gateway: the backup's rows below `size` re-hash to the acked root (`ok`), or not."""

    stream: StreamId
    size: int
    ok: bool


class FlowAck(NamedTuple):
    """Bundle node -> source of a flow: payloads below `verified` arrived in order; `checksum` is their CRC32C run."""

    flow: int
    verified: int
    checksum: int
    counter: int
    signature: bytes = b""


class Closings(NamedTuple):
    """Device or edge -> edge, gateway -> auditor: closing frames; each is signed with the key that it gives up."""

    frames: tuple[bytes, ...]


class LastWitnessed(NamedTuple):
    """Edge -> witness: which checkpoint of mine did you sign last? Answered by its `Cosign`, or by this message."""

    author: str


class Cosigned(NamedTuple):
    """Bundle payload, edge -> Earth: cosignatures of this edge's checkpoints by witnesses on Mars."""

    cosigns: tuple[bytes, ...]


class Receipt(NamedTuple):
    """Earth -> edge: the flight surgeon acknowledged this alert at `at_us`."""

    alert: AlertKey
    at_us: int
    signature: bytes = b""


class ReceiptsTaken(NamedTuple):
    """Bundle payload, edge -> Earth: these receipts need not come again."""

    alerts: tuple[AlertKey, ...]


class KeyNotice(NamedTuple):
    """Bundle payload, either way: my newest hop key towards you has this number, and `check` is derived from it."""

    number: int
    check: bytes


class LookAgain(NamedTuple):
    """Gateway -> auditor: look at these rows of `store` again, which were written anew or look rotten."""

    stream: StreamId
    indices: tuple[int, ...]
    store: str


Message = (
    FrameOffer
    | Hello
    | Expect
    | Accept
    | Ack
    | Checkpoint
    | CheckpointOffer
    | Cosign
    | Frames
    | Acks
    | MismatchNotice
    | HeadMoved
    | Attestation
    | RowsWrong
    | BackupCopied
    | BackupProved
    | FlowAck
    | Closings
    | LastWitnessed
    | Cosigned
    | Receipt
    | ReceiptsTaken
    | KeyNotice
    | LookAgain
)


def _uint(value: Any) -> int:
    if type(value) is not int or not 0 <= value < U64:
        raise MessageError(f"{value!r:.40} is no unsigned 64-bit integer")
    return value


def _time(value: Any) -> int:
    if type(value) is not int or not -(U64 >> 1) <= value < U64 >> 1:
        raise MessageError(f"{value!r:.40} is no signed 64-bit integer")
    return value


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise MessageError(f"{value!r:.40} is no byte string")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise MessageError(f"{value!r:.40} is no text")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise MessageError(f"{value!r:.40} is no boolean")
    return value


def _array(value: Any, length: int | None = None) -> list[Any]:
    if type(value) is not list or (length is not None and len(value) != length):
        raise MessageError(f"{value!r:.40} is no array of {'any' if length is None else length} items")
    return value


def _many(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: tuple([item(part) for part in _array(value)])


def _stream(value: Any) -> StreamId:
    device, epoch = _array(value, 2)
    return StreamId(_uint(device), _uint(epoch))


def _gap(value: Any) -> Gap:
    first, end = _array(value, 2)
    return _uint(first), _uint(end)


def _head(value: Any) -> Head:
    stream, size, root = _array(value, 3)
    return Head(_stream(stream), _uint(size), _bytes(root))


def _proof(value: Any) -> tuple[int, tuple[bytes, ...]]:
    size, hashes = _array(value, 2)
    return _uint(size), tuple([_bytes(part) for part in _array(hashes)])


def _stream_size(value: Any) -> tuple[StreamId, int]:
    stream, size = _array(value, 2)
    return _stream(stream), _uint(size)


def _alert(value: Any) -> AlertKey:
    device, epoch, index, rule = _array(value, 4)
    return AlertKey(_uint(device), _uint(epoch), _uint(index), _text(rule))


_hashes = _many(_bytes)

# code -> (class, one reader per field)
CODES: dict[int, tuple[type[Any], tuple[Callable[[Any], Any], ...]]] = {
    1: (FrameOffer, (_bytes, _flag)),
    2: (Hello, (_stream,)),
    3: (Expect, (_stream, _uint)),
    4: (Accept, (_stream, _uint)),
    5: (
        Ack,
        (_stream, _uint, _bytes, _hashes, _uint, _many(_gap), _uint, _time, _uint, _uint, _bytes, _bytes),
    ),
    6: (Checkpoint, (_text, _uint, _time, _bytes, _many(_head), _bytes)),
    7: (CheckpointOffer, (_bytes, _many(_proof), _hashes)),
    8: (Cosign, (_text, _uint, _text, _bytes, _many(_stream_size), _many(_stream_size), _bytes)),
    9: (Frames, (_hashes,)),
    10: (Acks, (_hashes, _hashes, _hashes)),
    11: (MismatchNotice, (_stream, _uint, _bytes)),
    12: (HeadMoved, (_stream, _uint)),
    13: (Attestation, (_stream, _uint, _bytes, _hashes, _bytes)),
    14: (RowsWrong, (_stream, _many(_uint), _text)),
    15: (BackupCopied, (_stream, _uint)),
    16: (BackupProved, (_stream, _uint, _flag)),
    17: (FlowAck, (_uint, _uint, _uint, _uint, _bytes)),
    18: (Closings, (_hashes,)),
    19: (LastWitnessed, (_text,)),
    20: (Cosigned, (_hashes,)),
    21: (Receipt, (_alert, _time, _bytes)),
    22: (ReceiptsTaken, (_many(_alert),)),
    23: (KeyNotice, (_uint, _bytes)),
    24: (LookAgain, (_stream, _many(_uint), _text)),
}
_CODE_OF = {kind: code for code, (kind, _) in CODES.items()}


def encode(message: Message) -> bytes:
    """Bytes of a message."""
    return dumps((_CODE_OF[type(message)], *message))


def signed_part(message: Ack | Checkpoint | Cosign | FlowAck | Receipt) -> bytes:
    """The bytes that a message's last field signs."""
    return dumps((_CODE_OF[type(message)], *message[:-1]))


def audit_part(stream: StreamId, size: int, root: bytes) -> bytes:
    """The bytes that the auditor signs: rows below `size` of the stream were read back and hash to `root`."""
    return dumps(("audit", stream, size, root))


def decode(data: bytes) -> Message:
    """The message in `data`.

    Raises:
        MessageError: anything that `encode` would not have written.
    """
    try:
        fields = cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as problem:
        # tags make cbor2 build decimals, sets and the like, whose own errors come through; cbor2 before 6 never frees
        # an error of bad UTF-8 (its issue 257), so that must not hold the frames of all callers
        problem.with_traceback(None)
        raise MessageError(f"{len(data)} bytes are no CBOR: {problem}") from problem
    if type(fields) is not list or not fields or type(fields[0]) is not int or fields[0] not in CODES:
        raise MessageError(f"{len(data)} bytes are no message with a known code")
    kind, readers = CODES[fields[0]]
    if len(fields) != len(readers) + 1:
        raise MessageError(f"{kind.__name__} has {len(readers)} fields, not {len(fields) - 1}")
    message: Message = kind(*[read(value) for read, value in zip(readers, fields[1:], strict=True)])
    if encode(message) != data:
        raise MessageError(f"{kind.__name__} of {len(data)} bytes is not in its one encoding")
    return message
