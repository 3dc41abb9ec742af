"""Hypothesis: `pytest --hypothesis-profile campaign` lets every state machine run long, each time another way."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "campaign",
    max_examples=20_000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
