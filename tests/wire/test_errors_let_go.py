"""An error of bad bytes keeps nothing of its callers alive: cbor2 before 6 never frees some (its issue 257)."""

from __future__ import annotations

import gc
import weakref

import pytest

from twin.pipeline.wire.messages import MessageError, decode


class Kept:
    """Something that a caller holds."""


def after_a_refusal() -> weakref.ref[Kept]:
    kept = Kept()
    with pytest.raises(MessageError, match="no CBOR"):
        decode(b"\x82\x01\x78\x20" + b"\x99" * 32)  # an array of a number and of text that is no UTF-8
    return weakref.ref(kept)


def test_the_wire_lets_go_of_its_callers() -> None:
    reference = after_a_refusal()
    gc.collect()
    assert reference() is None
