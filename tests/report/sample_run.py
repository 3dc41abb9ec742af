"""Builds a plausible run folder without a run, so that reading and rendering are tested on their own.

One sol at Jezero, three stations, one storm, one crash. Times follow the order of the pipeline; the numbers
are drawn, not simulated.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twin.result_schema import SCHEMA, TABLES
from twin.world.dust import Storm, opacity
from twin.world.timescales import SOL_US, us_to_utc, utc_to_us

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
OWLT_US = 511 * 1_000_000
START_US = utc_to_us("2033-03-10T00:00:00Z")
PASSES_H = {"DSS-14": (0.0, 4.2), "DSS-43": (6.5, 12.4), "DSS-63": (19.1, 24.6)}

HELD = (
    "durability", "no_equivocation", "no_loss", "exactly_once", "stream_order", "integrity", "append_only",
    "convergence", "freshness", "feedback_closure", "safe_trim", "conservation",
)  # fmt: skip


def write_run(folder: Path, *, devices: int = 6, frames: int = 1_480, **changes: Any) -> Path:
    """Write `result.json` and all tables; `changes` replace top-level keys of the document.

    Args:
        folder: Where to write; made when missing.
        devices: Number of streams; 0 makes every table empty.
        frames: Records per stream, one a minute.
        changes: Keys of `result.json` with their values.
    """
    tables = _tables(devices, frames)
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet")
    document = _document(tables["records"], devices * frames) | changes
    (folder / "result.json").write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return folder


def write_bare_run(folder: Path) -> Path:
    """Write what a scenario of nodes, contacts and traffic leaves: no site, no sky, no records table rows."""
    write_run(
        folder, devices=0, scenario="chain3", description="Three bundle nodes in a line", site=None,
        start_utc=None, end_utc=None, generation_end_utc=None, streams={}, longest_silence_s=None,
        assumptions=[], losses={},
    )  # fmt: skip
    start_us = 0
    hops = [("a", "b"), ("b", "c"), ("c", "b"), ("b", "a")]
    contacts = [
        (one, other, None, start_us + k * HOUR_US, start_us + k * HOUR_US + 20 * MINUTE_US, 2e6, 1_000_000)
        for k in range(24)
        for one, other in hops
    ]
    typed("contacts", contacts).to_parquet(folder / "tables" / "contacts.parquet")
    return folder


def _tables(devices: int, frames: int) -> dict[str, pd.DataFrame]:
    if devices == 0:
        return {name: typed(name, []) for name in TABLES}
    windows = [(START_US + round(a * HOUR_US), START_US + round(b * HOUR_US)) for a, b in PASSES_H.values()]
    contacts = []
    for (start_us, end_us), via in zip(windows, PASSES_H, strict=True):
        for edge in ("edge-1", "edge-2"):
            contacts.append((edge, "earth", via, start_us, end_us, 2.0e6, OWLT_US))
            contacts.append(("earth", edge, via, start_us + 5 * MINUTE_US, end_us - 9 * MINUTE_US, 5.0e5, OWLT_US))
    storm = Storm(START_US + 6 * HOUR_US, 4.0, 2 * HOUR_US, 30 * HOUR_US)
    at_us = np.arange(START_US, START_US + SOL_US, 10 * MINUTE_US, dtype=np.int64)
    disturbances = [
        ("storm", "jezero", storm.onset_us, START_US + SOL_US, "peak tau 4.0"),
        ("antenna_stow", "jezero", START_US + 463 * MINUTE_US, START_US + 757 * MINUTE_US, "tau above 3.5"),
        ("edge_crash", "edge-2", START_US + 540 * MINUTE_US, START_US + 560 * MINUTE_US, "tail lost"),
        ("link_outage", "DSS-63", START_US + 1_200 * MINUTE_US, START_US + 1_240 * MINUTE_US, None),
        ("table_throttling", "earth", START_US + 1_260 * MINUTE_US, None, "50 %"),
    ]
    usable = [windows[0], windows[2]]
    records = [row for device in range(devices) for row in _records(f"monitor-{device + 1}", device, frames, usable)]
    backlog = _backlog(records, at_us)
    transmissions = []
    for k in range(240):
        sent_us, lost = START_US + k * MINUTE_US, k % 9 == 0
        end = (None, "lost", "iid loss") if lost else (sent_us + OWLT_US, "delivered", None)
        transmissions.append(("edge-1>earth", "edge-1", "earth", "bundle", 18_000, sent_us, *end))
    return {name: typed(name, []) for name in TABLES} | {
        "records": typed("records", records),
        "contacts": typed("contacts", contacts),
        "disturbances": typed("disturbances", disturbances),
        "backlog": typed("backlog", backlog),
        "opacity": typed("opacity", list(zip(at_us.tolist(), opacity(at_us, 0.5, [storm]).tolist(), strict=True))),
        "transmissions": typed("transmissions", transmissions),
    }


def _records(name: str, device: int, frames: int, usable: list[tuple[int, int]]) -> list[tuple[Any, ...]]:
    rng = np.random.default_rng(device)
    rows = []
    for index in range(frames):
        generated_us = START_US + (index + 1) * MINUTE_US
        signed_us = generated_us + 2_000
        accepted_us = signed_us + int(rng.integers(8_000, 40_000))
        wait_us = [max(a, accepted_us + 30_000_000) for a, b in usable if accepted_us + 30_000_000 < b]
        lost = rng.random() < 0.03
        steps: list[int | None] = [None] * 7
        if wait_us:
            sent_us = wait_us[0] + int(rng.integers(0, 60_000_000)) + (2 * OWLT_US + 70_000_000 if lost else 0)
            durable_us = sent_us + OWLT_US + 900_000
            visible_us = durable_us + 25_000
            attested_us = visible_us + 60_000
            acked_us = attested_us + int(rng.integers(1_000_000, 60_000_000))
            steps = [
                sent_us,
                1 + lost,
                durable_us,
                visible_us,
                attested_us,
                acked_us,
                acked_us + OWLT_US + 400_000,
            ]
        rows.append((name, f"{0x9F3A + device:016x}", index, generated_us, signed_us, accepted_us, *steps))
    return rows


def _backlog(records: list[tuple[Any, ...]], at_us: np.ndarray) -> list[tuple[Any, ...]]:
    accepted = np.sort([row[5] for row in records])
    durable = np.sort([row[8] for row in records if row[8] is not None])
    waiting = np.searchsorted(accepted, at_us) - np.searchsorted(durable, at_us)
    return [(int(at), "edge-1", int(n), int(n) * 1_480, int(n) + 7) for at, n in zip(at_us, waiting, strict=True)]


def typed(name: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of a table with the types that a run writes."""
    columns = list(TABLES[name])
    integers = {c for c in columns if c.endswith("_us")} | {
        "index", "rounds", "records", "bytes", "kept", "crew", "min", "median", "max", "readings", "technical",
        "priority", "times_told", "counter", "streams", "frames", "cosigners", "witnesses",
    }  # fmt: skip
    reals = {"tau", "rate_bps"}
    types = {c: "Int64" if c in integers else "Float64" if c in reals else "string" for c in columns}
    return pd.DataFrame(rows, columns=columns).astype(types)


