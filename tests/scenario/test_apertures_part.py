"""What a scenario may say about the antennas on Earth, and how it is refused."""

import pytest
from pydantic import ValidationError

from twin.network.aperture_settings import closed_by_maintenance, rules_of, written_tracks
from twin.network.closures import weather_outages
from twin.network.tracks import ApertureRules, Track, check_tracks
from twin.randomness import stream
from twin.scenario.apertures import Apertures
from twin.scenario.errors import RuleError

MIN_US = 60_000_000
H_US = 60 * MIN_US


def track(station, start, length, *spacecraft):
    return {"station": station, "from": start, "for": length, "spacecraft": list(spacecraft) or ["mro"]}


def test_the_defaults_are_those_of_the_planner():
    assert rules_of(Apertures()) == ApertureRules()


def test_a_schedule_and_maintenance_count_from_the_start():
    settings = Apertures.model_validate(
        {
            "setup": "30 min",
            "schedule": [track("DSS-14", "6 h", "2 h", "mro", "habitat")],
            "maintenance": [{"station": "DSS-43", "from": "1 h", "for": "30 min", "every": "2 h"}],
        }
    )
    assert written_tracks(settings, 7) == [
        Track(7 + 330 * MIN_US, 7 + 6 * H_US, 7 + 8 * H_US, 7 + 495 * MIN_US, "DSS-14", ("mro", "habitat"))
    ]
    check_tracks(written_tracks(settings, 7), rules_of(settings))
    assert closed_by_maintenance(settings, 7, (7, 7 + 4 * H_US)) == {
        "DSS-43": [(7 + 60 * MIN_US, 7 + 90 * MIN_US), (7 + 180 * MIN_US, 7 + 210 * MIN_US)]
    }


def test_any_weather_that_is_accepted_can_be_drawn():
    weather = Apertures.model_validate(
        {"weather": [{"band": "Ka", "availability": "2 %", "mean_outage": "60 s"}]}
    ).weather[0]
    outages = weather_outages(stream(7, "weather"), weather.availability, weather.mean_outage_us, (0, 50 * H_US))
    assert sum(end - start for start, end in outages) == pytest.approx(49 * H_US, rel=0.01)


def test_tracks_that_just_leave_time_for_the_work_between_them_are_accepted():
    schedule = [track("DSS-14", "6 h", "2 h"), track("DSS-14", "9 h", "1 h"), track("DSS-25", "7 h", "2 h")]
    settings = Apertures.model_validate({"schedule": schedule})
    check_tracks(written_tracks(settings, 0), rules_of(settings))


def refusal(data):
    with pytest.raises(ValidationError) as caught:
        Apertures.model_validate(data)
    error = caught.value.errors()[0]
    broken = error["ctx"]["error"]
    assert isinstance(broken, RuleError)
    return (*error["loc"], *broken.key), f"{broken.subject}: {broken}"


def test_tracks_that_overlap_are_refused_with_both_spans_and_the_place_of_the_later_one():
    schedule = [track("DSS-14", "8.5 h", "1 h"), track("DSS-25", "8 h", "1 h"), track("DSS-14", "6 h", "2 h")]
    assert refusal({"schedule": schedule}) == (
        ("schedule", 0),
        "track of DSS-14 from 510 min to 570 min: begins less than 1 h of tear-down and set-up after the track of "
        "DSS-14 from 6 h to 8 h (schedule[2]); move or drop one of them",
    )


@pytest.mark.parametrize(
    ("data", "key", "said"),
    [
        ({"schedule": [track("DSS-99", "6 h", "2 h")]}, ("schedule", 0, "station"), "unknown station DSS-99; "),
        (
            {"maintenance": [{"station": "DSS-41", "from": "1 h", "for": "1 h"}]},
            ("maintenance", 0, "station"),
            "unknown station DSS-41; ",
        ),
        ({"schedule": [track("DSS-14", "6 h", "9 h")]}, ("schedule", 0, "for"), "is longer than a track may be, 8 h"),
        (
            {"schedule": [track("DSS-14", "6 h", "1 h", "a", "a")]},
            ("schedule", 0, "spacecraft"),
            "an antenna follows up to 4 different spacecraft",
        ),
        (
            {"schedule": [track("DSS-14", "6 h", "1 h", "a", "b")], "spacecraft_max": 1},
            ("schedule", 0, "spacecraft"),
            "an antenna follows up to 1 different spacecraft",
        ),
        (
            {"maintenance": [{"station": "DSS-14", "from": "1 h", "for": "1 h", "every": "1 h"}]},
            ("maintenance", 0, "every"),
            "lasts 1 h and comes every 1 h, so the station never opens",
        ),
        ({"weather": [{"band": "Ka", "availability": 0}]}, ("weather", 0, "availability"), "is above 0"),
        (
            {"weather": [{"band": "Ka", "availability": 0.9, "mean_outage": "1 ms"}]},
            ("weather", 0, "mean_outage"),
            "an outage and a fair spell last 1 s or longer",
        ),
        (
            {"weather": [{"band": "Ka", "availability": "1 %", "mean_outage": "10 s"}]},
            ("weather", 0, "mean_outage"),
            "an outage and a fair spell last 1 s or longer",
        ),
        ({"track_max": "5 min"}, ("track_min",), "is above the longest track, 5 min"),
        (
            {"weather": [{"band": "Ka", "availability": 0.9}, {"band": "Ka", "availability": 0.8}]},
            ("weather", 1, "band"),
            "band Ka has two kinds of weather",
        ),
    ],
)
def test_what_antennas_cannot_do_is_refused_at_its_key(data, key, said):
    found, text = refusal(data)
    assert found == key
    assert said in text
