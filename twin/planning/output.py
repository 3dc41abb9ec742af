"""What `twin contacts` prints: a scenario's plan, or the geometry behind it, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from twin.experiments.identities import EARTH
from twin.experiments.own_sky import own_sky, told_sky
from twin.experiments.planned import needed_storage, raw_sights, while_generating, whole_plan
from twin.experiments.sky_plan import antenna_use
from twin.network.contact_table import contact_table
from twin.network.formats.document import sights_to_csv, sights_to_json, to_json
from twin.network.formats.hdtn import to_hdtn
from twin.network.formats.ion import to_ion
from twin.network.formats.nodes import number_nodes
from twin.network.formats.table import to_csv
from twin.network.formats.whole_seconds import Export
from twin.network.itineraries import ways
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.planning.antenna_table import antenna_table
from twin.planning.budget_text import budget_text
from twin.planning.contact_picture import draw_contacts
from twin.planning.picture_file import write_picture
from twin.planning.sight_picture import draw_sights
from twin.planning.sight_table import sight_table
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario, Scenario

Written = tuple[str, tuple[str, ...]]
"""A text, and what it does not say exactly, one line each."""


def _json(plan: ContactPlan, _name: str, _reference_us: int | None) -> Written:
    return to_json(plan), ()


def _csv(plan: ContactPlan, name: str, _reference_us: int | None) -> Written:
    return to_csv(plan, name), ()


def _ion(plan: ContactPlan, _name: str, reference_us: int | None) -> Written:
    export = to_ion(plan, number_nodes(plan), reference_us)
    return export.text, _said_of(export)


def _hdtn(plan: ContactPlan, _name: str, reference_us: int | None) -> Written:
    export = to_hdtn(plan, number_nodes(plan), reference_us)
    return export.text, _said_of(export)


def _said_of(export: Export) -> tuple[str, ...]:
    """One line on what was rounded, and one for each contact that is gone."""
    dropped = [str(change) for change in export.changes if change.kept is None]
    rounded = len(export.changes) - len(dropped)
    return (
        *([f"{rounded} contacts are rounded inward, to whole seconds and steps of rate"] if rounded else []),
        *dropped,
    )


FORMS: Final[Mapping[str, Callable[[ContactPlan, str, int | None], Written]]] = MappingProxyType(
    {"--json": _json, "--csv": _csv, "--ion": _ion, "--hdtn": _hdtn}
)
"""Plan, name and the instant from which times count, None for dates."""
_COUNTING: Final = ("--ion", "--hdtn")


def write_plan(
    scenario: Scenario,
    form: str | None,
    geometry: bool,
    picture: Path | None,
    budgets: bool = False,
    relative: bool = False,
) -> Written:
    """The plan of a scenario as text; None of the `FORMS` is a table for people.

    Edge nodes share every antenna of the habitat, so one node, `habitat`, stands for all of them.

    Args:
        geometry: raw visibility instead of the plan, as a table, JSON or CSV.
        picture: where to draw what is told as well, None nowhere.
        budgets: the links' budgets instead of the plan, as text.
        relative: times count from the scenario's start.

    Raises:
        ScenarioError: geometry, budgets or times in a form that has no word for them, a picture of an unknown form, or
            a place that cannot be written; a kernel that cannot be used.
    """
    if relative and (form not in _COUNTING or geometry or budgets):
        raise ScenarioError("times from the start", "are for ION and HDTN", "--relative", "give --ion or --hdtn")
    with own_sky(scenario):
        text, said = _written(scenario, form, geometry, picture, budgets, relative)
        return text, (*told_sky(), *said)


def _written(
    scenario: Scenario, form: str | None, geometry: bool, picture: Path | None, budgets: bool, relative: bool
) -> Written:
    longitude_deg = scenario.habitat.site.longitude_deg if isinstance(scenario, HabitatScenario) else None
    span = scenario.start_us, scenario.end_us
    if budgets:
        others = {form: form is not None, "--geometry": geometry, "--plot": picture is not None}
        for other in (other for other, asked in others.items() if asked):
            raise ScenarioError(f"budgets with {other}", "are text", "--budget", "drop one of the two")
        return budget_text(scenario), ()
    if geometry:
        return _geometry(scenario, form, longitude_deg, picture), ()
    whole = whole_plan(scenario)
    planned = while_generating(scenario, whole)
    notes = _no_way(planned, scenario)
    plan = _of_one_habitat(planned, scenario)
    if picture is not None:
        _draw(plan, scenario, longitude_deg, picture)
    if form is None:
        tables = [contact_table(plan, span, longitude_deg)]
        if isinstance(scenario, HabitatScenario) and (used := antenna_use(scenario)):
            tables.append(antenna_table(used) + "\n")
        if isinstance(scenario, HabitatScenario) and (needs := needed_storage(scenario, whole)):
            tables.append("".join(f"{need.told}\n" for need in needs))
        return "\n".join(tables), notes
    try:
        text, said = FORMS[form](plan, scenario.name, scenario.start_us if relative else None)
    except ValueError as problem:  # a date beyond 32 bits
        subject, _, rule = str(problem).partition(": ")
        rule, _, remedy = rule.partition("; ")
        raise ScenarioError(subject, rule, form, f"{remedy}: --relative") from problem
    return text, (*notes, *said)


def _geometry(scenario: Scenario, form: str | None, longitude_deg: float | None, picture: Path | None) -> str:
    """Raw visibility in a form that needs no rates."""
    if form in ("--ion", "--hdtn"):
        rule, remedy = "visibility has no rates, and a plan for a router needs them", f"drop --geometry, or {form}"
        raise ScenarioError(f"geometry with {form}", rule, "--geometry", remedy)
    sights, span = raw_sights(scenario), (scenario.start_us, scenario.end_us)
    if picture is not None:
        write_picture(draw_sights(sights, span, scenario.name, longitude_deg), picture)
    if form is None:
        return sight_table(sights, span, longitude_deg)
    return sights_to_json(sights) if form == "--json" else sights_to_csv(sights)


def _no_way(plan: ContactPlan, scenario: Scenario) -> tuple[str, ...]:
    """A word on a habitat that its plan leaves alone."""
    if not isinstance(scenario, HabitatScenario):
        return ()
    edge = scenario.habitat.edge_names[0]
    pairs = (("from the habitat to Earth", edge, EARTH), ("from Earth to the habitat", EARTH, edge))
    return tuple(f"no way leads {words} in this time" for words, here, there in pairs if not ways(plan, here, there))


def _of_one_habitat(plan: ContactPlan, scenario: Scenario) -> ContactPlan:
    """The plan with one node in the place of the edge nodes, so that nothing is promised twice."""
    if not isinstance(scenario, HabitatScenario):
        return plan
    first, *others = scenario.habitat.edge_names

    def named(node: str) -> str:
        return "habitat" if node == first else node

    return ContactPlan(
        contact._replace(source=named(contact.source), destination=named(contact.destination))
        for contact in plan.contacts
        if contact.source not in others and contact.destination not in others
    )


def _draw(plan: ContactPlan, scenario: Scenario, longitude_deg: float | None, path: Path) -> None:
    figure = draw_contacts(plan, (scenario.start_us, scenario.end_us), scenario.name, longitude_deg)
    write_picture(figure, path)
