"""The reference tables of the network, row by row."""

import csv
from pathlib import Path

REFERENCE = Path(__file__).parents[1] / "reference"


def rows(table):
    """Rows of a reference table as dicts of text; its comments are dropped."""
    with (REFERENCE / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))
