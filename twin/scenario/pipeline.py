"""Settings of the production pipeline, and of the computers that it runs on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.scenario.fields import ByteRate, DurationUs, Part, PositiveDurationUs, RowRate, SizeBytes, setting


class Pipeline(Part):
    """What an operator can set on the pipeline."""

    suite: Literal["ed25519", "hmac-sha256"] = setting(
        "ed25519",
        "Signatures of frames, heads and acks.",
        source="RFC 8032; hmac-sha256 (RFC 2104) is for sensors without the power",
    )
    ack_delay_us: DurationUs = setting(
        "10 s",
        "How long Earth gathers rows before it acks.",
        source="assumed: small beside any light time to Mars",
    )
    ack_every: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = setting(
        100,
        "Bundles per cumulative ack in a bare scenario.",
        source="assumed: one signature per hundred bundles",
    )
    ack_gaps_max: Annotated[int, Field(strict=True, ge=1, le=1000)] = setting(
        32,
        "Ranges of missing records that an ack names; the rest is named when these have come.",
        source="assumed: an ack stays below 1.5 kB, as timers count it",
    )
    far_end_allowance_us: DurationUs = setting(
        "2 s",
        "Processing time granted to the far end in every timer.",
        source="RFC 5326, 6.5 (additional anticipated latency); the value is assumed",
    )
    bundle_wait_us: DurationUs = setting(
        "1 s",
        "How long the edge gathers frames for a bundle.",
        source="assumed: group commit, far below a light time",
    )
    bundle_bytes_max: SizeBytes = setting(
        "64 kB",
        "Largest bundle payload.",
        source="assumed: 1 s of air time at 0.5 Mbit/s, so a loss costs a second",
    )
    batch_rows_max: Annotated[int, Field(strict=True, ge=1, le=25)] = setting(
        25,
        "Rows per write to the table.",
        source="Amazon DynamoDB API reference, BatchWriteItem: at most 25 items",
    )
    window_bytes: SizeBytes | None = setting(
        None,
        "Bytes in flight per destination; null: rate times R over the contact.",
        source="bandwidth-delay product",
    )
    backup_period_us: PositiveDurationUs = setting(
        "1 h",
        "Time between two backups on Earth; devices keep frames until then.",
        source="assumed: hourly backup",
    )
    scrub_period_us: PositiveDurationUs = setting(
        "6 h",
        "Time between two readings of every row on Earth; rot at rest is found within it.",
        source="assumed: four times a day; the idea is disk scrubbing (Schwarz and others, MASCOTS 2004)",
    )
    checkpoint_period_us: PositiveDurationUs = setting(
        "10 min",
        "Time between two signed checkpoints of an edge.",
        source="assumed: ten frames of every stream",
    )
    lifetime_us: PositiveDurationUs | None = setting(
        None,
        "Lifetime of a bundle; null: the longest planned outage plus one round.",
        source="RFC 9171, 4.3.1 defines it; the rule is the house's: an expired bundle is a loss",
    )
    frame_index_max: Annotated[int, Field(strict=True, ge=1, le=2**32 - 1)] = setting(
        2**32 - 1,
        "Largest frame index of an epoch; a device then closes the epoch and opens another.",
        source="the frame's index field has 32 bits",
    )
    packet_count: Annotated[int, Field(strict=True, ge=0, le=2**14 - 1)] = setting(
        0,
        "Packets that each device has sent before; the 14-bit count goes on from there and wraps.",
        source="assumed: new devices",
    )
    retry_local_us: PositiveDurationUs = setting(
        "2 s", "Patience of a device for its edge.", source="assumed: a thousand local round trips"
    )


class Table(Part):
    """The table on Earth that holds one row per frame."""

    latency_us: DurationUs = setting(
        "10 ms", "Time of a write.", source="assumed: DynamoDB is documented as single-digit milliseconds"
    )
    read_latency_us: DurationUs = setting(
        "10 ms",
        "Time of a consistent read.",
        source="assumed: DynamoDB is documented as single-digit milliseconds",
    )
    write_capacity_rows_per_s: RowRate = setting(
        "1000 rows/s",
        "Rows that the table takes in a second.",
        source="Amazon DynamoDB developer guide: 1000 write units per partition (rows below 1 kB)",
    )


class SurgeonChannel(Part):
    """How the flight surgeon on Earth is told of alerts."""

    latency_us: DurationUs = setting(
        "500 ms", "From the gateway to the channel, one way.", source="assumed: an HTTPS call to a chat service"
    )


class Earth(Part):
    """What stands behind the stations."""

    table: Table = setting({}, "The table.", source="key by key")
    surgeon: SurgeonChannel = setting({}, "The flight surgeon's channel.", source="key by key")
    ground_latency_us: DurationUs = setting(
        "100 ms", "From a station to the gateway, one way.", source="assumed: fibre half around the Earth"
    )


class Disk(Part):
    """An edge computer's disk."""

    fsync_us: DurationUs = setting("2 ms", "Time of an fsync.", source="assumed: a flash disk that flushes its cache")
    write_bytes_per_s: ByteRate = setting(
        "50 MB/s", "Sequential write rate.", source="assumed: a rugged industrial flash card"
    )
    capacity_bytes: SizeBytes = setting(
        "8 GB", "Bytes that the journal may hold.", source="assumed: the smallest industrial flash card still sold"
    )


class Edge(Part):
    """The edge computers."""

    disk: Disk = setting({}, "The disk of each.", source="key by key")
