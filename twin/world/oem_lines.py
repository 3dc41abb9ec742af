"""The two notations of a CCSDS orbit ephemeris message, KVN and XML, as one sequence of lines.

Either way a message becomes keywords with values: those of the header, then per segment ``META_START``, the
keywords of its metadata, ``META_STOP`` and one ``STATE`` per state, whose value is its epoch and numbers in
the order of KVN. Comments are dropped. Covariance is dropped too: an orbit here has no uncertainty.

Source: CCSDS 502.0-B-3 (KVN: section 5 and 7; XML: section 8, with the tags of 505.0-B), recalled.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml import DefusedXmlException
from defusedxml.sax import parseString

STATE = "state"
"""Keyword of a line that is a state; small, as none of a file's own can be."""

_KEYWORD = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_PAIR = re.compile(r"([A-Z][A-Z0-9_]*)\s*=\s*(.*)", re.ASCII)
_BLOCKS = ("META_START", "META_STOP")
_STATE = {
    "EPOCH": "", "X": "km", "Y": "km", "Z": "km", "X_DOT": "km/s", "Y_DOT": "km/s", "Z_DOT": "km/s",
    "X_DDOT": "km/s**2", "Y_DDOT": "km/s**2", "Z_DDOT": "km/s**2",
}  # fmt: skip
"""Children of an XML state vector in the order of KVN, and their units."""
_STATE_REQUIRED = tuple(_STATE)[:7]
_DECLARED = re.compile(r"<\?xml[^>]*?\sencoding\s*=\s*[\"']([^\"'>]*)", re.ASCII)
_ENCODINGS = ("utf-8", "us-ascii", "ascii", "iso-8859-1")
"""Which text in UTF-8 may declare; for any other, expat asks Python's codecs, which know more than text."""
_DEPTH_MAX = 16
"""Elements within each other; an OEM in an NDM has seven."""
_CONTAINERS = ("ndm", "oem", "header", "body", "segment", "data")


class OemError(ValueError):
    """An ephemeris file that cannot be used: subject, rule, file and line, remedy."""

    def __init__(self, subject: str, rule: str, source: str, line: int | None, remedy: str) -> None:
        place = source if line is None else f"{source}:{line}"
        super().__init__(" ".join(f"{subject}: {rule} ({place}); {remedy}".split()))


@dataclass(frozen=True, slots=True)
class Line:
    """A keyword with its value, and the line of the file (from 1) that it stands in."""

    number: int
    keyword: str
    value: str


def oem_lines(text: str, source: str) -> Iterator[Line]:
    """The lines of a message; one that begins with ``<`` is XML.

    Raises:
        OemError: neither KVN nor well-formed XML, or tags that no OEM has.
    """
    return _xml_lines(text, source) if text.lstrip().startswith("<") else _kvn_lines(text, source)


def _kvn_lines(text: str, source: str) -> Iterator[Line]:
    covariance_line = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line == "COMMENT" or line.startswith("COMMENT "):
            continue
        if covariance_line is not None:
            covariance_line = None if line == "COVARIANCE_STOP" else covariance_line
        elif line == "COVARIANCE_START":
            covariance_line = number
        elif line in _BLOCKS:
            yield Line(number, line, "")
        elif (match := _PAIR.fullmatch(line)) and match[1] not in _BLOCKS:
            yield Line(number, match[1], match[2])
        elif line[0].isdigit():
            yield Line(number, STATE, line)
        else:
            raise OemError(
                f"line {line[:60]!r}",
                "is neither a keyword with a value, nor a state",
                source,
                number,
                "write KEYWORD = value, or an epoch and six numbers",
            )
    if covariance_line is not None:
        raise OemError("COVARIANCE_START", "has no COVARIANCE_STOP", source, covariance_line, "add it")