def _guarantee(key: str) -> dict[str, Any]:
    blank = {
        "reason": None,
        "pending": 0,
        "bound": None,
        "observed": None,
        "unit": None,
        "margin": None,
        "evidence": None,
    }
    row = {"key": key, "verdict": "held", "checked": 8_880} | blank
    if key == "convergence":
        row |= {"checked": 6, "bound": 5_410.0, "observed": 2_230.5, "unit": "s", "margin": 3_179.5}
        row["terms"] = [{"name": "ideal drain", "value_s": 2_344.0}, {"name": "2 R", "value_s": 3_066.0}]
    if key == "freshness":
        row |= {"pending": 12, "bound": 55_000.0, "observed": 54_210.0, "unit": "s", "margin": 790.0}
    if key == "append_only":
        row |= {"checked": 148}
    return row


def _document(records: pd.DataFrame, accepted: int) -> dict[str, Any]:
    tally = {"sent": 412, "delivered": 385, "lost": 27, "in_flight": 0}
    streams: dict[str, Any] = {}
    for name, rows in records.groupby("stream", sort=True):
        latency_s = ((rows["visible_us"] - rows["generated_us"]).dropna() / 1e6).astype(float)
        p50, p95, p99 = (float(q) for q in np.percentile(latency_s, [50, 95, 99]))
        streams[str(name)] = {
            "device": str(name),
            "latency_s": {"p50": p50, "p95": p95, "p99": p99, "max": float(latency_s.max())},
            "age_s": {"mean": 9_100.0, "max": 54_000.0},
        }
    return {
        "schema": SCHEMA, "scenario": "first-light", "seed": 7,
        "description": "One sol at Jezero with a dust storm and an edge crash.",
        "start_utc": us_to_utc(START_US), "end_utc": us_to_utc(START_US + SOL_US + 25 * MINUTE_US),
        "generation_end_utc": us_to_utc(START_US + SOL_US),
        "site": {"name": "jezero", "latitude_deg": 18.44, "longitude_deg": 77.45},
        "verdict": "held", "interrupted": False, "guarantees": [_guarantee(key) for key in HELD],
        "counts": {"samples": 532_800, "frames": accepted, "bundles": 412, "rows": accepted, "alerts": 0,
                   "transmissions": tally},
        "losses": {"iid loss": 19, "edge crash": 6, "link outage": 2},
        "records": {"accepted": accepted, "delivered": accepted, "lost": 0, "in_flight": 0},
        "streams": streams, "longest_silence_s": 53_640.0, "trace_hash": "5f" * 32, "sim_s": 90_275.2,
        "assumptions": [
            {"key": "habitat.site.latitude", "value": "18.44 deg", "source": "Mars 2020", "given": False},
            {"key": "weather.dust.background_tau", "value": 0.5, "source": None, "given": True},
            {"key": "network.direct_to_earth.power", "value": "100 W", "source": "MRO", "given": True},
        ],
        "replay": "twin run scenarios/first-light.yaml --seed 7",
        "provenance": {"version": "0.1.0", "wall_s": 7.9, "events": 1_204_331, "python": "3.11.9",
                       "platform": "Linux x86_64", "packages": {"simpy": "4.1.2", "numpy": "2.4.6"},
                       "made_utc": "2026-11-21T04:00:00Z"},
    }  # fmt: skip
