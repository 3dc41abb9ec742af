"""Pictures as files, in the form that their name ends in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from twin.report import style
from twin.scenario.errors import ScenarioError

_FORMS: Final = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def write_picture(figure: Figure, path: Path) -> None:
    """Write a figure; the same figure gives the same bytes.

    Raises:
        ScenarioError: The name ends in no known form of picture, or the place cannot be written.
    """
    form = path.suffix.lower()
    if form not in _FORMS:
        rule = "its form is not known from its name"
        raise ScenarioError(f"picture {path}", rule, "--plot", f"end it in {', '.join(_FORMS)}")
    try:
        with style.drawing():
            figure.savefig(path, format=form[1:], dpi=150, metadata=_FORMS[form])
    except OSError as problem:
        reason = (problem.strerror or "cannot be written").lower()
        raise ScenarioError(f"picture {path}", reason, "--plot", "name a place that you may write to") from problem
