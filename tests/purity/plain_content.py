"""Takes a transcript apart down to plain values, so that runs can be compared but for the instants that are content.

`DECLARED` names every field through which house time may enter what a machine says. Bytes are decoded (bundle, message,
frame, journal) as deep as they go. What then is left is entropy, a hash or a signature over such a field, told by its
length, and only the length is kept.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cbor2

from twin.experiments.identities import edge_endpoint, hop_key
from twin.pipeline.ledger import journal
from twin.pipeline.transport.hop_keys import hop_keys
from twin.pipeline.wire import bundle, frame, messages
from twin.pipeline.wire.body import decode_alert, decode_closing, decode_samples
from twin.pipeline.wire.bpsec import Sealed, WrongKeyError, read_sealed, unseal
from twin.pipeline.wire.primary import read_primary

OPAQUE_BYTES = {0, 8, 32, 64}
"""Lengths of what may stay undecoded: nothing, entropy, SHA-256 or a hash tree's node, an Ed25519 signature."""

SEED = 3
"""Of the scenarios in `transcripts`, whose hop keys are derived from it."""

HOP_KEYS = (0, 1)
"""Numbers of the hop keys in these scenarios: the first, and one rotation."""

BODIES = {frame.SAMPLES: decode_samples, frame.CLOSING: decode_closing, frame.ALERT: decode_alert}

DECLARED = {
    "at_us": "when a timer is due; when a checkpoint was made",
    "start_us": "device clock at the first sample",
    "generated_us": "device clock at the newest sample of a frame",
    "since_us": "since when nobody has answered an alarm",
    "made_us": "Earth's clock when an ack was made",
    "acknowledged_us": "Earth's clock when the flight surgeon acknowledged an alarm",
    "created_ms": "DTN time at which a bundle was made",
}


class Plain:
    """Plain values of a run whose clock is `shift_us` ahead of the one that it is compared with.

    Args:
        signature_bytes: length of the signatures of frames.
        opaque: whether bytes without a code of their own are kept as lengths, which must be in `OPAQUE_BYTES`.
    """

    def __init__(self, shift_us: int, signature_bytes: int, opaque: bool) -> None:
        self._shift_us = shift_us
        self._signature_bytes = signature_bytes
        self._opaque = opaque
        self._bytes = cache(self._decoded)  # what one sends another receives

    def value(self, value: Any, name: str = "") -> Any:
        """The plain form of an event, an effect, or a part of one in the field `name`."""
        if name == "board":  # alarms that sound: alert, priority, instant, what has become of it
            return tuple(
                (tuple(alert), priority, self.value(since_us, "since_us"), *states)
                for alert, (priority, since_us, *states) in cbor2.loads(value)
            )
        if isinstance(value, bytes):
            return self._bytes(value)
        if isinstance(value, int) and name in DECLARED:
            return value - (self._shift_us // 1000 if name == "created_ms" else self._shift_us)
        if name == "signer":  # what an operator hands to a device
            return value.public
        if name == "bundle":  # a bundle's identity: node, creation time, sequence
            return (value[0], self.value(value[1], "created_ms"), value[2])
        if isinstance(value, tuple):
            names = getattr(value, "_fields", [""] * len(value))
            parts = [self.value(part, field) for field, part in zip(names, value, strict=True)]
            return (type(value).__name__, *parts)
        return value

    def _decoded(self, data: bytes) -> Any:
        for decoded in (self._frame, self._sealed, self._bundle, self._message, self._journal, _cbor):
            found = decoded(data)
            if found is not None:
                return found
        if not self._opaque:
            return data
        assert len(data) in OPAQUE_BYTES, f"{len(data)} bytes that nothing decodes: {data[:40]!r}"
        return len(data)

    def _frame(self, data: bytes) -> Any:
        try:
            opened = frame.open_frame(data, self._signature_bytes)
        except ValueError:
            return None
        return (*self.value(opened._replace(body=b"")), self.value(BODIES[opened.kind](opened.body)))

    def _sealed(self, data: bytes) -> Any:
        """A protected bundle, opened with the first hop key that fits, of the edge that sent it or is to get it."""
        try:
            sealed = read_sealed(data)
        except ValueError:
            return None
        source, destination = sealed.flow.source, sealed.flow.destination
        edge = f"edge-{max(source, destination)[0] - edge_endpoint(0)[0]}"
        number, payload = _opened(sealed, edge)
        created_ms = self.value(sealed.created_ms, "created_ms")
        sequence = read_primary(data)[2]
        said = (created_ms, sequence, sealed.lifetime_ms, self.value(payload))
        # vectors come of the entropy, which is alike in both runs
        vectors = (sealed.payload_said.iv, sealed.integrity_said.iv)
        return ("sealed", number, sealed.flow, *said, vectors, len(data))

    def _bundle(self, data: bytes) -> Any:
        try:
            return self.value(bundle.decode(data))
        except ValueError:
            return None

    def _message(self, data: bytes) -> Any:
        try:
            return self.value(messages.decode(data))
        except ValueError:
            return None

    def _journal(self, data: bytes) -> Any:
        entries, end = journal.scan(data)
        if not entries or end != len(data):
            return None
        found = []
        for entry in entries:
            if entry.kind == journal.SNAPSHOT:
                found.append((entry.kind, self.value(journal.decode_snapshot(entry.payload))))
            elif entry.kind == journal.WITNESSED:
                found.append((entry.kind, self.value(_tuples(cbor2.loads(entry.payload)))))
            else:
                found.append((entry.kind, self.value(entry.payload)))
        return tuple(found)


def _opened(sealed: Sealed, edge: str) -> tuple[int, bytes]:
    """Which of an edge's hop keys opens a bundle, and the payload."""
    flow = sealed.flow
    for number in HOP_KEYS:
        try:
            return number, unseal(sealed, hop_keys(hop_key(SEED, edge, number), number, flow.source, flow.destination))
        except WrongKeyError:
            continue
    raise AssertionError(f"a bundle of {edge} opens under none of the hop keys {HOP_KEYS}")


def _cbor(data: bytes) -> Any:
    """State that a machine wrote for itself: rules, a board."""
    try:
        value = cbor2.loads(data)
    except (cbor2.CBORDecodeError, ValueError, TypeError):
        return None
    return _tuples(value) if isinstance(value, list) and cbor2.dumps(value) == data else None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
