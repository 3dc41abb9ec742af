"""Who is up: starts nodes, stops them as a crash does, and brings them back with fresh entropy and what was durable.

A crash that meets a node that is down changes nothing but the time of its return: it stays down until the last of
overlapping crashes says up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from twin.experiments.identities import entropy
from twin.hosts.models.disk import Disk
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Effect, Machine
from twin.randomness import stream

NodeHook = Callable[[str], None]


class PowerCycles:
    """Start, crash and return of every node of a run.

    Args:
        make: builds a node's machine from its durable medium alone.
        media: disks of the nodes that have one; a crash tears their unsynced tail.

    Attributes:
        before_stop: called with a node's name while it is still up: its transmission is cut, its sensor falls silent.
        after_start: called with a node's name when it is up: it is told what its host knows (an antenna stowed).
    """

    def __init__(
        self, host: SimulatedHost, seed: int, make: Callable[[str], Machine], media: Mapping[str, Disk]
    ) -> None:
        self._host = host
        self._seed = seed
        self._make = make
        self._media = media
        self._down_until_us: dict[str, int] = {}
        self._retired: set[str] = set()
        self.before_stop: list[NodeHook] = []
        self.after_start: list[NodeHook] = []

    def start(self, node: str) -> None:
        """Bring a node up."""
        self._retired.discard(node)
        host = self._host
        disk = self._media.get(node)
        durable_bytes = 0 if disk is None else len(disk.contents())
        fresh = entropy(self._seed, node, host.incarnation(node) + 1)
        host.start(node, self._make(node), fresh, durable_bytes)
        for hook in self.after_start:
            if host.is_up(node):  # what it did first may have crashed it
                hook(node)

    def crash(self, node: str, down_us: int, while_down: Callable[[], None] | None = None) -> None:
        """Stop a node for `down_us`; `while_down` is done to its medium once it has stopped."""
        host = self._host
        if host.is_up(node):
            self._stop(node)
        if while_down is not None:
            while_down()
        until_us = host.now_us + down_us
        self._down_until_us[node] = max(until_us, self._down_until_us.get(node, 0))
        host.call_at(until_us, self._return, node)

    def retire(self, node: str) -> None:
        """Stop a node, if it is up, and do not let it return by itself."""
        if self._host.is_up(node):
            self._stop(node)
        self._retired.add(node)

    def _stop(self, node: str) -> None:
        for hook in self.before_stop:
            hook(node)
        disk = self._media.get(node)
        lost_bytes, torn_bytes = 0, 0
        if disk is not None:
            number = self._host.incarnation(node)
            lost_bytes, torn_bytes = disk.crash(float(stream(self._seed, "crash", node, str(number)).random()))
        self._host.stop(node, lost_bytes, torn_bytes)

    def _return(self, node: str) -> None:
        if node not in self._retired and not self._host.is_up(node) and self._host.now_us >= self._down_until_us[node]:
            self.start(node)


class FuseRule(NamedTuple):
    """Crashes between effects: `rate` per effect of the node named `node` (None: any) within a span."""

    node: str | None
    rate: float
    from_us: int
    until_us: int
    down_us: int
    name: tuple[str, ...]


class EffectFuse:
    """A dispatcher's `fuse`: after each effect it may blow, and the node is down before the next one.

    Every node draws from its own stream of each rule, so that one node's effects move no other's crashes.
    """

    def __init__(self, host: SimulatedHost, seed: int, power: PowerCycles, rules: tuple[FuseRule, ...]) -> None:
        self._host = host
        self._seed = seed
        self._power = power
        self._rules = rules
        self._random: dict[tuple[FuseRule, str], np.random.Generator] = {}

    def __call__(self, node: str, _effect: Effect) -> bool:
        """Draw for the effect that `node` has just had carried out; True if it has crashed."""
        now_us = self._host.env._now
        for rule in self._rules:
            if (rule.node is None or rule.node == node) and rule.from_us <= now_us < rule.until_us:
                random = self._random.get((rule, node))
                if random is None:
                    random = self._random[rule, node] = stream(self._seed, *rule.name, node)
                if random.random() < rule.rate:
                    self._power.crash(node, rule.down_us)
                    return True
        return False
