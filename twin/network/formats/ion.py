"""A contact plan for ION, as commands of its program `ionadmin`.

What is lost: windows are whole seconds of POSIX time, rounded inward; rates are whole bytes per second, so what is
slower than 8 bit/s vanishes; light times are whole seconds, rounded up; the station (`via`) is not said. Most releases
of ION take contacts of a pair that touch for an overlap and ignore the later one, so one second is kept between them.

A range is split wherever the light time of either direction moves by a second (see ion_ranges.py). Ranges cover
contacts, not the time between. ION's routing takes the light time of a contact's start for all of it.

Sources: github.com/nasa-jpl/ION-DTN: manual page ionrc(5); ici/library/rfx.c (`rfx_insert_contact` takes
`toTime == fromTime` for an overlap; tests/adjacent-contacts says since when it does not) and ici/utils/ionadmin.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from twin.network.formats.ion_ranges import ranges_of
from twin.network.formats.nodes import checked_numbers
from twin.network.formats.posix import POSIX_MAX_S, at_or_before_s, instant_us
from twin.network.formats.whole_seconds import Export, in_whole_seconds
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.world.timescales import us_to_utc

BITS_PER_BYTE: Final = 8
_GAP_S: Final = 1


def to_ion(plan: ContactPlan, nodes: Mapping[str, int], reference_us: int | None = None) -> Export:
    """Write a plan for `ionadmin`.

    Args:
        plan: What to write.
        nodes: Node number (`ipn:N`) of each name; comments keep the names for `read_ion`.
        reference_us: Instant of `+0`, down to a whole second; without it, times are dates. ION then knows none after
            2038-01-19, while relative times count from whenever the file is loaded.

    Returns:
        Text of ASCII lines where names are, ranges before contacts, each in order of time; what changed.

    Raises:
        ValueError: A node without its own number, a contact before the reference, a date that ION cannot hold.
    """
    numbers = checked_numbers(plan, nodes)
    whole, changes = in_whole_seconds(plan, BITS_PER_BYTE, _GAP_S)
    clock = _Clock(None if reference_us is None else at_or_before_s(reference_us))
    lines = [
        "# Contact plan for ION's ionadmin: rates in bytes per second, light times in whole seconds, rounded up.",
        *(f"# node {number} is {name}" for name, number in sorted(numbers.items(), key=lambda item: item[1])),
        *([] if clock.reference_s is None else [f"# reference +0 is {ion_time(clock.reference_s)}"]),
        *(
            f"a range {clock.text(r.start_s)} {clock.text(r.end_s)} {r.first} {r.second} {r.owlt_s}"
            for r in ranges_of(whole, numbers)
        ),
        *(
            f"a contact {clock.text(contact.pieces[0].start_s)} {clock.text(contact.pieces[-1].end_s)} "
            f"{numbers[contact.source]} {numbers[contact.destination]} {contact.rate_bps // BITS_PER_BYTE}"
            for contact in whole
        ),
    ]
    return Export("\n".join(lines) + "\n", changes)


def ion_time(second: int) -> str:
    """A POSIX second as ION's `yyyy/mm/dd-hh:mm:ss`, UTC."""
    return us_to_utc(instant_us(second))[:19].replace("-", "/").replace("T", "-")


class _Clock(NamedTuple):
    reference_s: int | None

    def text(self, second: int) -> str:
        if self.reference_s is None:
            if second > POSIX_MAX_S:
                rule = f"is after {ion_time(POSIX_MAX_S)}, the last second that ION can hold"
                raise ValueError(f"time {ion_time(second)}: {rule}; write times relative to a reference")
            return ion_time(second)
        if second < self.reference_s:
            rule = f"is before the reference {ion_time(self.reference_s)}"
            raise ValueError(f"time {ion_time(second)}: {rule}; choose a reference no later than the first contact")
        return f"+{second - self.reference_s}"
