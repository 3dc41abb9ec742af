"""A directed radio link over scheduled contacts: serialisation, then one-way light time; propagation never occupies
the link.

The physical contacts may differ from the plan that machines hold. A transmitter may be shared (one antenna of the
habitat, several edge nodes): transmissions then queue in order of request. What leaves into an outage, or arrives at
one, is lost with its cause, as is an LTP block that no later contact completes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twin.faults.link import LinkFaults, Outages, RealRates
from twin.hosts.models.hops import HopAccount
from twin.hosts.models.ltp_blocks import LtpBlocks, whole_us
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import BundleArrived, LinkChanged, Machine, Transmit, TransmitFailed, Transmitted, made
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.trace import Injected, Radiated


class Transmitter:
    """One antenna's power amplifier: busy until `free_us`; `stowed` while the antenna cannot be used at all."""

    __slots__ = ("free_us", "stowed")

    def __init__(self) -> None:
        self.free_us = 0
        self.stowed = False


class LinkSettings(NamedTuple):
    """What a link suffers: random faults, outages in the time of its transmitting and of its receiving end, the way on
    the ground, where its rate is not the planned one, whether what it radiates goes to the trace (`Radiated`), and what
    its LTP blocks lose (None: nothing).
    """

    faults: LinkFaults = LinkFaults()
    leaving: Outages = Outages()
    arriving: Outages = Outages()
    ground_latency_us: int = 0
    rates: RealRates = RealRates()
    overheard: bool = False
    blocks: LtpBlocks | None = None


class SpaceLink:
    """Carrier of `Transmit` for one directed pair.

    Args:
        transmitter: at the source; receiver: the destination's antenna, whose stowing loses arrivals.

    Attributes:
        also: another node that hears what the destination hears.
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
        self._env = host.env
        self._machines = host.dispatcher.machines
        self._call_at = host.call_at
        self._contacts = contacts
        self._faults, self._leaving, self._arriving, self._ground_us = settings[:4]
        self._rates, self._overheard, self._blocks = settings[4:]
        self.transmitter = transmitter
        self.receiver = receiver
        self.hop = HopAccount(host, source, destination)
        self.also: str | None = None
        self.watchers: list[Callable[[bytes], None]] = []
        self._end_us = 0
        self._cuts: dict[int, str] = {}
        self._contact = Contact(source, destination, 0, 0, 1, ((0, 0),))

    def transmit(self, node: str, effect: Transmit) -> None:
        """Radiate one bundle, or say why not."""
        transmitter = self.transmitter
        number, neighbour, data = effect
        size = len(data)
        now_us = self._env._now
        begin_us = max(now_us, transmitter.free_us)
        contact = self._contact
        if not contact.start_us <= begin_us < contact.end_us:
            found = self._contacts.current_or_next(self.hop.source, neighbour, begin_us)
            if found is None or found.start_us > begin_us:
                self._fail(node, effect, "no contact")
                return
            contact = self._contact = found
        airtime_us = contact.airtime_us(size)
        if self._rates.all:
            airtime_us = self._rates.airtime_us(airtime_us, begin_us)
        end_us = begin_us + airtime_us
        if transmitter.stowed or end_us > contact.end_us:
            self._fail(node, effect, "antenna stowed" if transmitter.stowed else "contact over")
            return
        transmitter.free_us = end_us
        self._end_us = end_us
        self._call_at(end_us, self._answer, node, self._machines[node], made(Transmitted, (number, neighbour)))
        owlt_us = contact.owlt_us(end_us)
        arrival_us = end_us + owlt_us
        lost = self._leaving.cause(begin_us, end_us) if self._leaving.all else None
        if self._blocks is not None:
            rounds = self._blocks.further_rounds(size)
            found_us = whole_us(self._contacts, self.hop.source, self.hop.destination, end_us, owlt_us, rounds)
            if found_us is None:
                lost = lost or "ltp_unfinished"
            else:
                arrival_us = found_us
        arrival_us += self._ground_us
        if self._overheard:
            self._host.trace.emit(now_us, node, Radiated(self.hop.link, data))
        event = made(BundleArrived, (self.hop.source, data))
        for delay_us, cause, change in self._faults.fates(now_us):
            copy = event if change is None else event._replace(data=change.of(data))
            self._call_at(arrival_us + delay_us, self._arrive, self.hop.sent(size), copy, cause or lost, end_us)
        for watch in self.watchers:
            watch(data)

    def inject(self, kind: str, data: bytes, leaf: bytes = b"") -> None:
        """Put in what nobody sends now, near the receiver: forged, or an earlier copy; `leaf` of the frame in it."""
        host = self._host
        number = self.hop.sent(len(data))
        host.trace.emit(host.now_us, self.hop.destination, Injected(kind, self.hop.link, leaf))
        event = BundleArrived(self.hop.source, data)
        host.call_in(self._ground_us, self._arrive, number, event, None, host.now_us)

    def _fail(self, node: str, effect: Transmit, reason: str) -> None:
        event = TransmitFailed(effect.id, effect.neighbour, reason)
        self._host.call_in(0, self._answer, node, self._machines[node], event)

    def _answer(self, node: str, machine: Machine, event: Transmitted | TransmitFailed) -> None:
        if self._machines.get(node) is machine:  # not a later life of the node
            self._host.deliver(node, event)

    def _arrive(self, number: int, event: BundleArrived, cause: str | None, sent_us: int) -> None:
        if self._cuts and sent_us in self._cuts:
            cause = cause or self._cuts[sent_us]
        if cause is None and self._arriving.all:
            now_us = self._env._now
            cause = self._arriving.cause(now_us, now_us)
        if cause is None and self.receiver.stowed:
            cause = "antenna_stowed"
        if cause is not None:
            self.hop.lost(number, cause)
        else:
            self.hop.arrived(number, event)
            if self.also is not None:
                self._host.deliver(self.also, event)

    def cut(self, cause: str) -> None:
        """The sender went down or stowed: what it was radiating is incomplete and will not be read."""
        if self._env._now < self._end_us:
            self._cuts[self._end_us] = cause


class HabitatAntenna:
    """The habitat's antenna to Earth, shared by its edge nodes, which are told when it is stowed and when it is
    back.
    """

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
