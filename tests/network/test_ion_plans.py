"""What ION itself would do with an exported plan, and reading files in the layouts that its repository publishes."""

import pytest
from hypothesis import given, settings
from plans import EPOCH_US, SECOND_US, contact, contact_plans

from twin.network.formats import PlanFileError, number_nodes, read_ion, to_ion
from twin.network.formats.posix import floor_s
from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.world.timescales import utc_to_us


class IonDatabase:
    """ION's rules of insertion (ici/library/rfx.c): what breaks one is noted and ignored."""

    def __init__(self):
        self.contacts, self.asserted, self.imputed, self.ignored = {}, {}, {}, []

    def load(self, text):
        for line in text.splitlines():
            words = line.split()
            if words[:1] == ["a"]:
                start_s, end_s = (self.second(word) for word in words[2:4])
                pair = int(words[4]), int(words[5])
                insert = self.insert_contact if words[1] == "contact" else self.insert_range
                insert(line, pair, start_s, end_s, int(words[6]))

    @staticmethod
    def second(word):
        day, time = word.split("-")
        return floor_s(utc_to_us(f"{day.replace('/', '-')}T{time}Z"))

    def insert_contact(self, line, pair, start_s, end_s, rate):
        mine = self.contacts.setdefault(pair, {})
        if rate == 0 or end_s <= start_s or any(s <= end_s and start_s <= e for s, (e, _) in mine.items()):
            self.ignored.append(line)
            return
        mine[start_s] = end_s, rate

    def insert_range(self, line, pair, start_s, end_s, owlt_s):
        self.imputed.get(pair, {}).pop(start_s, None)
        mine = {**self.imputed.get(pair, {}), **self.asserted.get(pair, {})}
        if end_s <= start_s or any(s < end_s and start_s < e for s, (e, _) in mine.items()):
            self.ignored.append(line)
            return
        self.asserted.setdefault(pair, {})[start_s] = end_s, owlt_s
        back = pair[1], pair[0]
        if pair[0] < pair[1] and start_s not in self.asserted.get(back, {}):
            self.imputed.setdefault(back, {})[start_s] = end_s, owlt_s

    def light_times_s(self, pair, second):
        """Of the ranges that hold at a second; at a seam, routing takes the one that ends there."""
        ranges = {**self.imputed.get(pair, {}), **self.asserted.get(pair, {})}
        return [owlt_s for start_s, (end_s, owlt_s) in sorted(ranges.items()) if start_s <= second <= end_s]


@settings(max_examples=150, deadline=None)
@given(plan=contact_plans())
def test_ion_takes_every_line_and_finds_the_light_time_of_both_directions(plan):
    """No command is an overlap to ION, and asserted and implied ranges say what `read_ion` reads."""
    numbers = number_nodes(plan)
    text = to_ion(plan, numbers).text
    ion = IonDatabase()
    ion.load(text)
    assert ion.ignored == []
    for c in read_ion(text).plan.contacts:
        pair = numbers[c.source], numbers[c.destination]
        for at_us in {c.start_us, c.end_us - SECOND_US, *(t for t, _ in c.owlt if t % SECOND_US == 0)}:
            assert c.owlt_us(at_us) // SECOND_US == ion.light_times_s(pair, floor_s(at_us))[-1]


def refusal(text, **more):
    """The one line with which a file is refused."""
    with pytest.raises(PlanFileError) as refused:
        read_ion(text, "global.ionrc", **more)
    return str(refused.value)


def test_light_times_that_move_split_the_range_of_both_directions():
    """Down and up differ by 20 ms; where they pass 600 s at other seconds, the second range overrides the first."""
    start_us, end_us = EPOCH_US, EPOCH_US + 1_000 * SECOND_US
    down = ((start_us, 599_960_000), (end_us, 600_060_000))
    up = ((start_us, 599_940_000), (end_us, 600_040_000))
    plan = ContactPlan(
        [
            Contact("habitat", "earth", start_us, end_us, 80_000, down, "DSS-14"),
            Contact("earth", "habitat", start_us, end_us, 8_000, up, "DSS-14"),
        ]
    )
    text = to_ion(plan, {"habitat": 2, "earth": 1}, EPOCH_US).text
    assert text.splitlines()[1:] == [
        "# node 1 is earth",
        "# node 2 is habitat",
        "# reference +0 is 2033/03/10-00:00:00",
        "a range +0 +400 1 2 600",
        "a range +400 +600 1 2 600",
        "a range +400 +600 2 1 601",
        "a range +600 +1000 1 2 601",
        "a contact +0 +1000 1 2 1000",
        "a contact +0 +1000 2 1 10000",
    ]
    read_back = read_ion(text).plan
    assert [c.owlt_us(start_us + 399_999_999) for c in read_back.contacts] == [600_000_000, 600_000_000]
    assert [c.owlt_us(start_us + 400_000_000) for c in read_back.contacts] == [600_000_000, 601_000_000]
    assert [c.owlt_us(start_us + 600_000_000) for c in read_back.contacts] == [601_000_000, 601_000_000]


