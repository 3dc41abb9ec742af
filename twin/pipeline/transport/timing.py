"""When an answer can be home: retransmission timers from the contact plan and the light time of that instant.

RFC 5326 section 6.5: an answer is expected at transmission end + OWLT out + the far end's processing + OWLT back, and
the timer is suspended while the far end cannot transmit. Here the plan says when it can: the wait for the next return
contact is part of the sum, and where no return contact is planned there is no timer at all.
"""

from __future__ import annotations

from itertools import pairwise

from twin.pipeline.transport.contact_plan import ContactPlan


def expected_answer_us(
    plan: ContactPlan,
    route: tuple[str, ...],
    sent_us: int,
    turnaround_us: int,
    answer_bytes: int,
) -> int | None:
    """Instant by which the answer to what ended transmission at `sent_us` should be home.

    Args:
        route: nodes from here to the far end, both included; the answer takes it backwards.
        sent_us: end of the transmission over the first hop.
        turnaround_us: the far end's processing allowance plus its ack delay.
        answer_bytes: size of the answer, for its airtime.

    Returns:
        The instant, or None while no way back is planned (the timer stays suspended).
    """
    at_us = sent_us
    for position, (here, there) in enumerate(pairwise(route)):
        if position == 0:
            contact = plan.current_or_next(here, there, max(sent_us - 1, 0))
            if contact is None:
                return None
        else:
            found = plan.opportunity(here, there, at_us, answer_bytes)
            if found is None:
                return None
            at_us, contact = found
            at_us += contact.airtime_us(answer_bytes)
        at_us += contact.owlt_us(at_us)
    at_us += turnaround_us
    back = route[::-1]
    for here, there in pairwise(back):
        found = plan.opportunity(here, there, at_us, answer_bytes)
        if found is None:
            return None
        at_us, contact = found
        at_us += contact.airtime_us(answer_bytes)
        at_us += contact.owlt_us(at_us)
    return at_us
