"""Which antenna on Earth follows Mars when: tracks of at most so many hours, with set-up before and tear-down after.

All spacecraft at Mars lie in one beam of a 34 m antenna at X-band (0.07 deg, 70 wavelengths over the diameter; an
areostationary orbit spans 0.042 deg at 0.373 au), so a track points an aperture at Mars and serves several of them
(multiple spacecraft per aperture, MSPA). Set-up needs no spacecraft in sight: it ends where the track begins. A track
is busy from the start of its set-up to the end of its tear-down, and in that time its aperture does nothing else.

The planner goes forward in time. The next track begins at the earliest instant at which some spacecraft is seen by an
aperture that can be ready and is served by none; of the apertures that could, the one takes it that will serve most.
It takes in the spacecraft that it sees at its start, then those that come up later, each in order of preference, and
ends when nothing is left to serve, or at its greatest length.

Times are those of the station; windows and tracks are whole microseconds, half open. Pure and deterministic: order
alone breaks ties.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from twin.network.visibility import Window, subtract, union
from twin.world.timescales import us_to_utc

_MIN_US: Final = 60_000_000
_FOREVER_US: Final = 1 << 62


class ApertureRules(NamedTuple):
    """What an aperture needs and can do.

    Args:
        setup_us: From the end of other work to the first usable instant [us].
        teardown_us: From the last usable instant until other work may begin [us].
        track_us_max: Longest time from the first to the last usable instant [us], above 0.
        track_us_min: Shortest one that is planned [us]; a track written by hand may be shorter.
        spacecraft_max: How many spacecraft one track serves, above 0; it sends to one of them at a time.
        uplink_turn_us: How long one spacecraft keeps the uplink while another waits [us], above 0.
        handover_us: Unusable time when a spacecraft goes over to another aperture at once [us].
    """

    setup_us: int = 45 * _MIN_US  # usual for a DSN track, 45 to 60 min (recalled)
    teardown_us: int = 15 * _MIN_US  # usual for a DSN track (recalled)
    track_us_max: int = 8 * 60 * _MIN_US  # a DSN pass is planned in shifts of 8 h (recalled)
    track_us_min: int = 10 * _MIN_US  # assumed: not worth an hour of work on the antenna below it
    spacecraft_max: int = 4  # DSN 4-MSPA (recalled)
    uplink_turn_us: int = 60 * _MIN_US  # assumed: several round trips of light
    handover_us: int = _MIN_US  # assumed: as `network.direct_to_earth.setup`, to point and lock


class Sight(NamedTuple):
    """When a station and a spacecraft can hear each other, in the station's time.

    Args:
        spacecraft, station: Their names.
        down: Ordered, disjoint windows [us] of arrival at the station.
        up: Ordered, disjoint windows [us] of departure from it.
    """

    spacecraft: str
    station: str
    down: tuple[Window, ...]
    up: tuple[Window, ...]

    @property
    def either(self) -> list[Window]:
        """Windows in which at least one direction is open."""
        return union((*self.down, *self.up))


class Track(NamedTuple):
    """An aperture on Mars: busy from `setup_us` to `free_us`, usable from `start_us` to `end_us` [us]."""

    setup_us: int
    start_us: int
    end_us: int
    free_us: int
    station: str
    spacecraft: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.spacecraft)
        return f"{self.station} with {names}, {us_to_utc(self.start_us)} to {us_to_utc(self.end_us)}"


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
    _check_rules(rules)
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
            (aperture, *aperture.offer(first_us, served, spacecraft)) for at_us, aperture in starts if at_us == first_us
        ]
        aperture, track, parts = max(offers, key=lambda offer: _length_us(offer[2]))  # of equal ones the first
        if track.end_us - track.start_us < rules.track_us_min:
            aperture.idle_until_us = track.end_us
            continue
        tracks.append(track)
        for name, window in parts:
            insort(served[name], window)
        aperture.free_us = track.free_us


def check_tracks(tracks: Iterable[Track], rules: ApertureRules) -> None:
    """Refuse tracks, written by hand or planned, that their apertures cannot carry out.

    Raises:
        ValueError: A track without length, longer or with more spacecraft than the rules allow, with less set-up or
            tear-down; or two of one aperture that overlap, set-up and tear-down included. It names the spans.
    """
    _check_rules(rules)
    by_station: dict[str, list[Track]] = {}
    for track in sorted(tracks):
        if not track.start_us < track.end_us <= track.start_us + rules.track_us_max:
            hours = rules.track_us_max / (60 * _MIN_US)
            raise ValueError(f"track of {track}: a track is longer than 0 and at most {hours:g} h; split or correct it")
        if not 1 <= len(set(track.spacecraft)) == len(track.spacecraft) <= rules.spacecraft_max:
            raise ValueError(
                f"track of {track}: an aperture serves 1 to {rules.spacecraft_max} different spacecraft; "
                "give the others to another station"
            )
        if track.start_us - track.setup_us < rules.setup_us or track.free_us - track.end_us < rules.teardown_us:
            minutes = rules.setup_us / _MIN_US, rules.teardown_us / _MIN_US
            raise ValueError(
                f"track of {track}: needs {minutes[0]:g} min of set-up before and {minutes[1]:g} min of tear-down "
                "after; leave them"
            )
        by_station.setdefault(track.station, []).append(track)
    for own in by_station.values():
        for one, other in pairwise(own):
            if other.setup_us < one.free_us:
                raise ValueError(
                    f"track of {other}: its set-up from {us_to_utc(other.setup_us)} overlaps the track of {one}, "
                    f"which is torn down until {us_to_utc(one.free_us)}; move or drop one of them"
                )


def written_track(station: str, spacecraft: Sequence[str], start_us: int, end_us: int, rules: ApertureRules) -> Track:
    """A track given by its usable time [us], with the set-up and tear-down of the rules around it."""
    return Track(start_us - rules.setup_us, start_us, end_us, end_us + rules.teardown_us, station, tuple(spacecraft))


def within(windows: Sequence[Window], start_us: int, end_us: int) -> list[Window]:
    """The parts of ordered, disjoint windows that lie in a range."""
    inside = []
    for index in range(bisect_right(windows, start_us, key=itemgetter(1)), len(windows)):
        if windows[index][0] >= end_us:
            break
        inside.append((max(windows[index][0], start_us), min(windows[index][1], end_us)))
    return inside


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
            starts = [_unserved_us(windows, served[name], ready_us) for name, windows in self._seen.items()]
            at_us = min((start for start in starts if start is not None), default=_FOREVER_US)
            if at_us < self._ready[0][1]:
                return at_us
            self._ready.pop(0)  # what is unserved only gets less: this one stays useless
        return None

    def offer(
        self, start_us: int, served: Mapping[str, Sequence[Window]], preferred: Sequence[str]
    ) -> tuple[Track, list[tuple[str, Window]]]:
        """The track that begins at `start_us`, and whom it serves when."""
        limit_us = min(start_us + self._rules.track_us_max, self._ready[0][1])
        parts = {
            name: subtract(within(self._seen[name], start_us, limit_us), within(served[name], start_us, limit_us))
            for name in preferred
            if name in self._seen
        }
        # Stable: those in sight at the start come first, each group in order of preference.
        names = sorted((name for name in parts if parts[name]), key=lambda name: parts[name][0][0] > start_us)
        chosen = tuple(names[: self._rules.spacecraft_max])
        end_us = max(parts[name][-1][1] for name in chosen)
        track = written_track(self.name, chosen, start_us, end_us, self._rules)
        return track, [(name, window) for name in chosen for window in parts[name]]


def _unserved_us(windows: Sequence[Window], served: Sequence[Window], from_us: int) -> int | None:
    """The first instant of `windows` from `from_us` on that lies in none of `served`; both ordered, each disjoint."""
    at_us = from_us
    for index in range(bisect_right(windows, from_us, key=itemgetter(1)), len(windows)):
        at_us = max(at_us, windows[index][0])
        while at_us < windows[index][1]:
            cover = bisect_right(served, at_us, key=itemgetter(0)) - 1
            if cover < 0 or served[cover][1] <= at_us:
                return at_us
            at_us = served[cover][1]
    return None


def _length_us(parts: Iterable[tuple[str, Window]]) -> int:
    return sum(end_us - start_us for _, (start_us, end_us) in parts)


def _check_rules(rules: ApertureRules) -> None:
    for name, value in rules._asdict().items():
        least = 0 if name in ("setup_us", "teardown_us", "track_us_min", "handover_us") else 1
        if value < least:
            raise ValueError(f"apertures: {name} {value} is at least {least}; correct it")
    if rules.track_us_min > rules.track_us_max:
        raise ValueError(
            f"apertures: track_us_min {rules.track_us_min} is above track_us_max {rules.track_us_max}; swap them"
        )
