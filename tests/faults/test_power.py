"""Who is up: crashes, overlapping ones, returns with fresh entropy, and crashes between two effects."""

from __future__ import annotations

from faulty_world import Noter, World

from twin.experiments.power_cycles import EffectFuse, FuseRule, PowerCycles
from twin.hosts.models.disk import Disk
from twin.pipeline.machine import Append, Received, Send, Started
from twin.trace import Crashed, Restarted

SEED = 3


class Powered(World):
    """Nodes `a` and `b`; `a` has a disk."""

    def __init__(self, answers: dict[type, list[object]] | None = None) -> None:
        super().__init__()
        self.lives: list[tuple[str, Noter]] = []
        self.answers = answers
        self.disk = Disk(self.host, "a", 2_000, 10**9)
        self.power = PowerCycles(self.host, SEED, self._make, {"a": self.disk})
        for node in ("a", "b"):
            self.power.start(node)

    def _make(self, node: str) -> Noter:
        machine = Noter(self.answers)  # type: ignore[arg-type]
        self.lives.append((node, machine))
        return machine

    def ups(self, node: str) -> list[int]:
        return [at_us for at_us, name, _ in self.of(Restarted) if name == node]

    def downs(self, node: str) -> list[int]:
        return [at_us for at_us, name, _ in self.of(Crashed) if name == node]


def test_a_node_is_down_for_as_long_as_its_crash_says() -> None:
    world = Powered()
    world.host.call_at(100, world.power.crash, "a", 50)
    world.run()
    assert (world.downs("a"), world.ups("a"), world.ups("b")) == ([100], [0, 150], [0])


def test_of_overlapping_crashes_the_last_says_up() -> None:
    world = Powered()
    for at_us, down_us in ((100, 500), (200, 100), (300, 900)):
        world.host.call_at(at_us, world.power.crash, "a", down_us)
    world.run()
    assert (world.downs("a"), world.ups("a")) == ([100], [0, 1200])


def test_every_life_gets_entropy_of_its_own_and_the_same_in_every_run() -> None:
    def entropies() -> list[bytes]:
        world = Powered()
        for at_us in (100, 200):
            world.host.call_at(at_us, world.power.crash, "a", 50)
        world.run()
        return [machine.all(Started)[0].entropy for _, machine in world.lives]

    assert entropies() == entropies()
    assert len(set(entropies())) == 4


def test_a_crash_tears_the_unsynced_tail_of_a_node_with_a_disk() -> None:
    world = Powered()
    world.disk.append(Append(bytes(1000)))
    world.power.crash("a", 50)
    world.run()
    ((_, _, crashed),) = world.of(Crashed)
    assert crashed.lost_bytes + crashed.torn_bytes == 1000
    assert world.of(Restarted)[-1][2].durable_bytes == crashed.torn_bytes


def test_hooks_hear_of_a_node_while_it_is_up() -> None:
    world = Powered()
    heard: list[tuple[str, str, bool]] = []
    world.power.before_stop.append(lambda node: heard.append(("stop", node, world.host.is_up(node))))
    world.power.after_start.append(lambda node: heard.append(("start", node, world.host.is_up(node))))
    world.power.crash("a", 50)
    world.run()
    assert heard == [("stop", "a", True), ("start", "a", True)]


def test_what_is_done_to_a_medium_is_done_while_the_node_is_down() -> None:
    world = Powered()
    seen: list[bool] = []
    world.power.crash("a", 50, lambda: seen.append(world.host.is_up("a")))
    world.power.crash("a", 60, lambda: seen.append(world.host.is_up("a")))
    world.run()
    assert seen == [False, False]


# ------------------------------------------------------------ crashes between effects


def crash_effects(rate: float, node: str | None = None, rounds: int = 400) -> tuple[Powered, list[str]]:
    """Each node sends five datagrams per event; who has sent what, with a fuse of this rate."""
    world = Powered({Received: [Send("x", bytes([n])) for n in range(5)]})
    sent: list[str] = []
    world.host.carriers[Send] = lambda name, effect: sent.append(f"{name}{effect.data[0]}")
    rule = FuseRule(node, rate, 0, 1 << 62, 10, ("fault", "crash_at_effect", "any", "1"))
    world.host.dispatcher.fuse = EffectFuse(world.host, SEED, world.power, (rule,))
    for number in range(rounds):
        for name in ("a", "b"):
            world.host.call_at(1000 * (number + 1), world.host.deliver, name, Received("y", b""))
    world.run()
    return world, sent


def test_a_fuse_blows_at_every_boundary_between_effects() -> None:
    world, sent = crash_effects(0.1)
    crashes = len(world.downs("a"))
    assert crashes > 50
    text = " ".join(name[1] for name in sent if name[0] == "a")
    starts = text.split("0")
    assert len(starts) == 401, "it came up again before each event"
    cut_after = {part.strip()[-1:] or "0" for part in starts[1:]}
    assert cut_after == {"0", "1", "2", "3", "4"}


def test_a_fuse_of_one_node_leaves_the_other_alone() -> None:
    world, _ = crash_effects(0.1, node="a")
    assert world.downs("a")
    assert not world.downs("b")


def test_one_nodes_effects_do_not_move_anothers_crashes() -> None:
    both, _ = crash_effects(0.1)
    alone, _ = crash_effects(0.1, node="a")
    assert both.downs("a") == alone.downs("a")


def test_without_a_rate_no_fuse_blows() -> None:
    world, sent = crash_effects(0.0, rounds=10)
    assert not world.downs("a")
    assert len(sent) == 100
