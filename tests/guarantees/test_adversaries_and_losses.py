"""anti_replay, monotonic_reads, recovery and bounded_resources by hand-made traces."""

import pytest
from traces import (
    DEVICE,
    EPOCH,
    MONITOR,
    NOTHING,
    STREAM,
    acked,
    always,
    broken,
    leaf,
    record,
    row,
    sealed,
    stored,
    timed,
    watched,
)

from twin.guarantees.anti_replay import AntiReplay
from twin.guarantees.bounded_resources import BoundedResources, Limits
from twin.guarantees.reader_rules import MonotonicReads
from twin.guarantees.recovery import Recovery
from twin.guarantees.truth import Truth
from twin.pipeline.facts import Accepted, AckLearned, Adopted, AlarmRaised, Attested, BundleSent, Trimmed
from twin.pipeline.wire.identity import AlertKey
from twin.scenario.bounds import parse_bound
from twin.trace import (
    AlertStored,
    Crashed,
    HeadVisible,
    Injected,
    MadeDurable,
    MediumHolds,
    Radiated,
    ReaderSaw,
    StoreRestored,
)

FORGED = ("world", Injected("frame_forgery", "local", leaf(99)))
REPLAYED = ("world", Injected("frame_replay", "local", leaf(0)))
STALE_KEY = ("world", Injected("bundle_forgery", "down", leaf(98)))
DOWN = Crashed(0, 0)


def carried(index: int, found: bytes) -> BundleSent:
    return BundleSent((1, 1, 1), "earth", ((record(index), found),), 0)


# ---------------------------------------------------------------- anti_replay


def test_what_is_injected_and_ignored_is_counted_and_checked() -> None:
    checker = watched(AntiReplay, [*stored(0), FORGED, REPLAYED, STALE_KEY, ("earth", row(0, None, leaf(0)))])
    assert (broken(checker), checker.checked) == (0, 3)
    assert checker.verdict(True).reason == "every check passed; 1 bundle_forgery, 1 frame_forgery, 1 frame_replay"
    assert watched(AntiReplay, stored(0)).verdict(False).verdict == "not_applicable"


@pytest.mark.parametrize("fact", [
    ("earth", row(0, leaf(99))), ("earth", row(0, leaf(98), store="backup")), ("edge-1", carried(0, leaf(99))),
    ("edge-1", Accepted(STREAM, 0, 2)), ("auditor", Attested(STREAM, 2, b"")),
    ("edge-1", AlarmRaised(AlertKey(DEVICE, EPOCH, 1, "x"), 0, 3)), (MONITOR, sealed(1, leaf(99))),
])  # fmt: skip
def test_a_forgery_with_an_effect_breaks_it(fact: tuple[str, tuple[object, ...]]) -> None:
    assert broken(watched(AntiReplay, [*stored(0), FORGED, STALE_KEY, fact])) == 1


def learned(verified: int, trim: int, term: int = 1, node: str = "edge-1") -> tuple[str, AckLearned]:
    return node, AckLearned(STREAM, verified, trim, term)


def test_a_replayed_ack_moves_no_knowledge_backwards() -> None:
    first = learned(5, 3)
    assert broken(watched(AntiReplay, [first, learned(5, 3), learned(7, 3), learned(3, 3, node="edge-2")])) == 0
    for back in (learned(4, 3), learned(6, 2), learned(9, 9, term=0), learned(4, 2, term=2)):
        assert broken(watched(AntiReplay, [first, back])) == 1
    assert broken(watched(AntiReplay, [first, learned(4, 3, term=2)])) == 0  # Earth lost its store
    assert broken(watched(AntiReplay, [first, ("edge-1", DOWN), learned(4, 2)])) == 0  # the edge its memory
    assert broken(watched(AntiReplay, [first, ("edge-2", DOWN), learned(4, 2)])) == 1


def test_a_replayed_alert_makes_no_second_row() -> None:
    alert = (DEVICE, EPOCH, 0, "x")
    assert broken(watched(AntiReplay, [("earth", AlertStored(alert, again)) for again in (False, True, True)])) == 0
    assert broken(watched(AntiReplay, [("earth", AlertStored(alert, False))] * 2)) == 1


# ---------------------------------------------------------------- monotonic_reads


def saw(size: int, term: int = 1, session: int = 1) -> tuple[str, ReaderSaw]:
    return "reader", ReaderSaw(session, tuple(STREAM), term, size)


