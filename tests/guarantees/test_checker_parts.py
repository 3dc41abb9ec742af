"""Parts of checkers by hand: hashing against published roots, bounds over hand-made windows, verdicts, forgetting."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import EDGES, root_of

from twin.guarantees.availability import Availability, Belief, Passage
from twin.guarantees.by_record import ByRecord
from twin.guarantees.edge_rules import AppendOnly, Durability, SafeTrim
from twin.guarantees.hashing import is_consistent, leaf_of, parent_of
from twin.guarantees.integrity import Integrity
from twin.guarantees.roots import StreamRoots
from twin.guarantees.store_rules import ExactlyOnce, StreamOrder
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Worst
from twin.pipeline.facts import Accepted, AckMade, FrameSealed, HeadCosigned, Trimmed
from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.transport.contact_plan import Contact
from twin.pipeline.wire.identity import RecordId, StreamId
from twin.scenario.bounds import parse_bound
from twin.trace import HeadVisible, JournalDropped, MadeDurable, MediumHolds, RowStored, Trace

# transparency-dev/merkle (Apache-2.0), testdata: the eight leaves and the roots of the first n of them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
SECOND = 1_000_000
STREAM = StreamId(1, 2)


def record(index: int) -> RecordId:
    return RecordId(*STREAM, index)


def sealed(index: int, leaf: bytes | None = None) -> FrameSealed:
    return FrameSealed(record(index), leaf or leaf_of(bytes((index,))), index * SECOND, 1, 100)


def watched(checker_of: type, facts: list[tuple[str, tuple]]) -> object:
    """A checker that has seen these facts, one a second."""
    trace, truth = Trace(), Truth()
    truth.watch(trace)
    checker = checker_of(truth)
    checker.watch(trace)
    truth.watch_last(trace)
    for at, (node, fact) in enumerate(facts):
        trace.emit(at * SECOND, node, fact)
    return checker


def test_roots_have_the_published_values() -> None:
    roots = StreamRoots()
    assert roots.at(0) == hashlib.sha256(b"").digest()
    for leaf in LEAVES:
        roots.add(leaf_of(bytes.fromhex(leaf)))
    for size, value in ROOTS.items():
        found = roots.at(size)
        assert found is not None
        assert found.hex() == value


def test_inner_nodes_and_leaves_are_hashed_apart() -> None:
    assert leaf_of(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert parent_of(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


@pytest.mark.parametrize("new", range(2, 20))
def test_consistency_proofs_of_the_pipeline_convince_and_forged_ones_do_not(new: int) -> None:
    log = MerkleLog()
    log.extend(leaf_of(bytes((index,))) for index in range(new))
    for old in range(1, new):
        proof = log.consistency_proof(old, new)
        assert is_consistent(old, new, log.root(old), log.root(new), proof)
        assert not is_consistent(old, new, leaf_of(b"?"), log.root(new), proof)
        assert not is_consistent(old, new, log.root(old), leaf_of(b"?"), proof)
        assert not is_consistent(old, new, log.root(old), log.root(new), (*proof, leaf_of(b"?")))
        assert not is_consistent(old, new, log.root(old), log.root(new), proof[:-1])
    assert not is_consistent(0, new, hashlib.sha256(b"").digest(), log.root(new), ())


def test_what_is_noted_of_records_leaves_nothing_behind_when_it_is_forgotten() -> None:
    noted: ByRecord[int] = ByRecord()
    for epoch in range(3):
        noted.put((1, epoch), 4, 7)
    noted.forget((1, 0), 4)
    assert (noted.get((1, 0), 4), len(noted)) == (7, 3)
    for epoch in range(3):
        noted.forget((1, epoch), 5)
    assert (noted.get((1, 0), 4), len(noted), noted._streams) == (None, 0, {})


def test_an_accept_beyond_the_medium_breaks_durability_with_the_first_offender() -> None:
    durable = ("edge-1", MadeDurable((tuple(record(0)),)))
    good = watched(Durability, [("vitals-1", sealed(0)), durable, ("edge-1", Accepted(STREAM, 0, 1))])
    assert good.verdict(True).verdict == "held"
    bad = watched(Durability, [("vitals-1", sealed(0)), durable, ("edge-1", Accepted(STREAM, 0, 2))]).verdict(True)
    assert bad.verdict == "broken"
    assert bad.evidence.record.endswith("/1")
    assert (bad.evidence.where, bad.evidence.at_us) == ("edge-1", 2 * SECOND)


def test_a_medium_speaks_for_its_own_edge_only() -> None:
    facts = [("edge-2", MadeDurable((tuple(record(0)),))), ("edge-1", Accepted(STREAM, 0, 1))]
    assert watched(Durability, facts).verdict(True).verdict == "broken"


def row(index: int, leaf: bytes | None = None, replaced: bytes = b"", store: str = "table") -> RowStored:
    return RowStored(store, tuple(record(index)), leaf or leaf_of(bytes((index,))), replaced)


def test_a_row_written_twice_alike_is_one_row_and_otherwise_a_violation() -> None:
    leaf = leaf_of(bytes((0,)))
    assert watched(ExactlyOnce, [("d", sealed(0)), ("t", row(0)), ("t", row(0, leaf, leaf))]).violations == 0
    assert watched(ExactlyOnce, [("d", sealed(0)), ("t", row(0)), ("t", row(0, leaf_of(b"?"), leaf))]).violations == 1
    assert watched(ExactlyOnce, [("d", sealed(0)), ("t", row(1))]).violations == 1


def test_a_row_that_differs_from_what_was_signed_breaks_integrity_in_table_and_backup() -> None:
    for store in ("table", "backup"):
        assert watched(Integrity, [("d", sealed(0)), ("t", row(0, store=store))]).violations == 0
        assert watched(Integrity, [("d", sealed(0)), ("t", row(0, leaf_of(b"?"), store=store))]).violations == 1


def test_a_head_may_show_only_a_prefix_and_never_falls() -> None:
    rows = [("d", sealed(0)), ("d", sealed(1)), ("d", sealed(2)), ("t", row(0)), ("t", row(2))]
    assert watched(StreamOrder, [*rows, ("t", HeadVisible(tuple(STREAM), 1, 1))]).violations == 0
    assert watched(StreamOrder, [*rows, ("t", HeadVisible(tuple(STREAM), 3, 1))]).violations == 1
    fallen = [*rows, ("t", row(1)), ("t", HeadVisible(tuple(STREAM), 3, 1)), ("t", HeadVisible(tuple(STREAM), 2, 1))]
    assert watched(StreamOrder, fallen).violations == 1


def test_trim_is_safe_only_below_what_an_ack_and_the_backup_prove() -> None:
    ack = ("earth", AckMade(STREAM, 1, 1, leaf_of(bytes((0,))), 1, 0))
    proved = [("d", sealed(0)), ("t", row(0)), ("b", row(0, store="backup")), ack]
    assert watched(SafeTrim, [*proved, ("edge-1", Trimmed(STREAM, 1))]).violations == 0
    assert watched(SafeTrim, [*proved, ("edge-1", Trimmed(STREAM, 2))]).violations == 1
    assert watched(SafeTrim, [("d", sealed(0)), ("t", row(0)), ack, ("edge-1", Trimmed(STREAM, 1))]).violations == 1


def test_what_is_gone_from_a_medium_is_held_against_the_same_whatever_its_machine_says() -> None:
    """Bug 41: the journal is dropped further than it was trimmed."""
    ack = ("earth", AckMade(STREAM, 1, 1, leaf_of(bytes((0,))), 1, 0))
    proved = [("d", sealed(0)), ("t", row(0)), ("b", row(0, store="backup")), ack, ("edge-1", Trimmed(STREAM, 1))]
    for below, violations in ((1, 0), (2, 1)):
        dropped = ("edge-1", JournalDropped(((*STREAM, below),)))
        assert watched(SafeTrim, [*proved, dropped]).violations == violations


def test_an_ack_with_a_wrong_root_proves_nothing() -> None:
    """Bug 18: a node that does not hold the acked root against its own log trims where another would not."""
    wrong = ("earth", AckMade(STREAM, 1, 1, leaf_of(b"?"), 1, 0))
    rows = [("d", sealed(0)), ("t", row(0)), ("b", row(0, store="backup"))]
    assert watched(SafeTrim, [*rows, wrong, ("edge-1", Trimmed(STREAM, 1))]).violations == 1


def cosigned(size: int, root: bytes | None = None, author: str = "edge-2") -> tuple[str, HeadCosigned]:
    leaves = [leaf_of(bytes((index,))) for index in range(size)]
    return "edge-1", HeadCosigned(author, STREAM, size, root or root_of(leaves))


def test_a_witness_never_signs_a_head_that_shrank_or_has_another_root() -> None:
    """Bug 22. A witness that lost its medium does not know what it signed, and another author has another chain."""
    signed = [("d", sealed(index)) for index in range(3)]
    assert (
        watched(lambda truth: AppendOnly(truth, EDGES), [*signed, cosigned(2), cosigned(2), cosigned(3)]).violations
        == 0
    )
    assert watched(lambda truth: AppendOnly(truth, EDGES), [*signed, cosigned(3), cosigned(2)]).violations == 1
    assert (
        watched(lambda truth: AppendOnly(truth, EDGES), [*signed, cosigned(3), cosigned(2, author="edge-3")]).violations
        == 0
    )
    assert (
        watched(
            lambda truth: AppendOnly(truth, EDGES), [*signed, cosigned(3), ("edge-1", MediumHolds(())), cosigned(2)]
        ).violations
        == 0
    )
    assert watched(lambda truth: AppendOnly(truth, EDGES), [*signed, cosigned(3, leaf_of(b"?"))]).violations == 1


def test_nothing_checked_is_not_applicable_and_broken_where_listed() -> None:
    checker = watched(SafeTrim, [])
    assert (checker.verdict(False).verdict, checker.verdict(True).verdict) == ("not_applicable", "broken")
    assert checker.verdict(False).reason


def test_the_margin_is_the_smallest_of_all_opportunities() -> None:
    checker = watched(SafeTrim, [])
    checker.checked = 3
    assert checker.measure(5 * SECOND, 10 * SECOND, (20, "first", "a"))
    assert checker.measure(9 * SECOND, 11 * SECOND, (30, "second", (1, 2, 3)))
    assert checker.measure(1 * SECOND, 10 * SECOND, (40, "third", "b"))
    verdict = checker.verdict(True)
    assert (verdict.margin, verdict.bound, verdict.observed, verdict.unit) == (2.0, 11.0, 9.0, "s")
    assert verdict.worst == Worst("dev-0000000000000001/ep-0000000000000002/3", 30, "second")


def test_truth_forgets_below_trim_but_not_what_a_checker_still_needs() -> None:
    trace, truth = Trace(), Truth()
    truth.watch(trace)
    needed = [0]
    truth.keep_from(lambda _: needed[0])
    truth.watch_last(trace)
    for index in range(10):
        for fact in (sealed(index), row(index), row(index, store="backup")):
            trace.emit(0, "x", fact)
    roots = truth.of(STREAM).roots
    assert roots.at(4) is not None
    trace.emit(0, "earth", AckMade(STREAM, 10, 8, roots.at(10) or b"", 1, 0))
    assert len(truth.of(STREAM).leaves) == 10
    needed[0] = 4
    trace.emit(0, "earth", AckMade(STREAM, 10, 8, roots.at(10) or b"", 1, 1))
    assert sorted(truth.of(STREAM).leaves) == [4, 5, 6, 7, 8, 9]
    assert (roots.at(3), roots.at(10)) == (None, truth.of(STREAM).roots.at(10))
    assert roots.at(10) is not None


@given(st.integers(1, 70), st.data())
def test_roots_at_any_size_are_those_of_the_definition_until_they_are_forgotten(size: int, data: st.DataObject) -> None:
    leaves = [leaf_of(bytes((index,))) for index in range(size)]
    expected, roots = [hashlib.sha256(b"").digest()], StreamRoots()
    for held, leaf in enumerate(leaves, start=1):
        roots.add(leaf)
        expected.append(root_of(leaves[:held]))
    assert [roots.at(n) for n in range(size + 1)] == expected
    below, pinned = data.draw(st.integers(0, size)), data.draw(st.integers(0, size))
    roots.forget(below, [pinned])
    for n in range(size + 1):
        assert roots.at(n) == (expected[n] if n >= below or n == pinned else None) or n == size
    roots.add(leaf_of(b"next"))
    assert roots.at(size + 1) == root_of([*leaves, leaf_of(b"next")])


def passage(source: str, *windows: tuple[int, int]) -> Passage:
    """Windows in seconds, 100 s of light time, 8 kbit/s."""
    contacts = [Contact(source, "x", a * SECOND, b * SECOND, 8_000, ((0, 100 * SECOND),)) for a, b in windows]
    return Passage([(contact.start_us, contact.end_us, contact) for contact in contacts])


def test_what_waits_at_a_node_between_does_not_pass_through() -> None:
    """A window of ten seconds over a relay that sends on at 100 s, and one through which light passes at once."""
    second = 1_000_000
    waits = Contact("e", "earth", 0, 10 * second, 1000, ((0, 100 * second), (10 * second, 90 * second)))
    passes = Contact("e", "earth", 20 * second, 30 * second, 1000, ((20 * second, 50 * second),))
    both = Passage([(c.start_us, c.end_us, c) for c in (waits, passes)])
    assert both.open_until_us(0) is not None
    assert not both.passes_through(0)
    assert not both.passes_through(9 * second)
    assert not both.passes_through(15 * second)
    assert both.passes_through(20 * second)
    assert both.passes_through(30 * second - 1)


def deadline_s(text: str, from_s: int, down: Passage, up: Passage) -> float | None:
    found = Availability(down, up, 10 * SECOND).deadline_us(parse_bound(text), from_s * SECOND, {"ack_delay": SECOND})
    return None if found is None else found / SECOND


def test_contact_wait_runs_until_the_edge_can_transmit() -> None:
    down, up = passage("m", (1000, 2000), (5000, 6000)), passage("e", (0, 9000))
    assert deadline_s("owlt + contact_wait + 60 s", 400, down, up) == 1000 + 100 + 60
    assert deadline_s("owlt + contact_wait + 60 s", 1500, down, up) == 1500 + 100 + 60
    assert deadline_s("owlt + contact_wait + ack_delay", 2000, down, up) == 5000 + 100 + 1
    assert deadline_s("owlt + contact_wait", 6000, down, up) is None


def test_each_granted_round_has_its_own_wait() -> None:
    down, up = passage("m", (1000, 2000), (5000, 6000)), passage("e", (0, 9000))
    # a round: light out, processing, light back
    assert deadline_s("owlt + contact_wait + 1 R", 1000, down, up) == 1000 + 210 + 100
    assert deadline_s("owlt + contact_wait + 1 R", 1900, down, up) == 5000 + 100


def test_a_round_under_a_wrong_plan_ends_when_that_plan_promises_the_answer() -> None:
    down, up = passage("m", (0, 9000)), passage("e", (0, 9000))
    believed = Belief((1000 * SECOND, 2000 * SECOND), [passage("m", (1000, 2000))], passage("e", (3000, 4000)))
    wrong = Availability(down, up, 10 * SECOND, [believed])
    sent, contact = 1500 * SECOND, down.windows[0][2]
    assert wrong.answered_us(sent, contact) == (3000 + 100) * SECOND
    assert Availability(down, up, 10 * SECOND).answered_us(sent, contact) == (1500 + 210) * SECOND
    assert wrong.answered_us(2500 * SECOND, contact) == (2500 + 210) * SECOND  # the right plan is there again


def test_a_round_under_a_wrong_plan_is_no_shorter_than_the_answer_takes() -> None:
    down, up = passage("m", (0, 9000)), passage("e", (3000, 9000))
    believed = Belief((1000 * SECOND, 2000 * SECOND), [passage("m", (1000, 2000))], passage("e", (0, 9000)))
    answered_us = Availability(down, up, 10 * SECOND, [believed]).answered_us(1500 * SECOND, down.windows[0][2])
    assert answered_us == (3000 + 100) * SECOND


@pytest.mark.parametrize(
    ("deaf", "answered_s"),
    [
        ([(1600, 1650)], 1710 + 50),  # the answer may come home after it, and a lost one is waited for as long again
        ([(1600, 2600)], 1710 + 1000),
        ([(1400, 1550)], 1710 + 50),
        ([(1600, 1650), (1740, 1800)], 1710 + 50 + 60),
        ([(1300, 1400), (1711, 1800)], 1710),
    ],
)
def test_timers_stand_still_while_nothing_can_be_heard(deaf: list[tuple[int, int]], answered_s: int) -> None:
    down, up = passage("m", (0, 9000)), passage("e", (0, 9000))
    spans = [(a * SECOND, b * SECOND) for a, b in deaf]
    found = Availability(down, up, 10 * SECOND, deaf=spans).answered_us(1500 * SECOND, down.windows[0][2])
    assert found == answered_s * SECOND


def test_the_second_contact_wait_is_for_the_way_back() -> None:
    down, up = passage("m", (1000, 2000)), passage("e", (4000, 9000))
    assert deadline_s("2 owlt + 2 contact_wait", 1000, down, up) == 1000 + 200 + (4000 - 1110)


def test_the_way_back_has_its_own_light_time() -> None:
    """Down the light passes a relay at once, up it waits there for an hour, or the other way round."""
    quick, slow = (
        passage("m", (1000, 2000)),
        Contact("m", "x", 1000 * SECOND, 2000 * SECOND, 8_000, ((0, 3600 * SECOND),)),
    )
    waits = Passage([(slow.start_us, slow.end_us, slow)])
    up = passage("e", (0, 9000))
    up_waits = Passage([(0, 9000 * SECOND, slow._replace(start_us=0, end_us=9000 * SECOND))])
    assert deadline_s("2 owlt + 2 contact_wait", 1000, quick, up_waits) == 1000 + 100 + 3600
    assert deadline_s("2 owlt + 2 contact_wait", 1000, waits, up) == 1000 + 3600 + 100
    assert deadline_s("3 owlt + 2 contact_wait", 1000, waits, up) == 1000 + 2 * 3600 + 100


def test_a_drain_fills_contact_after_contact() -> None:
    down = passage("m", (0, 10), (100, 110), (200, 210))
    sent_us, _ = down.drain_us(0, 15_000) or (None, None)
    assert sent_us == 105 * SECOND
    assert down.drain_us(0, 31_000) is None
