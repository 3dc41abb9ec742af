"""When an answer can be home: retransmission timers from the contact plan and the light time of that instant.

RFC 5326 section 6.5: an answer is expected at transmission end + OWLT out + the far end's processing + OWLT back, and
the timer is suspended while the far end cannot transmit. Here the plan says when it can: the wait for the next return
contact is part of the sum, and where no return contact is planned there is no timer at all.
"""

from __future__ import annotations

from itertools import pairwise

from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.contact_volume import EXPEDITED
from twin.pipeline.transport.routing import Router


def arrival_us(plan: ContactPlan, route: tuple[str, ...], sent_us: int, size_bytes: int) -> int | None:
    """Instant at which a bundle of `size_bytes`, whose last bit left at `sent_us`, should arrive over the nodes of
    `route`; None if the plan ends before.
    """
    contact = plan.current_or_next(route[0], route[1], max(sent_us - 1, 0))
    if contact is None:
        return None
    at_us = sent_us + contact.owlt_us(sent_us)
    for here, there in pairwise(route[1:]):
        found = plan.opportunity(here, there, at_us, size_bytes)
        if found is None:
            return None
        at_us, contact = found
        at_us += contact.airtime_us(size_bytes)
        at_us += contact.owlt_us(at_us)
    return at_us


def answer_us(back: Router, here: str, there_us: int, turnaround_us: int, answer_bytes: int) -> int | None:
    """Instant by which the answer to what arrived at `there_us` should be at `here`, by the earliest route of `back`,
    which starts at the far end; None while no way back is planned (the timer stays suspended).

    `turnaround_us` is the far end's processing allowance plus its ack delay; `answer_bytes` count for the airtime.
    """
    found = back.best(here, answer_bytes, there_us + turnaround_us, EXPEDITED)
    return None if found is None else found.arrival_us
