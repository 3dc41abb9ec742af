"""The clinic's collector, fed with facts by hand: thinning of vitals, instants of alarms, counting against truth."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from twin.experiments.clinic_log import ClinicLog, in_words, is_technical
from twin.experiments.vitals_log import VitalsLog, WatchedDevice
from twin.pipeline.facts import (
    AlarmRaised,
    AlertSealed,
    Attested,
    BundleSent,
    FrameSealed,
    HeadCosigned,
    HeadSigned,
    ReceiptLearned,
    Trimmed,
)
from twin.pipeline.wire.frame import NO_READING
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId
from twin.trace import (
    AlarmSounded,
    AlertStored,
    EpisodeBegan,
    EpisodeEnded,
    Generated,
    HopDelivered,
    MadeDurable,
    Restarted,
    RowStored,
    SurgeonTold,
    Trace,
)

S = 1_000_000
MIN = 60 * S
START = 1_000 * MIN
DAY = 1_440 * MIN
PATIENT = WatchedDevice("vitals-1", 7, 1, ("heart_rate_bpm", "spo2_pct"))
OTHER = WatchedDevice("vitals-2", 8, 2, ("heart_rate_bpm", "spo2_pct"))
AIR = WatchedDevice("air-1", 9, 0, ("cabin_pressure_hpa",))
EDGES = ("edge-1", "edge-2", "edge-3")


class Clinic:
    """A log on a trace of its own, with times in seconds since the start."""

    def __init__(self, folder: Path, days: int = 1) -> None:
        self.folder = folder
        self.trace = Trace()
        self.end_us = START + days * DAY
        self.log = ClinicLog(folder, (PATIENT, OTHER, AIR), EDGES, START, self.end_us)
        self.log.watch(self.trace)

    def at(self, at_s: float, node: str, fact: tuple[Any, ...]) -> None:
        self.trace.emit(START + round(at_s * S), node, fact)

    def alarm(self, rule: str, at_s: float, device: int = 7, index: int = 0) -> AlertKey:
        """An alarm that began at `at_s` and sounded 3 s later."""
        key = AlertKey(device, 1, index, rule)
        name = {7: "vitals-1", 8: "vitals-2", 9: "air-1"}[device]
        row = (0,) if device == 9 else (0, 0)
        self.at(at_s, name, Generated(START + round(at_s * S), S, (row,)))
        self.at(at_s, name, FrameSealed(key.record, b"", 0, 1, 100))
        self.at(at_s + 2, "edge-1", AlarmRaised(key, 0, 2))
        self.at(at_s + 3, "habitat", AlarmSounded(key, 2, "active"))
        return key

    def close(self, at_us: int | None = None) -> dict[str, Any]:
        self.log.close(self.end_us if at_us is None else at_us)
        return self.log.clinic()

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / f"{name}.parquet", dtype_backend="numpy_nullable")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


def beats(*values: int) -> tuple[tuple[int, int], ...]:
    return tuple((value, 98) for value in values)


# ---------------------------------------------------------------- vitals


def test_a_stretch_keeps_smallest_middle_and_largest(clinic: Clinic) -> None:
    clinic.at(3, "vitals-1", Generated(START, S, beats(70, 90, 60, 80)))
    clinic.close()
    rows = clinic.table("vitals")
    assert list(rows["channel"]) == ["heart_rate_bpm", "spo2_pct"]
    assert tuple(rows.iloc[0])[3:] == (START, 60, 70, 90, 4)
    assert tuple(rows.iloc[0])[:2] == ("vitals-1", 1)


def test_samples_go_to_the_stretch_in_which_they_were_taken(clinic: Clinic) -> None:
    clinic.at(200, "vitals-1", Generated(START + 50 * S, 5 * S, beats(*range(20))))
    clinic.close()
    rows = clinic.table("vitals")
    rows = rows[rows["channel"] == "heart_rate_bpm"]
    assert [(at - START) // MIN for at in rows["at_us"]] == [0, 1, 2]
    assert list(zip(rows["min"], rows["max"], rows["readings"], strict=True)) == [(0, 1, 2), (2, 13, 12), (14, 19, 6)]


def test_samples_without_a_reading_are_not_numbers(clinic: Clinic) -> None:
    clinic.at(2, "vitals-1", Generated(START, S, ((NO_READING, NO_READING), (72, NO_READING))))
    clinic.close()
    heart, spo2 = clinic.table("vitals").itertuples(index=False)
    assert (heart.min, heart.median, heart.max, heart.readings) == (72, 72, 72, 1)
    assert pd.isna(spo2.min)
    assert spo2.readings == 0


def test_longer_runs_have_longer_stretches(tmp_path: Path) -> None:
    for days, minutes in ((1, 1), (2, 2), (30, 29)):
        log = VitalsLog(tmp_path, [PATIENT], START, START + days * DAY)
        assert log.stretch_us == minutes * MIN
        assert days * DAY / log.stretch_us <= 1_500
        log.close()


# ---------------------------------------------------------------- alarms


def test_onset_is_the_true_instant_of_the_sample(clinic: Clinic) -> None:
    """The device's clock is an hour off, which is no matter of its patient's."""
    key = AlertKey(7, 1, 0, "spo2_pct.low")
    clinic.at(30, "vitals-1", Generated(START + 10 * S, S, beats(*range(20))))
    clinic.at(30, "vitals-1", FrameSealed(key.record, b"", START + 3_600 * S, 12, 100))
    second = AlertKey(7, 1, 1, "spo2_pct.low")
    clinic.at(30, "vitals-1", FrameSealed(second.record, b"", START + 3_600 * S, 8, 100))
    clinic.at(31, "edge-1", AlarmRaised(key, 4, 3))
    clinic.at(32, "edge-1", AlarmRaised(second, 2, 3))
    clinic.close()
    assert list(clinic.table("alarms")["onset_us"]) == [START + 14 * S, START + 24 * S]


def test_samples_lost_in_a_crash_move_no_later_onset(clinic: Clinic) -> None:
    clinic.at(10, "vitals-1", Generated(START, S, beats(*range(10))))
    clinic.at(11, "vitals-1", Restarted(0))
    clinic.alarm("spo2_pct.low", 100)
    clinic.close()
    assert clinic.table("alarms")["onset_us"][0] == START + 100 * S


def test_the_first_edge_to_find_an_alarm_counts(clinic: Clinic) -> None:
    key = clinic.alarm("spo2_pct.low", 100)
    clinic.at(500, "edge-2", AlarmRaised(key, 0, 3))
    clinic.close()
    alarms = clinic.table("alarms")
    assert len(alarms) == 1
    assert alarms["raised_us"][0] == START + 102 * S
    assert alarms["priority"][0] == 3


def test_an_alarm_is_followed_to_the_receipt(clinic: Clinic) -> None:
    key = clinic.alarm("spo2_pct.low", 100)
    record, other = RecordId(40, 5, 0), RecordId(41, 6, 0)
    clinic.at(103, "habitat", AlarmSounded(key, 2, "active"))
    clinic.at(104, "edge-1", AlertSealed(key, record))
    clinic.at(105, "edge-2", AlertSealed(key, other))
    clinic.at(110, "edge-1", BundleSent((1, 0, 0), "earth", ((record, b""),), 0))
    clinic.at(120, "edge-2", BundleSent((2, 0, 0), "earth", ((other, b""),), 0))
    clinic.at(700, "edge-1", HopDelivered("edge-1->edge-2", 0, 9, START + 110 * S))
    clinic.at(719, "earth", HopDelivered("auditor->earth", 0, 9, START + 120 * S))
    clinic.at(720, "earth", HopDelivered("edge-2->earth", 0, 9, START + 120 * S))
    clinic.at(721, "earth", RowStored("backup", other, b"", b""))
    clinic.at(722, "earth", RowStored("table", other, b"", b""))
    clinic.at(723, "earth", AlertStored(key, False))
    clinic.at(724, "earth", SurgeonTold(key, 1))
    clinic.at(800, "earth", SurgeonTold(key, 2))
    clinic.at(900, "habitat", AlarmSounded(key, 3, "escalated"))
    clinic.at(950, "habitat", AlarmSounded(key, 2, "acknowledged"))
    clinic.at(990, "habitat", AlarmSounded(key, 2, "cleared"))
    clinic.at(1_500, "edge-1", ReceiptLearned(key))
    clinic.at(1_501, "edge-2", ReceiptLearned(key))
    clinic.close()
    row = clinic.table("alarms").iloc[0]
    since_s = {name[:-3]: (row[name] - START) // S for name in row.index if name.endswith("_us")}
    assert since_s == {
        "onset": 100, "raised": 102, "sounded": 103, "escalated": 900, "acknowledged": 950, "cleared": 990,
        "sealed": 104, "sent": 120, "arrived": 720, "durable": 722, "stored": 723, "told": 724, "seen_on_mars": 1_500,
    }  # fmt: skip
    assert (row["times_told"], row["priority"], row["technical"], row["text"]) == (2, 3, 0, "SpO2 low")
    assert row["alert"] == str(key)
    assert clinic.log.alarms._carried == {}
    assert clinic.log.alarms._sends == {}


def test_a_bundle_sent_again_counts_from_the_time_that_got_through(clinic: Clinic) -> None:
    key, record = clinic.alarm("spo2_pct.low", 100), RecordId(40, 5, 0)
    clinic.at(104, "edge-1", AlertSealed(key, record))
    for sent_s, round_ in ((110, 0), (1_300, 1), (2_600, 2)):
        clinic.at(sent_s, "edge-1", BundleSent((1, 0, round_), "earth", ((record, b""),), round_))
    clinic.at(1_900, "earth", HopDelivered("edge-1->earth", 1, 9, START + 1_300 * S))
    clinic.at(1_901, "earth", RowStored("table", record, b"", b""))
    clinic.close()
    row = clinic.table("alarms").iloc[0]
    assert (row["sent_us"], row["arrived_us"]) == (START + 1_300 * S, START + 1_900 * S)
    assert pd.isna(row["told_us"])


def test_frames_that_the_device_gave_up_are_forgotten(clinic: Clinic) -> None:
    for index in range(10):
        clinic.alarm("spo2_pct.low", 10 * index, index=index)
    clinic.at(200, "edge-1", Trimmed(StreamId(7, 1), 9))
    assert len(clinic.log.alarms._frames[7, 1]) == 10
    clinic.at(200, "vitals-1", Trimmed(StreamId(7, 1), 9))
    assert list(clinic.log.alarms._frames[7, 1]) == [9]


# ---------------------------------------------------------------- against ground truth


def test_sensitivity_counts_episodes_and_delay_runs_from_their_beginning(clinic: Clinic) -> None:
    clinic.at(1_000, "world", EpisodeBegan("hypoxia", 1))
    key = clinic.alarm("spo2_pct.low", 1_040)
    clinic.alarm("news2.urgent", 1_200)
    clinic.at(1_640, "earth", SurgeonTold(key, 1))
    clinic.at(2_000, "world", EpisodeEnded("hypoxia", 1))
    clinic.at(5_000, "world", EpisodeBegan("sepsis", 2))
    told = clinic.close()
    assert told["total"]["episodes"] == 2
    assert told["total"]["detected"] == 1
    assert told["total"]["sensitivity"] == 0.5
    assert told["total"]["delay_mars_s"] == {"known": 1, "median": 43.0, "max": 43.0}
    assert told["total"]["delay_earth_s"] == {"known": 1, "median": 640.0, "max": 640.0}
    assert told["total"]["false_alarms"] == 0
    patient = next(one for one in told["crew"] if one["crew"] == 1)
    assert (patient["alarms"], patient["sensitivity"]) == (2, 1.0)
    assert list(clinic.table("alarms")["episode"]) == ["hypoxia", "hypoxia"]
    assert pd.isna(clinic.table("episodes")["end_us"][1])


@pytest.mark.parametrize(("at_s", "false"), [(999, 1), (1_000, 0), (2_000, 0), (2_900, 0), (2_901, 1)])
def test_an_alarm_belongs_to_an_episode_until_its_grace_is_over(clinic: Clinic, at_s: int, false: int) -> None:
    clinic.at(900, "world", EpisodeBegan("sepsis", 2))
    for begins_s, fact in ((1_000, EpisodeBegan("hypoxia", 1)), (2_000, EpisodeEnded("hypoxia", 1))):
        clinic.at(begins_s, "world", fact)
    clinic.alarm("spo2_pct.low", at_s)
    assert clinic.close()["total"]["false_alarms"] == false


def test_false_alarms_are_counted_per_patient_day(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path, days=3)
    for index in range(3):
        clinic.alarm("spo2_pct.low", 5_000 * index, index=index)
    clinic.alarm("cabin_pressure_hpa.low", 100, device=9)
    told = clinic.close(START + 2 * DAY)  # interrupted after two of three days
    rates = {one["crew"]: one["false_alarms_per_patient_day"] for one in (*told["crew"], told["total"])}
    assert rates == {0: None, 1: 1.5, 2: 0.0, None: 1.0}
    assert told["total"]["patient_days"] == 4.0


def test_everybody_breathes_the_air_but_the_air_feels_nobody(clinic: Clinic) -> None:
    clinic.at(1_000, "world", EpisodeBegan("decompression", 0))
    clinic.alarm("spo2_pct.low", 1_100)
    clinic.at(2_000, "world", EpisodeEnded("decompression", 0))
    clinic.at(9_000, "world", EpisodeBegan("hypoxia", 1))
    clinic.alarm("cabin_pressure_hpa.low", 9_100, device=9)
    told = clinic.close()
    by_crew = {one["crew"]: one for one in told["crew"]}
    assert (by_crew[0]["detected"], by_crew[1]["false_alarms"]) == (1, 0)
    assert (by_crew[1]["detected"], by_crew[0]["false_alarms"]) == (0, 1)


def test_technical_alarms_are_counted_apart(clinic: Clinic) -> None:
    clinic.at(1_000, "world", EpisodeBegan("hypoxia", 1))
    clinic.alarm("spo2_pct.lead_off", 1_100)
    told = clinic.close()["total"]
    assert (told["technical_alarms"], told["alarms"], told["false_alarms"], told["detected"]) == (1, 0, 0, 0)
    assert clinic.table("alarms")["technical"][0] == 1
    assert pd.isna(clinic.table("alarms")["episode"][0])


@pytest.mark.parametrize(
    ("rule", "words", "technical"),
    [
        ("spo2_pct.low", "SpO2 low", False),
        ("heart_rate_bpm.high", "heart rate high", False),
        ("consciousness_acvpu.stale", "consciousness stale", True),
        ("temperature_ddegc.lead_off", "temperature lead off", True),
        ("news2.emergency", "NEWS2 emergency", False),
    ],
)
def test_rules_are_read_in_words(rule: str, words: str, technical: bool) -> None:
    assert in_words(rule) == words
    assert is_technical(rule) is technical


# ---------------------------------------------------------------- ledger


def sign(clinic: Clinic, at_s: float, edge: str, *heads: tuple[int, int, int]) -> None:
    for device, previous, size in heads:
        clinic.at(at_s, edge, HeadSigned(StreamId(device, 1), previous, size, b"", ()))


def cosign(clinic: Clinic, at_s: float, witness: str, author: str, *heads: tuple[int, int]) -> None:
    for device, size in heads:
        clinic.at(at_s, witness, HeadCosigned(author, StreamId(device, 1), size, b""))


def test_heads_of_one_instant_are_one_checkpoint(clinic: Clinic) -> None:
    sign(clinic, 10, "edge-1", (7, 0, 4), (8, 0, 6))
    sign(clinic, 20, "edge-1", (7, 4, 5))
    sign(clinic, 20, "edge-2", (7, 0, 5))
    clinic.close()
    rows = clinic.table("checkpoints").sort_values(["author", "counter"])
    assert list(rows["author"]) == ["edge-1", "edge-1", "edge-2"]
    assert list(rows["counter"]) == [0, 1, 0]
    assert list(rows["streams"]) == [2, 1, 1]
    assert list(rows["frames"]) == [10, 1, 5]


def test_a_later_cosignature_covers_earlier_checkpoints(clinic: Clinic) -> None:
    sign(clinic, 10, "edge-1", (7, 0, 4), (8, 0, 6))
    sign(clinic, 20, "edge-1", (7, 4, 5))
    cosign(clinic, 11, "edge-2", "edge-1", (7, 4), (8, 6))
    cosign(clinic, 30, "edge-3", "edge-1", (7, 5), (8, 6))
    cosign(clinic, 900, "auditor", "edge-1", (7, 4), (8, 6))
    clinic.close()
    first, second = clinic.table("checkpoints").sort_values("counter").itertuples(index=False)
    assert (first.cosigned_mars_us, first.cosigned_earth_us) == (START + 11 * S, START + 900 * S)
    assert (first.cosigners, first.witnesses) == (3, 3)
    assert second.cosigned_mars_us == START + 30 * S
    assert pd.isna(second.cosigned_earth_us)
    assert second.cosigners == 1
    told = clinic.log.ledger(rows=0)
    assert (told["checkpoints"], told["cosigned_by_all"]) == (2, 1)
    assert (told["frames_signed"], told["frames_cosigned_mars"], told["frames_cosigned_earth"]) == (11, 11, 10)


def test_counts_of_the_ledger_are_those_of_the_media(clinic: Clinic) -> None:
    for index in range(5):
        clinic.at(index, "vitals-1", FrameSealed(RecordId(7, 1, index), b"", 0, 0, 100))
    clinic.at(6, "edge-1", MadeDurable(((7, 1, 0), (7, 1, 1), (7, 1, 2))))
    clinic.at(7, "edge-2", MadeDurable(((7, 1, 0), (7, 1, 1))))
    clinic.at(7, "edge-2", MadeDurable(((40, 1, 0),)))
    clinic.at(9, "auditor", Attested(StreamId(7, 1), 2, b""))
    clinic.close()
    told = clinic.log.ledger(rows=4)
    assert (told["frames"], told["rows"], told["streams"], told["rows_audited"]) == (4, 4, 2, 2)
    assert told["last_audited_utc"] is not None
    assert told["last_cosigned_earth_utc"] is None
