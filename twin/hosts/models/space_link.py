"""A directed radio link over scheduled contacts: serialisation, then one-way light time; propagation never occupies the link.

The physical contacts may differ from the plan that machines hold. A transmitter may be shared (one antenna of the habitat, several edge
nodes): transmissions then queue in order of request. What leaves into an outage, or arrives at one, is lost with its cause.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.faults.link import LinkFaults, Outages
from twin.hosts.models.hops import HopAccount
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import BundleArrived, LinkChanged, Transmit, TransmitFailed, Transmitted
from twin.pipeline.transport.contact_plan import ContactPlan


class Transmitter:
    """One antenna's power amplifier: busy until `free_us`; `stowed` while the antenna cannot be used at all."""

    __slots__ = ("free_us", "stowed")

    def __init__(self) -> None:
        self.free_us = 0
        self.stowed = False


class LinkSettings(NamedTuple):
    """What a link suffers: random faults, outages in the time of its transmitting and of its receiving end, and the way on the ground."""

    faults: LinkFaults = LinkFaults()
    leaving: Outages = Outages()
    arriving: Outages = Outages()
    ground_latency_us: int = 0


class _Passage:
    """One transmission under way; `cut` when its sender went down before the last bit."""

    __slots__ = ("cut", "end_us")

    def __init__(self, end_us: int) -> None:
        self.end_us = end_us
        self.cut: str | None = None


class SpaceLink:
    """Carrier of `Transmit` for one directed pair.

    Args:
        transmitter: at the source; receiver: the destination's antenna, whose stowing loses arrivals.
    """

    def __init__(
        self,
        host: SimulatedHost,
        source: str,
        destination: str,
        contacts: ContactPlan,
        settings: LinkSettings,
        transmitter: Transmitter,
        receiver: Transmitter,
    ) -> None:
        self._host = host
        self._contacts = contacts
        self._settings = settings
        self.transmitter = transmitter
        self.receiver = receiver
        self.hop = HopAccount(host, source, destination)
        self._passage = _Passage(0)

    def transmit(self, node: str, effect: Transmit) -> None:
        """Radiate one bundle, or say why not."""
        host = self._host
        now_us = host.env._now
        size = len(effect.data)
        begin_us = max(now_us, self.transmitter.free_us)
        contact = self._contacts.current_or_next(node, effect.neighbour, begin_us)
        if self.transmitter.stowed or contact is None or contact.start_us > begin_us:
            self._fail(node, effect, "antenna stowed" if self.transmitter.stowed else "no contact")
            return
        end_us = begin_us + contact.airtime_us(size)
        if end_us > contact.end_us:
            self._fail(node, effect, "contact over")
            return
        self.transmitter.free_us = end_us
        passage = self._passage = _Passage(end_us)
        host.call_at(end_us, self._ended, node, effect.id, effect.neighbour, host.incarnation(node))
        arrival_us = end_us + contact.owlt_us(end_us) + self._settings.ground_latency_us
        outage = self._settings.leaving.cause(begin_us, end_us)
        for fate in self._settings.faults.fates(now_us):
            number = self.hop.sent(size)
            host.call_at(
                arrival_us + fate.delay_us, self._arrive, number, effect.data, fate.cause or outage, passage, node
            )

    def _fail(self, node: str, effect: Transmit, reason: str) -> None:
        incarnation = self._host.incarnation(node)
        self._host.call_in(0, self._answer, node, incarnation, TransmitFailed(effect.id, effect.neighbour, reason))

    def _ended(self, node: str, transmission: int, neighbour: str, incarnation: int) -> None:
        self._answer(node, incarnation, Transmitted(transmission, neighbour))

    def _answer(self, node: str, incarnation: int, event: Transmitted | TransmitFailed) -> None:
        if incarnation == self._host.incarnation(node):
            self._host.deliver(node, event)

    def _arrive(self, number: int, data: bytes, cause: str | None, passage: _Passage, source: str) -> None:
        now_us = self._host.env._now
        cause = cause or passage.cut or self._settings.arriving.cause(now_us, now_us)
        if cause is None and self.receiver.stowed:
            cause = "antenna_stowed"
        if cause is not None:
            self.hop.lost(number, cause)
        else:
            self.hop.arrived(number, BundleArrived(source, data))

    def cut(self, cause: str) -> None:
        """The sender went down: what it was radiating is incomplete."""
        if self._host.env._now < self._passage.end_us:
            self._passage.cut = cause


class HabitatAntenna:
    """The habitat's antenna to Earth, shared by its edge nodes, which are told when it is stowed and when it is back."""

    def __init__(self, host: SimulatedHost, edges: tuple[str, ...], earth: str) -> None:
        self.transmitter = Transmitter()
        self.links: list[SpaceLink] = []
        self._host = host
        self._edges = edges
        self._earth = earth

    def stow(self, stowed: bool) -> None:
        """Stow or unstow; what was being radiated is cut."""
        self.transmitter.stowed = stowed
        if stowed:
            for link in self.links:
                link.cut("antenna_stowed")
        for edge in self._edges:
            self._host.deliver(edge, LinkChanged(self._earth, not stowed))
