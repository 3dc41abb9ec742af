"""Watches for tests: a vitals monitor at one sample a second, and a cabin."""

from __future__ import annotations

from fractions import Fraction

from twin.pipeline.clinic.watch import Watch, WatchedChannel
from twin.pipeline.wire.body import NO_READING, Samples
from twin.pipeline.wire.identity import RecordId

ONE = Fraction(1)
TENTH = Fraction(1, 10)

SPO2 = WatchedChannel(
    "spo2_pct", "SpO2", "%", ONE, (40, 100), 97, low=92, slope=2, parameter="spo2", lead=True, staleness=30
)
HEART = WatchedChannel(
    "heart_rate_bpm",
    "Heart rate",
    "/min",
    ONE,
    (20, 250),
    70,
    low=41,
    high=130,
    hysteresis=3,
    slope=15,
    parameter="heart_rate",
    lead=True,
    staleness=30,
)
BREATH = WatchedChannel(
    "respiration_rpm", "Respiration", "/min", ONE, (3, 70), 16, parameter="respiration_rate", lead=True, staleness=30
)
PRESSURE = WatchedChannel("systolic_mmhg", "Systolic", "mmHg", ONE, (40, 250), 120, 91, 219, parameter="systolic_bp")
TEMPERATURE = WatchedChannel(
    "temperature_ddegc", "Temperature", "degC", TENTH, (250, 440), 370, parameter="temperature", staleness=30
)
MIND = WatchedChannel(
    "consciousness_acvpu", "Consciousness", "", ONE, (0, 4), 0, parameter="consciousness", staleness=600
)
OXYGEN = WatchedChannel("oxygen_flow_dlpm", "Oxygen", "L/min", TENTH, (0, 150), 0, parameter="oxygen", staleness=600)
MOTION = WatchedChannel("activity_mg", "Activity", "mg", ONE, (0, 4000), 0)

CHANNELS = (SPO2, HEART, BREATH, PRESSURE, TEMPERATURE, MIND, OXYGEN, MOTION)
WATCH = Watch(CHANNELS, motion="activity_mg", moving=300)
REST = (97, 70, 16, 120, 370, 0, 0, 10)
NAMES = tuple(channel.name for channel in CHANNELS)
COLUMN = {name: column for column, name in enumerate(NAMES)}

RR = 2
SBP = 3
STREAM = (7, 9)


def row(**values: int | None) -> tuple[int, ...]:
    """A row at rest but for the channels given by the first word of their name; None: no reading."""
    first_words = [name.split("_")[0] for name in NAMES]
    changed = {first_words.index(word): value for word, value in values.items()}
    return tuple(
        rest if k not in changed else NO_READING if changed[k] is None else changed[k] for k, rest in enumerate(REST)
    )


def samples(rows: list[tuple[int, ...]], start_us: int = 0, channels: tuple[str, ...] = NAMES) -> Samples:
    """A frame's body at one sample a second."""
    return Samples(start_us, 1_000_000, channels, tuple(rows))


def record(index: int) -> RecordId:
    """Record `index` of the stream."""
    return RecordId(*STREAM, index)
