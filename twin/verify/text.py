"""What a verification says to people: a line per check, failures, what is pending, noted, not covered; the outcome."""

from __future__ import annotations

from typing import Any, Final

from twin.verify.audit import Verification
from twin.verify.findings import CHECKS, NEEDED, NOT_COVERED

FAILURES_SHOWN: Final = 10
PENDING_SHOWN: Final = 10


def summary(verification: Verification) -> str:
    """Lines for a terminal."""
    findings = verification.findings
    width = max(map(len, CHECKS))
    lines = []
    for check, statement in CHECKS.items():
        looked, wrong = findings.checked[check], len(findings.of(check))
        empty = "MISSING" if check in NEEDED else "nothing to check"
        state = f"{wrong} WRONG" if wrong else "ok" if looked else empty
        lines.append(f"{check:{width}}  {looked:>9}  {state:<16}  {statement}")
    lines += _some("wrong", [str(finding) for finding in findings.wrong], FAILURES_SHOWN)
    lines += _some("not proved yet", findings.pending, PENDING_SHOWN)
    lines += _some("noted", findings.notes, PENDING_SHOWN)
    lines += _some("not covered", list(NOT_COVERED), len(NOT_COVERED))
    lines.append(findings.verdict)
    return "\n".join(lines)


def _some(title: str, lines: list[str], shown: int) -> list[str]:
    if not lines:
        return []
    more = [f"  ... and {len(lines) - shown} more"] if len(lines) > shown else []
    return [f"{title}:", *(f"  {line}" for line in lines[:shown]), *more]


def as_document(verification: Verification) -> dict[str, Any]:
    """The same for programs, with every finding."""
    findings = verification.findings
    return {
        "outcome": findings.outcome,
        "sound": findings.sound,
        "checks": {
            check: {"statement": statement, "checked": findings.checked[check], "wrong": len(findings.of(check))}
            for check, statement in CHECKS.items()
        },
        "missing": findings.missing,
        "wrong": [{"check": f.check, "where": f.where, "what": f.what} for f in findings.wrong],
        "pending": findings.pending,
        "notes": findings.notes,
        "not_covered": list(NOT_COVERED),
    }
