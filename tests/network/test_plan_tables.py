"""Contact plans as CSV and JSON: exact, with units, and refused by line when broken."""

import json

import pytest
from plans import EPOCH_US, contact

from twin.network.formats import PlanFileError, read_csv, to_csv, to_json
from twin.pipeline.transport.contact_plan import Contact, ContactPlan

_PLAN = ContactPlan(
    [
        contact(0, 60.000_001, 8_000, 763.25, via="DSS-14"),
        contact(60.000_001, 90, 8_000, 763.251, via="DSS-43, 70 m"),
        contact(90, 90, source="earth", destination="habitat"),
    ]
)
_CSV = """\
# contact plan of global-storm
# start_utc, end_utc: UTC at the transmitter, start included, end not; rate_bps: bit per second;
# owlt_s: one-way light time of the first bit, in seconds; via: station or relay, empty if none
from,to,start_utc,end_utc,rate_bps,owlt_s,via
habitat,earth,2033-03-10T00:00:00.000Z,2033-03-10T00:01:00.000001Z,8000,763.250000,DSS-14
habitat,earth,2033-03-10T00:01:00.000001Z,2033-03-10T00:01:30.000Z,8000,763.251000,"DSS-43, 70 m"
earth,habitat,2033-03-10T00:01:30.000Z,2033-03-10T00:01:30.000Z,8000,600.000000,
"""


def test_csv_says_units_and_scenario_and_comes_back():
    """Contacts that touch at a microsecond or last no time stay what they are."""
    assert to_csv(_PLAN, "global-storm") == _CSV
    assert [c._replace(owlt=()) for c in read_csv(_CSV).plan.contacts] == [c._replace(owlt=()) for c in _PLAN.contacts]


def test_json_is_a_list_with_the_keys_of_the_command_line():
    assert json.loads(to_json(_PLAN))[0] == {
        "from": "habitat",
        "to": "earth",
        "start_utc": "2033-03-10T00:00:00.000Z",
        "end_utc": "2033-03-10T00:01:00.000001Z",
        "rate_bps": 8_000,
        "owlt_s": 763.25,
        "via": "DSS-14",
    }
    assert len(json.loads(to_json(_PLAN))) == 3
    assert json.loads(to_json(ContactPlan())) == []


def test_the_light_time_told_is_that_of_the_first_bit():
    start_us = EPOCH_US + 1_800_000_000
    rising = ((EPOCH_US, 600_000_000), (EPOCH_US + 3_600_000_000, 600_200_000))
    plan = ContactPlan([Contact("habitat", "earth", start_us, start_us + 1_000_000, 8, rising)])
    assert json.loads(to_json(plan))[0]["owlt_s"] == 600.1
    assert ",600.100000," in to_csv(plan)


def row(**cells):
    """The first row of the table with cells replaced, under its header on line 1."""
    values = dict(
        zip(_CSV.splitlines()[3].split(","), _CSV.splitlines()[4].split(","), strict=True),
        **cells,
    )
    return f"{','.join(values)}\n{','.join(values.values())}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (row(rate_bps=""), "contact habitat->earth: rate_bps is missing (plan.csv:2); fill the cell"),
        (
            row(rate_bps="-8"),
            "contact habitat->earth: rate -8 bit/s is not above 0 (plan.csv:2); give its rate or drop the contact",
        ),
        (
            row(rate_bps="8k"),
            "rate_bps 8k: is not whole bits per second (plan.csv:2); give a whole number",
        ),
        (
            row(owlt_s="-1"),
            "owlt_s -1: is not seconds with up to six decimals (plan.csv:2); write it like 763.401000",
        ),
        (
            row(end_utc="2033-03-09T00:00:00Z"),
            "contact habitat->earth: end 2033-03-09T00:00:00.000Z is before start 2033-03-10T00:00:00.000Z "
            "(plan.csv:2); swap them or drop the contact",
        ),
        (
            row(start_utc="noon"),
            "start_utc noon: 'noon' is not an ISO 8601 date and time (plan.csv:2); write it as 2033-03-10T08:26:52Z",
        ),
        (
            row() + "earth,habitat,2033-03-10T00:00:00Z\n",
            "the row: has 3 cells under 7 columns (plan.csv:3); add or drop some",
        ),
        (
            row() + "\n" + row().splitlines()[1],
            "contact habitat->earth: overlaps the contact of line 2 of the same pair (plan.csv:4); "
            "shorten or drop one of the two",
        ),
        (
            "# only words\n",
            "the file: holds no header (plan.csv:1); begin with `from,to,start_utc,end_utc,rate_bps,owlt_s,via`",
        ),
        (
            "#\nfrom,to,start_utc,end_utc,rate_bps,via\n",
            "the header: lacks owlt_s (plan.csv:2); begin with `from,to,start_utc,end_utc,rate_bps,owlt_s,via`",
        ),
        (
            "from,to,start,end_utc,rate_bps,owlt_s,via\n",
            "column start: is not of a contact plan (plan.csv:1); did you mean start_utc? "
            "use one of from, to, start_utc, end_utc, rate_bps, owlt_s, via",
        ),
        (
            "from,to,to,start_utc,end_utc,rate_bps,owlt_s,via\n",
            "column to: stands twice (plan.csv:1); keep one of the two",
        ),
        (
            row() + '"habitat',
            "the row: is not CSV (unexpected end of data) (plan.csv:3); quote and separate the cells with commas",
        ),
    ],
)
def test_broken_tables_are_refused_with_line_and_remedy(text, said):
    with pytest.raises(PlanFileError) as refused:
        read_csv(text, "plan.csv")
    assert str(refused.value) == said
