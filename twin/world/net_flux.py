"""What dust lets through to the surface of Mars: Pollack's normalised net flux f(zenith, tau, albedo).

f is the share of the sunlight on a level plane above the atmosphere that the ground takes up. What falls on the ground
is f / (1 - albedo), because the ground gives the share ``albedo`` back. ``data/net_flux.csv`` holds the printed table;
between its points f runs in straight lines, along each of the three axes. The fifth-order polynomial printed with it is
up to 43 % off and not used.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from twin.world.timescales import FloatArray

ZENITH_MAX_DEG: Final = 85.0
"""Where the table ends."""


class NetFluxTable(NamedTuple):
    """The points of the printed table, each axis ascending."""

    albedos: FloatArray
    taus: FloatArray
    zeniths_deg: FloatArray
    flux: FloatArray
    """Shape (albedos, taus, zeniths)."""


def net_flux(zenith_deg: npt.ArrayLike, tau: npt.ArrayLike, albedo: float) -> FloatArray:
    """The share of the light above the atmosphere that the ground takes up.

    Errors: none at the table's points. Between them 0.003, and 0.009 beyond 70 deg in air clearer than tau 0.5 (a
    quarter of what straight lines miss a point by once it is left out); along the albedo 1 % (against light that
    goes to and fro between ground and dust).

    Args:
        zenith_deg: Angle of the Sun from the vertical, 0 to 85 [deg], any shape.
        tau: Optical depth at the zenith, 0.1 to 6, a shape that goes with it.
        albedo: Of the ground, 0.1 to 0.4.

    Raises:
        ValueError: A value is outside the table.

    Source: Appelbaum & Flood, NASA TM-103623, Tables III and IV (tests/reference/net_flux_table.csv).
    """
    table = printed_table()
    _require("zenith angle", zenith_deg, table.zeniths_deg, " deg", "hold the last value nearer to the horizon")
    _require("optical depth", tau, table.taus, "", "take the nearer end as a bound")
    _require("albedo", albedo, table.albedos, "", "take the nearer end")
    zeniths_deg, taus = np.broadcast_arrays(np.asarray(zenith_deg, dtype=float), np.asarray(tau, dtype=float))
    dark, bright = (_bilinear(plane, table.taus, taus, table.zeniths_deg, zeniths_deg) for plane in table.flux)
    between = (albedo - table.albedos[0]) / (table.albedos[1] - table.albedos[0])
    mixed: FloatArray = dark + between * (bright - dark)
    return mixed


@cache
def printed_table() -> NetFluxTable:
    """The table as printed, with its two flagged points mended (the header of ``data/net_flux.csv`` names them)."""
    with resources.files("twin.world").joinpath("data/net_flux.csv").open(encoding="ascii") as file:
        head, *lines = [line for line in file if not line.startswith("#")]
    rows = np.loadtxt(lines, delimiter=",")
    albedos = np.unique(rows[:, 0])
    flux = rows[:, 2:].reshape(len(albedos), -1, rows.shape[1] - 2)
    return NetFluxTable(albedos, rows[: flux.shape[1], 1], np.array(head.split(",")[2:], dtype=float), flux)


def _bilinear(
    plane: FloatArray, row_at: FloatArray, row: FloatArray, column_at: FloatArray, column: FloatArray
) -> FloatArray:
    """Values between the points of a plane, shape (rows, columns), at coordinates of one shape."""
    i, down = _cell(row_at, row)
    j, along = _cell(column_at, column)
    above = plane[i, j] + along * (plane[i, j + 1] - plane[i, j])
    below = plane[i + 1, j] + along * (plane[i + 1, j + 1] - plane[i + 1, j])
    between: FloatArray = above + down * (below - above)
    return between


def _cell(points: FloatArray, at: FloatArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Between which points a coordinate lies: the index of the lower one, and the share of the way to the next."""
    index = np.clip(np.searchsorted(points, at, side="right") - 1, 0, len(points) - 2)
    share: FloatArray = (at - points[index]) / (points[index + 1] - points[index])
    return index, share


def _require(what: str, values: npt.ArrayLike, points: FloatArray, unit: str, remedy: str) -> None:
    flat = np.asarray(values, dtype=float).ravel()
    outside = ~((flat >= points[0]) & (flat <= points[-1]))  # so that NaN is outside too
    if outside.any():
        raise ValueError(
            f"{what} {flat[outside][0]:g}{unit}: the published net flux is known from {points[0]:g} to {points[-1]:g}"
            f"{unit} (twin/world/data/net_flux.csv); {remedy}"
        )
