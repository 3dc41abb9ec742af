"""A mailer with a protector: what it takes, what it refuses, and that no vector or bundle identity comes twice."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.pipeline.transport import protector as protector_module
from twin.pipeline.transport.hop_keys import KeyRing, hop_keys
from twin.pipeline.transport.mailer import Address, Mailer, read_clear
from twin.pipeline.transport.protector import Protector
from twin.pipeline.transport.sealed_mailer import SealedMailer
from twin.pipeline.wire.bpsec import SEALING_BYTES_MAX, read_sealed, unseal
from twin.pipeline.wire.bundle import BundleError, decode

S = 1_000_000
T0 = 1_047_340_800 * S
LIFETIME = 3600 * S
EDGE, OTHER_EDGE, EARTH = (11, 1), (12, 1), (1, 1)
NAMES = {EDGE: "edge-1", OTHER_EDGE: "edge-2", EARTH: "earth"}
KEY, OTHER_KEY = bytes(range(32)), bytes(32)


def entropy(start: int) -> bytes:
    return random.Random(start).randbytes(32)


def mailer(here: tuple[int, int], keys: dict[tuple[int, int], bytes], start: int = 0) -> SealedMailer:
    rings = [KeyRing(NAMES[peer], here, peer, {0: key}, grace_us=LIFETIME) for peer, key in keys.items()]
    made = SealedMailer(Address(here, LIFETIME), Protector(here, rings))
    made.started(entropy(start))
    return made


def edge(start: int = 0) -> SealedMailer:
    return mailer(EDGE, {EARTH: KEY}, start)


def earth() -> SealedMailer:
    return mailer(EARTH, {EDGE: KEY, OTHER_EDGE: OTHER_KEY}, 99)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=2000))
def test_mail_goes_both_ways(payload: bytes) -> None:
    mars, home = edge(), earth()
    up = mars.bundle(EARTH, payload, T0)
    assert home.open(up, T0 + S) == (EDGE, payload)
    down = home.bundle(EDGE, payload, T0)
    assert mars.open(down, T0 + S) == (EARTH, payload)


def test_the_identity_stands_in_the_primary_block() -> None:
    mars = edge()
    data = mars.bundle(EARTH, b"x", T0)
    bundle = decode(data)
    assert mars.last_id == (EDGE[0], bundle.created_ms, bundle.sequence)


def test_protection_adds_no_more_bytes_than_nodes_plan_for() -> None:
    for size in (0, 23, 24, 255, 256, 65_535, 65_536):
        bare = Mailer(Address(EDGE, LIFETIME)).bundle(EARTH, bytes(size), T0)
        assert len(edge().bundle(EARTH, bytes(size), T0)) <= len(bare) + SEALING_BYTES_MAX


# ------------------------------------------------------------ refused


def test_an_unprotected_bundle_is_refused_where_protection_is_required() -> None:
    bare = Mailer(Address(EDGE, LIFETIME)).bundle(EARTH, b"forged", T0)
    with pytest.raises(BundleError, match="unprotected, where only protected ones are taken"):
        earth().open(bare, T0)


def test_a_protected_bundle_is_not_delivered_as_ciphertext_to_a_node_without_keys() -> None:
    data = edge().bundle(EARTH, b"vitals", T0)
    with pytest.raises(BundleError, match=r"protected \(BPSec\), and this node holds no keys"):
        read_clear(data, EARTH, T0)
    assert read_clear(data, (5, 1), T0)[0].destination == EARTH  # a relay passes it on


def test_a_bundle_under_a_key_of_another_peer_is_refused() -> None:
    with pytest.raises(BundleError, match="bundle of edge-1: opens under no hop key held here"):
        earth().open(mailer(EDGE, {EARTH: OTHER_KEY}).bundle(EARTH, b"x", T0), T0)


def test_a_node_without_a_ring_is_refused_both_ways() -> None:
    stranger = mailer((13, 1), {EARTH: KEY})
    with pytest.raises(BundleError, match=r"bundle of ipn:13\.1: no hop keys towards it"):
        earth().open(stranger.bundle(EARTH, b"x", T0), T0)
    with pytest.raises(BundleError, match=r"bundle for ipn:13\.1: no hop keys towards it"):
        earth().bundle((13, 1), b"x", T0)


def test_one_direction_does_not_open_as_the_other() -> None:
    sealed = read_sealed(edge().bundle(EARTH, b"x", T0))
    assert unseal(sealed, hop_keys(KEY, 0, EDGE, EARTH)) == b"x"
    for keys in (hop_keys(KEY, 0, EARTH, EDGE), hop_keys(KEY, 1, EDGE, EARTH)):
        with pytest.raises(BundleError):
            unseal(sealed, keys)


def test_a_protected_bundle_for_another_node_or_beyond_its_lifetime_is_refused() -> None:
    data = edge().bundle(EARTH, b"x", T0)
    for here in (OTHER_EDGE, (EARTH[0], 2)):
        with pytest.raises(BundleError, match=r"bundle for ipn:1\.1 came to another node"):
            mailer(here, {EDGE: KEY}).open(data, T0)
    assert earth().open(data, T0 + LIFETIME).payload == b"x"
    with pytest.raises(BundleError, match="outlived its lifetime"):
        earth().open(data, T0 + LIFETIME + 1000)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30), st.data())
def test_any_change_of_a_bundle_is_a_bundle_error(payload: bytes, data: st.DataObject) -> None:
    octets = bytearray(edge().bundle(EARTH, payload, T0))
    if data.draw(st.booleans()):
        position = data.draw(st.integers(0, 8 * len(octets) - 1))
        octets[position // 8] ^= 1 << position % 8
    else:
        del octets[data.draw(st.integers(0, len(octets) - 1)) :]
    with pytest.raises(BundleError):
        earth().open(bytes(octets), T0)


# ------------------------------------------------------------ never twice


def vectors_of(data: bytes) -> tuple[bytes, bytes]:
    sealed = read_sealed(data)
    return sealed.payload_said.iv, sealed.integrity_said.iv


def test_no_vector_comes_twice_over_restarts_with_the_same_keys() -> None:
    seen = set()
    for start in range(20):
        writer = edge(start)  # the medium was rolled back: the same settings, the same clock, other entropy
        for _ in range(25):
            seen.update(vectors_of(writer.bundle(EARTH, b"same", T0)))
    assert len(seen) == 20 * 25 * 2


def test_vectors_are_this_starts_bytes_and_a_counter() -> None:
    writer = edge(3)
    vectors = [iv for _ in range(2) for iv in vectors_of(writer.bundle(EARTH, b"", T0))]
    assert vectors == [entropy(3)[8:16] + number.to_bytes(4, "big") for number in range(4)]


def test_vectors_of_one_start_end_before_they_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    assert protector_module._COUNTER_END == 2**32
    monkeypatch.setattr(protector_module, "_COUNTER_END", 4)
    writer = edge()
    for _ in range(2):
        writer.bundle(EARTH, b"", T0)
    with pytest.raises(BundleError, match="initialization vectors of this start are used up"):
        writer.bundle(EARTH, b"", T0)
    writer.started(entropy(1))
    writer.bundle(EARTH, b"", T0)


def test_nothing_is_sealed_without_fresh_entropy() -> None:
    ring = KeyRing("earth", EDGE, EARTH, {0: KEY}, LIFETIME)
    writer = SealedMailer(Address(EDGE, LIFETIME), Protector(EDGE, [ring]))
    with pytest.raises(BundleError, match="before the node was started with fresh entropy"):
        writer.bundle(EARTH, b"", T0)
    with pytest.raises(ValueError, match="entropy of 8 bytes: must be 32 fresh ones"):
        writer.started(bytes(8))
    writer.started(entropy(0))
    with pytest.raises(ValueError, match="fresh ones at every start"):
        writer.started(entropy(0))


@pytest.mark.parametrize("protected", [True, False])
def test_bundle_identities_do_not_repeat_when_a_restart_meets_a_clock_that_fell_back(protected: bool) -> None:
    ids = []
    for start in range(10):
        writer = edge() if protected else Mailer(Address(EDGE, LIFETIME))
        writer.started(entropy(100 + start))
        for _ in range(10):
            writer.bundle(EARTH, b"", T0)
            ids.append(writer.last_id)
    assert len(set(ids)) == 100
    assert len({created_ms for _, created_ms, _ in ids}) == 1


def test_a_peer_is_found_by_name() -> None:
    protector = earth().protector
    assert protector.ring("edge-2").there == OTHER_EDGE
    with pytest.raises(ValueError, match="hop keys towards edge-9: no such peer; there are edge-1, edge-2"):
        protector.ring("edge-9")
