"""Contact plans, random ones too."""

from hypothesis import strategies as st

from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.world.timescales import utc_to_us

EPOCH_US = utc_to_us("2033-03-10T00:00:00Z")
SECOND_US = 1_000_000
NODES = ("habitat", "relay", "earth", "gateway")


def contact(start_s, end_s, rate_bps=8_000, owlt_s=600.0, source="habitat", destination="earth", via=""):
    """A contact in seconds from the epoch, of one light time."""
    start_us, end_us = (EPOCH_US + round(t * SECOND_US) for t in (start_s, end_s))
    light_time = ((start_us, round(owlt_s * SECOND_US)),)
    return Contact(source, destination, start_us, end_us, rate_bps, light_time, via)


@st.composite
def contact_plans(draw):
    """Plans whose contacts touch, nearly touch, last nothing or hours, with light times that rise and fall."""
    contacts = []
    pairs = st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda pair: pair[0] != pair[1])
    for source, destination in draw(st.lists(pairs, unique=True, max_size=4)):
        at_us = EPOCH_US
        for _ in range(draw(st.integers(1, 4))):
            start_us = at_us + draw(st.sampled_from([0, 1, 400_000, SECOND_US]) | st.integers(0, 3_600 * SECOND_US))
            length_us = draw(st.sampled_from([0, 1, SECOND_US, 60 * SECOND_US]) | st.integers(0, 30_000 * SECOND_US))
            at_us = start_us + length_us
            offsets_us = sorted(draw(st.sets(st.integers(-SECOND_US, length_us + SECOND_US), min_size=1, max_size=4)))
            middle_us = draw(st.sampled_from([2_000, 600 * SECOND_US]))
            light_times = st.integers(0, 6 * SECOND_US) | st.sampled_from([0, SECOND_US, 2 * SECOND_US])
            owlt = tuple((start_us + offset_us, middle_us + draw(light_times)) for offset_us in offsets_us)
            rate_bps = draw(st.sampled_from([1, 7, 8, 9]) | st.integers(1, 10**9))
            via = draw(st.sampled_from(["", "DSS-14"]))
            contacts.append(Contact(source, destination, start_us, at_us, rate_bps, owlt, via))
    return ContactPlan(contacts)


def volume_bits(contacts):
    """What contacts hold, by directed pair, in millionths of a bit."""
    out = {}
    for c in contacts:
        out[(c.source, c.destination)] = out.get((c.source, c.destination), 0) + (c.end_us - c.start_us) * c.rate_bps
    return out
