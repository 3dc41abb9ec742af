"""The same mission thirteen years later, under the same sky: equal but for the instants that are content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plain_content import HOP_KEYS, Plain
from transcripts import START, Life, chain, habitat, said, transcript

from twin.experiments import habitat as builder
from twin.experiments import sky_plan
from twin.network.planner import DirectToEarthRequest
from twin.pipeline.facts import AlarmRaised, EpochClosed, ReceiptLearned
from twin.pipeline.machine import Annunciate, BundleArrived, Effect, Event
from twin.pipeline.transport.bundle_node import BundleNode
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.world.timescales import utc_to_us

LATER = "2046-11-02T05:17:57.001Z"
SHIFT_US = utc_to_us(LATER) - utc_to_us(START)
PLAIN_CHAIN = Plain(SHIFT_US, signature_bytes=64, opaque=False)
PLAIN_HABITAT = Plain(SHIFT_US, signature_bytes=64, opaque=True)


@pytest.fixture
def same_sky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives whatever starts later the contacts and the local time of `START`."""
    plan_then, lmst_then = sky_plan.plan_direct_to_earth, builder.lmst_h

    def plan(request: DirectToEarthRequest) -> ContactPlan:
        ahead_us = SHIFT_US if request.span[0] >= utc_to_us(LATER) else 0
        span = (request.span[0] - ahead_us, request.span[1] - ahead_us)
        contacts = plan_then(request._replace(span=span)).contacts
        return ContactPlan(
            contact._replace(
                start_us=contact.start_us + ahead_us,
                end_us=contact.end_us + ahead_us,
                owlt=tuple((at_us + ahead_us, owlt_us) for at_us, owlt_us in contact.owlt),
            )
            for contact in contacts
        )

    def lmst_h(at_us: int, longitude_deg: float) -> float:
        return lmst_then(at_us - SHIFT_US if at_us >= utc_to_us(LATER) else at_us, longitude_deg)

    monkeypatch.setattr(sky_plan, "plan_direct_to_earth", plan)
    monkeypatch.setattr(builder, "lmst_h", lmst_h)


def differences(now: list[Life], later: list[Life], plain: Plain) -> list[str]:
    """Where the later run differs by more than its clock."""
    unshifted = Plain(0, plain._signature_bytes, plain._opaque)
    assert [(life.node, len(life.calls)) for life in now] == [(life.node, len(life.calls)) for life in later]
    found = []
    for one, other in zip(now, later, strict=True):
        for number, (here, there) in enumerate(zip(one.calls, other.calls, strict=True)):
            assert here.now_us + SHIFT_US == there.now_us, f"{one.node}, event {number}"
            for a, b in zip((here.event, *here.effects), (there.event, *there.effects), strict=True):
                if unshifted.value(a) != plain.value(b):
                    found.append(f"{one.node}, event {number}: {unshifted.value(a)} then, {plain.value(b)} later")
    return found


def test_bundle_nodes_know_no_date(tmp_path: Path) -> None:
    now = transcript(chain(), tmp_path / "now")
    later = transcript(chain(start=LATER), tmp_path / "later")
    assert differences(now, later, PLAIN_CHAIN) == []


@pytest.mark.usefixtures("same_sky")
def test_machines_of_a_habitat_know_no_date(tmp_path: Path) -> None:
    now = transcript(habitat(), tmp_path / "now")
    later = transcript(habitat(start=LATER), tmp_path / "later")
    assert differences(now, later, PLAIN_HABITAT) == []
    everything = said(now)
    assert {type(value) for value in everything} >= {AlarmRaised, Annunciate, ReceiptLearned, EpochClosed}
    bundles = [PLAIN_HABITAT.value(value.data) for value in everything if isinstance(value, BundleArrived)]
    assert {(what, key) for what, key, *_ in bundles} == {("sealed", key) for key in HOP_KEYS}


class KeepsOfficeHours(BundleNode):
    """A node that is slower in the second half of each hour: a decision taken from absolute time."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        effects: list[Any] = super().handle(event, now_us)
        late = now_us % 3_600_000_000 > 1_800_000_000
        return [e._replace(at_us=e.at_us + 1_000) if late and hasattr(e, "at_us") else e for e in effects]


def test_a_machine_that_looks_at_the_date_is_found_out(tmp_path: Path) -> None:
    runs = [transcript(chain(start=at), tmp_path / at[:4], node=KeepsOfficeHours) for at in (START, LATER)]
    with pytest.raises(AssertionError, match="event"):
        assert differences(*runs, PLAIN_CHAIN) == []
