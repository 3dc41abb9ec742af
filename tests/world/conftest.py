"""What the tests of the world share: the measures of the sky against the reference tables."""

from types import ModuleType

import pytest
import sky_measures


@pytest.fixture(scope="session")
def accuracy() -> ModuleType:
    """``scripts/sky_measures``: what ``scripts/sky_accuracy.py`` prints."""
    return sky_measures
