"""Words of the report: what each guarantee means to a reader, and numbers as people write them."""

from __future__ import annotations

import math
from typing import Final

from twin.result_schema import Storage

STATEMENTS: Final[dict[str, str]] = {
    "durability": "What the edge accepts is already on its disk, and survives a crash.",
    "no_equivocation": "Nothing is sent before it is on disk, and one address never names two records.",
    "no_loss": "Every accepted record reaches Earth; what a destroyed medium took is listed.",
    "exactly_once": "Earth holds one row per record and one alert per cause, whatever was repeated.",
    "stream_order": "Readers on Earth always see a stream from its beginning, without holes.",
    "integrity": "Every row is, byte for byte, what the device signed.",
    "append_only": "Each signed head of a stream extends the one before; history is never rewritten.",
    "convergence": "Once faults stop, Earth and Mars hold the same records within the bound.",
    "freshness": "The newest record visible on Earth is never older than the bound.",
    "alert_latency": "An alarm reaches the crew in seconds and the flight surgeon within the bound.",
    "feedback_closure": "“Verified” means that Earth read the rows back and found them right, in time.",
    "safe_trim": "Mars deletes a record only after Earth has verified it and backed it up.",
    "anti_replay": "Forged, replayed and outdated frames have no effect but a counter.",
    "monotonic_reads": "A reader never sees an older version than before.",
    "recovery": "Losing Earth's store loses no record, and it is back in time.",
    "bounded_resources": "Queues and retransmissions stay under their limits.",
    "confidentiality": "No patient byte leaves Mars in clear.",
    "clock_honesty": "A wrong clock changes no record's identity and no alarm.",
    "conservation": "Every transmission sent is delivered, lost for a stated cause, or in flight.",
    "critical_power": "Life-critical loads are served while any energy is left.",
    "energy_balance": "Energy generated is served, stored, curtailed or lost; nothing is missing.",
}

PAYLOAD_STATEMENTS: Final[dict[str, str]] = {
    "no_loss": "Every payload that a node took into custody reaches its destination.",
    "exactly_once": "Every payload is delivered once, whatever was repeated.",
    "stream_order": "The payloads of a flow are delivered in the order in which they were offered.",
    "integrity": "Every payload delivered is, byte for byte, what was offered.",
}
"""What the same guarantees mean in a scenario of bundle nodes."""

NONE: Final = "\N{EN DASH}"


def duration(span_s: float | None, places: int = 3) -> str:
    """A span of time [s] in the two units that matter, such as ``8 min 31 s``; a dash when there is none."""
    if span_s is None:
        return NONE
    if span_s < 0:
        return "\N{MINUS SIGN}" + duration(-span_s, places)
    if span_s == 0:
        return "0 s"
    if span_s < 0.9995:
        return f"{_significant(span_s * 1e3, places)} ms"
    if span_s < 59.95:
        return f"{_significant(span_s, places)} s"
    whole_s = round(span_s)
    if whole_s < 3_600:
        return _pair(whole_s, 60, "min", "s")
    whole_min = round(whole_s / 60)
    if whole_min < 2 * 1_440:
        return _pair(whole_min, 60, "h", "min")
    return _pair(round(whole_s / 3_600), 24, "d", "h")


def number(value: float | None) -> str:
    """A count or a real number with thin thousands; a dash when there is none."""
    if value is None:
        return NONE
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return _significant(value, 4)


def quantity(value: float | None, unit: str | None) -> str:
    """A number with its unit; seconds are written as a duration."""
    if value is None:
        return NONE
    if unit == "s":
        return duration(value)
    return number(value) + (f" {unit}" if unit else "")


def size(size_bytes: float) -> str:
    """A number of bytes in the unit that gives one to three digits before the point, such as ``6.59 MB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{_significant(size_bytes / factor, 3)} {unit}"
    return f"{number(size_bytes)} B"


def storage(need: Storage) -> str:
    """What a node must be able to keep, because of which silence, and what it kept."""
    return (
        f"{need.node} must be able to keep {size(need.needed_bytes)} of the {size(need.capacity_bytes)} that its disk "
        f"holds: no ack comes home from {instant(need.since_utc)} to {instant(need.until_utc)}, and "
        f"{duration(need.held_s)} of measurements wait for the first. It held {size(need.used_bytes_max)} at most."
    )


def violations(count: float | None) -> str:
    """``no violation``, ``1 violation``, ``2 violations``; a dash when nothing was counted."""
    if count is None:
        return NONE
    return plural(round(count), "violation") if count else "no violation"


def plural(count: int, noun: str) -> str:
    """``1 record``, ``2 records``."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def instant(utc: str | None) -> str:
    """An ISO 8601 UTC text to the second, with a space for the T."""
    if utc is None:
        return NONE
    date, _, clock = utc.removesuffix("Z").partition("T")
    return f"{date} {clock[:8]} UTC" if clock else f"{date} UTC"


def _pair(total: int, base: int, big: str, small: str) -> str:
    whole, rest = divmod(total, base)
    return f"{whole} {big} {rest:02d} {small}" if rest else f"{whole} {big}"


def _significant(value: float, places: int) -> str:
    if value == 0 or not math.isfinite(value):
        return str(value)
    decimals = max(0, places - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return text.rstrip("0").rstrip(".") if "." in text else text
