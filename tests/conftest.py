"""Profiles of Hypothesis: `--hypothesis-profile campaign` draws by chance, and far more than a plain test run."""

from hypothesis import settings

settings.register_profile("campaign", max_examples=1_500, deadline=None, print_blob=True)
