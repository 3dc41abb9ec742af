"""DTN time: milliseconds since 2000-01-01T00:00:00 UTC (RFC 9171 4.2.6), read as elapsed time.

The RFC asks for the milliseconds that *have elapsed* since the DTN epoch and adds that DTN time is not
affected by leap seconds. Two readings are in use:

| reading | at 2033-03-10T00:00:00 UTC | a leap second | needs a table |
|---|---|---|---|
| elapsed SI milliseconds (this module) | 1 047 340 805 000 | is counted like any other | no |
| POSIX seconds - 946 684 800 (pyd3tn, ION, HDTN) | 1 047 340 800 000 | is repeated | yes, for TAI hosts |

The elapsed reading is pinned here. It is what the sentence says; it never repeats a value, and a bundle's
identity contains it; and a node on Mars needs no leap second bulletin to compute it. Its price, measured in
the tests against pyd3tn: a bundle written here reads as created later by the leap seconds since 2000 (5 s
since 2017) at a node with the POSIX reading, so it expires that much later there, and theirs that much
earlier here. Lifetimes are hours.

House time counts from 2000-01-01T00:00:00 TAI. TAI was ahead of UTC by 32 s on that day (IERS, since
1999-01-01), so the DTN epoch is house time 32 s, and the offset stays constant.
"""

DTN_EPOCH_US = 32_000_000
"""House time of 2000-01-01T00:00:00 UTC [us]."""

CREATION_TIME_UNKNOWN_MS = 0
"""DTN time 0 says that the source has no good clock; the bundle then carries its age (RFC 9171 4.2.7)."""


def dtn_ms_from_us(us: int) -> int:
    """DTN time [ms] of house time `us` [us], rounded down to the millisecond.

    Bundles of one source created in the same millisecond are told apart by their sequence number.

    Raises:
        ValueError: `us` is not at least 1 ms after the DTN epoch; 0 would read as "unknown".
    """
    dtn_ms = (us - DTN_EPOCH_US) // 1000
    if dtn_ms <= CREATION_TIME_UNKNOWN_MS:
        raise ValueError(
            f"house time {us} us: has no DTN time, which starts after 2000-01-01 UTC ({DTN_EPOCH_US} us); "
            "set the clock, or send creation time 0 with a Bundle Age block"
        )
    return dtn_ms


def last_us_of(dtn_ms: int) -> int:
    """The last house instant [us] whose DTN time is `dtn_ms`."""
    return DTN_EPOCH_US + (dtn_ms + 1) * 1000 - 1
