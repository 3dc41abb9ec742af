"""Reads what a machine shows to its owner: properties and questions, its own and those of its parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from twin.pipeline.ledger.merkle import MerkleLog
from twin.pipeline.nodes.backup import BackupKeeper
from twin.pipeline.transport.antenna import Antenna
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.pipeline.transport.sync import Synchronizer

QUESTIONS: dict[type[Any], Callable[[Any, int], Any]] = {
    MerkleLog: lambda log, _: (log.root(), log.frontier(), log.size and log.consistency_proof(log.size, log.size)),
    BackupKeeper: lambda keeper, _: keeper.owns(0),
    Antenna: lambda antenna, now_us: (antenna.room_bytes(now_us), antenna.next_start_us(now_us, 1_000)),
    Synchronizer: lambda sync, _: sync.next_expiry_us(),
    ContactPlan: lambda plan, now_us: [plan.current_or_next(*c[:2], now_us) for c in plan.contacts[:2]],
}


def read_everything(machine: object, now_us: int) -> list[Any]:
    """What every property and question answers at `now_us`."""
    answers: list[Any] = []
    for part in _parts(machine):
        for kind in type(part).__mro__:
            answers += [getattr(part, name) for name, member in vars(kind).items() if isinstance(member, property)]
        question = QUESTIONS.get(type(part))
        if question is not None:
            answers.append(question(part, now_us))
    return answers


def _parts(machine: object) -> Iterator[Any]:
    """The objects of pipeline classes that a machine holds, itself first."""
    seen: set[int] = set()
    waiting: deque[Any] = deque([machine])
    while waiting:
        part = waiting.popleft()
        if isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list | deque):
            waiting.extend(part)
        elif isinstance(part, tuple) or id(part) in seen:
            continue  # a value, or known
        elif any(kind.__module__.startswith("twin.pipeline.") for kind in type(part).__mro__):
            seen.add(id(part))
            yield part
            slots = (slot for kind in type(part).__mro__ for slot in getattr(kind, "__slots__", ()))
            names = [*getattr(part, "__dict__", ()), *slots]
            waiting.extend(getattr(part, name) for name in names if name != "__dict__")
