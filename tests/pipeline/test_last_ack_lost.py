"""The very last ack is lost and no frame comes any more: Earth says it again, so Mars learns that it may trim."""

from pipeline_parts import EDGE, PEER, S
from small_world import World
from test_convergence_without_host import trimmed_everywhere, verified_everywhere

from twin.pipeline.machine import BundleArrived


def test_a_stream_at_rest_is_acked_again_until_mars_can_have_heard() -> None:
    world = World()
    for number in range(10):
        world.seal(1 + number % 2)
    assert world.heal(lambda: verified_everywhere(world), 1)
    # three hours in which nothing from Earth arrives: the backup is proved, its ack is lost
    end_us = world.now_us + 3 * 3600 * S
    while world.now_us < end_us:
        while world.messages or world.outcomes:
            if world.outcomes:
                world.finish(*world.outcomes.pop(0))
            else:
                destination, event = world.messages.pop(0)
                if not (destination in (EDGE, PEER) and isinstance(event, BundleArrived)):
                    world.deliver(destination, event)
        world.advance(min(world.timers.values()))
    assert all(world.oracles.truth.of(stream).trim == len(frames) for stream, frames in world.sealed.items())
    assert not trimmed_everywhere(world)
    assert world.heal(lambda: trimmed_everywhere(world), 2)
