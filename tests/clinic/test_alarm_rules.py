"""The rules over one device's frames: what begins, what persists, what ends, and under which key."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watches import CHANNELS, NAMES, REST, WATCH, record, row, samples

from twin.pipeline.clinic.alarms import AlarmRules, Change
from twin.pipeline.clinic.watch import Watch
from twin.pipeline.wire.body import NO_READING, Samples
from twin.pipeline.wire.identity import AlertKey

Row = tuple[int, ...]


class Stream:
    """Rules that are fed frame by frame."""

    def __init__(self, watch: Watch = WATCH) -> None:
        self.rules = AlarmRules(watch)
        self.index = -1

    def frame(self, *rows: Row) -> list[Change]:
        self.index += 1
        return list(self.rules.frame(record(self.index), samples(list(rows))))


def said(changes: list[Change], *prefixes: str) -> list[tuple[str, str, int]]:
    return [(c.alert.rule, c.state, c.row) for c in changes if not prefixes or c.alert.rule.startswith(tuple(prefixes))]


def at_rest(watch: Watch = WATCH) -> Stream:
    stream = Stream(watch)
    assert stream.frame(*[row()] * 60) == []
    return stream


def test_a_crossing_that_does_not_hold_is_nothing() -> None:
    stream = at_rest()
    assert stream.frame(*[row()] * 20, row(spo2=80), row(spo2=80), *[row()] * 20) == []


def test_a_limit_holds_from_the_sample_that_crossed_it() -> None:
    single, limit = at_rest().frame(*[row()] * 20, *[row(heart=135)] * 10)
    assert said([single]) == [("news2.single", "active", 20)]
    key = AlertKey(7, 9, 1, "heart_rate_bpm.high")
    assert limit == Change(key, 20, 3, "active", "Heart rate 135 /min above 130 /min")


def test_a_run_that_began_in_the_frame_before_counts_from_row_0() -> None:
    stream = at_rest()
    assert stream.frame(*[row()] * 20, *[row(heart=135)] * 2) == []
    assert ("heart_rate_bpm.high", "active", 0) in said(stream.frame(row(heart=135)))


def test_texts_say_what_and_how_far_and_name_nobody() -> None:
    changes = at_rest().frame(*[row()] * 5, *[row(spo2=86)] * 3)
    texts = {change.alert.rule: change.text for change in changes}
    assert texts == {"spo2_pct.low": "SpO2 86 % below 92 %", "news2.single": "NEWS2 3 (SpO2 3)"}


def test_a_condition_that_persists_makes_no_other_alert() -> None:
    stream = at_rest()
    first = stream.frame(*[row(spo2=86)] * 3)
    assert len(said(first, "spo2")) == 1
    for _ in range(5):
        assert stream.frame(*[row(spo2=86)] * 60) == []
    assert [alert.rule for alert in stream.rules.open_alerts] == ["news2.single", "spo2_pct.low"]


def test_hysteresis_keeps_an_alert_until_the_value_is_well_back() -> None:
    stream = at_rest()
    stream.frame(*[row(heart=140)] * 3)
    assert stream.frame(*[row(heart=129)] * 20) == []  # 130 is allowed, but 131 - 3 must be passed
    assert said(stream.frame(*[row(heart=127)] * 2), "heart") == []
    assert said(stream.frame(row(heart=127)), "heart") == [("heart_rate_bpm.high", "latched", 0)]


def test_a_whole_frame_on_the_right_side_ends_hysteresis() -> None:
    stream = at_rest()
    stream.frame(*[row(heart=140)] * 3)
    assert said(stream.frame(*[row(heart=129)] * 60), "heart") == [("heart_rate_bpm.high", "latched", 59)]


def test_a_new_crossing_after_the_end_is_a_new_alert_with_a_new_key() -> None:
    stream = at_rest()
    stream.frame(*[row(spo2=86)] * 3)
    assert said(stream.frame(*[row()] * 10), "spo2") == [("spo2_pct.low", "latched", 2)]
    again = [c for c in stream.frame(*[row(spo2=86)] * 3) if c.alert.rule == "spo2_pct.low"]
    assert [(c.alert.index, c.state) for c in again] == [(3, "active")]


def test_an_alert_lasts_at_least_to_the_end_of_its_frame_so_no_key_comes_twice() -> None:
    stream = at_rest()
    flapping = ([row(spo2=86)] * 4 + [row()] * 4) * 5
    assert said(stream.frame(*flapping), "spo2") == [("spo2_pct.low", "active", 0)]
    assert said(stream.frame(row()), "spo2") == [("spo2_pct.low", "latched", 0)]


def test_low_priority_clears_without_latching() -> None:
    stream = at_rest()
    assert said(stream.frame(*[row(spo2=None)] * 3)) == [("spo2_pct.lead_off", "active", 0)]
    change = stream.frame(*[row(spo2=97)] * 3)
    assert [(c.alert.rule, c.state, c.priority, c.text) for c in change] == [
        ("spo2_pct.lead_off", "cleared", 1, "SpO2: readings are back")
    ]


def test_a_lead_that_falls_off_ends_no_alarm_and_starts_none() -> None:
    stream = at_rest()
    stream.frame(*[row(spo2=86)] * 3)
    assert said(stream.frame(*[row(spo2=None)] * 200)) == [("spo2_pct.lead_off", "active", 0)]
    assert [alert.rule for alert in stream.rules.open_alerts] == ["news2.single", "spo2_pct.low", "spo2_pct.lead_off"]
    assert said(stream.frame(*[row()] * 3), "spo2_pct.low", "news2") == [
        ("news2.single", "latched", 2),
        ("spo2_pct.low", "latched", 2),
    ]


def test_single_readings_between_missing_ones_still_alarm() -> None:
    stream = at_rest()
    flicker = [row(spo2=86), row(spo2=None), row(spo2=86), row(spo2=None)]
    assert ("spo2_pct.low", "active", 0) in said(stream.frame(*flicker * 3))


def test_one_wrong_reading_while_a_lead_falls_off_is_no_alarm() -> None:
    stream = at_rest()
    assert said(stream.frame(row(spo2=80), *[row(spo2=None)] * 10)) == [("spo2_pct.lead_off", "active", 1)]


def test_a_value_that_nobody_can_have_is_no_reading() -> None:
    stream = at_rest()
    assert said(stream.frame(*[row(heart=300)] * 20)) == [("heart_rate_bpm.lead_off", "active", 0)]


def test_a_jump_under_motion_is_an_artefact_for_ten_samples_at_most() -> None:
    stream = at_rest()
    shaken = row(spo2=60, activity=600)
    assert stream.frame(*[shaken] * 10, *[row()] * 10) == []
    assert said(stream.frame(*[shaken] * 13), "spo2") == [("spo2_pct.low", "active", 10)]


def test_the_same_jump_at_rest_is_believed() -> None:
    assert said(at_rest().frame(*[row(spo2=80)] * 3), "spo2") == [("spo2_pct.low", "active", 0)]


def test_a_fall_as_fast_as_a_body_allows_is_believed_while_it_moves() -> None:
    falling = [row(spo2=value, activity=600) for value in (97, 95, 93, 91, 89, 89)]
    assert said(at_rest().frame(*falling), "spo2") == [("spo2_pct.low", "active", 3)]


def test_an_accelerometer_without_reading_shows_no_motion() -> None:
    still = [row(spo2=80, activity=None)] * 3
    assert said(at_rest().frame(*still), "spo2") == [("spo2_pct.low", "active", 0)]


def test_the_score_of_several_channels_climbs_its_ladder() -> None:
    stream = at_rest()
    assert said(stream.frame(*[row(respiration=22, heart=95)] * 3), "news2") == []
    five = {"respiration": 22, "heart": 95, "temperature": 391}
    assert said(stream.frame(*[row(**five)] * 3), "news2") == [("news2.urgent", "active", 0)]
    seven = {"respiration": 22, "heart": 115, "temperature": 391, "spo2": 95}
    assert said(stream.frame(*[row(**seven)] * 3), "news2") == [("news2.emergency", "active", 0)]
    assert said(stream.frame(*[row()] * 5), "news2") == [
        ("news2.emergency", "latched", 2),
        ("news2.urgent", "latched", 2),
    ]


def test_an_emergency_covers_the_lesser_alerts_until_it_is_over() -> None:
    stream = at_rest()
    worst = {"respiration": 30, "heart": 140, "spo2": 80}
    assert said(stream.frame(*[row(**worst)] * 3), "news2") == [("news2.emergency", "active", 0)]
    assert said(stream.frame(*[row(respiration=30, heart=140)] * 3), "news2") == [
        ("news2.emergency", "latched", 2),
        ("news2.urgent", "active", 0),
    ]


def test_a_single_three_asks_for_urgent_review() -> None:
    changes = at_rest().frame(*[row(consciousness=1)] * 3)
    assert [(c.alert.rule, c.priority, c.text) for c in changes] == [("news2.single", 2, "NEWS2 3 (Consciousness 3)")]


def test_an_incomplete_score_that_is_high_enough_alarms() -> None:
    stream = Stream()
    unread = row(consciousness=None, oxygen=None, systolic=None, temperature=None)
    stream.frame(*[unread] * 5)
    changes = stream.frame(
        *[tuple(85 if k == 0 else 30 if k == 2 else 95 if k == 1 else v for k, v in enumerate(unread))] * 3
    )
    (emergency,) = [c for c in changes if c.alert.rule == "news2.emergency"]
    assert emergency.text == (
        "NEWS2 at least 7 (SpO2 3, Heart rate 1, Respiration 3; "
        "incomplete without Systolic, Temperature, Consciousness, Oxygen)"
    )


def test_a_stale_value_counts_as_missing_and_not_as_zero() -> None:
    stream = at_rest()
    stream.frame(*[row(consciousness=None)] * 700)
    changes = stream.frame(*[row(spo2=86, consciousness=None)] * 3)
    assert [c.text for c in changes if c.alert.rule == "news2.single"] == [
        "NEWS2 at least 3 (SpO2 3; incomplete without Consciousness)"
    ]


def test_a_value_that_people_owe_is_told_when_it_is_overdue() -> None:
    stream = Stream()
    assert said(stream.frame(*[row(consciousness=None)] * 600)) == []
    assert said(stream.frame(*[row(consciousness=None)] * 2)) == [("consciousness_acvpu.stale", "active", 0)]
    assert said(stream.frame(*[row()] * 3)) == [("consciousness_acvpu.stale", "cleared", 2)]


def test_scale_2_takes_oxygen_into_account() -> None:
    spo2 = CHANNELS[0]._replace(nominal=90, low=84)
    stream = Stream(WATCH._replace(channels=(spo2, *CHANNELS[1:]), spo2_scale=2))
    assert stream.frame(*[row(spo2=90)] * 10) == []
    assert stream.frame(*[row(spo2=97)] * 10) == []
    assert said(stream.frame(*[row(spo2=97, oxygen=20)] * 3)) == [("news2.urgent", "active", 0)]


def test_columns_are_found_by_name() -> None:
    stream = at_rest()
    turned = [tuple(reversed(row(spo2=86)))] * 3
    body = Samples(0, 1_000_000, tuple(reversed(NAMES)), tuple(turned))
    assert [c.alert.rule for c in stream.rules.frame(record(1), body)] == ["news2.single", "spo2_pct.low"]
    lacking = Samples(0, 1_000_000, NAMES[1:], tuple(row()[1:] for _ in range(5)))
    assert said(list(stream.rules.frame(record(2), lacking))) == [("spo2_pct.lead_off", "active", 0)]


def test_a_snapshot_of_other_channels_is_refused() -> None:
    fewer = AlarmRules(WATCH._replace(channels=CHANNELS[:3], motion=""))
    with pytest.raises(ValueError, match=r"alarm state: must be of format 1 and of channels spo2_pct, heart_rate_bpm"):
        fewer.restore(AlarmRules(WATCH).snapshot())


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (WATCH._replace(hold=0), "hold 0"),
        (WATCH._replace(motion="shaking"), "must differ and hold shaking"),
        (WATCH._replace(channels=(*CHANNELS, CHANNELS[0])), "must differ"),
        (WATCH._replace(channels=(CHANNELS[0]._replace(nominal=101),), motion=""), "rests at 101, outside 40 to 100"),
        (WATCH._replace(channels=(CHANNELS[0]._replace(staleness=13),), motion=""), "goes stale after 13 samples"),
        (WATCH._replace(channels=(CHANNELS[0]._replace(low=20),), motion=""), "outside what is plausible, 40 to 100"),
    ],
)
def test_a_watch_that_contradicts_itself_is_refused(watch: Watch, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AlarmRules(watch)


CELL = st.one_of(st.just(NO_READING), st.integers(-1, 1))
STRETCH = st.tuples(
    st.lists(st.sampled_from([80, 86, 91, 92, 93, 97, 300, NO_READING]), min_size=1, max_size=8),
    st.sampled_from([40, 41, 43, 70, 91, 130, 131, 140, NO_READING]),
    st.sampled_from([16, 22, 30, NO_READING]),
    st.sampled_from([0, 1, NO_READING]),
    st.sampled_from([10, 700]),
    st.integers(1, 40),
)


@st.composite
def streams(draw: st.DrawFn) -> list[list[Row]]:
    """Rows of a few frames."""
    frames = []
    for _ in range(draw(st.integers(1, 8))):
        rows: list[Row] = []
        for _ in range(draw(st.integers(1, 3))):
            oxygen, heart, breath, mind, motion, length = draw(STRETCH)
            rows += [(value, heart, breath, *REST[3:5], mind, 0, motion) for value in (oxygen * length)[:length]]
        frames.append(rows)
    return frames


def run(frames: list[list[Row]], *, start_us: int = 0, restarted: bool = False) -> list[tuple[Change, ...]]:
    rules = AlarmRules(WATCH)
    found = []
    for index, rows in enumerate(frames):
        if restarted:
            state = rules.snapshot()
            rules = AlarmRules(WATCH)
            rules.restore(state)
            assert rules.snapshot() == state
        found.append(rules.frame(record(index), samples(rows, start_us + index)))
    return found


@settings(max_examples=150, deadline=None)
@given(streams())
def test_going_on_from_a_snapshot_at_every_frame_changes_nothing(frames: list[list[Row]]) -> None:
    assert run(frames, restarted=True) == run(frames)


@settings(max_examples=60, deadline=None)
@given(streams(), st.integers(-(10**15), 10**15))
def test_a_shifted_device_clock_changes_no_alert(frames: list[list[Row]], shift_us: int) -> None:
    assert run(frames, start_us=shift_us) == run(frames)


@settings(max_examples=150, deadline=None)
@given(streams())
def test_alerts_open_once_end_once_and_never_share_a_key(frames: list[list[Row]]) -> None:
    open_by_rule: dict[str, AlertKey] = {}
    ever: list[AlertKey] = []
    for index, changes in enumerate(run(frames)):
        for change in changes:
            alert = change.alert
            assert 0 <= change.row < len(frames[index])
            if change.state == "active":
                assert alert.rule not in open_by_rule
                assert alert.index == index
                assert alert not in ever
                open_by_rule[alert.rule] = alert
                ever.append(alert)
            else:
                assert open_by_rule.pop(alert.rule) == alert
                assert change.state == ("cleared" if change.priority == 1 else "latched")


def test_a_state_is_small() -> None:
    stream = at_rest()
    stream.frame(*[row(spo2=86, heart=140)] * 3)
    assert len(stream.rules.snapshot()) < 1000
