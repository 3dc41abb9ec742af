"""The ledger as people see it: what each stream counts in table and ledger, and the proof of any one record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from twin.scenario.errors import ScenarioError, shown
from twin.scenario.instants import format_instant
from twin.verify.audit import Verification
from twin.verify.frames import StreamKey
from twin.verify.ledger import Counts
from twin.verify.proof import Archive, Proof
from twin.verify.store import open_store

_RECORD: Final = re.compile(r"dev-([0-9a-f]{16})/ep-([0-9a-f]{16})/(0|[1-9][0-9]{0,9})(?:/[0-9]+)?")
_COLUMNS: Final = ("stream", "table", "ledger", "witnessed on Mars", "on Earth", "counts")


def prove(run_dir: Path, record: str) -> Proof:
    """The proof of one record.

    Args:
        record: `dev-<16 hex>/ep-<16 hex>/<index>`; the number of a sample may follow.

    Raises:
        ScenarioError: no such run, no address of a record, or no row there.
    """
    match = _RECORD.fullmatch(record)
    if match is None:
        remedy = "write dev-<16 hex>/ep-<16 hex>/<index>, as `twin query` shows it"
        raise ScenarioError(f"record {shown(record)}", "no address of a record", "--record", remedy)
    stream, index = StreamKey(int(match[1], 16), int(match[2], 16)), int(match[3])
    with open_store(run_dir) as store:
        row = store.row(stream, index)
        if row is None:
            remedy = "`twin ledger RUN_DIR` lists the streams and how many rows each has"
            raise ScenarioError(f"record {record}", "no row stands there", "--record", remedy)
        return Archive.of(store, run_dir).stream(stream).prove(row)


def prove_all(run_dir: Path) -> Iterator[Proof]:
    """The proof of every row of the store, stream by stream."""
    with open_store(run_dir) as store:
        archive = Archive.of(store, run_dir)
        for stream in store.streams():
            provable = archive.stream(stream)
            for row in provable.rows():
                yield provable.prove(row)


def proof_text(proof: Proof) -> str:
    """A proof for a terminal."""
    lines = [("record", proof.record), ("state", proof.state), ("leaf", proof.leaf.hex())]
    if proof.problem:
        lines.append(("problem", proof.problem))
    if proof.attested is None:
        lines.append(("attested", "pending"))
    else:
        inclusion, signature = proof.attested
        lines += [
            ("attested", f"leaf {proof.index} of {inclusion.size}, root {inclusion.root.hex()}"),
            *(("  path", sibling.hex()) for sibling in inclusion.path),
            ("  auditor", signature.hex()),
        ]
    if proof.checkpoint is None:
        lines.append(("checkpoint", "pending"))
    else:
        inclusion, kept = proof.checkpoint
        statement = kept.statement
        lines += [
            ("checkpoint", f"{kept.name}, made {format_instant(statement.at_us)}, sha256 {statement.digest.hex()}"),
            ("  head", f"leaf {proof.index} of {inclusion.size}, root {inclusion.root.hex()}"),
            *(("  path", sibling.hex()) for sibling in inclusion.path),
            ("  edge", statement.signature.hex()),
            *((f"  {witness}", cosign.signature.hex()) for witness, cosign in sorted(kept.cosigns.items())),
            ("  planets", " and ".join(proof.planets) or "no witness yet"),
        ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines)


def overview_text(verification: Verification) -> str:
    """Streams and their counts, and the newest checkpoint of each edge with its witnesses."""
    rows = [_COLUMNS, *(_cells(stream, of) for stream, of in verification.counts.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    newest = {kept.statement.author: kept for kept in verification.checkpoints}
    for kept in newest.values():
        witnesses = ", ".join(sorted(kept.cosigns)) or "nobody yet"
        lines.append(f"newest of {kept.statement.author}: {kept.statement.counter}, cosigned by {witnesses}")
    if not newest:
        lines.append("no checkpoint is archived in this store")
    findings = verification.findings
    return "\n".join([*lines, *(str(finding) for finding in findings.wrong), findings.verdict])


def overview_document(verification: Verification) -> dict[str, Any]:
    """The same for programs, with every checkpoint."""
    return {
        "schema": "mars-iomt-twin/ledger/1",
        "outcome": verification.findings.outcome,
        "sound": verification.findings.sound,
        "streams": [
            {
                "stream": str(stream),
                "table": of.table,
                "ledger": of.ledger,
                "witnessed": {"mars": of.mars, "earth": of.earth},
                "equal": of.equal,
            }
            for stream, of in verification.counts.items()
        ],
        "checkpoints": [
            {
                "author": kept.statement.author,
                "counter": kept.statement.counter,
                "made_utc": format_instant(kept.statement.at_us),
                "digest": kept.statement.digest.hex(),
                "previous": kept.statement.previous.hex(),
                "heads": [
                    {"stream": str(stream), "size": size, "root": root.hex()}
                    for stream, (size, root) in kept.statement.heads.items()
                ],
                "witnesses": sorted(kept.cosigns),
                "planets": sorted(kept.planets),
            }
            for kept in verification.checkpoints
        ],
        "missing": verification.findings.missing,
        "wrong": [str(finding) for finding in verification.findings.wrong],
        "pending": verification.findings.pending,
    }


def _cells(stream: StreamKey, of: Counts) -> tuple[str, ...]:
    if of.equal:
        counts = "equal"
    elif of.table > of.ledger:
        counts = f"{of.table - of.ledger} rows not in a checkpoint yet"
    else:
        counts = f"{of.ledger - of.table} rows of the ledger missing"
    return str(stream), str(of.table), str(of.ledger), str(of.mars), str(of.earth), counts
