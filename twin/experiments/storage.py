"""The storage that each edge node needs for its longest silence, against its disk: told before the run, refused unless
allowed.

An edge keeps its journal from the newest snapshot that Earth and every witness have signed past (`edge_journal`). The
estimate is meant to lie above what a run needs, and below twice that where one silence decides. It assumes that both
edges of a device hold all of its frames, and that

- as many copies of everything are lost as the bound of convergence grants rounds;
- Earth copies to the backup a whole period after it has verified, and a checkpoint comes a whole period after a frame;
- an edge that is down cosigns nothing, so its peers keep their journals as long as it is;
- snapshots are thinned out where they become many, which leaves at most a 32nd of what is held between two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial
from math import ceil
from typing import Final, NamedTuple

from twin.experiments.disturbances import down_windows
from twin.experiments.identities import DeviceIdentity
from twin.experiments.journal_size import JournalSize, journal_size
from twin.experiments.silence import Departures, Silence, acked_home_us, longest_silence
from twin.guarantees.availability import Availability
from twin.pipeline.nodes.edge_journal import SNAPSHOTS_MAX
from twin.scenario.errors import ScenarioError
from twin.scenario.instants import format_instant
from twin.scenario.model import HabitatScenario
from twin.units import SIZE, format_quantity
from twin.world.timescales import US_PER_DAY

_THINNED: Final = 1 + Fraction(2, SNAPSHOTS_MAX)


class StorageNeed(NamedTuple):
    """What one edge must be able to hold, and during which silence; `size` says what that consists of."""

    edge: str
    silence: Silence
    size: JournalSize
    needed_bytes: int
    capacity_bytes: int

    @property
    def told(self) -> str:
        """A sentence about it."""
        since, until, held_us = self.silence
        need, capacity = rounded_up(self.needed_bytes), format_quantity(self.capacity_bytes, SIZE)
        return (
            f"{self.edge} needs {need} of its {capacity} for what is measured in {held_us / US_PER_DAY:.1f} days "
            f"without an ack, {minute(since)} to {minute(until)}"
        )


def rounded_up(size_bytes: int) -> str:
    """A size to three digits, never less than it is."""
    step = 10 ** max(0, len(str(size_bytes)) - 3)
    return format_quantity(-(-size_bytes // step) * step, SIZE)


def minute(instant_us: int) -> str:
    """UTC text of an instant, cut to the minute."""
    return f"{format_instant(instant_us)[:16]}Z"


def storage_needs(
    scenario: HabitatScenario,
    available: Callable[[tuple[str, ...]], Availability],
    devices: Sequence[DeviceIdentity],
    offered_bits: int,
    plan_end_us: int,
) -> list[StorageNeed]:
    """What every edge needs, in their order; none without devices.

    Args:
        available: what records can really use, by the edges that carry them.
        offered_bits: what all devices will say; they share the ways to Earth.
        plan_end_us: last instant of the plan.
    """
    if not devices:
        return []
    generation = scenario.start_us, scenario.end_us
    p = scenario.pipeline

    def silence_of(carriers: tuple[str, ...]) -> Silence:
        ways = available(carriers)
        departures = Departures(ways.down.windows, generation, offered_bits)
        home_us = partial(
            acked_home_us,
            ways,
            departures,
            lost=scenario.convergence_rounds,
            settle_us=p.backup_period_us + p.checkpoint_period_us,
        )
        return longest_silence(home_us, generation, plan_end_us)

    carriers_of = {
        edge: [(edge,), *(device.edges for device in devices if edge in device.edges)]  # its own alerts go alone
        for edge in scenario.habitat.edge_names
    }
    silences = {carriers: silence_of(carriers) for carriers in {c: None for of in carriers_of.values() for c in of}}
    down = down_windows(scenario)
    found = []
    for edge, every in carriers_of.items():
        silence = max((silences[carriers] for carriers in every), key=lambda silence: silence.held_us)
        absent_us = max((b - a for peer in carriers_of if peer != edge for a, b in down[peer]), default=0)
        held_us = min(scenario.duration_us, silence.held_us + absent_us)
        kept = [device for device in devices if edge in device.edges]
        restarts = sum(len(down[name]) for name in (edge, *(device.name for device in kept)))
        size = journal_size(scenario, edge, kept, held_us, restarts)
        needed_bytes = ceil(_THINNED * size.bytes)
        found.append(StorageNeed(edge, silence, size, needed_bytes, scenario.edge.disk.capacity_bytes))
    return found


def refuse_backlog(scenario: HabitatScenario, needs: Iterable[StorageNeed]) -> None:
    """Stop a scenario in which an edge must keep more than its disk holds.

    Raises:
        ScenarioError: it must, and the scenario does not allow it.
    """
    if scenario.overload == "allowed":
        return
    for need in needs:
        if need.needed_bytes > need.capacity_bytes:
            size = need.size
            raise ScenarioError(
                f"storage of {format_quantity(need.capacity_bytes, SIZE)} on {need.edge}",
                f"{rounded_up(need.needed_bytes)} are kept from {minute(need.silence.since_us)} to "
                f"{minute(need.silence.until_us)}, {need.silence.held_us / US_PER_DAY:.1f} days without an ack: "
                f"{size.frames} frames of {size.frame_bytes} B with an ack of {size.ack_bytes} B each, and "
                f"{size.checkpoints} checkpoints of {size.checkpoint_bytes} B",
                "the scenario" if scenario.origin is None else scenario.origin.path,
                f"give at least {rounded_up(need.needed_bytes)}, measure less, or set overload: allowed",
                ("edge", "disk", "capacity"),
            )