SEEN = [*stored(0, 1, 2, backup=True), ("earth", HeadVisible(tuple(STREAM), 3, 1)), ("earth", acked(3, 1))]


def test_a_session_goes_forward_and_sessions_are_apart() -> None:
    checker = watched(MonotonicReads, [*SEEN, saw(2), saw(2), saw(3), saw(2, 1, 2), saw(2, 2)])
    assert (broken(checker), checker.checked) == (0, 3)


@pytest.mark.parametrize("last", [saw(2), saw(3, 0), saw(0, 2), saw(4)])
def test_a_reader_that_sees_less_than_before_or_more_than_there_is_breaks_it(last: tuple[str, ReaderSaw]) -> None:
    assert broken(watched(MonotonicReads, [*SEEN, saw(3), last])) == 1


# ---------------------------------------------------------------- recovery


def recovery(truth: Truth) -> Recovery:
    return Recovery(truth, parse_bound("2 owlt + 2 contact_wait + 60 s"), lambda _: always(), NOTHING)


def visible(at_s: int, size: int, term: int = 1) -> tuple[int, str, HeadVisible]:
    return at_s, "table", HeadVisible(tuple(STREAM), size, term)


BEFORE = [(0, *fact) for fact in SEEN] + [visible(1, 3)]


def restored(*sizes: int, at_s: int = 10) -> list[tuple[int, str, StoreRestored]]:
    return [(at_s, "table", StoreRestored(tuple((*STREAM, size) for size in sizes)))]


def test_all_that_was_visible_is_visible_again_in_time() -> None:
    checker = timed(recovery, [*BEFORE, *restored(1), visible(100, 2, 2), visible(250, 3, 2)], end_s=9000)
    verdict = checker.verdict(True)
    assert (broken(checker), verdict.observed, verdict.bound) == (0, 240.0, 260.0)
    assert sum(value for _, value in verdict.terms) == verdict.bound
    assert broken(timed(recovery, [*BEFORE, *restored(1), visible(300, 3, 2)], end_s=9000)) == 1


def test_what_never_comes_back_is_lost_or_pending() -> None:
    assert broken(timed(recovery, [*BEFORE, *restored(1), visible(100, 2, 2)], end_s=9000)) == 1
    early = timed(recovery, [*BEFORE, *restored(1), visible(100, 2, 2)], end_s=200)
    assert (broken(early), early.pending()) == (0, 1)
    unbound = lambda truth: Recovery(truth, None, lambda _: always(), NOTHING)  # noqa: E731
    assert broken(timed(unbound, [*BEFORE, *restored(1)], end_s=200)) == 1


def test_a_backup_with_less_than_mars_may_have_deleted_breaks_it() -> None:
    assert broken(timed(recovery, [*BEFORE, *restored(), visible(100, 3, 2)], end_s=9000)) == 1
    deleted = (5, "edge-1", Trimmed(STREAM, 2))
    assert broken(timed(recovery, [*BEFORE, deleted, *restored(1), visible(100, 3, 2)], end_s=9000)) == 1
    assert broken(timed(recovery, [*BEFORE, deleted, *restored(2), visible(100, 3, 2)], end_s=9000)) == 0


def test_what_was_destroyed_with_its_only_medium_before_earth_was_whole_again_is_listed() -> None:
    held = [(0, "edge-1", MadeDurable(((*STREAM, index),))) for index in range(3)]
    gone = [(5, MONITOR, Crashed(0, 0)), (6, "edge-1", MediumHolds(()))]
    checker = timed(recovery, [*BEFORE, *held, *gone, *restored(1)], end_s=9000)
    assert (broken(checker), checker.remark()) == (
        0,
        "2 rows cannot be seen again: Mars's last copy was destroyed before Earth's was whole",
    )
    word = [(0.5, "earth", acked(3)), (2, "edge-2", Adopted(STREAM, 3))]
    assert (
        broken(
            timed(recovery, [*BEFORE[:-1], *word[:1], *held, visible(1, 3), *word[1:], *gone, *restored(1)], end_s=9000)
        )
        == 0
    )
    assert broken(timed(recovery, [*BEFORE, *held, gone[1], *restored(1)], end_s=9000)) == 1, "its device has it"
    assert broken(timed(recovery, [*BEFORE, *held, gone[0], *restored(1)], end_s=9000)) == 1, "its edge has it"


