"""Small full runs, and a transcript of every machine's life in them: how it was made, each event, each answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from twin.experiments.mission import Mission, Roles
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.pipeline.machine import Effect, Event, Machine, Report
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.transport.bundle_node import BundleNode
from twin.scenario import parse_scenario

# Earth has risen at Jezero at about 08:27 UTC (tests/reference/site_visibility.csv). The storm stows the antenna for a
# while, and the first crash comes while a slow flush of the journal is under way, so that a torn tail stays behind.
HABITAT = """\
name: small-habitat
start: {start}
duration: 3 h
seed: 3
habitat:
  site: jezero
  crew: 3
  devices: [{{kind: vitals_monitor, per: crew, sample_period: 10 s, frame_period: 120 s}}]
  edge_nodes: 2
network: {{stations: [DSS-14, DSS-43, DSS-63]}}
weather:
  dust:
    storms:
      - onset: 100 min
        peak_tau: 4.0
        growth: 5 min
        decay: 1 h
        effects: [{{kind: antenna_stow, above_tau: 3.5}}]
edge: {{disk: {{fsync: 4 s}}}}
pipeline: {{suite: {suite}, backup_period: 20 min, checkpoint_period: 5 min}}
episodes: [{{kind: hypoxia, crew: 1, at: 20 min, for: 15 min}}]
faults:
  - {{kind: edge_crash, node: edge-1, at: 3603 s, down: 7 min}}
  - {{kind: edge_crash, node: edge-1, at: 150 min, down: 90 s}}
  - {{kind: edge_crash, node: edge-2, at: 62 min, down: 10 min}}
  - {{kind: bundle_loss, link: down, rate: 10 %}}
  - {{kind: bundle_duplication, link: down, rate: 10 %}}
  - {{kind: bundle_reorder, link: down, rate: 10 %, delay: 30 s}}
  - {{kind: bundle_loss, link: up, rate: 5 %}}
  - {{kind: bundle_loss, link: local, rate: 5 %}}
  - {{kind: table_throttling, at: 30 min, for: 30 min, write_capacity: 1 rows/s}}
  - {{kind: device_crash, device: vitals-3, at: 40 min, down: 2 min}}
  - {{kind: device_key_rotation, device: vitals-2, at: 45 min}}
  - {{kind: hop_key_rotation, at: 70 min, apart: 5 min}}
  - {{kind: earth_crash, node: gateway, at: 80 min, down: 2 min}}
  - {{kind: earth_crash, node: auditor, at: 85 min, down: 2 min}}
"""

BARE = """\
name: small-chain
start: {start}
duration: 6 h
seed: 3
network:
  nodes: [S, R, D]
  contacts:
    - {{from: S, to: R, start: 0 s, end: 20 min, rate: 1 Mbit/s, owlt: 400 s,
       every: 30 min, count: 11, both_ways: true}}
    - {{from: R, to: D, start: 5 min, end: 25 min, rate: 1 Mbit/s, owlt: 5 s,
       every: 30 min, count: 11, both_ways: true}}
traffic:
  - {{from: S, to: D, size: 4 kB, period: 20 s, count: 120}}
  - {{from: D, to: S, size: 1 kB, period: 60 s, count: 20}}
pipeline: {{suite: {suite}, ack_every: 10}}
faults:
  - {{kind: bundle_loss, link: S->R, rate: 5 %}}
  - {{kind: bundle_duplication, link: R->D, rate: 5 %}}
  - {{kind: bundle_reorder, link: R->S, rate: 20 %, delay: 60 s}}
  - {{kind: link_outage, link: R->D, at: 40 min, for: 10 min, announced: false}}
"""

START = "2033-03-10T09:00:00Z"


class Call(NamedTuple):
    """One event as a machine took it, and what it answered."""

    event: Event
    now_us: int
    effects: tuple[Effect, ...]


class Life:
    """A machine from its making to its crash or the end of the run; `remake` makes the production machine anew."""

    def __init__(self, remake: Callable[[], Machine]) -> None:
        self.node = ""
        self.remake = remake
        self.calls: list[Call] = []


def recorded(base: type[Any], lives: list[Life]) -> type[Any]:
    """The production class `base`, whose machines carry their own `life`."""

    class Recorded(base):  # type: ignore[misc]
        def __init__(self, settings: Any) -> None:
            super().__init__(settings)
            self.life = Life(partial(base, settings))
            lives.append(self.life)

        @classmethod
        def recover(cls, *durable: Any) -> Any:
            machine = super().recover(*durable)
            machine.life.remake = partial(base.recover, *durable)
            return machine

    return Recorded


CLASSES = {"device": Device, "edge": Edge, "gateway": Gateway, "auditor": Auditor, "node": BundleNode}


def transcript(text: str, folder: Path, **others: type[Any]) -> list[Life]:
    """Run a scenario in a new folder; the lives of its machines, in the order of their making.

    Args:
        others: classes to put in the place of production ones, by role.
    """
    lives: list[Life] = []
    missions: list[Mission] = []

    def observe(node: str, event: Event, now_us: int, effects: list[Effect]) -> None:
        life = missions[0].host.dispatcher.machines[node].life  # type: ignore[attr-defined]
        life.node = node
        life.calls.append(Call(event, now_us, tuple(effects)))

    folder.mkdir(parents=True)
    roles = Roles(**{role: recorded(base, lives) for role, base in {**CLASSES, **others}.items()})
    missions.append(prepare(parse_scenario(text, "small.yaml"), folder, roles, observe))
    drive(missions[0], Progress(missions[0], quiet=True))
    return lives


def said(lives: list[Life]) -> list[Any]:
    """Every event, effect and reported fact of a transcript."""
    values = [value for life in lives for call in life.calls for value in (call.event, *call.effects)]
    return [value.fact if isinstance(value, Report) else value for value in values]


def chain(suite: str = "ed25519", start: str = START) -> str:
    """The bare scenario."""
    return BARE.format(start=start, suite=suite)


def habitat(suite: str = "ed25519", start: str = START) -> str:
    """The scenario under a sky."""
    return HABITAT.format(start=start, suite=suite)
