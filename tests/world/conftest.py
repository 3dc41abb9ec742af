"""What the tests of the world share: the script that measures the sky against the reference tables."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "sky_accuracy.py"


@pytest.fixture(scope="session")
def accuracy() -> ModuleType:
    """``scripts/sky_accuracy.py`` as a module."""
    spec = importlib.util.spec_from_file_location("sky_accuracy", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sky_accuracy"] = module
    spec.loader.exec_module(module)
    return module
