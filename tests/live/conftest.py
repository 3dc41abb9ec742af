"""Real components: on a developer's machine a missing one skips with the install command, in CI it fails."""

import os
import shutil
from collections.abc import Callable

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
        if os.environ.get("CI") == "true":
            pytest.fail(f"{names[0]} is missing in CI: {INSTALL}")
        pytest.skip(f"{names[0]} is missing: {INSTALL}")

    return find
