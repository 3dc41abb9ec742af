"""What a machine is made with is a value: nothing that happens later changes it."""

from __future__ import annotations

from twin.experiments.identities import devices_of, hop_key
from twin.experiments.machine_settings import MachineSettings
from twin.experiments.operators import EARTH, MARS, Operators
from twin.experiments.sky_plan import span_of
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.scenario import HabitatScenario, parse_scenario
from twin.trace import Trace

TEXT = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 1 h
seed: 5
habitat: {site: jezero, crew: 1, edge_nodes: 2}
"""


def test_a_key_installed_later_changes_no_settings_that_were_made_before() -> None:
    scenario = parse_scenario(TEXT)
    assert isinstance(scenario, HabitatScenario)
    devices = devices_of(scenario)
    operators = Operators(SimulatedHost(scenario.start_us, Trace()), scenario, devices)
    settings = MachineSettings(scenario, ContactPlan([]), span_of(scenario), devices, operators)
    edge, gateway = settings.edge("edge-1"), settings.gateway(1)
    operators.install_hop_key(MARS, 1)
    operators.install_hop_key(EARTH, 1)
    first, second = (hop_key(5, "edge-1", number) for number in (0, 1))
    for made, later in ((edge, settings.edge("edge-1")), (gateway, settings.gateway(2))):
        assert made.hop_keys.peers[0].keys == {0: first}
        assert later.hop_keys.peers[0].keys == {0: first, 1: second}
