"""Scenarios: what a run depends on, read from YAML, validated and frozen."""

from twin.scenario.assumptions import Assumption, assumptions
from twin.scenario.errors import ScenarioError
from twin.scenario.load import load_scenario, parse_scenario, read_plain, scenario_of
from twin.scenario.model import BareScenario, HabitatScenario, Scenario
from twin.scenario.schema import json_schema

__all__ = [
    "Assumption",
    "BareScenario",
    "HabitatScenario",
    "Scenario",
    "ScenarioError",
    "assumptions",
    "json_schema",
    "load_scenario",
    "parse_scenario",
    "read_plain",
    "scenario_of",
]
