"""Answers to what a node never asked, and events that are not for it: its own host errs, or tells it late or twice.

Requests are numbered upwards from the node's start, so a number far beyond has never been one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from twin.faults.babble import NOBODY, Role
from twin.pipeline.machine import (
    AlertMarked,
    AlertNotTold,
    AlertPut,
    AlertTold,
    AttestationWritten,
    CheckpointKept,
    Event,
    HeadWritten,
    HopKeyInstalled,
    LinkChanged,
    RowsRead,
    RowsWritten,
    StoreRefused,
    StoreSilent,
    Synced,
    SyncFailed,
    TimerFired,
    TransmitFailed,
    Transmitted,
)
from twin.pipeline.nodes.edge_journal import REWRITE
from twin.pipeline.transport.hop_keys import HOP_KEY_BYTES
from twin.randomness import one_of

_FAR: Final = 1 << 40
_OF_ANTENNAS: Final[tuple[Event, ...]] = (Transmitted(_FAR, NOBODY), TransmitFailed(_FAR, NOBODY, "stray"))
"""Not even refused: an antenna may tell of what was sent before the node started."""
_OLD_TIMER: Final = TimerFired("of an earlier life")
_OF_TABLES: Final[tuple[Event, ...]] = (RowsRead(_FAR, ()), StoreRefused(_FAR, "stray"), StoreSilent(_FAR))

STRAY: Final[dict[Role, tuple[Event, ...]]] = {
    Role.DEVICE: (Synced(_FAR), RowsRead(_FAR, ()), LinkChanged(NOBODY, True), _OLD_TIMER),
    Role.EDGE: (
        Synced(_FAR),
        SyncFailed(_FAR, "stray"),
        TimerFired(REWRITE),
        _OLD_TIMER,
        LinkChanged(NOBODY, True),
        RowsRead(_FAR, ()),
        *_OF_ANTENNAS,
    ),
    Role.GATEWAY: (
        RowsWritten(_FAR, ()),
        HeadWritten(_FAR, True),
        AlertPut(_FAR, True, False),
        AlertTold(_FAR),
        AlertNotTold(_FAR, 1),
        AlertMarked(_FAR),
        Synced(_FAR),
        *_OF_TABLES,
        *_OF_ANTENNAS,
    ),
    Role.AUDITOR: (AttestationWritten(_FAR), CheckpointKept(_FAR), Synced(_FAR), _OLD_TIMER, *_OF_TABLES),
}
"""By role, what none of its kind waits for."""


def stray_to_bundle_node(neighbour: str, random: np.random.Generator) -> Event:
    """One event that a bundle node beside `neighbour` must not heed: of an antenna, or of another role."""
    of_antennas: tuple[Event, ...] = (Transmitted(_FAR, neighbour), TransmitFailed(_FAR, neighbour, "stray"))
    return one_of((*of_antennas, LinkChanged(NOBODY, True), Synced(_FAR)), random)


def stray_answer(role: Role, peer: str | None, random: np.random.Generator) -> Event:
    """One event that a node of this role must not heed; `peer` shares hop keys with it, if anybody does."""
    keys = () if peer is None else _slips_of_operators(peer)
    return one_of((*STRAY[role], *keys), random)


def _slips_of_operators(peer: str) -> tuple[Event, ...]:
    """A hop key of nobody, one that is too short, and another one under a number that has been used."""
    return (
        HopKeyInstalled(NOBODY, 0, bytes(HOP_KEY_BYTES)),
        HopKeyInstalled(peer, 0, bytes(HOP_KEY_BYTES - 1)),
        HopKeyInstalled(peer, 0, bytes(HOP_KEY_BYTES)),
    )
