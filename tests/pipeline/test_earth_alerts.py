"""Alerts on Earth: acted on at durable arrival, stored once, told at least once, acknowledged back to who brought
them.
"""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_parts import (
    EARTH,
    EDGE,
    EDGE_DEVICES,
    ENDPOINTS,
    LIFETIME,
    PEER,
    T0,
    Author,
    S,
    facts,
    frames_bundle,
    gateway_in_clear,
    gateway_settings,
    of,
    payloads,
    timers,
    verifier,
    why_rejected,
)

from twin.pipeline.facts import AlertActedOn
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
    BundleArrived,
    HeadWritten,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    RowsWritten,
    Started,
    StoreRefused,
    StoreSilent,
    SurgeonAcknowledged,
    SurgeonHeard,
    TellSurgeon,
    TimerFired,
    Transmit,
    Transmitted,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.nodes.stored import Stored, StoredAlert
from twin.pipeline.transport.mailer import Address, Mailer
from twin.pipeline.wire.frame import ALERT, peek_record
from twin.pipeline.wire.identity import AlertKey
from twin.pipeline.wire.messages import Acks, ReceiptsTaken, decode, encode, signed_part

KEY = AlertKey(1, 1000, 7, "spo2 low")


def gateway(stored: Stored | None = None) -> tuple[Gateway, list[Any]]:
    machine = gateway_in_clear(gateway_settings(), stored or Stored())
    return machine, machine.handle(Started(bytes(32)), T0)


def edge(name: str = EDGE) -> Author:
    return Author(EDGE_DEVICES[name], name)


def arrive(machine: Gateway, frames: list[bytes], name: str = EDGE) -> list[Any]:
    return machine.handle(BundleArrived(name, frames_bundle(frames, name)), T0)


def durable(machine: Gateway, effects: list[Any]) -> list[Any]:
    """The table takes the rows that were asked for; what follows."""
    (write,) = of(effects, WriteRows)
    return machine.handle(RowsWritten(write.id, ()), T0)


def told(machine: Gateway, name: str = EDGE) -> list[Any]:
    """An edge's alert comes, is put, told and marked; everything since it was put."""
    (put,) = of(durable(machine, arrive(machine, [edge(name).alert(KEY)], name)), PutAlert)
    effects = machine.handle(AlertPut(put.id, True, False), T0)
    (tell,) = of(effects, TellSurgeon)
    effects += machine.handle(AlertTold(tell.id), T0)
    (mark,) = of(effects, MarkAlertTold)
    return effects + machine.handle(AlertMarked(mark.id), T0)


def acknowledged(machine: Gateway) -> list[Any]:
    (mark,) = of(machine.handle(SurgeonAcknowledged(KEY), T0), MarkAlertAcknowledged)
    return machine.handle(AlertMarked(mark.id), T0)


def receipts(effects: list[Any]) -> list[Any]:
    return [decode(raw) for message in payloads(effects) if isinstance(message, Acks) for raw in message.receipts]


def delay_over(machine: Gateway, name: str = EDGE, now_us: int = T0 + 2 * S) -> list[Any]:
    effects = machine.handle(TimerFired(f"ack:{name}"), now_us)
    for transmit in of(effects, Transmit):
        machine.handle(Transmitted(transmit.id, name), now_us)
    return effects


def test_an_alert_is_put_when_its_row_is_durable_although_rows_before_it_are_missing():
    machine, _ = gateway()
    author = edge()
    author.seal()
    effects = arrive(machine, [author.alert(KEY)])
    assert of(effects, PutAlert) == []
    (put,) = of(durable(machine, effects), PutAlert)
    assert put.alert == KEY
    effects = machine.handle(AlertPut(put.id, True, False), T0)
    assert facts(effects, AlertActedOn) == [AlertActedOn(KEY, True)]
    assert [tell.text for tell in of(effects, TellSurgeon)] == ["SpO2 low"]


