"""Recorded values from CSV: what is read, and how each thing that is wrong is refused."""

from fractions import Fraction
from pathlib import Path

import pytest

from twin.channels import AIR, CHANNELS, NO_READING, VITALS
from twin.scenario import ScenarioError, load_scenario
from twin.scenario.recordings import _UNITS, RecordedSeries, read_recording

HEADER = "time [s],heart_rate_bpm [/min],spo2_pct [%]"


def read(text: str | bytes, folder: Path, channels: tuple[str, ...] = VITALS) -> RecordedSeries:
    file = folder / "r.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_recording(file, channels)


def columns(series: RecordedSeries, *names: str) -> list[list[int]]:
    width = len(series.channels)
    rows = [series.counts[at : at + width] for at in range(0, len(series.counts), width)]
    return [[row[series.channels.index(name)] for name in names] for row in rows]


def test_rows_are_read_in_the_device_s_columns_and_the_rest_is_no_reading(tmp_path: Path) -> None:
    series = read(f"{HEADER}\n0,72,98\n1,,97\n2.5,74,\n", tmp_path)
    assert list(series.times_us) == [0, 1_000_000, 2_500_000]
    assert columns(series, "heart_rate_bpm", "spo2_pct") == [[72, 98], [NO_READING, 97], [74, NO_READING]]
    others = [name for name in VITALS if name not in ("heart_rate_bpm", "spo2_pct")]
    assert columns(series, *others) == [[NO_READING] * 8] * 3


@pytest.mark.parametrize(
    ("heading", "text", "count"),
    [
        ("temperature_ddegc [Cel]", "36.65", 366),  # half to even
        ("temperature_ddegc [Cel]", "36.75", 368),
        ("temperature_ddegc [[degF]]", "98.6", 370),
        ("temperature_ddegc [K]", "310.15", 370),
        ("rr_interval_ms [s]", "0.8564", 856),
        ("heart_rate_bpm [Hz]", "1.2", 72),
        ("spo2_pct [1]", "0.985", 98),
        ("systolic_mmhg [kPa]", "16", 120),
        ("oxygen_flow_dlpm [L/min]", "2.5", 25),
        ("oxygen_flow_dlpm [mL/min]", "2500", 25),
        ("activity_mg [m/s2]", "0.980665", 100),
        ("activity_mg [[g]]", "0.1", 100),
        ("consciousness_acvpu [{ACVPU}]", "C", 1),
        ("consciousness_acvpu [{ACVPU}]", "4", 4),
    ],
)
def test_values_are_converted_to_counts_of_the_channel(heading: str, text: str, count: int, tmp_path: Path) -> None:
    series = read(f"time [min],{heading}\n1,{text}\n", tmp_path)
    assert list(series.times_us) == [60_000_000]
    assert columns(series, heading.partition(" ")[0]) == [[count]]


@pytest.mark.parametrize(
    ("heading", "text", "count"),
    [("cabin_pressure_hpa [kPa]", "101.3", 1013), ("ppo2_dapa [kPa]", "21.2", 2120), ("ppco2_pa [mmHg]", "3", 400)],
)
def test_air_is_converted_too(heading: str, text: str, count: int, tmp_path: Path) -> None:
    assert columns(read(f"time [h],{heading}\n1,{text}\n", tmp_path, AIR), heading.partition(" ")[0]) == [[count]]


def test_every_channel_can_be_recorded_in_its_own_unit() -> None:
    for channel in CHANNELS.values():
        assert _UNITS[channel.unit][channel.unit].factor == Fraction(1), channel.name


def test_a_byte_order_mark_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    series = read(b"\xef\xbb\xbf" + f"{HEADER}\r\n0,72,98\r\n\r\n1,73,98\r\n".encode(), tmp_path)
    assert list(series.lines) == [2, 4]
    assert columns(series, "heart_rate_bpm") == [[72], [73]]


