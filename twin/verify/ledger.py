"""The archive of checkpoints: signatures of edges, the chain of each, and the cosignatures of witnesses.

A checkpoint states the heads of all streams of an edge, those at rest by one digest (`at_rest`), and names the SHA-256
of the one before. Witnesses are the other edges, on Mars, and the auditor, on Earth, who cosigns only rows that it has
read back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from twin.run_registry import RunRegistry
from twin.verify.at_rest import heads_at_rest
from twin.verify.chains import check_chains
from twin.verify.findings import Findings
from twin.verify.frames import MalformedError, StreamKey
from twin.verify.signatures import Key
from twin.verify.statements import Checkpoint, Cosign, read_checkpoint, read_cosign
from twin.verify.store import EarthStore, StoredCheckpoint
from twin.verify.streams import HashedStream

MARS: Final = "mars"
EARTH: Final = "earth"


class Witness(NamedTuple):
    """Who may cosign: the key, and the planet it stands on."""

    key: Key
    planet: str


@dataclass
class KeptCheckpoint:
    """A checkpoint whose edge signed it, with the cosignatures that verify, by witness.

    The `statement` has all its heads; `written` are the sizes of those that it writes out.
    """

    raw: bytes
    statement: Checkpoint
    written: dict[StreamKey, int]
    cosigns: dict[str, Cosign] = field(default_factory=dict)
    planets: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """How findings call it."""
        return f"{self.statement.author}/{self.statement.counter}"


class Keys(NamedTuple):
    """Keys of a run's registry: edges that write checkpoints, and all witnesses."""

    edges: dict[str, Key]
    witnesses: dict[str, Witness]

    @classmethod
    def of(cls, registry: RunRegistry) -> Keys:
        """Read them from a registry."""
        edges = {edge.name: Key.of(edge.key) for edge in registry.edges}
        witnesses = {name: Witness(key, MARS) for name, key in edges.items()}
        witnesses[registry.auditor.name] = Witness(Key.of(registry.auditor.key), EARTH)
        return cls(edges, witnesses)


def read_ledger(store: EarthStore, keys: Keys, findings: Findings) -> list[KeptCheckpoint]:
    """All checkpoints that hold, by author and counter; what does not hold is noted."""
    found: list[tuple[StoredCheckpoint, Checkpoint]] = []
    waiting: dict[str, set[bytes]] = {}
    for row in store.checkpoints():
        where = f"{row.author}/{row.counter}"
        if not row.checkpoint:
            waiting.setdefault(row.author, set()).add(row.digest)
            continue
        findings.look("checkpoints")
        try:
            statement = read_checkpoint(row.checkpoint)
        except MalformedError as error:
            findings.fail("checkpoints", where, str(error))
            continue
        problem = _problem_with(row, statement, keys)
        if problem:
            findings.fail("checkpoints", where, problem)
            continue
        found.append((row, statement))
    found.sort(key=lambda one: (one[1].author, one[1].counter, one[1].at_us))
    kept = _fill_in(found, findings)
    for checkpoint, (row, _) in zip(kept, found, strict=True):
        for data in row.cosigns:
            _take_cosign(data, checkpoint, keys, findings)
    for author, digests in waiting.items():
        findings.pending.append(f"{author}: of {len(digests)} checkpoints only cosignatures have reached Earth")
    check_chains([one.statement for one in kept], {digest for some in waiting.values() for digest in some}, findings)
    return kept


def _fill_in(found: Sequence[tuple[StoredCheckpoint, Checkpoint]], findings: Findings) -> list[KeptCheckpoint]:
    """Every checkpoint with all the heads that it states."""
    kept: list[KeptCheckpoint] = []
    by_author: dict[str, list[Checkpoint]] = {}
    for row, read in found:
        earlier = by_author.setdefault(read.author, [])
        rest = heads_at_rest(read, earlier)
        if rest is None:
            what = "the heads at rest are not those of any checkpoint before it"
            findings.fail("checkpoints", f"{read.author}/{read.counter}", what)
        statement = read._replace(heads={**(rest or {}), **read.heads})
        earlier.append(statement)
        kept.append(KeptCheckpoint(row.checkpoint, statement, _sizes(read)))
    return kept


