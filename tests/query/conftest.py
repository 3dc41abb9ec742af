"""Runs made by hand, one per suite, copied for whoever tampers."""

from pathlib import Path

import pytest
from hand_made_store import Made, make_run


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A sound run of its own, with signatures of ed25519."""
    return make_run(tmp_path / "run")
