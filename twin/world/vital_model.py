"""Numbers of a healthy crew member at rest and at light work: one line per measured channel.

| source | for |
|---|---|
| Royal College of Physicians 2017, NEWS2 | baselines inside the bands that score 0 |
| Degaute et al. 1991, Hypertension 18, 199 | circadian swing of pressure and heart rate, rounded |
| Kraeuchi & Wirz-Justice 1994, Am. J. Physiol. 267, R819 | circadian swing of core temperature, rounded |
| Nunan et al. 2010, Pacing Clin. Electrophysiol. 33, 1407 | short-term variability of RR intervals: RMSSD about 42 ms |
| assumed | sensor noise, slow wander, answer to exertion; sized so that quiet people leave no band that scores 3 |
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Trait(NamedTuple):
    """How one channel behaves; all numbers are in counts of its resolution.

    Args:
        baseline: Lowest and highest personal baseline.
        circadian: Half of the swing over one sol.
        effort: Rise per unit of effort (1 is light work, 4 about the most of a day).
        wander: Sigma of the channel's own slow wander.
        jitter: Sigma of the sensor's noise from sample to sample.
        by_cuff: Read every 15 min and held, not sampled.
    """

    baseline: tuple[int, int]
    circadian: float
    effort: float
    wander: float
    jitter: float
    by_cuff: bool = False


TRAITS: Final[dict[str, Trait]] = {
    "heart_rate_bpm": Trait((60, 72), circadian=5, effort=9, wander=1.5, jitter=0.6),
    "spo2_pct": Trait((97, 99), circadian=0.3, effort=0, wander=0.4, jitter=0.3),
    "respiration_rpm": Trait((14, 17), circadian=0.7, effort=1, wander=0.5, jitter=0.3),
    "systolic_mmhg": Trait((116, 126), circadian=6, effort=5, wander=3, jitter=0, by_cuff=True),
    "diastolic_mmhg": Trait((68, 78), circadian=4, effort=2, wander=2, jitter=0, by_cuff=True),
    "temperature_ddegc": Trait((365, 372), circadian=4, effort=1, wander=0.8, jitter=0.2),
    "activity_mg": Trait((6, 12), circadian=0, effort=110, wander=2, jitter=3),
}

KNOT_US: Final = 16_000_000
CUFF_US: Final = 900_000_000  # a common interval of ambulatory blood pressure monitors by day
EXERTION_SHIFT: Final = 6  # 64 knots: exertion remembers itself for about 17 min
WANDER_SHIFT: Final = 3  # 8 knots: a channel's own wander, about 2 min
CUFF_SHIFT: Final = 2  # 4 cuff readings: about 1 h

# An interval of RR ms swings with each breath by RR * RR / 25000 ms to either side: 4 % at 60 beats a minute, vanishing
# as the heart races; and by this much at random from beat to beat.
BREATH_SWING: Final = 25_000
BEAT_SIGMA_MS: Final = 12.0
