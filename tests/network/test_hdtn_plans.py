"""Reading plans in the layout that HDTN's repository publishes, and refusing broken ones by contact and line."""

import json

import pytest
from plans import EPOCH_US, SECOND_US, contact

from twin.network.formats import PlanFileError, read_hdtn, to_hdtn
from twin.pipeline.transport.contact_plan import Contact, ContactPlan

# Laid out as module/router/contact_plans/*.json of nasa/HDTN are, blank lines and tabs too; the network is made up.
_PUBLISHED_LAYOUT = """\
{
    "contacts": [
       {
            "contact": 0,
            "source": 1,
            "dest": 10,
            "startTime": 0,
            "endTime": 12,
            "rateBitsPerSec": 1000000,
            "owlt":  1
        },

\t{
            "contact": 1,
            "source": 1,
            "dest": 10,
            "finalDestination": 2,
            "startTime": 12,
            "endTime": 2000,
            "rate": 3,
            "owlt":  2
        }
    ]
}

"""


def refusal(text, **more):
    """The one line with which a file is refused."""
    with pytest.raises(PlanFileError) as refused:
        read_hdtn(text, "plan.json", **{"reference_us": EPOCH_US, **more})
    return str(refused.value)


def test_a_file_in_the_published_layout_is_read():
    """`rate` is the deprecated field, in Mbit/s; times count from the start that the reader is told."""
    read = read_hdtn(_PUBLISHED_LAYOUT, reference_us=EPOCH_US)
    assert read.plan.contacts == (
        contact(0, 12, 1_000_000, 1, "ipn:1", "ipn:10"),
        contact(12, 2_000, 3_000_000, 2, "ipn:1", "ipn:10")._replace(
            owlt=((EPOCH_US + 12 * SECOND_US, 2 * SECOND_US),)
        ),
    )
    assert read.left_out == ()


def test_what_is_written_has_the_fields_that_the_router_reads():
    text = to_hdtn(ContactPlan([contact(0, 60, 7, 12.25, via="DSS-14")]), {"habitat": 3, "earth": 9}).text
    assert json.loads(text) == {
        "timesCountFrom": "1970-01-01T00:00:00Z",
        "nodeNames": {"3": "habitat", "9": "earth"},
        "contacts": [
            {
                "contact": 0,
                "source": 3,
                "dest": 9,
                "startTime": 1994025600,
                "endTime": 1994025660,
                "rateBitsPerSec": 7,
                "owlt": 13,
            }
        ],
    }


def test_a_contact_is_split_where_its_light_time_passes_a_second():
    start_us, end_us = EPOCH_US, EPOCH_US + 1_000 * SECOND_US
    falling = ((start_us, 601_500_000), (end_us, 599_500_000))
    plan = ContactPlan([Contact("habitat", "earth", start_us, end_us, 8_000, falling)])
    rows = json.loads(to_hdtn(plan, {"habitat": 1, "earth": 2}, start_us).text)["contacts"]
    assert [(row["contact"], row["startTime"], row["endTime"], row["owlt"]) for row in rows] == [
        (0, 0, 250, 602),
        (1, 250, 750, 601),
        (2, 750, 1_000, 600),
    ]


def test_loopbacks_are_left_out_and_told():
    rows = [{"source": 4, "dest": 4, "startTime": 0, "endTime": 9, "rateBitsPerSec": 8, "owlt": 0}]
    assert read_hdtn(json.dumps({"contacts": rows})).left_out == ("line 1: loopback 4->4",)


def changed(position, **fields):
    """The published layout with fields of one contact replaced, or dropped where None; one contact a line."""
    contacts = json.loads(_PUBLISHED_LAYOUT)["contacts"]
    row = {**contacts[position], **fields}
    contacts[position] = {name: value for name, value in row.items() if value is not None}
    return '{"contacts": [\n' + ",\n".join(json.dumps(row) for row in contacts) + "\n]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            changed(1, endTime=None, owlt=None),
            "contact 1: lacks endTime, owlt (plan.json:3); add what is missing",
        ),
        (
            changed(1, rate=None),
            "contact 1: lacks rateBitsPerSec (plan.json:3); add what is missing",
        ),
        (
            changed(1, contact=None, dest=None),
            "contact 1: lacks dest (plan.json:3); add what is missing",
        ),
        (
            changed(1, endTime=11),
            "contact ipn:1->ipn:10: end 2033-03-10T00:00:11.000Z is before start 2033-03-10T00:00:12.000Z "
            "(plan.json:3); swap them or drop the contact",
        ),
        (
            changed(0, rateBitsPerSec=-5),
            "contact 0: rateBitsPerSec -5 is negative (plan.json:2); give 0 or more",
        ),
        (
            changed(0, rateBitsPerSec=0),
            "contact 0: rateBitsPerSec 0 says no rate (plan.json:2); give the rate of the link, or drop the contact",
        ),
        (
            changed(0, owlt=1.5),
            "contact 0: owlt 1.5 is not a whole number (plan.json:2); give a whole number",
        ),
        (
            changed(0, source=0),
            "contact 0: source 0 is not a node number (plan.json:2); give a whole number from 1 on",
        ),
        (
            changed(1, startTime=11),
            "contact ipn:1->ipn:10: overlaps the contact of line 2 of the same pair (plan.json:3); "
            "shorten or drop one of the two",
        ),
        (
            '{"contacts": [\n{"contact": }\n]}',
            "the file: is not JSON (Expecting value) (plan.json:2); correct it here",
        ),
        ('{"contacts": [\n7]}', "contact at position 0: is not an object (plan.json:2); write it as {...}"),
        ('{"contact": []}', 'the file: holds no list under `contacts` (plan.json:1); write {"contacts": [...]}'),
        ('{"contacts": NaN}', "the file: is not JSON (NaN is no number) (plan.json:1); write finite numbers"),
        (
            '{"contacts": ' + 200_000 * "[" + 200_000 * "]" + "}",
            "the file: nests its brackets too deeply to be read (plan.json:1); "
            'write {"contacts": [...]} with one flat object for each contact',
        ),
        (
            '{"nodeNames": {"1": "a", "2": "a"}, "contacts": []}',
            "nodeNames: names two nodes alike (plan.json:1); give each node its own name",
        ),
    ],
)
def test_broken_files_are_refused_with_contact_and_line(text, said):
    assert refusal(text) == said


def test_times_need_an_instant_from_which_they_count():
    """Published plans count from the router's start, which no file tells."""
    assert refusal(_PUBLISHED_LAYOUT, reference_us=None) == (
        "contact ipn:1->ipn:10: startTime 0, endTime 12 do not lie between 1972 and 9999 (plan.json:3); "
        "give Unix times, or the instant from which the file's times count"
    )
    assert refusal('{"timesCountFrom": "soon", "contacts": []}', reference_us=None) == (
        "timesCountFrom soon: 'soon' is not an ISO 8601 date and time (plan.json:1); write it as 2033-03-10T08:26:52Z"
    )


def test_an_unknown_node_is_refused():
    assert refusal(_PUBLISHED_LAYOUT, names={1: "edge-a"}) == (
        "node 10: has no name (plan.json:3); name it under nodeNames"
    )


def test_the_line_is_found_although_names_repeat():
    """Only the last list called `contacts` counts, as in JSON itself."""
    text = '{"contacts": [{"source": 1}],\n "x": {"contacts": [1]},\n "contacts": [\n {"source": 1}]}'
    assert "(plan.json:4)" in refusal(text)
