"""Writes who is who in a run: keys for Earth, and, apart from them, the people who stay on Mars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twin.experiments.identities import AUDITOR, EARTH, DeviceIdentity
from twin.experiments.machine_settings import MachineSettings
from twin.run_registry import write_registry


def write_run_registry(folder: Path, settings: MachineSettings, devices: Sequence[DeviceIdentity]) -> None:
    """Write `registry.json` and `mars/persons.json` of a habitat: the first key of every device, and who wears it."""
    persons: dict[int, dict[str, int]] = {}
    for device in devices:
        if device.crew:
            persons.setdefault(device.crew, {})[device.name] = device.device
    write_registry(
        folder,
        gateway=(EARTH, settings.keys[EARTH].signer),
        auditor=(AUDITOR, settings.keys[AUDITOR].signer),
        edges={edge: (settings.edge_devices[edge], settings.keys[edge].signer) for edge in settings.edges},
        devices={d.device: (d.kind, d.channels, d.keys.signer) for d in devices},
        persons=persons,
        habitat={device.name: device.device for device in devices if not device.crew},
    )
