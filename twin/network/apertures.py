"""Which antenna on Earth follows Mars when: tracks planned from what each antenna sees.

The planner goes forward in time. The next track begins at the earliest instant at which some spacecraft is seen by an
aperture that can be ready and is served by none; of the apertures that could, the one takes it that will serve most
(that light reaches another one milliseconds before decides nothing). It takes in the spacecraft that it sees at its
start, then those that come up later, each in order of preference. It ends at its greatest length, or when nothing is
left to serve for longer than tear-down and set-up would take: an orbiter behind Mars does not end it.

Pure and deterministic: order alone breaks ties.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final

from twin.network.tracks import ApertureRules, Sight, Track, check_rules, within, written_track
from twin.network.visibility import Window, left_to_serve, subtract, union

_FOREVER_US: Final = 1 << 62


def plan_tracks(
    sights: Sequence[Sight], rules: ApertureRules, closed: Mapping[str, Sequence[Window]] | None = None
) -> list[Track]:
    """Tracks by which the apertures serve whatever they see, ordered by start.

    Args:
        sights: One for each spacecraft and station that can meet. Spacecraft and stations that come first are
            preferred.
        closed: Windows [us] by station in which an aperture can neither set up, serve nor tear down; in any order.

    Raises:
        ValueError: A rule is out of its range, or two sights have the same spacecraft and station.
    """
    check_rules(rules)
    spacecraft = tuple(dict.fromkeys(sight.spacecraft for sight in sights))
    seen: dict[str, dict[str, list[Window]]] = {}
    for sight in sights:
        of_station = seen.setdefault(sight.station, {})
        if sight.spacecraft in of_station:
            raise ValueError(f"sight of {sight.spacecraft} from {sight.station}: given twice; join its windows")
        of_station[sight.spacecraft] = sight.either
    apertures = [_Aperture(name, seen[name], rules, (closed or {}).get(name, ())) for name in seen]
    served: dict[str, list[Window]] = {name: [] for name in spacecraft}
    tracks: list[Track] = []
    first_us = -_FOREVER_US  # before it nobody is left whom an aperture could serve: starts never go back
    while True:
        starts = [
            (at_us, aperture) for aperture in apertures if (at_us := aperture.earliest_us(served, first_us)) is not None
        ]
        if not starts:
            return tracks
        first_us = min(at_us for at_us, _ in starts)
        offers = [
            (aperture, *aperture.offer(at_us, served, spacecraft))
            for at_us, aperture in starts
            if at_us <= first_us + rules.same_rise_us
        ]
        aperture, track, parts = max(offers, key=lambda offer: _length_us(offer[2]))  # of equal ones the first
        if track.end_us - track.start_us < rules.track_us_min:
            aperture.idle_until_us = track.end_us
            continue
        tracks.append(track)
        for name, window in parts:
            insort(served[name], window)
        aperture.free_us = track.free_us


class _Aperture:
    """One antenna while tracks are planned: what it sees, and when it can be ready."""

    def __init__(
        self, name: str, seen: Mapping[str, list[Window]], rules: ApertureRules, closed: Sequence[Window]
    ) -> None:
        self.name = name
        self.free_us = -_FOREVER_US
        self.idle_until_us = -_FOREVER_US  # until then nothing is left that is long enough for a track
        self._seen = seen
        self._rules = rules
        # A track must begin and end in one of these: set-up and tear-down then keep clear of closures.
        self._ready = [
            (start_us + rules.setup_us, end_us - rules.teardown_us)
            for start_us, end_us in subtract([(-_FOREVER_US, _FOREVER_US)], closed)
        ]

    def earliest_us(self, served: Mapping[str, Sequence[Window]], from_us: int) -> int | None:
        """The earliest start of a track, from an instant on, to somebody who is served by none."""
        while self._ready:
            ready_us = max(self._ready[0][0], self.free_us + self._rules.setup_us, self.idle_until_us, from_us)
            starts = [self._unserved_us(windows, served[name], ready_us) for name, windows in self._seen.items()]
            at_us = min((start for start in starts if start is not None), default=_FOREVER_US)
            if at_us + self._rules.same_rise_us < self._ready[0][1]:
                return at_us
            self._ready.pop(0)  # what is unserved only gets less: this one stays useless
        return None

    def offer(
        self, start_us: int, served: Mapping[str, Sequence[Window]], preferred: Sequence[str]
    ) -> tuple[Track, list[tuple[str, Window]]]:
        """The track that begins at `start_us`, and whom it serves when."""
        limit_us = min(start_us + self._rules.track_us_max, self._ready[0][1])
        unserved = {
            name: left_to_serve(
                within(self._seen[name], start_us, limit_us),
                within(served[name], start_us, limit_us),
                self._rules.same_rise_us,
            )
            for name in preferred
            if name in self._seen
        }
        last_us = self._released_us(union(window for windows in unserved.values() for window in windows))
        parts = {name: within(windows, start_us, last_us) for name, windows in unserved.items()}
        # Stable: those in sight at the start come first, each group in order of preference.
        names = sorted((name for name in parts if parts[name]), key=lambda name: parts[name][0][0] > start_us)
        chosen = tuple(names[: self._rules.spacecraft_max])
        end_us = max(parts[name][-1][1] for name in chosen)
        track = written_track(self.name, chosen, start_us, end_us, self._rules)
        return track, [(name, window) for name in chosen for window in parts[name]]

    def _released_us(self, wanted: Sequence[Window]) -> int:
        """When nothing has been left to serve for as long as it takes to work for others and come back."""
        work_us = self._rules.teardown_us + self._rules.setup_us
        pauses = (one[1] for one, other in pairwise(wanted) if other[0] - one[1] > work_us)
        return next(pauses, wanted[-1][1])

    def _unserved_us(self, windows: Sequence[Window], served: Sequence[Window], from_us: int) -> int | None:
        """The first instant of `windows` from `from_us` on that lies in none of `served` for longer than rises at two
        stations are apart; both ordered, each disjoint.
        """
        at_us = from_us
        for index in range(bisect_right(windows, from_us, key=itemgetter(1)), len(windows)):
            at_us = max(at_us, windows[index][0])
            while at_us < windows[index][1]:
                after = bisect_right(served, at_us, key=itemgetter(0))
                if after and served[after - 1][1] > at_us:
                    at_us = served[after - 1][1]
                    continue
                until_us = min(windows[index][1], served[after][0] if after < len(served) else _FOREVER_US)
                if until_us - at_us > self._rules.same_rise_us:
                    return at_us
                at_us = until_us
        return None


def _length_us(parts: Iterable[tuple[str, Window]]) -> int:
    return sum(end_us - start_us for _, (start_us, end_us) in parts)
