"""The alarms that true samples call for: those of limits (`limit_rules`) and of NEWS2 (`score_rules`).

Of both it is known what an alarm is justified by and what demands one; whatever a rule does with artefacts lies
between the two. What is kept follows the samples that no frame holds yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from twin.guarantees.held import Held
from twin.guarantees.limit_rules import LimitRule, Limits
from twin.guarantees.score_rules import SCORE_RULES, Score, ScoredPerson
from twin.trace import Crashed, Generated, Restarted, Trace


class DeviceRules(NamedTuple):
    """The rules of one device, by its id; `motion_column` (None: no accelerometer) shows motion from `motion_at` on."""

    device: int
    limits: tuple[LimitRule, ...]
    motion_column: int | None
    motion_at: int
    score: Score | None = None

    @property
    def names(self) -> frozenset[str]:
        """Names of all its rules."""
        return frozenset(rule.name for rule in self.limits) | (SCORE_RULES if self.score else frozenset())


Listener = Callable[[int, str, list[Held]], None]


class AlarmTruth:
    """Reads `Generated`; tells listeners of every block with reason to alarm, and keeps for each block what was held
    until a frame takes it.

    Args:
        rules: device node name -> its rules.
    """

    def __init__(self, rules: Mapping[str, DeviceRules]) -> None:
        self.rules = rules
        self.blocks: dict[str, deque[tuple[int, list[Held]]]] = {name: deque() for name in rules}
        self._limits = {name: Limits(of.limits) for name, of in rules.items()}
        self._scores = {name: ScoredPerson(of.score) for name, of in rules.items() if of.score}
        self._up: set[str] = set()
        self._listeners: list[Listener] = []

    def watch(self, trace: Trace) -> None:
        """Subscribe; must be called before the checkers that build on this."""
        if self.rules:
            trace.subscribe(Generated, self._generated)
            trace.subscribe(Restarted, self._restarted)
            trace.subscribe(Crashed, self._crashed)

    def listen(self, listener: Listener) -> None:
        """Call `listener(at_us, node, held)` for every block in which a rule has reason to alarm."""
        self._listeners.append(listener)

    def kept_since_us(self, node: str, rule: str) -> int | None:
        """Since when an alert of `rule` could not have ended, whatever went missing; None: it could, or is no score."""
        person = self._scores.get(node)
        return None if person is None else person.kept_since_us.get(rule)

    def _restarted(self, _at_us: int, node: str, _fact: Restarted) -> None:
        self._up.add(node)

    def _crashed(self, _at_us: int, node: str, _fact: Crashed) -> None:
        self._up.discard(node)
        if node in self.rules:
            self.blocks[node].clear()
            self._limits[node].crashed()
        if node in self._scores:
            self._scores[node].crashed()

    def _generated(self, at_us: int, node: str, fact: Generated) -> None:
        if node not in self._up or node not in self.rules or not fact.rows:
            return
        held = self._held_in(node, fact)
        self.blocks[node].append((len(fact.rows), held))
        if held:
            for listener in self._listeners:
                listener(at_us, node, held)

    def _held_in(self, node: str, fact: Generated) -> list[Held]:
        columns = tuple(zip(*fact.rows, strict=True))
        of = self.rules[node]
        moving = None
        if of.motion_column is not None and max(columns[of.motion_column]) >= of.motion_at:
            moving = [value >= of.motion_at for value in columns[of.motion_column]]
        held = self._limits[node].take(columns, moving, fact)
        if node in self._scores:
            held += self._scores[node].take(columns, moving, fact)
        return held
