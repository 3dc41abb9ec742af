"""Licklider (LTP, RFC 5326) over a deep-space hop, by rounds: what losses cost in rate and in time.

A block goes out as n red segments. The receiver reports what is missing, the sender repeats exactly that, and so on.
Where each segment is lost with chance p, whatever became of the others::

    P(block whole after k rounds) = (1 - p^k)^n
    mean rounds                   = sum over k >= 0 of  1 - (1 - p^k)^n
    segments sent for each that arrives = 1 / (1 - p)

A further round costs a round trip: report, one-way light time (OWLT), repetition, OWLT. Its segments are few and go out
at once, before other blocks. The last segment of a round is the checkpoint that calls for the report; a lost checkpoint
or report costs the timer, which runs for the same round trip, so the mean of a cycle grows by 1 / (1 - c), c the chance
that either is lost.

The closed form knows contacts without an end. In a run, what is missing as one ends waits for the next
(`twin.hosts.models.ltp_blocks`). At a loss of 0.1 %, 4.5 % of blocks of 64,000 bytes (46 segments) need another round:
so many of those sent in the last round trip of a contact come a contact later.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from twin.world.timescales import IntArray

_NEGLIGIBLE: Final = 1e-12
"""Where the tail of the sum over rounds is cut [rounds]."""
_LOSS_MAX: Final = 0.9
"""assumed: a link that loses more is not used; sums stay below 400 rounds."""


class Hop(NamedTuple):
    """What a hop does to blocks: loss of data segments, loss of checkpoint or report, OWLT and reaction time [us]."""

    segment_loss: float
    control_loss: float
    owlt_us: int
    reaction_us: int


class Delivery(NamedTuple):
    """What LTP means for a contact: rate left for new data, mean rounds, mean delay beyond one light time [us]."""

    rate_bps: int
    mean_rounds: float
    extra_delay_us: int


def segment_loss(frame_error_rate: float, frames: int) -> float:
    """Chance that a segment is lost that touches so many frames, each lost independently.

    Raises:
        ValueError: a rate outside 0 to 1, or no frame.
    """
    if not 0.0 <= frame_error_rate < 1.0 or frames < 1:
        raise ValueError(
            f"LTP: {frames} frames with error rate {frame_error_rate:g}: at least 1 frame, a rate from 0 to below 1"
        )
    return -math.expm1(frames * math.log1p(-frame_error_rate))


def whole_after(rounds: int, segments: int, loss: float) -> float:
    """Chance that a block of ``segments`` is whole after ``rounds`` rounds, ``(1 - p^k)^n``.

    Raises:
        ValueError: a loss outside 0 to 0.9, no segment, or a negative number of rounds.
    """
    _require(segments, loss)
    if rounds < 0:
        raise ValueError(f"LTP: {rounds} rounds: a number of rounds is 0 or more")
    if rounds == 0:
        return 0.0
    return math.exp(segments * math.log1p(-(loss**rounds)))


def mean_rounds(segments: int, loss: float) -> float:
    """Rounds until a block is whole, in the mean; errors as ``whole_after``."""
    total, rounds = 1.0, 1
    while (missing := 1.0 - whole_after(rounds, segments, loss)) > _NEGLIGIBLE:
        total, rounds = total + missing, rounds + 1
    return total


def draw_rounds(segments: int, loss: float, blocks: int, generator: np.random.Generator) -> IntArray:
    """Rounds that each of ``blocks`` blocks takes, shape (blocks,), by repeating what was lost; errors as above.

    Args:
        segments: segments of a block.
        loss: chance that a segment is lost.
        blocks: how many blocks to draw.
        generator: the caller's own random stream.
    """
    _require(segments, loss)
    missing = np.full(blocks, segments, dtype=np.int64)
    rounds = np.zeros(blocks, dtype=np.int64)
    while missing.any():
        rounds += missing > 0
        missing = generator.binomial(missing, loss)
    return rounds


def rate_left_bps(rate_bps: int, loss: float) -> int:
    """What repetitions leave of a contact's rate for new data [bit/s], whole, at least 1 of a rate of 1 or more.

    Raises:
        ValueError: a loss outside 0 to 0.9.
    """
    _require(1, loss)
    return max(1, int(rate_bps * (1.0 - loss)))


def cycle_us(hop: Hop) -> int:
    """Mean time of one further round [us]: there and back, twice the reaction, and timers for lost control segments.

    Raises:
        ValueError: a loss of control segments outside 0 to 0.9.
    """
    _require(1, hop.control_loss)
    return round(2 * (hop.owlt_us + hop.reaction_us) / (1.0 - hop.control_loss))


def delivery(hop: Hop, rate_bps: int, block_bytes: int, segment_bytes: int) -> Delivery:
    """What is left of a contact's rate and how much later a block is whole, in the mean.

    Args:
        hop: losses and times.
        rate_bps: the contact's rate for bundle bytes.
        block_bytes: size of a block.
        segment_bytes: data bytes of a segment.

    Raises:
        ValueError: sizes below 1 or losses outside 0 to 0.9.
    """
    if block_bytes < 1 or segment_bytes < 1:
        raise ValueError(f"LTP: block of {block_bytes} bytes in segments of {segment_bytes}: both are at least 1")
    rounds = mean_rounds(-(-block_bytes // segment_bytes), hop.segment_loss)
    # What is sent again takes room from what is new; that time is in the rate, not in the delay.
    return Delivery(rate_left_bps(rate_bps, hop.segment_loss), rounds, round((rounds - 1.0) * cycle_us(hop)))


def _require(segments: int, loss: float) -> None:
    if segments < 1:
        raise ValueError(f"LTP: block of {segments} segments: a block has at least 1")
    if not 0.0 <= loss <= _LOSS_MAX:
        raise ValueError(f"LTP: loss {loss:g}: a loss is 0 to {_LOSS_MAX}; above it, plan no contact")
