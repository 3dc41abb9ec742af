"""The scenario: one frozen, validated value that says everything a run depends on.

Two kinds share a core. A `HabitatScenario` is a clinic under a sky, with a real date and a real place. A
`BareScenario` is bundle nodes with scripted contacts and traffic: no sky, no patients, no table.

Instants inside are house time; the times of contacts, faults, storms and traffic count from the
scenario's start.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NoReturn

import yaml
from pydantic import Field, PrivateAttr, model_validator

from twin.scenario.bare_rules import check_bare
from twin.scenario.clinic import Clinic
from twin.scenario.contacts import ContactNetwork, Traffic
from twin.scenario.episodes import Episode
from twin.scenario.errors import RuleError
from twin.scenario.faults import Fault
from twin.scenario.fields import InstantUs, Part, PositiveDurationUs, setting
from twin.scenario.guarantees import Convergence, GuaranteeChoice, GuaranteeItem
from twin.scenario.habitat import Habitat
from twin.scenario.habitat_rules import check_habitat
from twin.scenario.hunting import Hunting
from twin.scenario.network import SkyNetwork
from twin.scenario.pipeline import Earth, Edge, Pipeline
from twin.scenario.weather import Weather

SEED_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scenario came from: its file, the overrides on top, and what both say together as plain data."""

    path: str
    overrides: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The scenario as YAML, complete in itself."""
        return yaml.safe_dump(dict(self.document), sort_keys=False, allow_unicode=True, width=100)

    def command(self, seed: int) -> str:
        """The command that runs the same scenario with this seed."""
        words = ["twin", "run", self.path, "--seed", str(seed)]
        for override in self.overrides:
            words += ["--set", override]
        return shlex.join(words)


class ScenarioCore(Part):
    """What both kinds have."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)] = Field(
        description="Short name, lower case words joined by hyphens; names the folder of the results."
    )
    description: str = setting("", "What the scenario is for.", source="assumed: the name says enough")
    duration_us: PositiveDurationUs = Field(description="How long data are generated; the run then drains.")
    seed: Annotated[int, Field(strict=True, ge=0, le=SEED_MAX)] = setting(
        0, "Seed of every random stream.", source="assumed: any number does"
    )
    overload: Literal["refused", "allowed"] = setting(
        "refused",
        "Whether a load above the planned capacity may run.",
        source="assumed: an overload is a mistake unless it is the question",
    )
    pipeline: Pipeline = setting({}, "Settings of the pipeline.", source="key by key")
    faults: tuple[Fault, ...] = setting((), "What breaks, where and when.", source="assumed: nothing breaks")
    guarantees: tuple[GuaranteeItem, ...] = setting(
        (),
        "What the scenario insists on, and the bounds.",
        source="assumed: the safety guarantees, which always run",
    )
    hunt: Hunting = setting({}, "What `twin hunt` does with it.", source="key by key")
    _origin: Origin | None = PrivateAttr(default=None)

    @property
    def origin(self) -> Origin | None:
        """File and overrides, None for a scenario made in memory."""
        return self._origin

    @property
    def listed_guarantees(self) -> tuple[str, ...]:
        """Keys that the scenario lists, in its order: never checked counts as broken."""
        return tuple(choice.key for choice in self.guarantees)

    @property
    def convergence_rounds(self) -> int:
        """Retransmission rounds k of the convergence bound, which also limits the drain."""
        chosen = self.guarantee("convergence")
        return chosen.rounds if isinstance(chosen, Convergence) else Convergence(key="convergence").rounds

    def guarantee(self, key: str) -> GuaranteeChoice | None:
        """The scenario's choice for a guarantee, None when it does not list it."""
        return next((choice for choice in self.guarantees if choice.key == key), None)


class HabitatScenario(ScenarioCore):
    """A clinic under a sky."""

    start_us: InstantUs = Field(description="First instant, UTC, from 2010 to 2050; without a zone it is UTC.")
    kernel: Annotated[str, Field(min_length=1, max_length=1024)] | None = setting(
        None,
        "An SPK file from which Earth, Mars and the Sun are computed, relative to the scenario file that names it; "
        "needs the extra de440. null: the built-in table, JPL DE440 for 2010 to 2050.",
        source="JPL DE440 (2021), within 4 m: scripts/make_ephemeris_table.py",
    )
    habitat: Habitat = Field(description="The clinic and its people.")
    network: SkyNetwork = setting({}, "What connects it with Earth.", source="key by key")
    weather: Weather = setting({}, "The weather at the site.", source="quiet air, key by key")
    bounds_from_us: PositiveDurationUs | None = setting(
        None,
        "Bounds in time hold for what begins from then on, and not before Earth has all that was signed until then: "
        "time for faults that bounds do not grant. Safety holds throughout.",
        source="assumed: bounds hold from the start, whatever breaks",
    )
    episodes: tuple[Episode, ...] = setting(
        (), "What befalls the crew, as ground truth for alarms.", source="assumed: everybody stays well"
    )
    clinic: Clinic = setting({}, "Alarms, and who answers them.", source="key by key")
    edge: Edge = setting({}, "The edge computers.", source="key by key")
    earth: Earth = setting({}, "What stands behind the stations.", source="key by key")

    @model_validator(mode="after")
    def _consistent(self) -> HabitatScenario:
        check_habitat(self)
        return self

    @property
    def end_us(self) -> int:
        """End of generation, house time [us]."""
        return self.start_us + self.duration_us


class BareScenario(ScenarioCore):
    """Bundle nodes, scripted contacts and traffic."""

    start_us: InstantUs = setting(
        "2030-01-01T00:00:00Z", "First instant, UTC.", source="assumed: no sky, so any instant does"
    )
    network: ContactNetwork = Field(description="Nodes and contacts.")
    traffic: Annotated[tuple[Traffic, ...], Field(min_length=1)] = Field(description="What is sent.")

    @model_validator(mode="after")
    def _consistent(self) -> BareScenario:
        check_bare(self)
        return self

    @property
    def end_us(self) -> int:
        """End of generation, house time [us]."""
        return self.start_us + self.duration_us


Scenario = HabitatScenario | BareScenario


def kind_of(data: dict[str, Any]) -> type[HabitatScenario] | type[BareScenario]:
    """Which kind a mapping describes.

    Raises:
        RuleError: Both, or neither.
    """
    network = data.get("network")
    scripted = isinstance(network, dict) and ("contacts" in network or "nodes" in network)
    bare = scripted or "traffic" in data
    if "habitat" in data and bare:
        culprit = (
            ("traffic",) if "traffic" in data else ("network", "contacts" if "contacts" in data["network"] else "nodes")
        )
        _refuse("stands beside a habitat", "drop it, or drop the habitat", culprit)
    if "habitat" not in data and not bare:
        _refuse(
            "has neither a habitat nor contacts and traffic",
            "add `habitat:`, or `network.contacts` and `traffic`",
        )
    return BareScenario if bare else HabitatScenario


def _refuse(rule: str, remedy: str, key: tuple[str, ...] = ()) -> NoReturn:
    raise RuleError(rule, remedy, key)
