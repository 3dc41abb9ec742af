"""Results as JUnit XML: a test suite per scenario, a test case per guarantee and seed.

The format has no standard; this is the subset that common CI systems read (testmoapp/junitxml describes it).
Suites carry the time that was measured, cases none: the
guarantees of one run are checked together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from twin.experiments.as_test import as_test
from twin.result_schema import Document, Guarantee
from twin.scenario.errors import ScenarioError

# XML 1.0, production 2: every other character makes a file that no parser reads.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def refuse_unwritable(path: Path) -> None:
    """Before anything runs: make the report's folder, and open the file that is to become the report.

    Raises:
        ScenarioError: the file could not be written; an earlier one is left as it was.
    """
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise _refused(path, f"{nearest} is not a folder")
    if path.is_dir():
        raise _refused(path, "is a folder")
    with _beside(path) as beside:
        beside.open("ab").close()
        beside.unlink()


def write_junit(documents: Sequence[Document], path: Path) -> None:
    """Write a report of runs; runs of one scenario share a suite.

    Raises:
        ScenarioError: the file cannot be written; an earlier one is left as it was.
    """
    root = ElementTree.Element("testsuites", name="twin check")
    by_scenario: dict[str, list[Document]] = {}
    for document in documents:
        by_scenario.setdefault(document.scenario, []).append(document)
    for name, runs in by_scenario.items():
        suite = ElementTree.SubElement(root, "testsuite", name=_text(name))
        for document in runs:
            for guarantee in document.guarantees:
                _case(suite, document, guarantee)
        _count(suite, suite.findall("testcase"))
        suite.set("time", f"{sum(document.provenance.wall_s or 0.0 for document in runs):.3f}")
    _count(root, root.findall("testsuite/testcase"))
    ElementTree.indent(root)
    with _beside(path) as beside:
        ElementTree.ElementTree(root).write(beside, encoding="utf-8", xml_declaration=True)
        os.replace(beside, path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name beside the report's, in a folder that is there; what cannot be written is refused."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
    except OSError as problem:
        beside.unlink(missing_ok=True)
        raise _refused(path, f"cannot be written: {(problem.strerror or str(problem)).lower()}") from problem


def _refused(path: Path, rule: str) -> ScenarioError:
    return ScenarioError(f"JUnit report {path}", rule, "--junit", "name a file that you may write")


def _case(suite: ElementTree.Element, document: Document, guarantee: Guarantee) -> None:
    name = f"{guarantee.key}[seed={document.seed}]"
    case = ElementTree.SubElement(suite, "testcase", classname=_text(document.scenario), name=_text(name))
    tested = as_test(guarantee, document)
    if tested.outcome == "failed":
        failure = ElementTree.SubElement(case, "failure", message=_text(tested.message), type="broken")
        failure.text = _text("\n".join(tested.lines))
    elif tested.outcome == "skipped":
        ElementTree.SubElement(case, "skipped", message=_text(tested.message))


def _count(element: ElementTree.Element, cases: Sequence[ElementTree.Element]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", "0")
    element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
