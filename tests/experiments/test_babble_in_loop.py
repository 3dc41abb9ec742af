"""Somebody babbles to every role at once: each way of it happens, and is refused; nothing comes of it but a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from flights import PATIENT, SHORT

from twin.experiments import babbler
from twin.experiments.babbler import Babbler
from twin.experiments.outcome import write_result
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.faults.babble import ANSWER, BLOCK, CHANGED, FIELDS, MISADDRESSED, NOBODY, SEALED, SIGNED, STRANGER, WORD_WAYS
from twin.hosts.models.local_network import LocalNetwork
from twin.hosts.models.space_link import SpaceLink
from twin.pipeline.facts import Rejected
from twin.pipeline.machine import (
    BundleArrived,
    Received,
    Report,
    Send,
    SyncFailed,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.wire.messages import CheckpointOffer, Closings, FrameOffer, LastWitnessed, MessageError, decode
from twin.result import Result
from twin.scenario import parse_scenario
from twin.trace import Injected

NODES = ("edge-1", "edge-2", "vitals-1", "gateway", "auditor")
SCENARIO = f"{SHORT}{PATIENT}guarantees: [convergence: {{rounds: 5}}]\nfaults:\n" + "".join(
    f"  - {{kind: babble, node: {node}, at: 5 min, for: 30 min, every: 2 s}}\n" for node in NODES
)
TIMES = 900  # to each node: 30 min, every 2 s


class Heard(NamedTuple):
    """One senseless thing, and what its listener made of it."""

    way: str
    node: str
    event: Any
    effects: Sequence[Any]

    @property
    def refusals(self) -> list[str]:
        facts = [effect.fact for effect in self.effects if type(effect) is Report]
        return [f"{fact.what}: {fact.reason}" for fact in facts if type(fact) is Rejected]

    @property
    def message(self) -> Any:
        try:
            return decode(self.event.data) if type(self.event) is Received else None
        except MessageError:
            return None


class Run(NamedTuple):
    result: Result
    injected: list[tuple[str, str]]
    heard: list[Heard]


@pytest.fixture(scope="module", name="run")
def babbled_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("babble") / "run"
    folder.mkdir()
    said: list[tuple[str, str, Any]] = []
    now: list[str] = []
    heard: list[Heard] = []

    def hears(node: str, event: Any, _at_us: int, effects: Sequence[Any]) -> None:
        entry = next((one for one in said if one[1:] == (node, event)), None)
        if entry is not None:
            said.remove(entry)
            heard.append(Heard(entry[0], node, event, effects))

    with pytest.MonkeyPatch.context() as patch:
        bundle, word, answer, stray = Babbler._say_bundle, Babbler._say_word, Babbler._answer, babbler.stray_answer
        into_network, into_space = LocalNetwork.inject, SpaceLink.inject

        def say_bundle(self: Babbler, kind: str, way: str, *more: Any) -> None:
            now[:] = [way]
            bundle(self, kind, way, *more)

        def say_word(self: Babbler, kind: str, listener: Any, what: Any) -> None:
            now[:] = [what.way if what is not None else ""]
            word(self, kind, listener, what)

        def answers(self: Babbler, listener: Any, random: Any) -> None:
            now[:] = [listener.name]
            answer(self, listener, random)

        def strays(*args: Any) -> Any:
            said.append((ANSWER, now[0], event := stray(*args)))
            return event

        def network(self: LocalNetwork, kind: str, source: str, destination: str, data: bytes, *more: Any) -> None:
            said.append((now[0], destination, Received(source, data)))
            into_network(self, kind, source, destination, data, *more)

        def space(self: SpaceLink, kind: str, data: bytes, *more: Any) -> None:
            said.append((now[0], self.hop.destination, BundleArrived(self.hop.source, data)))
            into_space(self, kind, data, *more)

        patch.setattr(Babbler, "_say_bundle", say_bundle)
        patch.setattr(Babbler, "_say_word", say_word)
        patch.setattr(Babbler, "_answer", answers)
        patch.setattr(babbler, "stray_answer", strays)
        patch.setattr(LocalNetwork, "inject", network)
        patch.setattr(SpaceLink, "inject", space)
        scenario = parse_scenario(SCENARIO, "babble.yaml")
        mission = prepare(scenario, folder, observer=hears)
        injected: list[tuple[str, str]] = []
        mission.host.trace.subscribe(Injected, lambda _at_us, node, fact: injected.append((node, fact.kind)))
        write_result(scenario, mission, drive(mission, Progress(mission, quiet=True)), folder, {})
    return Run(Result.load(folder), injected, heard)


def test_every_guarantee_holds_whatever_is_said(run: Run) -> None:
    assert {g.key: g.evidence for g in run.result.guarantees if g.verdict == "broken"} == {}


def test_each_node_hears_something_every_so_often(run: Run) -> None:
    hosts = {"gateway": "earth"}
    answers = [(one.node, "babble") for one in run.heard if one.way == ANSWER]
    times = Counter([*run.injected, *answers])
    silent = TIMES - times.pop(("vitals-1", "babble"))
    assert times == {(hosts.get(node, node), "babble"): TIMES for node in NODES if node != "vitals-1"}
    assert 0 <= silent < 80, "nobody has acked anything yet, so no ack can be signed anew"
    assert len(run.heard) == len(run.injected) + len(answers)


@pytest.mark.parametrize("way", [*WORD_WAYS, BLOCK, SEALED, ANSWER])
def test_each_way_reaches_whom_it_can_and_is_refused(way: str, run: Run) -> None:
    mine = [one for one in run.heard if one.way == way and not isinstance(one.event, _PASSED_OVER)]
    assert {one.node for one in mine} == ({"edge-1", "edge-2", "earth"} if way in (BLOCK, SEALED) else _LISTENERS)
    assert len(mine) >= 250
    refused = sum(bool(one.refusals) for one in mine)
    assert refused >= (len(mine) if way == ANSWER else 0.85 * len(mine))


def test_what_is_signed_reaches_all_but_the_gateway_and_is_refused_by_those_who_read_it(run: Run) -> None:
    mine = [one for one in run.heard if one.way == SIGNED]
    assert {one.node for one in mine} == _LISTENERS - {"earth"}
    refused = {(one.node, reason) for one in mine for reason in one.refusals}
    for node, part in (
        ("edge-1", "samples: "),
        ("edge-2", "closing: "),
        ("edge-1", "an alert, which devices do not sign"),
        ("edge-2", "one proof per head is needed"),
        ("edge-1", "two heads of one stream"),
        ("vitals-1", "auditor's signature"),
        ("vitals-1", "verified fell within a term"),
    ):
        assert any(of == node and part in reason for of, reason in refused), (node, part, sorted(refused))


_LISTENERS = {"edge-1", "edge-2", "vitals-1", "earth", "auditor"}
_PASSED_OVER = (Transmitted, TransmitFailed, SyncFailed, TimerFired)
"""Events that may be of what a node asked for in an earlier life."""


def test_what_is_not_refused_in_the_open_is_a_true_word_or_waits_for_the_medium(run: Run) -> None:
    """An offered checkpoint is answered by what was signed last of it; some true words need no answer."""
    for one in run.heard:
        if one.refusals:
            continue
        message = one.message
        answers = [type(decode(effect.data)).__name__ for effect in one.effects if type(effect) is Send]
        if one.way == ANSWER:
            assert isinstance(one.event, _PASSED_OVER)
        elif one.way == SIGNED and isinstance(message, FrameOffer | Closings):
            assert set(answers) <= {"Accept", "Expect"}, "not the next frame, or a closing frame that is passed over"
        elif one.way == SEALED:  # receipts of nothing; the auditor is to look again, or refuses what is handed on
            assert set(answers) <= {"MismatchNotice", "CheckpointOffer", "Cosigned"}
        elif isinstance(message, CheckpointOffer):
            assert answers in ([], ["Cosign"])  # none yet: it waits for the medium, as its refusal does
        elif isinstance(message, LastWitnessed):
            assert answers == []
            assert one.event.source not in ("edge-1", "edge-2"), "a question or answer that would have been believed"
        else:
            assert one.way == STRANGER or one.event.source == NOBODY
            assert isinstance(message, Closings) or type(message).__name__ == "Cosign", "true, whoever says it"


def test_the_refusals_are_of_many_kinds(run: Run) -> None:
    """Decoders, senders, addresses, signatures and blocks: each of them says no to somebody (no way: any will do)."""
    reasons = {(one.way, one.node, reason) for one in run.heard for reason in one.refusals}
    for way, node, part in (
        (CHANGED, "vitals-1", "no CBOR"),
        (CHANGED, "edge-1", "bundle: "),
        (STRANGER, "edge-1", "device unknown or not the sender"),
        (STRANGER, "vitals-1", "not from its edges: stranger"),
        (STRANGER, "earth", "not from the auditor"),
        (STRANGER, "earth", "no hop keys towards it"),
        (STRANGER, "auditor", "not from a gateway"),
        (MISADDRESSED, "edge-1", "not for an edge"),
        (MISADDRESSED, "edge-1", "came to another node"),
        (MISADDRESSED, "edge-1", "not a witness of this edge"),
        (MISADDRESSED, "vitals-1", "Hello: not from a device"),
        (MISADDRESSED, "earth", "not for the gateway"),
        (MISADDRESSED, "auditor", "not for an auditor"),
        (FIELDS, "vitals-1", "beyond what was sealed"),
        (FIELDS, "earth", "of a stream that nobody sent"),
        ("", "auditor", "checkpoint: signature"),
        ("", "auditor", "cosignature: signature"),
        ("", "auditor", "is no Checkpoint"),
        (FIELDS, "edge-1", "with a known code"),
        (BLOCK, "earth", "primary block"),
        (BLOCK, "edge-1", "security block"),
        (BLOCK, "edge-2", "confidentiality block"),
        (SEALED, "edge-1", "integrity block"),
        (SEALED, "edge-2", "Hello is not for an edge"),
        (SEALED, "edge-1", "neither ack nor cosignature"),
        (SEALED, "earth", "Hello is not for the gateway"),
        (SEALED, "earth", "frame: "),
        (ANSWER, "earth", "an answer nobody waits for"),
        (ANSWER, "earth", "no such peer"),
        (ANSWER, "earth", "another key is held"),
        (ANSWER, "auditor", "of a request nobody waits for"),
        (ANSWER, "vitals-1", "not an event of a device"),
    ):
        found = [reason for by_way, by, reason in reasons if way in ("", by_way) and by == node]
        assert any(part in reason for reason in found), (way, node, part)
    assert len({reason for _, _, reason in reasons}) > 200
