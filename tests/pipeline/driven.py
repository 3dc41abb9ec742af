"""A world that is driven by hand: machines by name, and what is under way between them and what carries out their
effects.

Whoever drives the world takes out what comes next. A node may crash between any two effects; a request that it made
then is carried out or not, and an outcome never reaches a later life. What machines state, and what was seen to
happen, is told to the checkers (`oracles`), which must hold at every step.

Some of the machines may be stand-ins: they have `handle` too, and are as sound as they are simple.
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

from oracles import Oracles
from pipeline_parts import T0, S

from twin.pipeline.machine import CancelTimer, Received, Report, Send, SetTimer, Started, TimerFired
from twin.trace import Crashed, Restarted

HEARD_KEPT = 40
CHORES_US = 1_200 * S


class Driven:
    """Drives machines; `messages` and `requests` are what is under way.

    Attributes:
        nodes: the machines that are tried; all others are stand-ins, to whom nothing happens. They may crash, unless
            `may_crash` says that what they hold in memory is what they promise.
        crash_after: after so many effects of the next event its node crashes; None: it does not.
        heard: what was delivered last, for whoever says it again.
    """

    nodes: tuple[str, ...] = ()
    may_crash = True

    def __init__(self, oracles: Oracles) -> None:
        self.oracles = oracles
        self.now_us = T0
        self.machines: dict[str, Any] = {}
        self.lives: dict[str, int] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.messages: list[tuple[str, Any]] = []
        self.requests: list[tuple[str, int, Any]] = []
        self.heard: list[tuple[str, Any]] = []
        self.crash_after: int | None = None
        self.events = 0

    def saw(self, node: str, fact: tuple[Any, ...]) -> None:
        """Tell the checkers."""
        self.oracles.saw(self.now_us, node, fact)

    def close(self) -> None:
        """Give back what the world has opened."""

    # ------------------------------------------------------------ nodes

    def start(self, node: str, machine: Any) -> None:
        self.lives[node] = self.lives.get(node, 0) + 1
        self.machines[node] = machine
        self.saw(node, Restarted(0))
        self.deliver(node, Started(hashlib.sha256(f"{node} {self.lives[node]}".encode()).digest()))

    def restart(self, node: str) -> None:
        """Start a node from what it has durably."""
        raise NotImplementedError

    def crash(self, node: str, random: Random) -> None:
        """A node stops; each request that it has made is carried out or not."""
        self.crash_after = None
        if not self.may_crash or self.machines.pop(node, None) is None:
            return
        self.timers = {key: at_us for key, at_us in self.timers.items() if key[0] != node}
        mine = [request for request in self.requests if request[0] == node]
        self.requests = [request for request in self.requests if request[0] != node]
        for request in mine:
            self.abandon(node, request[2], random)
        self.saw(node, Crashed(0, 0))

    def abandon(self, node: str, effect: Any, random: Random) -> None:
        """What becomes of a request whose node has crashed."""

    # ------------------------------------------------------------ what happens

    def deliver(self, node: str, event: Any) -> None:
        machine = self.machines.get(node)
        if machine is None:
            return
        self.events += 1
        effects = machine.handle(event, self.local_us(node))
        cut = self.crash_after if self.may_crash and node in self.nodes else None
        done = effects if cut is None else effects[:cut]
        for effect in done:
            self.take(node, effect)
        if len(done) < len(effects):
            self.crash(node, Random(len(effects)))

    def take(self, node: str, effect: Any) -> None:
        """Carry out what has no outcome; the rest is under way."""
        match effect:
            case Report(fact):
                self.saw(node, fact)
                self.check(node, fact)
            case SetTimer(name, at_us):
                self.timers[node, name] = at_us
            case CancelTimer(name):
                self.timers.pop((node, name), None)
            case Send(destination, data):
                self.messages.append((destination, Received(node, data)))
            case _:
                self.requests.append((node, self.lives[node], effect))

    def check(self, _node: str, fact: Any) -> None:
        """What must hold besides the guarantees."""

    def finish(self, place: int, random: Random, bad: float) -> None:
        """A request's outcome: carried out and answered, refused, or carried out and not answered."""
        node, life, effect = self.requests.pop(place)
        answer = self.outcome(node, effect, random, bad)
        if answer is not None and life == self.lives[node]:
            self.deliver(node, answer)

    def outcome(self, node: str, effect: Any, random: Random, bad: float) -> Any:
        """Carry out a request, a share `bad` of them wrong, and say what came of it."""
        raise NotImplementedError

    def arrive(self, place: int, random: Random, bad: float) -> None:
        """A message arrives, or is lost, or comes twice, or with a flipped bit."""
        to, event = message = self.messages.pop(place)
        fate = random.random() / bad if bad else 1.0
        if fate < 0.4:
            return
        if fate < 0.7:
            self.messages.append(message)
        elif fate < 1.0:  # stand-ins are not there to be tried
            event = self.corrupted(event, random) if to in self.nodes else None
        if event is not None:
            self.heard = [*self.heard[-HEARD_KEPT:], (to, event)]
            self.deliver(to, event)

    def corrupted(self, event: Any, random: Random) -> Any:
        """The event with a flipped bit; None where its carrier would notice and drop it."""
        if not getattr(event, "data", b""):
            return event
        data = bytearray(event.data)
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        return event._replace(data=bytes(data))

    def say_again(self, random: Random) -> None:
        """Somebody says again what was said before, to whom it was said."""
        if self.heard:
            self.deliver(*random.choice(self.heard))

    # ------------------------------------------------------------ time

    def local_us(self, _node: str) -> int:
        """What the node's clock shows."""
        return self.now_us

    def next_timer(self) -> tuple[int, tuple[str, str]] | None:
        """The instant and the timer that is due first."""
        if not self.timers:
            return None
        off = {node: self.local_us(node) - self.now_us for node, _ in self.timers}
        at_us, key = min((at_us - off[key[0]], key) for key, at_us in self.timers.items())
        return max(at_us, self.now_us), key

    def advance(self, until_us: int) -> None:
        """Let time pass; timers that are due fire in order."""
        while (due := self.next_timer()) is not None and due[0] <= until_us:
            self.now_us = due[0]
            del self.timers[due[1]]
            self.deliver(due[1][0], TimerFired(due[1][1]))
        self.now_us = max(self.now_us, until_us)

    def wake_us(self) -> int:
        """When something is due next."""
        due = self.next_timer()
        return self.now_us + 60 * S if due is None else due[0]

    def work(self, random: Random) -> None:
        """What people, devices and Earth do on an ordinary day, a piece of it."""

    def flicker(self, random: Random) -> None:
        """The power of a node fails, and is back."""
        node = random.choice(self.nodes)
        self.crash(node, random)
        if node not in self.machines:
            self.restart(node)

    def live(self, random: Random, steps: int, bad: float, busy: bool = False) -> None:
        """At most `steps` things happen, a share `bad` of them wrong; on a busy day there is always something to do."""
        for _ in range(steps):
            waiting = len(self.requests) + len(self.messages)
            if not waiting:
                if busy and random.random() < bad / 8:
                    self.flicker(random)
                elif busy and random.random() < 0.5:
                    self.work(random)
                else:
                    self.advance(self.wake_us())
                continue
            place = random.randrange(waiting) if random.random() < bad else 0
            if place < len(self.requests):
                self.finish(place, random, bad)
            else:
                self.arrive(place - len(self.requests), random, bad)
            self.now_us += 1000

    # ------------------------------------------------------------ healing

    def mend(self) -> None:
        """What is down comes up, what is shut opens."""
        self.crash_after = None
        for node in self.nodes:
            if node not in self.machines:
                self.restart(node)

    def chores(self, random: Random) -> None:
        """What the world around the machines does now and then."""

    def home(self) -> bool:
        """Whether everything has come to where it belongs."""
        raise NotImplementedError

    def heal(self, hours: int) -> bool:
        """From now on everything works; True if everything is home within this time."""
        self.mend()
        random = Random(1)
        end_us = self.now_us + hours * 3600 * S
        chores_us = self.now_us
        while self.now_us < end_us:
            while self.messages or self.requests:
                if self.requests:
                    self.finish(0, random, 0.0)
                else:
                    self.arrive(0, random, 0.0)
                self.now_us += 1000
            if self.home():
                return True
            if self.now_us >= chores_us:
                chores_us = self.now_us + CHORES_US
                self.chores(random)
            else:
                self.advance(min(chores_us, self.wake_us()))
        return self.home()
