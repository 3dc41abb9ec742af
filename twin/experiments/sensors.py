"""What every device of a habitat measures: people, air or a recording, with episodes and troubles of sensors."""

from __future__ import annotations

from collections.abc import Iterable

from twin.experiments.identities import DeviceIdentity
from twin.experiments.replays import replayed
from twin.faults.resolve import numbered
from twin.hosts.models.sensor import Hiccup, Source
from twin.pipeline.wire.frame import HEADER_BYTES, Samples, encode_samples
from twin.randomness import stream
from twin.scenario.episodes import EVERYBODY
from twin.scenario.model import HabitatScenario
from twin.scenario.sensor_faults import (
    SENSOR_FAULTS,
    LeadOff,
    MotionArtefact,
    SensorDuplicate,
    SensorFault,
    SensorLate,
    SensorStuck,
)
from twin.world import artefacts, episodes
from twin.world.air import Air
from twin.world.patient import Vitals


def sensor_faults(scenario: HabitatScenario) -> list[SensorFault]:
    """The scenario's troubles of sensors."""
    faults: Iterable[object] = scenario.faults
    return [fault for fault in faults if isinstance(fault, SENSOR_FAULTS)]


def source_of(
    scenario: HabitatScenario, device: DeviceIdentity, phase_us: int, faults: Iterable[SensorFault] = ()
) -> Source:
    """What a device's front end measures.

    Args:
        phase_us: Local time at the scenario's start, from local midnight [us].
        faults: Troubles of sensors, with their instants drawn; those of other devices are passed over.

    Raises:
        ScenarioError: A recording that cannot be replayed.
    """
    group = next(slot.group for slot in scenario.habitat.device_slots if slot.name == device.name)
    replay = group.replay_for(device.crew)
    source: Source
    if replay is not None:
        source = replayed(replay, device.channels, device.sample_period_us, scenario.duration_us)
    elif device.kind == "air_monitor":
        random = stream(scenario.seed, "air", device.name)
        source = Air(random, device.sample_period_us, phase_us, _episodes(scenario, EVERYBODY))
    else:
        random = stream(scenario.seed, "vitals", device.name)
        source = Vitals(random, device.sample_period_us, phase_us, _courses(scenario, device))
    troubles = troubles_of(scenario, device, faults, natural=group.artefacts)
    return artefacts.Troubled(source, troubles) if troubles else source


def _episodes(scenario: HabitatScenario, crew: int) -> list[episodes.Episode]:
    return [
        episodes.Episode(e.kind, e.at_us, e.for_us, e.severity_permille) for e in scenario.episodes if e.befalls(crew)
    ]


def _courses(scenario: HabitatScenario, device: DeviceIdentity) -> list[episodes.Course]:
    """What befalls the person whom a device watches; every monitor of that person sees the same."""
    return [
        episodes.Course(e, stream(scenario.seed, "episode", e.kind, str(device.crew), str(e.at_us)))
        for e in _episodes(scenario, device.crew)
    ]


def troubles_of(
    scenario: HabitatScenario, device: DeviceIdentity, faults: Iterable[SensorFault], *, natural: bool
) -> list[artefacts.Trouble]:
    """What changes a device's samples, in this order: movement, a frozen front end, leads that are off."""
    seed, period_us = scenario.seed, device.sample_period_us
    moved: list[artefacts.Trouble] = []
    frozen: list[artefacts.Trouble] = []
    off: list[artefacts.Trouble] = []
    if natural:
        moved.append(artefacts.NaturalMotion(period_us, stream(seed, "artefact", "motion", device.name)))
        off.append(artefacts.NaturalLeadOff(period_us, stream(seed, "artefact", "lead", device.name)))
    for fault, number in numbered(faults):
        if fault.device != device.name:
            continue
        begin_us, end_us = fault.at_us, fault.at_us + fault.for_us
        if isinstance(fault, MotionArtefact):
            random = stream(seed, "fault", fault.kind, device.name, str(number), "content")
            moved.append(artefacts.Motion(begin_us, end_us, fault.rate, random))
        elif isinstance(fault, SensorStuck):
            frozen.append(artefacts.Stuck(begin_us, end_us))
        elif isinstance(fault, LeadOff):
            off.append(artefacts.LeadOff(begin_us, end_us, fault.channel))
    return moved + frozen + off


def hiccups_of(scenario: HabitatScenario, device: DeviceIdentity, faults: Iterable[SensorFault]) -> list[Hiccup]:
    """What happens to the deliveries of a device."""
    found = []
    for fault, number in numbered(faults):
        if fault.device == device.name and isinstance(fault, SensorDuplicate | SensorLate):
            begin_us = scenario.start_us + fault.at_us
            delay_us = fault.delay_us if isinstance(fault, SensorLate) else 0
            random = stream(scenario.seed, "fault", fault.kind, device.name, str(number), "content")
            found.append(Hiccup(begin_us, begin_us + fault.for_us, fault.rate, delay_us, random))
    return found


def typical_rows(scenario: HabitatScenario, device: DeviceIdentity) -> tuple[tuple[int, ...], ...]:
    """One frame's worth of rows such as the device will sign, for estimates of size."""
    random = stream(scenario.seed, "typical", device.name)
    source = (Air if device.kind == "air_monitor" else Vitals)(random, device.sample_period_us)
    return tuple(map(tuple, source.block(0, device.samples_per_frame).tolist()))


def frame_bytes_of(scenario: HabitatScenario, device: DeviceIdentity) -> int:
    """Size of a typical frame that the device signs."""
    body = encode_samples(Samples(0, device.sample_period_us, device.channels, typical_rows(scenario, device)))
    return HEADER_BYTES + len(body) + device.keys.signer.signature_bytes
