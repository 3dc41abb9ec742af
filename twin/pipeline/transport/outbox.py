"""Bundles that wait for a neighbour, by priority, and what becomes of them when a contact does not keep its promise.

A bundle waits with the neighbour of its best route (late binding: nothing but the neighbour is fixed) and goes as soon
as that antenna has room, expedited ones first. It is routed anew when its contact can no longer take it, its
neighbour's antenna fails, the plan changes, or a higher priority needs the room. One that no route takes stays until
something is given back, the plan changes, or its lifetime is over. A relay that is full drops the newest bundle of the
lowest priority: who has custody of it sends it again.
"""

from __future__ import annotations

from collections.abc import Callable

from twin.pipeline.facts import BundleDropped, Rejected
from twin.pipeline.machine import Effect, PlanChanged, Report, SetTimer, TransmitFailed, Transmitted
from twin.pipeline.transport.antenna import RETRY_US, Antenna
from twin.pipeline.transport.contact_plan import NEVER_US, ContactPlan
from twin.pipeline.transport.lane import Lane, Parcel
from twin.pipeline.transport.passing_on import as_it_leaves
from twin.pipeline.transport.route import NOBODY
from twin.pipeline.transport.routing import Router
from twin.pipeline.transport.storage import Storage

DOUBLINGS_MAX = 6  # of the pause that a neighbour that fails is planned around: 10 s to about 11 min (assumed)
STRANDED = "stranded"


