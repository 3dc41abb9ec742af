"""What a verification counts and finds: per check the number of things looked at, and what is wrong with which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

CHECKS: Final[dict[str, str]] = {
    "rows": "each row is a whole frame and stands under the key that the frame names",
    "signatures": "each frame carries the signature of its device, through every change of keys",
    "streams": "each stream counts from 0 without a gap up to its head",
    "heads": "each head stands on rows, and nothing was attested beyond it",
    "attestations": "each attested root is the root of the rows, signed by the auditor",
    "checkpoints": "each checkpoint is signed by its edge and continues the chain",
    "ledger": "each head in a checkpoint is the root of the rows",
    "cosignatures": "each cosignature is a witness's, over that checkpoint",
    "alerts": "the alert table holds each alert of the edges' frames once, and nothing else",
    "counts": "ledger and table count the same frames",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: which check, where it stands, what is wrong with it."""

    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what}"


@dataclass
class Findings:
    """All that a verification says.

    `pending` is what is not wrong but not proved yet either, `notes` what is proved and worth knowing.
    """

    checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))
    wrong: list[Finding] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def look(self, check: str, times: int = 1) -> None:
        """Count things looked at."""
        self.checked[check] += times

    def fail(self, check: str, where: object, what: str) -> None:
        """Note a failure."""
        self.wrong.append(Finding(check, str(where), what))

    def of(self, check: str) -> list[Finding]:
        """Failures of one check."""
        return [finding for finding in self.wrong if finding.check == check]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, and there was something to look at."""
        return not self.wrong
