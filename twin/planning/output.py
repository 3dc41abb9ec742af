"""What `twin contacts` prints: a scenario's plan, or the geometry behind it, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from twin.experiments.identities import EARTH
from twin.experiments.own_sky import own_sky, told_sky
from twin.experiments.planned import planned_contacts, raw_sights
from twin.experiments.sky_plan import antenna_use
from twin.network.contact_table import contact_table
from twin.network.formats.document import sights_to_json, to_json
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
from twin.planning.sight_table import sight_table
from twin.scenario.errors import ScenarioError
from twin.scenario.model import HabitatScenario, Scenario

Written = tuple[str, tuple[str, ...]]
"""A text, and what it does not say exactly, one line each."""


def _json(plan: ContactPlan, _name: str) -> Written:
    return to_json(plan), ()


def _csv(plan: ContactPlan, name: str) -> Written:
    return to_csv(plan, name), ()


def _ion(plan: ContactPlan, _name: str) -> Written:
    export = to_ion(plan, number_nodes(plan))
    return export.text, _said_of(export)


def _hdtn(plan: ContactPlan, _name: str) -> Written:
    export = to_hdtn(plan, number_nodes(plan))
    return export.text, _said_of(export)


def _said_of(export: Export) -> tuple[str, ...]:
    """One line on what was rounded, and one for each contact that is gone."""
    dropped = [str(change) for change in export.changes if change.kept is None]
    rounded = len(export.changes) - len(dropped)
    return (
        *([f"{rounded} contacts are rounded inward, to whole seconds and steps of rate"] if rounded else []),
        *dropped,
    )


FORMS: Final[Mapping[str, Callable[[ContactPlan, str], Written]]] = MappingProxyType(
    {"--json": _json, "--csv": _csv, "--ion": _ion, "--hdtn": _hdtn}
)


def write_plan(
    scenario: Scenario, form: str | None, geometry: bool, picture: Path | None, budgets: bool = False
) -> Written:
    """The plan of a scenario as text; None of the `FORMS` is a table for people.

    Args:
        geometry: raw visibility instead of the plan, as a table or as JSON.
        picture: where to draw the plan as well, None nowhere.
        budgets: the links' budgets instead of the plan, as text.

    Raises:
        ScenarioError: geometry or budgets in a form that has no word for them, a picture of an unknown form, or a place
            that cannot be written; a kernel that cannot be used.
    """
    with own_sky(scenario):
        text, said = _written(scenario, form, geometry, picture, budgets)
        return text, (*told_sky(), *said)


def _written(scenario: Scenario, form: str | None, geometry: bool, picture: Path | None, budgets: bool) -> Written:
    longitude_deg = scenario.habitat.site.longitude_deg if isinstance(scenario, HabitatScenario) else None
    span = scenario.start_us, scenario.end_us
    if budgets:
        others = {form: form is not None, "--geometry": geometry, "--plot": picture is not None}
        for other in (other for other, asked in others.items() if asked):
            raise ScenarioError(f"budgets with {other}", "are text", "--budget", "drop one of the two")
        return budget_text(scenario), ()
    if geometry:
        if form not in (None, "--json") or picture is not None:
            what = "--plot" if picture is not None else form
            raise ScenarioError(f"geometry with {what}", "is a table or JSON", "--geometry", "drop one of the two")
        sights = raw_sights(scenario)
        return (sights_to_json(sights) if form else sight_table(sights, span, longitude_deg)), ()
    plan = planned_contacts(scenario)
    if picture is not None:
        _draw(_for_people(plan, scenario), scenario, longitude_deg, picture)
    notes = _no_way(plan, scenario)
    if form is None:
        tables = [contact_table(_for_people(plan, scenario), span, longitude_deg)]
        if isinstance(scenario, HabitatScenario) and (used := antenna_use(scenario)):
            tables.append(antenna_table(used) + "\n")
        return "\n".join(tables), notes
    text, said = FORMS[form](plan, scenario.name)
    return text, (*notes, *said)


def _no_way(plan: ContactPlan, scenario: Scenario) -> tuple[str, ...]:
    """A word on a habitat that its plan leaves alone."""
    if not isinstance(scenario, HabitatScenario):
        return ()
    edge = scenario.habitat.edge_names[0]
    pairs = (("from the habitat to Earth", edge, EARTH), ("from Earth to the habitat", EARTH, edge))
    return tuple(f"no way leads {words} in this time" for words, here, there in pairs if not ways(plan, here, there))


def _for_people(plan: ContactPlan, scenario: Scenario) -> ContactPlan:
    """The plan with one node in the place of the edge nodes: they share every antenna of the habitat."""
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
