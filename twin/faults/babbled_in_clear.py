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
from typing import Any, Final, NamedTuple

import numpy as np

from twin.faults.babble import BLOCK, CHANGED, CUT, FIELDS, MISADDRESSED, TAIL, noise
from twin.faults.babbled_bundles import OF_ANY_BUNDLE, altered, block_of
from twin.pipeline.transport.flow_sink import ACK_SERVICE
from twin.pipeline.transport.flow_source import INDEX_BYTES
from twin.pipeline.wire import messages
from twin.pipeline.wire.blocks import DISCARD_BLOCK_IF_UNKNOWN, INTEGRITY
from twin.pipeline.wire.bundle import Bundle, decode, encode
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import FlowAck, Hello
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


Saying = Callable[[Bundle, Hearer, np.random.Generator], Bundle]


def senseless(way: str, data: bytes, hearer: Hearer, random: np.random.Generator) -> bytes:
    """Something made of the bundle `data` in one of the `WAYS`."""
    if way == BLOCK:
        return altered(data, OF_ANY_BUNDLE, random)
    if way in (MISADDRESSED, FIELDS):
        sayings = _ELSEWHERE if way == MISADDRESSED else _HERE
        return encode(sayings[one_of(sorted(sayings), random)](decode(data), hearer, random))
    return noise(way, data, random)


# ------------------------------------------------------------ for others


def _passed(**fields: Any) -> Saying:
    """For a service that another node does not have, with these fields."""

    def say(bundle: Bundle, hearer: Hearer, random: np.random.Generator) -> Bundle:
        destination = (one_of(hearer.others, random), NO_SERVICE)
        payload = random.bytes(INDEX_BYTES)
        return bundle._replace(destination=destination, lifetime_ms=_LIFETIME_MS, payload=payload, **fields)

    return say


_STAYS: Final = block_of(_UNKNOWN_TYPE, b"?", number=5)
_GOES: Final = block_of(_UNKNOWN_TYPE, b"?", number=6, flags=DISCARD_BLOCK_IF_UNKNOWN)

_ELSEWHERE: Final[dict[str, Saying]] = {
    "service here": lambda bundle, hearer, _: bundle._replace(destination=(hearer.number, NO_SERVICE)),
    "service there": _passed(),
    "hops": _passed(hop_limit=9, hop_count=1),
    "hops made": _passed(hop_limit=9, hop_count=9),
    "age": _passed(age_ms=1),
    "age alone": _passed(age_ms=1, created_ms=0),
    "age over": _passed(age_ms=_LIFETIME_MS + 1, created_ms=0),
    "age beyond numbers": _passed(age_ms=(1 << 64) - 1),
    "all blocks": _passed(hop_limit=9, hop_count=1, age_ms=60_000, previous_node=(1, 0), extra=(_STAYS, _GOES)),
    "block stays": _passed(extra=(_STAYS,)),
    "block goes": _passed(extra=(_GOES,)),
}
"""Bundles that are refused at once, or by whomever they are for."""

# ------------------------------------------------------------ for the node itself


def _payload(make: Callable[[bytes], bytes]) -> Saying:
    """To the service that the bundle was for."""
    return lambda bundle, _hearer, _random: bundle._replace(payload=make(bundle.payload))


def _mail(make: Callable[[Hearer, np.random.Generator], bytes]) -> Saying:
    """To the service that takes acks."""
    return lambda bundle, hearer, random: bundle._replace(
        destination=(hearer.number, ACK_SERVICE), payload=make(hearer, random)
    )


def _unsigned(hearer: Hearer, random: np.random.Generator) -> bytes:
    return messages.encode(FlowAck(one_of(hearer.flows or (1,), random), 1, 0, _FAR, _SIGNATURE))


_HERE: Final[dict[str, Saying]] = {
    "payload short": _payload(lambda content: content[: INDEX_BYTES - 1]),
    "payload beyond": _payload(lambda content: _FAR.to_bytes(INDEX_BYTES, "big") + content[INDEX_BYTES:]),
    "ack unsigned": _mail(_unsigned),
    "no message": _mail(lambda _hearer, random: random.bytes(20)),
    "message": _mail(lambda _hearer, _random: messages.encode(Hello(StreamId(1, 1)))),
    "protected": lambda bundle, _hearer, _random: bundle._replace(extra=(block_of(INTEGRITY, b"?"),)),
    "block unknown": lambda bundle, _hearer, _random: bundle._replace(extra=(_STAYS,)),
}
"""Bundles that are refused here; but for the last, which is true, with a block that nobody minds."""
