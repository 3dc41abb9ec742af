"""Messages between nodes: datagrams on one planet and payloads of bundles between planets.

Each message is a CBOR array `[code, field, ...]` (RFC 8949, definite lengths). The table `CODES` is the
registry; `decode` accepts exactly what `encode` writes and raises `MessageError` for anything else. Signed
messages carry their signature as last field; what is signed is the CBOR array without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from twin.pipeline.wire.fields import (
    FieldError,
    load,
    read_alert,
    read_array,
    read_bytes,
    read_flag,
    read_int,
    read_many,
    read_stream,
    read_text,
    read_uint,
)
from twin.pipeline.wire.identity import AlertKey, StreamId
from twin.pipeline.wire.plain_cbor import dumps
from twin.pipeline.wire.signing import Signer

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
    """Edge -> witnesses, Earth: all stream heads, chained to the checkpoint before.

    `resting` states those that are not written out (`ledger.at_rest`), empty if there are none.
    """

    author: str
    counter: int
    at_us: int
    previous: bytes
    heads: tuple[Head, ...]
    resting: bytes = b""
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

    `given_up` are those that I signed last of streams that you state no longer. A peer's first word names the heads
    that the checkpoint writes out, and has its `resting`; to an author that may not know it says all, as Earth does
    always, and `resting` is empty. Without a `digest` it is a reminder: of what I signed, and of no checkpoint.
    """

    author: str
    counter: int
    witness: str
    digest: bytes
    sizes: tuple[tuple[StreamId, int], ...]
    given_up: tuple[tuple[StreamId, int], ...] = ()
    resting: bytes = b""
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

Signed = Ack | Checkpoint | Cosign | FlowAck | Receipt
"""Messages whose last field is a signature of the rest."""


_Kind = TypeVar("_Kind", bound=Message)


def _gap(value: Any) -> Gap:
    first, end = read_array(value, 2)
    return read_uint(first), read_uint(end)


def _head(value: Any) -> Head:
    stream, size, root = read_array(value, 3)
    return Head(read_stream(stream), read_uint(size), read_bytes(root))


def _proof(value: Any) -> tuple[int, tuple[bytes, ...]]:
    size, hashes = read_array(value, 2)
    return read_uint(size), tuple([read_bytes(part) for part in read_array(hashes)])


def _stream_size(value: Any) -> tuple[StreamId, int]:
    stream, size = read_array(value, 2)
    return read_stream(stream), read_uint(size)


_hashes = read_many(read_bytes)

# code -> (class, one reader per field)
CODES: dict[int, tuple[type[Any], tuple[Callable[[Any], Any], ...]]] = {
    1: (FrameOffer, (read_bytes, read_flag)),
    2: (Hello, (read_stream,)),
    3: (Expect, (read_stream, read_uint)),
    4: (Accept, (read_stream, read_uint)),
    5: (
        Ack,
        (
            read_stream,
            read_uint,
            read_bytes,
            _hashes,
            read_uint,
            read_many(_gap),
            read_uint,
            read_int,
            read_uint,
            read_uint,
            read_bytes,
            read_bytes,
        ),
    ),
    6: (Checkpoint, (read_text, read_uint, read_int, read_bytes, read_many(_head), read_bytes, read_bytes)),
    7: (CheckpointOffer, (read_bytes, read_many(_proof), _hashes)),
    8: (
        Cosign,
        (
            read_text,
            read_uint,
            read_text,
            read_bytes,
            read_many(_stream_size),
            read_many(_stream_size),
            read_bytes,
            read_bytes,
        ),
    ),
    9: (Frames, (_hashes,)),
    10: (Acks, (_hashes, _hashes, _hashes)),
    11: (MismatchNotice, (read_stream, read_uint, read_bytes)),
    12: (HeadMoved, (read_stream, read_uint)),
    13: (Attestation, (read_stream, read_uint, read_bytes, _hashes, read_bytes)),
    14: (RowsWrong, (read_stream, read_many(read_uint), read_text)),
    15: (BackupCopied, (read_stream, read_uint)),
    16: (BackupProved, (read_stream, read_uint, read_flag)),
    17: (FlowAck, (read_uint, read_uint, read_uint, read_uint, read_bytes)),
    18: (Closings, (_hashes,)),
    19: (LastWitnessed, (read_text,)),
    20: (Cosigned, (_hashes,)),
    21: (Receipt, (read_alert, read_int, read_bytes)),
    22: (ReceiptsTaken, (read_many(read_alert),)),
    23: (KeyNotice, (read_uint, read_bytes)),
    24: (LookAgain, (read_stream, read_many(read_uint), read_text)),
}
_CODE_OF = {kind: code for code, (kind, _) in CODES.items()}


def encode(message: Message) -> bytes:
    """Bytes of a message."""
    return dumps((_CODE_OF[type(message)], *message))


def signed_part(message: Signed) -> bytes:
    """The bytes that a message's last field signs."""
    return dumps((_CODE_OF[type(message)], *message[:-1]))


def encode_signed(unsigned: Signed, signer: Signer) -> bytes:
    """Bytes of a message with its signature, which it lacks until now."""
    return encode(unsigned._replace(signature=signer.sign(signed_part(unsigned))))


def audit_part(stream: StreamId, size: int, root: bytes) -> bytes:
    """The bytes that the auditor signs: rows below `size` of the stream were read back and hash to `root`."""
    return dumps(("audit", stream, size, root))


def decode(data: bytes) -> Message:
    """The message in `data`.

    Raises:
        MessageError: anything that `encode` would not have written.
    """
    try:
        fields = load(data)
        if type(fields) is not list or not fields or type(fields[0]) is not int or fields[0] not in CODES:
            raise MessageError(f"{len(data)} bytes are no message with a known code")
        kind, readers = CODES[fields[0]]
        if len(fields) != len(readers) + 1:
            raise MessageError(f"{kind.__name__} has {len(readers)} fields, not {len(fields) - 1}")
        message: Message = kind(*[read(value) for read, value in zip(readers, fields[1:], strict=True)])
    except FieldError as problem:
        raise MessageError(str(problem)) from problem
    if encode(message) != data:
        raise MessageError(f"{kind.__name__} of {len(data)} bytes is not in its one encoding")
    return message


def decode_as(kind: type[_Kind], data: bytes) -> _Kind:
    """The message in `data`, where only one of this kind may stand.

    Raises:
        MessageError: no message, or one of another kind.
    """
    message = decode(data)
    if not isinstance(message, kind):
        raise MessageError(f"{type(message).__name__} is no {kind.__name__}")
    return message
