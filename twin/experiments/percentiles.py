"""Latency percentiles per stream, read back from the `records` table one stream at a time, so that memory stays
flat.
"""

from __future__ import annotations

from array import array
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
    """Latencies of one stream, sorted; eight bytes per record and no second copy."""
    grown = array("q")
    columns = ["stream", "generated_us", "visible_us"]
    for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_PER_BATCH, columns=columns):
        stream, generated_us, visible_us = batch.columns
        own = pc.and_(pc.equal(stream, name), pc.is_valid(visible_us))
        grown.frombytes(pc.subtract(visible_us, generated_us).filter(own).to_numpy().tobytes())
    latencies = np.frombuffer(grown, dtype=np.int64) if grown else np.empty(0, dtype=np.int64)
    latencies.sort()
    return latencies


def _percentiles(latencies_us: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float | None]:
    """Observed values, never interpolated ones: the smallest that at least p percent do not exceed."""
    if not latencies_us.size:
        return {"p50": None, "p95": None, "p99": None, "max": None}
    ranks = {f"p{p}": -(-latencies_us.size * p // 100) - 1 for p in PERCENTS}
    ranks["max"] = latencies_us.size - 1
    return {name: float(latencies_us[rank]) / 1e6 for name, rank in ranks.items()}
