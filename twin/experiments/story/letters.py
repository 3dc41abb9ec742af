"""What a datagram or a bundle says about the subject of a story.

Bundles between the planets are opened with the hop keys of the run, which its seed gives: who tells the story may read
what no adversary could.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from twin.experiments.identities import EARTH_ENDPOINT, edge_endpoint, hop_key
from twin.experiments.story.subject import Subject
from twin.pipeline.transport.flow_source import INDEX_BYTES
from twin.pipeline.transport.hop_keys import hop_keys
from twin.pipeline.wire import messages as wire
from twin.pipeline.wire.bpsec import HopKeys, Sealed, WrongKeyError, read_sealed, unseal
from twin.pipeline.wire.bundle import BundleError, read
from twin.pipeline.wire.frame import FrameError, peek_record
from twin.pipeline.wire.identity import RecordId
from twin.scenario.model import HabitatScenario, Scenario

_BUNDLE = b"\x9f"
_KEYS_MAX = 32  # hop key numbers that are tried; operators count up from 0

MAIN, SIDE, MINOR = 0, 1, 2
"""How much a step matters; of too many, the minor ones go first."""


class Said(NamedTuple):
    """A step's text, what such steps are called together, and how much it matters."""

    text: str
    kind: str
    weight: int = SIDE


def rows(count: int) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} row{'' if count == 1 else 's'}"


class Payload(NamedTuple):
    """The payload of a flow between bundle nodes."""

    record: RecordId


Letter = wire.Message | Payload


class Letters:
    """Reads what nodes send each other."""

    def __init__(self, scenario: Scenario) -> None:
        edges = scenario.habitat.edge_names if isinstance(scenario, HabitatScenario) else ()
        self._edges = {edge_endpoint(number): edge for number, edge in enumerate(edges, start=1)}
        self._habitat = isinstance(scenario, HabitatScenario)
        self._keys = cache(self._derived)
        self._seed = scenario.seed

    def _derived(self, edge: str, number: int, source: tuple[int, int], destination: tuple[int, int]) -> HopKeys:
        return hop_keys(hop_key(self._seed, edge, number), number, source, destination)

    def read(self, data: bytes) -> Letter | None:
        """The message in a datagram or bundle; None where nobody could read it."""
        if data[:1] != _BUNDLE:
            return _decoded(data)
        try:
            if self._habitat:
                payload = self._opened(data)
                return None if payload is None else _decoded(payload)
            flow, _, _, _, _, payload = read(data)
        except BundleError:
            return None
        if not flow.destination[1]:
            return _decoded(payload)
        return Payload(RecordId(flow.source[0], flow.destination[1], int.from_bytes(payload[:INDEX_BYTES], "big")))

    def _opened(self, data: bytes) -> bytes | None:
        try:
            sealed = read_sealed(data)
        except BundleError:
            return read(data)[5]  # in clear, where it should not be
        source, destination = sealed.flow.source, sealed.flow.destination
        edge = self._edges.get(destination if source == EARTH_ENDPOINT else source)
        return None if edge is None else self._unsealed(sealed, edge)

    def _unsealed(self, sealed: Sealed, edge: str) -> bytes | None:
        for number in range(_KEYS_MAX):
            try:
                return unseal(sealed, self._keys(edge, number, sealed.flow.source, sealed.flow.destination))
            except WrongKeyError:
                continue
        return None


def _decoded(data: bytes) -> wire.Message | None:
    try:
        return wire.decode(data)
    except wire.MessageError:
        return None


def _record(frame: bytes) -> RecordId | None:
    try:
        return peek_record(frame)
    except FrameError:
        return None


