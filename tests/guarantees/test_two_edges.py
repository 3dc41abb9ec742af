"""The rules of edges and stores where each device has two edges, and media, stores and epochs come to an end."""

import pytest
from traces import (
    EDGES,
    MONITOR,
    NOTHING,
    SECOND,
    STREAM,
    Timed,
    acked,
    always,
    broken,
    leaf,
    record,
    root,
    row,
    sealed,
    stored,
    timed,
    watched,
)

from twin.guarantees.convergence import Allowance, Convergence
from twin.guarantees.edge_rules import AppendOnly, Durability, NoEquivocation
from twin.guarantees.integrity import Integrity, Mending
from twin.guarantees.loop_rules import FeedbackClosure, Freshness
from twin.guarantees.store_rules import ExactlyOnce, NoLoss, StreamOrder
from twin.guarantees.truth import Truth
from twin.pipeline.facts import (
    Accepted,
    AckLearned,
    Adopted,
    AlarmRaised,
    Attested,
    BundleSent,
    EpochClosed,
    HeadCosigned,
    HeadSigned,
)
from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.wire.identity import AlertKey
from twin.scenario.bounds import parse_bound
from twin.trace import (
    AlertStored,
    Crashed,
    GenerationEnded,
    HeadVisible,
    MadeDurable,
    MediumHolds,
    Restarted,
    RowRotted,
    StoreRestored,
)

DOWN = Crashed(0, 0)
ALERT = (1, 2, 0, "spo2_pct.low")


def durable(*indices: int) -> MadeDurable:
    return MadeDurable(tuple(tuple(record(index)) for index in indices))


def visible(size: int, term: int = 1) -> HeadVisible:
    return HeadVisible(tuple(STREAM), size, term)


def signed(size: int, previous: int = 0, wrong: bool = False) -> HeadSigned:
    log = MerkleLog()
    log.extend(leaf(index) for index in range(size))
    proof = log.consistency_proof(previous, size) if 0 < previous < size else ()
    return HeadSigned(STREAM, previous, size, b"?" * 32 if wrong else root(size), tuple(proof))


# ---------------------------------------------------------------- media


def test_each_edge_has_its_own_medium() -> None:
    both = [(MONITOR, sealed(0)), ("edge-1", durable(0)), ("edge-2", durable(0))]
    accepts = [("edge-1", Accepted(STREAM, 0, 1)), ("edge-2", Accepted(STREAM, 0, 1))]
    assert broken(watched(Durability, both + accepts)) == 0
    assert broken(watched(Durability, both[:2] + accepts)) == 1


def test_what_a_destroyed_medium_held_is_not_durable_any_more() -> None:
    before = [(MONITOR, sealed(0)), (MONITOR, sealed(1)), ("edge-1", durable(0, 1))]
    rolled_back = ("edge-1", MediumHolds(((*STREAM, 1),)))
    assert broken(watched(Durability, [*before, rolled_back, ("edge-1", Accepted(STREAM, 0, 1))])) == 0
    assert broken(watched(Durability, [*before, rolled_back, ("edge-1", Accepted(STREAM, 0, 2))])) == 1
    swapped = ("edge-1", MediumHolds(()))
    assert broken(watched(Durability, [*before, swapped, ("edge-1", Accepted(STREAM, 0, 1))])) == 1


def test_a_stream_is_adopted_only_where_earth_has_verified_it() -> None:
    before = [*stored(0, 1, 2, 3), ("earth", acked(2)), ("edge-1", MediumHolds(()))]
    good = [*before, ("edge-1", Adopted(STREAM, 2)), ("edge-1", durable(2)), ("edge-1", Accepted(STREAM, 2, 3))]
    assert broken(watched(Durability, good)) == 0
    assert broken(watched(Durability, [*before, ("edge-1", Adopted(STREAM, 3))])) == 1
    jumped = [*before, ("edge-1", durable(2)), ("edge-1", Accepted(STREAM, 2, 3))]
    assert broken(watched(Durability, jumped)) == 1


