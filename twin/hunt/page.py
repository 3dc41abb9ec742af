"""The page of a find: its smallest case, run once more and told, so that who looks into it opens one file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twin.experiments.mission import Roles
from twin.experiments.run import run
from twin.scenario import ScenarioError, load_scenario

PAGE = "report.html"


def write_page(case: Path, folder: Path, roles: Roles | None, render: Callable[[Path], object]) -> Path:
    """Run a case into a folder of its own, and render its report there.

    Args:
        case: the smallest case's file, which the report names in its replay command.
        folder: made anew.
        roles: other machines than the production ones (planted bugs).
        render: `twin.report.render`, which a hunt must not know.

    Returns:
        The path of the page.

    Raises:
        ScenarioError: the disk takes no more.
        KeyboardInterrupt: Ctrl-C came while it ran.
    """
    try:
        result = run(load_scenario(case), folder, render=render, roles=roles)
    except OSError as error:
        rule = f"cannot be written: {os.strerror(error.errno or 0).lower()}"
        raise ScenarioError(
            f"page {folder}", rule, "--out", "make room there, and hunt on with the same command"
        ) from error
    if result.document.interrupted:
        raise KeyboardInterrupt
    return folder / PAGE