def test_the_head_moves_past_an_alert_only_when_the_alert_table_holds_it():
    """Else a crash in between would lose it: Mars would take the row for done."""
    machine, _ = gateway()
    effects = durable(machine, arrive(machine, [edge().alert(KEY)]))
    assert of(effects, WriteHead) == []
    (put,) = of(effects, PutAlert)
    assert [head.size for head in of(machine.handle(AlertPut(put.id, True, False), T0), WriteHead)] == [1]


def test_an_alert_whose_row_a_leader_before_stored_is_put_and_told_after_a_restart():
    """Its edge may have lost the row, with its medium, for good."""
    frame = edge().alert(KEY)
    machine, effects = gateway(Stored(beyond=((peek_record(frame), frame),)))
    assert of(effects, WriteHead) == []
    (put,) = of(effects, PutAlert)
    effects = machine.handle(AlertPut(put.id, True, False), T0)
    assert [tell.alert for tell in of(effects, TellSurgeon)] == [KEY]
    assert [head.size for head in of(effects, WriteHead)] == [1]


def test_alerts_are_written_before_everything_that_waits():
    machine, _ = gateway()
    bulk = Author(1, "device-1")
    (write,) = of(arrive(machine, [bulk.seal()]), WriteRows)
    machine.handle(StoreRefused(write.id, "throttled"), T0)
    arrive(machine, [bulk.seal() for _ in range(30)])
    arrive(machine, [edge().alert(KEY)])
    first = of(machine.handle(TimerFired("retry"), T0 + S), WriteRows)[0]
    assert first.rows[0][0].device == EDGE_DEVICES[EDGE]


@pytest.mark.parametrize("outcome", [StoreRefused(0, "throttled"), StoreSilent(0)], ids=lambda o: type(o).__name__)
def test_an_alert_that_was_not_put_is_put_again_under_the_same_key(outcome):
    machine, _ = gateway()
    (put,) = of(durable(machine, arrive(machine, [edge().alert(KEY)])), PutAlert)
    assert timers(machine.handle(outcome._replace(id=put.id), T0)) == {"retry": T0 + 50_000}
    assert of(machine.handle(TimerFired("retry"), T0 + 50_000), PutAlert) == [put]


def test_the_second_edge_that_brings_an_alert_has_it_told_no_second_time():
    machine, _ = gateway()
    told(machine)
    (put,) = of(durable(machine, arrive(machine, [edge(PEER).alert(KEY)], PEER)), PutAlert)
    effects = machine.handle(AlertPut(put.id, False, True), T0)
    assert facts(effects, AlertActedOn) == [AlertActedOn(KEY, False)]
    assert of(effects, TellSurgeon) == []


def test_a_channel_that_names_a_time_is_left_alone_so_long_and_one_that_does_not_ever_longer():
    machine, _ = gateway()
    (put,) = of(durable(machine, arrive(machine, [edge().alert(KEY)])), PutAlert)
    (tell,) = of(machine.handle(AlertPut(put.id, True, False), T0), TellSurgeon)
    waits = []
    for asked_us in (90 * S, 0, 0, 0):
        waits.append(timers(machine.handle(AlertNotTold(tell.id, asked_us), T0))["surgeon"] - T0)
        (tell,) = of(machine.handle(TimerFired("surgeon"), T0), TellSurgeon)
    assert waits == [90 * S, 10 * S, 20 * S, 40 * S]


def test_an_alert_that_was_put_and_not_told_is_told_after_a_restart():
    frame = edge().alert(KEY)
    _, effects = gateway(Stored(alerts=(StoredAlert(KEY, frame, False, None, (EDGE_DEVICES[EDGE],)),)))
    assert [tell.alert for tell in of(effects, TellSurgeon)] == [KEY]


