"""Writes what is known before a run: planned contacts, everything that will go wrong, and the dust in the air."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twin.experiments.disturbances import Disturbance
from twin.experiments.tables import TableWriter
from twin.faults.weather import air_of
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.scenario.model import HabitatScenario
from twin.world import dust

OPACITY_POINTS = 400
TAU_DIGITS = 6  # the last bit of an exponential differs between processors


def write_calendar(
    folder: Path, scenario: HabitatScenario, plan: ContactPlan, disturbances: Sequence[Disturbance]
) -> None:
    """Write the tables `contacts`, `disturbances` and `opacity`."""
    contacts = TableWriter(folder, "contacts")
    for c in plan.contacts:
        contacts.row(c.source, c.destination, c.via, c.start_us, c.end_us, c.rate_bps, c.owlt_us(c.start_us))
    contacts.close()
    table = TableWriter(folder, "disturbances")
    for entry in disturbances:
        table.row(entry.kind, entry.place, entry.start_us, entry.end_us, entry.detail)
    table.close()
    opacity = TableWriter(folder, "opacity")
    instants = np.linspace(scenario.start_us, scenario.end_us, OPACITY_POINTS).astype(np.int64)
    taus = dust.opacity(instants, *air_of(scenario, scenario.start_us, scenario.end_us))
    for at_us, tau in zip(instants.tolist(), taus.tolist(), strict=True):
        opacity.row(at_us, round(tau, TAU_DIGITS))
    opacity.close()
