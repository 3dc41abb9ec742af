"""Faults that a seed draws: which, where, when and how hard; all of them over when healing begins.

A menu entry makes one fault, as a scenario file would write it. Numbers are round, so that a case reads well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from numpy.random import Generator

from twin.hunt.healing import heals
from twin.randomness import one_of
from twin.scenario import BareScenario, HabitatScenario, Scenario

Fault = dict[str, Any]
T = TypeVar("T")

COUNT_MAX: Final = 8
HEALS_AT: Final = 0.7
"""Share of the time in which data are generated after which nothing breaks any more."""
BABBLED: Final = 0.25
"""Share of the seeds in which somebody babbles."""
MISHEARD: Final = 0.25
"""Share of the seeds in which gateway and auditor do not hear all that the other says."""
MISLED: Final = 0.125
"""Share of the seeds in which the gateway goes by a wrong plan."""
_LONGEST: Final = 0.15


class Place(NamedTuple):
    """What faults can name, and until when they must be over [s]."""

    random: Generator
    breaks_s: float
    edges: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    relays: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    def one(self, choices: Sequence[T]) -> T:
        """Any of some."""
        return one_of(choices, self.random)

    def seconds(self, least_s: float, most_s: float) -> str:
        """A duration, spread evenly over its orders of magnitude."""
        low_s, high_s = max(least_s, 1.0), max(most_s, least_s, 1.0)
        return f"{round(low_s * (high_s / low_s) ** self.random.random())} s"

    def lasting(self) -> Fault:
        """An instant and how long from there."""
        at_s = round(self.breaks_s * (1 - _LONGEST) * self.random.random())
        return {"at": f"{at_s} s", "for": self.seconds(10, self.breaks_s * _LONGEST)}

    def long(self) -> Fault:
        """An instant and how long from there, up to half of the time in which things break."""
        at_s = round(self.breaks_s * 0.5 * self.random.random())
        return {"at": f"{at_s} s", "for": self.seconds(600, self.breaks_s * 0.5)}

    def delay(self) -> str:
        """How late something comes, as long as a fault lasts at most."""
        return self.seconds(1, self.breaks_s * _LONGEST)

    def down(self) -> Fault:
        """An instant and how long a node is down."""
        lasting = self.lasting()
        return {"at": lasting["at"], "down": lasting["for"]}

    def at(self) -> Fault:
        """An instant."""
        return {"at": self.lasting()["at"]}

    def by_chance(self, rates: Sequence[str]) -> Fault:
        """A rate in a span."""
        return {"rate": self.one(rates), **self.during()}

    def during(self) -> Fault:
        """A span."""
        first_s, end_s = sorted(round(self.breaks_s * (1 - _LONGEST) * share) for share in self.random.random(2))
        return {"from": f"{first_s} s", "until": f"{max(end_s, first_s + 10)} s"}


_RARE: Final = ("1 %", "5 %", "20 %")
_SELDOM: Final = ("0.1 %", "0.5 %", "2 %")
_OFTEN: Final = ("5 %", "20 %", "50 %", "90 %")
_STEPS: Final = {"-10 min": "10 min", "-3 s": "3 s", "1 h": "-1 h"}
"""Jumps of clocks, and what sets them right."""
_DRIFTS: Final = ("-500 ppm", "100 ppm", "500 ppm")
_PAUSES: Final = ("2 s", "20 s")
_Entry = tuple[str, Callable[[Place], Fault]]

_ON_LINKS: Final[tuple[_Entry, ...]] = (
    ("bundle_loss", lambda p: p.by_chance(_OFTEN)),
    ("bundle_duplication", lambda p: p.by_chance(_OFTEN)),
    ("bundle_reorder", lambda p: {**p.by_chance(_OFTEN), "delay": p.delay()}),
    ("bundle_corruption", lambda p: p.by_chance(_RARE)),
    ("bundle_truncation", lambda p: p.by_chance(_RARE)),
    ("burst_loss", lambda p: {"mean_good": p.seconds(60, 1800), "mean_bad": p.seconds(10, 600), **p.during()}),
)
_BETWEEN_PLANETS: Final[tuple[_Entry, ...]] = (
    ("link_outage", Place.lasting),
    ("rate_change", lambda p: {**p.lasting(), "factor": p.one((0.01, 0.1, 0.5))}),
    ("pass_cut", Place.at),
    ("bundle_replay", lambda p: {**p.by_chance(_RARE), "delay": p.delay()}),
)
_INTO_HABITATS: Final[_Entry] = ("bundle_forgery", Place.at)
_STALE: Final[_Entry] = (
    "stale_plan",
    lambda p: {**p.lasting(), "shift": p.one(("-1 day", "-30 min", "-5 min", "5 min", "1 h"))},
)
_OF_A_HABITAT: Final[tuple[_Entry, ...]] = (
    _STALE,
    ("edge_crash", lambda p: {"node": p.one(p.edges), **p.down()}),
    ("edge_crash", lambda p: {"node": p.one(p.edges), **p.down()}),
    ("device_crash", lambda p: {"device": p.one(p.devices), **p.down()}),
    ("earth_crash", lambda p: {"node": p.one(("gateway", "auditor")), **p.down()}),
    ("earth_crash", lambda p: {"node": "gateway", **p.down()}),
    ("crash_at_effect", lambda p: {"node": "any", **p.by_chance(_SELDOM), "down": p.seconds(10, 60)}),
    ("rolling_upgrade", lambda p: {**p.at(), "every": "2 min", "down": "1 min", "nodes": p.one(("edges", "earth"))}),
    ("fsync_error", lambda p: {"node": p.one(p.edges), **p.by_chance(_RARE)}),
    ("fsync_lie", lambda p: {"node": p.one(p.edges), **p.lasting()}),
    ("disk_full", lambda p: {"node": p.one(p.edges), **p.lasting()}),
    ("bit_rot", lambda p: {"node": p.one(p.edges), **p.at()}),
    ("disk_swap", lambda p: {"node": p.one(p.edges), **p.down()}),
    ("snapshot_rollback", lambda p: {"node": p.one(p.edges), **_late(p), "age": p.seconds(60, p.breaks_s / 2)}),
    ("clock_step", lambda p: {"node": p.one((*p.edges, *p.devices)), **p.at(), "by": p.one(tuple(_STEPS))}),
    ("clock_drift", lambda p: {"node": p.one((*p.edges, *p.devices)), **p.during(), "rate": p.one(_DRIFTS)}),
    ("lead_off", lambda p: {"device": p.one(p.devices), **p.lasting()}),
    ("sensor_duplicate", lambda p: {"device": p.one(p.devices), **p.lasting()}),
    ("sensor_late", lambda p: {"device": p.one(p.devices), **p.lasting()}),
    ("slow_cpu", lambda p: {"node": p.one((*p.edges, "gateway")), **p.lasting(), "delay": p.one(("50 ms", "1 s"))}),
    ("table_throttling", lambda p: {**p.lasting(), "write_capacity": p.one(("0.05 rows/s", "1 rows/s"))}),
    ("table_unprocessed", lambda p: p.by_chance(_OFTEN)),
    ("table_timeout", lambda p: p.by_chance(_OFTEN)),
    ("table_stale_read", lambda p: {**p.by_chance(_OFTEN), "age": p.seconds(1, 60)}),
    ("row_rot", lambda p: {"store": p.one(("table", "backup")), **_late(p)}),
    ("table_restore", lambda p: {**_late(p), "down": p.seconds(10, p.breaks_s * 0.1)}),
    ("stale_leader", Place.lasting),
    ("channel_down", Place.lasting),
    ("channel_busy", lambda p: {**p.lasting(), "retry_after": p.seconds(5, 120)}),
    ("hop_key_rotation", lambda p: {**p.at(), "side": p.one(("both", "mars", "earth")), "apart": p.delay()}),
    ("device_key_rotation", lambda p: {"device": p.one(p.devices), **p.at()}),
    ("frame_forgery", lambda p: {"device": p.one(p.devices), "link": p.one(("local", "down")), **p.at()}),
    ("frame_replay", lambda p: {"device": p.one(p.devices), **p.by_chance(_RARE), "delay": p.delay()}),
)  # fmt: skip


def _late(place: Place) -> Fault:
    """An instant in the second half, when there is something to go back to."""
    return {"at": f"{round(place.breaks_s * (0.5 + 0.4 * place.random.random()))} s"}


def _attack(place: Place) -> list[Fault]:
    """A device's key is replaced, and somebody who has got hold of the old one signs on with it."""
    device, late_s = place.one(place.devices), round(place.breaks_s * _LONGEST)
    rotated_s = round(place.breaks_s * (1 - 2 * _LONGEST) * place.random.random())
    forged_s = rotated_s + 1 + round(late_s * place.random.random())
    forgery: Fault = {"kind": "frame_forgery", "device": device, "key": "given_up", "at": f"{forged_s} s"}
    forgery |= {"epoch": place.one(("same", "new"))}
    return [{"kind": "device_key_rotation", "device": device, "at": f"{rotated_s} s"}, forgery]


