"""Which key signs which epoch, and where an epoch ends: what every verifier of frames keeps.

A device begins with the key it was registered with. Its **closing frame**, signed with the old key, states the
epoch's final index, the next epoch and the key of that. So:

| a frame of | is good |
|---|---|
| an epoch that a closing frame named | under the key that stands there |
| any other epoch of a registered device | under the registered key |
| a closed epoch | up to its final index; beyond it is stale |
| an epoch never seen before | not under a registered key that the device has given up (`strict`) |

Where the order of events is known (on an edge) `strict` refuses new epochs of a key that was given up. Earth sees
frames late and out of order, over bundles that only an edge can seal, and leaves that judgement to the edge.
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


UNKNOWN_DEVICE = "device unknown"
WRONG_SIGNATURE = "signature"
BEYOND_CLOSING = "beyond the end of a closed epoch"
STALE_KEY = "a new epoch under a key that was given up"


class KeyBook:
    """Verifies frames of registered devices through their rotations.

    Args:
        devices: registered signers by device id.
        strict: whether a new epoch under a given-up key is refused.
    """

    def __init__(self, devices: Mapping[int, KnownDevice], strict: bool = False) -> None:
        self._devices = devices
        self._strict = strict
        self._closings: dict[StreamId, tuple[int, bytes]] = {}
        self._successors: dict[StreamId, _Key] = {}
        self._given_up: set[int] = set()
        self._seen: set[StreamId] = set()

    def problem_with(self, frame: bytes, record: RecordId) -> str | None:
        """Why a frame whose identity is `record` must not be taken, None if it is what its device signed."""
        stream = record.stream
        device = self._devices.get(stream.device)
        if device is None:
            return UNKNOWN_DEVICE
        closed = self._closings.get(stream)
        if closed is not None and record.index > closed[0]:
            return BEYOND_CLOSING
        key = self._key(stream, device)
        if not verify_frame(frame, key.verifier, key.signature_bytes):
            return WRONG_SIGNATURE
        if (
            self._strict
            and stream.device in self._given_up
            and stream not in self._successors
            and stream not in self._seen
        ):
            return STALE_KEY
        return None

    def _key(self, stream: StreamId, device: KnownDevice) -> _Key:
        return self._successors.get(stream) or _Key(device.verifier, device.signature_bytes)

    def signature_bytes(self, stream: StreamId) -> int:
        """Length of the signatures of a registered device's epoch."""
        return self._key(stream, self._devices[stream.device]).signature_bytes

    def body(self, frame: bytes, record: RecordId) -> bytes:
        """Body of a frame that has no problem."""
        return frame_body(frame, self.signature_bytes(record.stream))

    def learn(self, frame: bytes, record: RecordId) -> StreamId | None:
        """Take note of a frame that has no problem; the next epoch if it closes its own.

        Raises:
            FrameError: a closing frame whose body is none, or that names no usable key; nothing was noted then.
        """
        following = None
        if peek_kind(frame) == CLOSING:
            following = self._close(record.stream, decode_closing(self.body(frame, record)), frame)
        self._seen.add(record.stream)
        return following

    def _close(self, stream: StreamId, closing: Closing, frame: bytes) -> StreamId:
        following = StreamId(stream.device, closing.next_epoch)
        device = self._devices[stream.device]
        old = self._key(stream, device)
        try:
            following_key = verifier(closing.next_suite, closing.next_public)
        except ValueError as error:
            raise FrameError(f"closing: {error}") from error
        self._successors[following] = _Key(following_key, SUITES[closing.next_suite].signature_bytes)
        if not old.verifier.same_key(closing.next_public):
            self._given_up.add(stream.device)
        self._closings[stream] = (closing.final_index, frame)
        return following

    def is_closed(self, stream: StreamId) -> bool:
        """Whether the epoch's closing frame is known."""
        return stream in self._closings

    @property
    def closings(self) -> tuple[bytes, ...]:
        """The closing frames known, in the order learned: all that a restart needs (`restore`)."""
        return tuple(frame for _, frame in self._closings.values())

    def restore(self, closings: Iterable[bytes], seen: Iterable[StreamId] = ()) -> None:
        """Take over closing frames that were verified before, in the order learned, and epochs that are known."""
        self._seen.update(seen)
        for frame in closings:
            self.learn(frame, peek_record(frame))