# ---------------------------------------------------------------- one index, one record


def test_an_edge_may_state_its_record_again_but_not_sign_another() -> None:
    assert broken(watched(NoEquivocation, [("edge-1", sealed(0)), ("edge-1", sealed(0))])) == 0
    assert broken(watched(NoEquivocation, [("edge-1", sealed(0)), ("edge-1", sealed(0, leaf(9)))])) == 1
    assert broken(watched(NoEquivocation, [("edge-1", sealed(1))])) == 1


def test_nothing_is_signed_in_an_epoch_that_was_closed() -> None:
    closed = [(MONITOR, sealed(0)), (MONITOR, sealed(1)), (MONITOR, EpochClosed(record(1), 3, "key"))]
    assert broken(watched(NoEquivocation, [*closed, (MONITOR, sealed(0, epoch=3))])) == 0
    assert broken(watched(NoEquivocation, [*closed, (MONITOR, sealed(2))])) == 1
    assert broken(watched(NoEquivocation, [*closed, (MONITOR, EpochClosed(record(0), 4, "key"))])) == 1


def test_nothing_leaves_from_a_medium_that_does_not_hold_it() -> None:
    sent = BundleSent((1, 1, 1), "earth", ((record(0), leaf(0)),), 0)
    held = [(MONITOR, sealed(0)), ("edge-2", durable(0))]
    assert broken(watched(NoEquivocation, [*held, ("edge-2", sent)])) == 0
    assert broken(watched(NoEquivocation, [*held, ("edge-1", sent)])) == 1


# ---------------------------------------------------------------- heads


def append_only(truth: Truth) -> AppendOnly:
    return AppendOnly(truth, EDGES)


SEVEN = [(MONITOR, sealed(index)) for index in range(7)]


def test_two_edges_sign_heads_of_one_stream_at_their_own_pace() -> None:
    heads = [("edge-1", signed(6)), ("edge-2", signed(3)), ("edge-1", signed(7, 6)), ("edge-2", signed(6, 3))]
    assert broken(watched(append_only, SEVEN + heads)) == 0
    assert broken(watched(append_only, [*SEVEN, *heads, ("edge-2", signed(7, 6, wrong=True))])) == 2


def test_a_head_whose_forerunner_nobody_heard_of_and_whose_root_is_forgotten_shows_its_own_root() -> None:
    """A crash fell between the medium and the word, and Earth's ack came meanwhile."""
    known = [*stored(*range(6), backup=True), *SEVEN[6:], ("edge-1", signed(3)), ("edge-1", DOWN)]
    forgotten = [("earth", acked(6, trim=6))]
    assert broken(watched(append_only, [*known, *forgotten, ("edge-1", signed(7, 5))])) == 0
    assert broken(watched(append_only, [*known, *forgotten, ("edge-1", signed(7, 5, wrong=True))])) == 1
    assert broken(watched(append_only, [*known, ("edge-1", signed(7, 5)._replace(proof=()))])) == 1


def test_after_its_medium_was_lost_a_head_shrinks_only_where_no_witness_could_tell() -> None:
    before = [*SEVEN, ("edge-1", signed(3)), ("edge-1", signed(6, 3)), ("edge-1", DOWN)]
    lost, back = ("edge-1", MediumHolds(())), ("edge-1", Restarted(0))
    witness = [*SEVEN, ("edge-2", Restarted(0)), ("edge-2", HeadCosigned("edge-1", STREAM, 6, root(6)))]
    assert broken(watched(append_only, [*witness, *before[7:], lost, back, ("edge-1", signed(7))])) == 0
    assert broken(watched(append_only, [*witness, *before[7:], lost, back, ("edge-1", signed(7, 3))])) == 0
    assert broken(watched(append_only, [*witness, *before[7:], lost, back, ("edge-1", signed(5))])) == 1
    assert broken(watched(append_only, [*before, lost, back, ("edge-1", signed(5))])) == 0
    down, forgot = ("edge-2", DOWN), ("edge-2", MediumHolds(()))
    assert broken(watched(append_only, [*witness, *before[7:], lost, down, back, ("edge-1", signed(5))])) == 0
    assert broken(watched(append_only, [*witness, *before[7:], lost, forgot, back, ("edge-1", signed(5))])) == 0
    assert broken(watched(append_only, [*before, ("edge-1", signed(7, 3))])) == 1
    on_earth = [("auditor", Restarted(0)), ("auditor", HeadCosigned("edge-1", STREAM, 6, root(6)))]
    assert broken(watched(append_only, [*SEVEN, *on_earth, *before[7:], lost, back, ("edge-1", signed(5))])) == 0


