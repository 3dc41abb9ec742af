"""Tracks that are planned, counted instant by instant, and tracks that are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_skies import END, at, closures, rules, skies, under_way

from twin.network.apertures import plan_tracks
from twin.network.grants import grants_of, tally
from twin.network.tracks import ApertureRules, Sight, check_tracks, within, written_track
from twin.network.visibility import subtract
from twin.world.timescales import utc_to_us

MIN_US = 60_000_000
H_US = 60 * MIN_US
RULES = ApertureRules()
START_US = utc_to_us("2033-03-10T00:00:00Z")


def sight(spacecraft, station, *windows_h):
    windows = tuple((START_US + round(start * H_US), START_US + round(end * H_US)) for start, end in windows_h)
    return Sight(spacecraft, station, windows, windows)


def spans_h(tracks):
    return [(t.station, (t.start_us - START_US) / H_US, (t.end_us - START_US) / H_US) for t in tracks]


def track(station, spacecraft, start_h, end_h, rules=RULES):
    return written_track(station, spacecraft, START_US + round(start_h * H_US), START_US + round(end_h * H_US), rules)


def test_a_lone_antenna_serves_a_long_pass_in_two_tracks_with_an_hour_of_work_between():
    tracks = plan_tracks([sight("relay", "DSS-43", (1, 13.5))], RULES)
    assert spans_h(tracks) == [("DSS-43", 1, 9), ("DSS-43", 10, 13.5)]
    assert tracks[0].setup_us == START_US + 15 * MIN_US
    assert tracks[0].free_us == tracks[1].setup_us == START_US + 9 * H_US + 15 * MIN_US


def test_a_second_antenna_of_the_complex_takes_over_without_a_gap():
    sights = [sight("relay", "DSS-43", (1, 13.5)), sight("relay", "DSS-34", (1, 13.5))]
    assert spans_h(plan_tracks(sights, RULES)) == [("DSS-43", 1, 9), ("DSS-34", 9, 13.5)]


def test_one_aperture_serves_as_many_spacecraft_as_it_can_and_another_the_rest():
    names = ["habitat", "r1", "r2", "r3", "r4"]
    sights = [sight(name, station, (0, 6)) for name in names for station in ("DSS-14", "DSS-25")]
    tracks = plan_tracks(sights, RULES)
    assert [(t.station, t.spacecraft) for t in tracks] == [("DSS-14", tuple(names[:4])), ("DSS-25", ("r4",))]


def test_a_spacecraft_behind_mars_does_not_end_a_track():
    orbiter = sight("mro", "DSS-63", *((hour, hour + 1.25) for hour in range(0, 8, 2)))
    assert spans_h(plan_tracks([orbiter], RULES)) == [("DSS-63", 0, 7.25)]


def test_of_several_antennas_the_one_that_serves_longest_begins():
    sights = [sight("relay", "DSS-14", (0, 2)), sight("relay", "DSS-43", (0, 7))]
    assert spans_h(plan_tracks(sights, RULES)) == [("DSS-43", 0, 7)]


def test_a_rise_that_light_tells_another_complex_milliseconds_earlier_makes_no_track_and_no_handover():
    """Goldstone hears a relay rise and set 20 ms before Canberra, which will see it again for longer."""
    early_h = 0.02 / 3600
    sights = [
        sight("relay", "DSS-14", (1 - early_h, 2 - early_h), (3 - early_h, 4 - early_h)),
        sight("relay", "DSS-43", (1, 2), (3, 4), (5, 6)),
    ]
    tracks = plan_tracks(sights, RULES)
    assert spans_h(tracks) == [("DSS-43", 1, 6)]
    assert [g.station for g in grants_of(tracks, sights, RULES)] == ["DSS-43"] * 6
    # Where both follow it for others' sake, the first keeps it whole, and nobody gets its last 20 ms.
    both = [track("DSS-14", ["relay"], 0.5, 4.5), track("DSS-43", ["relay"], 0.6, 6)]
    grants = [g for g in grants_of(both, sights, RULES) if g.direction == "up"]
    assert [g.station for g in grants] == ["DSS-14", "DSS-14", "DSS-43"]
    # To him who counts milliseconds they are two stations' sights.
    counted = plan_tracks(sights, RULES._replace(same_rise_us=0))
    assert [t.station for t in counted] != ["DSS-43"]


@settings(max_examples=100, deadline=None)
@given(sky=skies(), rules=rules, closed=closures, moment=st.integers(1, 3))
def test_what_is_seen_for_a_moment_is_neither_tracked_nor_granted(sky, rules, closed, moment):
    rules = rules._replace(same_rise_us=moment, track_us_max=rules.track_us_max + moment)
    tracks = plan_tracks(sky, rules, closed)
    check_tracks(tracks, rules)
    assert all(t.end_us - t.start_us > moment for t in tracks)
    seen = {(s.spacecraft, s.station): s.either for s in sky}
    for us in range(END):
        for (name, station), windows in seen.items():
            unserved = subtract(windows, [w for t in tracks if name in t.spacecraft for w in tracked(t, seen, name)])
            ready = all(t.free_us + rules.setup_us <= us for t in tracks if t.station == station and t.start_us <= us)
            if at(windows, us) and ready and not closed and under_way(tracks, station, us) is None:
                assert not any(a <= us and b - us > moment for a, b in unserved), (us, name, station)


def tracked(track, seen, name):
    """When a track sees one of its spacecraft."""
    return within(seen[name, track.station], track.start_us, track.end_us)


def test_a_few_minutes_more_than_another_antenna_are_not_worth_setting_one_up():
    sights = [sight("relay", "DSS-26", (0, 6)), sight("relay", "DSS-25", (3, 6.1)), sight("relay", "DSS-24", (3, 6.3))]
    assert spans_h(plan_tracks(sights, RULES)) == [("DSS-26", 0, 6), ("DSS-24", 6, 6.3)]
    assert spans_h(plan_tracks(sights[:2], RULES)) == [("DSS-26", 0, 6)]


def test_an_antenna_that_was_not_worth_setting_up_waits_no_longer_than_that():
    sights = [sight("relay", "DSS-26", (0, 6)), sight("relay", "DSS-25", (3, 6.1), (7.5, 9))]
    assert spans_h(plan_tracks(sights, RULES)) == [("DSS-26", 0, 6), ("DSS-25", 7.5, 9)]


def test_a_pause_as_long_as_the_work_between_tracks_does_not_end_one_and_a_longer_one_does():
    for pause_h, tracks in ((1.0, [("DSS-63", 0, 4)]), (1.01, [("DSS-63", 0, 1), ("DSS-63", 2.01, 4)])):
        assert spans_h(plan_tracks([sight("relay", "DSS-63", (0, 1), (1 + pause_h, 4))], RULES)) == tracks


def test_whoever_is_in_sight_when_a_track_begins_goes_before_whoever_is_preferred():
    sights = [sight("habitat", "DSS-14", (1, 6)), sight("relay", "DSS-14", (0, 6))]
    (alone,) = plan_tracks(sights, RULES._replace(spacecraft_max=1))
    assert (alone.start_us, alone.spacecraft) == (START_US, ("relay",))
    (both,) = plan_tracks(sights, RULES)
    assert both.spacecraft == ("relay", "habitat")


@settings(max_examples=100, deadline=None)
@given(sky=skies(), rules=rules, shortest=st.integers(0, 20))
def test_no_planned_track_is_shorter_than_the_shortest(sky, rules, shortest):
    rules = rules._replace(track_us_min=min(shortest, rules.track_us_max))
    tracks = plan_tracks(sky, rules)
    check_tracks(tracks, rules)
    assert all(t.end_us - t.start_us >= rules.track_us_min for t in tracks)


def test_maintenance_keeps_a_track_its_set_up_and_its_tear_down_away():
    closed = {"DSS-43": [(START_US + 4 * H_US, START_US + 5 * H_US)]}
    tracks = plan_tracks([sight("relay", "DSS-43", (1, 9))], RULES, closed)
    assert spans_h(tracks) == [("DSS-43", 1, 3.75), ("DSS-43", 5.75, 9)]


@settings(max_examples=150, deadline=None)
@given(sky=skies(), rules=rules, closed=closures)
def test_planned_tracks_are_possible_and_leave_nobody_unserved_whom_an_aperture_could_serve(sky, rules, closed):
    tracks = plan_tracks(sky, rules, closed)
    check_tracks(tracks, rules)
    starts = [t.start_us for t in tracks]
    assert starts == sorted(starts)
    seen = {(s.spacecraft, s.station): s.either for s in sky}
    for t in tracks:
        assert not any(start < t.free_us and t.setup_us < end for start, end in closed.get(t.station, ()))
        for name in t.spacecraft:
            assert within(seen[name, t.station], t.start_us, t.end_us)
    for us in range(END):
        for (name, station), windows in seen.items():
            if not at(windows, us):
                continue
            running = [t for t in tracks if t.start_us <= us < t.end_us]
            if any(name in t.spacecraft and at(seen[name, t.station], us) for t in running):
                continue
            own = under_way(tracks, station, us)
            if own is not None:
                assert len(own.spacecraft) == rules.spacecraft_max
                continue
            free_us = max((t.free_us for t in tracks if t.station == station and t.start_us <= us), default=-END)
            # Work around a track of the one instant `us`.
            work = us - rules.setup_us, us + 1 + rules.teardown_us
            shut = any(start < work[1] and work[0] < end for start, end in closed.get(station, ()))
            assert work[0] < free_us or shut, (us, name, station)


@settings(max_examples=50, deadline=None)
@given(sky=skies(), rules=rules)
def test_the_same_sky_gives_the_same_tracks(sky, rules):
    assert plan_tracks(sky, rules) == plan_tracks(list(sky), rules)
    unseen = [*sky, Sight("nobody", "DSS-9", (), ())]
    assert plan_tracks(unseen, rules) == plan_tracks(sky, rules)


@settings(max_examples=100, deadline=None)
@given(sky=skies())
def test_parts_within_a_range_are_what_is_left_without_the_rest(sky):
    for s in sky:
        for start in range(0, END, 7):
            outside = [(-1, start), (start + 11, END + 1)]
            assert within(s.down, start, start + 11) == subtract(s.down, outside)


def test_tracks_that_overlap_are_refused_with_both_spans():
    with pytest.raises(ValueError, match="overlaps") as refusal:
        check_tracks([track("DSS-14", ["mro"], 6, 8), track("DSS-14", ["tgo"], 1, 5.5)], RULES)
    assert str(refusal.value) == (
        "track of DSS-14 with mro, 2033-03-10T06:00:00.000Z to 2033-03-10T08:00:00.000Z: its set-up from "
        "2033-03-10T05:15:00.000Z overlaps the track of DSS-14 with tgo, 2033-03-10T01:00:00.000Z to "
        "2033-03-10T05:30:00.000Z, which is torn down until 2033-03-10T05:45:00.000Z; move or drop one of them"
    )


def test_tracks_that_touch_or_use_different_antennas_are_possible():
    check_tracks(
        [track("DSS-14", ["mro"], 6.5, 8), track("DSS-14", ["tgo"], 1, 5.5), track("DSS-25", ["mro"], 2, 6)], RULES
    )


def test_a_long_track_between_short_ones_overlaps_all_of_them():
    tracks = [track("DSS-14", ["mro"], 0, 8), track("DSS-14", ["mro"], 1, 2), track("DSS-14", ["mro"], 9, 10)]
    for kept in (tracks[:2], tracks):
        with pytest.raises(ValueError, match="overlaps the track of DSS-14 with mro, 2033-03-10T00:00"):
            check_tracks(kept, RULES)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (track("DSS-14", ["mro"], 1, 9.5), r"T09:30:00.000Z: a track is longer than 0 and at most 8 h; split"),
        (track("DSS-14", ["mro"], 2, 2), "a track is longer than 0 and at most 8 h"),
        (track("DSS-14", ["mro"], 3, 2), "a track is longer than 0 and at most 8 h"),
        (track("DSS-14", [], 1, 2), "an aperture serves 1 to 4 different spacecraft; give the others to another"),
        (track("DSS-14", ["a", "b", "c", "d", "e"], 1, 2), "with a, b, c, d, e, .* serves 1 to 4 different"),
        (track("DSS-14", ["a", "a"], 1, 2), "1 to 4 different"),
        (track("DSS-14", ["a"], 1, 2, RULES._replace(setup_us=0)), "needs 45 min of set-up before and 15 min of"),
        (track("DSS-14", ["a"], 1, 2, RULES._replace(teardown_us=0)), "needs 45 min of set-up before and 15 min of"),
    ],
)
def test_an_impossible_track_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        check_tracks([wrong], RULES)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"setup_us": -1}, "apertures: setup_us -1 is at least 0"),
        ({"track_us_max": 0}, "apertures: track_us_max 0 is at least 1"),
        ({"track_us_min": 9 * H_US}, "apertures: track_us_min 32400000000 is above track_us_max 28800000000; swap"),
        ({"same_rise_us": 8 * H_US}, "apertures: track_us_max 28800000000 is at most same_rise_us 28800000000, so"),
        ({"spacecraft_max": 0}, "apertures: spacecraft_max 0 is at least 1"),
        ({"uplink_turn_us": 0}, "apertures: uplink_turn_us 0 is at least 1"),
    ],
)
def test_rules_out_of_range_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        plan_tracks([], RULES._replace(**wrong))


def test_a_sight_given_twice_is_refused():
    with pytest.raises(ValueError, match="sight of mro from DSS-14: given twice"):
        plan_tracks([sight("mro", "DSS-14", (0, 1)), sight("mro", "DSS-14", (2, 3))], RULES)


def test_a_season_of_four_orbiters_and_six_antennas_is_planned():
    """170 days; an orbiter is behind Mars for 40 min in every 112; a complex sees Mars for 10 h a day."""
    sights = []
    for craft in range(4):
        lit = [
            ((minute + 9 * craft) * MIN_US, (minute + 9 * craft + 72) * MIN_US) for minute in range(0, 170 * 1440, 112)
        ]
        for place, station in enumerate(("DSS-14", "DSS-43", "DSS-63", "DSS-25", "DSS-35", "DSS-55")):
            rises = [(day * 1440 + place % 3 * 480) * MIN_US for day in range(170)]
            seen = tuple(window for rise_us in rises for window in within(lit, rise_us, rise_us + 10 * H_US))
            sights.append(Sight(f"relay-{craft}", station, seen, seen))
    tracks = plan_tracks(sights, RULES)
    check_tracks(tracks, RULES)
    # Two antennas in each complex leave nobody out.
    for entry in tally(sights, grants_of(tracks, sights, RULES._replace(handover_us=0))):
        assert entry.refused_us == 0 or entry.direction == "up", entry
    assert len(tracks) > 3 * 170
