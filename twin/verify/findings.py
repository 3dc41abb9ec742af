"""What a verification counts and finds: per check the number of things looked at, and what is wrong with which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

CHECKS: Final[dict[str, str]] = {
    "store": "the file is a whole SQLite database, and each column holds what it is for",
    "rows": "each row is a whole frame and stands under the key and the kind that the frame names",
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

NEEDED: Final = ("rows", "attestations", "checkpoints", "ledger", "cosignatures")
"""Where one of these had nothing to look at, a whole kind of proof is not there, and nothing is proved."""

NOT_COVERED: Final = (
    "stored_us, acknowledged_us and the table told: when a row or an alert came and who was told of it, nobody signs",
    "heads.term, heads.edge, leader and bearers: who led on Earth, and which edge brought what",
    "instants in frames: a device's own clock, as signed",
    "values: that a device signed them, not that the sensor measured right",
    "what Earth never had, and a whole store set back to what it held earlier: compare with a newer copy",
    "registry.json, whose keys are taken as they stand; mars/persons.json; earth-backup.sqlite",
)
"""What a verification says nothing about, because no signature covers it."""

SOUND: Final = "sound"
NOTHING_PROVED: Final = "nothing proved"
BROKEN: Final = "broken"


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
    def missing(self) -> list[str]:
        """The needed checks that had nothing to look at."""
        return [check for check in NEEDED if not self.checked[check]]

    @property
    def outcome(self) -> str:
        """`broken` where anything is wrong, `nothing proved` where a kind of proof is missing, else `sound`."""
        if self.wrong:
            return BROKEN
        return NOTHING_PROVED if self.missing else SOUND

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, and every kind of proof is there."""
        return self.outcome == SOUND

    @property
    def verdict(self) -> str:
        """The outcome as the last line for people."""
        if self.wrong:
            return f"NOT sound: {len(self.wrong)} findings"
        if self.missing:
            return f"NOTHING PROVED: the store holds nothing to check for {', '.join(self.missing)}"
        return SOUND
