"""Holds alarms against ground truth: sensitivity, delay, false alarms per patient-day.

- An alarm belongs to an episode when it began (the sample at which its rule began to hold) from the episode's
  beginning until `GRACE_US` after its end. The episode must be of the same crew member or of the habitat's air, which
  everyone breathes; an alarm of the air monitor belongs to episodes of the air alone. Of several episodes, the one that
  began last.
- An episode is detected when an alarm belongs to it. Delay on Mars runs from the episode's beginning to the first
  instant at which one of its alarms sounded; delay on Earth to the first at which the flight surgeon was told of one.
- An alarm that belongs to no episode is false. A patient-day is 24 h of one crew member under watch, until devices
  fall silent. False alarms of the air monitor count in the total, its hours do not: it is no patient.
- Technical alarms (a lead is off, a sensor is silent) say nothing of a patient: they are counted apart, and neither
  detect an episode nor are false.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from twin.experiments.alarm_log import Alarm, Episode

AIR: Final = 0
GRACE_US: Final = 900_000_000  # what an episode did to a patient outlasts it by minutes
_DAY_US: Final = 86_400_000_000


def counted_to(alarm: Alarm, episodes: Iterable[Episode], grace_us: int = GRACE_US) -> Episode | None:
    """The episode that an alarm belongs to; None: a false alarm."""
    found = None
    for episode in episodes:
        if episode.crew not in (alarm.crew, AIR) or alarm.began_us < episode.start_us:
            continue
        if episode.end_us is not None and alarm.began_us > episode.end_us + grace_us:
            continue
        if found is None or episode.start_us >= found.start_us:
            found = episode
    return found


def tally(
    alarms: Sequence[Alarm],
    technical: Sequence[Alarm],
    episodes: Sequence[Episode],
    crew: Iterable[int],
    watched_us: int,
    grace_us: int = GRACE_US,
) -> dict[str, Any]:
    """The `clinic` block of `result.json`.

    Args:
        alarms: those about patients and air, in any order.
        technical: those about devices.
        episodes: ground truth.
        crew: who is watched; 0 is the habitat's air.
        watched_us: how long each was.
    """
    of = {id(alarm): counted_to(alarm, episodes, grace_us) for alarm in alarms}

    def watch(name: int | None, members: frozenset[int]) -> dict[str, Any]:
        own = [alarm for alarm in alarms if alarm.crew in members]
        true = [episode for episode in episodes if episode.crew in members]
        told_of = [[alarm for alarm in alarms if of[id(alarm)] is episode] for episode in true]
        detected = sum(bool(found) for found in told_of)
        false = sum(of[id(alarm)] is None for alarm in own)
        days = len(members - {AIR}) * watched_us / _DAY_US
        return {
            "crew": name,
            "patient_days": days,
            "episodes": len(true),
            "detected": detected,
            "sensitivity": detected / len(true) if true else None,
            "delay_mars_s": _delays(true, [[alarm.sounded_us for alarm in found] for found in told_of]),
            "delay_earth_s": _delays(true, [[alarm.told_us for alarm in found] for found in told_of]),
            "alarms": len(own),
            "false_alarms": false,
            "false_alarms_per_patient_day": false / days if days else None,
            "technical_alarms": sum(alarm.crew in members for alarm in technical),
        }

    members = sorted(set(crew))
    return {
        "grace_s": grace_us / 1e6,
        "crew": [watch(member, frozenset([member])) for member in members],
        "total": watch(None, frozenset(members)),
    }


def _delays(episodes: Sequence[Episode], known_us: Sequence[Sequence[int | None]]) -> dict[str, Any]:
    """Over the episodes that became known; the median of an even number is the lower one of the two."""
    delays = []
    for episode, instants in zip(episodes, known_us, strict=True):
        known = [at_us for at_us in instants if at_us is not None]
        if known:
            delays.append((min(known) - episode.start_us) / 1e6)
    delays.sort()
    middle = delays[(len(delays) - 1) // 2] if delays else None
    return {"known": len(delays), "median": middle, "max": max(delays, default=None)}
