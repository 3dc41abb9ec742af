"""The case of a seed: the scenario with faults and settings that the seed draws."""

from __future__ import annotations

import copy
from typing import Any

from twin.hunt.calm import calmed, is_calm
from twin.hunt.case import Case, Document
from twin.hunt.faults import COUNT_MAX, draw_babble, draw_faults, draw_ground, draw_outages, draw_wrong_plan
from twin.hunt.healing import healed, heals
from twin.hunt.knobs import STARVING, Key, draw_knobs
from twin.randomness import stream
from twin.scenario import Scenario, ScenarioError


def draw(document: Document, scenario: Scenario, seed: int) -> Case:
    """The case of a seed.

    A scenario's own faults stay. Where it says what must hold in calm (`hunt.calm`), some seeds draw no fault. Bounds
    in time hold once the drawn faults have healed, or always (`hunt.bounds`). What is drawn may contradict something (a
    snapshot from before the start, two upgrades at once): then that fault, or that setting, is left out.

    Args:
        document: what the scenario's file says; scenario: the same, validated.
    """
    case = Case({**copy.deepcopy(document), "seed": seed})
    calm = is_calm(scenario, stream(seed, "hunt", "calm"))
    if calm:
        case = calmed(case)
    for key, value in draw_knobs(scenario, stream(seed, "hunt", "knobs")):
        if not (key in STARVING and (calm or "freshness" in scenario.listed_guarantees)):
            case = _if_valid(_with_setting(case, key, value), case)
    random = stream(seed, "hunt", "faults")
    drawn = draw_outages(scenario, random) if calm else draw_faults(scenario, random)
    for name, more in (("babble", draw_babble), ("ground", draw_ground), ("plan", draw_wrong_plan)):
        if not calm and len(drawn) < COUNT_MAX:
            drawn += more(scenario, stream(seed, "hunt", name))
    for fault in drawn:
        case = _if_valid(case.but({"faults": [*(case.document.get("faults") or []), fault]}), case)
    return healed(case, scenario) if heals(scenario) and not calm else case


def _if_valid(case: Case, otherwise: Case) -> Case:
    try:
        case.scenario  # noqa: B018 - asked for what it refuses
    except ScenarioError:
        return otherwise
    return case


def _with_setting(case: Case, key: Key, value: Any) -> Case:
    changed = case.but({})
    part: Any = changed.document
    for word in key[:-1]:
        part = part[word] if isinstance(word, int) else part.setdefault(word, {})
    part[key[-1]] = value
    return changed
