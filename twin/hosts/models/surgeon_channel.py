"""The flight surgeon's channel on Earth: a chat service that can be down or busy, and a person who answers.

A message is taken once per request, so one that is sent twice is read twice; repeats are counted. The surgeon
acknowledges an alert once, some time after the first message; the channel brings that to every gateway, again and
again, until this gateway has noted it (`SurgeonHeard`): that another one has does not count, for it may have been
superseded. One that never answers, because it was, is given up when another has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import AlertNotTold, AlertTold, SurgeonAcknowledged, SurgeonHeard, TellSurgeon
from twin.pipeline.wire.identity import AlertKey
from twin.trace import AcknowledgementNoted, SurgeonTold

CHANNEL = "surgeon"
AGAIN_US = 30_000_000  # assumed: a chat service repeats what was not taken every half minute
TRIES_MAX = 2_880  # a day of that


class ChannelSettings(NamedTuple):
    """Latency one way and the surgeon's time to answer, in microseconds; None: never."""

    latency_us: int
    response_us: int | None


class SurgeonChannel:
    """Carrier of `TellSurgeon` and `SurgeonHeard`.

    Args:
        gateways: names of the nodes that an acknowledgement is brought to.
    """

    def __init__(self, host: SimulatedHost, settings: ChannelSettings, gateways: Sequence[str]) -> None:
        self._host = host
        self._settings = settings
        self._gateways = tuple(gateways)
        self._down_until_us = 0
        self._busy_until_us = 0
        self._retry_after_us = 0
        self.times: dict[AlertKey, int] = {}
        self._heard: dict[AlertKey, set[str]] = {}

    @property
    def repeats(self) -> int:
        """Messages beyond the first of each alert."""
        return sum(self.times.values()) - len(self.times)

    # ------------------------------------------------------------ faults

    def go_down(self, until_us: int) -> None:
        """Take no message until this instant, and name no time."""
        self._down_until_us = max(self._down_until_us, until_us)

    def be_busy(self, until_us: int, retry_after_us: int) -> None:
        """Refuse messages until this instant, asking each time for `retry_after_us` of patience (HTTP 429)."""
        self._busy_until_us = max(self._busy_until_us, until_us)
        self._retry_after_us = retry_after_us

    # ------------------------------------------------------------ carriers

    def tell(self, node: str, effect: TellSurgeon) -> None:
        """Bring a message to the channel, and the channel's answer back."""
        self._host.call_in(self._settings.latency_us, self._arrived, node, effect, self._host.incarnation(node))

    def heard(self, node: str, effect: SurgeonHeard) -> None:
        """A gateway has noted the acknowledgement."""
        self._host.call_in(self._settings.latency_us, self._settled, node, effect.alert)

    def _arrived(self, node: str, effect: TellSurgeon, incarnation: int) -> None:
        now_us = self._host.now_us
        answer: AlertTold | AlertNotTold
        if now_us < self._down_until_us:
            answer = AlertNotTold(effect.id, 0)
        elif now_us < self._busy_until_us:
            answer = AlertNotTold(effect.id, self._retry_after_us)
        else:
            times = self.times[effect.alert] = self.times.get(effect.alert, 0) + 1
            self._host.trace.emit(now_us, CHANNEL, SurgeonTold(effect.alert, times))
            if times == 1 and self._settings.response_us is not None:
                self._host.call_in(self._settings.response_us, self._bring, effect.alert, 1)
            answer = AlertTold(effect.id)
        self._host.call_in(self._settings.latency_us, self._say, node, incarnation, answer)

    def _say(self, node: str, incarnation: int, answer: AlertTold | AlertNotTold) -> None:
        if incarnation == self._host.incarnation(node):
            self._host.deliver(node, answer)

    # ------------------------------------------------------------ the surgeon

    def _bring(self, alert: AlertKey, tries: int) -> None:
        heard = self._heard.setdefault(alert, set())
        left = [gateway for gateway in self._gateways if gateway not in heard]
        if not left or (heard and tries > TRIES_MAX):
            return
        if self._host.now_us >= self._down_until_us:
            for gateway in left:
                self._host.call_in(self._settings.latency_us, self._host.deliver, gateway, SurgeonAcknowledged(alert))
        self._host.call_in(AGAIN_US, self._bring, alert, tries + 1)

    def _settled(self, node: str, alert: AlertKey) -> None:
        heard = self._heard.setdefault(alert, set())
        if not heard:
            self._host.trace.emit(self._host.now_us, CHANNEL, AcknowledgementNoted(alert))
        heard.add(node)
