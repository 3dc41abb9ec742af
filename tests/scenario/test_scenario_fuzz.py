"""Whatever stands in a file, the answer is a scenario or one line: never another exception."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from examples import BARE, HABITAT
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.scenario import ScenarioError, assumptions, parse_scenario
from twin.scenario.document import read_document

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FULL = [
    read_document(SCENARIOS / "first-light.yaml").plain(),
    read_document(SCENARIOS / "bench" / "chain3.yaml").plain(),
]
ODD_VALUES: list[Any] = [
    None, True, -1, 0, 3, 2**70, 1e308, float("inf"), float("nan"), "", "x", "-1 s", "1 s", "1e9 sol", "3 %",
    "S->R", [], [1], [[]], {}, {"kind": "edge_crash"}, {"x": 1}, "2033-03-10", "\u2028", "ħ",
]  # fmt: skip


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from paths(inner, (*above, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: changed(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
    return [changed(inner, path[1:], new) if index == path[0] else inner for index, inner in enumerate(value)]


def answer(text: str) -> None:
    """Read a text; whatever is accepted can also be explained."""
    refused: ScenarioError | None = None
    try:
        scenario = parse_scenario(text, "s.yaml")
    except ScenarioError as error:
        refused = error
    else:
        assert assumptions(scenario)
    assert refused is None or re.fullmatch(r".+: .+ \(s\.yaml.*\); .+", str(refused)), str(refused)


PLACES = [(whole, path) for whole in FULL for path in paths(whole)]


@settings(max_examples=400, deadline=None)
@given(place=st.sampled_from(PLACES), value=st.sampled_from(ODD_VALUES))
def test_any_odd_value_at_any_key_is_answered(place: tuple[dict[str, Any], tuple[Any, ...]], value: Any) -> None:
    text = yaml.safe_dump(changed(*place, value), allow_unicode=True, default_flow_style=True, width=10**6)
    answer(text)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60), base=st.sampled_from([HABITAT, BARE]), cut=st.integers(0, 400))
def test_any_text_spliced_into_a_scenario_is_answered(text: str, base: str, cut: int) -> None:
    answer(base[:cut] + text + base[cut:])
