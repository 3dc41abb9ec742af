"""Each guarantee breaks when its bug is planted: one deliberately broken pipeline per guarantee, run in-loop beside
the sound one.

Numbers are those of the project's list of planted bugs. A bug may break others too (a false ack is also believed by a
device); what must break is named, and what must not.
"""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from twin.experiments.mission import Roles
from twin.experiments.run import run
from twin.hosts.models.hops import HopAccount
from twin.pipeline.facts import Accepted, Trimmed
from twin.pipeline.ledger import merkle, proof
from twin.pipeline.machine import (
    Append,
    Effect,
    Event,
    ReadRows,
    Report,
    RowsWritten,
    StoreRefused,
    WriteHead,
    WriteRows,
)
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.device import Device
from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.wire.identity import StreamId
from twin.result import Result
from twin.scenario import parse_scenario

# DSS-14 sees Mars from 09:36 to 17:23 UTC: the two hours and their acks are in view.
SCENARIO = """
name: planted
start: 2033-03-10T10:00:00Z
duration: 2 h
seed: 5
habitat:
  site: jezero
  crew: 2
  devices:
    - {kind: vitals_monitor, per: crew, sample_period: 20 s, frame_period: 2 min}
  edge_nodes: 2
pipeline: {suite: hmac-sha256, backup_period: 30 min}
earth: {table: {write_capacity: 20 rows/s}}
faults:
  - {kind: bundle_loss, link: down, rate: 5 %}
  - {kind: edge_crash, node: edge-1, at: 50 min, down: 5 min}
  - {kind: table_throttling, at: 70 min, for: 10 min, write_capacity: 0.2 rows/s}
guarantees:
  - durability
  - no_equivocation
  - no_loss
  - exactly_once
  - stream_order
  - integrity
  - append_only
  - convergence: {rounds: 3}
  - freshness: {bound: owlt + frame_period + contact_wait + 3 R + 15 min}
  - feedback_closure: {bound: 2 owlt + frame_period + 2 contact_wait + 3 R + 20 min}
  - safe_trim
  - conservation
"""


LISTED = parse_scenario(SCENARIO).listed_guarantees


class AcceptsBeforeFsync(Edge):
    """Bug 1: the accept is in the list that asks for the sync."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        for effect in tuple(out):
            if isinstance(effect, Append) and effect.records:
                record = effect.records[0]
                out.append(Report(Accepted(record.stream, record.index, record.index + 1)))
        return out


class SendsBeforeFsync(Edge):
    """Bug 2: a record is offered to the antenna when it is appended."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        records = [record for effect in out if isinstance(effect, Append) for record in effect.records]
        if records:
            self.downlink.offer(records, now_us, out)
            self.downlink.timer("flush", now_us)
            self.downlink.pump(now_us, out)
        return out


class LosesEveryFifth(Gateway):
    """Rows are left out of batches, whatever the store says."""

    def _write_rows(self, out: list[Effect]) -> None:
        super()._write_rows(out)
        for position, effect in enumerate(out):
            if isinstance(effect, WriteRows) and effect.store == "table":
                out[position] = effect._replace(rows=tuple(row for row in effect.rows if row[0].index % 5 != 4))