def _xml_lines(text: str, source: str) -> Iterator[Line]:
    handler = _Handler(source)
    declared = _DECLARED.match(text.lstrip())
    if declared and declared[1].lower() not in _ENCODINGS:
        raise OemError("XML", f"declares an unknown encoding: {declared[1][:60]}", source, 1, "save the file as UTF-8")
    try:
        parseString(text.encode(), handler, forbid_dtd=True)
    except SAXParseException as error:
        raise OemError(
            "XML", f"is not well-formed: {error.getMessage()}", source, error.getLineNumber(), "correct it"
        ) from error
    except DefusedXmlException as error:
        raise OemError(
            "XML", "declares a document type or entities", source, handler.line, "remove the declaration"
        ) from error
    return iter(handler.lines)


class _Handler(ContentHandler):
    """Collects lines from the elements of ``oem``."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self._source = source
        self._locator: Locator | None = None
        self._open: list[str] = []
        self._text: list[str] = []
        self._state: dict[str, str] = {}
        self._state_line = 0
        self._unit = ""

    @property
    def line(self) -> int:
        """The line that is being read."""
        number = self._locator.getLineNumber() if self._locator is not None else None
        return 1 if number is None else number

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - the name of xml.sax
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - the name of xml.sax
        parent = self._open[-1] if self._open else ""
        if len(self._open) >= _DEPTH_MAX:
            self._refuse(f"element {name[:60]!r}", f"stands within {_DEPTH_MAX} others", "close them before it")
        self._open.append(name)
        self._text.clear()
        if "covarianceMatrix" in self._open or name == "COMMENT":
            return
        if name == "oem":
            if attrs.get("id") != "CCSDS_OEM_VERS":
                self._refuse("oem", f"has the id {attrs.get('id')!r}", "write id='CCSDS_OEM_VERS'")
            self._emit("CCSDS_OEM_VERS", attrs.get("version", ""))
        elif name == "metadata":
            self._emit("META_START", "")
        elif name == "stateVector":
            self._state, self._state_line = {}, self.line
        elif parent == "stateVector":
            self._check_state_child(name, attrs.get("units", ""))
        elif parent in ("header", "metadata"):
            if not _KEYWORD.fullmatch(name) or name in _BLOCKS:
                self._refuse(f"element {name[:60]!r}", "is not a keyword of an OEM", "remove or move it")
        elif name not in _CONTAINERS:
            self._refuse(f"element {name[:60]!r}", "is not one of an OEM here", "remove or move it")

    def characters(self, content: str) -> None:
        self._text.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802 - the name of xml.sax
        self._open.pop()
        parent = self._open[-1] if self._open else ""
        text = "".join(self._text).strip()
        self._text.clear()
        if "covarianceMatrix" in (name, *self._open) or name == "COMMENT":
            return
        if name == "metadata":
            self._emit("META_STOP", "")
        elif name == "stateVector":
            missing = [child for child in _STATE_REQUIRED if child not in self._state]
            if missing:
                self._refuse("stateVector", f"lacks {', '.join(missing)}", "add it")
            values = " ".join(self._state[child] for child in _STATE if child in self._state)
            self.lines.append(Line(self._state_line, STATE, values))
        elif parent == "stateVector":
            self._state[name] = text
        elif parent in ("header", "metadata"):
            self._emit(name, text)

    def _check_state_child(self, name: str, unit: str) -> None:
        if name not in _STATE or name in self._state:
            again = "stands twice" if name in self._state else "is not one of a state vector"
            self._refuse(f"element {name[:60]!r}", again, f"use each of {', '.join(_STATE)} once")
        if unit and unit.lower() != _STATE[name]:
            self._refuse(f"{name} in {unit[:60]}", f"must be in {_STATE[name] or 'no unit'}", "convert it")

    def _emit(self, keyword: str, value: str) -> None:
        self.lines.append(Line(self.line, keyword, value))

    def _refuse(self, subject: str, rule: str, remedy: str) -> None:
        raise OemError(subject, rule, self._source, self.line, remedy)
