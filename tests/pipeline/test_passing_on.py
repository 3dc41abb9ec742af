"""A relay by hand, and bundles of others whose extension blocks change on the way (RFC 9171 5.4)."""

from __future__ import annotations

import pytest
from pipeline_parts import LIFETIME, T0, S, contact, facts, of, signer, timers, why_rejected

from twin.pipeline.facts import BundleDropped, Rejected
from twin.pipeline.machine import BundleArrived, TimerFired, Transmit, TransmitFailed
from twin.pipeline.transport.bundle_node import BundleNode, NodeSettings
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address
from twin.pipeline.wire.blocks import DISCARD_BLOCK_IF_UNKNOWN
from twin.pipeline.wire.bundle import Block, Bundle, decode, encode
from twin.pipeline.wire.dtn_time import dtn_ms_from_us

ENDPOINTS = {"a": (1, 0), "b": (2, 0), "c": (3, 0)}
END = T0 + 100_000 * S
LIGHT = 10 * S
RATE_BPS = 8_000  # a byte takes a millisecond
PLAIN = Bundle((1, 0), (3, 7), (1, 0), dtn_ms_from_us(T0), 0, 10**7, bytes(960))
AGED = PLAIN._replace(created_ms=0, age_ms=100, lifetime_ms=10**6)


def relay(opens: int = T0, storage_bytes: int | None = None) -> BundleNode:
    spans = {("a", "b"): T0, ("b", "c"): opens}
    plan = ContactPlan([contact(*pair, start, END, RATE_BPS, LIGHT) for pair, start in spans.items()])
    address = Address(ENDPOINTS["b"], LIFETIME)
    return BundleNode(NodeSettings("b", plan, address, ENDPOINTS, (), signer("b"), 5 * S, 2 * S, storage_bytes))


def passed(bundle: Bundle, arrives: int = T0 + 60 * S, opens: int = T0) -> Bundle:
    """What a relay makes of a bundle that comes, and goes when the way on is open."""
    machine = relay(opens)
    effects = machine.handle(BundleArrived("a", encode(bundle)), arrives)
    if opens > arrives:
        assert of(effects, Transmit) == []
        effects = machine.handle(TimerFired("contact:c"), timers(effects)["contact:c"])
    (transmit,) = of(effects, Transmit)
    return decode(transmit.data)


def test_hops_are_counted_and_who_was_before_is_forgotten() -> None:
    bundle = PLAIN._replace(hop_limit=3, hop_count=1, previous_node=(1, 0))
    assert passed(bundle) == PLAIN._replace(hop_limit=3, hop_count=2)


def test_a_bundle_that_has_made_all_its_hops_is_deleted() -> None:
    effects = relay().handle(BundleArrived("a", encode(PLAIN._replace(hop_limit=2, hop_count=2))), T0 + 60 * S)
    assert why_rejected(effects) == "hop count: the bundle has made 2 of 2 hops; delete it"
    assert of(effects, Transmit) == []


def test_it_ages_by_airtime_light_time_and_what_it_waits() -> None:
    airtime_ms = len(encode(AGED))
    at_once, later = passed(AGED), passed(AGED, opens=T0 + 360 * S)
    assert at_once == AGED._replace(age_ms=100 + 10_000 + airtime_ms)
    assert later == AGED._replace(age_ms=100 + 10_000 + airtime_ms + 300_000)


def test_one_that_comes_where_no_contact_can_have_brought_it_ages_here_only() -> None:
    assert passed(AGED, arrives=T0 + S) == AGED


@pytest.mark.parametrize(("flags", "kept"), [(0, True), (DISCARD_BLOCK_IF_UNKNOWN, False)])
def test_an_unknown_block_stays_unless_it_asks_to_go(flags: int, kept: bool) -> None:
    block = Block(200, 5, flags, 2, b"who knows")
    assert passed(PLAIN._replace(extra=(block,))) == (PLAIN._replace(extra=(block,)) if kept else PLAIN)


def test_a_lifetime_by_age_ends_so_long_after_it_was_made() -> None:
    """1000 s of it, of which it had lived for 400 s and the way; it would have to wait for 1000 s more."""
    bundle = AGED._replace(age_ms=400_000)
    machine = relay(T0 + 1060 * S)
    effects = machine.handle(BundleArrived("a", encode(bundle)), T0 + 60 * S)
    assert [fact.reason for fact in facts(effects, BundleDropped)] == ["lifetime: no contacts are quick enough"]
    assert passed(bundle, opens=T0 + 600 * S).age_ms == 400_000 + 10_000 + 540_000 + len(encode(bundle))
    outlived = AGED._replace(age_ms=10**6 + 1)
    effects = relay().handle(BundleArrived("a", encode(outlived)), T0 + 60 * S)
    assert why_rejected(effects) == "bundle of 0 ms outlived its lifetime of 1000000 ms"


def test_an_age_that_no_number_can_say_is_refused() -> None:
    bundle = PLAIN._replace(age_ms=2**64 - 1)
    effects = relay().handle(BundleArrived("a", encode(bundle)), T0 + 60 * S)
    assert "bundle age" in why_rejected(effects)


def test_what_it_may_grow_to_is_kept_free_and_what_failed_is_older_when_it_goes_again() -> None:
    machine = relay(storage_bytes=10_000)
    effects = machine.handle(BundleArrived("a", encode(AGED)), T0 + 60 * S)
    (first,) = of(effects, Transmit)
    stored = machine._outbox._storage.used_bytes
    assert len(first.data) <= stored <= len(encode(AGED)) + 8
    failed = machine.handle(TransmitFailed(first.id, "c", "no contact"), T0 + 60 * S)
    (second,) = of(machine.handle(TimerFired("contact:c"), timers(failed)["contact:c"]), Transmit)
    assert decode(second.data).age_ms - decode(first.data).age_ms == 10_000
    assert len(second.data) <= stored == machine._outbox._storage.used_bytes


def test_it_is_no_matter_for_who_takes_the_bundle() -> None:
    bundle = PLAIN._replace(destination=(2, 7), hop_limit=2, hop_count=2)
    effects = relay().handle(BundleArrived("a", encode(bundle)), T0 + 60 * S)
    assert [fact.what for fact in facts(effects, Rejected)] == ["bundle"]
    assert "hop count" not in why_rejected(effects)  # no flow ends here, and no message is in it
