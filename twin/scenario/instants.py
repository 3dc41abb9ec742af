"""Instants at the border: UTC text outside, microseconds of TAI since 2000-01-01T00:00:00 TAI inside."""

from __future__ import annotations

from datetime import UTC, date, datetime

from twin.scenario.errors import RuleError

# The committed table of planetary positions covers these years, both included.
FIRST_YEAR, LAST_YEAR = 2010, 2050


def parse_instant(value: object) -> int:
    """Read an instant; without a zone it is UTC.

    Args:
        value: ISO 8601 text, or a date or datetime as YAML readers make them.

    Returns:
        House time [us].

    Raises:
        RuleError: Not an instant.
    """
    if isinstance(value, datetime):
        value = (value if value.tzinfo is None else value.astimezone(UTC)).replace(tzinfo=None).isoformat()
    elif isinstance(value, date):
        value = value.isoformat()
    if not isinstance(value, str):
        raise RuleError("an instant is a UTC date and time", "write it as 2033-03-10T00:00:00Z")
    # Here and not above: time scales need NumPy, and a command's help must not wait for it.
    from twin.world.timescales import utc_to_us

    try:
        return utc_to_us(value)
    except ValueError as error:
        rule, _, remedy = str(error).removeprefix(f"{value!r}: ").rpartition("; ")
        raise RuleError(rule or str(error), remedy if rule else "write it as 2033-03-10T00:00:00Z") from None


def format_instant(instant_us: int) -> str:
    """UTC text of an instant."""
    from twin.world.timescales import us_to_utc

    return us_to_utc(instant_us)


def edges_us() -> tuple[int, int]:
    """First instant of the years that the sky is known in, and the first after them [us]."""
    return parse_instant(f"{FIRST_YEAR}-01-01"), parse_instant(f"{LAST_YEAR + 1}-01-01")
