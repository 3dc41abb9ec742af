"""What an edge's journal takes on its disk, in entries as the pipeline encodes them, filled with values of full length.

Between two acks it grows by frames, and by a checkpoint with its snapshot and what peers' checkpoints leave; acks come
on top. Keys, alarms that sound and closing frames are small beside these.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple

from twin.experiments.clinic_settings import watch_of
from twin.experiments.identities import AUDITOR, EARTH, DeviceIdentity, edge_device, key_pair
from twin.experiments.sensors import frame_bytes_of
from twin.pipeline.clinic.alarms import AlarmRules
from twin.pipeline.ledger import journal
from twin.pipeline.ledger.proof import HASH_BYTES
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import Ack, Checkpoint, Cosign, Head, encode
from twin.scenario.model import HabitatScenario

MORE_FRAMES: Final = Fraction(5, 4)
"""Frames for one that the periods call for: an alarm closes a frame early and is a frame itself. Assumed: in the
shipped scenarios up to 1.07, and 1.6 in bad-sol, whose frames are small beside the rest of the journal.
"""

_HASH: Final = bytes(HASH_BYTES)
_EPOCH: Final = 1 << 63


class JournalSize(NamedTuple):
    """How much an edge writes while it holds measurements of some time."""

    frames: int
    frame_bytes: int
    checkpoints: int
    checkpoint_bytes: int
    ack_bytes: int

    @property
    def bytes(self) -> int:
        """All of it: frames with an ack each, and checkpoints."""
        return self.frames * (self.frame_bytes + self.ack_bytes) + self.checkpoints * self.checkpoint_bytes


def journal_size(
    scenario: HabitatScenario, edge: str, devices: Sequence[DeviceIdentity], held_us: int, restarts: int
) -> JournalSize:
    """What an edge's journal holds that keeps the frames of `devices` for a time; every restart begins a stream."""
    counts = [ceil(MORE_FRAMES * Fraction(held_us, d.sample_period_us * d.samples_per_frame)) + 1 for d in devices]
    sizes = [_entry(bytes(frame_bytes_of(scenario, device))) for device in devices]
    frames = sum(counts)
    all_bytes = sum(count * size for count, size in zip(counts, sizes, strict=True))
    # a checkpoint is made when something has moved
    checkpoints = min(frames, ceil(Fraction(held_us, scenario.pipeline.checkpoint_period_us)) + 1)
    ack = _ack(scenario, frames)
    return JournalSize(
        frames,
        ceil(Fraction(all_bytes, max(1, frames))),
        checkpoints,
        _checkpoint_bytes(scenario, edge, devices, restarts, frames, ack),
        _entry(ack),
    )


def _entry(payload: bytes) -> int:
    return len(journal.encode_entry(journal.FRAME, payload))


def _signature(scenario: HabitatScenario, node: str) -> bytes:
    return bytes(key_pair(scenario.seed, scenario.pipeline.suite, node).signer.signature_bytes)


def _frontier(frames: int) -> tuple[bytes, ...]:
    """The roots of the largest subtrees: of sizes up to `frames` half their bits are set in the mean."""
    return (_HASH,) * ceil(frames.bit_length() / 2)


def _ack(scenario: HabitatScenario, frames: int) -> bytes:
    """An ack of a stream without gaps."""
    stream = StreamId(_EPOCH, _EPOCH)
    signatures = _signature(scenario, AUDITOR), _signature(scenario, EARTH)
    at_us = scenario.end_us
    return encode(Ack(stream, frames, _HASH, _frontier(frames), frames, (), frames, at_us, 1, frames, *signatures))


def _checkpoint_bytes(
    scenario: HabitatScenario, edge: str, devices: Sequence[DeviceIdentity], restarts: int, frames: int, ack: bytes
) -> int:
    """A checkpoint, its snapshot, and what the checkpoint of each peer leaves: they have as many streams, too."""
    own = (edge_device(scenario.seed, edge),) * (1 + restarts)
    streams = [StreamId(device, _EPOCH) for device in (*(d.device for d in devices), *own)]
    rules = [AlarmRules(watch_of(scenario, d.kind, d.crew, d.sample_period_us)).snapshot() for d in devices]
    signature = _signature(scenario, edge)
    heads = tuple(Head(stream, frames, _HASH) for stream in streams)
    checkpoint = encode(Checkpoint(edge, frames, scenario.end_us, _HASH, heads, b"", signature))
    cosign = encode(Cosign(edge, frames, edge, _HASH, tuple((s, frames) for s in streams), (), b"", signature))
    known = tuple((stream, frames, _HASH) for stream in streams)
    witnessed = journal.Witnessed(edge, frames, cosign, known, tuple(streams))
    peers = len(scenario.habitat.edge_names) - 1
    states = tuple(
        journal.StreamState(stream, frames, _frontier(frames), frames, ack, rule, b"")
        for stream, rule in zip(streams, (*rules, *(b"" for _ in own)), strict=True)
    )
    snapshot = journal.encode_snapshot(journal.Snapshot(frames, _HASH, states, (witnessed,) * peers, b"", ()))
    return _entry(checkpoint) + _entry(snapshot) + peers * _entry(journal.encode_witnessed(witnessed))
