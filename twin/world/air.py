"""The air of the habitat as its monitor sees it: total pressure, oxygen and carbon dioxide.

Nominal values are those of a sea-level cabin: 1013 hPa with ppO2 21.2 kPa, and ppCO2 about 300 Pa, below the
limit of NASA-STD-3001 Volume 2 (3 mmHg, 400 Pa, over one hour). Carbon dioxide follows the day of the crew; control
loops and sensors leave slow wander and jitter. A decompression takes its share of all three.

Integer arithmetic throughout (`walks` says why).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from twin.channels import AIR, CHANNELS
from twin.world.decompression import NOMINAL_HPA, NOMINAL_PPO2_DAPA, lost_share
from twin.world.episodes import Episode
from twin.world.walks import NOISE_SIGMA, ONE, Ints, Sampled, Walk, circadian, fixed, noise

NOMINAL_PPCO2_PA: Final = 300
_KNOT_US: Final = 60_000_000
_WANDER_SHIFT: Final = 5  # 32 knots: control loops of the cabin, about half an hour


class _Gas(NamedTuple):
    nominal: int
    circadian: float
    wander: float
    jitter: float


# All assumed but the nominal values; in counts.
_GASES: Final[dict[str, _Gas]] = {
    "cabin_pressure_hpa": _Gas(NOMINAL_HPA, 0, 2, 0.4),
    "ppo2_dapa": _Gas(NOMINAL_PPO2_DAPA, 0, 12, 2),
    "ppco2_pa": _Gas(NOMINAL_PPCO2_PA, 25, 10, 3),
}


class Air(Sampled):
    """What one air monitor measures.

    Args:
        generator: This monitor's own random stream.
        period_us: From one sample to the next [us], above 0.
        phase_us: Local time at sample 0, from local midnight [us].
        episodes: Decompressions of the habitat; other kinds leave the air alone.

    Raises:
        ValueError: The period is not above 0.
    """

    def __init__(
        self, generator: np.random.Generator, period_us: int, phase_us: int = 0, episodes: Sequence[Episode] = ()
    ) -> None:
        super().__init__("air", AIR, period_us)
        self._phase_us = phase_us
        self._losses = [episode for episode in episodes if episode.kind == "decompression"]
        streams = generator.spawn(2 * len(AIR))
        self._jitters = streams[1::2]
        self._walks = [
            Walk(stream, _KNOT_US, _GASES[name].wander, _WANDER_SHIFT)
            for name, stream in zip(AIR, streams[::2], strict=True)
        ]

    def _compute(self, at_us: Ints) -> Ints:
        day = circadian(at_us + self._phase_us)
        left = np.full(len(at_us), ONE, dtype=np.int64)
        for episode in self._losses:
            left -= lost_share(at_us - episode.at_us, episode.for_us, episode.severity_permille)
        rows = np.empty((len(at_us), len(AIR)), dtype=np.int64)
        for column, name in enumerate(AIR):
            gas = _GASES[name]
            value = (gas.nominal << 16) + self._walks[column].straight(at_us) + (day * fixed(gas.circadian) >> 16)
            value = value * left >> 16
            value += noise(self._jitters[column], len(at_us)) * fixed(gas.jitter) // NOISE_SIGMA
            rows[:, column] = np.clip(value + ONE // 2 >> 16, *CHANNELS[name].range)
        return rows
