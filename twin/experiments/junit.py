"""Results as JUnit XML: a test suite per scenario, a test case per guarantee and seed.

The format has no standard; this is the subset that common CI systems read (testmoapp/junitxml describes it).
Suites carry the time that was measured, cases none: the
guarantees of one run are checked together. Where runs were held against a baseline, a lost margin is a failure of its
guarantee, and a case `baseline` says whether the baseline knows this very scenario.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree

from twin.experiments.as_test import as_test
from twin.experiments.whole_file import WholeFile
from twin.margins.baseline import NOT_KNOWN, SCENARIO_CHANGED, Held
from twin.margins.change import Change
from twin.margins.wording import details, sentence
from twin.result_schema import Document, Guarantee

REFUSED: Final = "refused"
RAISED: Final = "raised"
# XML 1.0, production 2: every other character makes a file that no parser reads.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_file(path: Path) -> WholeFile:
    """The report as a file to be written."""
    return WholeFile(path, "JUnit report", "--junit")


class NotRun(NamedTuple):
    """A run without a result; `kind`: REFUSED, for its scenario asks for what cannot be, or RAISED, for code failed."""

    scenario: str
    seed: int
    kind: str
    why: str
    details: str


def write_junit(
    documents: Sequence[Document], path: Path, held: Mapping[int, Held] | None = None, not_run: Sequence[NotRun] = ()
) -> None:
    """Write a report of runs; runs of one scenario share a suite.

    Args:
        held: place in `documents` -> that run held against a baseline.
        not_run: runs without a result, each an error.

    Raises:
        ScenarioError: the file cannot be written; an earlier one is left as it was.
    """
    root = ElementTree.Element("testsuites", name="twin check")
    by_scenario: dict[str, list[tuple[Document, Held | None]]] = {}
    for place, document in enumerate(documents):
        by_scenario.setdefault(document.scenario, []).append((document, (held or {}).get(place)))
    for name, runs in by_scenario.items():
        suite = ElementTree.SubElement(root, "testsuite", name=_text(name))
        for document, against in runs:
            losses = {} if against is None else {loss.key: _told(loss) for loss in against.losses}
            for guarantee in document.guarantees:
                _case(suite, document, guarantee, losses.pop(guarantee.key, None))
            for key, told in losses.items():  # no run has them any more
                _lost(_new_case(suite, document, key), told)
            if against is not None:
                _baseline_case(suite, against)
        suite.set("time", f"{sum(document.provenance.wall_s or 0.0 for document, _ in runs):.3f}")
    for run in not_run:
        name = run.scenario
        found = root.find(f"testsuite[@name='{name}']")
        suite = ElementTree.SubElement(root, "testsuite", name=name, time="0.000") if found is None else found
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=f"run[seed={run.seed}]")
        ElementTree.SubElement(case, "error", message=_text(run.why), type=run.kind).text = _text(run.details)
    for suite in root.findall("testsuite"):
        _count(suite, suite.findall("testcase"))
    _count(root, root.findall("testsuite/testcase"))
    ElementTree.indent(root)
    junit_file(path).write(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _new_case(suite: ElementTree.Element, document: Document, key: str) -> ElementTree.Element:
    name = f"{key}[seed={document.seed}]"
    return ElementTree.SubElement(suite, "testcase", classname=_text(document.scenario), name=_text(name))


def _case(suite: ElementTree.Element, document: Document, guarantee: Guarantee, loss: list[str] | None) -> None:
    case = _new_case(suite, document, guarantee.key)
    tested = as_test(guarantee, document)
    if tested.outcome == "failed":
        failure = ElementTree.SubElement(case, "failure", message=_text(tested.message), type="broken")
        failure.text = _text("\n".join(tested.lines))
    elif loss is not None:
        _lost(case, [*loss, *([f"replay: {document.replay}"] if document.replay else [])])
    elif tested.outcome == "skipped":
        ElementTree.SubElement(case, "skipped", message=_text(tested.message))


def _told(loss: Change) -> list[str]:
    return [sentence(loss), *details(loss)]


def _lost(case: ElementTree.Element, told: Sequence[str]) -> None:
    failure = ElementTree.SubElement(case, "failure", message=_text(told[0]), type="margin")
    failure.text = _text("\n".join(told))


def _baseline_case(suite: ElementTree.Element, held: Held) -> None:
    case = _new_case(suite, held.document, "baseline")
    if held.scenario_changed:
        ElementTree.SubElement(case, "failure", message=SCENARIO_CHANGED, type="baseline").text = SCENARIO_CHANGED
    elif not held.known:
        ElementTree.SubElement(case, "skipped", message=NOT_KNOWN)


def _count(element: ElementTree.Element, cases: Sequence[ElementTree.Element]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", str(sum(case.find("error") is not None for case in cases)))
    element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
