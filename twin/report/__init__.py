"""One page per run: a pure rendering of its folder."""

from twin.report.page import diagram, render

__all__ = ["diagram", "render"]
