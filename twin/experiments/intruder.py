"""Who forges and who says things again: watches what passes and what becomes known, and injects at the right instant.

The forger is as well informed as can be: it knows every stream's newest record, as one who listens on both planets,
and of keys only those that were given up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from twin.experiments.disturbances import FOREVER_US, span_of_fault
from twin.experiments.identities import EARTH
from twin.faults.forgery import Victim, forged_ack, forged_bundle, forged_frame, leaf_of
from twin.faults.replay import OneReplay, Replayer
from twin.faults.resolve import numbered
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.space_link import SpaceLink
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.facts import EpochClosed, FrameSealed
from twin.pipeline.wire.identity import RecordId
from twin.pipeline.wire.messages import Acks, FrameOffer, Frames, MessageError, decode, encode
from twin.pipeline.wire.signing import SUITES
from twin.randomness import one_of, stream
from twin.scenario.link_faults import BundleForgery, BundleReplay, FrameForgery, FrameReplay, Replay
from twin.scenario.model import HabitatScenario
from twin.trace import Generated

PATIENCE_US = 1_000_000  # until a forger looks again whether there is something to forge
_SEQUENCES = 1 << 31


class Reach(NamedTuple):
    """What an intruder can touch: links by (source, destination), the habitat's network, edges, bundle endpoints of
    edges and Earth, and the devices by name.
    """

    space: Mapping[tuple[str, str], SpaceLink]
    local: LocalNetwork
    edges: Sequence[str]
    endpoints: Mapping[str, tuple[int, int]]
    victims: Mapping[str, Victim]


class Intruder:
    """Schedules all forgeries and replays of a resolved scenario."""

    def __init__(self, host: SimulatedHost, scenario: HabitatScenario, reach: Reach) -> None:
        self._host = host
        self._scenario = scenario
        self._reach = reach
        self._newest: dict[int, RecordId] = {}
        self._closed: dict[int, RecordId] = {}
        self._rows: dict[str, tuple[int, ...]] = {}
        forgeries = [f for f in scenario.faults if isinstance(f, FrameForgery | BundleForgery)]
        if forgeries:
            host.trace.subscribe(FrameSealed, self._sealed)
            host.trace.subscribe(EpochClosed, self._closing)
            host.trace.subscribe(Generated, self._generated)
        for fault, number in numbered(scenario.faults):
            name = ("fault", fault.kind, fault.place, str(number))
            if isinstance(fault, FrameForgery | BundleForgery):
                random = stream(scenario.seed, *name, "content")
                act = self._forge_frame if isinstance(fault, FrameForgery) else self._forge_bundle
                host.call_at(scenario.start_us + fault.at_us, act, fault, random)
            elif isinstance(fault, BundleReplay):
                self._replay_bundles(fault, name)
            elif isinstance(fault, FrameReplay):
                self._replay_frames(fault, name)

    # ------------------------------------------------------------ what becomes known

    def _sealed(self, _at_us: int, _node: str, fact: FrameSealed) -> None:
        self._newest[fact.record.device] = fact.record

    def _closing(self, _at_us: int, _node: str, fact: EpochClosed) -> None:
        if fact.reason == "key":
            self._closed.setdefault(fact.record.device, fact.record)

    def _generated(self, _at_us: int, node: str, fact: Generated) -> None:
        self._rows[node] = fact.rows[-1]

    # ------------------------------------------------------------ forgeries

    def _forge_frame(self, fault: FrameForgery, random: np.random.Generator) -> None:
        victim = self._reach.victims[fault.device]
        frame = self._frame(victim, fault.key == "given_up", fault.epoch == "new", random)
        if frame is None:
            self._host.call_in(PATIENCE_US, self._forge_frame, fault, random)
        elif fault.link == "local":
            self._reach.local.inject(fault.kind, victim.name, victim.home, encode(FrameOffer(frame)), leaf_of(frame))
        else:
            self._send_down(fault.kind, victim.home, frame, random)

    def _frame(self, victim: Victim, given_up: bool, new_epoch: bool, random: np.random.Generator) -> bytes | None:
        """A forged frame; None while its device has signed nothing, or has given up no key."""
        last = (self._closed if given_up else self._newest).get(victim.device)
        row = self._rows.get(victim.name)
        if last is None or row is None:
            return None
        record = RecordId(last.device, last.epoch, last.index + 1)
        if new_epoch:
            record = RecordId(last.device, int.from_bytes(random.bytes(8), "big"), 0)
        key = victim.signer if given_up else SUITES[victim.signer.suite].signer(random.bytes(32))
        return forged_frame(victim, record, self._host.now_us, row, key)

    def _send_down(self, kind: str, edge: str, frame: bytes, random: np.random.Generator) -> None:
        payload = encode(Frames((frame,)))
        bundle = self._bundle(edge, EARTH, payload, random)
        self._reach.space[edge, EARTH].inject(kind, bundle, leaf_of(frame))

    def _bundle(self, source: str, destination: str, payload: bytes, random: np.random.Generator) -> bytes:
        ends = self._reach.endpoints
        sequence = int(random.integers(0, _SEQUENCES))
        return forged_bundle(ends[source], ends[destination], payload, self._host.now_us, sequence)

    def _forge_bundle(self, fault: BundleForgery, random: np.random.Generator) -> None:
        known = [victim for victim in self._reach.victims.values() if victim.device in self._newest]
        if not known:
            self._host.call_in(PATIENCE_US, self._forge_bundle, fault, random)
            return
        victim = one_of(known, random)
        if fault.link == "down":
            frame = self._frame(victim, False, False, random)
            assert frame is not None, "a device that has signed a frame has sampled a row"
            self._send_down(fault.kind, victim.home, frame, random)
            return
        newest = self._newest[victim.device]
        liar = SUITES[victim.signer.suite].signer(random.bytes(32))
        ack = forged_ack(newest.stream, newest.index + 1, self._host.now_us, liar)
        bundle = self._bundle(EARTH, victim.home, encode(Acks((encode(ack),), ())), random)
        self._reach.space[EARTH, victim.home].inject(fault.kind, bundle)

    # ------------------------------------------------------------ replays

    def _replayer(self, fault: Replay, name: tuple[str, ...]) -> Replayer | OneReplay:
        if fault.at_us is not None:
            return OneReplay(self._scenario.start_us + fault.at_us - fault.delay_us)
        assert fault.rate is not None
        return Replayer(fault.rate, *span_of_fault(self._scenario, fault), stream(self._scenario.seed, *name))

    def _replay_bundles(self, fault: BundleReplay, name: tuple[str, ...]) -> None:
        once = self._replayer(fault, name) if fault.at_us is not None else None
        for (source, destination), link in self._reach.space.items():
            if (destination == EARTH) == (fault.link == "down"):
                keeper = once or self._replayer(fault, (*name, f"{source}->{destination}"))
                link.watchers.append(self._bundle_watcher(fault, link, keeper))

    def _bundle_watcher(
        self, fault: BundleReplay, link: SpaceLink, keeper: Replayer | OneReplay
    ) -> Callable[[bytes], None]:
        def watch(data: bytes) -> None:
            if keeper.takes(self._host.now_us):
                self._host.call_in(fault.delay_us, self._again, keeper, link.inject, fault.kind, data)

        return watch

    def _replay_frames(self, fault: FrameReplay, name: tuple[str, ...]) -> None:
        once = self._replayer(fault, name) if fault.at_us is not None else None
        keepers: dict[tuple[str, str], Replayer | OneReplay] = {}
        until_us = span_of_fault(self._scenario, fault)[1] if once is None else FOREVER_US

        def watch(source: str, destination: str, data: bytes) -> None:
            watched = source in self._reach.victims if fault.device is None else source == fault.device
            if not watched or destination not in self._reach.edges or self._host.now_us >= until_us:
                return
            frame = _offered(data)
            if frame is None:
                return
            pair = (source, destination)
            if pair not in keepers:
                keepers[pair] = once or self._replayer(fault, (*name, f"{source}->{destination}"))
            keeper = keepers[pair]
            if keeper.takes(self._host.now_us):
                inject = self._reach.local.inject
                again = (keeper, inject, fault.kind, source, destination, data, leaf_of(frame))
                self._host.call_in(fault.delay_us, self._again, *again)

        self._reach.local.watchers.append(watch)

    def _again(self, keeper: Replayer | OneReplay, inject: Callable[..., None], *what: Any) -> None:
        keeper.released()
        inject(*what)


def _offered(data: bytes) -> bytes | None:
    """The frame that a datagram offers, None if it is no offer."""
    try:
        message = decode(data)
    except MessageError:
        return None
    return message.frame if isinstance(message, FrameOffer) else None
