"""Transcripts of full runs against the same machines made anew: the same events give the same effects."""

from __future__ import annotations

import gc
from collections import Counter
from functools import _lru_cache_wrapper
from pathlib import Path
from time import perf_counter_ns
from typing import Any, get_args

import pytest
from getters import read_everything
from transcripts import Life, chain, habitat, said, transcript

from twin.pipeline.facts import (
    Accepted,
    AckLearned,
    AlarmRaised,
    AlertActedOn,
    AlertSealed,
    Attested,
    EpochClosed,
    HopKeyUsed,
    ReceiptLearned,
)
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
    Annunciate,
    AttestationWritten,
    CheckpointKept,
    CrewAcknowledged,
    Effect,
    Event,
    HeadWritten,
    HopKeyInstalled,
    KeepCheckpoint,
    KeyReplaced,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    ReadRows,
    RowsRead,
    RowsWritten,
    SamplesReady,
    SetComparators,
    StoreRefused,
    StoreSilent,
    SurgeonAcknowledged,
    Sync,
    Synced,
    TellSurgeon,
    Transmit,
    TransmitFailed,
    Transmitted,
    TruncateJournal,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.device import Device

RUNS = {
    "habitat": habitat(),
    "habitat-hmac": habitat("hmac-sha256"),
    "chain": chain(),
}

STORE = (
    WriteRows,
    ReadRows,
    WriteHead,
    WriteAttestation,
    KeepCheckpoint,
    PutAlert,
    MarkAlertTold,
    MarkAlertAcknowledged,
    MarkReceiptTaken,
)
OUTCOMES = {
    Synced: Sync,
    Transmitted: Transmit,
    TransmitFailed: Transmit,
    RowsWritten: STORE,
    RowsRead: STORE,
    HeadWritten: STORE,
    AttestationWritten: STORE,
    CheckpointKept: STORE,
    AlertPut: STORE,
    AlertMarked: STORE,
    StoreRefused: STORE,
    StoreSilent: STORE,
    AlertTold: TellSurgeon,
    AlertNotTold: TellSurgeon,
}


@pytest.fixture(
    scope="module",
    params=["habitat", pytest.param("habitat-hmac", marks=pytest.mark.campaign), "chain"],
    name="lives",
)
def lives_of_a_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Life]:
    return transcript(RUNS[request.param], tmp_path_factory.mktemp("replay") / "run")


def forget_caches() -> None:
    """Empty every cache of the pipeline's functions."""
    for found in gc.get_objects():
        if isinstance(found, _lru_cache_wrapper) and found.__module__.startswith("twin.pipeline"):
            found.cache_clear()


def mismatches(life: Life, read_every: int = 0) -> list[str]:
    """Where a machine made anew answers otherwise; it is read after every `read_every`-th event (0: never)."""
    machine = life.remake()
    found = []
    for number, (event, now_us, effects) in enumerate(life.calls):
        if read_every and number % read_every == 0:
            assert read_everything(machine, now_us) == read_everything(machine, now_us)
        answer = tuple(machine.handle(event, now_us))
        if answer != effects:
            differing = [pair for pair in zip(effects, answer, strict=False) if pair[0] != pair[1]]
            what = differing[0] if differing else f"{len(effects)} effects, now {len(answer)}"
            found.append(f"{life.node}, event {number}, {event!r:.200} at {now_us} us: {what!r:.600}")
    return found


def test_a_machine_made_anew_answers_every_event_alike(lives: list[Life]) -> None:
    forget_caches()
    found = [line for life in lives for line in mismatches(life)]
    assert not found, f"{len(found)} mismatches, the first: {found[0]}"


def test_a_machine_that_is_read_between_events_answers_alike(lives: list[Life]) -> None:
    found = [line for life in lives for line in mismatches(life, read_every=20)]
    assert not found, f"{len(found)} mismatches, the first: {found[0]}"


def test_machines_that_take_turns_share_nothing(lives: list[Life]) -> None:
    machines = [(life, life.remake(), life.remake()) for life in lives]
    for number in range(max(len(life.calls) for life in lives)):
        for life, one, other in machines:
            if number < len(life.calls):
                event, now_us, effects = life.calls[number]
                assert tuple(one.handle(event, now_us)) == effects == tuple(other.handle(event, now_us))