ROWS = f"{HEADER}\n0,72,98\n"
WRONG = {
    "empty": ("", "the file: is empty ({file}:1); begin with a header such as `time [s],spo2_pct [%]`"),
    "no rows": (HEADER + "\n", "the file: holds a header and no rows ({file}:1); add rows"),
    "no header": ("0,72,98\n", "heading 0: declares no unit ({file}:1); write it like `spo2_pct [%]`"),
    "no time": (
        "spo2_pct [%],time [s]\n98,0\n",
        "column 1, spo2_pct [%]: is not the time ({file}:1); begin with `time [s]`",
    ),
    "time only": ("time [s]\n0\n", "the header: names no channel ({file}:1); add one of heart_rate_bpm, "),
    "unit of time": (
        "time [sol],spo2_pct [%]\n0,98\n",
        "column 1, time [sol]: is not a unit of time ({file}:1); use one of us, ms, s, min, h",
    ),
    "no unit": (
        "time [s],spo2_pct\n0,98\n",
        "heading spo2_pct: declares no unit ({file}:1); write it like `spo2_pct [%]`",
    ),
    "unknown channel": (
        "time [s],spo2_pc [%]\n0,98\n",
        "column 2, spo2_pc [%]: unknown channel ({file}:1); did you mean spo2_pct? use one of ",
    ),
    "channel of another kind": (
        "time [s],ppo2_dapa [Pa]\n0,98\n",
        "column 2, ppo2_dapa [Pa]: unknown channel ({file}:1); ",
    ),
    "wrong unit": (
        "time [s],spo2_pct [mm[Hg]]\n0,98\n",
        "column 2, spo2_pct [mm[Hg]]: 'mm[Hg]' is not a unit of this channel ({file}:1); use one of %, 1",
    ),
    "channel twice": (
        "time [s],spo2_pct [%],spo2_pct [1]\n0,98,1\n",
        "column 3, spo2_pct [1]: stands twice ({file}:1); keep one of the two",
    ),
    "backwards": (
        ROWS + "5,72,98\n4,72,98\n",
        "time [s] = 4: time goes backwards ({file}:4); sort the rows and ",
    ),
    "same time": (ROWS + "0,72,98\n", "time [s] = 0: time does not rise ({file}:3); "),
    "before the start": (f"{HEADER}\n-1,72,98\n", "time [s] = -1: is no time of a run ({file}:2); count from 0 on"),
    "no number": (
        ROWS + "1,72,high\n",
        "spo2_pct [%] = high: is not a number ({file}:3); write digits, or leave ",
    ),
    "not finite": (ROWS + "1,nan,98\n", "heart_rate_bpm [/min] = nan: is not a number ({file}:3); "),
    "huge": (ROWS + "1,1e999999,98\n", "heart_rate_bpm [/min] = 1e999999: is not a number ({file}:3); "),
    "no time in the row": (ROWS + ",72,98\n", "time [s] = : is not a number ({file}:3); "),
    "above": (
        ROWS + "1,72,101\n",
        "spo2_pct [%] = 101: a value lies from 0 to 100 % ({file}:3); correct it, or ",
    ),
    "below": (ROWS + "1,3,98\n", "heart_rate_bpm [/min] = 3: a value lies from 20 to 300 /min ({file}:3); "),
    "semicolons": (
        "time [s];heart_rate_bpm [/min];spo2_pct [%]\n0;72;98,5\n",
        "the header: holds no comma but a semicolon ({file}:1); separate with commas, and write decimals with a point",
    ),
    "tabs": (HEADER.replace(",", "\t") + "\n0\t72\t98\n", "the header: holds no comma but a tab ({file}:1); separate "),
    "semicolons in a row": (ROWS + "1;72;98\n", "the row: holds no comma but a semicolon ({file}:3); separate with "),
    "short row": (ROWS + "1,72\n", "the row: has 2 cells under 3 headings ({file}:3); add or drop some"),
    "unclosed quote": (ROWS + '1,"72,98\n', "the row: is not CSV (unexpected end of data) ({file}:3); "),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_recording_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as refusal:
        read(text, tmp_path)
    line = str(refusal.value)
    assert "\n" not in line
    assert line.startswith(words.format(file=tmp_path / "r.csv"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no such file or directory .*; give the path of a CSV file"):
        read_recording(tmp_path / "none.csv", VITALS)
    with pytest.raises(ScenarioError, match="is a directory"):
        read_recording(tmp_path, VITALS)
    with pytest.raises(ScenarioError, match="is not UTF-8 text"):
        read(b"time [s],spo2_pct [%]\n0,\xff\n", tmp_path)


def test_a_path_counts_from_the_file_that_names_it(tmp_path: Path) -> None:
    inner = tmp_path / "base"
    inner.mkdir()
    (inner / "base.yaml").write_text(
        "name: base\nstart: 2033-03-10\nduration: 1 h\n"
        "habitat:\n  site: jezero\n  devices: [{kind: vitals_monitor, replay: [{crew: 2, path: data/two.csv}]}]\n"
    )
    over = tmp_path / "over.yaml"
    over.write_text("extends: base/base.yaml\nname: over\n")
    for file in (inner / "base.yaml", over):
        scenario = load_scenario(file)
        replay = scenario.habitat.devices[0].replay_for(2)
        assert replay is not None
        assert Path(replay.path) == inner / "data" / "two.csv"
        assert scenario.habitat.devices[0].replay_for(1) is None
