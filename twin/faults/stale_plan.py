"""A contact plan whose times are wrong."""

from __future__ import annotations

from twin.pipeline.transport.contact_plan import ContactPlan


def shifted(plan: ContactPlan, by_us: int) -> ContactPlan:
    """The plan with every contact `by_us` later, or earlier where that is negative."""
    moved = (
        contact._replace(
            start_us=contact.start_us + by_us,
            end_us=contact.end_us + by_us,
            owlt=tuple((at_us + by_us, owlt_us) for at_us, owlt_us in contact.owlt),
        )
        for contact in plan.contacts
    )
    return ContactPlan(moved, plan.ends)
