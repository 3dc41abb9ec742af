"""Key rings of two nodes: rotation in every order, with losses, restarts and one side left out; nobody is stranded."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twin.pipeline.facts import HopKeyUsed
from twin.pipeline.transport.hop_keys import KeyRing
from twin.pipeline.transport.mailer import Address
from twin.pipeline.transport.protector import Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.wire.blocks import BundleError
from twin.pipeline.wire.messages import KeyNotice, decode, encode

S = 1_000_000
T0 = 1_047_340_800 * S
DAY = 86_400 * S
GRACE = 3 * DAY
KEYS = {number: bytes((number + 1,)) * 32 for number in range(9)}
ENDPOINTS = {"edge": (11, 1), "earth": (1, 1)}
DATA = b"frames"


class Side:
    """A node with one peer, as an edge or the gateway uses its mailer."""

    def __init__(self, name: str, peer: str, held: Iterable[int] = (0,), grace_us: int = GRACE) -> None:
        self.name, self.peer = name, peer
        self.grace_us = grace_us
        self.starts = 0
        self.store = {number: KEYS[number] for number in held}
        self.restart()

    def restart(self, held: Iterable[int] | None = None) -> None:
        if held is not None:
            self.store = {number: KEYS[number] for number in held}
        here, there = ENDPOINTS[self.name], ENDPOINTS[self.peer]
        self.ring = KeyRing(self.peer, here, there, self.store, self.grace_us, notice_every=16)
        self.mailer = SealedMailer(Address(here, DAY), Protector(here, [self.ring]))
        self.mailer.started(random.Random(f"{self.name} {self.starts}").randbytes(32))
        self.starts += 1
        self._used: int | None = None

    ring: KeyRing

    @property
    def used(self) -> int | None:
        """The key that was reported last as in use towards the peer."""
        for news in self.ring.take_news():
            self._used = news.number
        return self._used

    def opens(self, now_us: int) -> list[int]:
        """The keys of the peer's under which an old bundle of its opens here."""
        peer = ENDPOINTS[self.peer]
        found = []
        for number, key in KEYS.items():
            ring = KeyRing(self.name, peer, ENDPOINTS[self.name], {number: key}, GRACE)
            mailer = SealedMailer(Address(peer, 10_000 * DAY), Protector(peer, [ring]))
            mailer.started(bytes(32))
            if self.take(mailer.bundle(ENDPOINTS[self.name], DATA, T0 - DAY), now_us):
                found.append(number)
        return found

    def install(self, number: int) -> None:
        self.store[number] = KEYS[number]
        self.ring.install(number, KEYS[number])

    def data(self, now_us: int) -> bytes:
        return self.mailer.bundle(ENDPOINTS[self.peer], DATA, now_us)

    def notices(self, now_us: int) -> list[bytes]:
        due = self.mailer.protector.take_notices()
        return [self.mailer.bundle(ring.there, encode(notice), now_us) for ring, notice in due]

    def take(self, bundle: bytes, now_us: int) -> bool:
        """Whether the bundle opens; a notice in it is heard."""
        try:
            payload = self.mailer.open(bundle, now_us).payload
        except BundleError:
            return False
        if payload != DATA:
            notice = decode(payload)
            assert isinstance(notice, KeyNotice)
            self.ring.heard(notice)
        return True


class Pair:
    """Edge and Earth, and a clock that moves with every bundle."""

    def __init__(self, edge: Iterable[int] = (0,), earth: Iterable[int] = (0,), grace_us: int = GRACE) -> None:
        self.now_us = T0
        self.edge = Side("edge", "earth", edge, grace_us)
        self.earth = Side("earth", "edge", earth, grace_us)
        self.notices_sent = 0

    def tick(self, seconds: int = 60) -> None:
        self.now_us += seconds * S

    def say(self, sender: Side, lose_notices: bool = False, lose_data: bool = False) -> bool | None:
        """One data bundle and whatever notices are due; whether the data bundle opened, None if it was lost."""
        receiver = self.earth if sender is self.edge else self.edge
        self.tick()
        for notice in sender.notices(self.now_us):
            self.notices_sent += 1
            if not lose_notices:
                receiver.take(notice, self.now_us + 10 * S)
            self.tick(1)
        data = sender.data(self.now_us)
        return None if lose_data else receiver.take(data, self.now_us + 10 * S)

    def talk(self, rounds: int, lose_notices: bool = False) -> list[bool | None]:
        opened = []
        for _ in range(rounds):
            opened += [self.say(self.edge, lose_notices), self.say(self.earth, lose_notices)]
        return opened

    @property
    def used(self) -> tuple[int | None, int | None]:
        return self.edge.used, self.earth.used


# ------------------------------------------------------------ rotation