def test_an_edge_that_comes_back_signs_what_its_medium_holds_although_all_else_is_forgotten() -> None:
    facts = [*stored(0, 1, 2, 3, 4, 5, 6, backup=True), ("edge-2", durable(0, 1, 2)), ("earth", acked(7, 6))]
    assert broken(watched(append_only, [*facts, ("edge-2", signed(3))])) == 0
    assert broken(watched(append_only, [*facts, ("edge-2", signed(3, wrong=True))])) == 1


# ---------------------------------------------------------------- losses


def test_records_destroyed_with_their_media_are_listed_and_others_are_lost() -> None:
    held = [(MONITOR, sealed(0)), ("edge-1", durable(0)), ("edge-1", Accepted(STREAM, 0, 1))]
    gone = [("edge-1", MediumHolds(())), (MONITOR, DOWN)]
    destroyed = watched(NoLoss, held + gone, finish=True)
    assert isinstance(destroyed, NoLoss)
    assert (broken(destroyed), destroyed.destroyed) == (0, 1)
    verdict = destroyed.verdict(True)
    assert verdict.verdict == "held"
    assert "1 accepted records were destroyed" in verdict.reason
    assert verdict.evidence is not None
    assert verdict.evidence.record.endswith("/0")
    assert broken(watched(NoLoss, held + gone[:1], finish=True)) == 1  # its device still has it
    assert broken(watched(NoLoss, [*held, ("edge-2", durable(0)), *gone], finish=True)) == 1  # so has edge-2
    never_durable = [held[0], held[2], *gone]
    assert broken(watched(NoLoss, never_durable, finish=True)) == 1


def test_what_no_edge_accepted_is_counted_and_not_lost() -> None:
    checker = watched(NoLoss, [(MONITOR, sealed(0)), (MONITOR, DOWN)], finish=True)
    assert isinstance(checker, NoLoss)
    assert (broken(checker), checker.never_accepted) == (0, 1)


# ---------------------------------------------------------------- rows and alerts


def test_mending_a_rotten_row_overwrites_nothing_and_anything_else_does() -> None:
    rotten = leaf(99)
    rot = ("earth", RowRotted("table", tuple(record(0)), leaf(0)))
    mended, spoiled = ("earth", row(0, leaf(0), rotten)), ("earth", row(0, leaf(8), rotten))
    for checker in (ExactlyOnce, Integrity):
        assert broken(watched(checker, [*stored(0), rot, mended], finish=True)) == 0
        assert broken(watched(checker, [*stored(0), rot, spoiled])) == 1
    assert broken(watched(ExactlyOnce, [*stored(0), mended])) == 1


def mending(truth: Truth) -> Integrity:
    bound = parse_bound("owlt + contact_wait + 50 s")
    return Integrity(truth, Mending("auditor", 1000 * SECOND, bound, lambda _: always(), NOTHING))