def test_events_and_effects_are_values_of_the_contract(lives: list[Life]) -> None:
    events, effects = get_args(Event), get_args(Effect)
    for life in lives:
        for event, now_us, answer in life.calls:
            assert type(event) in events
            assert type(now_us) is int
            hash(event)  # a value that nothing can change
            for effect in answer:
                assert type(effect) in effects
                hash(effect)


def test_an_id_names_one_open_request_and_has_one_outcome(lives: list[Life]) -> None:
    for life in lives:
        open_now: set[tuple[Any, ...]] = set()
        retired: set[tuple[Any, ...]] = set()
        for event, _, answer in life.calls:
            if type(event) in OUTCOMES:
                key = (OUTCOMES[type(event)], event.id, getattr(event, "neighbour", None))
                assert key in open_now, f"{life.node}: {event!r:.200} answers nothing that was asked"
                open_now.remove(key)
                if not isinstance(event, StoreRefused | StoreSilent):
                    retired.add(key)
            for effect in answer:
                if type(effect) not in (Sync, Transmit, TellSurgeon, *STORE):
                    continue
                kind = STORE if type(effect) in STORE else type(effect)
                key = (kind, effect.id, getattr(effect, "neighbour", None))
                assert key not in open_now | retired, f"{life.node}: {effect!r:.200} reuses an id"
                open_now.add(key)


def is_rotation(fact: Any) -> bool:
    """Whether a node goes over to the second hop key."""
    return isinstance(fact, HopKeyUsed) and fact.number == 1


def test_the_transcripts_hold_what_could_be_impure(lives: list[Life]) -> None:
    """Else the tests above would show less than they say."""
    starts = Counter(life.node for life in lives)
    if "earth" not in starts:
        assert starts == {"S": 1, "R": 1, "D": 1}
        return
    again = {"edge-1": 3, "edge-2": 2, "vitals-3": 2, "earth": 2, "auditor": 2}
    assert starts == {"vitals-1": 1, "vitals-2": 1, **again}
    everything = said(lives)
    assert {type(value) for value in everything} >= {
        *(StoreRefused, TruncateJournal, SamplesReady),  # refusals and torn tails
        *(AlarmRaised, SetComparators, Annunciate, CrewAcknowledged),  # alarms on Mars
        *(AlertSealed, PutAlert, AlertActedOn, TellSurgeon, MarkAlertTold),  # and on Earth
        *(SurgeonAcknowledged, MarkAlertAcknowledged, ReceiptLearned, MarkReceiptTaken),  # receipts
        *(KeyReplaced, HopKeyInstalled),
    }
    (closed,) = (fact for fact in everything if isinstance(fact, EpochClosed))
    assert closed.reason == "key"
    following = closed.record._replace(epoch=closed.next_epoch).stream
    for kind in (Accepted, Attested, AckLearned):  # under the new key
        assert any(fact.stream == following for fact in everything if isinstance(fact, kind))
    used = {(life.node, fact.peer) for life in lives for fact in said([life]) if is_rotation(fact)}
    assert used == {("edge-1", "earth"), ("edge-2", "earth"), ("earth", "edge-1"), ("earth", "edge-2")}


class WatchesTheClock(Device):
    """An impure device: once in a while its answer depends on the wall clock."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, SamplesReady):
            now_us += perf_counter_ns()
        return super().handle(event, now_us)


class CountsItsKind(Device):
    """An impure device: state that all machines of the class share."""

    made = 0

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        CountsItsKind.made += isinstance(event, SamplesReady)
        return super().handle(event, now_us + CountsItsKind.made)


class CountsItsReaders(Device):
    """An impure device: who reads it changes it."""

    @property
    def waiting(self) -> int:
        """Frames that are kept."""
        self._packets += 1
        return sum(len(epoch.stream.frames) for epoch in self.epochs)


def test_a_getter_that_changes_its_machine_is_found_out(tmp_path: Path) -> None:
    lives = transcript(habitat("hmac-sha256"), tmp_path / "run", device=CountsItsReaders)
    devices = [life for life in lives if life.node.startswith("vitals")]
    assert not [line for life in devices for line in mismatches(life)]
    assert [line for life in devices for line in mismatches(life, read_every=20)]


@pytest.mark.parametrize("impure", [WatchesTheClock, CountsItsKind])
def test_a_machine_that_is_impure_is_found_out(impure: type[Device], tmp_path: Path) -> None:
    lives = transcript(habitat("hmac-sha256"), tmp_path / "run", device=impure)
    found = [line for life in lives if life.node == "vitals-1" for line in mismatches(life)]
    assert found
    assert "vitals-1, event" in found[0]
