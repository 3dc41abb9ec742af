"""Planet-encircling dust storms of the past, as opacity over Ls.

What a lander measured is the air over one place and no mean of the planet: Opportunity's 10.8 of 2018 is the highest
estimate ever made anywhere. So each storm has a curve per place, and who replays one chooses.

Points are published unless a comment says otherwise. Where the literature gives a peak and no decay, the excess
over quiet air falls by a factor e in 30 deg of Ls, about 50 sols (assumed: the storm of 2001 had 30 to 117 sols, Cantor
2007), down to a twentieth of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import numpy as np

from twin.world.dust import Curve
from twin.world.mars_calendar import mars_date_us, mars_year

Points = tuple[tuple[float, float], ...]
"""Ls [deg] and optical depth, in order."""

_FADING_DEG = 30.0
_FADING_STEPS_DEG = (5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90)


@dataclass(frozen=True, slots=True)
class View:
    """One storm from one place: what is known of it, and opacity over Ls."""

    known: str
    points: Points

    @property
    def peak_tau(self) -> float:
        """The highest opacity."""
        return max(tau for _, tau in self.points)


@dataclass(frozen=True, slots=True)
class PastStorm:
    """One storm: its Mars year, what to call it, and how it looked from each place."""

    mars_year: int
    title: str
    views: dict[str, View]

    def curve(self, place: str, mars_year: int) -> Curve:
        """The opacity at a place as if the storm had come in a Mars year; its own year gives its own dates.

        Raises:
            KeyError: Nobody saw this storm from there.
        """
        points = self.views[place].points
        ls_deg, tau = np.array(points).T
        return Curve(tuple(mars_date_us(mars_year, ls_deg).tolist()), tuple(tau.tolist()))


def year_within(storm: PastStorm, place: str, start_us: int, end_us: int) -> int | None:
    """The first Mars year into which a storm can be moved by Ls so that it meets a span; None where there is none."""
    for year in range(mars_year(start_us), mars_year(end_us) + 1):
        curve = storm.curve(place, year)
        if curve.at_us[0] < end_us and curve.at_us[-1] > start_us:
            return year
    return None


def _fading(points: Points, quiet_tau: float, over_deg: float | None = None) -> Points:
    """The points, then the decay to quiet air, which is reached at `over_deg`, or in 5 deg more."""
    peak_deg, peak_tau = points[-1]
    steps = takewhile(lambda step: peak_deg + step + 5 <= (over_deg or 360.0), _FADING_STEPS_DEG)
    left = [(peak_deg + s, round(quiet_tau + (peak_tau - quiet_tau) * math.exp(-s / _FADING_DEG), 2)) for s in steps]
    return (*points, *left, (over_deg or left[-1][0] + 5.0, quiet_tau))


_LANDER = "Viking Lander 1, lower bounds at the peak"  # Fig. 3 of "Solar radiation on Mars - Update 1991"
_LANDER_1977A: Points = (
    (200.0, 1.0), (210.0, 2.5), (220.0, 2.1), (230.0, 1.8), (240.0, 1.6), (250.0, 1.3), (260.0, 1.15),
)  # fmt: skip
_LANDER_1977B: Points = (
    (260.0, 1.15), (270.0, 1.8), (280.0, 2.9), (290.0, 3.6), (300.0, 3.0), (310.0, 2.1), (320.0, 1.4), (330.0, 1.25),
    (340.0, 1.25), (350.0, 1.0), (360.0, 0.65),
)  # fmt: skip
_QUIET = 0.75  # Viking Lander 1 before the storms, Ls 180

STORMS: Final = {
    "my12a": PastStorm(
        12,
        "1977a",
        {
            "viking": View(
                _LANDER,
                _LANDER_1977A,
            )
        },
    ),
    "my12b": PastStorm(
        12,
        "1977b",
        {
            "viking": View(
                _LANDER,
                _LANDER_1977B,
            )
        },
    ),
    # Cantor 2007 (Icarus 186, 60): onset at Ls 184.7, decay from 200.4, nominal again at 304, peak about 5.0.
    "my25": PastStorm(
        25,
        "2001",
        {
            "planet": View(
                "the planet-wide haze, seen from orbit",
                _fading(((184.7, _QUIET), (200.4, 5.0)), _QUIET, 304.0),
            )
        },
    ),
    # Onset at Ls 262; "above 5" (Lemmon, planetary.org); days of 2007-06-14, 06-30, 07-05, 07-13, 07-15 (NASA, "A
    # Darkened Mars Sky") with 1.0, 2.9, 4.1, 3.8, 4.7 (recalled); 1.0 until the onset, and the peak five days later
    # (assumed).
    "my28": PastStorm(
        28,
        "2007",
        {
            "opportunity": View(
                "Opportunity at Meridiani, a lower bound at the peak",
                _fading(((262.0, 1.0), (267.2, 2.9), (270.3, 4.1), (275.4, 3.8), (276.6, 4.7), (279.8, 5.0)), _QUIET),
            )
        },
    ),
    # First seen at Ls 184.8. Opportunity: 10.8 on its last day, 2018-06-10 (Ls 190.5); after it, as over Gale (assumed:
    # nobody measured). Curiosity: 8.5 at Ls 194.9, where the storm encircled the planet (Guzewich et al. 2019). Planet:
    # three weeks near the peak (JPL PIA22737), from maturity at 197.9 (Kass et al. 2020) to 211; 4.5 from a mean column
    # of about 1.7 at 9.3 um (Montabone et al. 2020) times 2.6 to the visible (both recalled). Both rovers saw 0.6
    # before (recalled).
    "my34": PastStorm(
        34,
        "2018",
        {
            "opportunity": View(
                "Opportunity at Meridiani, its highest estimate and not a mean of the planet",
                _fading(((184.8, 0.6), (190.5, 10.8), (194.9, 8.5)), _QUIET),
            ),
            "curiosity": View(
                "Curiosity at Gale",
                _fading(((184.8, 0.6), (194.9, 8.5)), _QUIET),
            ),
            "planet": View(
                "the planet's mean, estimated from orbit",
                _fading(((184.8, _QUIET), (197.9, 4.5), (211.0, 4.5)), _QUIET),
            ),
        },
    ),
}
"""Storms by the names that scenarios use."""
