"""The contract of a run's folder: keys and types of `result.json`, columns of its tables.

A number that does not exist is null, never NaN. A time in a table is an instant of house time (`..._us`); one
that never came is null. A change that a reader cannot pass over takes a new `SCHEMA`.

- `vitals`: one channel of one device over one stretch of time that begins at `at_us`: what the world produced, in the
  channel's own integer unit. `readings` counts samples with a reading; without any, the values are null.
- `episodes`: ground truth. Crew 0 is the habitat's air.
- `alarms`: one alert key. `onset`: the sample at which the rule began to hold, in truth; `raised`: an edge found it;
  `sounded`: the crew was told; `sealed`: signed for Earth; `sent`, `arrived`: the bundle that brought it; `durable`:
  its row stands on Earth; `stored`: it stands in the alert table; `told`: the flight surgeon; `seen_on_mars`: an edge
  learned that the flight surgeon has acknowledged it. `episode`: the kind it was counted to, null for a false alarm.
- `checkpoints`: one signed checkpoint of an edge, with the `streams` and `frames` under the heads that moved.
  `cosigned_..._us`: the first witness of that planet whose signature covers it; `cosigners` of `witnesses` cover it.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from twin.result_story import Story

SCHEMA: Final = "mars-iomt-twin/result/2"

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "records": (
        "stream", "epoch", "index", "generated_us", "signed_us", "accepted_us", "sent_us", "rounds",
        "durable_us", "visible_us", "attested_us", "acked_us", "learned_us",
    ),
    "contacts": ("from_node", "to_node", "via", "start_us", "end_us", "rate_bps", "owlt_us"),
    "disturbances": ("kind", "place", "start_us", "end_us", "detail"),
    "backlog": ("at_us", "place", "records", "bytes", "kept"),
    "opacity": ("at_us", "tau"),
    "transmissions": (
        "hop", "from_node", "to_node", "content", "bytes", "sent_us", "arrival_us", "outcome", "cause",
    ),
    "vitals": ("stream", "crew", "channel", "at_us", "min", "median", "max", "readings"),
    "episodes": ("kind", "crew", "start_us", "end_us"),
    "alarms": (
        "alert", "stream", "crew", "rule", "text", "technical", "priority", "episode", "onset_us", "raised_us",
        "sounded_us", "escalated_us", "acknowledged_us", "cleared_us", "sealed_us", "sent_us", "arrived_us",
        "durable_us", "stored_us", "told_us", "times_told", "seen_on_mars_us",
    ),
    "checkpoints": (
        "author", "counter", "at_us", "streams", "frames", "cosigned_mars_us", "cosigned_earth_us", "cosigners",
        "witnesses",
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
    """One summand of a bound [s]; null where the planned contacts do not reach so far."""

    name: str
    value_s: float | None


class Worst(_Part):
    """The opportunity that came nearest to its bound: which record, when and where it was judged."""

    record: str
    at_utc: str
    where: str


class Guarantee(_Part):
    """The verdict on one guarantee; `margin` is the smallest bound - observed over all opportunities.

    `bound` and `observed` belong to that opportunity, `worst`; `expression` is the bound as the scenario writes it.
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
    worst: Worst | None = None
    story: Story | None = None
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
    """End to end: accepted = delivered + lost + in flight; `never_accepted` were signed, but no edge ever took them."""

    accepted: int
    delivered: int
    lost: int
    in_flight: int
    never_accepted: int | None = None


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


class Delay(_Part):
    """From the beginning of an episode to its first alarm [s]; `known` episodes have one."""

    known: int
    median: float | None
    max: float | None


class Watch(_Part):
    """Alarms held against ground truth, for one crew member (0: the habitat's air) or for all (null)."""

    crew: int | None
    patient_days: float
    episodes: int
    detected: int
    sensitivity: float | None
    delay_mars_s: Delay
    delay_earth_s: Delay
    alarms: int
    false_alarms: int
    false_alarms_per_patient_day: float | None
    technical_alarms: int


class Clinic(_Part):
    """How well the alarms told the truth; an alarm within `grace_s` after an episode still belongs to it."""

    grace_s: float
    crew: tuple[Watch, ...] = Field(strict=False)
    total: Watch


class Ledger(_Part):
    """Counts of the ledger on Mars and the table on Earth, and how far witnesses have signed.

    `frames` are durable in the ledger of some edge, `rows` stand in the table; both over
    every stream, alert streams of edges included. `frames_signed` stand under a signed head, `frames_cosigned_...`
    under one that a witness of that planet signed, `rows_audited` under an attestation. A checkpoint counts as
    `cosigned_by_all` when the signature of every witness covers it.
    """

    frames: int
    rows: int
    streams: int
    checkpoints: int
    cosigned_by_all: int
    frames_signed: int
    frames_cosigned_mars: int
    frames_cosigned_earth: int
    rows_audited: int
    last_cosigned_mars_utc: str | None = None
    last_cosigned_earth_utc: str | None = None
    last_audited_utc: str | None = None


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


class Ephemeris(_Part):
    """What a habitat's Earth, Mars and Sun were computed from: the built-in table or a kernel, and its coefficients."""

    name: str
    sha256: str


class Provenance(_Part):
    """What made the result; the only part that differs between two runs of one scenario and seed."""

    version: str | None = None
    wall_s: float | None = None
    events: int | None = None
    python: str | None = None
    platform: str | None = None
    ephemeris: Ephemeris | None = None
    packages: dict[str, str] = Field(default_factory=dict)
    made_utc: str | None = None


class Storm(_Part):
    """A dust storm of the run: by script, by chance or replayed from the past, and a sentence that says so.

    It ends when a tenth of what it lifted is left, or with what was measured of it.
    """

    origin: Literal["scripted", "random", "replayed"]
    name: str
    start_utc: str
    end_utc: str
    peak_tau: float
    told: str


class Storage(_Part):
    """What a node on Mars must be able to keep because no ack comes home, estimated before the run, and what its disk
    held at most.

    What is measured at `since_utc` is kept until `until_utc`; generation goes on for `held_s` of that.
    """

    node: str
    since_utc: str
    until_utc: str
    held_s: float
    needed_bytes: int
    capacity_bytes: int
    used_bytes_max: int


class Document(_Part):
    """All of `result.json`.

    Attributes:
        scenario_digest: tells two scenarios of one name apart (`twin.scenario.digest`).
        yaml: the scenario of a run in which something broke.
    """

    scenario: str
    scenario_digest: str | None = None
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
    clinic: Clinic | None = None
    ledger: Ledger | None = None
    storms: tuple[Storm, ...] | None = Field(default=None, strict=False)
    longest_silence_s: float | None = None
    storage: tuple[Storage, ...] | None = Field(default=None, strict=False)
    trace_hash: str | None = None
    sim_s: float | None
    assumptions: tuple[Assumption, ...] = Field(default=(), strict=False)
    replay: str | None = None
    yaml: str | None = None
    provenance: Provenance
