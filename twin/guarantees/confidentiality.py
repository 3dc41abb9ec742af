"""confidentiality: what anyone between the planets can hear, read with a plain CBOR decoder and nothing of ours.

A bundle is an indefinite array of blocks (RFC 9171 4.1). A security block's content is a CBOR sequence: targets,
context id, flags, source, parameters, results (RFC 9172 3.6); parameter 1 of BCB-AES-GCM is the IV (RFC 9173 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import cbor2

from twin.guarantees.verdict import Checker
from twin.trace import Radiated, Trace

PAYLOAD, BIB, BCB = 1, 11, 12
BCB_AES_GCM = 2
IV_PARAMETER = 1
IV_PREFIX_BYTES, IV_BYTES = 8, 12
ARRAY_HEADS = range(0x81, 0x98)  # of one field to 23
NUMBERS, STRINGS, ARRAY, SIMPLE = (0, 1), (2, 3), 4, 7  # major types
BOOLEANS = (20, 21)
PATIENT_BYTES_MIN = 24  # what names a stream, an alert or a frame is longer


class _SecurityBlock(NamedTuple):
    targets: Sequence[int]
    context: int
    source: object
    parameters: dict[int, Any]


class Confidentiality(Checker):
    """No patient byte leaves Mars in clear, and no (key, IV) pair is used twice, even after a snapshot rollback.

    Of every bundle radiated between the planets: a BCB covers the payload and a BCB covers each BIB; the payload is no
    message and nothing in the bundle spells a secret (channel names, which stand in every frame of samples; names of
    crew and devices); per (security source, IV prefix) the IV's counter strictly rises, so none comes again. A relay
    holds no key and radiates what others have protected: its IVs are judged where they first leave.

    Args:
        secrets: what must not be heard.
        relays: nodes that pass bundles on.
    """

    key = "confidentiality"
    not_applicable = "nothing was radiated between the planets"

    def __init__(self, secrets: Sequence[bytes], relays: Sequence[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)
        self._relays = frozenset(relays)
        self._counters: dict[tuple[object, bytes], int] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(Radiated, self._radiated)

    def _radiated(self, at_us: int, node: str, fact: Radiated) -> None:
        self.checked += 1
        what = self._problem(fact.data, first=node not in self._relays)
        if what is not None:
            self.violate(at_us, node, f"bundle of {len(fact.data)} bytes on {fact.link}", what)

    def _problem(self, data: bytes, first: bool) -> str | None:
        try:
            blocks = cbor2.loads(data)
        except (cbor2.CBORDecodeError, ValueError) as problem:
            _let_go(problem)
            return f"no CBOR: {problem}"
        if type(blocks) is not list or len(blocks) < 2 or any(type(block) is not list for block in blocks):
            return "not an array of blocks"
        by_number: dict[int, list[Any]] = {}
        covered: set[int] = set()
        for block in blocks[1:]:
            if len(block) < 5 or type(block[4]) is not bytes:
                return "a block without content"
            by_number[block[1]] = block
        for block in by_number.values():
            if block[0] == BCB:
                security = _read(block[4])
                if security is None:
                    return f"block {block[1]} is no security block"
                covered.update(security.targets)
                what = self._initialization(security, first)
                if what is not None:
                    return what
        for number, block in by_number.items():
            if block[0] in (PAYLOAD, BIB) and number not in covered:
                return f"the {'payload' if block[0] == PAYLOAD else 'BIB'} is in clear: no BCB covers block {number}"
        if not any(block[0] == PAYLOAD for block in by_number.values()):
            return "a bundle without payload"
        return self._clear_text(data, by_number)

    def _initialization(self, security: _SecurityBlock, first: bool) -> str | None:
        iv = security.parameters.get(IV_PARAMETER)
        if security.context != BCB_AES_GCM or type(iv) is not bytes or len(iv) != IV_BYTES:
            return f"a BCB of context {security.context} without an IV of {IV_BYTES} bytes"
        if len(security.targets) != 1:
            return f"one IV for {len(security.targets)} blocks: the same (key, IV) pair more than once"
        if not first:
            return None
        prefix, counter = iv[:IV_PREFIX_BYTES], int.from_bytes(iv[IV_PREFIX_BYTES:], "big")
        place = (security.source, prefix)
        last = self._counters.get(place, -1)
        if counter <= last:
            return f"IV {iv.hex()} of {security.source} does not follow {last}: the pair of key and IV came before"
        self._counters[place] = counter
        return None

    def _clear_text(self, data: bytes, by_number: dict[int, list[Any]]) -> str | None:
        for secret in self._secrets:
            if secret in data:
                return f"spells {secret.decode(errors='replace')!r}"
        for block in by_number.values():
            if block[0] == PAYLOAD and _is_message(block[4]):
                return "the payload reads as a message"
        return None


def _read(content: bytes) -> _SecurityBlock | None:
    """An abstract security block, None if it is not one."""
    decoder = cbor2.CBORDecoder(BytesIO(content))
    try:
        head: list[Any] = [decoder.decode() for _ in range(4)]
        targets, context, flags, source = head
        parameters: Any = decoder.decode() if flags & 1 else []
        if type(context) is not int or not all(type(number) is int for number in targets):
            return None
        return _SecurityBlock(targets, context, _frozen(source), {item[0]: item[1] for item in parameters})
    except (cbor2.CBORDecodeError, ValueError, TypeError, IndexError) as problem:
        _let_go(problem)
        return None


def _frozen(value: Any) -> object:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


def _is_message(content: bytes) -> bool:
    """Whether the whole content is one CBOR array that begins with a number and holds what messages are made of.

    Ciphertext of a dozen bytes reads as one about once in a hundred thousand bundles, and is too short to say anything
    of a patient; with twice the length that never comes.
    """
    begins = len(content) >= PATIENT_BYTES_MIN and content[0] in ARRAY_HEADS and content[1] >> 5 in NUMBERS
    return begins and _is_plain(content)


def _is_plain(content: bytes) -> bool:
    """Whether this is one number, text, byte string, boolean or array of such, each in its shortest form.

    Well-formedness as in RFC 8949 appendix C. Nothing is built: ciphertext is no input for a decoder.
    """
    at, items = 0, 1
    while items:
        if at >= len(content):
            return False
        items -= 1
        major, argument = content[at] >> 5, content[at] & 31
        at += 1
        if major == SIMPLE:
            if argument not in BOOLEANS:
                return False
            continue
        if argument > 23:
            size = 1 << (argument - 24)
            shortest = 24 if size == 1 else 1 << 4 * size
            if argument > 27 or int.from_bytes(content[at : at + size], "big") < shortest:
                return False
            argument = int.from_bytes(content[at : at + size], "big")
            at += size
        if major in STRINGS:
            at += argument
        elif major == ARRAY:
            items += argument
        elif major not in NUMBERS:
            return False
    return at == len(content)


def _let_go(problem: Exception) -> None:
    """Drop the frames that an error holds: cbor2 before 6 never frees one of bad UTF-8 (its issue 257)."""
    problem.with_traceback(None)
