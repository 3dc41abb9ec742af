"""Latency percentiles per stream, read back from the `records` table one stream at a time, so that memory stays
flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

PERCENTS = (50, 95, 99)
ROWS_PER_BATCH = 4096


def latency_by_stream(
    path: Path, devices: Mapping[str, str], ages_s: Mapping[str, tuple[float | None, float | None]]
) -> dict[str, dict[str, Any]]:
    """Per stream: generation of the newest sample to visible on Earth [s], and age of information on Earth [s]."""
    found = {}
    for name, device in devices.items():
        mean_s, max_s = ages_s.get(name, (None, None))
        found[name] = {
            "device": device,
            "latency_s": _percentiles(_latencies_us(path, name)),
            "age_s": {"mean": mean_s, "max": max_s},
        }
    return found


def _latencies_us(path: Path, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    parts = []
    columns = ["stream", "generated_us", "visible_us"]
    for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_PER_BATCH, columns=columns):
        stream, generated_us, visible_us = batch.columns
        own = pc.and_(pc.equal(stream, name), pc.is_valid(visible_us))
        parts.append(pc.subtract(visible_us, generated_us).filter(own).to_numpy())
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _percentiles(latencies_us: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float | None]:
    if not latencies_us.size:
        return {"p50": None, "p95": None, "p99": None, "max": None}
    # an observed value, never an interpolated one, so that no rounding can differ
    values = np.percentile(latencies_us, PERCENTS, method="inverted_cdf")
    named = {f"p{p}": float(v) / 1e6 for p, v in zip(PERCENTS, values, strict=True)}
    return {**named, "max": float(latencies_us.max()) / 1e6}