@pytest.mark.parametrize(("mended_s", "end_s", "violations", "pending"), [
    (1100, 5000, 0, 0), (1300, 5000, 1, 0), (None, 5000, 1, 0), (None, 900, 0, 1),
])  # fmt: skip
def test_rot_stands_no_longer_than_a_scrub_and_its_bound(
    mended_s: int | None, end_s: int, violations: int, pending: int
) -> None:
    facts = [(0, *fact) for fact in stored(0)] + [(10, "earth", RowRotted("table", tuple(record(0)), leaf(0)))]
    if mended_s is not None:
        facts.append((mended_s, "earth", row(0, leaf(0), leaf(99))))
    checker = timed(mending, facts, end_s=end_s)
    assert (broken(checker), checker.pending()) == (violations, pending)
    if mended_s == 1100:
        verdict = checker.verdict(True)
        assert (verdict.bound, verdict.observed) == (1150.0, 1090.0)
        assert sum(value for _, value in verdict.terms) == verdict.bound


ROTTEN = (10, "earth", RowRotted("table", tuple(record(0)), leaf(0)))
MENDED = row(0, leaf(0), leaf(99))


@pytest.mark.parametrize(("crashed_s", "mended_s", "violations"), [
    (900, 2000, 0), (900, 2100, 1), (1200, 1300, 1), (1200, None, 1),
])  # fmt: skip
def test_a_scrub_period_begins_anew_when_the_auditor_starts_and_excuses_nothing_that_was_due_before(
    crashed_s: int, mended_s: int | None, violations: int
) -> None:
    facts = [(0, *fact) for fact in stored(0)] + [ROTTEN]
    facts += [(crashed_s, "auditor", DOWN), (crashed_s + 30, "auditor", Restarted(0))]  # due at 1160, or 1150 s after
    if mended_s is not None:
        facts.append((mended_s, "earth", MENDED))
    checker = timed(mending, facts, end_s=5000)
    assert (broken(checker), checker.pending()) == (violations, 0)


def test_another_nodes_crash_gives_no_scrub_more_time() -> None:
    facts = [(0, *fact) for fact in stored(0)] + [ROTTEN, (900, "earth", DOWN), (930, "earth", Restarted(0))]
    assert broken(timed(mending, [*facts, (2000, "earth", MENDED)], end_s=5000)) == 1


@pytest.mark.parametrize(("trim", "again_s", "violations", "lost"), [(1, 20, 0, 1), (0, 20, 2, 0), (1, 1200, 1, 1)])
def test_a_row_that_rots_in_both_stores_in_time_is_lost_only_where_mars_may_have_deleted_it(
    trim: int, again_s: int, violations: int, lost: int
) -> None:
    facts = [(0, *fact) for fact in stored(0, backup=True)] + [(5, "earth", acked(1, trim)), ROTTEN]
    facts.append((again_s, "earth", RowRotted("backup", tuple(record(0)), leaf(0))))
    checker = timed(mending, facts, end_s=5000)
    assert (broken(checker), checker.pending()) == (violations, 0)
    assert ("1 rotted when nobody else had them" in checker.remark()) is bool(lost)


@pytest.mark.parametrize(("mars_loses_s", "edge_takes_up", "backed_up", "violations"), [
    (5, False, False, 0), (5, False, True, 1), (1200, False, False, 1), (None, False, False, 1), (None, True, False, 1),
])  # fmt: skip
def test_a_row_that_rots_when_mars_has_lost_the_record_is_lost_unless_the_backup_has_it(
    mars_loses_s: int | None, edge_takes_up: bool, backed_up: bool, violations: int
) -> None:
    """An edge that takes the stream up further on still holds what it held before."""
    facts: list[Timed] = [(0, MONITOR, sealed(0)), (0, "edge-1", durable(0))]
    facts += [(0, *fact) for fact in stored(0, 1, backup=backed_up)]
    facts += [(1, "earth", acked(2)), (2, MONITOR, DOWN)]
    if edge_takes_up:
        facts.append((3, "edge-1", Adopted(STREAM, 2)))
    if mars_loses_s is None:
        facts.append(ROTTEN)
    else:
        lost: list[Timed] = [(mars_loses_s, "edge-1", DOWN), (mars_loses_s, "edge-1", MediumHolds(()))]
        facts = sorted([*facts, ROTTEN, *lost], key=lambda timed_fact: timed_fact[0])
    checker = timed(mending, facts, end_s=5000)
    assert (broken(checker), checker.pending()) == (violations, 0)
    assert ("are lost" in checker.remark()) is (mars_loses_s is not None and not backed_up)


