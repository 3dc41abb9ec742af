"""The habitat's annunciator: what the crew hears and sees, and the button that someone presses.

Home and standby edge announce the same alerts; the crew is told of each state of an alert once, and of none once it is
cleared. Somebody of the crew acknowledges an alert some time after it began to sound. The panel keeps what was
acknowledged: an edge that was down meanwhile, or that finds the alert later than its peer, hears the button too.
"""

from __future__ import annotations

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import Annunciate, CrewAcknowledged
from twin.pipeline.wire.identity import AlertKey
from twin.trace import AlarmSounded

ACTIVE = "active"
CLEARED = "cleared"


class Annunciator:
    """Carrier of `Annunciate`.

    Args:
        edges: who hears the button.
        response_us: from the first sound to the button; None: nobody ever presses it.
    """

    def __init__(self, host: SimulatedHost, edges: tuple[str, ...], response_us: int | None) -> None:
        self._host = host
        self._edges = edges
        self._response_us = response_us
        self._said: dict[AlertKey, set[str]] = {}
        self._pressed: set[AlertKey] = set()

    def tell(self, edge: str, effect: Annunciate) -> None:
        """Sound, unless the crew knows; an edge that announces what was acknowledged while it was down is told so."""
        alert = effect.alert
        if effect.state == ACTIVE and alert in self._pressed:
            self._host.call_in(0, self._host.deliver, edge, CrewAcknowledged(alert))
        said = self._said.setdefault(alert, set())
        if effect.state in said or CLEARED in said:
            return
        said.add(effect.state)
        self._host.trace.emit(self._host.now_us, "crew", AlarmSounded(alert, effect.priority, effect.state))
        if effect.state == ACTIVE and self._response_us is not None:
            self._host.call_in(self._response_us, self._press, alert)

    def _press(self, alert: AlertKey) -> None:
        self._pressed.add(alert)
        for edge in self._edges:
            self._host.deliver(edge, CrewAcknowledged(alert))
