"""Which key signs which epoch, and where an epoch ends: what every verifier of frames keeps.

A device begins with the key it was registered with. Its **closing frame**, signed with the old key, states the
epoch's final index, the next epoch and the key of that, which is the device's key from then on. So:

| a frame of | is good |
|---|---|
| an epoch that a closing frame named | under the key that stands there |
| an epoch seen before | under the key that it was seen with (if `strict`: given up only where closed) |
| a new epoch | under the device's key of now; under one that it gave up where not `strict`, or if it is over at once |
| a closed epoch | up to its final index; beyond it is stale |

Where the order of events is known (on an edge) `strict` refuses what nobody closed under a key that was given up: the
device that left an epoch open has lost its rest, so whoever goes on there is somebody else. Earth sees
frames late and out of order, over bundles that only an edge can seal, and leaves that judgement to the edge.

An epoch is over at once whose first frame closes it, and names the device's key of now. So begins a device that crashed
after it had sent a closing frame and before an edge said that it holds it: it starts with the old key, and is handed
the new one again. Such a frame tells no measurement and brings no key, whoever sealed it, and there are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from twin.pipeline.wire.body import Closing, FrameError, decode_closing
from twin.pipeline.wire.frame import CLOSING, frame_body, peek_kind, peek_record, verify_frame
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.pipeline.wire.signing import SUITES, Verifier, verifier


class KnownDevice(NamedTuple):
    """A signer registered with the habitat: its name on the local network and the first key of its frames.

    Edge nodes are registered too: they sign their own alert streams.
    """

    name: str
    verifier: Verifier
    signature_bytes: int


class _Key(NamedTuple):
    verifier: Verifier
    signature_bytes: int

    def signs(self, frame: bytes) -> bool:
        return verify_frame(frame, self.verifier, self.signature_bytes)


UNKNOWN_DEVICE = "device unknown"
WRONG_SIGNATURE = "signature"
BEYOND_CLOSING = "beyond the end of a closed epoch"
STALE_KEY = "an epoch that nobody closed, under a key that was given up"


EMPTY_EPOCHS_MAX = 16
"""Starts of a device under one key that are over at once: more are a thief's who fills stores with nothing."""


class KeyBook:
    """Verifies frames of registered devices through their rotations.

    Args:
        devices: registered signers by device id.
        strict: whether a new epoch under a given-up key is refused.
    """

    def __init__(self, devices: Mapping[int, KnownDevice], strict: bool = False) -> None:
        self._devices = devices
        self._strict = strict
        self._finals: dict[StreamId, int] = {}
        self._closings: dict[StreamId, bytes] = {}
        self._epochs: dict[StreamId, _Key] = {}
        self._keys: dict[int, list[_Key]] = {}

    def problem_with(self, frame: bytes, record: RecordId) -> str | None:
        """Why a frame whose identity is `record` must not be taken, None if it is what its device signed."""
        stream = record.stream
        if stream.device not in self._devices:
            return UNKNOWN_DEVICE
        final = self._finals.get(stream)
        if final is not None and record.index > final:
            return BEYOND_CLOSING
        *given_up, now = self._keys_of(stream.device)
        known = self._epochs.get(stream)
        if known is not None:
            if not known.signs(frame):
                return WRONG_SIGNATURE
            return STALE_KEY if self._strict and final is None and known in given_up else None
        if now.signs(frame):
            return None
        before = next((key for key in given_up if key.signs(frame)), None)
        if before is None:
            return WRONG_SIGNATURE
        return STALE_KEY if self._strict and not self._is_over_at_once(frame, record, before) else None

    def _is_over_at_once(self, frame: bytes, record: RecordId, signed_with: _Key) -> bool:
        """Whether a new epoch's first frame is its last, and goes on under the device's key of now."""
        if record.index or peek_kind(frame) != CLOSING:
            return False
        try:
            closing = decode_closing(frame_body(frame, signed_with.signature_bytes))
        except FrameError:
            return False
        now = self._keys_of(record.device)[-1]
        following = self._epochs.get(StreamId(record.device, closing.next_epoch), now)
        if closing.final_index or following is not now or not now.verifier.same_key(closing.next_public):
            return False
        empty = [of for of, final in self._finals.items() if of.device == record.device and final == 0]
        return sum(self._epochs[of] is signed_with for of in empty) < EMPTY_EPOCHS_MAX

    def body(self, frame: bytes, record: RecordId) -> bytes:
        """Body of a frame that has no problem."""
        return frame_body(frame, self._key_of(frame, record.stream).signature_bytes)

    def learn(self, frame: bytes, record: RecordId) -> StreamId | None:
        """Take note of a frame that has no problem; the next epoch if it closes its own.

        Raises:
            FrameError: a closing frame whose body is none, or that names no usable key; nothing was noted then.
        """
        stream = record.stream
        following = None
        if peek_kind(frame) == CLOSING:
            following = self._close(stream, decode_closing(self.body(frame, record)), frame)
        if stream not in self._epochs:
            self._epochs[stream] = self._key_of(frame, stream)
        return following

    def _close(self, stream: StreamId, closing: Closing, frame: bytes) -> StreamId:
        following = StreamId(stream.device, closing.next_epoch)
        own = self._key_of(frame, stream)
        keys = self._keys_of(stream.device)
        try:
            key = _Key(verifier(closing.next_suite, closing.next_public), SUITES[closing.next_suite].signature_bytes)
        except ValueError as error:
            raise FrameError(f"closing: {error}") from error
        if stream not in self._closings:
            held = next((k for k in (own, keys[-1]) if k.verifier.same_key(closing.next_public)), None)
            self._epochs[stream] = own
            self._epochs.setdefault(following, held or key)
            self._finals[stream] = closing.final_index
            self._closings[stream] = frame
            if held is None:
                keys.append(key)
        return following

    def _keys_of(self, device: int) -> list[_Key]:
        """The device's keys, oldest first; the last is the key of now."""
        keys = self._keys.get(device)
        if keys is None:
            known = self._devices[device]
            keys = self._keys[device] = [_Key(known.verifier, known.signature_bytes)]
        return keys

    def _key_of(self, frame: bytes, stream: StreamId) -> _Key:
        """The key of a frame that has no problem."""
        known = self._epochs.get(stream)
        if known is not None:
            return known
        keys = self._keys_of(stream.device)
        return next((key for key in reversed(keys) if key.signs(frame)), keys[-1])

    def is_closed(self, stream: StreamId) -> bool:
        """Whether the epoch's closing frame is known."""
        return stream in self._closings

    def following(self, stream: StreamId, size: int) -> StreamId | None:
        """The epoch that goes on after this one, if a log of `size` frames is all of it."""
        frame = self._closings.get(stream)
        if frame is None or size <= self._finals[stream]:
            return None
        body = frame_body(frame, self._epochs[stream].signature_bytes)
        return StreamId(stream.device, decode_closing(body).next_epoch)

    @property
    def closings(self) -> tuple[bytes, ...]:
        """The closing frames known, in the order learned: what a restart or a peer needs (`take`)."""
        return tuple(self._closings.values())

    def take(self, closings: Iterable[bytes]) -> list[StreamId]:
        """Learn closing frames that somebody held; the epochs that were not known to be closed.

        What does not verify is passed over: each frame proves itself by the key that it gives up.
        """
        learned = []
        for frame in closings:
            record = peek_record(frame)
            new = record.stream not in self._closings
            if new and peek_kind(frame) == CLOSING and self.problem_with(frame, record) is None:
                self.learn(frame, record)
                learned.append(record.stream)
        return learned
