"""A kernel whose planets move on circles, written once, and the table that it gives."""

from pathlib import Path

import pytest
from spk_writer import write_kernel

from twin.world.ephemeris_table import EphemerisTable
from twin.world.kernel import read_kernel


@pytest.fixture(scope="session")
def circles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel's file."""
    return write_kernel(tmp_path_factory.mktemp("kernel") / "circles.bsp")


@pytest.fixture(scope="session")
def table(circles: Path) -> EphemerisTable:
    """What the sky is computed from, where it is named."""
    return read_kernel(circles)