class CountsUnprocessedAsStored(Gateway):
    """Bug 11, as listed: the store's `unprocessed` is not looked at."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, RowsWritten):
            event = event._replace(unprocessed=())
        elif isinstance(event, StoreRefused) and event.id in self._writes:
            event = RowsWritten(event.id, ())
        return super().handle(event, now_us)


class RetriesUnderANewKey(Gateway):
    """Bug 24: a batch is written again under other keys."""

    def _write_rows(self, out: list[Effect]) -> None:
        super()._write_rows(out)
        for position, effect in enumerate(out):
            if isinstance(effect, WriteRows) and effect.store == "table" and len(effect.rows) < 13:
                again = tuple((key._replace(index=key.index + 10_000), frame) for key, frame in effect.rows)
                out[position] = effect._replace(rows=effect.rows + again)


class ShowsTooMuch(Gateway):
    """The head is moved past the rows that are stored."""

    def _move_head(self, stream: Any, out: list[Effect]) -> None:
        super()._move_head(stream, out)
        if out and isinstance(out[-1], WriteHead):
            out[-1] = out[-1]._replace(size=out[-1].size + 1)


class FlipsABit(Gateway):
    """One row is written with a flipped bit, after its signature was checked."""

    def _write_rows(self, out: list[Effect]) -> None:
        super()._write_rows(out)
        for position, effect in enumerate(out):
            if isinstance(effect, WriteRows):
                rows = tuple(
                    (key, frame[:-1] + bytes((frame[-1] ^ 1,)) if key.index == 7 else frame)
                    for key, frame in effect.rows
                )
                out[position] = effect._replace(rows=rows)


def flipped(frame: bytes) -> bytes:
    return frame[:-1] + bytes((frame[-1] ^ 1,))


class IndexRestarts(Device):
    """Bug 17: after some frames the index begins at 0 again in the same epoch."""

    def _take(self, start_us: int, rows: tuple[tuple[int, ...], ...], out: list[Effect]) -> None:
        if self.stream.size == 20:
            self._open(self.stream.id.epoch)
        super()._take(start_us, rows, out)


class NeverSendsAgain(Edge):
    """Bug 15: the retransmission timer is not re-armed."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        self.downlink.sync.next_expiry_us = lambda: None  # type: ignore[method-assign]
        self.downlink.sync._missing = lambda *_: False  # type: ignore[method-assign]
        return out


