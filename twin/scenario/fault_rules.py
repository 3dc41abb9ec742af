"""Rules between a habitat's faults and the rest of its scenario: what a fault names exists, and it can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twin.scenario.catalogue import COMPLEXES
from twin.scenario.errors import Key, RuleError, listed
from twin.scenario.fault_parts import RANDOM_US, AtInstant
from twin.scenario.faults import Fault
from twin.scenario.link_faults import (
    BundleCorruption,
    BundleForgery,
    BundleReplay,
    ChanceOnLink,
    FrameForgery,
    FrameReplay,
    LinkOutage,
    PassCut,
    RateChange,
)
from twin.scenario.node_faults import (
    ANY_NODE,
    ClockDrift,
    ClockStep,
    CrashAtEffect,
    DeviceCrash,
    DiskFault,
    EdgeCrash,
    RollingUpgrade,
    SlowCpu,
    SnapshotRollback,
)
from twin.scenario.operator_faults import DeviceKeyRotation, WrongConfig
from twin.scenario.relay_faults import RelaySafeMode
from twin.scenario.sensor_faults import SENSOR_FAULTS, check_sensor_fault
from twin.scenario.stranger_faults import Babble
from twin.units import format_duration

if TYPE_CHECKING:
    from twin.scenario.model import HabitatScenario

GATEWAY, AUDITOR_NODE = "gateway", "auditor"
EARTH_NODES: Final = (GATEWAY, AUDITOR_NODE)
_SPACE_LINKS: Final = ("down", "up")
_BOTH_WAYS: Final = ("down", "up", "both")
_ALL_LINKS: Final = ("down", "up", "local", "ground")


def check_fault(scenario: HabitatScenario, fault: Fault, key: Key) -> None:
    """Raise `RuleError` if a fault names what is not there, or could not happen."""
    edges = scenario.habitat.edge_names
    match fault:
        case _ if isinstance(fault, ChanceOnLink):
            _known(fault.link, _ALL_LINKS, "unknown link", (*key, "link"))
            if isinstance(fault, BundleCorruption) and fault.link == "ground":
                raise RuleError(
                    "words between gateway and auditor are checked on their way",
                    "name another link, or truncate or lose them",
                    (*key, "link"),
                )
        case RateChange() | BundleReplay():
            _known(fault.link, _SPACE_LINKS, "unknown link", (*key, "link"))
        case PassCut():
            _known(fault.link, _BOTH_WAYS, "unknown link", (*key, "link"))
        case LinkOutage():
            _check_outage(scenario, fault, key)
        case FrameForgery():
            _check_forgery(scenario, fault, key)
            if fault.link == "down":
                _check_direct(scenario, key)
        case BundleForgery():
            _check_direct(scenario, key)
        case FrameReplay():
            if fault.device is not None:
                _check_device(scenario, fault.device, key)
        case DeviceCrash() | DeviceKeyRotation():
            _check_device(scenario, fault.device, key)
        case _ if isinstance(fault, EdgeCrash | DiskFault):
            _known(fault.node, edges, "unknown edge node", (*key, "node"))
            if isinstance(fault, SnapshotRollback):
                _check_rollback(scenario, fault, key)
        case CrashAtEffect() | ClockStep() | ClockDrift() | SlowCpu() | Babble():
            names = (*edges, *EARTH_NODES, *scenario.habitat.device_names)
            if not (isinstance(fault, CrashAtEffect) and fault.node == ANY_NODE):
                _known(fault.node, names, "unknown node", (*key, "node"))
        case RollingUpgrade():
            _check_upgrade(scenario, fault, key)
        case WrongConfig():
            _check_config(scenario, fault, key)
        case RelaySafeMode():
            _known(fault.relay, scenario.network.relay_names, "unknown relay", (*key, "relay"))
        case _ if isinstance(fault, SENSOR_FAULTS):
            check_sensor_fault(scenario, fault, key)
        case _:
            pass  # names nothing


def upgraded_nodes(fault: RollingUpgrade, edges: tuple[str, ...]) -> tuple[str, ...]:
    """The nodes that a rolling upgrade restarts, in order, as scenarios name them."""
    return {"edges": edges, "earth": EARTH_NODES, "all": edges + EARTH_NODES}[fault.nodes]


def takes_us(fault: AtInstant, edges: tuple[str, ...]) -> int:
    """How long a fault takes from its instant until it is over [us]; `edges` are the edge nodes' names."""
    if isinstance(fault, WrongConfig):
        return fault.for_us + fault.down_us
    if not isinstance(fault, RollingUpgrade):
        return fault.lasts_us
    return (len(upgraded_nodes(fault, edges)) - 1) * fault.every_us + fault.down_us


def random_span_us(fault: AtInstant, edges: tuple[str, ...], duration_us: int) -> tuple[int, int]:
    """A random instant of a fault lies in `first <= at < end`, after the scenario's start [us].

    It has what it needs before it, and is over in time.
    """
    end_us = duration_us if fault.until_us is None else min(fault.until_us, duration_us)
    return max(fault.earliest_us, fault.from_us or 0), end_us - takes_us(fault, edges)


