"""Writes who is who in a run: keys for Earth, and, apart from them, the people who stay on Mars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twin.experiments.identities import AUDITOR, EARTH, DeviceIdentity
from twin.experiments.machine_settings import MachineSettings
from twin.run_registry import write_registry
from twin.world.patient import Vitals


def write_run_registry(folder: Path, settings: MachineSettings, devices: Sequence[DeviceIdentity]) -> None:
    """Write `registry.json` and `mars/persons.json` of a habitat; every device of today is worn by someone."""
    scenario = settings.scenario
    persons: dict[int, dict[str, int]] = {}
    kinds = {}
    dealt = iter(devices)
    for group in scenario.habitat.devices:
        for number in range(group.count * (scenario.habitat.crew if group.per == "crew" else 1)):
            device = next(dealt)
            kinds[device.device] = (group.kind, Vitals.CHANNELS, device.keys.signer)
            if group.per == "crew":
                persons.setdefault(number // group.count + 1, {})[device.name] = device.device
    worn = {device for of in persons.values() for device in of.values()}
    write_registry(
        folder,
        gateway=(EARTH, settings.keys[EARTH].signer),
        auditor=(AUDITOR, settings.keys[AUDITOR].signer),
        edges={edge: (None, settings.keys[edge].signer) for edge in settings.edges},
        devices=kinds,
        persons=persons,
        habitat={device.name: device.device for device in devices if device.device not in worn},
    )
