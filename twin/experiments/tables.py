"""Parquet tables written row by row, so that memory does not grow with a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from twin.result_schema import TABLES

ROWS_PER_GROUP: Final = 4096
# A row of Python objects takes five times the room of its columns: a table that fills slowly holds few of them.
ROWS_PER_BATCH: Final = 256

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
        self._types = self._schema.types
        # numbers hardly ever repeat: a dictionary of them would take time and room
        texts = [column for column in TABLES[name] if column in _TEXT]
        self._writer = pq.ParquetWriter(folder / f"{name}.parquet", self._schema, use_dictionary=texts)
        self._rows: list[tuple[Any, ...]] = []
        self._batches: list[pa.RecordBatch] = []

    def row(self, *values: Any) -> None:
        """Append a row."""
        self._rows.append(values)
        if len(self._rows) >= ROWS_PER_BATCH:
            self._pack()

    def rows(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Append several rows."""
        self._rows.extend(rows)
        if len(self._rows) >= ROWS_PER_BATCH:
            self._pack()

    def _pack(self) -> None:
        columns = list(zip(*self._rows, strict=True))
        arrays = [pa.array(column, kind) for column, kind in zip(columns, self._types, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=self._schema))
        self._rows.clear()
        if sum(batch.num_rows for batch in self._batches) >= ROWS_PER_GROUP:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches.clear()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._pack()
        if self._batches:
            self._write()
        self._writer.close()
