"""Senseless words to a node: what was really said on a local network, altered so that it must be refused.

| way | what | in whose name |
|---|---|---|
| `cut` | the first bytes of it | the neighbour's |
| `tail` | bytes follow its end | the neighbour's |
| `changed` | one byte is another | the neighbour's |
| `stranger` | the whole of it | of one who has no say here |
| `misaddressed` | a whole one of a kind, or about a checkpoint, that is not for the node | a neighbour's |
| `fields` | a field of another type or value, one too many or too few, an unknown code | the neighbour's |
| `block` | a bundle, altered in one of its blocks (`babbled_bundles`) | its source's |
| `signed` | a frame or word under the right signatures that makes no sense (`senseless_signatures`) | its signer's |
| `sealed` | a bundle under the right key whose inside makes no sense (`senseless_seals`) | its source's |
| `answer` | an answer to what it never asked, or an event of another role (`stray_answers`) | its own host's |

A local network is trusted to name senders rightly and to change no unsigned word. So what can still be read after the
change is said in a neighbour's name only where its receiver checks a signature over what was changed (`_PROVED`), or
where it is about what its receiver cannot know (`_beyond`). Otherwise a stranger says it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from twin.faults.forgery import leaf_of
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import (
    Accept,
    Ack,
    Attestation,
    BackupCopied,
    BackupProved,
    CheckpointOffer,
    Closings,
    Cosign,
    Cosigned,
    Expect,
    FrameOffer,
    HeadMoved,
    Hello,
    LastWitnessed,
    LookAgain,
    Message,
    MessageError,
    MismatchNotice,
    RowsWrong,
    decode,
    encode,
)
from twin.pipeline.wire.plain_cbor import dumps, loads
from twin.randomness import one_of

CUT, TAIL, CHANGED, STRANGER, MISADDRESSED, FIELDS, BLOCK, SIGNED, SEALED, ANSWER = (
    "cut",
    "tail",
    "changed",
    "stranger",
    "misaddressed",
    "fields",
    "block",
    "signed",
    "sealed",
    "answer",
)
NOISES: Final = (CUT, TAIL, CHANGED)
WORD_WAYS: Final = (*NOISES, STRANGER, MISADDRESSED, FIELDS)
NOBODY: Final = "stranger"
"""Name of a sender of whom no node has heard."""


class Role(Enum):
    """What a listener is."""

    DEVICE = "device"
    EDGE = "edge"
    GATEWAY = "gateway"
    AUDITOR = "auditor"


_TAKES: Final[dict[Role, tuple[type[Any], ...]]] = {
    Role.DEVICE: (Accept, Expect, Ack, Hello),
    Role.EDGE: (FrameOffer, Hello, Ack, Closings, CheckpointOffer, LastWitnessed, Cosign),
    Role.GATEWAY: (Cosign, Attestation, RowsWrong, BackupProved),
    Role.AUDITOR: (HeadMoved, BackupCopied, LookAgain, Closings, MismatchNotice, CheckpointOffer, Cosigned),
}
"""Kinds of words that each role takes."""

_PROVED: Final[dict[Role, dict[type[Any], Callable[[Any], object]]]] = {
    Role.DEVICE: {Ack: lambda ack: ack},
    Role.EDGE: {
        FrameOffer: lambda offer: offer.frame,
        Ack: lambda ack: ack,
        Closings: lambda closings: closings,
        CheckpointOffer: lambda offer: offer.checkpoint,
        Cosign: lambda cosign: cosign,
    },
    Role.GATEWAY: {},
    Role.AUDITOR: {
        Closings: lambda closings: closings,
        CheckpointOffer: lambda offer: offer.checkpoint,
        Cosigned: lambda cosigned: cosigned,
    },
}
"""By role and kind, the part whose signature the role checks."""

_OTHER_VALUES: Final[tuple[Any, ...]] = (-1, 1 << 64, 1.5, True, None, b"", "", NOBODY, [])
_NO_CODE: Final = 99
_FAR: Final = 1 << 40
_INNER: Final = (FrameOffer, Closings, CheckpointOffer, Cosigned)
T = TypeVar("T")


class Word(NamedTuple):
    """A datagram as it was heard."""

    source: str
    destination: str
    data: bytes


class Listener(NamedTuple):
    """Whom somebody babbles to: `neighbours` are those whose words count there, `others` those who have no say."""

    name: str
    role: Role
    neighbours: tuple[str, ...]
    others: tuple[str, ...]


class Said(NamedTuple):
    """What is put in: in whose name, and, where a frame in it was altered, the leaf that it would have."""

    way: str
    source: str
    data: bytes
    leaf: bytes = b""


def babble(way: str, listener: Listener, heard: Sequence[Word], random: np.random.Generator) -> Said | None:
    """One senseless word to `listener`, made from one of those heard; None while none of them lends itself to it."""
    if way == MISADDRESSED:
        word = _one([w for w in heard if _is_not_for(w, listener)], random)
        return None if word is None else Said(way, neighbour(word, listener, random), word.data)
    own = [word for word in heard if word.destination == listener.name] or heard
    word = _one(own, random)
    if word is None:
        return None
    if way == STRANGER:
        others = [name for name in listener.others if name != word.source and _kind(word) is not Ack]
        source = _one([NOBODY, *others], random)
        return Said(way, source or NOBODY, word.data)
    if way == FIELDS:
        beyond = _beyond(listener, decode(word.data)) if random.random() < 0.25 else None
        if beyond is not None:
            return Said(way, neighbour(word, listener, random), encode(beyond))
        return _named(way, listener, word, _other_fields(word.data, heard, random), random)
    return _named(way, listener, word, _noise_within(way, word.data, random), random)


def noise(way: str, data: bytes, random: np.random.Generator) -> bytes:
    """`data` cut off, with bytes behind its end, or with one byte changed; never `data` itself."""
    if way == CUT:
        return data[: int(random.integers(0, len(data)))]
    if way == TAIL:
        return data + random.bytes(int(random.integers(1, 9)))
    at = int(random.integers(0, len(data)))
    return data[:at] + bytes((data[at] ^ int(random.integers(1, 256)),)) + data[at + 1 :]


def neighbour(word: Word, listener: Listener, random: np.random.Generator) -> str:
    """Who said it, if the listener knows them as a neighbour, else any neighbour."""
    if word.source in listener.neighbours:
        return word.source
    return one_of(listener.neighbours, random)


def _noise_within(way: str, data: bytes, random: np.random.Generator) -> bytes:
    """Noise in the word, or, where it carries others that prove themselves, in one of those."""
    message = decode(data)
    if isinstance(message, _INNER) and random.random() < 0.5:
        return encode(_with_inner(message, lambda inner: noise(way, inner, random) if inner else b"\x00", random))
    return noise(way, data, random)


def _with_inner(message: Any, change: Callable[[bytes], bytes], random: np.random.Generator) -> Message:
    """A word whose frame, checkpoint or cosignature is changed, of several one."""
    if isinstance(message, FrameOffer):
        return message._replace(frame=change(message.frame))
    if isinstance(message, CheckpointOffer):
        return message._replace(checkpoint=change(message.checkpoint))
    parts = list(message[0])
    at = int(random.integers(0, len(parts))) if parts else 0
    parts[at : at + 1] = [change(parts[at] if parts else b"")]
    changed: Message = message._replace(**{message._fields[0]: tuple(parts)})
    return changed


def _other_fields(data: bytes, heard: Sequence[Word], random: np.random.Generator) -> bytes:
    """The word with a field of another type or value, with one too many or too few, or under an unknown code; or that
    of a word in it, or another word in the place of that.
    """
    message = decode(data)
    if not isinstance(message, _INNER) or isinstance(message, FrameOffer) or random.random() < 0.5:
        return other_item(data, random)
    strange = _one([word.data for word in heard if _kind(word) in (Hello, Accept, Expect, HeadMoved)], random)
    if strange is not None and random.random() < 0.25:
        return encode(_with_inner(message, lambda _: strange, random))
    return encode(_with_inner(message, lambda inner: other_item(inner, random), random))


def other_item(data: bytes, random: np.random.Generator) -> bytes:
    """The word `data` with other fields, or, where it is none (a frame), a list that holds it."""
    try:
        decode(data)
    except MessageError:
        return dumps([data])
    fields = loads(data)
    choice = int(random.integers(0, 6))
    if choice == 0:
        return dumps(fields[:-1])
    if choice == 1:
        return dumps([*fields, 0])
    if choice == 2:
        return dumps([_NO_CODE, *fields[1:]])
    numbers = [at for at, value in enumerate(fields) if at and type(value) is int]
    if choice in (3, 4) and numbers:
        at = int(random.choice(numbers))
        fields[at] += 1
        return dumps(fields)
    _replace_one(fields, random)
    return dumps(fields)


def _replace_one(fields: list[Any], random: np.random.Generator) -> None:
    """Put a value of another type into a field, or into an array in it."""
    at = int(random.integers(1, len(fields)))
    place, inside = fields, fields[at]
    while type(inside) is list and inside and random.random() < 0.5:
        place, at = inside, int(random.integers(0, len(inside)))
        inside = place[at]
    others = [value for value in _OTHER_VALUES if type(value) is not type(inside) or value in (-1, 1 << 64, NOBODY)]
    place[at] = one_of(others, random)


def _beyond(listener: Listener, message: Message) -> Message | None:
    """A word about a stream of nobody, or a record that no device has sealed yet, where the role cannot but notice."""
    if listener.role == Role.DEVICE and isinstance(message, Accept | Expect):
        return message._replace(next_index=message.next_index + _FAR)
    if listener.role == Role.GATEWAY and isinstance(message, Attestation | RowsWrong | BackupProved):
        device, epoch = message.stream
        return message._replace(stream=StreamId(device ^ 1, epoch))
    return None


def _named(way: str, listener: Listener, word: Word, altered: bytes, random: np.random.Generator) -> Said:
    """In whose name an altered word is said."""
    try:
        after = decode(altered)
    except MessageError:
        return Said(way, neighbour(word, listener, random), altered)
    before = decode(word.data)
    is_true = isinstance(before, FrameOffer) and isinstance(after, FrameOffer) and before.frame == after.frame
    leaf = leaf_of(after.frame) if isinstance(after, FrameOffer) and not is_true else b""
    if _is_refused_by_signature(listener.role, before, after):
        return Said(way, neighbour(word, listener, random), altered, leaf)
    return Said(way, NOBODY, altered, leaf)


def _is_refused_by_signature(role: Role, before: Message, after: Message) -> bool:
    part = _PROVED[role].get(type(after))
    return part is not None and type(before) is type(after) and part(before) != part(after)


def _is_not_for(word: Word, listener: Listener) -> bool:
    kind = _kind(word)
    if kind is Hello and listener.role == Role.DEVICE:
        return word.source == listener.name  # its own, come back
    if kind is Cosign and listener.role == Role.EDGE:
        return decode(word.data)[0] != listener.name  # of another's checkpoint
    return kind not in _TAKES[listener.role]


def _kind(word: Word) -> type[Any]:
    return type(decode(word.data))


def _one(choices: Sequence[T], random: np.random.Generator) -> T | None:
    return one_of(choices, random) if choices else None
