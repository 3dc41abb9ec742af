"""Which checkers a habitat scenario gets, in the order in which a reader meets them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from twin.experiments.disturbances import real_rates, slow_by_us
from twin.experiments.identities import AUDITOR, EARTH, DeviceIdentity
from twin.guarantees.alarm_truth import AlarmTruth, DeviceRules
from twin.guarantees.alarms_on_mars import AlarmsOnMars
from twin.guarantees.alert_latency import AlertLatency
from twin.guarantees.alerts_on_earth import AlertsOnEarth, EarthBound
from twin.guarantees.anti_replay import AntiReplay
from twin.guarantees.availability import Availability
from twin.guarantees.bounded_resources import BoundedResources, Limits
from twin.guarantees.clock_honesty import ClockHonesty
from twin.guarantees.confidentiality import Confidentiality
from twin.guarantees.conservation import Conservation
from twin.guarantees.convergence import Allowance, Convergence
from twin.guarantees.edge_rules import AppendOnly, Durability, NoEquivocation, SafeTrim
from twin.guarantees.flow_rules import NotApplicable
from twin.guarantees.integrity import Integrity, Mending
from twin.guarantees.loop_rules import FeedbackClosure, Freshness
from twin.guarantees.never_behind_bulk import NeverBehindBulk
from twin.guarantees.promises import Promises
from twin.guarantees.reader_rules import MonotonicReads
from twin.guarantees.receipts_on_mars import ReceiptsOnMars
from twin.guarantees.recovery import Recovery
from twin.guarantees.store_rules import ExactlyOnce, NoLoss, StreamOrder
from twin.guarantees.truth import Truth
from twin.guarantees.verdict import Checker
from twin.pipeline.transport.antenna import RETRY_US
from twin.pipeline.transport.contact_plan import Contact
from twin.scenario import guarantees as chosen
from twin.scenario.model import HabitatScenario
from twin.trace import Trace

NO_BOUND = "the scenario asks for no bound"
IN_TIME = (Integrity, Freshness, FeedbackClosure, AlertLatency, Recovery)
LOCAL_US = 1_000_000  # assumed: local hop, fsync and the wait behind a group commit, at most


class Habitat(NamedTuple):
    """What checkers must know of a habitat besides its scenario.

    Attributes:
        carriers: device id -> the edges that carry the device's stream; an edge carries its own stream of alerts.
        of: device id -> what the edges that carry it can use together, edges' own ids included.
        of_edge: edge name -> what that edge can use.
        signers: node name -> the id under which it signs records: devices, and edges for their alerts.
        rules: device node name -> the rules that its samples are held against; empty: none are known.
        secrets: what must not be heard between the planets.
        turnaround_us: Earth's processing allowance and ack delay.
        clock_errors_us: how far each node's clock may be off, at most.
        silence_us: longest time in which nothing could leave for Earth.
    """

    devices: Sequence[DeviceIdentity]
    carriers: Mapping[int, tuple[str, ...]]
    of: Callable[[int], Availability]
    of_edge: Mapping[str, Availability]
    signers: Mapping[str, int]
    rules: Mapping[str, DeviceRules]
    secrets: Sequence[bytes]
    turnaround_us: int
    clock_errors_us: Mapping[str, int]
    silence_us: int | None = None


def checkers_of(scenario: HabitatScenario, habitat: Habitat, trace: Trace) -> tuple[Truth, list[Checker]]:
    """The truth about a run and every checker of it, all of them watching the trace."""
    truth = Truth(habitat.signers)
    truth.watch(trace)
    alarms = AlarmTruth(habitat.rules)
    alarms.watch(trace)
    promises = Promises(truth, scenario.start_us, scenario.bounds_from_us)
    promises.watch(trace)
    of_all, constants_us = habitat.of, _constants_us(scenario, habitat.devices)
    habitat = habitat._replace(of=promises.of(of_all))
    of = habitat.of
    p = scenario.pipeline
    before_us = p.retry_local_us + p.bundle_wait_us + LOCAL_US
    allow = Allowance(scenario.convergence_rounds, before_us, habitat.turnaround_us, p.window_bytes)
    recovery = scenario.guarantee("recovery")
    bound = recovery.bound if isinstance(recovery, chosen.Recovery) else None
    checkers: list[Checker] = [
        Durability(truth),
        NoEquivocation(truth),
        NoLoss(truth),
        ExactlyOnce(truth),
        StreamOrder(truth),
        _integrity(scenario, truth, of, constants_us),
        AppendOnly(truth, tuple(habitat.of_edge)),
        Convergence(truth, of_all, allow),
        _freshness(scenario, truth, habitat, constants_us),
        _feedback(scenario, truth, habitat, constants_us),
        _alert_latency(scenario, truth, alarms, habitat, constants_us, promises),
        Recovery(truth, bound, of, constants_us),
        SafeTrim(truth),
        AntiReplay(truth),
        MonotonicReads(truth),
        ClockHonesty(truth, alarms),
        Confidentiality(habitat.secrets, [relay.name for relay in scenario.network.relays]),
        _resources(scenario, truth, habitat),
        Conservation(),
    ]
    for checker in checkers:
        checker.watch(trace)
        if isinstance(checker, IN_TIME):
            checker.from_when = promises.from_when
    truth.watch_last(trace)
    return truth, checkers


def _constants_us(scenario: HabitatScenario, devices: Sequence[DeviceIdentity]) -> dict[str, int]:
    """The variables of bounds that do not move."""
    p = scenario.pipeline
    return {
        "frame_period": max(d.sample_period_us * d.samples_per_frame for d in devices),
        "ack_delay": p.ack_delay_us,
        "far_end_allowance": p.far_end_allowance_us,
        "backup_period": p.backup_period_us,
        "scrub_period": p.scrub_period_us,
        "bundle_wait": p.bundle_wait_us,
    }


def _integrity(
    scenario: HabitatScenario, truth: Truth, of: Callable[[int], Availability], constants_us: Mapping[str, int]
) -> Integrity:
    choice = scenario.guarantee("integrity")
    if not isinstance(choice, chosen.Integrity):
        choice = chosen.Integrity(key="integrity")
    scrub_us = scenario.pipeline.scrub_period_us if choice.scrub_us is None else choice.scrub_us
    return Integrity(truth, Mending(AUDITOR, scrub_us, choice.bound, of, constants_us))


def _freshness(scenario: HabitatScenario, truth: Truth, habitat: Habitat, constants_us: Mapping[str, int]) -> Checker:
    choice = scenario.guarantee("freshness")
    if not isinstance(choice, chosen.Freshness):
        return NotApplicable("freshness", NO_BOUND)
    devices = frozenset(d.device for d in habitat.devices)
    return Freshness(truth, choice.bound, habitat.of, constants_us, devices)


def _feedback(
    scenario: HabitatScenario, truth: Truth, habitat: Habitat, constants_us: Mapping[str, int]
) -> FeedbackClosure:
    choice = scenario.guarantee("feedback_closure")
    bound = choice.bound if isinstance(choice, chosen.FeedbackClosure) else None
    return FeedbackClosure(truth, bound, habitat.of, constants_us, habitat.signers, EARTH)


def _alert_latency(
    scenario: HabitatScenario,
    truth: Truth,
    alarms: AlarmTruth,
    habitat: Habitat,
    constants_us: Mapping[str, int],
    promises: Promises,
) -> AlertLatency:
    choice = scenario.guarantee("alert_latency")
    checker = AlertLatency()
    checker.silence_us = habitat.silence_us
    # an edge whose clock is ahead finds a contact closed when it begins, and tries again after a while
    margins_us = {node: error_us + RETRY_US for node, error_us in habitat.clock_errors_us.items() if error_us}
    slow_us = partial(slow_by_us, scenario)
    checker.bulk = NeverBehindBulk(checker, habitat.of_edge, _one_bundle_each(scenario), margins_us, slow_us)
    default = chosen.AlertLatency(key="alert_latency")
    mars_us = (choice if isinstance(choice, chosen.AlertLatency) else default).mars_us
    checker.mars = AlarmsOnMars(checker, truth, alarms, habitat.carriers, mars_us, promises.is_healed)
    if isinstance(choice, chosen.AlertLatency):
        earth = EarthBound(choice.bound, choice.earth_visible_us, choice.visible_share_ratio, constants_us)
        checker.earth = AlertsOnEarth(checker, truth, habitat.of, earth)
        closure = scenario.guarantee("feedback_closure")
        bound = closure.bound if isinstance(closure, chosen.FeedbackClosure) else None
        checker.receipts = ReceiptsOnMars(checker, habitat.of, bound, constants_us)
    return checker


def _one_bundle_each(scenario: HabitatScenario) -> Callable[[Contact, int], int | None]:
    """How long an alert may wait at an open contact: every edge may have one bundle on the shared antenna's queue. None
    where the link does not run at its rate then, or did not when that bundle began.
    """
    edges, size = len(scenario.habitat.edge_names), scenario.pipeline.bundle_bytes_max
    own_us = LOCAL_US + scenario.edge.disk.fsync_us
    rates = real_rates(scenario, "down")

    def allowance_us(contact: Contact, at_us: int) -> int | None:
        within_us = own_us + edges * contact.airtime_us(size)
        for start_us, end_us, factor in rates.all:
            under_way_us = round(edges * contact.airtime_us(size) / factor)
            if start_us < at_us + within_us and at_us < end_us + under_way_us:
                return None
        return within_us

    return allowance_us


def _resources(scenario: HabitatScenario, truth: Truth, habitat: Habitat) -> BoundedResources:
    choice = scenario.guarantee("bounded_resources")
    if not isinstance(choice, chosen.BoundedResources):
        choice = chosen.BoundedResources(key="bounded_resources")
    limits = Limits(choice.retransmissions, choice.amplification, choice.device_frames, choice.edge_frames)
    return BoundedResources(truth, limits, {d.name: d.device for d in habitat.devices}, EARTH)
