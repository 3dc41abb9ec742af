"""Earth, Mars and the Sun from a kernel: an SPK file that a person names, such as JPL's de440.bsp.

The file is read once and fitted by the polynomials of ``ephemeris_table``, which is where the built-in table comes
from, too: DE440 by its path gives that table bit by bit. In each span a body's barycentric ICRF position is
interpolated at Chebyshev nodes, which spreads the error evenly, and written as powers of x, -1 to 1 over the span.
Sums are taken in one fixed order and the nodes are constants, so that every processor gets the same table; it takes
half a second. Mars is the barycentre of its system, 0.3 m from its centre.

Needs jplephem (the extra ``de440``). Sources: NAIF, "SPK Required Reading" and "DAF Required Reading".
"""

import math
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import erfa
import numpy as np
from numpy.polynomial import chebyshev

from twin.world.ephemeris_table import (
    BODIES,
    DAYS,
    DEGREE,
    FIRST_DAY,
    SPANS_DAYS,
    UNITS_PER_KM,
    Body,
    EphemerisTable,
)
from twin.world.timescales import US_PER_DAY, FloatArray, IntArray
from twin.world.vectors import norm

INSTALL: Final = "pip install 'mars-iomt-twin[de440]'"
WITHIN_KM: Final = 0.01
"""How far the table may be from its kernel: DE440's is 4 m off, 12 ns of light. assumed: what bends much more in 8 days
than the Earth of DE440 is no planet."""

_ROUTES: Final[Mapping[Body, tuple[tuple[int, int], ...]]] = {
    "earth": ((0, 3), (3, 399)),
    "mars": ((0, 4),),
    "sun": ((0, 10),),
}
"""Segments to add up, as NAIF's numbers of centre and target: Earth is offset from the Earth-Moon barycentre."""
_GIVE_ONE: Final = "give the path of an SPK file such as de440.bsp"
_NEW_COPY: Final = "take a new copy"
_SPK: Final = (b"DAF/SPK ", b"NAIF/DAF")
"""What a file begins with; the second is older."""
_COUNTS: Final = (2, 6)
"""Doubles and integers in the summary of an SPK's segment."""
_RECORD_BYTES: Final = 1024
_J2000_FRAME: Final = 1
_CHEBYSHEV_TYPES: Final = {2: 3, 3: 6}
"""Components that a record holds, by the type of its segment: position, or position and velocity."""
_REACH_KM: Final = 1e10  # assumed: 60 times farther than any of the three; units of 0.1 m still fit an int64
_NEEDED_S: Final = ((FIRST_DAY - 0.5) * 86_400 + 32.18, (FIRST_DAY + DAYS - 0.5) * 86_400 + 32.19)
"""The table's span as an SPK counts: TDB since J2000 [s]; TDB is within 2 ms of TAI + 32.184 s."""
_NODES: Final = np.array(
    [
        *(0.984807753012208, 0.8660254037844387, 0.6427876096865394, 0.3420201433256687, 0.0),
        *(-0.3420201433256687, -0.6427876096865394, -0.8660254037844387, -0.984807753012208),
    ]
)
"""Zeros of the Chebyshev polynomial of degree ``DEGREE`` + 1: cosines of 10, 30, ... 170 deg."""
_BETWEEN: Final = np.array([-1.0, -0.5, 0.17, 0.94])
"""Four of the ten places where the error of such an interpolation is greatest: the ends, and between the nodes."""

Positions = Callable[[FloatArray], FloatArray]


class KernelError(ValueError):
    """A file that the sky cannot be computed from: `rule; remedy`."""