# Laid out as tests/asymmetric-range/global.ionrc and ionstart files of ION's repository are; the network is made up.
_PUBLISHED_LAYOUT = """\
## begin ionadmin
# Node 7 between two others.
1 7 ''
s
m horizon +0
a range    +0 +1800\t\t7 8   12
a range    +0 +1800\t\t9 7   3
a range    +0 +1800\t\t7 9   4
a contact  +0 +1800\t\t7 7   4096
a contact  +60 +120\t\t9 7   4096 1.0
a contact  +60 +120\t\t7 9   4096
a contact  +0 +1800\t\t8 7   1000 0.5

a contact  +0 +600\t\t8 7   1000
a contact  +600 +900\t\t8 7   2000
l range
## end ionadmin
## begin bpadmin
a scheme ipn 'ipnfw' 'ipnadminep'
## end bpadmin
"""


def test_a_file_in_the_published_layout_is_read():
    read = read_ion(_PUBLISHED_LAYOUT, reference_us=EPOCH_US)
    expected = [
        contact(0, 600, 8_000, 12, "ipn:8", "ipn:7"),
        contact(60, 120, 32_768, 4, "ipn:7", "ipn:9"),
        contact(60, 120, 32_768, 3, "ipn:9", "ipn:7"),
        contact(600, 900, 16_000, 12, "ipn:8", "ipn:7"),
    ]
    assert [c._replace(owlt=()) for c in read.plan.contacts] == [c._replace(owlt=()) for c in expected]
    assert [c.owlt_us(c.end_us - 1) for c in read.plan.contacts] == [c.owlt[0][1] for c in expected]
    assert read.left_out == ("line 9: loopback 7->7", "line 12: contact of confidence 0.5 8->7")


