"""Who may use a track when, in which direction: what a spacecraft is granted, and what it is refused.

While a track lasts it receives from all its spacecraft at once and sends to one at a time. A spacecraft is served by
one station at a time: of tracks that overlap, the one that began first keeps it. Where it goes over to another station
at once, the first moments there are lost to the handover. The uplink of a track goes by turns to the spacecraft in
sight that has had least of it in this track, in the track's order where they had the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from twin.network.tracks import ApertureRules, Sight, Track, check_tracks, within
from twin.network.visibility import Window, intersect, left_to_serve, subtract, union

Direction = Literal["down", "up"]


class Grant(NamedTuple):
    """Usable time of a spacecraft at a station, in one direction, in the station's time [us].

    `setup_us` is the start of the track's set-up, at least the rules' set-up before `start_us`.
    """

    setup_us: int
    start_us: int
    end_us: int
    station: str
    spacecraft: str
    direction: Direction


class Tally(NamedTuple):
    """What became of the time in which a station sees a spacecraft: visible = granted + idle + refused [us].

    Idle: another station serves the spacecraft. Refused: none does.
    """

    station: str
    spacecraft: str
    direction: Direction
    visible_us: int
    granted_us: int
    idle_us: int
    refused_us: int


def grants_of(tracks: Sequence[Track], sights: Sequence[Sight], rules: ApertureRules) -> list[Grant]:
    """Grants of planned or written tracks, ordered by set-up, start, end, names.

    Args:
        tracks: In any order; of two that begin at once, the one that stands first keeps a spacecraft of both.
        sights: One for each spacecraft and station that can meet.

    Raises:
        ValueError: The tracks are not possible (`check_tracks`), or one follows a spacecraft that its station never
            sees.
    """
    check_tracks(tracks, rules)
    by_pair = {(sight.station, sight.spacecraft): sight for sight in sights}
    either = {pair: sight.either for pair, sight in by_pair.items()}
    ordered = sorted(tracks, key=lambda track: track.start_us)
    slots: dict[str, list[tuple[Window, int]]] = {}
    for number, track in enumerate(ordered):
        for name in track.spacecraft:
            if (track.station, name) not in by_pair:
                raise ValueError(f"track of {track}: {track.station} never sees {name}; drop it from the track")
            held = slots.setdefault(name, [])
            seen = within(either[track.station, name], track.start_us, track.end_us)
            taken = _held_since(track.start_us - rules.track_us_max, held, ordered)
            held += [(window, number) for window in left_to_serve(seen, taken, rules.same_rise_us)]
    usable: dict[int, dict[str, list[Window]]] = {number: {} for number in range(len(ordered))}
    for name, held in slots.items():
        for window, number in _after_handover(sorted(held), ordered, rules.handover_us):
            usable[number].setdefault(name, []).append(window)
    grants: list[Grant] = []
    for number, track in enumerate(ordered):
        # In the track's own order, which breaks ties of the uplink.
        own = {name: usable[number][name] for name in track.spacecraft if name in usable[number]}
        open_to = {name: by_pair[track.station, name] for name in own}
        down = [(part, name) for name in own for part in _both(own[name], open_to[name].down, track)]
        wanted = {name: _both(own[name], open_to[name].up, track) for name in own}
        up = _turns(wanted, rules.uplink_turn_us)
        grants += [Grant(track.setup_us, *window, track.station, name, "down") for window, name in down]
        grants += [Grant(track.setup_us, *window, track.station, name, "up") for window, name in up]
    return sorted(grants)


def tally(sights: Sequence[Sight], grants: Sequence[Grant]) -> list[Tally]:
    """What became of every window of the sights, one entry for each of them and direction, in their order."""
    served: dict[tuple[str, Direction], dict[str, list[Window]]] = {}
    for grant in grants:
        by_station = served.setdefault((grant.spacecraft, grant.direction), {})
        by_station.setdefault(grant.station, []).append((grant.start_us, grant.end_us))
    found = []
    for sight in sights:
        directions: tuple[tuple[Direction, tuple[Window, ...]], ...] = (("down", sight.down), ("up", sight.up))
        for direction, visible in directions:
            by_station = served.get((sight.spacecraft, direction), {})
            own = union(by_station.get(sight.station, ()))
            left = subtract(visible, own)
            others = union(w for name, windows in by_station.items() if name != sight.station for w in windows)
            found.append(
                Tally(
                    sight.station,
                    sight.spacecraft,
                    direction,
                    _length_us(visible),
                    _length_us(intersect(visible, own)),
                    _length_us(intersect(left, others)),
                    _length_us(subtract(left, others)),
                )
            )
    return found


def _both(own: Sequence[Window], open_windows: Sequence[Window], track: Track) -> list[Window]:
    """What a spacecraft's own time in a track and the windows of a direction share."""
    return intersect(own, within(open_windows, track.start_us, track.end_us))


def _held_since(us: int, held: Sequence[tuple[Window, int]], tracks: Sequence[Track]) -> Iterator[Window]:
    """What tracks that begin at an instant or later hold of a spacecraft; `held` comes by the start of its tracks."""
    for window, number in reversed(held):
        if tracks[number].start_us < us:
            return
        yield window


def _after_handover(
    held: Sequence[tuple[Window, int]], tracks: Sequence[Track], handover_us: int
) -> list[tuple[Window, int]]:
    """One spacecraft's ordered time at its tracks, less the handover where it goes over to another station."""
    left: list[tuple[Window, int]] = []
    for (start_us, end_us), number in held:
        begin_us = start_us
        if left and tracks[left[-1][1]].station != tracks[number].station:
            begin_us = max(start_us, left[-1][0][1] + handover_us)
        if begin_us < end_us:
            left.append(((begin_us, end_us), number))
    return left


def _turns(wanted: Mapping[str, Sequence[Window]], turn_us: int) -> list[tuple[Window, str]]:
    """One uplink among several spacecraft; `wanted` holds their ordered, disjoint windows."""
    waiting = {name: list(windows) for name, windows in wanted.items() if windows}
    had_us = dict.fromkeys(waiting, 0)
    turns: list[tuple[Window, str]] = []
    at_us = 0
    while waiting:
        at_us = max(at_us, min(windows[0][0] for windows in waiting.values()))
        name = min((n for n, windows in waiting.items() if windows[0][0] <= at_us), key=lambda n: had_us[n])
        end_us = min(waiting[name][0][1], at_us + turn_us)
        had_us[name] += end_us - at_us
        if turns and turns[-1][1] == name and turns[-1][0][1] == at_us:
            turns[-1] = ((turns[-1][0][0], end_us), name)
        else:
            turns.append(((at_us, end_us), name))
        at_us = end_us
        for other in list(waiting):
            waiting[other] = [(max(start, at_us), end) for start, end in waiting[other] if end > at_us]
            if not waiting[other]:
                del waiting[other]
    return turns


def _length_us(windows: Sequence[Window]) -> int:
    return sum(end_us - start_us for start_us, end_us in windows)