def _loss_of_memory(place: Place) -> list[Fault]:
    """An edge goes back to an old snapshot while its peer is down, so that nobody tells it what it has forgotten."""
    forgetful = place.one(place.edges)
    at_s = round(place.breaks_s * (0.3 + 0.6 * place.random.random()))
    rollback = {"kind": "snapshot_rollback", "node": forgetful, "at": f"{at_s} s", "age": place.seconds(300, at_s)}
    peers = [edge for edge in place.edges if edge != forgetful]
    crashes = [{"kind": "edge_crash", "node": edge, "at": f"{at_s - 60} s", "down": "5 min"} for edge in peers]
    return [*crashes, rollback]


def _untold(place: Place) -> list[Fault]:
    """A gateway dies while the flight surgeon cannot be told of what it has put."""
    at_s = round(place.breaks_s * (1 - _LONGEST) * place.random.random())
    last_s = round(place.breaks_s * _LONGEST)
    crash = {"kind": "earth_crash", "node": "gateway", "at": f"{at_s + last_s - 60} s", "down": "1 min"}
    return [{"kind": "channel_down", "at": f"{at_s} s", "for": f"{last_s} s"}, crash]


_STORIES: Final[tuple[Callable[[Place], list[Fault]], ...]] = (_attack, _loss_of_memory, _untold)
"""Faults that do harm together, and of which chance seldom draws both."""