def test_a_range_of_the_higher_number_overrides_only_while_it_lasts():
    lines = [
        "@ 2033/03/10-00:00:00",
        "a range +0 +300 1 2 5",
        "a range +100 +200 2 1 7",
        "a contact +0 +300 2 1 100",
        "a contact +0 +300 1 2 100",
    ]
    there, back = read_ion("\n".join(lines)).plan.contacts
    seconds = [0, 99, 100, 199, 200, 299]
    assert [there.owlt_us(EPOCH_US + s * SECOND_US) // SECOND_US for s in seconds] == [5] * 6
    assert [back.owlt_us(EPOCH_US + s * SECOND_US) // SECOND_US for s in seconds] == [5, 5, 7, 7, 5, 5]


def test_references_changes_and_deletions_are_carried_out_in_order():
    lines = [
        "@ 2033/03/10-00:00:00",
        "@ +1000",
        "a range 2033/03/10-00:00:00 +1000 1 2 3",
        "a contact +0 +10 1 2 100",
        "a contact +20 +30 1 2 100",
        "a contact +40 +50 1 2 100",
        "a contact +40 +50 2 1 100",
        "c contact +20 1 2 250",
        "d contact +0 1 2",
        "d contact * 2 1",
        "a range +2000 +3000 1 2 9",
        "d range +2000 1 2",
        "a contact -1 -1 1 1 0",
        "d contact -1 1 1",
        "a contact 0 0 1 2 0",
    ]
    read = read_ion("\n".join(lines))
    windows = [((c.start_us - EPOCH_US) // SECOND_US, c.rate_bps) for c in read.plan.contacts]
    assert windows == [(1_020, 2_000), (1_040, 800)]
    assert read.left_out == ("line 13: registration 1->1", "line 15: hypothetical contact 1->2")


def test_names_come_from_the_caller_or_from_comments():
    text = to_ion(ContactPlan([contact(0, 60)]), {"habitat": 12, "earth": 40}).text
    assert read_ion(text).plan.neighbours("habitat") == ["earth"]
    assert read_ion(text, names={12: "Jezero", 40: "Goldstone"}).plan.neighbours("Jezero") == ["Goldstone"]
    assert refusal(text, names={12: "Jezero"}) == (
        "node 40: has no name (global.ionrc:5); name it in `# node 40 is NAME`"
    )


_AT = "@ 2033/03/10-00:00:00\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a contact +0 +60 1 2 100",
            "time +0: counts from a reference that is not known (global.ionrc:1); "
            "set it with `@ yyyy/mm/dd-hh:mm:ss` or give the instant of +0",
        ),
        (
            _AT + "\na contact +0 +60 1 2",
            "command a contact +0 +60 1 2: lacks fields (global.ionrc:3); "
            "write `a contact START END FROM TO BYTES_PER_SECOND [CONFIDENCE]`",
        ),
        (
            _AT + "a range +0 +60 1 2 3 4",
            "command a range +0 +60 1 2 3 4: has too many fields (global.ionrc:2); "
            "write `a range START END FROM TO SECONDS`",
        ),
        (
            _AT + "a contact +60 +0 1 2 100",
            "contact 1 2: end +0 is before start +60 (global.ionrc:2); let it end later",
        ),
        (_AT + "a contact +60 +60 1 2 100", "contact 1 2: end +60 is its start (global.ionrc:2); let it end later"),
        (
            _AT + "a contact +0 +60 1 2 -100",
            "rate -100 bytes/s: is not above 0 (global.ionrc:2); give the contact's rate or drop it",
        ),
        (
            _AT + "a contact +0 +60 1 2 fast",
            "rate fast: is not whole bytes per second (global.ionrc:2); give whole bytes per second",
        ),
        (
            _AT + "a contact +0 +60 1 earth 100",
            "node earth: is not a node number (global.ionrc:2); give a whole number from 1 on",
        ),
        (
            _AT + "a contact +0 +60 1.5 2 100",
            "node 1.5: is not a node number (global.ionrc:2); give a whole number from 1 on",
        ),
        (
            _AT + "a contact +0 +60 1 2 100 1.2",
            "confidence 1.2: is not between 0 and 1 (global.ionrc:2); give 1 or drop it",
        ),
        (
            _AT + "a contact +0.5 +60 1 2 100",
            "time +0.5: is no time of ION (global.ionrc:2); write +SECONDS or yyyy/mm/dd-hh:mm:ss",
        ),
        (
            "a contact 2033/02/30-00:00:00 2033/03/01-00:00:00 1 2 100",
            "time 2033/02/30-00:00:00: 2033-02-30 is not in the calendar (global.ionrc:1); correct the date",
        ),
        (
            _AT + "a contact +0 +60 1 2 100",
            "contact 1->2: no range says the light time from 2033/03/10-00:00:00 on (global.ionrc:2); "
            "add `a range` that covers the contact",
        ),
        (
            _AT + "a contact +0 +60 1 2 100\na range +0 +30 1 2 5\na range +31 +60 1 2 5",
            "contact 1->2: no range says the light time from 2033/03/10-00:00:30 on (global.ionrc:2); "
            "add `a range` that covers the contact",
        ),
        (
            _AT + "a contact +0 +60 1 2 100\na range +0 +60 2 1 5",
            "contact 1->2: no range says the light time from 2033/03/10-00:00:00 on (global.ionrc:2); "
            "add `a range` that covers the contact",
        ),
        (
            _AT + "a range +0 +60 1 2 5\na contact +30 +60 1 2 100\n#\na contact +0 +31 1 2 100",
            "contact ipn:1->ipn:2: overlaps the contact of line 3 of the same pair (global.ionrc:5); "
            "shorten or drop one of the two",
        ),
        (
            _AT + "a range +0 +60 1 2 5\na range +59 +90 1 2 6",
            "range 1 2: overlaps the range of line 2 of the same pair (global.ionrc:3); shorten or drop one of the two",
        ),
        (_AT + "a range +0 +60 1 2 -5", "light time -5 s: is negative (global.ionrc:2); give 0 or more seconds"),
        (
            _AT + "c contact +0 1 2 100",
            "c contact +0 1 2: no contact of the pair starts then (global.ionrc:2); "
            "add the contact before it is changed",
        ),
        ("# node 1 is a\n# node 2 is a", "node 2: shares its name or number (global.ionrc:2); name each node once"),
        (
            "## begin bpadmin\na scheme ipn 'ipnfw' 'ipnadminep'",
            "section bpadmin: is never ended (global.ionrc:1); close it with `## end bpadmin`",
        ),
    ],
)
def test_broken_files_are_refused_with_line_and_remedy(text, said):
    assert refusal(text) == said


def test_an_unknown_command_is_refused_with_a_guess():
    said = refusal(_AT + "a contct +0 +60 1 2 100")
    assert said.startswith(
        "command a contct +0 +60 1 2 100: is not one of ionadmin (global.ionrc:2); did you mean a contact?"
    )
