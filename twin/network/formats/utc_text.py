"""Instants and light times as text that loses nothing: to the millisecond where that is exact, else the microsecond."""

from __future__ import annotations

from twin.world.timescales import US_PER_S, us_to_utc


def utc_text(us: int) -> str:
    """UTC as `2033-03-10T08:26:52.400Z`, with three more digits where the instant is no whole millisecond."""
    below_ms = us % 1_000
    text = us_to_utc(us - below_ms)
    return text if below_ms == 0 else f"{text[:-1]}{below_ms:03d}Z"


def seconds_text(duration_us: int) -> str:
    """A duration [us], not negative, in seconds with six decimals."""
    return f"{duration_us // US_PER_S}.{duration_us % US_PER_S:06d}"