@pytest.mark.parametrize("first", ["edge", "earth"])
@pytest.mark.parametrize("between", [0, 1, 40])
@pytest.mark.parametrize("lost", ["none", "until both hold it", "always"])
def test_a_key_goes_into_use_once_both_sides_hold_it(first: str, between: int, lost: str) -> None:
    pair = Pair()
    assert all(pair.talk(3))
    second = "earth" if first == "edge" else "edge"
    getattr(pair, first).install(1)
    assert all(pair.talk(between, lose_notices=lost != "none"))
    assert pair.used == (0, 0)
    getattr(pair, second).install(1)
    assert all(pair.talk(20, lose_notices=lost == "always"))
    assert pair.used == ((0, 0) if lost == "always" else (1, 1))
    pair.tick(GRACE // S)
    assert all(pair.talk(2))
    if lost != "always":
        assert pair.edge.opens(pair.now_us) == pair.earth.opens(pair.now_us) == [1]


@pytest.mark.parametrize("heard", ["edge", "earth"])
def test_the_notices_of_one_side_are_enough(heard: str) -> None:
    """The other learns it from the key in use."""
    pair = Pair()
    pair.talk(2)
    pair.edge.install(1)
    pair.earth.install(1)
    for _ in range(20):
        pair.say(pair.edge, lose_notices=heard != "edge")
        pair.say(pair.earth, lose_notices=heard != "earth")
    assert pair.used == (1, 1)


def test_both_sides_switch_within_one_exchange() -> None:
    pair = Pair()
    pair.talk(1)
    pair.edge.install(1)
    pair.earth.install(1)
    pair.talk(1)
    assert pair.used == (1, 1)


@pytest.mark.parametrize("alone", ["edge", "earth"])
def test_a_key_that_only_one_side_holds_changes_nothing(alone: str) -> None:
    pair = Pair()
    pair.talk(2)
    getattr(pair, alone).install(1)
    assert all(pair.talk(200))
    assert pair.used == (0, 0)
    pair.tick(10 * GRACE // S)
    assert all(pair.talk(2))
    assert 0 in pair.edge.opens(pair.now_us)


def test_each_side_with_a_key_of_its_own_stays_with_the_common_one() -> None:
    pair = Pair((0, 1), (0, 2))
    pair.talk(1)
    assert all(pair.talk(100))
    assert pair.used == (0, 0)
    pair.edge.install(2)
    assert all(pair.talk(20))
    assert pair.used == (2, 2)


def test_two_keys_under_one_number_never_go_into_use() -> None:
    pair = Pair()
    pair.talk(1)
    pair.edge.install(1)
    assert all(pair.talk(2))
    pair.earth.ring.install(1, KEYS[3])
    assert all(pair.talk(60))
    assert pair.used == (0, 0)
    notice = pair.edge.ring.take_notice() or KeyNotice(1, bytes(8))
    pair.earth.take(pair.edge.data(pair.now_us + S), pair.now_us + S)
    problem = pair.earth.ring.heard(notice._replace(number=1, check=bytes(8)))
    assert problem == "hop key 1 of edge is not the key held here under this number"


def test_a_change_of_the_key_in_use_is_a_fact() -> None:
    pair = Pair()
    assert pair.edge.ring.take_news() == [HopKeyUsed("earth", 0)]
    assert pair.edge.ring.take_news() == []
    pair.edge.install(1)
    pair.earth.install(1)
    pair.talk(2)
    assert pair.edge.ring.take_news() == [HopKeyUsed("earth", 1)]


# ------------------------------------------------------------ notices


def test_after_the_first_exchange_no_notice_is_sent() -> None:
    pair = Pair()
    pair.talk(1)
    assert pair.notices_sent == 2
    pair.talk(100)
    assert pair.notices_sent == 2


def test_a_rotation_takes_a_handful_of_notices() -> None:
    pair = Pair()
    pair.talk(1)
    pair.edge.install(1)
    pair.earth.install(1)
    pair.talk(100)
    assert pair.notices_sent <= 2 + 4


def test_a_key_on_one_side_is_announced_again_with_every_sixteenth_bundle() -> None:
    pair = Pair()
    pair.talk(1)
    pair.edge.install(1)
    pair.talk(160)
    assert 2 + 10 <= pair.notices_sent <= 2 + 2 * 12  # each of them is answered


def notices_only(pair: Pair, lose_of: str = "") -> None:
    """Nobody has data to send: notices go until none is due."""
    for _ in range(6):
        for sender, receiver in ((pair.edge, pair.earth), (pair.earth, pair.edge)):
            for notice in sender.notices(pair.now_us):
                if sender.name != lose_of:
                    receiver.take(notice, pair.now_us + 10 * S)
            pair.tick()
    assert pair.edge.notices(pair.now_us) == pair.earth.notices(pair.now_us) == []


def test_a_notice_is_answered_by_a_peer_whose_own_was_lost() -> None:
    pair = Pair()
    pair.talk(1)
    pair.earth.install(1)
    notices_only(pair, lose_of="earth")
    pair.edge.install(1)
    notices_only(pair)
    assert pair.used == (1, 1)


def test_a_notice_of_a_key_that_the_peer_lacks_is_answered() -> None:
    """So that a node that has just started, and cannot know, learns which key is common."""
    pair = Pair((0, 1), (0,))
    pair.edge.data(pair.now_us)  # under the newest key, which Earth lacks; the next one in turn is the older one
    assert pair.edge.used is None
    pair.earth.notices(pair.now_us)
    notices_only(pair)
    assert pair.used == (0, 0)


def test_a_node_that_has_heard_nothing_yet_gives_notice_more_often() -> None:
    pair = Pair()
    for who, every in (("edge", 2), ("earth", 16)):
        side = getattr(pair, who)
        if who == "earth":
            assert side.take(pair.edge.data(pair.now_us), pair.now_us)
            side.install(1)
        side.notices(pair.now_us)
        between = []
        for _ in range(40):
            side.data(pair.now_us)
            between.append(bool(side.notices(pair.now_us)))
        first = between.index(True) + 1
        assert first in (every, every - 1)  # the notice before is itself a bundle
        assert sum(between) in range(40 // every, 40 // (every - 1) + 1)


def test_an_old_notice_has_no_effect() -> None:
    pair = Pair((0, 1), (0, 1))
    bundles = [pair.earth.mailer.bundle(ENDPOINTS["edge"], DATA, T0 + ms * 1000) for ms in (1, 2)]
    check = pair.earth.ring.take_notice()
    assert check is not None
    pair.edge.take(bundles[1], T0 + S)
    assert pair.edge.ring.heard(check) is None
    assert pair.edge.used == 1
    pair.edge.take(bundles[0], T0 + S)
    assert pair.edge.ring.heard(KeyNotice(0, bytes(8))) == "older than the last one"
    assert pair.edge.used == 1


# ------------------------------------------------------------ restarts


@pytest.mark.parametrize("who", ["edge", "earth"])
@pytest.mark.parametrize("installed", ["both", "one", "other"])
def test_after_a_restart_both_sides_find_to_a_common_key(who: str, installed: str) -> None:
    pair = Pair()
    side = getattr(pair, who)
    pair.talk(2)
    if installed != "other":
        side.install(1)
    if installed != "one":
        (pair.earth if side is pair.edge else pair.edge).install(1)
    pair.talk(3)
    side.restart()
    opened = pair.talk(12)
    assert all(opened[4:])
    assert pair.used == ((1, 1) if installed == "both" else (0, 0))


def test_a_restarted_node_reaches_a_peer_that_has_retired_the_old_key() -> None:
    pair = Pair((0, 1), (0, 1))
    pair.talk(3)
    pair.tick(GRACE // S)
    pair.talk(1)
    assert pair.earth.opens(pair.now_us) == [1]
    pair.edge.restart(held=(0, 1))
    assert pair.edge.used is None
    assert all(pair.talk(10)[4:])
    assert pair.used == (1, 1)


@pytest.mark.parametrize("common", [0, 1])
def test_a_node_that_has_just_started_uses_its_keys_in_turn(common: int) -> None:
    pair = Pair((0, 1), (common,))
    opened = [pair.earth.take(pair.edge.data(T0 + ms * 1000), T0 + S) for ms in range(1, 7)]
    assert opened == [common == 1, common == 0] * 3


def test_a_node_whose_keys_were_rolled_back_is_followed_back() -> None:
    """Earth still holds key 0: a grace that has not passed, or a key store that nobody cleans."""
    pair = Pair((0, 1), (0, 1))
    pair.talk(3)
    assert pair.used == (1, 1)
    pair.edge.restart(held=(0,))
    assert all(pair.talk(10)[2:])
    assert pair.used == (0, 0)


def test_a_peer_whose_clock_fell_back_delays_a_rotation_and_is_not_stranded() -> None:
    pair = Pair()
    pair.talk(2)
    pair.now_us -= 6 * 3600 * S
    pair.edge.install(1)
    pair.earth.install(1)
    assert all(pair.talk(10))
    assert pair.used == (0, 0)
    pair.tick(6 * 3600)
    assert all(pair.talk(40))
    assert pair.used == (1, 1)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(("edge", "earth")),
        st.sampled_from(("say", "say", "say", "lose", "lose notices", "install", "restart", "wait")),
        st.integers(0, 3),
    ),
    max_size=40,
)


@settings(max_examples=250, deadline=None)
@given(ACTIONS)
@example([("edge", "install", 1), ("edge", "install", 3), ("earth", "install", 1), ("earth", "install", 2)])
def test_whatever_happened_the_two_find_to_the_newest_common_key(
    actions: list[tuple[str, str, int]],
) -> None:
    """Installs on either side, losses, restarts; then the links are good again."""
    pair = Pair()
    for who, what, number in actions:
        side = getattr(pair, who)
        if what == "install":
            try:
                side.install(number)
            except ValueError as problem:
                assert "are retired" in str(problem)  # noqa: PT017 - the one reason that may occur
                del side.store[number]
        elif what == "restart":
            side.restart()
        elif what == "wait":
            pair.tick((number + 1) * 86_400)
        else:
            pair.say(side, what != "say", what == "lose")
    pair.talk(40)
    assert all(pair.talk(5))
    edge, earth = set(pair.edge.opens(pair.now_us)), set(pair.earth.opens(pair.now_us))
    if max(edge) in earth or max(earth) in edge:
        assert pair.used == (max(edge & earth), max(edge & earth))
    else:
        assert set(pair.used) <= edge & earth, "each side names its newest only, and the other knows none of them"


# ------------------------------------------------------------ keys that are over


def rotated() -> tuple[Pair, bytes]:
    """A pair that has retired key 0, and a bundle under it from the days before."""
    pair = Pair(grace_us=3600 * S)
    pair.talk(2)
    pair.edge.install(1)
    pair.earth.install(1)
    old = pair.edge.data(pair.now_us + S)
    pair.talk(3)
    pair.tick(3601)
    pair.talk(1)
    return pair, old


def test_a_bundle_under_a_retired_key_is_refused() -> None:
    pair, old = rotated()
    with pytest.raises(BundleError, match=r"opens under no hop key held here \(1\), or was changed"):
        pair.earth.mailer.open(old, pair.now_us)


def test_a_replayed_bundle_does_not_bring_an_old_key_back_into_use() -> None:
    pair = Pair()
    pair.talk(2)
    old = pair.edge.data(pair.now_us + S)
    pair.edge.install(1)
    pair.earth.install(1)
    pair.talk(3)
    assert pair.earth.take(old, pair.now_us)
    assert pair.earth.used == 1
    pair.tick(GRACE // S)
    assert pair.earth.ring.retire(pair.now_us) == (0,)


def test_a_retired_number_is_not_installed_again() -> None:
    pair, _ = rotated()
    with pytest.raises(ValueError, match="hop key 0 towards edge: keys below 1 are retired"):
        pair.earth.ring.install(0, KEYS[0])


def test_an_old_key_is_kept_while_the_peer_uses_it() -> None:
    pair = Pair((0, 1), (0,))
    pair.talk(3)
    pair.tick(10 * GRACE // S)
    assert pair.edge.ring.retire(pair.now_us) == ()


def test_rotations_faster_than_the_grace_retire_what_is_old_enough() -> None:
    pair = Pair(grace_us=3600 * S)
    pair.talk(2)
    for number in range(1, len(KEYS)):
        pair.edge.install(number)
        pair.earth.install(number)
        pair.talk(2)
        pair.tick(1800)
    held = pair.edge.opens(pair.now_us)
    assert pair.earth.opens(pair.now_us) == held
    assert len(held) <= 4
    assert pair.edge.used == len(KEYS) - 1


@pytest.mark.parametrize(
    ("number", "key", "message"),
    [
        (1, bytes(16), "hop key 1 towards earth: has 16 bytes, must have 32"),
        (-1, bytes(32), "hop key -1 towards earth: its number must be 0"),
        (2**64, bytes(32), "its number must be 0 to 2"),
        (0, bytes(32), "hop key 0 towards earth: another key is held under this number"),
    ],
)
def test_what_is_no_key_is_not_installed(number: int, key: bytes, message: str) -> None:
    edge = Pair().edge
    with pytest.raises(ValueError, match=message):
        edge.ring.install(number, key)
    assert edge.opens(T0) == [0]


def test_installing_a_key_again_changes_nothing() -> None:
    pair = Pair()
    pair.talk(1)
    pair.edge.install(0)
    assert pair.edge.ring.take_notice() is None


def test_a_ring_without_keys_seals_nothing() -> None:
    with pytest.raises(BundleError, match="no hop key towards earth: install one"):
        Pair(edge=()).edge.data(T0)


def test_the_first_key_of_a_ring_goes_into_use_at_once() -> None:
    pair = Pair(edge=())
    assert pair.edge.used is None
    assert pair.edge.ring.take_notice() is None
    pair.edge.install(0)
    assert pair.edge.ring.take_news() == [HopKeyUsed("earth", 0)]
    assert all(pair.talk(2))
