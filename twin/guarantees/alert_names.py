"""What an alert is called, and the short number under which a checker remembers it for the length of a mission."""

from __future__ import annotations

import hashlib

Alert = tuple[int, int, int, str]


def name_of(alert: Alert) -> str:
    """An alert as a reader knows it."""
    return f"dev-{alert[0]:016x}/ep-{alert[1]:016x}/{alert[2]}/{alert[3]}"


def number_of(alert: Alert) -> int:
    """64 bits that stand for an alert: 8 bytes where its key would take hundreds."""
    return int.from_bytes(hashlib.sha256(name_of(alert).encode()).digest()[:8], "big")
