"""Make ``twin/world/data/earth_orientation.csv``: UT1 - TAI and polar motion, from the IERS.

Usage: python scripts/make_earth_orientation_table.py

Reads the IERS table finals2000A (observed, then predicted for a year) that comes with astropy as package
astropy-iers-data, and keeps every 30th day from 2010 to its last one. The twin holds the last row for ever:
the future turning of the Earth is not known, and a result must not depend on which tables a machine happens
to have. UT1 - TAI, unlike UT1 - UTC, has no steps to interpolate across.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import astropy_iers_data
import numpy as np
from astropy.utils import iers

STEP_DAYS = 30
FIRST_MJD = 55_197 - STEP_DAYS
"""30 days before 2010-01-01."""
MJD_2000 = 51_544
TABLE = Path(__file__).parent.parent / "twin" / "world" / "data" / "earth_orientation.csv"


def main() -> int:
    finals = iers.IERS_A.open(astropy_iers_data.IERS_A_FILE)
    mjds = np.asarray(finals["MJD"].value, dtype=int)
    ut1_minus_utc_s = np.asarray(finals["UT1_UTC"].to_value("s"))
    x_arcsec = np.asarray(finals["PM_x"].to_value("arcsec"))
    y_arcsec = np.asarray(finals["PM_y"].to_value("arcsec"))
    last_observed = mjds[np.flatnonzero(np.asarray(finals["UT1Flag"]) == "I")[-1]]
    leaps = iers.LeapSeconds.auto_open()
    leap_mjds, leap_totals_s = np.asarray(leaps["mjd"], dtype=int), np.asarray(leaps["tai_utc"], dtype=int)
    # Count back from the last day, so that the value held for ever is the newest one.
    rows = np.arange(len(mjds) - 1, np.searchsorted(mjds, FIRST_MJD) - STEP_DAYS, -STEP_DAYS)[::-1]
    lines = [
        "# Earth orientation, IERS finals2000A, every 30th day; by scripts/make_earth_orientation_table.py",
        f"# from astropy-iers-data {version('astropy-iers-data')}. day: UTC midnight, days since 2000-01-01.",
        f"# Observed until day {last_observed - MJD_2000}, then predicted; after the last row it holds.",
        "day,ut1_minus_tai_s,polar_x_arcsec,polar_y_arcsec",
    ]
    for row in rows:
        tai_minus_utc_s = leap_totals_s[np.searchsorted(leap_mjds, mjds[row], side="right") - 1]
        ut1_minus_tai_s = ut1_minus_utc_s[row] - tai_minus_utc_s
        lines.append(f"{mjds[row] - MJD_2000},{ut1_minus_tai_s:.4f},{x_arcsec[row]:.4f},{y_arcsec[row]:.4f}")
    TABLE.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{TABLE}: {len(rows)} rows, last {lines[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