def about(letter: Letter, subject: Subject) -> Said | None:
    """What a message says about a subject; None if nothing."""
    match letter:
        case Payload(record):
            return Said(f"payload {record.index}", "payloads", MAIN) if record in subject.follows else None
        case wire.FrameOffer(frame, _):
            return _frames("frame offers", (frame,), subject)
        case wire.Frames(frames) | wire.Closings(frames):
            return _frames("bundles", frames, subject)
        case wire.Hello(stream):
            return Said("hello, which is next?", "hellos", MINOR) if subject.is_stream(stream) else None
        case wire.Expect(stream, size):
            return Said(f"send from {size} on", "answers to hellos", MINOR) if subject.reaches(stream, size) else None
        case wire.Accept(stream, size):
            late = subject.index is not None and size > subject.index + 1
            said = Said(f"accepted below {size}", "accepts", MINOR if late else SIDE)
            return said if subject.reaches(stream, size) else None
        case wire.Ack():
            return _acks((letter,), subject)
        case wire.Acks(acks, _, receipts):
            found = _acks([ack for ack in map(_decoded, acks) if isinstance(ack, wire.Ack)], subject)
            return found or _receipt(map(_decoded, receipts), subject)
        case wire.Receipt():
            return _receipt((letter,), subject)
        case wire.ReceiptsTaken(alerts):
            return Said("receipt taken", "receipts") if subject.alert in alerts else None
        case wire.MismatchNotice(stream, size, _):
            return Said(f"my root of {size} is another", "notices", MAIN) if subject.is_stream(stream) else None
        case wire.HeadMoved(stream, size):
            return Said(f"look: {rows(size)}", "hints to the auditor", MINOR) if subject.reaches(stream, size) else None
        case wire.Attestation(stream, size, _, _, _):
            said = Said(f"signed: {rows(size)} read back", "attestations")
            return said if subject.reaches(stream, size) else None
        case wire.RowsWrong(stream, indices, store):
            named = any(RecordId(*stream, index) in subject.follows for index in indices)
            return Said(f"{store}: rows are wrong", "complaints", MAIN) if named else None
        case wire.BackupCopied(stream, size):
            said = Said(f"look: {rows(size)} in the backup", "hints to the auditor", MINOR)
            return said if subject.reaches(stream, size) else None
        case wire.BackupProved(stream, size, ok):
            said = Said(f"backup of {rows(size)} is {'right' if ok else 'wrong'}", "proofs of the backup")
            return said if subject.reaches(stream, size) else None
        case wire.CheckpointOffer(checkpoint, _, _):
            offered = _decoded(checkpoint)
            return _checkpoint(offered, subject) if isinstance(offered, wire.Checkpoint) else None
        case wire.Cosign(author, counter, _, _, sizes, _, _):
            return _cosign(f"cosigned {author}'s checkpoint {counter}", sizes, subject)
        case wire.FlowAck(flow, verified, _, _, _):
            ours = subject.index is not None and any(record.epoch == flow for record in subject.follows)
            return Said(f"ack: {verified} payloads", "acks") if ours and verified >= (subject.index or 0) else None
        case _:
            return None


def of_device(letter: Letter | None, device: int) -> Said | None:
    """The frame that a device offers, where a story is about what it measured."""
    frames = (letter.frame,) if isinstance(letter, wire.FrameOffer) else ()
    found = [record for record in map(_record, frames) if record is not None and record.device == device]
    return Said(f"frame {found[0].index}", "frame offers", MAIN) if found else None


def called(letter: Letter | None) -> Said:
    """A message by its kind alone, where a story is about a place."""
    match letter:
        case None:
            return Said("something unreadable", "messages")
        case wire.FrameOffer() | wire.Frames():
            frames = (letter.frame,) if isinstance(letter, wire.FrameOffer) else letter.frames
            return Said(f"{len(frames)} frame{'s' if len(frames) != 1 else ''}", "messages")
        case wire.Acks(acks, cosigns, receipts):
            parts = ((acks, "ack"), (cosigns, "cosignature"), (receipts, "receipt"))
            return Said(", ".join(f"{len(part)} {name}{'s' * (len(part) > 1)}" for part, name in parts if part), "acks")
        case _:
            words = "".join(
                f" {letter_.lower()}" if letter_.isupper() else letter_ for letter_ in type(letter).__name__
            )
            return Said(words.strip(), "messages")


def _frames(kind: str, frames: tuple[bytes, ...], subject: Subject) -> Said | None:
    ours = sorted({record.index for record in map(_record, frames) if record in subject.follows})
    if not ours:
        return None
    first = f"frame {ours[0]}"
    return Said(first if len(frames) == 1 else f"{first} with {len(frames) - 1} more", kind, MAIN)


def _acks(acks: Iterable[wire.Ack], subject: Subject) -> Said | None:
    for ack in acks:
        if subject.reaches(ack.stream, max(ack.verified, ack.trim)):
            text = f"ack: verified {ack.verified}, backed up {ack.trim}"
            missing = subject.index is not None and any(first <= subject.index < end for first, end in ack.gaps)
            return Said(f"{text}, asks for {subject.index}", "requests", MAIN) if missing else Said(text, "acks")
    return None


def _receipt(receipts: Iterable[wire.Message | None], subject: Subject) -> Said | None:
    alerts = [receipt.alert for receipt in receipts if isinstance(receipt, wire.Receipt)]
    return Said("the surgeon has acknowledged", "receipts") if subject.alert in alerts else None


def _checkpoint(checkpoint: wire.Checkpoint, subject: Subject) -> Said | None:
    if subject.index is not None:
        return None
    sizes = [head.size for head in checkpoint.heads if subject.is_stream(head.stream)]
    return Said(f"checkpoint {checkpoint.counter}: head of {sizes[0]}", "checkpoints") if sizes else None


def _cosign(text: str, sizes: tuple[tuple[RecordId | tuple[int, ...], int], ...], subject: Subject) -> Said | None:
    if subject.index is not None or not any(subject.is_stream(stream) for stream, _ in sizes):
        return None
    return Said(text, "cosignatures", MINOR)
