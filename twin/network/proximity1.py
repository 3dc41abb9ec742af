"""A UHF pass between a site and an orbiter: CCSDS Proximity-1, its rates and what go-back-N leaves of them.

The orbiter's radio picks the rate by the signal it hears, a power of two from 8 to 2048 kbit/s (``modes`` does the
picking). Frames are numbered and sent again from the first one that is missing (COP-P, go-back-N), so an error costs
all that was sent until the sender hears of it. With K slots from a frame to the report about it, q = 1 - p the chance
that a frame arrives, and W frames that may be unreported::

    W >= K:   goodput = q / (q + K p)                                               [frames per slot]
    W <  K:   goodput = (q/p) / (q/p + K + (K - W) q^W / (1 - q^W)),   W / K without errors

The second line counts whole windows between two errors: each costs K - W slots of waiting (renewal theory; the tests
step a sender and a receiver slot by slot). Reports are taken to arrive: they are 2 bytes long and come again and again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from twin.network.link_budget import Link, Receiver, Transmitter, needed_ebn0_db
from twin.network.modes import Mode, modes_of
from twin.network.radios import CODES
from twin.world.ephemeris import SPEED_OF_LIGHT_KM_S

RATES_BPS: Final = tuple(8_000 << doubling for doubling in range(9))
"""8 to 2048 kbit/s, CCSDS 211.1-B; 2 Mbit/s from Curiosity to MRO: reference/link_published.csv."""
ODYSSEY_RATES_BPS: Final = (128_000, 256_000)
"""Odyssey's fixed rates, reference/link_published.csv."""

FRAME_BYTES_MAX: Final = 2_048
"""Version-3 frame with its header, CCSDS 211.0-B (recalled)."""
HEADER_BYTES: Final = 5
MARKER_AND_CHECK_BYTES: Final = 3 + 4
"""Marker and CRC-32 around each frame, CCSDS 211.2-B (recalled)."""
WINDOW_MAX: Final = 127
"""Unreported frames of 8-bit numbers, CCSDS 211.0-B, COP-P (recalled)."""

RETURN_HZ: Final = 401.585625e6
"""Return channel of Proximity-1, CCSDS 211.1-B (recalled)."""

UHF_LINK: Final = Link(
    Transmitter(8.5, 1.0, 0.0, 1.0),
    Receiver(1.0, 1.0, 600.0),
    RETURN_HZ,
    0.0,
    CODES["conv-1/2"],
    implementation_loss_db=1.0,
    margin_db=3.0,
    rate_max_bps=RATES_BPS[-1],
)
"""A rover with 8.5 W to an orbiter like MRO. Power: Electra-Lite (recalled). Assumed, as means over the sky: gains of 0
and 1 dBi of antennas that see a hemisphere, 1 dB each for the rover's body and for polarization, 1 dB of circuit loss,
600 K (a receiver of 400 K above a planet of 200 K); so that eight minutes carry what they carried from Curiosity."""


class GoBackN(NamedTuple):
    """How frames are repeated: bytes of a frame with its header, unreported frames, and the wait for a report [us].

    ``report_us`` is the time from a frame's end to the end of the report about it, without light time.
    """

    frame_bytes: int = FRAME_BYTES_MAX
    window: int = WINDOW_MAX
    report_us: int = 20_000


def uhf_modes(link: Link = UHF_LINK, rates_bps: Sequence[int] = RATES_BPS) -> tuple[Mode, ...]:
    """Modes of a radio's rates up to the link's highest."""
    return modes_of((r for r in rates_bps if link.rate_max_bps is None or r <= link.rate_max_bps), needed_ebn0_db(link))


def frame_error_rate(bit_error_rate: float, frame_bytes: int) -> float:
    """Chance that a frame with its marker and check has a bit in error, for errors that fall independently.

    Raises:
        ValueError: a rate outside 0 to 1.
    """
    if not 0.0 <= bit_error_rate < 1.0:
        raise ValueError(f"Proximity-1: bit error rate {bit_error_rate:g}: a rate is 0 or more and below 1")
    return -math.expm1(8 * (frame_bytes + MARKER_AND_CHECK_BYTES) * math.log1p(-bit_error_rate))


def frames_per_slot(error_rate: float, window: int, slots: int) -> float:
    """New frames that go-back-N delivers for each slot of one frame's length, 0 to 1, by the formulas above.

    Args:
        error_rate: chance p that a frame is lost.
        window: frames W that may be unreported.
        slots: slots K from the start of a frame to the report about it, at least 1: itself.

    Raises:
        ValueError: an error rate outside 0 to 1, or no window, or no slot.
    """
    if not 0.0 <= error_rate < 1.0:
        raise ValueError(f"Proximity-1: frame error rate {error_rate:g}: a rate is 0 or more and below 1")
    if window < 1 or slots < 1:
        raise ValueError(f"Proximity-1: window {window} and report after {slots} slots: both are at least 1 frame")
    waiting = max(0, slots - window)
    if error_rate == 0.0:
        return 1.0 if not waiting else window / slots
    arrives = 1.0 - error_rate
    between_errors = arrives / error_rate
    log_window = window * math.log1p(-error_rate)  # ln q^W
    full_windows = math.exp(log_window) / -math.expm1(log_window)
    return between_errors / (between_errors + slots + waiting * full_windows)


def goodput_bps(rate_bps: int, range_km: float, error_rate: float, arq: GoBackN) -> int:
    """Rate at which bytes of packets get through [bit/s], rounded down to whole bits.

    Args:
        rate_bps: what the radio sends.
        range_km: distance of the two radios; its light time is part of the wait for a report.
        error_rate: chance that a frame is lost.
        arq: how frames are repeated.

    Raises:
        ValueError: a frame with no room for data; rates as in ``frames_per_slot``.
    """
    if not HEADER_BYTES < arq.frame_bytes <= FRAME_BYTES_MAX:
        raise ValueError(
            f"Proximity-1: frame of {arq.frame_bytes} bytes: a frame has {HEADER_BYTES + 1} to {FRAME_BYTES_MAX} bytes"
        )
    sent_bytes = arq.frame_bytes + MARKER_AND_CHECK_BYTES
    slot_us = 8e6 * sent_bytes / rate_bps
    wait_us = arq.report_us + 2e6 * range_km / SPEED_OF_LIGHT_KM_S
    share = frames_per_slot(error_rate, arq.window, 1 + math.ceil(wait_us / slot_us))
    return int(rate_bps * share * (arq.frame_bytes - HEADER_BYTES) / sent_bytes)
