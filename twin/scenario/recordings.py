"""Recorded vital signs or air from a CSV file: read once, checked line by line, nothing interpolated.

    time [s],heart_rate_bpm [/min],spo2_pct [%],temperature_ddegc [[degF]]
    0,72,98,98.6
    1,72,,98.6

The first column is the time after the scenario's start, rising from row to row. Every other column names a channel of
the device's kind and, in brackets, the unit of its values, which are converted to the channel's unit and rounded to its
resolution, half to even. An empty cell is no reading. Channels without a column have no readings at all: what is not
recorded is not known. Where rows are further apart than their period, the replay says what is to be done (`gaps`).

Units are UCUM codes or a few customary spellings. Consciousness is A, C, V, P or U, or its count.
"""

from __future__ import annotations

import csv
from array import array
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from twin.channels import ACVPU, CHANNELS, NO_READING, Channel
from twin.scenario.errors import Place, ScenarioError, listed, shown

FILE_BYTES_MAX: Final = 1 << 28
_TIME: Final = "time"
_TIME_UNITS: Final[dict[str, int]] = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_OTHER_SEPARATORS: Final = {";": "semicolon", "\t": "tab"}
_SOON: Final = Decimal(10) ** 15  # microseconds, 30 years: no scenario is longer


class _Scale(NamedTuple):
    """From a unit to the channel's: (value + offset) * factor."""

    factor: Fraction
    offset: Decimal = Decimal(0)


_ONE: Final = _Scale(Fraction(1))
_PASCAL: Final = {"Pa": 1, "daPa": 10, "hPa": 100, "mbar": 100, "kPa": 1000, "bar": 100_000}
_TORR_PA: Final = Fraction(101_325, 760)  # mmHg as UCUM's mm[Hg] to within 2e-7
_RATES: Final = dict.fromkeys(("/min", "1/min", "bpm", "rpm"), _ONE) | {"Hz": _Scale(Fraction(60))}
_UNITS: Final[dict[str, dict[str, _Scale]]] = {
    "/min": _RATES,
    "ms": {"ms": _ONE, "s": _Scale(Fraction(1000))},
    "%": {"%": _ONE, "1": _Scale(Fraction(100))},
    "mm[Hg]": dict.fromkeys(("mm[Hg]", "mmHg"), _ONE)
    | {unit: _Scale(pascal / _TORR_PA) for unit, pascal in _PASCAL.items()},
    "Cel": dict.fromkeys(("Cel", "degC"), _ONE)
    | dict.fromkeys(("[degF]", "degF"), _Scale(Fraction(5, 9), Decimal(-32)))
    | {"K": _Scale(Fraction(1), Decimal("-273.15"))},
    "{ACVPU}": {"{ACVPU}": _ONE},
    "L/min": {"L/min": _ONE, "l/min": _ONE, "mL/min": _Scale(Fraction(1, 1000))},
    "m[g]": {"m[g]": _ONE, "[g]": _Scale(Fraction(1000)), "m/s2": _Scale(Fraction(1_000_000, 9_806_650) * 1000)},
    "hPa": {unit: _Scale(Fraction(pascal, 100)) for unit, pascal in _PASCAL.items()}
    | dict.fromkeys(("mm[Hg]", "mmHg"), _Scale(_TORR_PA / 100)),
    "Pa": {unit: _Scale(Fraction(pascal)) for unit, pascal in _PASCAL.items()}
    | dict.fromkeys(("mm[Hg]", "mmHg"), _Scale(_TORR_PA)),
}


class RecordedSeries(NamedTuple):
    """What a file holds: instants after the start [us], and counts of all channels of the kind, row after row.

    `lines` tells in which line of the file a row ends, from 1.
    """

    channels: tuple[str, ...]
    times_us: array[int]
    counts: array[int]
    lines: array[int]


def read_recording(path: Path, channels: tuple[str, ...]) -> RecordedSeries:
    """Read a recording for a device with these channels.

    Raises:
        ScenarioError: Missing or too large, no text, empty, a wrong header, an unknown channel or unit, a value that is
            no number or out of the channel's range, time that does not rise; with file, line and column.
    """
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            rule = f"has {size} bytes, and a recording at most {FILE_BYTES_MAX}"
            raise _refusal(path, None, f"recording {path}", rule, "cut it, or record more slowly")
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _Reading(path, channels).read(csv.reader(file, strict=True))
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise _refusal(path, None, f"recording {path}", reason, "give the path of a CSV file") from None
    except UnicodeDecodeError:
        raise _refusal(path, None, f"recording {path}", "is not UTF-8 text", "save it as UTF-8 text") from None


class Lines(Protocol):
    """The reader of module csv: rows of cells, and the number of the line read last."""

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        ...

    def __next__(self) -> list[str]:
        """The next row."""
        ...


