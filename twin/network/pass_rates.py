"""What a UHF pass carries: rates by range, and what go-back-N leaves of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from twin.network.link_budget import cn0_dbhz
from twin.network.modes import Segment, Switching, rate_segments
from twin.network.proximity1 import UHF_LINK, GoBackN, goodput_bps, uhf_modes
from twin.network.visibility import Window
from twin.world.timescales import FloatArray, IntArray

_STEP_US = 5_000_000
_SWITCHING = Switching(margin_db=UHF_LINK.margin_db, hysteresis_db=1.0)
"""The margin of the budget; hysteresis assumed."""


def pass_segments(
    rate_max_bps: int, frame_loss: float, windows: list[Window], range_km: Callable[[IntArray], FloatArray]
) -> list[list[Segment]]:
    """Segments of constant rate for each pass [bit/s of packets], without those that do not carry one bit a second.

    Args:
        rate_max_bps: the radio's highest rate; frame_loss: chance that a frame is lost.
        windows: passes [us]; range_km: distance of the two radios [km] at instants, shapes (n,) to (n,).
    """

    def signal_dbhz(us: IntArray) -> FloatArray:
        level_dbhz: FloatArray = np.asarray(cn0_dbhz(UHF_LINK, range_km(us)))
        return level_dbhz

    modes = uhf_modes(UHF_LINK._replace(rate_max_bps=rate_max_bps))
    found = rate_segments(modes, signal_dbhz, windows, _STEP_US, _SWITCHING)
    ends_us = [segment[:2] for segments in found for segment in segments]
    if not ends_us:
        return found
    ends_km = range_km(np.array(ends_us).ravel()).reshape(-1, 2).max(axis=-1)
    farthest_km = iter(np.rint(ends_km).tolist())  # whole: the last bit of a distance must not reach a rate
    rated = [[_goodput(segment, next(farthest_km), frame_loss) for segment in segments] for segments in found]
    return [[segment for segment in segments if segment.rate_bps > 0] for segments in rated]


def _goodput(segment: Segment, farthest_km: float, frame_loss: float) -> Segment:
    return segment._replace(rate_bps=goodput_bps(segment.rate_bps, farthest_km, frame_loss, GoBackN()))
