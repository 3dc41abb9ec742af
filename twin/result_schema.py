"""The contract of a run's folder: keys and types of `result.json`, columns of its tables.

A number that does not exist is null, never NaN. A time in a table is an instant of house time (`..._us`); one
that never came is null. A change that a reader cannot pass over takes a new `SCHEMA`.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Final = "mars-iomt-twin/result/1"

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "records": (
        "stream", "epoch", "index", "generated_us", "signed_us", "accepted_us", "sent_us", "rounds",
        "durable_us", "visible_us", "attested_us", "acked_us", "learned_us",
    ),
    "contacts": ("from_node", "to_node", "via", "start_us", "end_us", "rate_bps", "owlt_us"),
    "disturbances": ("kind", "place", "start_us", "end_us", "detail"),
    "backlog": ("at_us", "place", "records", "bytes"),
    "opacity": ("at_us", "tau"),
    "transmissions": (
        "hop", "from_node", "to_node", "content", "bytes", "sent_us", "arrival_us", "outcome", "cause",
    ),
}  # fmt: skip
"""Columns of each table; a writer may add more."""

Verdict = Literal["held", "broken", "incomplete"]


class _Part(BaseModel):
    """Keys that a newer writer adds are passed over; values are never converted from text."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Evidence(_Part):
    """The first record that broke a guarantee, and the command that shows it again."""

    record: str | None = None
    at_utc: str | None = None
    where: str | None = None
    what: str
    replay: str | None = None


class Term(_Part):
    """One summand of a bound [s]."""

    name: str
    value_s: float


class Guarantee(_Part):
    """The verdict on one guarantee; `margin` is the smallest bound - observed over all opportunities.

    `bound` and `observed` belong to that opportunity; `expression` is the bound as the scenario writes it.
    """

    key: str
    verdict: Literal["held", "broken", "not_applicable"]
    reason: str | None = None
    checked: int
    pending: int
    bound: float | None = None
    observed: float | None = None
    unit: str | None = None
    margin: float | None = None
    expression: str | None = None
    evidence: Evidence | None = None
    terms: tuple[Term, ...] = Field(default=(), strict=False)


class Tally(_Part):
    """Copies on hops: sent = delivered + lost + in flight."""

    sent: int
    delivered: int
    lost: int
    in_flight: int


class Counts(_Part):
    """How many of each thing a run made."""

    samples: int
    frames: int
    bundles: int
    rows: int
    alerts: int
    transmissions: Tally


class Records(_Part):
    """End to end: accepted = delivered + lost + in flight."""

    accepted: int
    delivered: int
    lost: int
    in_flight: int


class Latency(_Part):
    """From generation to visible on Earth [s]."""

    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class Age(_Part):
    """Age of information on Earth [s]."""

    mean: float | None
    max: float | None


class Stream(_Part):
    """What Earth saw of one stream."""

    device: str | None = None
    latency_s: Latency
    age_s: Age


class Site(_Part):
    """Where on Mars; latitude planetographic, longitude east."""

    name: str | None = None
    latitude_deg: float
    longitude_deg: float


class Assumption(_Part):
    """A value the run rests on, and whether the scenario gave it or a default did."""

    key: str
    value: object = None
    source: str | None = None
    given: bool


class Provenance(_Part):
    """What made the result; the only part that differs between two runs of one scenario and seed."""

    version: str | None = None
    wall_s: float | None = None
    events: int | None = None
    python: str | None = None
    platform: str | None = None
    packages: dict[str, str] = Field(default_factory=dict)
    made_utc: str | None = None


class Document(_Part):
    """All of `result.json`."""

    scenario: str
    description: str | None = None
    seed: int
    start_utc: str | None = None
    end_utc: str | None = None
    generation_end_utc: str | None = None
    site: Site | None = None
    verdict: Verdict
    interrupted: bool = False
    guarantees: tuple[Guarantee, ...] = Field(strict=False)
    counts: Counts
    losses: dict[str, int] = Field(default_factory=dict)
    records: Records
    streams: dict[str, Stream]
    longest_silence_s: float | None = None
    trace_hash: str | None = None
    sim_s: float | None
    assumptions: tuple[Assumption, ...] = Field(default=(), strict=False)
    replay: str | None = None
    provenance: Provenance
