"""Jumps while the body moves: what a channel cannot have done since the last value that was believed.

A jump is an artefact if, since the last value that was believed, the channel would have changed faster than it can,
**and** the accelerometer shows motion at that sample. Without motion a jump is believed: a fall is worse than a false
alarm. Motion cannot hide a change for ever: after `artefact` samples in a row the next is believed.
"""

from __future__ import annotations


def jumped(value: int, believed: int | None, elapsed: int, slope: int | None) -> bool:
    """Whether `value` [counts] is further from the last `believed` one than `elapsed` samples allow."""
    return slope is not None and believed is not None and abs(value - believed) > slope * elapsed