class Outbox:
    """Everything that a node has to send.

    Args:
        has_left, given_up: called with (parcel, now_us, out) when a parcel that has an owner has left, or was dropped.
        storage_bytes_max: what may be held of bundles from elsewhere, None for any amount.
        return_to_sender: whether a bundle may go back to the neighbour that brought it.
    """

    def __init__(
        self,
        here: str,
        plan: ContactPlan,
        has_left: Callable[[Parcel, int, list[Effect]], None],
        given_up: Callable[[Parcel, int, list[Effect]], None],
        storage_bytes_max: int | None = None,
        return_to_sender: bool = False,
    ) -> None:
        self.here = here
        self.router = Router(plan, here)
        self._storage = Storage(storage_bytes_max)
        self._has_left = has_left
        self._given_up = given_up
        self._return_to_sender = return_to_sender
        self._senders: dict[str | None, frozenset[str]] = {None: NOBODY}
        self._lanes: dict[str, Lane] = {}
        self._unusable: frozenset[str] = NOBODY
        self._stranded: list[Parcel] = []
        self._stranded_expiry_us = NEVER_US
        self._stranded_at = 0  # what the router had given back when they were last looked at
        self._open_lanes(plan)

    def _open_lanes(self, plan: ContactPlan) -> None:
        for neighbour in plan.neighbours(self.here):
            if neighbour not in self._lanes:
                self._lanes[neighbour] = Lane(Antenna(plan, self.here, neighbour))
                self._senders[neighbour] = NOBODY if self._return_to_sender else frozenset((neighbour,))

    # ------------------------------------------------------------ in

    def put(self, parcel: Parcel, now_us: int, out: list[Effect]) -> None:
        """Take a parcel, and send what can be sent."""
        if parcel.came_from is not None:
            self._storage.take_in(parcel)
        lane = self._place(parcel, now_us, out)
        if self._storage.bytes_max is not None:
            self._make_room(now_us, out)
        if lane is not None and lane.antenna.under_way is None:
            queue = lane.queues[parcel.priority]
            # with its timer set, a lane waits for the contact of its heads: others change nothing
            if lane.wake_us == NEVER_US or lane.expiry_us < lane.wake_us or (queue and queue[0] is parcel):
                self._pump(lane, now_us, out)
        if self._stranded:
            self._look_again(now_us, out)

    def _place(self, parcel: Parcel, now_us: int, out: list[Effect]) -> Lane | None:
        """Queue with the neighbour of the best route; its lane, None if there is no route."""
        best = self.router.best
        to, size, priority, expiry_us = parcel.destination, parcel.size, parcel.priority, parcel.expiry_us
        sender = self._senders.get(parcel.came_from, NOBODY)
        route = None
        if self._unusable or parcel.shunned:
            route = best(to, size, now_us, priority, expiry_us, sender | self._unusable | parcel.shunned, True)
        if route is None:
            route = best(to, size, now_us, priority, expiry_us, sender, True)
        if route is None:
            self._strand(parcel, now_us, out)
            return None
        parcel.route = route
        volume = route[0][0]
        lane = self._lanes[volume.contact[1]]
        lane.add(parcel)
        if volume.lowest < priority:
            self._place_all(lane.take_overbooked(volume, priority, self.router.release), now_us, out)
        return lane

    def _place_all(self, parcels: list[Parcel], now_us: int, out: list[Effect]) -> None:
        """Queue each anew, and send what can be sent."""
        lanes = [self._place(parcel, now_us, out) for parcel in parcels]
        for neighbour in sorted({lane.antenna.neighbour for lane in lanes if lane is not None}):
            self._pump(self._lanes[neighbour], now_us, out)

    # ------------------------------------------------------------ no route

    def _strand(self, parcel: Parcel, now_us: int, out: list[Effect]) -> None:
        """No route has room in time: wait, unless it cannot come in time at all and is no concern of this node."""
        best_us = self.router.best_case_us(parcel.destination, parcel.size, now_us)
        if best_us is None:
            out.append(Report(Rejected("bundle", f"no contact leads to {parcel.destination}")))
        elif parcel.owner is None and best_us > parcel.expiry_us:
            self._drop(parcel, "lifetime: no contacts are quick enough", now_us, out)
            return
        if parcel.expiry_us < self._stranded_expiry_us:
            self._stranded_expiry_us = parcel.expiry_us
            out.append(SetTimer(STRANDED, parcel.expiry_us + 1))
        if not self._stranded:
            self._stranded_at = self.router.given_back
        self._stranded.append(parcel)

    def _look_again(self, now_us: int, out: list[Effect], expired: bool = False) -> None:
        """Try what is stranded once more, if anything was given back since."""
        if not expired and self._stranded_at == self.router.given_back:
            return
        stranded, self._stranded = self._stranded, []
        self._stranded_expiry_us = NEVER_US
        waiting = []
        for parcel in stranded:
            if now_us > parcel.expiry_us:
                self._drop(parcel, "lifetime", now_us, out)
            else:
                waiting.append(parcel)
        self._place_all(waiting, now_us, out)
        self._stranded_at = self.router.given_back

    # ------------------------------------------------------------ what is dropped

    def _make_room(self, now_us: int, out: list[Effect]) -> None:
        """Drop the newest of the lowest priority, as long as there is too much of it and not all is being radiated."""
        while self._storage.is_over and (parcel := self._storage.newest_of_lowest()) is not None:
            if parcel in self._stranded:
                self._stranded.remove(parcel)
            else:
                self._lanes[parcel.route.next_hop].queues[parcel.priority].remove(parcel)
                self.router.release(parcel.route)
            self._drop(parcel, "storage", now_us, out)

    def _drop(self, parcel: Parcel, reason: str, now_us: int, out: list[Effect]) -> None:
        if parcel.came_from is not None:
            self._storage.drop(parcel)
        out.append(Report(BundleDropped(parcel.bundle, parcel.destination, parcel.size, reason)))
        if parcel.owner is not None:
            self._given_up(parcel, now_us, out)

    def _expire(self, lane: Lane, now_us: int, out: list[Effect]) -> None:
        over = lane.take_expired(now_us)
        for parcel in over:
            self.router.release(parcel.route)
        for parcel in over:
            self._drop(parcel, "lifetime", now_us, out)

    # ------------------------------------------------------------ out

    def _pump(self, lane: Lane, now_us: int, out: list[Effect]) -> None:
        """Radiate the first that fits; route anew what has missed its contact; else set the timer for the next."""
        antenna = lane.antenna
        if antenna.under_way is not None or not antenna.usable:
            return
        if now_us > lane.expiry_us:
            self._expire(lane, now_us, out)
        missed: list[Parcel] = []
        room_bytes = -1
        for queue in lane.falling:
            if not queue:
                continue
            if room_bytes < 0:
                room_bytes = antenna.room_bytes(now_us)
            while queue and queue[0].size > room_bytes and _misses(queue[0], now_us):
                missed.append(queue.popleft())
            if queue and queue[0].size <= room_bytes:
                parcel = lane.under_way = queue.popleft()
                if parcel.came_from is not None:
                    self._storage.radiates(parcel)
                out.append(antenna.radiate(parcel.data if parcel.left_us is None else as_it_leaves(parcel, now_us)))
                begin_us, end_us = parcel.route[1][0]
                self.router.busy(antenna.neighbour, now_us + end_us - begin_us)
                if begin_us > now_us:
                    parcel.route = self.router.leaves_early(parcel.route, now_us)
                break
        if missed:
            self._reroute(missed, now_us, out)
        if room_bytes >= 0 and lane.under_way is None:
            self._set_wake(lane, now_us, out)

    def _set_wake(self, lane: Lane, now_us: int, out: list[Effect]) -> None:
        wake_us = lane.expiry_us + 1
        for queue in lane.queues:
            if queue:
                start_us = lane.antenna.next_start_us(now_us, queue[0].size)
                if start_us is not None and start_us < wake_us:
                    wake_us = start_us
        if wake_us < lane.wake_us:
            lane.wake_us = wake_us
            out.append(SetTimer(f"contact:{lane.antenna.neighbour}", wake_us))

    # ------------------------------------------------------------ what happens

    def wake(self, what: str, now_us: int, out: list[Effect]) -> None:
        """The timer of a neighbour, or of what is stranded, is due."""
        lane = self._lanes[what]
        lane.wake_us = NEVER_US
        self._pump(lane, now_us, out)
        if self._stranded:
            self._look_again(now_us, out)

    def look_at_stranded(self, now_us: int, out: list[Effect]) -> None:
        """The lifetime of something stranded is over."""
        self._look_again(now_us, out, expired=True)

    def transmitted(self, event: Transmitted, now_us: int, out: list[Effect]) -> None:
        """The last bit of a parcel has left, unless it is not the one under way: send the next."""
        number, neighbour = event
        lane = self._lanes[neighbour]
        parcel = lane.under_way
        if not lane.antenna.ended(number) or parcel is None:
            return
        lane.under_way = None
        if parcel.came_from is not None:
            self._storage.used_bytes -= parcel.size
        if parcel.route[1][0][1] > now_us:
            self.router.release_first(parcel.route)
        if lane.failures:
            lane.failures = lane.held_us = 0
            self.router.hold(neighbour, now_us)
        if parcel.owner is not None:
            self._has_left(parcel, now_us, out)
        if any(lane.queues):
            self._pump(lane, now_us, out)
        if self._stranded:
            self._look_again(now_us, out)

    def failed(self, event: TransmitFailed, now_us: int, out: list[Effect]) -> None:
        """Nothing has left. What waits for this neighbour is routed anew, and it is planned around for a while: twice
        as long each time that it fails again after that.
        """
        lane = self._lanes[event.neighbour]
        if lane.antenna.failed(event.id, now_us) and lane.under_way is not None:
            parcel, lane.under_way = lane.under_way, None
            lane.queues[parcel.priority].appendleft(parcel)
            if parcel.came_from is not None:
                self._storage.waits(parcel)
            if now_us >= lane.held_us:
                lane.held_us = now_us + (RETRY_US << min(lane.failures, DOUBLINGS_MAX))
                lane.failures += 1
                self.router.hold(event.neighbour, lane.held_us)
                self._reroute(lane.take_all(), now_us, out)
        self._pump(lane, now_us, out)

    def link_changed(self, neighbour: str, usable: bool, now_us: int, out: list[Effect]) -> bool:
        """An antenna became usable or unusable; False if there is no such neighbour."""
        lane = self._lanes.get(neighbour)
        if lane is None:
            return False
        lane.antenna.usable = usable
        self._unusable = self._unusable - {neighbour} if usable else self._unusable | {neighbour}
        if usable:
            self._pump(lane, now_us, out)
        else:
            self._reroute(lane.take_all(), now_us, out)
        return True

    def _reroute(self, parcels: list[Parcel], now_us: int, out: list[Effect]) -> None:
        for parcel in parcels:
            self.router.release(parcel.route)
        self._place_all(parcels, now_us, out)

    def plan_changed(self, event: PlanChanged, now_us: int, out: list[Effect]) -> None:
        """Route everything anew."""
        self.router = Router(event.plan, self.here)
        self._open_lanes(event.plan)
        parcels = [parcel for _, lane in sorted(self._lanes.items()) for parcel in lane.take_all()] + self._stranded
        self._stranded = []
        self._stranded_expiry_us = NEVER_US
        for lane in self._lanes.values():
            lane.antenna.replan(event.plan)
            lane.wake_us = NEVER_US
            lane.failures = lane.held_us = 0
        self._place_all(parcels, now_us, out)


def _misses(parcel: Parcel, now_us: int) -> bool:
    """Whether its contact has no room for it any more."""
    return parcel.route.volumes[0].contact.room_bytes(now_us) < parcel.size
