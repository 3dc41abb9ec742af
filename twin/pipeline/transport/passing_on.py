"""Bundles of others with extension blocks, which change from hop to hop (RFC 9171 5.4).

A bundle grows older while it is on its way and while it waits, and its age is written when it leaves. It waits as large
as it can become until its lifetime is over, so that what contacts are promised is enough, by some bytes too much.
"""

from __future__ import annotations

from collections.abc import Sequence

from twin.pipeline.transport.contact_plan import NEVER_US, Contact
from twin.pipeline.transport.lane import Parcel
from twin.pipeline.wire.bundle import forward


def note_blocks(parcel: Parcel, contacts: Sequence[Contact], now_us: int) -> None:
    """Note in a parcel that has extension blocks, and has just come over one of these contacts, when it left the node
    before; a lifetime that counts by age ends so much sooner. Of one whose blocks stay as they are nothing is noted.

    Raises:
        BundleError: it has made all the hops that it may, or grows older than an age can say: delete it.
    """
    left_us = now_us - _way_us(contacts, parcel.size, now_us)
    if not parcel.bundle[1]:
        parcel.expiry_us -= now_us - left_us
    oldest = forward(parcel.data, added_age_ms=_ms(min(parcel.expiry_us, NEVER_US) - left_us))
    if oldest != parcel.data:
        parcel.left_us = left_us
        parcel.size = len(oldest)


def as_it_leaves(parcel: Parcel, now_us: int) -> bytes:
    """The bytes of a noted parcel whose first bit leaves now."""
    assert parcel.left_us is not None
    return forward(parcel.data, added_age_ms=_ms(now_us - parcel.left_us))


def _way_us(contacts: Sequence[Contact], size_bytes: int, now_us: int) -> int:
    """How long a bundle was on its way that is here now: airtime and light time of the latest contact from which it
    can have come; 0 where the plan has none.
    """
    for contact in reversed(contacts):
        way_us = contact.airtime_us(size_bytes) + contact.owlt_us(contact.start_us)
        if contact.start_us + way_us <= now_us:
            return contact.airtime_us(size_bytes) + contact.owlt_us(now_us - way_us)
    return 0


def _ms(us: int) -> int:
    """Milliseconds, begun ones included: nothing becomes younger on its way."""
    return max(0, -(-us // 1000))
