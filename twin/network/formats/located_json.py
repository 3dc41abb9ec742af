"""JSON with the line on which each item of its main list begins, which Python's own reader does not tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn

from twin.network.formats.plan_file import Line
from twin.scenario.errors import shown

_BETWEEN: Final = " \t\r\n,"


class Located(NamedTuple):
    """A value and the line on which it begins."""

    value: Any
    line: Line


def located_items(text: str, source: str, key: str) -> tuple[Mapping[str, Any], tuple[Located, ...]]:
    """A JSON object, and the items of the list that it holds under `key`.

    Raises:
        PlanFileError: No JSON, no object, or no list under `key`.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Line(source, error.lineno).refuse("the file", f"is not JSON ({error.msg})", "correct it here") from None
    except RecursionError:
        rule, remedy = (
            "nests its brackets too deeply to be read",
            f'write {{"{key}": [...]}} with one flat object for each contact',
        )
        raise Line(source, 1).refuse("the file", rule, remedy) from None
    except ValueError as error:
        raise Line(source, 1).refuse("the file", f"is not JSON ({error})", "write finite numbers") from None
    if not isinstance(document, dict) or not isinstance(document.get(key), list):
        found = f"{key} {shown(document[key])}" if isinstance(document, dict) and key in document else "the file"
        raise Line(source, 1).refuse(found, f"holds no list under `{key}`", f'write {{"{key}": [...]}}')
    return document, _located(text, source, key, document[key])


def _located(text: str, source: str, key: str, items: list[Any]) -> tuple[Located, ...]:
    decoder = json.JSONDecoder()
    # The last list under this name that reads the same: names repeat within JSON, and the last one counts.
    starts = [match.end() for match in re.finditer(rf'"{re.escape(key)}"\s*:\s*\[', text)]
    start = next((at for at in reversed(starts) if decoder.raw_decode(text, at - 1)[0] == items), None)
    if start is None:
        raise Line(source, 1).refuse("the file", f"writes `{key}` with escapes", "write it plainly")
    out = []
    line, counted, at = 1, 0, start
    for _ in items:
        while text[at] in _BETWEEN:
            at += 1
        line, counted = line + text.count("\n", counted, at), at
        value, at = decoder.raw_decode(text, at)
        out.append(Located(value, Line(source, line)))
    return tuple(out)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
