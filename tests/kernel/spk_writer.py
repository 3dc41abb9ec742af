"""Writes small SPK kernels for tests: planets on circles, as Chebyshev polynomials in a DAF.

After NAIF, "DAF Required Reading" and "SPK Required Reading", type 2: a file record, a record of summaries and one of
their names, then the segments. A record of a segment is its middle, its half length [s TDB since J2000] and the
coefficients of x, y and z; a segment ends with its first second, the length of a record [s], its size and their number.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from twin.world.timescales import FloatArray

DAY_S = 86_400.0
FIRST_S, END_S = 3_600 * DAY_S, 18_700 * DAY_S
"""2009-11-09 to 2051-03-14, more than the twin needs."""
_WORDS_PER_BLOCK = 128
_TRANSFER_TEST = b"FTPSTR:\r:\n:\r\n:\r\x00:\x81:\x10\xce:ENDFTP"


class Circle(NamedTuple):
    """A body on a circle about its centre; TDB seconds since J2000 to ICRF km."""

    radius_km: float
    period_days: float
    phase: float = 0.0

    def __call__(self, seconds: FloatArray) -> FloatArray:
        angle = 2 * np.pi * (seconds / DAY_S / self.period_days + self.phase)
        tilted = 0.9 * np.sin(angle), 0.4 * np.sin(angle)
        return self.radius_km * np.stack([np.cos(angle), *tilted], axis=-1)


class Segment(NamedTuple):
    """What a segment says: where a target is about its centre, and how it is written."""

    centre: int
    target: int
    path: Callable[[FloatArray], FloatArray]
    record_days: float
    frame: int = 1
    type: int = 2
    first_s: float = FIRST_S
    end_s: float = END_S


PLANETS = (
    Segment(0, 10, Circle(800_000.0, 4332.0), 16),
    Segment(0, 3, Circle(149_600_000.0, 365.25, 0.3), 16),
    Segment(3, 399, Circle(4_670.0, 27.3), 4),
    Segment(0, 4, Circle(227_900_000.0, 687.0, 0.1), 32),
)
"""The Sun, Earth and Mars near enough to the truth that a plan can be made; no real date's positions."""


def write_kernel(path: Path, segments: Sequence[Segment] = PLANETS, order: str = "<", degree: int = 12) -> Path:
    """A kernel with these segments; `order`: `<` for little, `>` for big endian."""
    word = 1 + 3 * _WORDS_PER_BLOCK
    summaries, arrays = b"", b""
    for segment in segments:
        array = _array(segment, degree)
        numbers = segment.target, segment.centre, segment.frame, segment.type, word, word + array.size - 1
        summaries += struct.pack(f"{order}2d6i", segment.first_s, segment.end_s, *numbers)
        arrays += array.astype(f"{order}f8").tobytes()
        word += array.size
    form = b"LTL-IEEE" if order == "<" else b"BIG-IEEE"
    file = struct.pack(f"{order}8sII60sIII8s", b"DAF/SPK ", 2, 6, b"planets on circles".ljust(60), 2, 2, word, form)
    file = (file.ljust(699, b"\0") + _TRANSFER_TEST).ljust(1024, b"\0")
    summary = struct.pack(f"{order}3d", 0.0, 0.0, float(len(segments))) + summaries
    path.write_bytes(file + summary.ljust(1024, b"\0") + b" " * 1024 + arrays)
    return path


def _array(segment: Segment, degree: int) -> FloatArray:
    """All words of a segment: records, then the directory."""
    length_s = segment.record_days * DAY_S
    count = int(-(-(segment.end_s - segment.first_s) // length_s))
    middles_s = segment.first_s + (np.arange(count) + 0.5) * length_s
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    values_km = segment.path(middles_s[:, np.newaxis] + nodes * length_s / 2)
    coefficients = np.einsum("kn,rnc->rck", np.linalg.inv(chebyshev.chebvander(nodes, degree)), values_km)
    records = np.concatenate(
        [middles_s[:, np.newaxis], np.full((count, 1), length_s / 2), coefficients.reshape(count, -1)], axis=1
    )
    return np.concatenate([records.ravel(), [segment.first_s, length_s, records.shape[1], count]])
