"""What a run left, read back: `result.json` as typed values, and its tables as DataFrames on demand.

| file | holds |
|---|---|
| `result.json` | verdict, guarantees with evidence, counts, percentiles, assumptions, provenance |
| `tables/<name>.parquet` | one row per event or interval, columns as in `twin.result_schema.TABLES` |
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from pydantic import ValidationError

from twin.result_schema import SCHEMA, TABLES, Counts, Document, Guarantee, Verdict

if TYPE_CHECKING:
    import pandas as pd

EXIT_CODES: Final[dict[Verdict, int]] = {"held": 0, "broken": 1, "incomplete": 1}
_INTERRUPTED: Final = 130  # as a shell reports an end by Ctrl-C


class ResultError(Exception):
    """A run's folder cannot be read; the text names the file and what to do."""


class Tables(Mapping[str, "pd.DataFrame"]):
    """The run's tables by name, each read from disk when first asked for and then kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in TABLES:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self.columns(name, TABLES[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)

    def columns(self, name: str, columns: Sequence[str]) -> pd.DataFrame:
        """Read some columns of a table, without keeping them.

        Args:
            name: A key of `TABLES`.
            columns: Names of the columns wanted, in order.

        Returns:
            One row per event or interval; integers are nullable (`Int64`).

        Raises:
            ResultError: The file is missing, is not Parquet, or lacks a column.
        """
        import pandas as pd  # half a second, and only readers of tables need it

        path = self._folder / f"{name}.parquet"
        try:
            return pd.read_parquet(path, columns=list(columns), dtype_backend="numpy_nullable")
        except FileNotFoundError:
            raise ResultError(f"{path}: the table is missing; run the scenario again") from None
        except (OSError, ValueError) as error:  # pyarrow's own errors are both
            what = str(error).splitlines()[0]
            raise ResultError(f"{path}: not a readable table ({what}); run the scenario again") from error


class Result:
    """A run's folder, read back.

    Args:
        folder: The run's own folder.
        document: What its `result.json` says.
    """

    def __init__(self, folder: Path, document: Document) -> None:
        self.folder = folder
        self.document = document

    @classmethod
    def load(cls, run_dir: Path | str) -> Result:
        """Read a run's folder.

        Raises:
            ResultError: `result.json` is missing, broken, or of another schema.
        """
        folder = Path(run_dir)
        return cls(folder, _read_document(folder / "result.json"))

    @property
    def verdict(self) -> Verdict:
        """held, broken, or incomplete (interrupted before every verdict was due)."""
        return self.document.verdict

    @property
    def exit_code(self) -> int:
        """What the run's command ended with: 0 held, 1 broken or incomplete, 130 interrupted."""
        return _INTERRUPTED if self.document.interrupted else EXIT_CODES[self.verdict]

    @property
    def guarantees(self) -> tuple[Guarantee, ...]:
        """One verdict per guarantee, in the order of the file."""
        return self.document.guarantees

    @property
    def counts(self) -> Counts:
        """How many of each thing the run made."""
        return self.document.counts

    @cached_property
    def tables(self) -> Tables:
        """The run's tables by name, read when asked for."""
        return Tables(self.folder / "tables")


def _read_document(path: Path) -> Document:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise ResultError(f"{path}: no result here; name the folder that `twin run` wrote") from None
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, RecursionError) as error:  # broken JSON, broken UTF-8, NaN; nested by the thousand
        raise ResultError(f"{path}: not valid JSON ({error}); run the scenario again") from error
    found = raw.get("schema") if isinstance(raw, dict) else None
    if found != SCHEMA:
        raise ResultError(f"{path}: schema {found!r} is not {SCHEMA!r}; run it again with this version")
    try:
        return Document.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultError(f"{path}, {place}: {first['msg'].lower()}; run the scenario again") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
