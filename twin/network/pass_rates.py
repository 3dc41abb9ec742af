"""What a UHF pass carries: rates by range, and what go-back-N leaves of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from twin.network.link_budget import Link, cn0_dbhz
from twin.network.modes import Mode, Segment, Switching, rate_segments
from twin.network.proximity1 import RATES_BPS, UHF_LINK, GoBackN, goodput_bps, uhf_modes
from twin.network.visibility import Window
from twin.world.timescales import FloatArray, IntArray

_STEP_US = 5_000_000
CARRIED_MAX_BPS = 2_000_000
"""The highest published for a pass, Curiosity to MRO (reference/link_published.csv); a 2048 kbit/s radio could more."""
_SWITCHING = Switching(margin_db=UHF_LINK.margin_db, hysteresis_db=1.0)
"""The margin of the budget; hysteresis assumed."""


class UhfRadio(NamedTuple):
    """A relay's link to the ground, the same both ways.

    Args:
        rates_bps: its rates [bit/s]; None: those of Proximity-1.
        rate_max_bps: the highest that is used [bit/s].
        gain_db: of both antennas, over two that see a hemisphere each [dB].
        frame_loss: chance that a frame is lost.
    """

    rates_bps: tuple[int, ...] | None = None
    rate_max_bps: int = RATES_BPS[-1]
    gain_db: float = 0.0
    frame_loss: float = 0.001

    @property
    def link(self) -> Link:
        """Its budget's terms; all gain stands at the receiver, where it makes no difference."""
        receiver = UHF_LINK.receiver
        pointed = receiver._replace(gain_dbi=receiver.gain_dbi + self.gain_db)
        return UHF_LINK._replace(receiver=pointed, rate_max_bps=self.rate_max_bps)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Its rates up to the highest, with their thresholds."""
        return uhf_modes(self.link, RATES_BPS if self.rates_bps is None else self.rates_bps)


def pass_segments(
    radio: UhfRadio, windows: list[Window], range_km: Callable[[IntArray], FloatArray]
) -> list[list[Segment]]:
    """Segments of constant rate for each pass [bit/s of packets], without those that do not carry one bit a second.

    Args:
        radio: both ends.
        windows: passes [us].
        range_km: distance of the two radios [km] at instants, shapes (n,) to (n,).
    """
    link = radio.link

    def signal_dbhz(us: IntArray) -> FloatArray:
        return cn0_dbhz(link, range_km(us))

    found = rate_segments(radio.modes, signal_dbhz, windows, _STEP_US, _SWITCHING)
    ends_us = [segment[:2] for segments in found for segment in segments]
    if not ends_us:
        return found
    ends_km = range_km(np.array(ends_us).ravel()).reshape(-1, 2).max(axis=-1)
    farthest_km = iter(np.rint(ends_km).tolist())  # whole: the last bit of a distance must not reach a rate
    rated = [[_goodput(segment, next(farthest_km), radio.frame_loss) for segment in segments] for segments in found]
    return [[segment for segment in segments if segment.rate_bps > 0] for segments in rated]


def _goodput(segment: Segment, farthest_km: float, frame_loss: float) -> Segment:
    carried_bps = goodput_bps(segment.rate_bps, farthest_km, frame_loss, GoBackN())
    return segment._replace(rate_bps=min(carried_bps, CARRIED_MAX_BPS))
