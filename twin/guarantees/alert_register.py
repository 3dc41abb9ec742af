"""Every alert of the mission, once for all checkers: what was said of it on Mars, and whether it stands on Earth.

It grows with the alert table that it mirrors, by a number and two facts per alert: a replay may bring any of them back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from twin.guarantees.alert_names import Alert, number_of
from twin.pipeline.facts import AlarmRaised
from twin.trace import AlertStored, Trace


class Registered(NamedTuple):
    """Row and priority as the first edge raised the alert (None: no edge has), and whether it stands in the table."""

    said: tuple[int, int] | None
    stored: bool


UNKNOWN: Final = Registered(None, False)


class AlertRegister:
    """Tells what was known before the fact that a checker looks at."""

    def __init__(self) -> None:
        self._alerts: dict[int, Registered] = {}

    def watch_last(self, trace: Trace) -> None:
        """Subscribe; must be called after every checker's `watch`."""
        trace.subscribe(AlarmRaised, self._raised)
        trace.subscribe(AlertStored, self._stored)

    def of(self, alert: Alert) -> Registered:
        """What is known of an alert."""
        return self._alerts.get(number_of(alert), UNKNOWN)

    def _raised(self, _at_us: int, _node: str, fact: AlarmRaised) -> None:
        number = number_of(fact.alert)
        known = self._alerts.get(number, UNKNOWN)
        if known.said is None:
            self._alerts[number] = known._replace(said=(fact.row, fact.priority))

    def _stored(self, _at_us: int, _node: str, fact: AlertStored) -> None:
        number = number_of(fact.alert)
        self._alerts[number] = self._alerts.get(number, UNKNOWN)._replace(stored=True)