def place_of(scenario: Scenario, random: Generator) -> Place:
    """What faults of a scenario can name."""
    breaks_s = scenario.duration_us / 1e6 * HEALS_AT
    if isinstance(scenario, BareScenario):
        return Place(random, breaks_s, pairs=scenario.network.links)
    habitat, relays = scenario.habitat, scenario.network.relay_names
    return Place(random, breaks_s, habitat.edge_names, habitat.device_names, relays)


def draw_faults(scenario: Scenario, random: Generator) -> list[Fault]:
    """Up to `COUNT_MAX` faults of any kinds that a scenario can have, and what sets clocks right before relays pass."""
    place = place_of(scenario, random)
    in_habitat = isinstance(scenario, HabitatScenario)
    space = place.pairs or ("down", "up")
    menu: list[Callable[[], list[Fault]]] = []
    between = (*_BETWEEN_PLANETS, _INTO_HABITATS) if in_habitat else _BETWEEN_PLANETS
    for links, entries in ((space if place.pairs else (*space, "local"), _ON_LINKS), (space, between)):
        menu += [_maker(kind, make, place, links) for kind, make in entries]
    menu += [_maker(kind, make, place, ()) for kind, make in (_OF_A_HABITAT if in_habitat else (_STALE,))]
    if in_habitat:
        menu += [partial(story, place) for story in _STORIES]
    if place.relays:
        menu.append(lambda: [{"kind": "relay_safe_mode", "relay": place.one(place.relays), **place.lasting()}])
    drawn = [place.one(menu)() for _ in range(int(random.integers(1, COUNT_MAX + 1)))]
    faults = [fault for faults in drawn for fault in faults][:COUNT_MAX]
    return [*faults, *_clocks_set_right(faults, place)] if place.relays or heals(scenario) else faults


def _clocks_set_right(faults: Sequence[Fault], place: Place) -> list[Fault]:
    """Passes of relays last minutes: an edge whose clock stays off by more misses every one of them for ever; and what
    has healed has its clocks right.
    """
    steps = [fault for fault in faults if fault["kind"] == "clock_step"]
    return [{**step, "at": f"{round(place.breaks_s)} s", "by": _STEPS[step["by"]]} for step in steps]


def draw_babble(scenario: Scenario, random: Generator) -> list[Fault]:
    """In every fourth seed somebody who babbles to a node; drawn apart, so that it moves no other draw."""
    place = place_of(scenario, random)
    nodes = (*place.edges, *place.devices, "gateway", "auditor")
    if isinstance(scenario, BareScenario):
        nodes = tuple(sorted({link.partition("->")[2] for link in place.pairs}))
    if random.random() >= BABBLED:
        return []
    return [{"kind": "babble", "node": place.one(nodes), **place.lasting(), "every": place.one(_PAUSES)}]


def draw_ground(scenario: Scenario, random: Generator) -> list[Fault]:
    """In every fourth seed a fault of the network between gateway and auditor; drawn apart, as `draw_babble`."""
    place = place_of(scenario, random)
    if not isinstance(scenario, HabitatScenario) or random.random() >= MISHEARD:
        return []
    kind, make = place.one([entry for entry in _ON_LINKS if entry[0] != "bundle_corruption"])
    return [{"kind": kind, "link": "ground", **make(place)}]


def draw_wrong_plan(scenario: Scenario, random: Generator) -> list[Fault]:
    """In every eighth seed a wrong plan on Earth; drawn apart, as `draw_babble`."""
    place = place_of(scenario, random)
    if not isinstance(scenario, HabitatScenario) or random.random() >= MISLED:
        return []
    kind, make = _STALE
    return [{"kind": kind, "node": "gateway", **make(place)}]


def draw_outages(scenario: Scenario, random: Generator) -> list[Fault]:
    """Up to two outages that the contact plan announces."""
    place = place_of(scenario, random)
    links = place.pairs or ("down", "up", "both")
    count = int(random.integers(0, 3))
    return [{"kind": "link_outage", "link": place.one(links), **place.long(), "announced": True} for _ in range(count)]


def _maker(kind: str, make: Callable[[Place], Fault], place: Place, links: Sequence[str]) -> Callable[[], list[Fault]]:
    return lambda: [{"kind": kind, **({"link": place.one(links)} if links else {}), **make(place)}]
