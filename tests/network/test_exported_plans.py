"""Plans written for ION and HDTN promise nothing that the twin's plan does not hold, and come back as written."""

import pytest
from hypothesis import example, given, settings
from plans import EPOCH_US, SECOND_US, contact, contact_plans, volume_bits

from twin.network.formats import number_nodes, read_csv, read_hdtn, read_ion, to_csv, to_hdtn, to_ion
from twin.pipeline.transport.contact_plan import ContactPlan
from twin.world.timescales import utc_to_us

WRITERS = {"ion": (to_ion, read_ion, 8, 1), "hdtn": (to_hdtn, read_hdtn, 1, 0)}


def there_and_back(form, plan, reference_us=None):
    """The plan as it stands in the file, and what the export said of it."""
    write, read, _, _ = WRITERS[form]
    export = write(plan, number_nodes(plan), reference_us)
    read_back = read(export.text, "plan.txt")
    assert read_back.left_out == ()
    return read_back.plan, export


def rounded_inward(plan, rate_step_bps, gap_s):
    """Windows and rates by the rule, written independently: house instants of 2033 fall on seconds of UTC."""
    kept = {}
    for c in sorted(plan.contacts, key=lambda c: (c.start_us, c.end_us), reverse=True):
        start_us = -(-c.start_us // SECOND_US) * SECOND_US
        end_us = c.end_us // SECOND_US * SECOND_US
        later = kept.setdefault((c.source, c.destination), [])
        if later:
            end_us = min(end_us, later[-1][0] - gap_s * SECOND_US)
        rate_bps = c.rate_bps // rate_step_bps * rate_step_bps
        if start_us < end_us and rate_bps:
            later.append((start_us, end_us, rate_bps))
    return {pair: sorted(windows) for pair, windows in kept.items() if windows}


def windows_of(plan):
    """Windows and rates by pair."""
    out = {}
    for c in plan.contacts:
        windows = out.setdefault((c.source, c.destination), [])
        windows.append((c.start_us, c.end_us, c.rate_bps))
    return out


def joined(windows):
    """The same windows with those of one rate that touch made one: HDTN splits at steps of light time."""
    out = []
    for start_us, end_us, rate_bps in windows:
        if out and out[-1][1] == start_us and out[-1][2] == rate_bps:
            out[-1] = (out[-1][0], end_us, rate_bps)
        else:
            out.append((start_us, end_us, rate_bps))
    return out


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=150, deadline=None)
@given(plan=contact_plans())
@example(plan=ContactPlan())
def test_a_plan_comes_back_rounded_inward(form, plan):
    read_back, _ = there_and_back(form, plan)
    expected = rounded_inward(plan, *WRITERS[form][2:])
    found = windows_of(read_back)
    if form == "hdtn":
        expected = {pair: joined(windows) for pair, windows in expected.items()}
        found = {pair: joined(windows) for pair, windows in found.items()}
    assert found == expected


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=150, deadline=None)
@given(plan=contact_plans())
def test_a_plan_that_was_read_is_written_as_it_stands(form, plan):
    """Rounding twice changes nothing: windows, rates, light times and text are the same again."""
    once, export = there_and_back(form, plan)
    twice, again = there_and_back(form, once)
    assert again.changes == ()
    assert twice.contacts == once.contacts
    if set(number_nodes(once)) == set(number_nodes(plan)):
        assert again.text == export.text


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=150, deadline=None)
@given(plan=contact_plans())
def test_no_bit_is_promised_that_the_plan_does_not_hold_or_earlier_than_it_arrives(form, plan):
    """Every exported second lies in one planned contact, at no higher rate, its light time up to a second longer."""
    read_back, _ = there_and_back(form, plan)
    for c in read_back.contacts:
        planned = [
            p
            for p in plan.between(c.source, c.destination)
            if p.start_us <= c.start_us and c.end_us <= p.end_us and c.rate_bps <= p.rate_bps
        ]
        assert len(planned) == 1
        instants_us = {c.start_us, c.end_us - 1, (c.start_us + c.end_us) // 2}
        for knots in (c.owlt, planned[0].owlt):
            instants_us |= {t for t, _ in knots if c.start_us <= t < c.end_us}
        for t in instants_us:
            assert c.owlt_us(t) % SECOND_US == 0
            assert planned[0].owlt_us(t) <= c.owlt_us(t)
            # Within the second of a step the longer light time holds throughout: the neighbourhood bounds it.
            around_us = [planned[0].owlt_us(near) for near in (t - SECOND_US, t, t + SECOND_US)]
            around_us += [v for at, v in planned[0].owlt if abs(at - t) <= SECOND_US]
            # Equal where the light time lies within the microsecond above a whole second, which `owlt_us` cuts off.
            assert c.owlt_us(t) <= max(around_us) + SECOND_US
    exported, held = volume_bits(read_back.contacts), volume_bits(plan.contacts)
    assert all(exported[pair] <= held[pair] for pair in exported)


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=100, deadline=None)
@given(plan=contact_plans())
def test_what_was_changed_is_listed_and_nothing_else(form, plan):
    read_back, export = there_and_back(form, plan)
    changed = {id(change.planned) for change in export.changes}
    exact = [c for c in plan.contacts if id(c) not in changed]
    kept = [change.kept for change in export.changes if change.kept is not None]
    said = windows_of(ContactPlan([*exact, *kept]))
    found = windows_of(read_back)
    if form == "hdtn":
        said = {pair: joined(windows) for pair, windows in said.items()}
        found = {pair: joined(windows) for pair, windows in found.items()}
    assert found == said


