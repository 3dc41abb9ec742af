"""One page per run: a pure rendering of its folder."""

from twin.report.page import render

__all__ = ["render"]
