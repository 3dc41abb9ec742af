"""Orbiters known by name."""

from __future__ import annotations

from typing import Final

ORBITERS: Final[dict[str, object]] = {"mro-like": 1}
