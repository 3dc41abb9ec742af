"""Symmetric keys between this node and one peer, and their rotation without a handshake.

An operator installs keys by number on each side, whenever he gets there, perhaps on one side only. The number is not
on the wire (RFC 9173 has no field for it): a receiver tries the keys that it holds, the last successful one first.
Which key a sender uses follows from what it knows of its peer:

| it knows | from |
|---|---|
| which key the peer uses | the newest bundle that opened |
| which key the peer has newest | its newest `KeyNotice`, under whatever key that came |

It sends under the newer of these two, as far as it holds them itself. So a key goes into use once both sides are known
to hold it, and a key that only one side holds changes nothing, for however long; nor does one that both hold while each
has a newer one that the other lacks, as only the newest is told. A node that has just started with several keys uses
them in turn until the first bundle of its peer opens.

A notice is due when a key was installed, after a start, and in answer to a notice whose sender should know better.
Lost ones are made up for: as long as the peer is not seen to use our newest key, every `notice_every`-th bundle makes
another one due, and eight times as many after a start, until anything is heard. A notice carries a check value of the
key, so that two different keys under one number, a slip of an operator, never go into use.

A key is retired, and nothing opens under it any more, once the peer has used newer ones for `grace_us`. A grace
shorter than a bundle's lifetime loses bundles that are still on their way. A node that lost a key after that (an old
snapshot of its key store) needs it installed again. "Newest" goes by the creation times that
the peer wrote: a peer whose clock has fallen back delays a rotation until its clock has caught up, and strands nobody.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from twin.pipeline.facts import HopKeyUsed
from twin.pipeline.wire.blocks import BundleError, Endpoint, encode_endpoint
from twin.pipeline.wire.bpsec import HopKeys, Sealed, WrongKeyError, unseal
from twin.pipeline.wire.messages import KeyNotice

HOP_KEY_BYTES = 32
CHECK_BYTES = 8
NOTICE_EVERY = 64

_LABEL = b"mars-iomt-twin hop key 1 "


class _Key(NamedTuple):
    """What one hop key is used for: towards the peer, from the peer, and to compare it without showing it."""

    out: HopKeys
    back: HopKeys
    check: bytes


class KeyRing:
    """Hop keys between `here` and one peer.

    Args:
        peer: the peer's name, for facts and messages.
        here: endpoint that this node's bundles come from.
        there: endpoint of the peer.
        keys: keys of 32 bytes by number, all that the operator has installed and nobody has retired.
        grace_us: how long the peer must have used a newer key before older ones are retired.
        notice_every: bundles after which a notice that may have been lost is repeated.

    Raises:
        ValueError: a key is not 32 bytes long, or a number is negative or beyond 64 bits.
    """

    def __init__(
        self,
        peer: str,
        here: Endpoint,
        there: Endpoint,
        keys: Mapping[int, bytes],
        grace_us: int,
        notice_every: int = NOTICE_EVERY,
    ) -> None:
        self.peer = peer
        self.there = there
        self._here = here
        self._grace_us = grace_us
        self._notice_every = notice_every
        self._keys: dict[int, _Key] = {}
        self._retired_below = 0
        self._number: int | None = None  # the key in use towards the peer, once that is known
        self._news: list[HopKeyUsed] = []
        self._turn = 0
        self._peer_uses: int | None = None
        self._used_since_us: dict[int, int] = {}  # since when the peer uses no older key than this one
        self._newest_bundle = (-1, -1)  # creation time [DTN ms], key number
        self._announced: KeyNotice | None = None
        self._announced_ms = -1
        self._opened = (-1, -1)  # key number and creation time of the bundle opened last
        self._notice_due = True
        self._bundles_since_notice = 0
        for number in sorted(keys):
            self._keys[number] = self._derive(number, keys[number])
        self._settle()

    # ------------------------------------------------------------ rotation

    def install(self, number: int, key: bytes) -> None:
        """Take a key that an operator brings; nothing happens if it is here already.

        Raises:
            ValueError: not a key, an old number, or a number under which another key is held.
        """
        derived = self._derive(number, key)
        held = self._keys.get(number)
        if held is not None:
            if not hmac.compare_digest(held.check, derived.check):
                raise ValueError(f"hop key {number} towards {self.peer}: another key is held under this number")
            return
        if number < self._retired_below:
            raise ValueError(f"hop key {number} towards {self.peer}: keys below {self._retired_below} are retired")
        self._keys = dict(sorted({**self._keys, number: derived}.items()))
        self._notice_due = True
        self._settle()

    def heard(self, notice: KeyNotice) -> str | None:
        """Take the notice that stood in the bundle opened last; what is wrong with it, if anything is."""
        under, created_ms = self._opened
        if created_ms <= self._announced_ms:
            return "older than the last one"
        self._announced_ms = created_ms
        self._announced = notice
        if notice.number in self._keys and not self._holds(notice):
            return f"hop key {notice.number} of {self.peer} is not the key held here under this number"
        self._settle()
        if notice.number > max(self._keys) or self._number != under:
            self._notice_due = True
        return None

    def retire(self, now_us: int) -> tuple[int, ...]:
        """Forget the keys that the peer no longer needs; their numbers. `open` does so by itself."""
        long_used = [number for number, us in self._used_since_us.items() if now_us >= us + self._grace_us]
        uses = max(long_used, default=self._retired_below)
        if uses <= self._retired_below:
            return ()
        retired = tuple([number for number in self._keys if number < uses])
        for number in retired:
            del self._keys[number]
        self._used_since_us = {number: us for number, us in self._used_since_us.items() if number > uses}
        self._retired_below = uses
        return retired

    def take_notice(self) -> KeyNotice | None:
        """The notice that is due to the peer now, once."""
        every = self._notice_every if self._peer_uses is not None else max(1, self._notice_every // 8)
        newest = max(self._keys, default=None)
        lost = self._peer_uses != newest and self._bundles_since_notice >= every
        if newest is None or not (self._notice_due or lost):
            return None
        self._notice_due = False
        self._bundles_since_notice = 0
        return KeyNotice(newest, self._keys[newest].check)

    def take_news(self) -> list[HopKeyUsed]:
        """Changes of the key in use since the last call."""
        news, self._news = self._news, []
        return news

    # ------------------------------------------------------------ bundles

    def sealing_keys(self) -> HopKeys:
        """Keys for the next bundle to the peer.

        Raises:
            BundleError: there is no key.
        """
        if not self._keys:
            raise BundleError(f"no hop key towards {self.peer}: install one")
        self._bundles_since_notice += 1
        if self._number is not None:
            return self._keys[self._number].out
        in_turn = list(self._keys)
        self._turn += 1
        return self._keys[in_turn[-1 - (self._turn - 1) % len(in_turn)]].out

    def open(self, sealed: Sealed, now_us: int) -> bytes:
        """Payload of a bundle from the peer.

        Raises:
            BundleError: none of the keys opens it, or it was changed.
        """
        self.retire(now_us)
        last = self._opened[0]
        order = [number for number in (last,) if number in self._keys]
        order += [number for number in reversed(self._keys) if number != last]
        for number in order:
            try:
                payload = unseal(sealed, self._keys[number].back)
            except WrongKeyError:
                continue
            self._note(number, sealed.created_ms, now_us)
            return payload
        held = ", ".join(map(str, self._keys)) or "none"
        raise BundleError(f"bundle of {self.peer}: opens under no hop key held here ({held}), or was changed")

    def _note(self, number: int, created_ms: int, now_us: int) -> None:
        self._opened = (number, created_ms)
        if (created_ms, number) > self._newest_bundle:
            self._newest_bundle = (created_ms, number)
            if number != self._peer_uses:
                self._peer_uses = number
                older = {held: us for held, us in self._used_since_us.items() if held < number}
                self._used_since_us = {**older, number: now_us}
                self._settle()

    # ------------------------------------------------------------ within

    def _settle(self) -> None:
        """Go by what is known of the peer now."""
        known = [] if self._peer_uses is None else [self._peer_uses]
        if self._announced is not None and self._holds(self._announced):
            known.append(self._announced.number)
        if not known and self._number is None and len(self._keys) == 1:
            known = list(self._keys)
        if known and max(known) != self._number:
            self._number = max(known)
            self._news.append(HopKeyUsed(self.peer, self._number))

    def _holds(self, notice: KeyNotice) -> bool:
        held = self._keys.get(notice.number)
        return held is not None and hmac.compare_digest(held.check, notice.check)

    def _derive(self, number: int, key: bytes) -> _Key:
        if len(key) != HOP_KEY_BYTES:
            raise ValueError(f"hop key {number} towards {self.peer}: has {len(key)} bytes, must have {HOP_KEY_BYTES}")
        if not 0 <= number < 1 << 64:
            raise ValueError(f"hop key {number} towards {self.peer}: its number must be 0 to 2^64 - 1")
        return _Key(
            hop_keys(key, number, self._here, self.there),
            hop_keys(key, number, self.there, self._here),
            _expand(key, number, b"check", CHECK_BYTES),
        )


def hop_keys(key: bytes, number: int, sender: Endpoint, receiver: Endpoint) -> HopKeys:
    """Keys for bundles from `sender` to `receiver` under hop key `number`; the other direction has others."""
    way = encode_endpoint(sender) + encode_endpoint(receiver)
    return HopKeys(_expand(key, number, b"mac" + way, 32), AESGCM(_expand(key, number, b"aead" + way, 32)))


def _expand(key: bytes, number: int, purpose: bytes, size_bytes: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869), a fresh secret for each purpose."""
    info = _LABEL + number.to_bytes(8, "big") + purpose
    return HKDF(SHA256(), size_bytes, salt=None, info=info).derive(key)