def test_a_run_waits_until_all_that_rotted_must_be_mended() -> None:
    facts = [(0, *fact) for fact in stored(0)]
    assert timed(mending, facts).due_us() is None
    assert timed(mending, [*facts, ROTTEN]).due_us() == 1160 * SECOND
    assert timed(mending, [*facts, ROTTEN, (500, "earth", MENDED)]).due_us() is None


def test_one_row_per_alert() -> None:
    new, again = AlertStored(ALERT, False), AlertStored(ALERT, True)
    raised = [(edge, AlarmRaised(AlertKey(*ALERT), 0, 3)) for edge in ("edge-1", "edge-2")]
    assert broken(watched(ExactlyOnce, [*raised, ("earth", new), ("earth", again)])) == 0
    assert broken(watched(ExactlyOnce, [*raised, ("earth", new), ("earth", new)])) == 1
    assert broken(watched(ExactlyOnce, [*raised, ("earth", again)])) == 1
    assert broken(watched(ExactlyOnce, [("earth", new)])) == 1


# ---------------------------------------------------------------- a lost store


def test_heads_may_fall_with_a_higher_term_alone_and_never_below_trim() -> None:
    before = [*stored(0, 1, 2, backup=True), ("earth", visible(3)), ("earth", acked(3, 2))]
    lost = ("table", StoreRestored(((*STREAM, 2),)))
    assert broken(watched(StreamOrder, [*before, lost, ("earth", visible(2, 2))])) == 0
    assert broken(watched(StreamOrder, [*before, lost, ("earth", visible(2, 1))])) == 1
    assert broken(watched(StreamOrder, [*before, lost, ("earth", visible(1, 2))])) == 1
    assert broken(watched(StreamOrder, [*before, lost, ("earth", visible(3, 2))])) == 1  # row 2 is missing
    assert broken(watched(StreamOrder, [*before, ("earth", visible(3, 2)), ("earth", visible(3, 1))])) == 1


def feedback(truth: Truth) -> FeedbackClosure:
    bound = parse_bound("2 owlt + 2 contact_wait + 50 s")
    return FeedbackClosure(truth, bound, lambda _: always(), NOTHING, {MONITOR: 1}, "earth")


def test_verified_may_fall_with_a_higher_term_alone_and_never_below_trim() -> None:
    before = [*stored(0, 1, 2, backup=True), ("earth", acked(3, 2))]
    lost = ("table", StoreRestored(((*STREAM, 2),)))
    assert broken(watched(feedback, [*before, lost, ("earth", acked(2, 2, 2))])) == 0
    assert broken(watched(feedback, [*before, lost, ("earth", acked(2, 2, 1))])) == 1
    assert broken(watched(feedback, [*before, lost, ("earth", acked(1, 1, 2))])) == 1
    assert broken(watched(feedback, [*before, lost, ("earth", acked(3, 2, 2))])) == 1


def test_a_leader_whose_term_is_over_says_again_what_was_true_in_its_term_and_nothing_else() -> None:
    before = [*stored(0, 1, 2, backup=True), ("earth", acked(2, 0, 1)), ("earth", acked(3, 3, 2))]
    assert broken(watched(feedback, [*before, ("earth-2", acked(2, 0, 1))])) == 0
    assert broken(watched(feedback, [*before, ("earth-2", acked(1, 0, 1))])) == 1, "less than in its term"
    assert broken(watched(feedback, [*before, ("earth-2", acked(2, 0, 1)._replace(root=bytes(32)))])) == 1
    assert broken(watched(feedback, [*before, ("earth-2", acked(4, 0, 1))])) == 1, "a row that never stood there"
    assert broken(watched(feedback, [*before, ("earth", acked(2, 2, 3))])) == 1, "a term that is not over"


