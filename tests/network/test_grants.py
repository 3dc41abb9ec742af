"""Who is granted what, counted instant by instant against the tracks and the sky."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_skies import END, at, closures, rules, rules_of, skies, under_way

from twin.network.apertures import plan_tracks
from twin.network.grants import grants_of, tally
from twin.network.tracks import ApertureRules, Sight, written_track

RULES = ApertureRules(
    setup_us=5,
    teardown_us=2,
    track_us_max=40,
    track_us_min=0,
    spacecraft_max=3,
    uplink_turn_us=4,
    handover_us=0,
    same_rise_us=0,
)


def served_at(grants, us):
    """(spacecraft, station, direction) of whom a grant serves at an instant."""
    return [(g.spacecraft, g.station, g.direction) for g in grants if g.start_us <= us < g.end_us]


@settings(max_examples=150, deadline=None)
@given(sky=skies(), rules=rules, closed=closures)
def test_an_aperture_never_serves_more_than_it_can_and_nobody_out_of_sight(sky, rules, closed):
    tracks = plan_tracks(sky, rules, closed)
    grants = grants_of(tracks, sky, rules)
    sights = {(s.spacecraft, s.station): s for s in sky}
    assert grants == sorted(grants)
    assert all(g.start_us < g.end_us and g.start_us - g.setup_us >= rules.setup_us for g in grants)
    for us in range(END):
        here = served_at(grants, us)
        assert len(here) == len(set(here))
        station_of = {}
        for name, station, direction in here:
            own = under_way(tracks, station, us)
            assert own is not None
            assert name in own.spacecraft
            assert at(getattr(sights[name, station], direction), us)
            assert station_of.setdefault(name, station) == station
        for station in {station for _, station, _ in here}:
            assert sum(who[1] == station and who[2] == "up" for who in here) <= 1
            assert len({who[0] for who in here if who[1] == station}) <= rules.spacecraft_max


@settings(max_examples=150, deadline=None)
@given(sky=skies(), rules=rules, closed=closures)
def test_visible_time_is_granted_idle_or_refused(sky, rules, closed):
    grants = grants_of(plan_tracks(sky, rules, closed), sky, rules)
    counted = defaultdict(lambda: [0, 0, 0, 0])
    for us in range(END):
        here = served_at(grants, us)
        for s in sky:
            for direction in ("down", "up"):
                if at(getattr(s, direction), us):
                    stations = [who[1] for who in here if (who[0], who[2]) == (s.spacecraft, direction)]
                    fate = 1 if s.station in stations else 2 if stations else 3
                    counted[s.station, s.spacecraft, direction][0] += 1
                    counted[s.station, s.spacecraft, direction][fate] += 1
    found = tally(sky, grants)
    assert len(found) == 2 * len(sky)
    for entry in found:
        assert list(entry[3:]) == counted[entry[:3]], entry
        assert entry.visible_us == entry.granted_us + entry.idle_us + entry.refused_us


@settings(max_examples=100, deadline=None)
@given(sky=skies(), rules=rules_of(st.just(0)))
def test_without_a_handover_whoever_is_in_a_track_and_in_sight_is_heard(sky, rules):
    tracks = plan_tracks(sky, rules)
    grants = grants_of(tracks, sky, rules)
    for us in range(END):
        heard = {who[0] for who in served_at(grants, us) if who[2] == "down"}
        for s in sky:
            own = under_way(tracks, s.station, us)
            if own is not None and s.spacecraft in own.spacecraft and at(s.down, us) and s.spacecraft not in heard:
                # Another station serves it, and there only the way up is open.
                others = [
                    o
                    for o in sky
                    if o.spacecraft == s.spacecraft
                    and o.station != s.station
                    and at(o.up, us)
                    and (t := under_way(tracks, o.station, us)) is not None
                    and s.spacecraft in t.spacecraft
                ]
                assert others, (us, s)


@settings(max_examples=100, deadline=None)
@given(sky=skies(), rules=rules)
def test_going_over_to_another_station_costs_the_handover(sky, rules):
    grants = grants_of(plan_tracks(sky, rules), sky, rules)
    for one in grants:
        for other in grants:
            if one.spacecraft == other.spacecraft and one.station != other.station and one.start_us <= other.start_us:
                assert other.start_us >= one.end_us + rules.handover_us


def test_the_uplink_goes_by_turns_and_the_downlink_to_all():
    sky = [Sight(name, "DSS-14", ((10, 30),), ((10, 30),)) for name in ("habitat", "relay")]
    grants = grants_of(plan_tracks(sky, RULES), sky, RULES)
    assert [(g.start_us, g.end_us, g.spacecraft) for g in grants if g.direction == "down"] == [
        (10, 30, "habitat"),
        (10, 30, "relay"),
    ]
    assert [(g.start_us, g.end_us, g.spacecraft) for g in grants if g.direction == "up"] == [
        (10, 14, "habitat"),
        (14, 18, "relay"),
        (18, 22, "habitat"),
        (22, 26, "relay"),
        (26, 30, "habitat"),
    ]
    assert {g.setup_us for g in grants} == {5}


def test_who_waits_alone_keeps_the_uplink_in_one_grant():
    sky = [Sight("habitat", "DSS-14", ((10, 30),), ((10, 30),)), Sight("relay", "DSS-14", ((10, 30),), ((22, 25),))]
    grants = grants_of(plan_tracks(sky, RULES), sky, RULES)
    assert [(g.start_us, g.end_us, g.spacecraft) for g in grants if g.direction == "up"] == [
        (10, 22, "habitat"),
        (22, 25, "relay"),
        (25, 30, "habitat"),
    ]


def test_of_overlapping_tracks_the_first_keeps_a_spacecraft_and_the_second_waits_for_the_handover():
    rules = RULES._replace(handover_us=3)
    sky = [Sight("relay", station, ((0, 50),), ()) for station in ("DSS-43", "DSS-63")]
    tracks = [written_track("DSS-63", ["relay"], 20, 50, rules), written_track("DSS-43", ["relay"], 0, 30, rules)]
    assert [(g.station, g.start_us, g.end_us) for g in grants_of(tracks, sky, rules)] == [
        ("DSS-43", 0, 30),
        ("DSS-63", 33, 50),
    ]
    by_station = {entry.station: entry for entry in tally(sky, grants_of(tracks, sky, rules)) if entry.visible_us}
    assert by_station["DSS-43"][3:] == (50, 30, 17, 3)
    assert by_station["DSS-63"][3:] == (50, 17, 30, 3)


def test_a_track_that_began_first_keeps_a_spacecraft_that_comes_back():
    sky = [Sight("relay", "DSS-43", ((0, 5), (10, 15)), ()), Sight("relay", "DSS-63", ((3, 18),), ())]
    tracks = [written_track("DSS-43", ["relay"], 0, 20, RULES), written_track("DSS-63", ["relay"], 3, 20, RULES)]
    assert [(g.station, g.start_us, g.end_us) for g in grants_of(tracks, sky, RULES)] == [
        ("DSS-43", 0, 5),
        ("DSS-43", 10, 15),
        ("DSS-63", 5, 10),
        ("DSS-63", 15, 18),
    ]


def test_written_tracks_that_overlap_are_refused_with_both_spans():
    sky = [Sight("relay", "DSS-43", ((0, 50),), ())]
    tracks = [written_track("DSS-43", ["relay"], 0, 20, RULES), written_track("DSS-43", ["relay"], 22, 40, RULES)]
    with pytest.raises(ValueError, match=r"DSS-43 with relay.*overlaps the track of DSS-43 with relay"):
        grants_of(tracks, sky, RULES)


def test_a_track_of_a_spacecraft_that_is_never_seen_is_refused():
    sky = [Sight("relay", "DSS-43", ((0, 50),), ())]
    with pytest.raises(ValueError, match="DSS-63 never sees relay; drop it from the track"):
        grants_of([written_track("DSS-63", ["relay"], 0, 20, RULES)], sky, RULES)
