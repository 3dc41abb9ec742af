"""Alarms against ground truth: one episode of each kind, who learned of it when, and who answers if nobody does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flights import Flight, fly

from twin.channels import CHANNELS_OF
from twin.experiments.clinic_log import is_technical
from twin.experiments.clinic_settings import MOTION, MOVING_MG
from twin.experiments.identities import devices_of
from twin.pipeline.facts import AlarmRaised, AlertSealed, ReceiptLearned
from twin.scenario import HabitatScenario, load_scenario
from twin.trace import AlarmSounded, AlertStored, Crashed, Generated, Restarted, SurgeonTold

SECOND = 1_000_000
MARS_US = 5 * SECOND
KINDS = {"hypoxia": 1, "sepsis": 2, "arrhythmia": 3, "hypothermia": 4, "decompression": 0}

# Earth stands in view from 08:27 to 19:26 UTC. The home edge of crew member 1 is down while the oxygen runs out.
CLINIC = """
name: alarms
start: 2033-03-10T10:00:00Z
duration: 150 min
seed: 21
pipeline: {suite: hmac-sha256}
clinic: {surgeon_response: 0 s, crew_response: 30 s}
habitat:
  site: jezero
  crew: 4
  devices:
    - {kind: vitals_monitor, sample_period: 1 s, frame_period: 60 s, artefacts: true}
    - {kind: air_monitor, sample_period: 1 s, frame_period: 60 s}
  edge_nodes: 2
episodes:
  - {kind: hypoxia, crew: 1, at: 10 min, for: 40 min}
  - {kind: sepsis, crew: 2, at: 5 min, for: 70 min}
  - {kind: arrhythmia, crew: 3, at: 20 min, for: 10 min}
  - {kind: hypothermia, crew: 4, at: 5 min, for: 70 min, severity: 1.3}
  - {kind: decompression, at: 95 min, for: 20 min}
faults:
  - {kind: edge_crash, node: edge-1, at: 11 min, down: 10 min}
guarantees:
  - exactly_once
  - alert_latency: {bound: owlt + contact_wait + 1 R + 60 s, earth_visible: 45 min}
  - clock_honesty
"""

ALONE = """
name: nobody-answers
start: 2033-03-10T10:00:00Z
duration: 30 min
seed: 4
pipeline: {suite: hmac-sha256}
clinic: {crew_response: null, surgeon_response: null, escalate_after: 90 s}
habitat:
  site: jezero
  crew: 1
  devices: [{kind: vitals_monitor, sample_period: 1 s, frame_period: 60 s}]
  edge_nodes: 2
episodes:
  - {kind: hypoxia, crew: 1, at: 5 min, for: 20 min}
