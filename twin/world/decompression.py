"""A cabin that loses pressure: how far it falls, and what that does to the oxygen in the blood.

At severity 1 the pressure falls to 60 % of nominal, at most 85 % of it is ever lost; it falls within a quarter of the
episode and at most 10 min (a leak of some square centimetres; assumed) and is restored at the end. Partial pressures
fall with it: the air keeps its composition.

Oxygen saturation follows the ambient partial pressure of oxygen a minute later (lung, circulation and averaging of
the oximeter; assumed). The curve is that of unacclimatized people at altitude with their ambient ppO2 in the standard
atmosphere: 98 % at sea level, 93 % at 2,440 m (Muhm et al. 2007, N. Engl. J. Med. 357, 18: 4.4 points lower); the rest,
to 64 % at 6,500 m, after textbook curves of acute hypobaric hypoxia, rounded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np

from twin.world.walks import ONE, Ints, fixed

FALL: Final = Fraction(1, 4)
FALL_MAX_US: Final = 600_000_000
RESTORE: Final = Fraction(1, 4)
RESTORE_MAX_US: Final = 900_000_000

NOMINAL_HPA: Final = 1013
NOMINAL_PPO2_DAPA: Final = 2120
_LOSS: Final = 0.4  # of the nominal pressure, at severity 1
_LOSS_MAX: Final = 0.85
_LAG_MAX_US: Final = 60_000_000

# Ambient ppO2 [10 Pa] and saturation [%] in rising order, straight between.
_CURVE: Final = ((0, 20), (700, 45), (920, 64), (1060, 73), (1260, 82), (1470, 90), (1580, 93), (1850, 96), (2120, 98))


def lost_share(into_us: Ints, for_us: int, severity_permille: int) -> Ints:
    """Share of the nominal pressure that is gone, fixed point.

    Args:
        into_us: Times after the episode's begin [us], shape (n,).
        for_us: Length of the episode [us]; pressure is whole again one lag before its end.
        severity_permille: Severity in thousandths.
    """
    fall_us = max(1, min(int(FALL * for_us), FALL_MAX_US))
    restore_us = max(1, min(int(RESTORE * for_us), RESTORE_MAX_US))
    falling = (np.clip(into_us, 0, fall_us) << 16) // fall_us
    restoring = (np.clip(for_us - _lag_us(for_us) - into_us, 0, restore_us) << 16) // restore_us
    depth = min(fixed(_LOSS) * severity_permille // 1000, fixed(_LOSS_MAX))
    share: Ints = np.minimum(falling, restoring) * depth >> 16
    return share


def saturation_change(into_us: Ints, for_us: int, severity_permille: int) -> Ints:
    """What SpO2 of someone without a mask changes by [%, fixed point], one lag after the air."""
    left = ONE - lost_share(into_us - _lag_us(for_us), for_us, severity_permille)
    nominal = _saturation(np.array([NOMINAL_PPO2_DAPA * ONE]))
    return _saturation(NOMINAL_PPO2_DAPA * left) - nominal


def _lag_us(for_us: int) -> int:
    return min(_LAG_MAX_US, for_us // 20)


def _saturation(ppo2: Ints) -> Ints:
    """SpO2 [%, fixed point] at an ambient ppO2 [10 Pa, fixed point]."""
    knots = np.array([pressure for pressure, _ in _CURVE], dtype=np.int64) << 16
    levels = np.array([level for _, level in _CURVE], dtype=np.int64) << 16
    at = np.clip(np.searchsorted(knots, ppo2, side="right") - 1, 0, len(knots) - 2)
    along = np.clip(ppo2 - knots[at], 0, knots[at + 1] - knots[at])
    value: Ints = levels[at] + along * (levels[at + 1] - levels[at] >> 16) // (knots[at + 1] - knots[at] >> 16)
    return value