def _sizes(statement: Checkpoint) -> dict[StreamKey, int]:
    return {stream: size for stream, (size, _) in statement.heads.items()}


def _problem_with(row: StoredCheckpoint, statement: Checkpoint, keys: Keys) -> str:
    if (statement.author, statement.counter) != (row.author, row.counter):
        return f"the checkpoint names itself {statement.author}/{statement.counter}"
    if statement.digest != row.digest:
        return "the hash that it stands under is another"
    author = keys.edges.get(statement.author)
    if author is None:
        return "its author is not registered"
    if statement.resting and not statement.previous:
        return "a new chain writes out all heads, and this one says that some rest"
    if not author.signed(statement.signed, statement.signature):
        return "the signature is not its edge's"
    return ""


def _take_cosign(data: bytes, checkpoint: KeptCheckpoint, keys: Keys, findings: Findings) -> None:
    findings.look("cosignatures")
    statement = checkpoint.statement
    try:
        cosign = read_cosign(data)
    except MalformedError as error:
        findings.fail("cosignatures", checkpoint.name, str(error))
        return
    witness = keys.witnesses.get(cosign.witness)
    if witness is None or cosign.witness == statement.author:
        problem = "no registered witness of it"
    elif not witness.key.signed(cosign.signed, cosign.signature):
        problem = "the signature is not the witness's"
    elif (cosign.author, cosign.counter, cosign.digest) != (statement.author, statement.counter, statement.digest):
        problem = f"it speaks of another checkpoint, {cosign.author}/{cosign.counter}"
    elif cosign.resting not in (b"", statement.resting):
        problem = "it speaks of other heads at rest"
    elif cosign.sizes != (checkpoint.written if cosign.resting else _sizes(statement)):
        problem = "it speaks of other heads"
    else:
        checkpoint.cosigns[cosign.witness] = cosign
        checkpoint.planets.add(witness.planet)
        return
    findings.fail("cosignatures", f"{checkpoint.name} by {cosign.witness}", problem)


def check_heads(kept: Sequence[KeptCheckpoint], streams: Mapping[StreamKey, HashedStream], findings: Findings) -> None:
    """Each head of each checkpoint against the rows of the table."""
    for checkpoint in kept:
        for stream, (size, root) in checkpoint.statement.heads.items():
            hashed = streams.get(stream)
            if hashed is None or size > hashed.tree.size:
                continue  # judged once per stream, by `check_counts`
            findings.look("ledger")
            if hashed.tree.root(size) != root:
                what = f"the head of {stream} at {size} is not the root of the rows"
                findings.fail("ledger", checkpoint.name, what)


@dataclass
class Counts:
    """Of one stream: rows in the table, and the largest head in the ledger and in what Earth's witness cosigned."""

    table: int = 0
    ledger: int = 0
    earth: int = 0
    mars: int = 0

    @property
    def equal(self) -> bool:
        """Whether ledger and table count the same."""
        return self.table == self.ledger


def count(kept: Sequence[KeptCheckpoint], streams: Mapping[StreamKey, HashedStream]) -> dict[StreamKey, Counts]:
    """Table against ledger, for every stream that either knows."""
    counts = {stream: Counts(table=hashed.rows) for stream, hashed in streams.items()}
    for checkpoint in kept:
        for stream, (size, _) in checkpoint.statement.heads.items():
            of = counts.setdefault(stream, Counts())
            of.ledger = max(of.ledger, size)
            if EARTH in checkpoint.planets:
                of.earth = max(of.earth, size)
            if MARS in checkpoint.planets:
                of.mars = max(of.mars, size)
    return dict(sorted(counts.items()))


def check_counts(counts: Mapping[StreamKey, Counts], findings: Findings) -> None:
    """Whether the ledger's rows are in the table, and the table's in the ledger."""
    for stream, of in counts.items():
        findings.look("counts")
        if of.table < of.earth:
            findings.fail("counts", stream, f"Earth's witness cosigned {of.earth} rows, the table holds {of.table}")
        elif of.table < of.ledger:
            findings.pending.append(f"{stream}: {of.ledger - of.table} rows of the ledger are not on Earth")
        elif of.table > of.ledger:
            findings.pending.append(f"{stream}: {of.table - of.ledger} rows are in no archived checkpoint yet")
