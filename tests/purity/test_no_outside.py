"""What the interpreter sees inside `handle` in full runs: no audit event, and C functions of a short list only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transcripts import chain, habitat

HERE = Path(__file__).parent

C_MODULES = (
    "_abc",
    "_bisect",
    "_cbor2",
    "_collections",
    "_functools",
    "_hashlib",
    "_heapq",
    "_operator",
    "_struct",
    "builtins",
    "cbor2",
    "collections",
    "cryptography.hazmat.bindings._rust.openssl",
    "cryptography.hazmat.primitives.kdf.hkdf",
    "ed25519",
    "fastcrc",
    "functools",
    "google_crc32c",
    "itertools",
    "math",
    "re",
)
"""Where the C functions may come from that a `handle` calls: values, codecs, checksums, hashes, signatures."""

NOT_EVEN_BUILTIN = {
    f"builtins.{name}" for name in ("__import__", "eval", "exec", "hash", "id", "input", "open", "print")
}


def outside(called: dict[str, int]) -> list[str]:
    """The C functions that a machine has no business to call."""
    known = tuple(f"{module}." for module in C_MODULES)
    return sorted(name for name in called if not name.startswith(known) or name in NOT_EVEN_BUILTIN)


def watched_run(text: str, folder: Path, *plant: str) -> dict[str, Any]:
    """What `watched_run.py` says of a scenario, run in a process of its own."""
    scenario = folder / "small.yaml"
    scenario.write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    found = subprocess.run(
        [sys.executable, str(HERE / "watched_run.py"), str(scenario), str(folder / "runs"), *plant],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    seen: dict[str, Any] = json.loads(found.stdout)
    return seen


PLAIN = """\
name: plain
start: 2033-03-10T09:00:00Z
duration: 5 min
habitat: {site: jezero, crew: 1}
pipeline: {suite: hmac-sha256}
"""


@pytest.mark.parametrize("text", [habitat(), chain("hmac-sha256")], ids=["habitat", "chain"])
def test_nothing_leaves_or_enters_a_handle_but_its_arguments(text: str, tmp_path: Path) -> None:
    seen = watched_run(text, tmp_path)
    assert seen["handled"] > 1000
    assert seen["audited"] == {}
    assert outside(seen["called"]) == []
    assert seen["same"], "the trace hash of the watched run differs from the unwatched one"


def test_each_way_outside_is_noticed(tmp_path: Path) -> None:
    seen = watched_run(PLAIN, tmp_path, "planted")
    assert {"open", "import", "os.system", "socket.__new__"} <= set(seen["audited"])
    ways = {"io.open", "posix.system", "time.time", "posix.urandom"}
    assert ways <= set(outside(seen["called"]))
