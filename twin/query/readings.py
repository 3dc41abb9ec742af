"""Rows of Earth's store as readings: instant, value, unit, address and how far each is proved.

A sample's address is (device, epoch, index, k): the k-th sample of one signed frame. Its instant is the device's
clock, as signed. Who wears a device is looked up in the map that stays on Mars; the store knows pseudonyms alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twin.channels import CHANNELS, Channel
from twin.query.metrics import BLOOD_PRESSURE, channels_of
from twin.run_registry import RegisteredDevice, load_persons
from twin.scenario.errors import RuleError, ScenarioError, listed, shown
from twin.scenario.instants import parse_instant
from twin.verify.frames import NO_READING, SAMPLES, read_samples
from twin.verify.proof import BROKEN, Archive, Proof, ProvableStream, tally
from twin.verify.store import open_store

_FOREVER_US: Final = 1 << 63
_PSEUDONYM: Final = "dev-"


@dataclass(frozen=True)
class Reading:
    """One sample of one channel; `count` is None where the sensor had no reading."""

    channel: Channel
    instant_us: int
    count: int | None
    k: int
    proof: Proof

    @property
    def value(self) -> int | float | None:
        """In the channel's unit."""
        if self.count is None:
            return None
        value = self.channel.value(self.count)
        return value.numerator if value.denominator == 1 else float(value)

    @property
    def address(self) -> str:
        """`dev-.../ep-.../index/k`."""
        return f"{self.proof.record}/{self.k}"


@dataclass
class ProvedFrame:
    """A frame with the readings asked of it, in the order of the samples."""

    proof: Proof
    period_us: int
    readings: list[Reading]


@dataclass
class Answer:
    """What a query found.

    Attributes:
        frames: by stream and index.
        broken: rows that are not what their device signed; they hold no reading to show.
        problems: of whole streams: an attestation that does not hold.
        held_us: first and last instant of all that Earth holds of these devices, in and out of the range asked for.
    """

    channels: tuple[Channel, ...]
    devices: tuple[RegisteredDevice, ...]
    frames: list[ProvedFrame] = field(default_factory=list)
    broken: list[Proof] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    auditor: str = ""
    held_us: tuple[int, int] | None = None

    @property
    def found(self) -> bool:
        """Whether there is a row to show or to warn of."""
        return bool(self.frames or self.broken)

    @property
    def sound(self) -> bool:
        """Whether nothing contradicts a signature."""
        return not self.problems and not self.states().get(BROKEN, 0)

    def readings(self) -> Iterator[Reading]:
        """All readings: by instant, then channel as asked, then address."""
        place = {channel.name: number for number, channel in enumerate(self.channels)}
        everything = (reading for frame in self.frames for reading in frame.readings)
        yield from sorted(everything, key=lambda r: (r.instant_us, place[r.channel.name], r.address))

    def states(self) -> dict[str, int]:
        """How many frames are in each state."""
        return tally([frame.proof.state for frame in self.frames] + [proof.state for proof in self.broken])