class _Reading:
    def __init__(self, path: Path, channels: tuple[str, ...]) -> None:
        self._path = path
        self._channels = channels
        self._line = 1

    def read(self, lines: Lines) -> RecordedSeries:
        self._lines = lines
        header = self._next()
        if header is None or not any(cell.strip() for cell in header):
            raise self._refuse("the file", "is empty", "begin with a header such as `time [s],spo2_pct [%]`")
        time_us, columns = self._header(header)
        series = RecordedSeries(self._channels, array("q"), array("q"), array("q"))
        blank = [NO_READING] * len(self._channels)
        # Recorded values repeat: each text is converted once.
        known: list[dict[str, int]] = [{"": NO_READING} for _ in columns]
        last_us = -1
        while (cells := self._next()) is not None:
            if not cells:
                continue
            if len(cells) != len(header):
                self._refuse_other_separators("the row", cells)
                raise self._refuse(
                    "the row", f"has {len(cells)} cells under {len(header)} headings", "add or drop some"
                )
            now_us = self._time(cells[0], time_us, header[0])
            if now_us <= last_us:
                rule = "time does not rise" if now_us == last_us else "time goes backwards"
                raise self._refuse(
                    f"{header[0].strip()} = {shown(cells[0])}", rule, "sort the rows and keep one of each"
                )
            last_us = now_us
            row = blank.copy()
            for (position, channel, scale), memory, text in zip(columns, known, cells[1:], strict=True):
                count = memory.get(text)
                if count is None:
                    count = memory[text] = self._count(text.strip(), channel, scale, header[position])
                row[self._channels.index(channel.name)] = count
            series.times_us.append(now_us)
            series.lines.append(self._line)
            series.counts.extend(row)
        if not series.times_us:
            raise self._refuse("the file", "holds a header and no rows", "add rows")
        return series

    def _next(self) -> list[str] | None:
        try:
            cells = next(self._lines)
        except StopIteration:
            return None
        except csv.Error as error:
            self._line = max(1, self._lines.line_num)
            raise self._refuse("the row", f"is not CSV ({error})", "quote and separate the cells with commas") from None
        self._line = max(1, self._lines.line_num)
        return cells

    def _header(self, header: list[str]) -> tuple[int, list[tuple[int, Channel, _Scale]]]:
        self._refuse_other_separators("the header", header)
        name, unit = self._heading(header[0])
        if name != _TIME:
            raise self._refuse(f"column 1, {shown(header[0])}", "is not the time", "begin with `time [s]`")
        if unit not in _TIME_UNITS:
            raise self._refuse(f"column 1, {shown(header[0])}", "is not a unit of time", listed(_TIME_UNITS, unit))
        columns: list[tuple[int, Channel, _Scale]] = []
        for position, heading in enumerate(header[1:], start=1):
            name, unit = self._heading(heading)
            subject = f"column {position + 1}, {shown(heading)}"
            if name not in self._channels:
                raise self._refuse(subject, "unknown channel", listed(self._channels, name))
            if name in [channel.name for _, channel, _ in columns]:
                raise self._refuse(subject, "stands twice", "keep one of the two")
            channel = CHANNELS[name]
            scales = _UNITS[channel.unit]
            if unit not in scales:
                raise self._refuse(subject, f"'{shown(unit)}' is not a unit of this channel", listed(scales, unit))
            columns.append((position, channel, scales[unit]))
        if not columns:
            raise self._refuse("the header", "names no channel", f"add one of {', '.join(self._channels)}")
        return _TIME_UNITS[self._heading(header[0])[1]], columns

    def _refuse_other_separators(self, subject: str, cells: list[str]) -> None:
        found = next((mark for mark in _OTHER_SEPARATORS if len(cells) == 1 and mark in cells[0]), None)
        if found is not None:
            rule = f"holds no comma but a {_OTHER_SEPARATORS[found]}"
            raise self._refuse(subject, rule, "separate with commas, and write decimals with a point")

    def _heading(self, heading: str) -> tuple[str, str]:
        name, bracket, rest = heading.strip().partition(" [")
        if not bracket or not rest.endswith("]"):
            rule = "declares no unit" if name else "is empty"
            raise self._refuse(f"heading {shown(heading)}", rule, "write it like `spo2_pct [%]`")
        return name.strip(), rest[:-1].strip()

    def _time(self, text: str, factor_us: int, heading: str) -> int:
        exact = self._number(text.strip(), heading) * factor_us
        if not 0 <= exact < _SOON:
            raise self._refuse(f"{heading.strip()} = {shown(text)}", "is no time of a run", "count from 0 on")
        return int(exact.to_integral_value(ROUND_HALF_EVEN))

    def _count(self, text: str, channel: Channel, scale: _Scale, heading: str) -> int:
        if not text:
            return NO_READING
        if channel.name == "consciousness_acvpu" and text in ACVPU:
            return ACVPU.index(text)
        exact = (Fraction(self._number(text, heading)) + Fraction(scale.offset)) * scale.factor / channel.resolution
        count = round(exact)
        low, high = channel.range
        if not low <= count <= high:
            lowest, highest = (f"{float(channel.value(bound)):g}" for bound in channel.range)
            rule = f"a value lies from {lowest} to {highest} {channel.unit}"
            raise self._refuse(f"{heading.strip()} = {shown(text)}", rule, "correct it, or leave the cell empty")
        return count

    def _number(self, text: str, heading: str) -> Decimal:
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or len(text) > 30 or abs(value.adjusted()) > 30:
            raise self._refuse(
                f"{heading.strip()} = {shown(text)}", "is not a number", "write digits, or leave it empty"
            )
        return value

    def _refuse(self, subject: str, rule: str, remedy: str) -> ScenarioError:
        return _refusal(self._path, self._line, subject, rule, remedy)


def _refusal(path: Path, line: int | None, subject: str, rule: str, remedy: str) -> ScenarioError:
    return ScenarioError(subject, rule, str(Place(str(path), line)), remedy)