@settings(max_examples=100, deadline=None)
@given(plan=contact_plans())
def test_csv_is_exact_to_the_microsecond(plan):
    read_back = read_csv(to_csv(plan, "four-orbiters")).plan
    assert [c._replace(owlt=()) for c in read_back.contacts] == [c._replace(owlt=()) for c in plan.contacts]
    assert [c.owlt_us(c.start_us) for c in read_back.contacts] == [c.owlt_us(c.start_us) for c in plan.contacts]


@pytest.mark.parametrize("form", WRITERS)
def test_times_may_count_from_a_reference(form):
    """Relative times come back by the reference that the file itself keeps, or by another one."""
    plan = ContactPlan([contact(100, 200)])
    read_back, export = there_and_back(form, plan, EPOCH_US + 40_500_000)
    assert read_back.contacts == plan.contacts
    assert ("+60 +160" if form == "ion" else '"startTime": 60, "endTime": 160') in export.text
    later = WRITERS[form][1](export.text, reference_us=EPOCH_US + 1_040 * SECOND_US).plan
    assert [c.start_us for c in later.contacts] == [EPOCH_US + 1_100 * SECOND_US]


@pytest.mark.parametrize("form", WRITERS)
def test_32_bit_dates_end_in_2038_and_references_do_not(form):
    start_us = utc_to_us("2040-01-01T00:00:00Z")
    plan = ContactPlan([contact(0, 100)._replace(start_us=start_us, end_us=start_us + 60 * SECOND_US)])
    with pytest.raises(ValueError, match=r"2040.*2147483644|2040/01/01-00:00:00: is after 2038/01/19-03:14:04"):
        there_and_back(form, plan)
    assert windows_of(there_and_back(form, plan, start_us)[0]) == windows_of(plan)
    with pytest.raises(ValueError, match=r"is before the reference|does not lie within"):
        there_and_back(form, plan, start_us + 10 * SECOND_US)


@pytest.mark.parametrize("form", WRITERS)
def test_a_window_around_a_leap_second_stays_inside_it(form):
    """POSIX has no 23:59:60: a window that begins or ends within it gives the second up."""
    before_us, leap_us = utc_to_us("2016-12-31T23:59:50Z"), utc_to_us("2016-12-31T23:59:60.5Z")
    after_us = utc_to_us("2017-01-01T00:00:09Z")
    first, second = contact(0, 1), contact(0, 1, source="earth", destination="habitat")
    plan = ContactPlan(
        [
            first._replace(start_us=before_us, end_us=leap_us),
            second._replace(start_us=leap_us, end_us=after_us),
        ]
    )
    found = windows_of(there_and_back(form, plan)[0])
    assert found["habitat", "earth"] == [(before_us, utc_to_us("2016-12-31T23:59:59Z"), 8_000)]
    assert found["earth", "habitat"] == [(utc_to_us("2017-01-01T00:00:00Z"), after_us, 8_000)]


def test_contacts_that_touch_keep_a_second_apart_for_ion():
    """ION takes an end that is the next start for an overlap and would ignore the later contact."""
    plan = ContactPlan([contact(0, 60, rate_bps=8_000), contact(60, 120, rate_bps=16_000)])
    read_back, export = there_and_back("ion", plan)
    seconds = [((c.start_us - EPOCH_US) / 1e6, (c.end_us - EPOCH_US) / 1e6) for c in read_back.contacts]
    assert seconds == [(0, 59), (60, 120)]
    assert [str(change) for change in export.changes] == [
        "contact habitat->earth 2033-03-10T00:00:00.000Z to 2033-03-10T00:01:00.000Z: "
        "2033-03-10T00:00:00.000Z to 2033-03-10T00:00:59.000Z: 1 s between two contacts of a pair"
    ]
    assert there_and_back("hdtn", plan)[0].contacts == plan.contacts


@pytest.mark.parametrize("form", WRITERS)
def test_a_contact_that_holds_no_whole_second_is_dropped_and_listed(form):
    plan = ContactPlan([contact(10.25, 11.75), contact(20, 20), contact(30, 40)])
    read_back, export = there_and_back(form, plan)
    assert [c.start_us for c in read_back.contacts] == [EPOCH_US + 30 * SECOND_US]
    assert [(change.planned, change.kept, change.why) for change in export.changes] == [
        (plan.contacts[0], None, "whole seconds"),
        (plan.contacts[1], None, "it lasts no time"),
    ]
    assert "dropped" in str(export.changes[0])


def test_a_rate_below_a_byte_per_second_vanishes_in_ion_and_stays_in_hdtn():
    plan = ContactPlan([contact(0, 60, rate_bps=7), contact(100, 160, rate_bps=1_001)])
    read_back, export = there_and_back("ion", plan)
    assert [c.rate_bps for c in read_back.contacts] == [1_000]
    assert [change.why for change in export.changes] == [
        "7 bit/s in steps of 8 are 0",
        "1001 bit/s in steps of 8 are 1000",
    ]
    assert [c.rate_bps for c in there_and_back("hdtn", plan)[0].contacts] == [7, 1_001]


def test_nodes_need_numbers_of_their_own():
    plan = ContactPlan([contact(0, 60)])
    with pytest.raises(ValueError, match=r"node 'earth': has no node number; give it one"):
        to_ion(plan, {"habitat": 1})
    with pytest.raises(ValueError, match=r"nodes 'earth' and 'habitat': both have number 1"):
        to_hdtn(plan, {"habitat": 1, "earth": 1})
    with pytest.raises(ValueError, match=r"node 'earth': a node number is at least 1, not 0"):
        to_ion(plan, {"habitat": 1, "earth": 0})
    with pytest.raises(ValueError, match=r"node 'a\\nb': cannot be written on a line"):
        to_ion(ContactPlan([contact(0, 60, source="a\nb")]), {"a\nb": 1, "earth": 2})
