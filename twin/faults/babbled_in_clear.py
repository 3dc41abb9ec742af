"""Senseless bundles to a node that takes them in clear: made of one that was really sent, with good checksums.

| way | what |
|---|---|
| `block` | altered in one of its blocks (`babbled_bundles`) |
| `misaddressed` | for a service that nobody has, here or behind this node, with blocks that change on the way |
| `fields` | for this node: a payload too short or of no flow, an ack that nobody signed, a message of other nodes |

Nobody can tell a whole payload in clear from a true one, so none is ever changed and sealed anew: a network without
keys trusts its nodes. What is passed on is small, and lives for minutes: it must be refused, and not fill relays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from twin.faults.babble import BLOCK, CHANGED, CUT, FIELDS, MISADDRESSED, TAIL, noise
from twin.faults.babbled_bundles import OF_ANY_BUNDLE, Parts, altered, block_of, join, start_of, take_apart
from twin.pipeline.transport.flow_sink import ACK_SERVICE
from twin.pipeline.transport.flow_source import INDEX_BYTES
from twin.pipeline.wire.blocks import (
    BUNDLE_AGE,
    DISCARD_BLOCK_IF_UNKNOWN,
    HOP_COUNT,
    INTEGRITY,
    PAYLOAD,
    PREVIOUS_NODE,
    Block,
    encode_age,
    encode_endpoint,
    encode_hops,
)
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import FlowAck, Hello, encode
from twin.randomness import one_of

WAYS: Final = (CUT, TAIL, CHANGED, BLOCK, BLOCK, BLOCK, MISADDRESSED, MISADDRESSED, FIELDS, FIELDS)
"""What is wrong with a bundle has many places, so these come more often than noise."""
NO_SERVICE: Final = 1 << 20
_LIFETIME_MS: Final = 1_800_000
_UNKNOWN_TYPE: Final = 200
_FAR: Final = 1 << 40
_SIGNATURE: Final = bytes(64)


class Hearer(NamedTuple):
    """A node that hears it: its number, those of the others, and the flows that begin at it."""

    number: int
    others: tuple[int, ...]
    flows: tuple[int, ...]


Saying = Callable[[Parts, Hearer, np.random.Generator], bytes]


def senseless(way: str, data: bytes, hearer: Hearer, random: np.random.Generator) -> bytes:
    """Something made of the bundle `data` in one of the `WAYS`."""
    if way == BLOCK:
        return altered(data, OF_ANY_BUNDLE, random)
    if way in (MISADDRESSED, FIELDS):
        sayings = _ELSEWHERE if way == MISADDRESSED else _HERE
        return sayings[one_of(sorted(sayings), random)](take_apart(data), hearer, random)
    return noise(way, data, random)


# ------------------------------------------------------------ for others


def _passed(*blocks: Block, unknown_creation: bool = False) -> Saying:
    """For a service that another node does not have, with these blocks."""

    def say(parts: Parts, hearer: Hearer, random: np.random.Generator) -> bytes:
        destination = (one_of(hearer.others, random), NO_SERVICE)
        created_ms = 0 if unknown_creation else None
        start = start_of(parts, destination=destination, created_ms=created_ms, lifetime_ms=_LIFETIME_MS)
        return join(start, (*blocks, block_of(PAYLOAD, random.bytes(INDEX_BYTES), number=1)))

    return say


def _hops(limit: int, made: int) -> Block:
    return block_of(HOP_COUNT, encode_hops(limit, made), number=2)


def _age(ms: int) -> Block:
    return block_of(BUNDLE_AGE, encode_age(ms), number=3)


_BEFORE: Final = block_of(PREVIOUS_NODE, encode_endpoint((1, 0)), number=4)
_STAYS: Final = block_of(_UNKNOWN_TYPE, b"?", number=5)
_GOES: Final = block_of(_UNKNOWN_TYPE, b"?", number=6, flags=DISCARD_BLOCK_IF_UNKNOWN)

_ELSEWHERE: Final[dict[str, Saying]] = {
    "service here": lambda parts, hearer, _: join(
        start_of(parts, destination=(hearer.number, NO_SERVICE)), parts.blocks
    ),
    "service there": _passed(),
    "hops": _passed(_hops(9, 1)),
    "hops made": _passed(_hops(9, 9)),
    "age": _passed(_age(1)),
    "age alone": _passed(_age(1), unknown_creation=True),
    "age over": _passed(_age(_LIFETIME_MS + 1), unknown_creation=True),
    "age beyond numbers": _passed(_age((1 << 64) - 1)),
    "all blocks": _passed(_hops(9, 1), _age(60_000), _BEFORE, _STAYS, _GOES),
    "block stays": _passed(_STAYS),
    "block goes": _passed(_GOES),
}
"""Bundles that are refused at once, or by whomever they are for."""

# ------------------------------------------------------------ for the node itself


def _payload(make: Callable[[bytes], bytes]) -> Saying:
    """To the service that the bundle was for."""
    return lambda parts, _hearer, _random: join(parts.start, [_with(block, make) for block in parts.blocks])


def _with(block: Block, make: Callable[[bytes], bytes]) -> Block:
    return block._replace(content=make(block.content)) if block.type == PAYLOAD else block


def _mail(make: Callable[[Hearer, np.random.Generator], bytes]) -> Saying:
    """To the service that takes acks."""

    def say(parts: Parts, hearer: Hearer, random: np.random.Generator) -> bytes:
        start = start_of(parts, destination=(hearer.number, ACK_SERVICE))
        return join(start, (block_of(PAYLOAD, make(hearer, random), number=1),))

    return say


def _unsigned(hearer: Hearer, random: np.random.Generator) -> bytes:
    return encode(FlowAck(one_of(hearer.flows or (1,), random), 1, 0, _FAR, _SIGNATURE))


_HERE: Final[dict[str, Saying]] = {
    "payload short": _payload(lambda content: content[: INDEX_BYTES - 1]),
    "payload beyond": _payload(lambda content: _FAR.to_bytes(INDEX_BYTES, "big") + content[INDEX_BYTES:]),
    "ack unsigned": _mail(_unsigned),
    "no message": _mail(lambda _hearer, random: random.bytes(20)),
    "message": _mail(lambda _hearer, _random: encode(Hello(StreamId(1, 1)))),
    "protected": lambda parts, _hearer, _random: join(parts.start, (block_of(INTEGRITY, b"?"), *parts.blocks)),
    "block unknown": lambda parts, _hearer, _random: join(parts.start, (_STAYS, *parts.blocks)),
}
"""Bundles that are refused here; but for the last, which is true, with a block that nobody minds."""