def read(
    run_dir: Path,
    metrics: list[str],
    crew: int | None = None,
    device: str | None = None,
    since: str | None = None,
    until: str | None = None,
    panels: bool = False,
) -> Answer:
    """Ask Earth's store for readings; that there are none is an answer.

    Args:
        metrics: Names as in `twin.query.metrics`, at least one.
        crew: Whose, counted from 1; or else `device`, by the name that Mars calls it or as `dev-<16 hex>`.
        since: First instant [ISO 8601 text, without a zone UTC]; `until`: the end, itself not included.
        panels: Read both blood pressures where one is asked for.

    Raises:
        ScenarioError: no such run, crew member, device or metric, an instant that is none, a range without one.
    """
    if not metrics:
        raise ScenarioError("query", "asks for no metric", "--metric", "name one, e.g. --metric spo2")
    start_us = -_FOREVER_US if since is None else _instant(since, "--from")
    end_us = _FOREVER_US if until is None else _instant(until, "--to")
    if end_us <= start_us:
        rule = f"ends at {until}, not after its start {since}"
        raise ScenarioError("range of instants", rule, "--to", "name a later end")
    with open_store(run_dir) as store:
        archive = Archive.of(store, run_dir)
        worn, others = _devices(archive, run_dir, crew, device)
        offered = tuple(dict.fromkeys(name for one in worn for name in one.channels))
        elsewhere = {name: one.channels for name, one in others.items()}
        asked = [name for metric in metrics for name in channels_of(metric, offered, elsewhere)]
        if panels and not set(BLOOD_PRESSURE).isdisjoint(asked):
            asked += [name for name in BLOOD_PRESSURE if name in offered]
        names = tuple(dict.fromkeys(asked))
        answer = Answer(tuple(CHANNELS[name] for name in names), worn, auditor=archive.registry.auditor.name)
        for one in worn:
            for stream in store.streams(one.device):
                _read_stream(archive.stream(stream), names, (start_us, end_us), answer)
    return answer


def _instant(text: str, option: str) -> int:
    try:
        return parse_instant(text)
    except RuleError as error:
        raise ScenarioError(f"instant {shown(text)}", error.rule, option, error.remedy) from error


def _devices(
    archive: Archive, run_dir: Path, crew: int | None, device: str | None
) -> tuple[tuple[RegisteredDevice, ...], dict[str, RegisteredDevice]]:
    """The devices asked, and by name those that were not."""
    if (crew is None) == (device is None):
        remedy = "give --crew N for a person, or --device NAME for a device"
        raise ScenarioError("query", "asks for one person or one device", "--crew", remedy)
    if device is not None and device.startswith(_PSEUDONYM):
        named = {f"{_PSEUDONYM}{one.device:016x}": one for one in archive.registry.devices}
        if device not in named:
            remedy = f"take a pseudonym from {run_dir / 'registry.json'}"
            raise ScenarioError(f"device {shown(device)}", "no device of this run", "--device", remedy)
        return (named.pop(device),), named
    registered = {one.device: one for one in archive.registry.devices}
    persons = load_persons(run_dir)
    everyone = [one for person in persons.persons for one in person.devices] + list(persons.habitat)
    named = {one.name: registered[one.device] for one in everyone}
    if device is not None:
        if device not in named:
            raise ScenarioError(f"device {shown(device)}", "no device of this run", "--device", listed(named, device))
        return (named.pop(device),), named
    for person in persons.persons:
        if person.crew == crew:
            return tuple(named.pop(one.name) for one in person.devices), named
    numbers = [str(person.crew) for person in persons.persons]
    raise ScenarioError(f"crew member {crew}", "nobody in this run has this number", "--crew", listed(numbers))


def _read_stream(
    stream: ProvableStream,
    names: tuple[str, ...],
    span_us: tuple[int, int],
    answer: Answer,
) -> None:
    """Add what one stream holds."""
    start_us, end_us = span_us
    if stream.problem:
        answer.problems.append(f"{stream.stream}: {stream.problem}")
    for row in stream.rows():
        proof = stream.prove(row)
        frame = proof.frame
        if frame is None:
            answer.broken.append(proof)
            continue
        if frame.kind != SAMPLES:
            continue
        body = read_samples(frame.body)
        last_us = body.start_us + (len(body.rows) - 1) * body.period_us
        held_us = answer.held_us or (body.start_us, last_us)
        answer.held_us = min(held_us[0], body.start_us), max(held_us[1], last_us)
        columns = [(CHANNELS[name], body.channels.index(name)) for name in names if name in body.channels]
        readings = []
        for k, values in enumerate(body.rows):
            instant_us = body.start_us + k * body.period_us
            if start_us <= instant_us < end_us:
                for channel, column in columns:
                    count = None if values[column] == NO_READING else values[column]
                    readings.append(Reading(channel, instant_us, count, k, proof))
        if readings:
            answer.frames.append(ProvedFrame(proof, body.period_us, readings))
