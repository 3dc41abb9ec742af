"""The host's part of faults: clocks that are off, processors that are slow, lists of effects that are cut."""

from faulty_world import Noter, World

from twin.pipeline.facts import Rejected
from twin.pipeline.machine import Received, Report, Send, SetTimer, Started, TimerFired
from twin.trace import Crashed

SECOND_US = 1_000_000


def received(number: int) -> Received:
    return Received("x", bytes([number]))


def test_without_clock_faults_a_machine_sees_true_time() -> None:
    world = World()
    (machine,) = world.start("a")
    world.host.call_at(7 * SECOND_US, world.host.deliver, "a", received(0))
    world.run()
    assert machine.times(Received) == [7 * SECOND_US]
    assert world.host.dispatcher.local_clock is None


def test_a_machine_sees_its_own_clock_and_the_trace_true_time() -> None:
    world = World()
    world.host.step_clock("a", -3 * SECOND_US)
    (machine, other) = world.start("a", "b", make=lambda: Noter({Received: [Report(Rejected("x", "y"))]}))
    for node in ("a", "b"):
        world.host.call_at(10 * SECOND_US, world.host.deliver, node, received(0))
    world.run()
    assert machine.times(Received) == [7 * SECOND_US]
    assert other.times(Received) == [10 * SECOND_US]
    assert [at_us for at_us, _, _ in world.of(Rejected)] == [10 * SECOND_US, 10 * SECOND_US]


def fires_at(*changes: tuple[int, int]) -> list[int]:
    """True instants at which a timer set for 10 s fires, with these (instant, step) of its node's clock."""
    world = World()
    world.start(
        "a", make=lambda: Noter({Started: [SetTimer("t", 10 * SECOND_US)], TimerFired: [Report(Rejected("t", ""))]})
    )
    for at_us, by_us in changes:
        world.host.call_at(at_us, world.host.step_clock, "a", by_us)
    world.run()
    return [at_us for at_us, _, _ in world.of(Rejected)]


def test_a_pending_timer_follows_its_clock() -> None:
    assert fires_at() == [10 * SECOND_US]
    assert fires_at((SECOND_US, 4 * SECOND_US)) == [6 * SECOND_US]
    assert fires_at((SECOND_US, -4 * SECOND_US)) == [14 * SECOND_US]
    assert fires_at((SECOND_US, 60 * SECOND_US)) == [SECOND_US]
    assert fires_at((SECOND_US, 5 * SECOND_US), (2 * SECOND_US, -5 * SECOND_US)) == [10 * SECOND_US]


def test_a_slow_clock_lets_a_timer_wait_longer() -> None:
    world = World()
    world.host.drift_clock("a", -10_000_000)  # 1 %
    world.start(
        "a", make=lambda: Noter({Started: [SetTimer("t", 99 * SECOND_US)], TimerFired: [Report(Rejected("t", ""))]})
    )
    world.run()
    assert [at_us for at_us, _, _ in world.of(Rejected)] == [100 * SECOND_US]


def test_a_slow_processor_takes_everything_later_and_in_order() -> None:
    world = World()
    (machine,) = world.start("a")
    world.host.slow_down("a", 500)
    for number, at_us in enumerate((1000, 1100, 1400, 1500, 1600)):
        world.host.call_at(at_us, world.host.deliver, "a", received(number))
    world.host.call_at(1450, world.host.slow_down, "a", 0)
    world.run()
    assert [event.data[0] for event in machine.all(Received)] == [0, 1, 2, 3, 4]
    assert machine.times(Received) == [1500, 1600, 1900, 1900, 1900]


def test_a_processor_that_is_fast_again_takes_events_at_once() -> None:
    world = World()
    (machine,) = world.start("a")
    world.host.slow_down("a", 500)
    world.host.slow_down("a", 0)
    world.host.call_at(100, world.host.deliver, "a", received(0))
    world.run()
    assert machine.times(Received) == [100]


def test_what_a_slow_processor_had_not_taken_dies_with_it() -> None:
    world = World()
    world.start("a")
    world.host.slow_down("a", 500)
    world.host.call_at(100, world.host.deliver, "a", received(0))
    world.host.call_at(200, world.host.stop, "a", 0, 0)
    later = Noter()
    world.host.call_at(300, world.host.start, "a", later)
    world.run()
    assert later.all(Received) == []
    assert later.times(Started) == [800]


def test_a_fuse_cuts_a_list_of_effects_where_it_blows() -> None:
    world = World()
    carried: list[bytes] = []
    world.host.carriers[Send] = lambda _node, effect: carried.append(effect.data)
    sends = [Send("b", bytes([n])) for n in range(5)]
    world.start("a", make=lambda: Noter({Received: [sends[0], Report(Rejected("a", "b")), *sends[1:]]}))

    def fuse(node: str, effect: object) -> bool:
        if effect is not sends[2]:
            return False
        world.host.stop(node, 0, 0)
        return True

    world.host.dispatcher.fuse = fuse
    world.host.deliver("a", received(0))
    assert carried == [b"\0", b"\1", b"\2"]
    assert len(world.of(Crashed)) == 1
    assert len(world.of(Rejected)) == 1
    assert not world.host.deliver("a", received(1))
