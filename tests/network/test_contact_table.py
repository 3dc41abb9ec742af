"""The table of a contact plan: windows cut to a span, gaps, sums, sols."""

from hypothesis import given, settings
from hypothesis import strategies as st
from plans import EPOCH_US, SECOND_US, contact, contact_plans

from twin.network.contact_table import contact_table, gaps_of, pair_summaries, sol_text, volume_text
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.world.timescales import SOL_US, lmst_h

_JEZERO_DEG = 77.4508
_HOUR_S = 3_600


def hours(start_h, end_h):
    """A span in hours from the epoch."""
    return EPOCH_US + start_h * _HOUR_S * SECOND_US, EPOCH_US + end_h * _HOUR_S * SECOND_US


_PLAN = ContactPlan(
    [
        contact(0, 2 * _HOUR_S, 512_000, 763.25, via="DSS-14"),
        contact(3 * _HOUR_S, 4 * _HOUR_S, 512_000, 763.5, via="DSS-43"),
        contact(4 * _HOUR_S, 5 * _HOUR_S, 256_000, 763.75, via="DSS-63"),
        contact(6 * _HOUR_S, 7 * _HOUR_S, 16_000, source="earth", destination="habitat"),
    ]
)


def test_the_table_reads_as_it_should():
    assert contact_table(_PLAN, hours(1, 6), _JEZERO_DEG) == (
        "contacts from 2033-03-10T01:00:00.000Z to 2033-03-10T06:00:00.000Z, in the transmitter's time\n"
        "\n"
        "from     to     via     start UTC                 end UTC                       sol    lasts  gap before"
        "        rate      volume       OWLT\n"
        "habitat  earth  DSS-14  2033-03-10T01:00:00.000Z  2033-03-10T02:00:00.000Z  0 01:21  1:00:00     0:00:00"
        "  512 kbit/s   1.84 Gbit  763.250 s\n"
        "habitat  earth  DSS-43  2033-03-10T03:00:00.000Z  2033-03-10T04:00:00.000Z  0 03:18  1:00:00     1:00:00"
        "  512 kbit/s   1.84 Gbit  763.500 s\n"
        "habitat  earth  DSS-63  2033-03-10T04:00:00.000Z  2033-03-10T05:00:00.000Z  0 04:16  1:00:00     0:00:00"
        "  256 kbit/s  921.6 Mbit  763.750 s\n"
        "\n"
        "from     to       contacts     open   share     volume  longest gap  from UTC\n"
        "earth    habitat         0  0:00:00   0.0 %      0 bit      5:00:00  2033-03-10T01:00:00.000Z\n"
        "habitat  earth           3  3:00:00  60.0 %  4.61 Gbit      1:00:00  2033-03-10T02:00:00.000Z\n"
    )


def test_columns_that_nobody_fills_are_left_out():
    """No sol without a site, no station where no contact has one; an empty plan is a title and two headings."""
    told = contact_table(ContactPlan([contact(0, 60)]), hours(0, 1))
    assert "sol" not in told
    assert "via" not in told
    assert len(contact_table(ContactPlan(), hours(0, 1)).splitlines()) == 5


@settings(max_examples=100, deadline=None)
@given(plan=contact_plans(), start_s=st.integers(0, 60_000), length_s=st.integers(1, 60_000))
def test_windows_and_gaps_fill_the_span_and_do_not_overlap(plan, start_s, length_s):
    span = EPOCH_US + start_s * SECOND_US, EPOCH_US + (start_s + length_s) * SECOND_US
    for pair in pair_summaries(plan, span):
        gaps = gaps_of(pair.contacts, span)
        pieces = sorted([*gaps, *((c.start_us, c.end_us) for c in pair.contacts)])
        assert [span[0], *(end for _, end in pieces)] == [*(start for start, _ in pieces), span[1]]
        assert pair.longest_gap[1] - pair.longest_gap[0] == max((b - a for a, b in gaps), default=0)
        assert pair.open_us + sum(b - a for a, b in gaps) == span[1] - span[0]
        assert pair.volume_bits <= sum((c.end_us - c.start_us) * c.rate_bps for c in pair.contacts) / SECOND_US


@given(minutes=st.integers(0, 20 * 1_479))
def test_sols_count_from_the_local_midnight_before_the_span(minutes):
    at_us = EPOCH_US + minutes * 60 * SECOND_US
    sol, clock = sol_text(at_us, EPOCH_US, _JEZERO_DEG).split()
    hour, minute = (int(part) for part in clock.split(":"))
    local_h = lmst_h(at_us, _JEZERO_DEG)
    assert abs(hour + minute / 60 + 1 / 120 - local_h) <= 1 / 120 + 1e-6
    start_h = lmst_h(EPOCH_US, _JEZERO_DEG)
    elapsed_h = (at_us - EPOCH_US) / SOL_US * 24
    assert int(sol) == round((start_h + elapsed_h - local_h) / 24)


def test_volumes_are_told_with_three_digits():
    assert [volume_text(bits) for bits in (0, 999, 1_000, 12_345, 9_999_999, 10**9, 25 * 10**12)] == [
        "0 bit",
        "999 bit",
        "1.00 kbit",
        "12.3 kbit",
        "10.00 Mbit",
        "1.00 Gbit",
        "25.0 Tbit",
    ]
