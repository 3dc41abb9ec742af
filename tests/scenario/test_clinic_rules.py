"""What a clinic may say: every refusal is one line with subject, rule, place and remedy."""

# ruff: noqa: E501 (expected lines are quoted whole)

import pytest
from examples import HABITAT, refusal_of

from twin.scenario import HabitatScenario, parse_scenario
from twin.scenario.assumptions import assumptions


def test_a_clinic_has_defaults_with_sources() -> None:
    scenario = parse_scenario(HABITAT)
    assert isinstance(scenario, HabitatScenario)
    clinic = scenario.clinic
    assert (clinic.hold_us, clinic.escalate_after_us) == (3_000_000, 120_000_000)
    assert (clinic.crew_response_us, clinic.surgeon_response_us) == (30_000_000, 120_000_000)
    assert clinic.limits_of(1)["temperature_ddegc"] == (351, 390, 2)
    assert clinic.limits_of(0)["ppco2_pa"] == (None, 800, 3)
    shown = {entry.key: entry for entry in assumptions(scenario)}
    assert shown["clinic.limits.spo2.low"].value_text == "92 %"
    assert "NEWS2" in shown["clinic.limits.spo2.low"].source
    assert all(entry.source for entry in assumptions(scenario))


def test_nobody_may_ever_answer() -> None:
    text = HABITAT + "clinic: {escalate_after: null, crew_response: null, surgeon_response: null}\n"
    scenario = parse_scenario(text)
    assert isinstance(scenario, HabitatScenario)
    clinic = scenario.clinic
    assert (clinic.escalate_after_us, clinic.crew_response_us, clinic.surgeon_response_us) == (None, None, None)
    assert {e.value_text for e in assumptions(scenario) if e.key == "clinic.crew_response"} == {"never"}


@pytest.mark.parametrize(
    ("clinic", "line"),
    [
        (
            "{limits: {spo3: {low: 92 %}}}",
            "clinic.limits.spo3: unknown key (s.yaml:5, clinic.limits.spo3); did you mean spo2? use one of heart_rate, spo2, respiration, systolic, diastolic, temperature",
        ),
        (
            "{limits: {heart_rate: {low: 140 /min}}}",
            "clinic.limits.heart_rate: low, 140 /min, is above high, 130 /min: every value would alarm (s.yaml:5, clinic.limits.heart_rate); swap them, or write null for one",
        ),
        (
            "{crew: [{member: 3, limits: {heart_rate: {low: 140 /min}}}]}",
            "clinic.crew[0].limits.heart_rate: low, 140 /min, is above high, 130 /min: every value would alarm (s.yaml:5, clinic.crew[0].limits.heart_rate); swap them, or write null for one",
        ),
        (
            "{limits: {spo2: {low: 120 %}}}",
            "clinic.limits.spo2.low = 120 %: Oxygen saturation is watched from 30 % to 100 % (s.yaml:5, clinic.limits.spo2.low); choose a limit inside, or write null",
        ),
        (
            "{air: {ppo2: {low: 80 kPa}}}",
            "clinic.air.ppo2.low = 80 kPa: Oxygen partial pressure is watched from 0 Pa to 60 kPa (s.yaml:5, clinic.air.ppo2.low); choose a limit inside, or write null",
        ),
        (
            "{limits: {temperature: {high: 38.55 degC}}}",
            "clinic.limits.temperature.high = 38.55 degC: the sensor counts in steps of 0.1 degC (s.yaml:5, clinic.limits.temperature.high); choose a multiple of it",
        ),
        (
            "{limits: {spo2: {low: 92}}}",
            "clinic.limits.spo2.low = 92: a saturation needs a unit (s.yaml:5, clinic.limits.spo2.low); write it like 92 % (units: %)",
        ),
        (
            "{limits: {spo2: {low: 92 mmHg}}}",
            "clinic.limits.spo2.low = 92 mmHg: 'mmHg' is not a unit of saturation (s.yaml:5, clinic.limits.spo2.low); use one of %",
        ),
        (
            "{crew: [{member: 9}]}",
            "clinic.crew[0].member = 9: the crew counts 6 (s.yaml:5, clinic.crew[0].member); choose one of 1 to 6",
        ),
        (
            "{crew: [{member: 2}, {member: 2}]}",
            "clinic.crew[1].member = 2: given twice (s.yaml:5, clinic.crew[1].member); put both into one entry",
        ),
        (
            "{crew: [{member: 2, spo2_scale: 3}]}",
            "clinic.crew[0].spo2_scale = 3: not one of the known words (s.yaml:5, clinic.crew[0].spo2_scale); use one of 1, 2",
        ),
        (
            "{limits: {spo2: {priority: urgent}}}",
            "clinic.limits.spo2.priority = urgent: not one of the known words (s.yaml:5, clinic.limits.spo2.priority); use one of low, medium, high",
        ),
        (
            "{hold: 8 s}",
            "clinic.hold = 8 s: an alarm sounds within 5 s of the crossing (s.yaml:5, clinic.hold); choose 5 s or less",
        ),
    ],
)
def test_a_clinic_that_cannot_be_meant_is_refused(clinic: str, line: str) -> None:
    assert refusal_of(HABITAT + f"clinic: {clinic}\n") == line