def read_kernel(path: Path) -> EphemerisTable:
    """The table of a kernel, within ``WITHIN_KM`` of it.

    Raises:
        KernelError: jplephem is not installed; the file is missing, no SPK or damaged; it lacks the Earth, Mars or the
            Sun, or years from 2010 to 2050; or what it holds does not move like planets.
    """
    try:
        from jplephem.spk import SPK
    except ImportError:
        raise KernelError(f"needs jplephem, which is not installed; {INSTALL}, or drop the kernel") from None
    try:
        if not path.is_file():
            raise KernelError(f"is {'no file' if path.exists() else 'not there'}; {_GIVE_ONE}")
        _require_directory(path)
        with SPK.open(str(path)) as file:
            units = {body: _fitted(file, body, path.stat().st_size) for body in BODIES}
    except KernelError:
        raise
    except OSError as error:
        raise KernelError(f"{(error.strerror or 'cannot be read').lower()}; {_GIVE_ONE}") from error
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise KernelError(f"is damaged; {_NEW_COPY}") from error
    return EphemerisTable(path, units)


def largest_error_km(positions: Positions, units: IntArray, span_us: int, x: FloatArray) -> float:
    """Largest distance between a body's coefficients and its positions, at places x of every span [km]."""
    middles_us = _middles_us(span_us)
    worst_km = 0.0
    for place in x.tolist():
        fitted_km = np.zeros((len(units), 3))
        for power in range(DEGREE, -1, -1):
            fitted_km = fitted_km * place + units[:, power] / UNITS_PER_KM
        worst_km = max(worst_km, float(norm(fitted_km - positions(middles_us + place * span_us / 2)).max()))
    return worst_km


def positions_from(kernel: Any, body: Body, file_bytes: int) -> Positions:
    """Barycentric position of a body [km], shape (n, 3), as a function of TAI [us], shape (n,).

    Args:
        kernel: an open `jplephem.spk.SPK`.
        file_bytes: size of its file.

    Raises:
        KernelError: the kernel lacks a segment, or years of it.
    """
    segments = [_segment(kernel, body, pair, file_bytes) for pair in _ROUTES[body]]

    def positions(us: FloatArray) -> FloatArray:
        tt_days = us / US_PER_DAY + 32.184 / 86_400
        tdb_days = tt_days + erfa.dtdb(2_451_544.5, tt_days, 0.0, 0.0, 0.0, 0.0) / 86_400
        first, *others = (segment.compute(2_451_544.5, tdb_days) for segment in segments)
        total: FloatArray = sum(others, first).T
        return total

    return positions


def _fitted(kernel: Any, body: Body, file_bytes: int) -> IntArray:
    """Coefficients of a body [0.1 m], lowest power first, shape (spans, DEGREE + 1, 3)."""
    positions = positions_from(kernel, body, file_bytes)
    span_us = SPANS_DAYS[body] * US_PER_DAY
    middles_us = _middles_us(span_us)
    with np.errstate(all="ignore"):  # what is no number is refused below
        at_nodes_km = [positions(middles_us + node * span_us / 2) for node in _NODES]
        strange = f"gives positions of {body} that are no planet's; give a kernel of the planets such as de440.bsp"
        if not all((np.abs(km) < _REACH_KM).all() for km in at_nodes_km):
            raise KernelError(strange)
        to_powers = _interpolation()
        units = np.empty((len(middles_us), DEGREE + 1, 3), dtype=np.int64)
        for power in range(DEGREE + 1):
            total_km = sum(weight * km for weight, km in zip(to_powers[power], at_nodes_km, strict=True))
            units[:, power] = np.rint(total_km * UNITS_PER_KM)
        if not largest_error_km(positions, units, span_us, _BETWEEN) <= WITHIN_KM:
            raise KernelError(strange)
    return units


def _interpolation() -> FloatArray:
    """Weights that lead from values at the nodes to coefficients of powers, shape (powers, nodes)."""
    count = len(_NODES)
    polynomials: list[FloatArray] = [np.ones(count), _NODES]
    while len(polynomials) < count:
        polynomials.append(2.0 * _NODES * polynomials[-1] - polynomials[-2])
    weights = np.zeros((count, count))
    for order, values in enumerate(polynomials):
        of_order = (1.0 if order == 0 else 2.0) / count * values
        for power, coefficient in enumerate(chebyshev.cheb2poly(np.eye(count)[order])):
            weights[power] += coefficient * of_order
    return weights


