"""Faults by script: each says what breaks, where, when and for how long; instants count from the scenario's
start.

| of | where | file |
|---|---|---|
| links | lost, doubled, late, damaged, cut, forged, replayed | `link_faults.py` |
| nodes | crashes, disks, clocks, processors | `node_faults.py` |
| Earth | table, rows, leaders, the surgeon's channel | `earth_faults.py` |
| operators | keys, retention, configuration | `operator_faults.py` |
| sensors | leads, movement, deliveries | `sensor_faults.py` |
| relays | safe mode | `relay_faults.py` |
| strangers | senseless words | `stranger_faults.py` |

Faults by chance and random instants draw from a random stream of their own, numbered among those of their kind and
place, so that adding one moves nobody else's draws.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.scenario.earth_faults import EarthFault, TableThrottling
from twin.scenario.link_faults import (
    BundleDuplication,
    BundleLoss,
    BundleReorder,
    LinkFault,
    LinkOutage,
)
from twin.scenario.node_faults import EdgeCrash, NodeFault
from twin.scenario.operator_faults import OperatorFault
from twin.scenario.relay_faults import RelaySafeMode
from twin.scenario.sensor_faults import SensorFault
from twin.scenario.stranger_faults import Babble

__all__ = [
    "BundleDuplication",
    "BundleLoss",
    "BundleReorder",
    "EarthFault",
    "EdgeCrash",
    "Fault",
    "LinkFault",
    "LinkOutage",
    "NodeFault",
    "OperatorFault",
    "RelaySafeMode",
    "SensorFault",
    "TableThrottling",
    "cease_us",
    "onset_us",
]

Fault = Annotated[
    LinkFault | NodeFault | EarthFault | OperatorFault | SensorFault | RelaySafeMode | Babble,
    Field(discriminator="kind"),
]


def onset_us(fault: Fault) -> int:
    """When a fault sets in, after the scenario's start [us]."""
    return fault.onset_us


def cease_us(fault: Fault) -> int | None:
    """When a fault is over, after the scenario's start [us]; None: with the run."""
    return fault.cease_us
