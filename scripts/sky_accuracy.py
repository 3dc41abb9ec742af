"""Print how far the twin's sky is from SPICE, Mars24 and published values: one line per quantity and reference table.

Usage: python scripts/sky_accuracy.py

The measures stand in ``scripts/sky_measures``.
"""

import sys

from sky_measures import MEASURES

HEADING = f"{'quantity':36s} {'reference table':22s} compared largest error  needed unit"


def main() -> int:
    print(HEADING)
    missed = 0
    for measure in MEASURES:
        for row in measure():
            missed += row.error > row.needed
            figures = f"{row.compared:8d} {row.error:13.2g} {row.needed:7g} {row.unit}"
            print(f"{row.quantity:36s} {row.table:22s} {figures}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
