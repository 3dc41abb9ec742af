"""A verdict as the outcome of a test: the same in JUnit reports and under pytest."""

from __future__ import annotations

from typing import Literal, NamedTuple

from twin.result_schema import Document, Guarantee
from twin.result_text import evidence


class Tested(NamedTuple):
    """What a test of one guarantee came to.

    Attributes:
        outcome: what broke failed; what did not apply, or was cut short by an interrupt, is skipped.
        message: one line; empty where it passed.
        lines: evidence and the command that replays it, where it failed.
    """

    outcome: Literal["passed", "failed", "skipped"]
    message: str = ""
    lines: tuple[str, ...] = ()


def as_test(guarantee: Guarantee, document: Document) -> Tested:
    """One guarantee of a run that is over."""
    if guarantee.verdict == "broken":
        reason = guarantee.reason or "broken"
        message = guarantee.evidence.what if guarantee.evidence is not None else reason
        return Tested("failed", message, (reason, *evidence(guarantee, document)))
    if guarantee.verdict == "not_applicable":
        return Tested("skipped", guarantee.reason or "not applicable")
    if document.interrupted:
        return Tested("skipped", f"held until the run was interrupted at {document.end_utc}")
    return Tested("passed")
