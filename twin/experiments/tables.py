"""Parquet tables written row by row, so that memory does not grow with a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from twin.result_schema import TABLES

ROWS_PER_GROUP: Final = 4096

_TEXT = {
    "stream", "epoch", "from_node", "to_node", "via", "kind", "place", "detail", "content", "outcome", "cause",
    "channel", "alert", "rule", "text", "episode", "author",
}  # fmt: skip


def _schema(name: str) -> pa.Schema:
    types = {column: pa.string() if column in _TEXT else pa.int64() for column in TABLES[name]}
    if "tau" in types:
        types["tau"] = pa.float64()
    return pa.schema(list(types.items()))


class TableWriter:
    """One table; `row` takes the columns in the order of `twin.result_schema.TABLES`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._schema = _schema(name)
        self._writer = pq.ParquetWriter(folder / f"{name}.parquet", self._schema)
        self._rows: list[tuple[Any, ...]] = []

    def row(self, *values: Any) -> None:
        """Append a row."""
        self._rows.append(values)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def rows(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Append several rows."""
        self._rows.extend(rows)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self._rows, strict=True))
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows.clear()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._flush()
        self._writer.close()