guarantees: [exactly_once, alert_latency]
"""

FACTS = (
    AlarmRaised,
    AlertSealed,
    AlarmSounded,
    AlertStored,
    SurgeonTold,
    ReceiptLearned,
    Generated,
    Crashed,
    Restarted,
)


def flown(text: str, folder: Path) -> tuple[HabitatScenario, Flight]:
    path = folder / "scenario.yaml"
    path.write_text(text)
    scenario = load_scenario(path)
    assert isinstance(scenario, HabitatScenario)
    return scenario, fly(scenario, folder / "run", *FACTS)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> tuple[HabitatScenario, Flight]:
    return flown(CLINIC, tmp_path_factory.mktemp("clinic"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[HabitatScenario, Flight]:
    return flown(ALONE, tmp_path_factory.mktemp("alone"))


def sounded(flight: Flight, state: str) -> dict[Any, int]:
    """When the crew was told of a state, by alert."""
    return {fact.alert: at_us for at_us, _, fact in flight.facts[AlarmSounded] if fact.state == state}


def clinical(flight: Flight) -> dict[Any, int]:
    """When each alarm about a person or the air sounded."""
    return {alert: at_us for alert, at_us in sounded(flight, "active").items() if not is_technical(alert[3])}


def crossing(flight: Flight, node: str, below_pct: int, hold: int = 3) -> int:
    """Instant of the first of `hold` true saturations in a row below a limit, taken while the person is still."""
    columns = CHANNELS_OF["vitals_monitor"]
    spo2, activity = columns.index("spo2_pct"), columns.index(MOTION)
    run = 0
    for _, of, fact in flight.facts[Generated]:
        for row, values in enumerate(fact.rows if of == node else ()):
            run = run + 1 if 0 <= values[spo2] < below_pct and values[activity] < MOVING_MG else 0
            if run == hold:
                return int(fact.start_us + (row - hold + 1) * fact.period_us)
    raise AssertionError(f"{node} never fell below {below_pct} %")


# ------------------------------------------------------------ detection


def test_every_kind_of_episode_is_detected(clinic: tuple[HabitatScenario, Flight]) -> None:
    _, flight = clinic
    table = flight.result.tables["alarms"]
    detected = set(table[table["technical"] == 0]["episode"].dropna())
    assert detected == set(KINDS)
    total = flight.result.document.clinic.total
    assert (total.episodes, total.detected, total.sensitivity) == (5, 5, 1.0)
    assert total.false_alarms_per_patient_day <= 4


def test_the_crew_hears_within_five_seconds_of_the_crossing(clinic: tuple[HabitatScenario, Flight]) -> None:
    scenario, flight = clinic
    table = flight.result.tables["alarms"]
    late = table["sounded_us"] - table["onset_us"]
    assert len(late) >= 10
    assert late.notna().all()
    assert 0 <= late.min() <= late.max() <= MARS_US
    monitor = next(device for device in devices_of(scenario) if device.crew == 1)
    crossing_us = crossing(flight, monitor.name, 92)
    first_us = min(at for key, at in clinical(flight).items() if (key[0], key[3]) == (monitor.device, "spo2_pct.low"))
    assert 0 <= first_us - crossing_us <= MARS_US
    held = {g.key: (g.verdict, g.pending) for g in flight.result.document.guarantees}
    assert held["alert_latency"] == ("held", 0)


def test_the_standby_raises_what_crosses_while_the_home_edge_is_down(clinic: tuple[HabitatScenario, Flight]) -> None:
    scenario, flight = clinic
    monitor = next(device for device in devices_of(scenario) if device.crew == 1)
    assert monitor.edges[0] == "edge-1"
    ((down_us, node, _),) = flight.facts[Crashed]
    up_us = next(at for at, of, _ in flight.facts[Restarted] if of == node and at > down_us)
    while_down = [
        (alert, at) for alert, at in clinical(flight).items() if alert[0] == monitor.device and down_us < at < up_us
    ]
    assert {"spo2_pct.low", "news2.urgent"} <= {alert[3] for alert, _ in while_down}
    for alert, at_us in while_down:
        raised = [(at, of) for at, of, fact in flight.facts[AlarmRaised] if fact.alert == alert]
        assert raised[0] == (at_us, monitor.edges[1])
        # home finds it too when it is back, under the same key, and the crew is not told again
        assert {of for _, of in raised} == set(monitor.edges)
    told = Counter((fact.alert, fact.state) for _, _, fact in flight.facts[AlarmSounded])
    assert set(told.values()) == {1}


# ------------------------------------------------------------ people


def test_the_crew_acknowledges_and_an_acknowledged_alarm_never_escalates(
    clinic: tuple[HabitatScenario, Flight],
) -> None:
    """Not even on the edge that was down when somebody pressed the button."""
    _, flight = clinic
    active, cleared = sounded(flight, "active"), sounded(flight, "cleared")
    acknowledged = sounded(flight, "acknowledged")
    for alert, at_us in active.items():
        answered_us = acknowledged.get(alert, cleared.get(alert))
        assert answered_us is not None
        assert answered_us <= at_us + 30 * SECOND
    assert sounded(flight, "escalated") == {}


def test_nobody_answers_and_the_alarm_escalates(alone: tuple[HabitatScenario, Flight]) -> None:
    _, flight = alone
    active, escalated = clinical(flight), sounded(flight, "escalated")
    assert active
    assert sounded(flight, "acknowledged") == {}
    assert min(active.values()) + 90 * SECOND in escalated.values()
    assert set(escalated) <= set(active)
    assert all(at_us <= active[alert] + 90 * SECOND for alert, at_us in escalated.items())
    assert flight.facts[ReceiptLearned] == []


# ------------------------------------------------------------ Earth


@pytest.mark.parametrize("which", ["clinic", "alone"])
def test_each_alert_is_stored_once_and_the_surgeon_told_after_one_light_time(
    which: str, request: pytest.FixtureRequest
) -> None:
    _, flight = request.getfixturevalue(which)
    stored = Counter(fact.alert for _, _, fact in flight.facts[AlertStored] if not fact.repeated)
    told: dict[Any, int] = {}
    for at_us, _, fact in flight.facts[SurgeonTold]:
        told.setdefault(fact.alert, at_us)
    active = sounded(flight, "active")
    assert set(stored) == set(told) == set(active)
    assert set(stored.values()) == {1}
    owlt_us = 580 * SECOND  # on that day, a little more
    for alert, at_us in told.items():
        assert owlt_us <= at_us - active[alert] <= owlt_us + 120 * SECOND


def test_both_edges_send_an_alert_and_the_second_is_known(clinic: tuple[HabitatScenario, Flight]) -> None:
    _, flight = clinic
    sealed = Counter(fact.alert for _, _, fact in flight.facts[AlertSealed])
    assert min(sealed.values()) >= 2
    repeated = {fact.alert for _, _, fact in flight.facts[AlertStored] if fact.repeated}
    assert repeated == set(sealed)


def test_the_surgeons_receipt_comes_back_to_mars(clinic: tuple[HabitatScenario, Flight]) -> None:
    _, flight = clinic
    told = {fact.alert: at_us for at_us, _, fact in reversed(flight.facts[SurgeonTold])}
    back: dict[Any, int] = {}
    for at_us, _, fact in flight.facts[ReceiptLearned]:
        back.setdefault(fact.alert, at_us)
    assert set(back) == set(told)
    assert all(back[alert] > told[alert] + 580 * SECOND for alert in told)
