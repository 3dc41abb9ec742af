"""One scenario and seed against itself: in other processes and hash seeds, on a lesser processor, years later."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from every_fault import kinds_of_the_schema
from small_runs import BARE, HABITAT, ROOT, document, leavings, run_elsewhere, run_here

BAD_HOURS = (
    (ROOT / "scenarios" / "bad-sol.yaml")
    .read_text(encoding="utf-8")
    .replace("duration: 15 h", "duration: 7.5 h")
    .replace("  - {kind: sepsis, crew: 3, at: 9 h, for: 5 h}\n", "")
    .replace("seed: 13", "seed: 5")
)
"""The clinic, and every kind of fault, until the last one is over."""

SCENARIOS = {"small-habitat": HABITAT, "small-chain": BARE, "bad-hours": BAD_HOURS}

LATER_AND_CUT_OFF = """
import datetime, sys, time
import numpy, pandas, pyarrow.parquet  # C code takes hold of the real class when loaded
YEARS_S = 20 * 365.25 * 86400
time_now, Datetime = time.time, datetime.datetime
time.time = lambda: time_now() + YEARS_S
class Later(Datetime):
    __slots__ = ()
    @classmethod
    def now(cls, tz=None):
        return Datetime.now(tz) + datetime.timedelta(seconds=YEARS_S)
datetime.datetime = Later
def refuse(event, arguments):
    if event.startswith("socket."):
        raise ConnectionError(f"{event}: the network is blocked in this test")
sys.addaudithook(refuse)
import socket
try:
    socket.socket()
except ConnectionError:
    pass
else:
    raise AssertionError("sockets are not blocked")
"""

PLAIN_PROCESSOR = """
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
assert not any(__cpu_features__[name] for name in __cpu_dispatch__), "NPY_DISABLE_CPU_FEATURES had no effect"
"""


@pytest.fixture(scope="module", name="files")
def scenario_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The scenarios as files, so that all runs name the same place."""
    folder = tmp_path_factory.mktemp("scenarios")
    for name, text in SCENARIOS.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return [folder / f"{name}.yaml" for name in SCENARIOS]


@pytest.fixture(scope="module", name="first")
def first_runs(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The runs that others are held against."""
    return run_elsewhere(files, tmp_path_factory.mktemp("first"), PYTHONHASHSEED="1")


@pytest.fixture(scope="module", name="here")
def runs_here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The runs of this process, by scenario."""
    folder = tmp_path_factory.mktemp("here")
    return {name: run_here(text, folder / name) for name, text in SCENARIOS.items()}


def assert_same(found: list[Path], first: list[Path]) -> None:
    for one, other in zip(found, first, strict=True):
        assert document(one)["trace_hash"] == document(other)["trace_hash"], f"trace_hash of {one.name}"
        here, there = leavings(one), leavings(other)
        assert here["result"] == there["result"]
        assert [name for name in here if here[name] != there[name]] == []


def test_a_processor_without_vector_instructions_gives_the_same_run(
    files: list[Path], first: list[Path], tmp_path: Path
) -> None:
    core = np._core._multiarray_umath
    optional = [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]
    plain = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(optional),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX2_Usable,-FMA,-FMA_Usable,-FMA4,-AVX512F",  # libm's variants
        "ARROW_USER_SIMD_LEVEL": "NONE",
    }
    assert_same(run_elsewhere(files, tmp_path, PLAIN_PROCESSOR, **plain), first)


def test_with_another_hash_seed_twenty_years_later_and_without_a_network_the_run_is_the_same(
    files: list[Path], first: list[Path], tmp_path: Path
) -> None:
    environment = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "PYTHONHASHSEED": "4242"}
    found = run_elsewhere(files, tmp_path, LATER_AND_CUT_OFF, **environment)
    assert_same(found, first)
    for one, other in zip(found, first, strict=True):
        differing = {key for key, value in document(one).items() if document(other)[key] != value}
        assert differing == {"provenance"}
    assert (
        int(document(found[0])["provenance"]["made_utc"][:4])
        > int(document(first[0])["provenance"]["made_utc"][:4]) + 18
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_running_twice_in_one_process_gives_the_same_run(name: str, here: dict[str, Path], tmp_path: Path) -> None:
    assert_same([run_here(SCENARIOS[name], tmp_path / name)], [here[name]])


def test_a_run_here_is_the_run_there(first: list[Path], here: dict[str, Path]) -> None:
    there = {folder.name: document(folder)["trace_hash"] for folder in first}
    assert {name: document(folder)["trace_hash"] for name, folder in here.items()} == there


@pytest.mark.parametrize("name", ["small-habitat", "small-chain"])
def test_another_seed_gives_another_run(name: str, first: list[Path], tmp_path: Path) -> None:
    other = run_here(SCENARIOS[name].replace("seed: 5", "seed: 6"), tmp_path / name)
    (same,) = (folder for folder in first if folder.name == name)
    assert document(other)["trace_hash"] != document(same)["trace_hash"]


def test_the_runs_hold_what_could_differ(first: list[Path]) -> None:
    """Else the tests above would show less than they say."""
    habitat, chain, bad_hours = (document(folder) for folder in first)
    assert habitat["verdict"] == chain["verdict"] == bad_hours["verdict"] == "held"
    assert habitat["counts"]["transmissions"]["lost"] > 5
    assert chain["counts"]["transmissions"]["lost"] > 2
    assert bad_hours["counts"]["alerts"] > 10
    assert bad_hours["clinic"]["total"]["detected"] == 2
    calendars = [pq.read_table(first[n] / "tables" / "disturbances.parquet").to_pylist() for n in (0, 2)]
    assert {entry["kind"] for calendar in calendars for entry in calendar} >= kinds_of_the_schema()
    assert os.environ.get("PYTHONHASHSEED") != "1"