def _instants_us(fault: AtInstant, edges: tuple[str, ...], duration_us: int) -> tuple[int, int]:
    """First and last instant at which a fault may set in [us]."""
    if fault.at_us != RANDOM_US:
        return fault.at_us, fault.at_us
    first_us, end_us = random_span_us(fault, edges, duration_us)
    return first_us, end_us - 1


def over_us(fault: Fault, edges: tuple[str, ...]) -> int | None:
    """When a fault is over, after the scenario's start [us]; None: with the run."""
    return fault.at_us + takes_us(fault, edges) if isinstance(fault, RollingUpgrade | WrongConfig) else fault.cease_us


def _known(name: str, names: tuple[str, ...], rule: str, key: Key) -> None:
    if name not in names and not names:
        raise RuleError(f"{rule}: there is none", "drop the fault, or add one", key)
    if name not in names:
        shown = names if len(names) <= 12 else (*names[:12], "...")
        raise RuleError(rule, listed(names if len(names) <= 12 else shown, name), key)


def _check_device(scenario: HabitatScenario, device: str, key: Key) -> None:
    _known(device, scenario.habitat.device_names, "unknown device", (*key, "device"))


def _check_direct(scenario: HabitatScenario, key: Key) -> None:
    if scenario.network.direct_to_earth is None:
        rule = "is put in between edge nodes and Earth, and the habitat has no radio to Earth"
        raise RuleError(rule, "add `network.direct_to_earth`, or drop the fault", (*key, "link"))


def _check_rollback(scenario: HabitatScenario, fault: SnapshotRollback, key: Key) -> None:
    if scenario.habitat.edge_nodes < 2:
        raise RuleError(
            "one edge node alone cannot tell that its medium went back, and would sign another head of the same size",
            "use 2 edge nodes or more",
            (*key, "node"),
        )
    if fault.at_us != RANDOM_US and fault.at_us < fault.age_us:
        raise RuleError(
            f"the medium held nothing {format_duration(fault.age_us)} before",
            "choose a later instant or a smaller age",
            (*key, "age"),
        )


def _check_upgrade(scenario: HabitatScenario, fault: RollingUpgrade, key: Key) -> None:
    at_us = 0 if fault.at_us == RANDOM_US else fault.at_us
    needs_us = takes_us(fault, scenario.habitat.edge_names)
    if at_us + needs_us >= scenario.duration_us:
        raise RuleError(
            f"takes {format_duration(needs_us)}, and the run ends before",
            "begin earlier, or lower `every`",
            (*key, "every"),
        )


def _check_config(scenario: HabitatScenario, fault: WrongConfig, key: Key) -> None:
    edges = scenario.habitat.edge_names
    _known(fault.node, edges, "unknown edge node", (*key, "node"))
    _check_device(scenario, fault.device, key)
    if len(edges) < 2:
        raise RuleError(
            "nobody else takes the device's frames, and it may not crash", "use 2 edge nodes or more", (*key, "node")
        )
    if fault.down_us >= fault.for_us:
        raise RuleError("is over before the node is back", "raise `for`, or lower `down`", (*key, "for"))


def _check_forgery(scenario: HabitatScenario, fault: FrameForgery, key: Key) -> None:
    _check_device(scenario, fault.device, key)
    if fault.key == "wrong":
        return
    duration_us, edges = scenario.duration_us, scenario.habitat.edge_names
    rotations = [
        _instants_us(other, edges, duration_us)
        for other in scenario.faults
        if isinstance(other, DeviceKeyRotation) and other.device == fault.device
    ]
    remedy = f"add {{kind: device_key_rotation, device: {fault.device}, at: ...}} before it"
    if not rotations:
        raise RuleError(f"{fault.device} never gives up a key", remedy, (*key, "key"))
    earliest_us = _instants_us(fault, edges, duration_us)[0]
    if fault.at_us != RANDOM_US and earliest_us <= min(first for first, _ in rotations):
        raise RuleError(f"{fault.device} has given up no key by then", "choose a later instant", (*key, "at"))
    if earliest_us <= min(last for _, last in rotations):
        raise RuleError(
            "a random instant may come before the key is given up", "give instants or spans in order", (*key, "at")
        )


def _check_outage(scenario: HabitatScenario, fault: LinkOutage, key: Key) -> None:
    stations = scenario.network.stations
    if fault.link is not None:
        _known(fault.link, _BOTH_WAYS, "unknown link", (*key, "link"))
    if fault.station is not None and fault.station not in stations:
        raise RuleError("not a station of this scenario", listed(stations, fault.station), (*key, "station"))
    if fault.complex is not None:
        if fault.complex not in COMPLEXES:
            raise RuleError("unknown complex", listed(COMPLEXES, fault.complex), (*key, "complex"))
        if not scenario.network.stations_of(fault.complex):
            raise RuleError(
                "no station of this scenario stands there", "add one to network.stations", (*key, "complex")
            )
