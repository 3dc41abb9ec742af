"""An answer as a table for a terminal, as CSV, as JSON. A value that no sensor had is shown as missing, never as 0."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from twin.channels import ACVPU
from twin.query.fhir import as_bundle
from twin.query.readings import Answer, Reading
from twin.scenario.instants import format_instant
from twin.verify.proof import Inclusion, Proof

COLUMNS: Final = ("utc", "metric", "value", "unit", "record", "sample", "state", "checkpoint", "witnesses")
MISSING: Final = "missing"


def as_table(answer: Answer) -> str:
    """Aligned columns, then what the states add up to, then every broken row by name; one line if there is no row."""
    if not answer.found:
        return "\n".join([_nothing(answer), *notes(answer)])
    rows = [COLUMNS, *(_cells(reading, MISSING) for reading in answer.readings())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *notes(answer)])


def notes(answer: Answer) -> list[str]:
    """How many frames are in each state, and what is broken."""
    states = ", ".join(f"{number} {state}" for state, number in answer.states().items())
    proofs = [*answer.broken, *(frame.proof for frame in answer.frames if frame.proof.problem)]
    return [
        *([f"frames: {states}"] if states else []),
        *(f"broken: {proof.record}: {proof.problem}" for proof in proofs),
        *(f"not attested: {problem}" for problem in answer.problems),
    ]


def _nothing(answer: Answer) -> str:
    what = f"no reading of {' and '.join(channel.name for channel in answer.channels)}"
    if answer.held_us is None:
        return f"{what}: no row of these devices stands on Earth"
    first, last = map(format_instant, answer.held_us)
    return f"{what} in this range: Earth holds {first} to {last}"


def as_csv(answer: Answer) -> str:
    """One line per reading, RFC 4180; a missing value is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(reading, "") for reading in answer.readings())
    return out.getvalue()


def as_document(answer: Answer) -> dict[str, Any]:
    """Readings by reference to the records that prove them; a missing value is null."""
    return {
        "schema": "mars-iomt-twin/query/1",
        "metrics": [
            {"name": c.name, "label": c.label, "unit": c.unit, "loinc": c.loinc, "mdc": c.mdc} for c in answer.channels
        ],
        "frames": answer.states(),
        "readings": [
            {
                "utc": format_instant(reading.instant_us),
                "metric": reading.channel.name,
                "value": reading.value,
                "unit": reading.channel.unit,
                "record": reading.proof.record,
                "sample": reading.k,
                "state": reading.proof.state,
            }
            for reading in answer.readings()
        ],
        "records": {frame.proof.record: proof_document(frame.proof) for frame in answer.frames},
        "broken": {proof.record: proof.problem for proof in answer.broken},
        "problems": answer.problems,
    }


def proof_document(proof: Proof) -> dict[str, Any]:
    """A proof with every hash that is needed to check it; hashes in hex, signed statements in base64."""
    attested = None
    if proof.attested is not None:
        inclusion, signature = proof.attested
        attested = {**_inclusion(inclusion), "auditor_signature": signature.hex()}
    checkpoint = None
    if proof.checkpoint is not None:
        inclusion, kept = proof.checkpoint
        statement = kept.statement
        checkpoint = {
            "author": statement.author,
            "counter": statement.counter,
            "made_utc": format_instant(statement.at_us),
            "digest": statement.digest.hex(),
            "previous": statement.previous.hex(),
            "head": _inclusion(inclusion),
            "witnesses": sorted(kept.cosigns),
            "planets": sorted(kept.planets),
            "statement": b64encode(kept.raw).decode(),
        }
    return {
        "record": proof.record,
        "index": proof.index,
        "state": proof.state,
        "problem": proof.problem or None,
        "stored_utc": format_instant(proof.stored_us),
        "leaf": proof.leaf.hex(),
        "device_signature": None if proof.frame is None else proof.frame.signature.hex(),
        "attested": attested,
        "checkpoint": checkpoint,
    }


def _inclusion(inclusion: Inclusion) -> dict[str, Any]:
    return {
        "tree_size": inclusion.size,
        "root": inclusion.root.hex(),
        "path": [sibling.hex() for sibling in inclusion.path],
    }


def _cells(reading: Reading, missing: str) -> tuple[str, ...]:
    proof = reading.proof
    return (
        format_instant(reading.instant_us),
        reading.channel.name,
        _value(reading, missing),
        reading.channel.unit,
        proof.record,
        str(reading.k),
        proof.state,
        "pending" if proof.checkpoint is None else proof.checkpoint[1].name,
        "+".join(proof.planets),
    )


def _value(reading: Reading, missing: str) -> str:
    if reading.value is None:
        return missing
    if reading.channel.name == "consciousness_acvpu" and 0 <= int(reading.value) < len(ACVPU):
        return ACVPU[int(reading.value)]
    return str(reading.value)


FORMS: Final[dict[str, Callable[[Answer], str]]] = {
    "table": as_table,
    "csv": lambda answer: as_csv(answer).removesuffix("\r\n"),
    "json": lambda answer: json.dumps(as_document(answer), indent=1),
    "fhir": lambda answer: json.dumps(as_bundle(answer), indent=1),
}
"""How an answer is written, by name."""
