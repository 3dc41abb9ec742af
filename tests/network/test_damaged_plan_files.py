"""Files damaged at random are read or refused with a line, never anything else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import EPOCH_US, contact

from twin.network.formats import PlanFileError, number_nodes, read_csv, read_hdtn, read_ion, to_csv, to_hdtn, to_ion
from twin.pipeline.transport.contact_plan import ContactPlan

_PLAN = ContactPlan(
    [
        contact(0, 60, owlt_s=600.5),
        contact(70, 130, owlt_s=601.5),
        contact(20, 90, source="earth", destination="habitat", owlt_s=599.5),
    ]
)
_NODES = number_nodes(_PLAN)
_FILES = {
    "ion": (to_ion(_PLAN, _NODES, EPOCH_US).text, read_ion),
    "hdtn": (to_hdtn(_PLAN, _NODES, EPOCH_US).text, read_hdtn),
    "csv": (to_csv(_PLAN, "damaged"), read_csv),
}
_SCRAPS = (
    st.text(max_size=4)
    | st.sampled_from(
        [*' \n\r\0-+0{],"#*', "9" * 20, ".5", "1e9", "null", "NaN", "true", "@ 0\n", "a contact ", "d contact * 1 2\n"]
    )
    | st.sampled_from(["", "9999/12/31-23:59:59", "9999-12-31T23:59:59Z", "\u2028"])
)


@pytest.mark.parametrize("form", _FILES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_with_its_line(form, data):
    text, read = _FILES[form]
    for _ in range(data.draw(st.integers(1, 3))):
        start, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
        text = text[:start] + data.draw(_SCRAPS) + text[start + length :]
    refused = None
    try:
        plan = read(text, "damaged").plan
    except PlanFileError as error:
        refused = error
    if refused is None:
        assert all(c.rate_bps > 0 and c.start_us <= c.end_us for c in plan.contacts)
    else:
        assert 1 <= int(refused.place.removeprefix("damaged:")) <= text.count("\n") + text.count("\r") + 1
        assert refused.remedy
        assert "\n" not in str(refused)


@pytest.mark.parametrize("form", _FILES)
def test_the_undamaged_file_is_read(form):
    text, read = _FILES[form]
    assert len(read(text, "whole").plan.contacts) >= 3
