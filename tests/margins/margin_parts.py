"""Margins made by hand, and a short scenario whose ack delay can be made worse without its bound."""

from __future__ import annotations

from typing import Any

from twin.margins.margin import Margin, TermOf

FIVE_PERCENT = 50_000  # ppm

# DSS-14 sees Mars throughout. The bound of feedback_closure is written without the ack delay: a longer one eats margin.
PROMPT = """
name: prompt
start: 2033-03-10T10:00:00Z
duration: 10 min
seed: 5
habitat:
  site: jezero
  crew: 1
  devices:
    - {kind: vitals_monitor, sample_period: 20 s, frame_period: 60 s}
  edge_nodes: 1
pipeline: {suite: hmac-sha256, ack_delay: 10 s}
guarantees:
  - durability
  - no_loss
  - freshness: {bound: owlt + 10 min}
  - feedback_closure: {bound: 2 owlt + 30 min}
"""
SLOW = PROMPT.replace("ack_delay: 10 s", "ack_delay: 3 min")


def timed(left_s: float | None, bound_s: float = 1000.0, verdict: Any = "held", **more: Any) -> Margin:
    """A guarantee held against a time, with so much of its bound left."""
    observed = None if left_s is None else round(bound_s - left_s, 3)
    numbers = {"margin": left_s, "bound": bound_s, "observed": observed, "unit": "s"}
    return Margin(**{"key": "freshness", "verdict": verdict, "checked": 7, **numbers, **more})


def counted(violations: int = 0, checked: int = 7, **more: Any) -> Margin:
    """A guarantee that has no bound, only violations."""
    verdict = "broken" if violations else "held" if checked else "not_applicable"
    numbers = {"margin": 0.0 - violations, "bound": 0.0, "observed": float(violations), "unit": "violations"}
    return Margin(
        **{"key": "freshness", "verdict": verdict, "checked": checked, **(numbers if checked else {}), **more}
    )


def limited(observed: float, limit: float, unit: str) -> Margin:
    """A guarantee with a limit that is no time."""
    numbers = {"margin": round(limit - observed, 3), "bound": limit, "observed": observed, "unit": unit}
    return Margin(key="bounded_resources", verdict="held", checked=7, **numbers)


def terms(**values_s: float) -> tuple[TermOf, ...]:
    """Summands of a bound [s]."""
    return tuple(TermOf(name=name.replace("_", " "), value_s=value) for name, value in values_s.items())
