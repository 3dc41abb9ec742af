"""Rules between the parts of a habitat scenario: what is named exists, what is written can happen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from twin.scenario.catalogue import STATIONS
from twin.scenario.clinic import check_clinic
from twin.scenario.crosschecks import check_listed_once, check_onset
from twin.scenario.episodes import check_episodes
from twin.scenario.errors import Key, RuleError
from twin.scenario.fault_rules import check_fault
from twin.scenario.habitat import DEVICES_MAX, SAMPLES_PER_FRAME_MAX
from twin.scenario.instants import FIRST_YEAR, LAST_YEAR, edges_us, format_instant
from twin.scenario.weather_rules import check_weather
from twin.units import SIZE, format_duration, format_quantity

if TYPE_CHECKING:
    from twin.scenario.model import HabitatScenario

# Nodes on Earth, what plans and schedules call the habitat, and what geometry calls the planet.
_OTHER_NODES: Final = ("earth", "earth-2", "auditor", "gateway", "habitat", "mars")
_EDGE_NAME: Final = re.compile(r"edge-[0-9]+")
# Kept free before the end of the sky's table: twice the longest published command moratorium, 14 days.
DRAIN_MARGIN_US: Final = 28 * 86_400 * 1_000_000
BUNDLE_ROOM_BYTES: Final = 1_000
"""Kept for the blocks around a payload; assumed: three times what a sealed bundle needs."""


def check_habitat(scenario: HabitatScenario) -> None:
    """Raise `RuleError` for the first rule between parts that a habitat scenario breaks."""
    _check_dates(scenario)
    check_listed_once(scenario)
    _check_devices(scenario)
    _check_relays(scenario)
    check_weather(scenario)
    check_episodes(scenario)
    check_clinic(scenario)
    for index, fault in enumerate(scenario.faults):
        key: Key = ("faults", index)
        check_onset(scenario, fault, key, scenario.habitat.edge_names)
        check_fault(scenario, fault, key)


def _check_dates(scenario: HabitatScenario) -> None:
    first_us, last_us = edges_us()
    years = f"the sky is known from {FIRST_YEAR} to {LAST_YEAR}"
    if not first_us <= scenario.start_us < last_us:
        raise RuleError(years, "choose a start in these years", ("start",))
    if scenario.end_us + DRAIN_MARGIN_US > last_us:
        latest = format_instant(last_us - DRAIN_MARGIN_US)[:10]
        raise RuleError(
            f"{years}, and a run needs {format_duration(DRAIN_MARGIN_US)} after its end to drain",
            f"choose a duration that ends before {latest}, or an earlier start",
            ("duration",),
        )
    if scenario.bounds_from_us is not None and scenario.bounds_from_us >= scenario.duration_us:
        rule = (
            f"nothing begins after the end of {format_duration(scenario.duration_us)}, so no bound would hold anything"
        )
        raise RuleError(rule, "choose an earlier one", ("bounds_from",))


def _check_devices(scenario: HabitatScenario) -> None:
    total = 0
    for index, group in enumerate(scenario.habitat.devices):
        key: Key = ("habitat", "devices", index)
        if group.frame_period_us % group.sample_period_us:
            raise RuleError(
                f"a frame is a whole number of sample periods of {format_duration(group.sample_period_us)}",
                "choose a multiple",
                (*key, "frame_period"),
            )
        samples = group.samples_per_frame
        if samples > SAMPLES_PER_FRAME_MAX:
            raise RuleError(
                f"makes {samples} samples in a frame, and a Space Packet holds {SAMPLES_PER_FRAME_MAX}",
                "choose a shorter frame period or a longer sample period",
                (*key, "frame_period"),
            )
        if group.kind == "air_monitor" and group.per == "crew":
            raise RuleError("air is shared", "drop `per`, or write `per: habitat`", (*key, "per"))
        _check_replays(scenario, index, key)
        total += group.count * (scenario.habitat.crew if group.for_each else 1)
    if total > DEVICES_MAX:
        raise RuleError(f"{total} devices, and 11-bit APIDs name {DEVICES_MAX}", "use fewer", ("habitat", "devices"))


def _check_relays(scenario: HabitatScenario) -> None:
    """Refuse relays with the name of another node or place: contacts and bundles would go astray, or readers would. And
    relays that cannot hold a full bundle: while much waits, none would ever pass.
    """
    taken = {
        **dict.fromkeys((*_OTHER_NODES, *scenario.habitat.device_names), "another node"),
        scenario.habitat.site.name: "the habitat's site",
        **dict.fromkeys(STATIONS, "a station on Earth"),
    }
    for index, name in enumerate(scenario.network.relay_names):
        owner = "another node" if _EDGE_NAME.fullmatch(name) else taken.get(name)
        if owner is not None:
            key: Key = ("network", "relays", index, "name")
            raise RuleError(f"is the name of {owner}", "give the relay a name of its own", key)
    payload_bytes = scenario.pipeline.bundle_bytes_max
    least_bytes = payload_bytes + BUNDLE_ROOM_BYTES
    for index, relay in enumerate(scenario.network.relays):
        if relay.storage_bytes < least_bytes:
            raise RuleError(
                f"{relay.name} holds no bundle with a payload of {format_quantity(payload_bytes, SIZE)} "
                f"(pipeline.bundle_bytes_max) and {format_quantity(BUNDLE_ROOM_BYTES, SIZE)} of blocks around it",
                f"give at least {format_quantity(least_bytes, SIZE)}, or make bundles smaller",
                ("network", "relays", index, "storage"),
            )


def _check_replays(scenario: HabitatScenario, index: int, key: Key) -> None:
    group = scenario.habitat.devices[index]
    crew = scenario.habitat.crew
    seen: list[int] = []
    for number, replay in enumerate(group.replay):
        place: Key = (*key, "replay", number)
        whom = replay.crew or 0
        if group.for_each and not 1 <= whom <= crew:
            rule = f"names none of the crew of {crew}"
            raise RuleError(rule, f"add `crew: 1`, one of 1 to {crew}", (*place, "crew"), "the replay")
        if not group.for_each and whom:
            raise RuleError("these devices are the habitat's", "drop `crew`", (*place, "crew"))
        if whom in seen:
            raise RuleError("the same devices replay another recording", "keep one of the two", (*place, "path"))
        seen.append(whom)