def _require_directory(path: Path) -> None:
    """The file says that it is an SPK, and its summary records come to an end; jplephem would follow a circle for ever.

    Raises:
        KernelError: it is not so.
        struct.error, ValueError, OverflowError: what it says of its records is none.
    """
    with path.open("rb") as file:
        head = file.read(80)
        order = next((order for order in "<>" if head[8:16] == struct.pack(f"{order}2I", *_COUNTS)), None)
        if head[:8] not in _SPK or order is None:
            raise KernelError(f"is no SPK file; {_GIVE_ONE}")
        record = int(struct.unpack_from(f"{order}I", head, 76)[0])
        for _ in range(path.stat().st_size // _RECORD_BYTES):
            if not record:
                return
            file.seek((record - 1) * _RECORD_BYTES)
            record = int(struct.unpack(f"{order}d", file.read(8))[0])
    raise KernelError(f"is damaged: its summaries do not end; {_NEW_COPY}")


def _middles_us(span_us: int) -> FloatArray:
    """Middles of all spans, TAI [us]."""
    spans = DAYS * US_PER_DAY // span_us
    middles_us: FloatArray = FIRST_DAY * US_PER_DAY + (np.arange(spans, dtype=np.float64) + 0.5) * span_us
    return middles_us


def _segment(kernel: Any, body: Body, pair: tuple[int, int], file_bytes: int) -> Any:
    """The last segment of a centre and a target that covers the table, as SPICE prefers it; whole, and of a known kind.

    Raises:
        KernelError: there is none.
    """
    what = f"{body} (NAIF {pair[1]} about {pair[0]})"
    found = [segment for segment in kernel.segments if (segment.center, segment.target) == pair]
    if not found:
        raise KernelError(f"lacks {what}; give a kernel of the planets such as de440.bsp")
    covering = [s for s in found if s.start_second <= _NEEDED_S[0] and s.end_second >= _NEEDED_S[1]]
    if not covering:
        spans = ", ".join(f"{_date(s.start_second)} to {_date(s.end_second)}" for s in found)
        needed = " to ".join(map(_date, _NEEDED_S))
        raise KernelError(f"has {what} for {spans}, and the sky needs {needed}; give one that covers these years")
    segment = covering[-1]
    if segment.data_type not in _CHEBYSHEV_TYPES or segment.frame != _J2000_FRAME:
        raise KernelError(
            f"has {what} as type {segment.data_type} in frame {segment.frame}, and what is read is type 2 or 3 in "
            "frame 1 (J2000); give a kernel of the planets such as de440.bsp"
        )
    _require_whole(segment, what, file_bytes)
    return segment


def _require_whole(segment: Any, what: str, file_bytes: int) -> None:
    """The segment lies inside its file, and its directory fits its records and its span."""
    words = segment.end_i - segment.start_i + 1
    whole = segment.start_i >= 1 and words > 4 and 8 * segment.end_i <= file_bytes
    if whole:
        first_s, record_s, size, count = segment.daf.read_array(segment.end_i - 3, segment.end_i).tolist()
        middle_s, half_s = segment.daf.read_array(segment.start_i, segment.start_i + 1).tolist()
        per_component = (size - 2) / _CHEBYSHEV_TYPES[segment.data_type]
        whole = (
            record_s > 0
            and count >= 1
            and per_component >= 2
            and per_component == int(per_component)
            and size * count + 4 == words
            and abs(half_s - record_s / 2) <= 1e-6 * record_s
            and abs(middle_s - first_s - half_s) <= 1e-6 * record_s
            and first_s <= _NEEDED_S[0]
            and first_s + record_s * count >= _NEEDED_S[1]
        )
    if not whole:
        raise KernelError(f"is damaged: what it says of {what} does not fit its records; {_NEW_COPY}")


def _date(second: float) -> str:
    """The day of a TDB instant [s since J2000]; an SPK may hold thousands of years."""
    from jplephem.calendar import compute_calendar_date

    if not abs(second) < 1e13:
        return "no date"
    year, month, day = compute_calendar_date(2_451_545 + math.floor(second / 86_400 + 0.5))
    return f"{int(year)}-{int(month):02d}-{int(day):02d}"