def test_what_it_says_again_is_held_against_what_it_said_where_the_root_is_forgotten_since() -> None:
    learned = (MONITOR, AckLearned(STREAM, 3, 3, 2))
    newer = [("earth", acked(3, 3, 2)), learned, ("earth", acked(3, 3, 2, 1))]
    before = [*stored(0, 1, 2, backup=True), ("earth", acked(2, 0, 1)), *newer]
    assert broken(watched(feedback, [*before, ("earth-2", acked(2, 0, 1))])) == 0
    assert broken(watched(feedback, [*before, ("earth-2", acked(2, 0, 1)._replace(root=bytes(32)))])) == 1


def test_rows_are_counted_anew_when_the_store_is_lost() -> None:
    checker = watched(ExactlyOnce, [*stored(0, 1, 2), ("table", StoreRestored(((*STREAM, 1),))), ("earth", row(1))])
    assert isinstance(checker, ExactlyOnce)
    checker.rows_counted = 2
    checker.finish(0)
    assert broken(checker) == 0
    checker.rows_counted = 3
    checker.finish(0)
    assert broken(checker) == 1


# ---------------------------------------------------------------- in time


def test_a_device_that_never_learns_is_overdue_at_the_end_and_pending_before() -> None:
    facts = [(0, *fact) for fact in stored(0)]
    learned = (200, MONITOR, AckLearned(STREAM, 1, 0, 1))
    ack = (100, "earth", acked(1))
    assert broken(timed(feedback, [*facts, ack, learned], end_s=1000)) == 0
    late = timed(feedback, [*facts, ack], end_s=1000)
    assert (broken(late), late.pending()) == (1, 0)
    early = timed(feedback, [*facts, ack], end_s=200)
    assert (broken(early), early.pending()) == (0, 1)
    forgotten = timed(feedback, [*facts, ack, (150, MONITOR, DOWN)], end_s=1000)
    assert (broken(forgotten), forgotten.pending()) == (0, 0)


def freshness(truth: Truth) -> Freshness:
    bound = parse_bound("owlt + frame_period + contact_wait + 50 s")
    return Freshness(truth, bound, lambda _: always(), {"frame_period": 60 * SECOND}, frozenset({1}))


def test_age_is_told_by_the_true_instant_and_not_by_the_clock_of_a_device() -> None:
    facts = [
        (0, MONITOR, sealed(0)._replace(generated_us=10**15)), (60, MONITOR, sealed(1)._replace(generated_us=-7)),
        (110, "earth", row(0)), (111, "earth", visible(1)), (180, "earth", row(1)),
    ]  # fmt: skip
    assert broken(timed(freshness, [*facts, (181, "earth", visible(2))], end_s=1000)) == 0
    assert broken(timed(freshness, [*facts, (300, "earth", visible(2))], end_s=1000)) == 1
    assert broken(timed(freshness, facts, end_s=1000)) == 1  # never visible


def test_a_device_that_was_down_does_not_age() -> None:
    facts = [(0, MONITOR, sealed(0)), (110, "earth", row(0)), (111, "earth", visible(1))]
    facts += [(9000, MONITOR, sealed(1)), (9110, "earth", row(1)), (9111, "earth", visible(2))]
    assert broken(timed(freshness, facts, end_s=9200)) == 0


