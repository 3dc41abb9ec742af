"""Percentiles read back from the records table, against NumPy's over the whole column."""

from pathlib import Path

import numpy as np

from twin.experiments.percentiles import PERCENTS, latency_by_stream
from twin.experiments.tables import TableWriter


def test_percentiles_are_observed_values_as_numpy_ranks_them(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    table = TableWriter(tmp_path, "records")
    latencies = random.integers(1, 10**9, 9_777)
    for index, latency in enumerate(latencies.tolist()):
        table.row("one", "e", index, index, index, None, None, 1, None, index + latency, None, None, None)
        table.row("other", "e", index, index, index, None, None, 1, None, None, None, None, None)
    table.close()
    found = latency_by_stream(tmp_path / "records.parquet", {"one": "1", "other": "2"}, {"one": (3.0, 4.0)})
    expected = np.percentile(latencies, PERCENTS, method="inverted_cdf") / 1e6
    assert [found["one"]["latency_s"][f"p{p}"] for p in PERCENTS] == expected.tolist()
    assert found["one"]["latency_s"]["max"] == latencies.max() / 1e6
    assert found["one"]["age_s"] == {"mean": 3.0, "max": 4.0}
    assert set(found["other"]["latency_s"].values()) == {None}
