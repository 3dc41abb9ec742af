"""What rots on Earth shortly before a run ends: the run goes on until it is mended, or must have been."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_habitat import HABITAT

from twin.experiments.run import run
from twin.pipeline.nodes.stream_on_earth import StreamOnEarth
from twin.result_schema import Guarantee
from twin.scenario import parse_scenario

SCENARIO = (
    """\
name: rot
start: 2033-03-10T10:00:00Z  # in view of DSS-14 until 17:23 UTC
duration: 2 h
seed: 5
"""
    + HABITAT.replace("{suite: hmac-sha256}", "{suite: hmac-sha256, scrub_period: 40 min, backup_period: 6 h}")
    + """\
faults:
  - {kind: row_rot, store: table, at: 119 min}
guarantees: [integrity: {bound: 2 owlt + contact_wait + 1 R + 5 min}]
"""
)


def integrity_of(folder: Path) -> Guarantee:
    result = run(parse_scenario(SCENARIO), folder / "out", quiet=True)
    (verdict,) = [verdict for verdict in result.document.guarantees if verdict.key == "integrity"]
    return verdict


def test_a_run_waits_for_the_scrub_that_mends_what_rotted_last(tmp_path: Path) -> None:
    verdict = integrity_of(tmp_path)
    assert (verdict.verdict, verdict.pending) == ("held", 0)
    assert "1 of 1 rows that rotted at rest were mended" in verdict.reason


def test_rot_that_is_not_mended_when_it_must_be_is_broken_and_not_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts_rotten_rows_as_held(self: StreamOnEarth, index: int) -> bool:
        return index in self.queued or index in self.ahead or index < self.stored

    monkeypatch.setattr(StreamOnEarth, "holds", counts_rotten_rows_as_held)
    verdict = integrity_of(tmp_path)
    assert (verdict.verdict, verdict.pending) == ("broken", 0)
    assert verdict.evidence is not None
    assert "longer than a scrub and its bound" in verdict.evidence.what