def test_an_acknowledgement_is_settled_with_the_channel_and_sent_only_when_it_is_noted():
    machine, _ = gateway()
    told(machine)
    effects = machine.handle(SurgeonAcknowledged(KEY), T0 + S)
    assert of(effects, SurgeonHeard) == []
    assert receipts(delay_over(machine)) == []
    (mark,) = of(effects, MarkAlertAcknowledged)
    assert mark.at_us == T0 + S
    assert of(machine.handle(AlertMarked(mark.id), T0 + 3 * S), SurgeonHeard) == [SurgeonHeard(KEY)]
    (receipt,) = receipts(delay_over(machine, now_us=T0 + 5 * S))
    assert (receipt.alert, receipt.at_us) == (KEY, T0 + S)
    assert verifier(EARTH).verify(signed_part(receipt), receipt.signature)


def test_an_acknowledgement_of_an_alert_that_a_leader_before_told_of_is_noted_before_the_channel_hears():
    machine, _ = gateway()
    effects = machine.handle(SurgeonAcknowledged(KEY), T0)
    assert of(effects, SurgeonHeard) == []
    (mark,) = of(effects, MarkAlertAcknowledged)
    assert of(machine.handle(AlertMarked(mark.id), T0), SurgeonHeard) == [SurgeonHeard(KEY)]


def test_a_receipt_goes_to_every_edge_that_brought_the_alert_a_late_one_too():
    machine, _ = gateway()
    told(machine)
    acknowledged(machine)
    assert [receipt.alert for receipt in receipts(delay_over(machine))] == [KEY]
    (put,) = of(durable(machine, arrive(machine, [edge(PEER).alert(KEY)], PEER)), PutAlert)
    machine.handle(AlertPut(put.id, False, True, T0), T0)
    assert [receipt.alert for receipt in receipts(delay_over(machine, PEER))] == [KEY]


def test_a_receipt_comes_again_when_an_answer_could_have_come_and_never_after_it_came():
    machine, _ = gateway()
    told(machine)
    acknowledged(machine)
    assert receipts(delay_over(machine))
    assert timers(machine.handle(TimerFired("backup"), T0 + 600 * S)).keys() == {"backup"}, "too early for an answer"
    assert f"ack:{EDGE}" in timers(machine.handle(TimerFired("backup"), T0 + 3600 * S))
    assert receipts(delay_over(machine, now_us=T0 + 3602 * S))
    taken = Mailer(Address(ENDPOINTS[EDGE], LIFETIME)).bundle(ENDPOINTS[EARTH], encode(ReceiptsTaken((KEY,))), T0)
    (mark,) = of(machine.handle(BundleArrived(EDGE, taken), T0 + 3700 * S), MarkReceiptTaken)
    assert (mark.alert, mark.device) == (KEY, EDGE_DEVICES[EDGE])
    machine.handle(AlertMarked(mark.id), T0 + 3700 * S)
    assert timers(machine.handle(TimerFired("backup"), T0 + 7200 * S)).keys() == {"backup"}


def test_receipts_that_are_owed_are_sent_after_a_restart():
    frame = edge().alert(KEY)
    machine, effects = gateway(Stored(alerts=(StoredAlert(KEY, frame, True, T0, (EDGE_DEVICES[PEER],)),)))
    assert of(effects, TellSurgeon) == []
    assert [receipt.alert for receipt in receipts(delay_over(machine, PEER))] == [KEY]


def test_an_alert_that_no_edge_signed_or_that_says_nothing_is_not_stored():
    machine, _ = gateway()
    assert why_rejected(arrive(machine, [Author(1, "device-1").alert(KEY)])) == "an alert that no edge signed"
    assert "alert" in why_rejected(arrive(machine, [edge().seal(b"\x80", ALERT)]))


def test_a_gateway_that_is_fenced_tells_nobody_of_anything():
    machine, _ = gateway()
    told(machine)
    effects = arrive(machine, [Author(1, "device-1").seal()])
    (head,) = of(durable(machine, effects), WriteHead)
    machine.handle(HeadWritten(head.id, False), T0)
    assert machine.handle(SurgeonAcknowledged(KEY), T0) == []
    assert arrive(machine, [edge(PEER).alert(KEY)], PEER) == []