def test_a_second_loss_does_not_forgive_the_first() -> None:
    twice = [*restored(1), *restored(1, at_s=200)]
    assert broken(timed(recovery, [*BEFORE, *twice, visible(280, 3, 3)], end_s=9000)) == 1


# ---------------------------------------------------------------- bounded_resources


def resources(truth: Truth) -> BoundedResources:
    return BoundedResources(truth, Limits(2, 4.0, 3, 3), {MONITOR: DEVICE}, "earth")


def durable(*indices: int) -> tuple[str, MadeDurable]:
    return "edge-1", MadeDurable(tuple(tuple(record(index)) for index in indices))


FOUR = [(MONITOR, sealed(index)) for index in range(4)]


def test_what_a_device_keeps_is_bounded_and_trimming_makes_room() -> None:
    assert broken(watched(resources, FOUR[:3])) == 0
    assert broken(watched(resources, FOUR)) == 1
    trimmed = (MONITOR, Trimmed(STREAM, 1))
    assert broken(watched(resources, [*FOUR[:3], trimmed, FOUR[3]])) == 0
    assert broken(watched(resources, [*FOUR[:3], (MONITOR, DOWN), FOUR[3]])) == 0


def test_what_an_edge_keeps_is_bounded() -> None:
    assert broken(watched(resources, [durable(0, 1, 2)])) == 0
    assert broken(watched(resources, [durable(0, 1, 2, 3)])) == 1
    assert broken(watched(resources, [durable(0, 1), ("edge-1", Trimmed(STREAM, 2)), durable(2, 3, 4)])) == 0
    assert broken(watched(resources, [durable(0, 1), ("edge-1", MediumHolds(())), durable(0, 1, 2)])) == 0
    assert broken(watched(resources, [("edge-1", Adopted(STREAM, 50)), durable(50, 51, 52)])) == 0
    assert broken(watched(resources, [("edge-1", Adopted(STREAM, 50)), durable(50, 51, 52, 53)])) == 1


def flown(at_s: int, edge: str) -> list[tuple[int, str, tuple[object, ...]]]:
    return [(at_s, edge, carried(0, leaf(0))), (at_s, edge, Radiated(f"{edge}->earth", b"a bundle"))]


def test_retransmissions_of_a_record_are_bounded_per_edge() -> None:
    sends = [*flown(1, "edge-1"), *flown(2, "edge-1"), *flown(3, "edge-1")]
    assert broken(timed(resources, [*sends, *flown(4, "edge-2")])) == 0
    checker = timed(resources, [*sends, *flown(4, "edge-1")])
    assert broken(checker) == 1
    verdict = checker.verdict(True)
    assert (verdict.observed, verdict.bound, verdict.unit) == (3.0, 2.0, "retransmissions")


def test_what_a_node_still_holds_is_counted_whatever_earth_says_and_what_it_trimmed_is_not() -> None:
    """A sender that hears no ack makes Earth say them again and again."""
    rows = [(0, MONITOR, sealed(0)), (0, "t", row(0)), (0, "b", row(0, store="backup"))]
    again = [fact for at_s in range(1, 5) for fact in (*flown(at_s, "edge-1"), (at_s, "earth", acked(1, 1)))]
    assert broken(timed(resources, [*rows, *again])) == 1
    trimmed = [(3, "edge-1", Trimmed(STREAM, 1))]
    assert broken(timed(resources, [*rows, *again[:6], *trimmed, *again[6:]])) == 0


def test_a_bundle_that_never_left_is_no_retransmission() -> None:
    in_vain = [(at_s, "edge-1", carried(0, leaf(0))) for at_s in range(10, 60, 10)]
    checkpoint = (65, "edge-1", Radiated("edge-1->earth", b"mail"))
    assert broken(timed(resources, [*flown(1, "edge-1"), *in_vain, checkpoint])) == 0


def test_the_wire_carries_no_more_than_its_share_of_what_was_signed() -> None:
    large = (MONITOR, sealed(0)._replace(size_bytes=100_000))
    down = [("edge-1", Radiated("edge-1->earth", bytes(100_000)))] * 4
    up = ("earth", Radiated("earth->edge-1", bytes(900_000)))
    assert broken(watched(resources, [large, *down, up])) == 0
    assert broken(watched(resources, [large, *down, down[0]])) == 1
    assert broken(watched(resources, down)) == 0  # too little was signed to say
