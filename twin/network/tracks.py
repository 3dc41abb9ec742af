"""Tracks: the spans in which an antenna on Earth follows Mars, the work around them, and what makes one possible.

All spacecraft at Mars lie in one beam of a 34 m antenna at X-band (0.07 deg, 70 wavelengths over the diameter; an
areostationary orbit spans 0.042 deg at 0.373 au), so a track points an aperture at Mars and serves several of them
(multiple spacecraft per aperture, MSPA). Set-up needs no spacecraft in sight: it ends where the track begins. A track
is busy from the start of its set-up to the end of its tear-down, and in that time its aperture does nothing else.

Times are those of the station; windows and tracks are whole microseconds, half open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from twin.network.visibility import SAME_RISE_US, Window, union
from twin.world.timescales import us_to_utc

_MIN_US: Final = 60_000_000


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
        same_rise_us: Sight that ends sooner is none [us]: of two stations, light reaches one first.
    """

    setup_us: int = 45 * _MIN_US  # usual for a DSN track, 45 to 60 min (recalled)
    teardown_us: int = 15 * _MIN_US  # usual for a DSN track (recalled)
    track_us_max: int = 8 * 60 * _MIN_US  # a DSN pass is planned in shifts of 8 h (recalled)
    track_us_min: int = 10 * _MIN_US  # assumed: not worth an hour of work on the antenna below it
    spacecraft_max: int = 4  # DSN 4-MSPA (recalled)
    uplink_turn_us: int = 60 * _MIN_US  # assumed: several round trips of light
    handover_us: int = 0  # assumed: the other aperture is pointed by then; each radio's own set-up is for its lock
    same_rise_us: int = SAME_RISE_US


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


def check_tracks(tracks: Iterable[Track], rules: ApertureRules) -> None:
    """Refuse tracks, written by hand or planned, that their apertures cannot carry out.

    Raises:
        ValueError: A track without length, longer or with more spacecraft than the rules allow, with less set-up or
            tear-down; or two of one aperture that overlap, set-up and tear-down included. It names the spans.
    """
    check_rules(rules)
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


def check_rules(rules: ApertureRules) -> None:
    """Raise ValueError for the first rule that is out of its range."""
    for name, value in rules._asdict().items():
        least = 0 if name in ("setup_us", "teardown_us", "track_us_min", "handover_us", "same_rise_us") else 1
        if value < least:
            raise ValueError(f"apertures: {name} {value} is at least {least}; correct it")
    if rules.same_rise_us >= rules.track_us_max:
        raise ValueError(
            f"apertures: track_us_max {rules.track_us_max} is at most same_rise_us {rules.same_rise_us}, so nothing is "
            "seen for long enough; allow longer tracks"
        )
    if rules.track_us_min > rules.track_us_max:
        raise ValueError(
            f"apertures: track_us_min {rules.track_us_min} is above track_us_max {rules.track_us_max}; swap them"
        )