def test_nothing_behind_a_record_that_was_destroyed_can_become_visible() -> None:
    facts = [(0, MONITOR, sealed(index)) for index in range(3)] + [(1, "edge-1", durable(0, 1, 2))]
    facts += [(110, "earth", row(0)), (110, "earth", row(1)), (111, "earth", visible(2)), (112, "earth", acked(2))]
    facts += [(113, "edge-2", Adopted(STREAM, 2)), (114, "edge-2", durable(2)), (115, MONITOR, DOWN)]
    facts += [(116, "table", StoreRestored(((*STREAM, 0),)))]
    assert broken(timed(freshness, facts, end_s=1000)) == 1  # the first edge holds what is missing
    swapped = (117, "edge-1", MediumHolds(()))
    gone = timed(freshness, [*facts, swapped], end_s=1000)
    assert (broken(gone), gone.pending()) == (0, 0)


def convergence(truth: Truth) -> Convergence:
    return Convergence(truth, lambda _: always(), Allowance(0, SECOND, SECOND))


def test_what_was_lost_with_the_store_has_to_be_attested_again() -> None:
    facts = [(0, *fact) for fact in stored(0, 1)] + [(1, "edge-2", durable(0, 1))]
    facts += [(2, "auditor", Attested(STREAM, 2, root(2))), (3, "world", GenerationEnded())]
    lost = (4, "table", StoreRestored(((*STREAM, 1),)))
    again = [(50, "earth", row(1)), (51, "auditor", Attested(STREAM, 2, root(2)))]
    assert broken(timed(convergence, facts, end_s=500)) == 0
    assert broken(timed(convergence, [*facts, lost], end_s=500)) == 1
    assert broken(timed(convergence, [*facts, lost, *again], end_s=500)) == 0


def test_the_longest_prefix_of_any_edge_is_the_goal() -> None:
    facts = [(0, *fact) for fact in stored(0, 1)] + [(1, "edge-1", durable(0)), (1, "edge-2", durable(0, 1))]
    facts += [(3, "world", GenerationEnded()), (4, "auditor", Attested(STREAM, 1, root(1)))]
    assert broken(timed(convergence, facts, end_s=500)) == 1
    assert broken(timed(convergence, facts[:-1], end_s=500)) == 1


def test_what_a_device_still_holds_has_to_come_too() -> None:
    facts = [(0, *fact) for fact in stored(0, 1)] + [(1, "edge-1", durable(0))]
    facts += [(3, "world", GenerationEnded()), (4, "auditor", Attested(STREAM, 1, root(1)))]
    assert broken(timed(convergence, facts, end_s=500)) == 1
    assert broken(timed(convergence, [*facts, (5, MONITOR, DOWN)], end_s=500)) == 0  # nobody promised it


def test_an_edge_that_adopted_a_stream_proves_from_where_it_took_it_up() -> None:
    before = [*stored(0, 1, 2, 3, 4, 5, 6), ("earth", acked(5)), ("edge-1", signed(3))]
    adopted = ("edge-1", Adopted(STREAM, 5))
    assert broken(watched(append_only, [*before, adopted, ("edge-1", signed(7, 5))])) == 0
    assert broken(watched(append_only, [*before, ("edge-1", signed(7, 5))])) == 1


def test_after_a_crash_an_edge_may_state_what_all_others_have_forgotten() -> None:
    facts = [*stored(0, 1, backup=True), ("edge-1", durable(0, 1)), ("earth", acked(2, 2))]
    assert broken(watched(NoEquivocation, [*facts, ("edge-1", DOWN), ("edge-1", sealed(0))])) == 0
    assert broken(watched(NoEquivocation, [*facts, ("edge-1", sealed(0))])) == 1


def test_a_node_without_a_medium_has_nothing_to_state_again_however_much_is_forgotten() -> None:
    """Bug 17 in a long run: a device that begins again at 0 when all that it had signed there is backed up."""
    facts = [*stored(0, 1, backup=True), ("edge-1", durable(0, 1)), ("earth", acked(2, 2))]
    assert broken(watched(NoEquivocation, [*facts, (MONITOR, DOWN), (MONITOR, sealed(0, leaf(9)))])) == 1