class FallsSilent(Auditor):
    """The auditor stops reading after its first hundred rows."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        out = super().handle(event, now_us)
        if sum(audit.log.size for audit in self.streams.values()) > 100:
            out = [effect for effect in out if not isinstance(effect, ReadRows)]
        return out


class HoldsHeadsBack(Gateway):
    """Heads move only by forty rows or more: rows are safe and nobody sees them."""

    def _move_head(self, stream: Any, out: list[Effect]) -> None:
        if stream.stored >= min(stream.visible + 40, 60):
            super()._move_head(stream, out)


class AcksWhatIsStored(Gateway):
    """Earth acks what it has written, not what the auditor has read back."""

    def _compose_ack(self, stream_id: StreamId, now_us: int, out: list[Effect]) -> bytes | None:
        stream = self.streams[stream_id]
        proved = stream.attestation
        if proved is not None:
            stream.attestation = proved._replace(size=proved.size + 2)
        ack = super()._compose_ack(stream_id, now_us, out)
        stream.attestation = proved
        return ack


class TrimsWhatIsVerified(Device):
    """Bug 20: frames are deleted when they are verified, before they are in the backup."""

    def _acked(self, epoch: Any, source: str, ack: Any, data: bytes, out: list[Effect]) -> None:
        stream = epoch.stream
        if stream.problem_with(ack, self.settings.gateway, self.settings.auditor) is None:
            stream.drop_frames(ack.verified)
            out.append(Report(Trimmed(stream.id, ack.verified)))
        super()._acked(epoch, source, ack, data, out)


def fly(folder: Path, roles: Roles | None = None) -> Result:
    return run(parse_scenario(SCENARIO), folder / "run", roles=roles)


def verdicts(result: Result) -> dict[str, str]:
    return {guarantee.key: guarantee.verdict for guarantee in result.guarantees}


def test_the_sound_pipeline_holds_every_guarantee(tmp_path: Path) -> None:
    result = fly(tmp_path)
    found = verdicts(result)
    assert {key: found[key] for key in LISTED} == dict.fromkeys(LISTED, "held")
    assert "broken" not in found.values()
    assert all(guarantee.checked for guarantee in result.guarantees if guarantee.key in LISTED)


PLANTED = [
    ("durability", Roles(edge=AcceptsBeforeFsync), {"exactly_once", "conservation", "integrity"}),
    ("no_equivocation", Roles(edge=SendsBeforeFsync), {"exactly_once", "conservation", "integrity", "safe_trim"}),
    ("no_equivocation", Roles(device=IndexRestarts), {"conservation", "safe_trim"}),
    ("no_loss", Roles(gateway=LosesEveryFifth), {"conservation", "integrity", "durability"}),
    # the auditor finds the rows missing and the edge sends them anew, so nothing is lost; but readers saw a gap
    ("stream_order", Roles(gateway=CountsUnprocessedAsStored), {"conservation", "integrity", "durability", "no_loss"}),
    ("exactly_once", Roles(gateway=RetriesUnderANewKey), {"durability", "conservation", "append_only"}),
    ("stream_order", Roles(gateway=ShowsTooMuch), {"durability", "conservation", "integrity", "exactly_once"}),
    ("integrity", Roles(gateway=FlipsABit), {"durability", "conservation", "append_only"}),
    ("convergence", Roles(edge=NeverSendsAgain), {"durability", "conservation", "integrity", "append_only"}),
    ("convergence", Roles(auditor=FallsSilent), {"durability", "conservation", "integrity", "no_loss", "safe_trim"}),
    ("freshness", Roles(gateway=HoldsHeadsBack), {"durability", "conservation", "integrity", "no_loss", "safe_trim"}),
    ("feedback_closure", Roles(gateway=AcksWhatIsStored), {"durability", "integrity", "no_loss", "exactly_once"}),
    ("safe_trim", Roles(device=TrimsWhatIsVerified), {"durability", "integrity", "exactly_once", "conservation"}),
]


@pytest.mark.parametrize(
    ("key", "roles", "untouched"), PLANTED, ids=[f"{key}-{number}" for number, (key, _, _) in enumerate(PLANTED)]
)
def test_the_planted_bug_breaks_its_guarantee(key: str, roles: Roles, untouched: set[str], tmp_path: Path) -> None:
    result = fly(tmp_path, roles)
    found = verdicts(result)
    assert found[key] == "broken"
    assert {name: found[name] for name in untouched} == dict.fromkeys(untouched, "held")
    assert (result.verdict, result.exit_code) == ("broken", 1)
    evidence = next(guarantee.evidence for guarantee in result.guarantees if guarantee.key == key)
    assert evidence is not None
    assert evidence.record
    assert evidence.at_utc
    assert evidence.where
    assert evidence.what
    assert evidence.replay


def without_domain_separation(data: bytes = b"") -> Any:
    """Bug 9: inner nodes are hashed like leaves."""
    return hashlib.sha256(b"\x00" + data[1:] if data[:1] == b"\x01" else data)


def test_a_merkle_bug_shared_by_both_planets_breaks_append_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in (merkle, proof):
        monkeypatch.setattr(module, "sha256", without_domain_separation)
    found = verdicts(fly(tmp_path))
    assert found["append_only"] == "broken"
    assert found["feedback_closure"] == "broken"
    assert found["durability"] == found["integrity"] == "held"


def test_a_link_that_loses_without_a_word_breaks_conservation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def silent(self: HopAccount, number: int, _cause: str) -> None:
        del self.open[number]

    monkeypatch.setattr(HopAccount, "lost", silent)
    found = verdicts(fly(tmp_path))
    assert found.pop("conservation") == "broken"
    assert "broken" not in found.values()


def test_a_listed_guarantee_that_was_never_checked_is_broken(tmp_path: Path) -> None:
    text = SCENARIO.replace("duration: 2 h", "duration: 4 min").partition("faults:")[0] + "guarantees: [safe_trim]\n"
    result = run(parse_scenario(text), tmp_path / "run")
    verdict = next(guarantee for guarantee in result.guarantees if guarantee.key == "safe_trim")
    assert (verdict.verdict, verdict.checked) == ("broken", 0)
    assert "never checked" in (verdict.reason or "")


def test_an_unlisted_guarantee_that_was_never_checked_is_not_applicable_with_its_reason(tmp_path: Path) -> None:
    text = SCENARIO.replace("duration: 2 h", "duration: 4 min").partition("faults:")[0]
    result = run(parse_scenario(text), tmp_path / "run")
    verdict = next(guarantee for guarantee in result.guarantees if guarantee.key == "safe_trim")
    assert (verdict.verdict, verdict.checked) == ("not_applicable", 0)
    assert verdict.reason
    assert result.verdict == "held"
