"""An auditor with both stores, as the tests of its work need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_parts import EARTH, T0, auditor_settings

from twin.pipeline.machine import (
    AttestationWritten,
    CheckpointKept,
    KeepCheckpoint,
    ReadRows,
    Received,
    RowsRead,
    SetTimer,
    Started,
    TimerFired,
    WriteAttestation,
)
from twin.pipeline.nodes.auditor import Auditor
from twin.pipeline.nodes.stored import Stored
from twin.pipeline.wire.identity import StreamId
from twin.pipeline.wire.messages import encode

Rows = Mapping[StreamId, Sequence[bytes | None]]


def auditor(stored: Stored | None = None, **changes: Any) -> Auditor:
    """One that has started over what the stores hold."""
    machine = Auditor.recover(auditor_settings(**changes), stored or Stored())
    machine.handle(Started(), T0)
    return machine


def hear(machine: Auditor, message: Any, source: str = EARTH) -> list[Any]:
    """What it does with a gateway's message."""
    return machine.handle(Received(source, encode(message)), T0)


def served(machine: Auditor, effects: list[Any], table: Rows, backup: Rows) -> list[Any]:
    """Both stores answer what they are asked; all effects in order, the first ones included."""
    more, done = list(effects), []
    while more:
        effect = more.pop(0)
        done.append(effect)
        match effect:
            case ReadRows(number, store, stream, first, end):
                held = (table if store == "table" else backup).get(stream, [])
                rows = tuple(held[n] if n < len(held) else None for n in range(first, end))
                more += machine.handle(RowsRead(number, rows), T0)
            case WriteAttestation(number):
                more += machine.handle(AttestationWritten(number), T0)
            case KeepCheckpoint(number):
                more += machine.handle(CheckpointKept(number), T0)
            case SetTimer("retry", at_us):
                more += machine.handle(TimerFired("retry"), at_us)
    return done
