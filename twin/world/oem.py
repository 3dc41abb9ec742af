"""Orbits from CCSDS orbit ephemeris messages (OEM 2.0 and 3.0), in KVN or XML.

Read: any number of segments of one object, Mars-centred, in ICRF or EME2000 (J2000) axes, with times in UTC,
TAI, TT or TDB. The axes of EME2000 are tilted by 0.02 arcsec against ICRF: 2 m at the areostationary radius,
left out. Interpolation is what the message asks for; without a word it is Hermite's of degree 7, as in the
standard's own example, or as high as the states allow. Accelerations and covariance are skipped.

Source: CCSDS 502.0-B-3, section 5 (recalled; the official XML schema was not at hand).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.world.ccsds_time import TIME_SYSTEMS, ccsds_time_to_us
from twin.world.oem_lines import STATE, Line, OemError, oem_lines
from twin.world.tabulated_orbit import Method, Segment, TableError, TabulatedOrbit

_VERSIONS = ("2.0", "3.0")
_FRAMES = ("ICRF", "EME2000", "J2000")
_HEADER = ("CCSDS_OEM_VERS", "CLASSIFICATION", "CREATION_DATE", "ORIGINATOR", "MESSAGE_ID")
_REQUIRED = ("OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM", "START_TIME", "STOP_TIME")
_OPTIONAL = ("REF_FRAME_EPOCH", "USEABLE_START_TIME", "USEABLE_STOP_TIME", "INTERPOLATION", "INTERPOLATION_DEGREE")
_METHODS: dict[str, Method] = {"HERMITE": "hermite", "LAGRANGE": "lagrange", "LINEAR": "lagrange"}
_DEGREE = 7
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_SIZE_MAX_BYTES = 128 * 2**20
"""assumed: two years of states a minute, 120 bytes each; more would take minutes to read."""


@dataclass(frozen=True, slots=True)
class Oem:
    """What a message says of one object."""

    object_name: str
    object_id: str
    originator: str
    orbit: TabulatedOrbit


@dataclass(frozen=True, slots=True)
class _Block:
    """One segment as it stands in the file."""

    start: Line
    metadata: dict[str, Line]
    states: list[Line]


def read_oem(path: Path) -> Oem:
    """The orbit in an OEM file.

    Raises:
        OemError: the file cannot be read, is no OEM, or says something that this reader does not take; the
            text names file, line, rule and remedy.
    """
    source = str(path)
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _SIZE_MAX_BYTES else b""
    except OSError as error:
        raise OemError("OEM file", f"cannot be read: {error.strerror}", source, None, "check the path") from error
    if size > _SIZE_MAX_BYTES:
        rule = f"is larger than {_SIZE_MAX_BYTES} bytes"
        raise OemError(f"OEM file of {size} bytes", rule, source, None, "cut the ephemeris to the days you need")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise OemError("OEM file", "is not text in ASCII or UTF-8", source, line, "convert it") from error
    return _Reader(source).message(text)


class _Reader:
    """Reads one file; holds nothing but its name, for errors."""

    def __init__(self, source: str) -> None:
        self._source = source

    def message(self, text: str) -> Oem:
        header, blocks = self._blocks(text)
        first = blocks[0]
        segments = []
        for block in blocks:
            for keyword in ("OBJECT_NAME", "OBJECT_ID"):
                self._same_object(block.metadata[keyword], first.metadata[keyword])
            segments.append(self._segment(block))
        name = first.metadata["OBJECT_NAME"].value
        try:
            orbit = TabulatedOrbit(name, segments)
        except TableError as error:
            raise OemError(f"object {name}", error.rule, self._source, first.start.number, error.remedy) from error
        return Oem(name, first.metadata["OBJECT_ID"].value, header["ORIGINATOR"].value, orbit)

    def _blocks(self, text: str) -> tuple[dict[str, Line], list[_Block]]:
        """The header's keywords, and the segments with their keywords and states."""
        header: dict[str, Line] = {}
        blocks: list[_Block] = []
        in_metadata = False
        for line in oem_lines(text, self._source):
            if not header:
                self._version(line)
            if line.keyword == "META_START":
                if in_metadata:
                    raise self._error("META_START", "stands inside metadata", line, "add META_STOP before it")
                in_metadata = True
                blocks.append(_Block(line, {}, []))
            elif line.keyword == "META_STOP":
                if not in_metadata:
                    raise self._error("META_STOP", "has no META_START", line, "add META_START before the metadata")
                in_metadata = False
                self._require(blocks[-1].metadata, _REQUIRED, line)
            elif line.keyword == STATE:
                if in_metadata or not blocks:
                    raise self._error("state", "stands outside a segment's data", line, "put it after META_STOP")
                blocks[-1].states.append(line)
            elif in_metadata:
                self._keep(line, blocks[-1].metadata, (*_REQUIRED, *_OPTIONAL), "a segment's metadata")
            elif blocks:
                raise self._error(f"keyword {line.keyword}", "stands among states", line, "move it into metadata")
            else:
                self._keep(line, header, _HEADER, "the header of an OEM")
        if not header:
            raise OemError("OEM file", "is empty", self._source, None, "give a CCSDS OEM in KVN or XML")
        if in_metadata:
            raise self._error("META_START", "has no META_STOP", blocks[-1].start, "add it")
        self._require(header, ("CREATION_DATE", "ORIGINATOR"), header["CCSDS_OEM_VERS"])
        if not blocks:
            version = header["CCSDS_OEM_VERS"]
            raise self._error("OEM", "has no segment", version, "add metadata and states")
        return header, blocks

    def _version(self, line: Line) -> None:
        if line.keyword != "CCSDS_OEM_VERS":
            rule = "stands before CCSDS_OEM_VERS, which begins an OEM"
            raise self._error(f"keyword {line.keyword}", rule, line, "give a CCSDS OEM, in KVN or XML")
        self._one_of(line, _VERSIONS, "is not a version that is read here")

    def _segment(self, block: _Block) -> Segment:
        metadata = block.metadata
        self._one_of(metadata["CENTER_NAME"], ("MARS",), "is not Mars's centre")
        self._one_of(metadata["REF_FRAME"], _FRAMES, "is not an inertial frame that is read here")
        self._one_of(metadata["TIME_SYSTEM"], tuple(TIME_SYSTEMS), "is not a time system that is converted here")
        system = metadata["TIME_SYSTEM"].value.upper()
        if not block.states:
            raise self._error("segment", "has no states", block.start, "add them after META_STOP")
        us = np.array([self._instant(line, line.value.split()[0], system) for line in block.states], dtype=np.int64)
        states = np.array([self._numbers(line) for line in block.states])
        times_us = {
            key: self._instant(metadata[key], metadata[key].value, system) for key in metadata if "_TIME" in key
        }
        for line, at_us in zip(block.states, us.tolist(), strict=True):
            if not times_us["START_TIME"] <= at_us <= times_us["STOP_TIME"]:
                text = line.value.split()[0]
                raise self._error(f"state of {text}", "is outside START_TIME to STOP_TIME", line, "correct either")
        method, degree = self._interpolation(metadata, len(us))
        try:
            return Segment(
                us, states[:, :3], states[:, 3:], method, degree,
                start_us=times_us.get("USEABLE_START_TIME", int(us[0])),
                end_us=times_us.get("USEABLE_STOP_TIME", int(us[-1])),
            )  # fmt: skip
        except TableError as error:
            line = block.start if error.row is None else block.states[error.row]
            subject = "segment" if error.row is None else f"state of {line.value.split()[0]}"
            raise self._error(subject, error.rule, line, error.remedy) from error

    def _interpolation(self, metadata: dict[str, Line], states: int) -> tuple[Method, int]:
        asked, degree = metadata.get("INTERPOLATION"), metadata.get("INTERPOLATION_DEGREE")
        if asked is None:
            if degree is not None:
                raise self._error("INTERPOLATION_DEGREE", "has no INTERPOLATION", degree, "add it")
            return "hermite", min(_DEGREE, 2 * states - 1)
        self._one_of(asked, tuple(_METHODS), "is not an interpolation that is known here")
        if degree is None:
            raise self._error("INTERPOLATION", "has no INTERPOLATION_DEGREE", asked, "add it")
        if not re.fullmatch(r"\d{1,3}", degree.value, re.ASCII):
            raise self._error(f"degree {degree.value[:60]!r}", "is not a whole number", degree, "give one like 7")
        if asked.value.upper() == "LINEAR" and int(degree.value) != 1:
            raise self._error(f"degree {degree.value}", "is not that of linear interpolation", degree, "give 1")
        return _METHODS[asked.value.upper()], int(degree.value)

    def _instant(self, line: Line, text: str, system: str) -> int:
        try:
            return ccsds_time_to_us(text, system)
        except ValueError as error:
            rule, _, remedy = str(error).partition("; ")
            keyword = "epoch" if line.keyword == STATE else line.keyword
            raise self._error(keyword, rule, line, remedy) from error

    def _numbers(self, line: Line) -> list[float]:
        words = line.value.split()[1:]
        if len(words) not in (6, 9):
            raise self._error(
                f"state with {len(words)} numbers", "takes 6, or 9 with accelerations", line, "give X to Z_DOT"
            )
        for word in words:
            if not _NUMBER.fullmatch(word):
                raise self._error(f"{word[:60]!r}", "is not a number", line, "give position in km, velocity in km/s")
        return [float(word) for word in words[:6]]

    def _keep(self, line: Line, kept: dict[str, Line], allowed: tuple[str, ...], where: str) -> None:
        if line.keyword not in allowed:
            raise self._error(
                f"keyword {line.keyword[:60]}", f"is not one of {where}", line, f"use {', '.join(allowed)}"
            )
        if line.keyword in kept:
            first = kept[line.keyword].number
            raise self._error(f"keyword {line.keyword}", f"stands in line {first} already", line, "keep one")
        if not line.value:
            raise self._error(f"keyword {line.keyword}", "has no value", line, "give one or remove it")
        kept[line.keyword] = line

    def _require(self, kept: dict[str, Line], required: tuple[str, ...], line: Line) -> None:
        missing = [keyword for keyword in required if keyword not in kept]
        if missing:
            raise self._error(missing[0], "is missing", line, f"add {', '.join(missing)} before this line")

    def _same_object(self, line: Line, first: Line) -> None:
        if line.value != first.value:
            rule = f"is not {first.value}, of which line {first.number} speaks"
            raise self._error(f"{line.keyword} {line.value[:60]}", rule, line, "give one file per object")

    def _one_of(self, line: Line, allowed: tuple[str, ...], rule: str) -> None:
        if line.value.upper() not in allowed:
            raise self._error(f"{line.keyword} {line.value[:60]}", rule, line, f"use {' or '.join(allowed)}")

    def _error(self, subject: str, rule: str, line: Line, remedy: str) -> OemError:
        return OemError(subject, rule, self._source, line.number, remedy)
