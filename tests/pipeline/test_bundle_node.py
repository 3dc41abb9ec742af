"""Bundle nodes by hand: source, relay and destination over a plan of three nodes, with loss, repeats and forgeries."""

from __future__ import annotations

import pytest
from pipeline_parts import LIFETIME, T0, S, contact, facts, of, signed_by, signer, timers, verifier, why_rejected

from twin.pipeline.facts import PayloadDelivered, Rejected
from twin.pipeline.machine import (
    BundleArrived,
    Deliver,
    LinkChanged,
    Offered,
    PlanChanged,
    SamplesReady,
    TimerFired,
    Transmit,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.transport.bundle_node import BundleNode, FlowSettings, NodeSettings
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.wire.bundle import decode as decode_bundle
from twin.pipeline.wire.crc import crc32c
from twin.pipeline.wire.messages import FlowAck, Hello, decode, encode

A, B, C = "a", "b", "c"
ENDPOINTS = {A: (1, 0), B: (2, 0), C: (3, 0)}
END = T0 + 100_000 * S
LIGHT = 10 * S
FLOW = 7


def chain(*, back: bool = True) -> ContactPlan:
    pairs = [(A, B), (B, C)] + ([(C, B), (B, A)] if back else [])
    return ContactPlan([contact(x, y, T0, END, owlt_us=LIGHT) for x, y in pairs])


def node(name: str, payloads: int = 6, ack_every: int = 3, plan: ContactPlan | None = None) -> BundleNode:
    flow = FlowSettings(FLOW, A, C, payloads, ack_every, verifier(C))
    address = Address(ENDPOINTS[name], LIFETIME)
    return BundleNode(NodeSettings(name, plan or chain(), address, ENDPOINTS, (flow,), signer(name), 5 * S, 2 * S))


def payload(index: int) -> bytes:
    return bytes([65 + index]) * 20


def left(machine: BundleNode, effects, now_us: int = T0) -> list[bytes]:
    """Let everything in these effects, and what follows it, leave the antenna; the bundles."""
    sent, more = [], of(effects, Transmit)
    while more:
        transmit = more.pop(0)
        sent.append(transmit.data)
        more += of(machine.handle(Transmitted(transmit.id, transmit.neighbour), now_us), Transmit)
    return sent


def offered(source: BundleNode, count: int, first: int = 0) -> list[bytes]:
    """Bundles of the next payloads."""
    return [
        data
        for index in range(first, first + count)
        for data in left(source, source.handle(Offered(FLOW, payload(index)), T0))
    ]


def arrive(machine: BundleNode, bundles, source: str = B, now_us: int = T0):
    return [effect for data in bundles for effect in machine.handle(BundleArrived(source, data), now_us)]


def acks_in(bundles) -> list[FlowAck]:
    return [decode(decode_bundle(data).payload) for data in bundles]


def delivered(effects) -> list[tuple[int, bytes]]:
    return [(effect.index, effect.payload) for effect in of(effects, Deliver)]


def run_crc(count: int) -> int:
    value = 0
    for index in range(count):
        value = crc32c(payload(index), value)
    return value


def test_payloads_arrive_in_order_and_every_full_group_is_acked_and_the_last_one():
    source, destination = node(A, payloads=7), node(C, payloads=7)
    effects = arrive(destination, offered(source, 7))
    assert delivered(effects) == [(index, payload(index)) for index in range(7)]
    acks = acks_in(left(destination, effects))
    assert [(ack.flow, ack.verified, ack.checksum) for ack in acks] == [(FLOW, n, run_crc(n)) for n in (3, 6, 7)]
    assert [ack.counter for ack in acks] == [0, 1, 2]
    assert facts(effects, PayloadDelivered)[-1].checksum == run_crc(7)


def test_an_ack_ends_custody():
    source, destination = node(A), node(C)
    bundles = offered(source, 6)
    assert source.custody == 6
    acks = left(destination, arrive(destination, bundles))
    arrive(source, acks[:1])
    assert source.custody == 3
    arrive(source, acks[1:])
    assert source.custody == 0


def test_a_relay_passes_bytes_on_as_they_came():
    relay = node(B)
    bundles = offered(node(A), 3)
    assert left(relay, arrive(relay, bundles, A)) == bundles


def test_a_relay_keeps_bundles_until_the_next_contact():
    opens = T0 + 500 * S
    relay = node(B, plan=ContactPlan([contact(A, B, T0, END), contact(B, C, opens, END)]))
    bundles = offered(node(A), 2)
    effects = arrive(relay, bundles, A)
    assert of(effects, Transmit) == []
    assert timers(effects) == {"contact:c": opens}
    assert left(relay, relay.handle(TimerFired("contact:c"), opens), opens) == bundles


def test_payloads_ahead_of_a_gap_are_held_back():
    destination = node(C)
    first, second, third = offered(node(A), 3)
    assert delivered(arrive(destination, [third, second])) == []
    assert [index for index, _ in delivered(arrive(destination, [first]))] == [0, 1, 2]


def test_a_repeat_is_delivered_once_and_acked_again():
    """The source has not heard: its ack was lost."""
    source, destination = node(A), node(C)
    bundles = offered(source, 3)
    left(destination, arrive(destination, bundles))
    effects = arrive(destination, bundles[2:])
    assert delivered(effects) == []
    (again,) = acks_in(left(destination, effects))
    assert (again.verified, again.counter) == (3, 1)


ANSWER = 4 * LIGHT + 5 * S + 2 * S
"""Light out and back over two hops, turnaround, margin; airtimes come on top, below a second."""


def test_a_group_whose_ack_is_overdue_is_sent_again_in_new_bundles():
    source = node(A)
    first = offered(source, 3)
    due = source.handle(TimerFired(f"overdue:{FLOW}"), T0 + ANSWER)
    assert of(due, Transmit) == [], "not yet due"
    (at_us,) = timers(due).values()
    assert T0 + ANSWER < at_us < T0 + ANSWER + S
    again = left(source, source.handle(TimerFired(f"overdue:{FLOW}"), at_us), at_us)
    assert [decode_bundle(data).payload for data in again] == [decode_bundle(data).payload for data in first]
    assert not set(again) & set(first)


def repeated(source: BundleNode, at_us: int) -> tuple[set[int], int]:
    """Indices that are sent again when the timer of the flow is due, and when it is due again."""
    effects = source.handle(TimerFired(f"overdue:{FLOW}"), at_us)
    due, more, indices = timers(effects), of(effects, Transmit), set()
    while more:
        transmit = more.pop(0)
        indices.add(int.from_bytes(decode_bundle(transmit.data).payload[:8], "big"))
        effects = source.handle(Transmitted(transmit.id, transmit.neighbour), at_us)
        more += of(effects, Transmit)
        due |= timers(effects)
    return indices, due[f"overdue:{FLOW}"]


def test_a_group_that_keeps_missing_goes_alone_until_it_is_acked():
    """Acks are cumulative: of what lies behind it nothing can be heard, and it may need the room of those."""
    source, destination = node(A), node(C)
    bundles = offered(source, 6)
    due_us, rounds = T0 + ANSWER, []
    for _ in range(6):
        indices, due_us = repeated(source, due_us + S)  # late enough for both groups
        rounds.append(indices)
    assert rounds == [{0, 1, 2, 3, 4, 5}] * 3 + [{0, 1, 2}] * 3
    (ack,) = left(destination, arrive(destination, bundles[:3]))
    effects = source.handle(BundleArrived(B, ack), due_us)
    assert repeated(source, timers(effects)[f"overdue:{FLOW}"])[0] == {3, 4, 5}


def test_the_wait_for_an_ack_is_as_long_after_many_rounds_in_vain():
    """The plan says when an ack can be home; a round is hours, and a wait that doubled would miss the last passes."""
    source = node(A)
    offered(source, 3)
    at_us, waits = T0 + ANSWER, set()
    for _ in range(8):
        at_us += S
        _, due_us = repeated(source, at_us)
        waits.add(round((due_us - at_us - ANSWER) / S))
        at_us = due_us
    assert waits == {0}


def test_an_incomplete_group_is_not_waited_for():
    source = node(A)
    effects = [source.handle(Offered(FLOW, payload(index)), T0) for index in range(2)]
    assert all(timers(part) == {} for part in effects)


def test_no_timer_runs_where_no_way_back_is_planned():
    source = node(A, plan=chain(back=False))
    effects = source.handle(Offered(FLOW, payload(0)), T0)
    for index in (1, 2):
        source.handle(Offered(FLOW, payload(index)), T0)
    while of(effects, Transmit):
        (transmit,) = of(effects, Transmit)
        effects = source.handle(Transmitted(transmit.id, B), T0)
    assert timers(effects) == {}


def test_a_transmission_that_failed_goes_first_after_a_pause():
    source = node(A)
    effects = source.handle(Offered(FLOW, payload(0)), T0)
    source.handle(Offered(FLOW, payload(1)), T0)
    (transmit,) = of(effects, Transmit)
    effects = source.handle(TransmitFailed(transmit.id, B, "no contact"), T0)
    assert of(effects, Transmit) == []
    assert timers(effects) == {"contact:b": T0 + 10 * S}
    (again,) = of(source.handle(TimerFired("contact:b"), T0 + 10 * S), Transmit)
    assert again.data == transmit.data


def test_an_unusable_antenna_holds_everything_back():
    source = node(A)
    source.handle(LinkChanged(B, False), T0)
    assert of(source.handle(Offered(FLOW, payload(0)), T0), Transmit) == []
    assert len(of(source.handle(LinkChanged(B, True), T0 + S), Transmit)) == 1


def test_a_destination_that_no_contact_leads_to_is_said_to_be_so():
    source = node(A, plan=ContactPlan([contact(A, B, T0, END)]))
    assert why_rejected(source.handle(Offered(FLOW, payload(0)), T0)) == "no contact leads to c"
    assert source.custody == 1


def test_a_new_plan_opens_the_way():
    source = node(A, plan=ContactPlan([contact(A, B, END, END + S), contact(B, C, END, END + S)]))
    source.handle(Offered(FLOW, payload(0)), T0)
    assert len(of(source.handle(PlanChanged(chain()), T0), Transmit)) == 1


def flow_ack(verified: int, counter: int, checksum: int | None = None, key: str = C, flow: int = FLOW) -> bytes:
    unsigned = FlowAck(flow, verified, run_crc(verified) if checksum is None else checksum, counter)
    message = encode(signed_by(key, unsigned))
    return Mailer(Address(ENDPOINTS[C], LIFETIME)).bundle(ENDPOINTS[A], message, T0)


@pytest.mark.parametrize(
    ("ack", "reason"),
    [
        (flow_ack(3, 5, checksum=1), "checksum differs from what was sent"),
        (flow_ack(3, 5, key="stranger"), "signature"),
        (flow_ack(3, 2), "unknown flow, old, or beyond what was sent"),
        (flow_ack(7, 5), "unknown flow, old, or beyond what was sent"),
        (flow_ack(0, 5), "unknown flow, old, or beyond what was sent"),
        (flow_ack(3, 5, flow=8), "unknown flow, old, or beyond what was sent"),
    ],
    ids=["checksum", "signature", "old counter", "beyond", "nothing", "another flow"],
)
def test_an_ack_that_proves_nothing_ends_no_custody(ack, reason):
    source = node(A)
    offered(source, 6)
    arrive(source, [flow_ack(2, 2)])
    assert source.custody == 4
    assert why_rejected(arrive(source, [ack])) == reason
    assert source.custody == 4


@pytest.mark.parametrize("damage", ["cut", "flipped", "expired", "no message"])
def test_a_bundle_that_is_none_is_counted(damage):
    source = node(A)
    offered(source, 3)
    good = flow_ack(3, 0)
    now_us = T0
    if damage == "cut":
        good = good[:-1]
    elif damage == "flipped":
        good = good[:30] + bytes([good[30] ^ 1]) + good[31:]
    elif damage == "expired":
        now_us = T0 + LIFETIME + S
    else:
        good = Mailer(Address(ENDPOINTS[C], LIFETIME)).bundle(ENDPOINTS[A], encode(Hello((1, 2))), T0)
    assert facts(arrive(source, [good], now_us=now_us), Rejected)
    assert source.custody == 3


def test_a_payload_beyond_the_flow_is_refused():
    destination = node(C, payloads=2)
    bundles = offered(node(A, payloads=9), 5)
    effects = arrive(destination, bundles[4:])
    assert why_rejected(effects) == "index 4 of a flow of 2"


def test_an_event_of_another_machine_is_refused():
    assert why_rejected(node(A).handle(SamplesReady(0, ()), T0)) == "not an event of a bundle node"
