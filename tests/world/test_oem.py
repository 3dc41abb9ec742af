"""CCSDS orbit ephemeris messages: round trips in both notations, and what is refused, with file and line."""

import numpy as np
import oem_text
import pytest
from oem_text import kvn, sampled, xml

from twin.world.ccsds_time import ccsds_time_to_us
from twin.world.elements import Elements
from twin.world.mars import Site
from twin.world.oem import OemError, read_oem
from twin.world.orbits import KeplerOrbit
from twin.world.relay_geometry import passes, sees_body
from twin.world.tabulated_orbit import BEYOND_US
from twin.world.timescales import us_to_utc, utc_to_us

EPOCH_US = utc_to_us("2033-03-10T00:00:00Z")
MINUTE_US = 60_000_000
ORBIT = KeplerOrbit(Elements.circular(EPOCH_US, 3696.19, 93.0, 43.871705, 0.0))
SHORT = sampled(ORBIT, EPOCH_US, 10, MINUTE_US)


@pytest.fixture
def read(tmp_path):
    """Writes a text to ``orbit.oem`` and reads it."""

    def reading(text):
        path = tmp_path / "orbit.oem"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_oem(path)

    return reading


@pytest.mark.parametrize("notation", [kvn, xml])
@pytest.mark.parametrize("version", ["2.0", "3.0"])
@pytest.mark.parametrize(("asked", "off_km"), [
    ({}, 4e-6),
    ({"INTERPOLATION": "HERMITE", "INTERPOLATION_DEGREE": "7"}, 4e-6),
    ({"INTERPOLATION": "Hermite", "INTERPOLATION_DEGREE": "3"}, 2e-3),
    ({"INTERPOLATION": "LAGRANGE", "INTERPOLATION_DEGREE": "8"}, 1e-5),
    ({"INTERPOLATION": "LAGRANGE", "INTERPOLATION_DEGREE": "5"}, 1e-5),
    ({"INTERPOLATION": "LINEAR", "INTERPOLATION_DEGREE": "1"}, 2.0),
])  # fmt: skip
def test_orbit_comes_back_from_a_message(read, notation, version, asked, off_km):
    """Errors of a low orbit from states a minute: a linear one sags by (h n)^2 r / 8 = 1.4 km."""
    message = read(notation(sampled(ORBIT, EPOCH_US, 120, MINUTE_US, **asked), version=version))
    assert (message.object_name, message.object_id, message.originator) == ("MRO-LIKE", "2033-001A", "TEST")
    assert message.orbit.spans_us == [(EPOCH_US, EPOCH_US + 119 * MINUTE_US)]
    us = np.linspace(EPOCH_US, EPOCH_US + 119 * MINUTE_US, 5000).astype(np.int64)
    off = np.abs(message.orbit.position_km(us) - ORBIT.position_km(us)).max()
    assert off_km / 100.0 < off < off_km


def test_both_notations_give_the_same_bits(read):
    us = np.linspace(EPOCH_US, EPOCH_US + 9 * MINUTE_US, 500).astype(np.int64)
    assert np.array_equal(read(kvn(SHORT)).orbit.position_km(us), read(xml(SHORT)).orbit.position_km(us))


def test_passes_and_occultations_are_those_of_the_orbit_that_was_exported(read):
    orbit = read(kvn(sampled(ORBIT, EPOCH_US - MINUTE_US, 1440 + 2, MINUTE_US))).orbit
    assert 40_000_000 < orbit.scan_step_us <= ORBIT.scan_step_us + 100_000
    end_us = EPOCH_US + 1440 * MINUTE_US
    for find in (
        lambda one: passes(one, Site("jezero", 18.4447, 77.4508), EPOCH_US, end_us, 10.0),
        lambda one: sees_body(one, "earth", EPOCH_US, end_us),
    ):
        ours, theirs = np.array(find(ORBIT)), np.array(find(orbit))
        assert len(ours) >= 3
        assert np.abs(ours - theirs).max() <= 2000


@pytest.mark.parametrize("notation", [kvn, xml])
def test_segments_join_and_keep_apart(read, notation):
    """Between the second and the third segment there is a gap; touching spans are one to ask."""
    burnt = KeplerOrbit(Elements.circular(EPOCH_US, 3800.0, 93.0, 43.871705, 0.0))
    first = sampled(ORBIT, EPOCH_US, 10, MINUTE_US)
    later_us = EPOCH_US + 9 * MINUTE_US
    second = sampled(burnt, later_us - 3 * MINUTE_US, 20, MINUTE_US, USEABLE_START_TIME=us_to_utc(later_us))
    second.metadata["USEABLE_STOP_TIME"] = us_to_utc(later_us + 10 * MINUTE_US)
    third = sampled(ORBIT, later_us + 20 * MINUTE_US, 10, MINUTE_US)
    second.covariance = True
    orbit = read(notation(first, second, third)).orbit
    assert len(orbit.spans_us) == 3
    before_us, after_us = np.array([later_us - 1]), np.array([later_us, later_us + 10 * MINUTE_US])
    assert orbit.position_km(before_us) == pytest.approx(ORBIT.position_km(before_us), abs=1e-5)
    assert orbit.position_km(after_us) == pytest.approx(burnt.position_km(after_us), abs=1e-5)
    assert orbit.position_km(later_us).shape == (3,)
    with pytest.raises(ValueError, match=r"orbit MRO-LIKE: 2033-03-10T00:19:00.001Z is outside its table, which "
                       r"covers 2033-03-10T00:00:00.000Z to .*, .* to 2033-03-10T00:38:00.000Z; choose"):  # fmt: skip
        orbit.position_km(later_us + 10 * MINUTE_US + 1000)
    for us in (EPOCH_US - BEYOND_US - 1, later_us + 29 * MINUTE_US + BEYOND_US + 1):
        with pytest.raises(ValueError, match="is outside its table"):
            orbit.position_km(np.array([later_us, us]))


def test_passes_beyond_the_table_are_refused(read):
    with pytest.raises(ValueError, match=r"orbit MRO-LIKE: .* is outside its table"):
        passes(read(kvn(SHORT)).orbit, Site("x", 0.0, 0.0), EPOCH_US, EPOCH_US + 10 * MINUTE_US, 10.0)


def test_accelerations_covariance_and_comments_change_nothing(read):
    more = oem_text.Text(SHORT.metadata, [(*state, "0.1", "0.2", "0.3") for state in SHORT.states], covariance=True)
    for notation in (kvn, xml):
        us = np.array([EPOCH_US + 12_345_678])
        assert np.array_equal(read(notation(more)).orbit.position_km(us), read(kvn(SHORT)).orbit.position_km(us))


@pytest.mark.parametrize("frame", ["EME2000", "J2000", "icrf"])
def test_other_names_of_the_inertial_frame_are_taken(read, frame):
    named = sampled(ORBIT, EPOCH_US, 10, MINUTE_US, REF_FRAME=frame)
    assert read(kvn(named)).orbit.position_km(EPOCH_US) == pytest.approx(ORBIT.position_km(EPOCH_US), abs=1e-5)


@pytest.mark.parametrize(
    ("text", "system", "utc", "us"),
    [
        ("2033-03-10T08:26:52.4", "UTC", "2033-03-10T08:26:52.4", 0),
        ("2033-069T08:26:52.4Z", "UTC", "2033-03-10T08:26:52.4", 0),
        ("2032-366T00:00:00", "UTC", "2032-12-31T00:00:00", 0),
        ("2016-12-31T23:59:60.5", "UTC", "2016-12-31T23:59:60.5", 0),
        ("2033-03-10T08:27:29.4", "TAI", "2033-03-10T08:26:52.4", 0),
        ("2033-03-10T08:28:01.584", "TT", "2033-03-10T08:26:52.4", 0),
        # SPICE's own constants make TDB - TT = 0.001657 sin(g): 1.55 ms in March.
        ("2033-03-10T08:28:01.584", "TDB", "2033-03-10T08:26:52.4", -1500),
        ("1999-12-31T23:59:59.9999996", "TAI", "1999-12-31T23:59:28", 0),
    ],
)
def test_times_are_those_of_their_system(text, system, utc, us):
    tolerance_us = 120 if system == "TDB" else 0
    assert abs(ccsds_time_to_us(text, system) - utc_to_us(utc) - us) <= tolerance_us


@pytest.mark.parametrize(
    ("text", "system", "said"),
    [
        ("2033-03-10", "UTC", "'2033-03-10' is not a CCSDS date and time; write it as"),
        ("2033-03-10T00:00:00+01:00", "UTC", "is not a CCSDS date and time"),
        ("2033-366T00:00:00", "TAI", "the year 2033 has no day 366; correct the day of year"),
        ("2033-000T00:00:00", "TAI", "the year 2033 has no day 0"),
        ("0000-001T00:00:00", "TAI", "the year 0000 is not in the calendar"),
        ("2033-02-29T00:00:00", "TT", "2033-02-29 is not in the calendar; correct the date"),
        ("2016-12-31T23:59:60", "TDB", "only UTC has leap seconds; the second before midnight is 23:59:59"),
        ("2033-02-28T24:00:00", "TAI", "a time runs from 00:00:00 to 23:59:59"),
        ("1971-12-31T00:00:00", "TAI", "nothing before 1972 is converted; choose a later date"),
    ],
)
def test_impossible_times_are_refused(text, system, said):
    with pytest.raises(ValueError, match=said):
        ccsds_time_to_us(text, system)


# META_START is line 6 of these messages; metadata follow, START_TIME in line 12, META_STOP in 14, states from 16.
META_CASES = [
    ({"CENTER_NAME": "EARTH"}, 9, "CENTER_NAME EARTH: is not Mars's centre", "use MARS"),
    ({"CENTER_NAME": "MARS BARYCENTER"}, 9, "CENTER_NAME MARS BARYCENTER: is not", "use MARS"),
    ({"REF_FRAME": "ITRF-97"}, 10, "REF_FRAME ITRF-97: is not an inertial frame", "use ICRF or EME2000 or J2000"),
    ({"TIME_SYSTEM": "GPS"}, 11, "TIME_SYSTEM GPS: is not a time system", "use TAI or TDB or TT or UTC"),
    ({"START_TIME": "yesterday"}, 12, "START_TIME: 'yesterday' is not a CCSDS date", "write it as 2033-03-10T"),
    ({"START_TIME": "2033-03-10T00:01:00"}, 16, "state of 2033-03-10T00:00:00.000: is outside START_TIME", "correct"),
    ({"STOP_TIME": "2033-03-10T00:08:00"}, 25, "state of 2033-03-10T00:09:00.000: is outside START_TIME", "correct"),
    ({"STOP_TIME": ""}, 13, "keyword STOP_TIME: has no value", "give one or remove it"),
    ({"INTERPOLATION": "SPLINE"}, 14, "INTERPOLATION SPLINE: is not an interpolation", "use HERMITE or LAGRANGE or"),
    ({"INTERPOLATION": "LAGRANGE"}, 14, "INTERPOLATION: has no INTERPOLATION_DEGREE", "add it"),
    ({"INTERPOLATION_DEGREE": "7"}, 14, "INTERPOLATION_DEGREE: has no INTERPOLATION", "add it"),
    ({"INTERPOLATION": "LINEAR", "INTERPOLATION_DEGREE": "3"}, 15, "degree 3: is not that of linear", "give 1"),
    ({"INTERPOLATION": "HERMITE", "INTERPOLATION_DEGREE": "x"}, 15, "degree 'x': is not a whole number", "give one"),
    ({"INTERPOLATION": "HERMITE", "INTERPOLATION_DEGREE": "6"}, 6, "segment: degree 6 is none of hermite", "15, odd"),
    ({"INTERPOLATION": "LAGRANGE", "INTERPOLATION_DEGREE": "0"}, 6, "segment: degree 0 is none of", "give 1 to 15"),
    (
        {"INTERPOLATION": "LAGRANGE", "INTERPOLATION_DEGREE": "11"},
        6, "segment: 10 states are too few for lagrange interpolation of degree 11, which takes 12", "lower the degree",
    ),
    ({"USEABLE_START_TIME": "2033-03-09T23:59:59"}, 6, "segment: usable from 2033-03-09T23:59:59.000Z", "within the"),
    ({"USEABLE_STOP_TIME": "2033-03-10T00:00:00"}, 6, "segment: usable from 2033-03-10T00:00:00.000Z", "begin before"),
    ({"OBJECT_COLOR": "red"}, 14, "keyword OBJECT_COLOR: is not one of a segment's metadata", "use OBJECT_NAME"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "line", "said", "remedy"), META_CASES)
def test_metadata_that_are_not_taken_are_refused_with_their_line(read, changed, line, said, remedy):
    changed_segment = oem_text.Text(SHORT.metadata | changed, SHORT.states)
    with pytest.raises(OemError) as refused:
        read(kvn(changed_segment))
    assert str(refused.value).startswith(said)
    assert f"orbit.oem:{line}); " in str(refused.value)
    assert remedy in str(refused.value).partition("); ")[2]
    with pytest.raises(OemError) as refused_xml:
        read(xml(changed_segment))
    assert str(refused_xml.value).startswith(said)


GOOD = kvn(SHORT)
STATE_LINES = [line for line in GOOD.splitlines() if line.startswith("2033-03-10T")]


def spoiled(old, new):
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", None, "OEM file: is empty"),
        ("\n\nCCSDS_OPM_VERS = 2.0\n", 3, "keyword CCSDS_OPM_VERS: stands before CCSDS_OEM_VERS"),
        (spoiled("= 2.0", "= 1.0"), 1, "CCSDS_OEM_VERS 1.0: is not a version that is read here"),
        (spoiled("ORIGINATOR = TEST\n", ""), 1, "ORIGINATOR: is missing"),
        (spoiled("ORIGINATOR = TEST", "AUTHOR = TEST"), 4, "keyword AUTHOR: is not one of the header of an OEM"),
        (GOOD[: GOOD.index("META_START")], 1, "OEM: has no segment"),
        (GOOD[: GOOD.index("META_STOP")], 6, "META_START: has no META_STOP"),
        (spoiled("META_START\n", ""), 6, "keyword OBJECT_NAME: is not one of the header"),
        (spoiled("CREATION_DATE", "META_STOP\nCREATION_DATE"), 3, "META_STOP: has no META_START"),
        (spoiled("META_STOP", "META_START\nMETA_STOP"), 14, "META_START: stands inside metadata"),
        (spoiled("META_START", "META_START = yes"), 6, "line 'META_START = yes': is neither a keyword with a value"),
        (spoiled("CENTER_NAME=MARS\n", ""), 13, "CENTER_NAME: is missing"),
        (spoiled("REF_FRAME=ICRF", "REF_FRAME=ICRF\nREF_FRAME=ICRF"), 11, "keyword REF_FRAME: stands in line 10"),
        (spoiled(STATE_LINES[0], "state"), 16, "line 'state': is neither a keyword with a value, nor a state"),
        (spoiled(STATE_LINES[0], "STATE = 5"), 16, "keyword STATE: stands among states"),
        (spoiled(STATE_LINES[0], STATE_LINES[0][:40]), 16, "state with 2 numbers: takes 6, or 9"),
        (spoiled(STATE_LINES[1][25:36], " NaN "), 17, "'NaN': is not a number"),
        (spoiled(STATE_LINES[1][25:36], " 1_000 "), 17, "'1_000': is not a number"),
        (spoiled(STATE_LINES[1], STATE_LINES[2]), 18, "state of 2033-03-10T00:02:00.000: the state is not after"),
        (spoiled(STATE_LINES[1][:23], "2033-03-10T00:61:00"), 17, "epoch: '2033-03-10T00:61:00': a time runs"),
        (spoiled("META_START", STATE_LINES[0]), 6, "state: stands outside a segment's data"),
        ("\n".join(GOOD.splitlines()[:14]), 6, "segment: has no states"),
        (GOOD + "COVARIANCE_START\nEPOCH = 2033-03-10T00:00:00\n", 26, "COVARIANCE_START: has no COVARIANCE_STOP"),
        (b"CCSDS_OEM_VERS = 2.0\nCOMMENT \xff\n", 2, "OEM file: is not text in ASCII or UTF-8"),
    ],
)
def test_broken_files_are_refused_with_their_line(read, text, line, said):
    with pytest.raises(OemError) as refused:
        read(text)
    assert str(refused.value).startswith(said)
    assert (f"orbit.oem:{line}); " if line else "orbit.oem); ") in str(refused.value)


def test_states_in_metres_are_refused(read):
    metres = [(epoch, *(f"{float(value) * 1000:.3f}" for value in numbers)) for epoch, *numbers in SHORT.states]
    with pytest.raises(OemError, match=r"the state is 3696190.00 km from Mars's centre.*:16\); give Mars-centred"):
        read(kvn(oem_text.Text(SHORT.metadata, metres)))


def test_a_second_object_and_overlapping_segments_are_refused(read):
    later = sampled(ORBIT, EPOCH_US + 20 * MINUTE_US, 10, MINUTE_US, OBJECT_NAME="TGO-LIKE")
    with pytest.raises(
        OemError, match=r"OBJECT_NAME TGO-LIKE: is not MRO-LIKE, of which line 7 .*:28\); give one file"
    ):
        read(kvn(SHORT, later))
    overlapping = sampled(ORBIT, EPOCH_US + 8 * MINUTE_US, 10, MINUTE_US)
    with pytest.raises(OemError, match=r"segment 2 is usable from 2033-03-10T00:08:00.000Z, before the segment before"):
        read(kvn(SHORT, overlapping))


GOOD_XML = xml(SHORT)


def line_of(tag):
    """Where a tag stands first in the good message."""
    return GOOD_XML[: GOOD_XML.index(tag)].count("\n") + 1


def spoiled_xml(old, new):
    assert old in GOOD_XML
    return GOOD_XML.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (spoiled_xml("</segment>", ""), line_of("</body>"), "XML: is not well-formed: mismatched tag"),
        (GOOD_XML[:200], None, "XML: is not well-formed:"),
        (spoiled_xml("<oem ", "<!DOCTYPE oem><oem "), 2, "XML: declares a document type or entities"),
        (spoiled_xml("<oem ", '<!DOCTYPE oem [<!ENTITY a "b">]><oem '), 2, "XML: declares a document type or entities"),
        (spoiled_xml('id="CCSDS_OEM_VERS"', 'id="CCSDS_OPM_VERS"'), 2, "oem: has the id 'CCSDS_OPM_VERS'"),
        (spoiled_xml('version="2.0">', ">"), 2, "CCSDS_OEM_VERS : is not a version"),
        (spoiled_xml("UTF-8", "UTF-99"), 1, "XML: declares an unknown encoding: UTF-99"),
        ("<opm></opm>", 1, "element 'opm': is not one of an OEM here"),
        (spoiled_xml("<X>", "<W>1</W><X>"), line_of("<X>"), "element 'W': is not one of a state vector"),
        (spoiled_xml("<X>", "<X>1</X><X>"), line_of("<X>"), "element 'X': stands twice"),
        (spoiled_xml("<X>", '<X units="m">'), line_of("<X>"), "X in m: must be in km"),
        (
            spoiled_xml("<X>", "<!-- <X>").replace("</X>", "</X> -->", 1),
            line_of("</stateVector>"),
            "stateVector: lacks X",
        ),
        (
            spoiled_xml("<OBJECT_ID>", "<small>1</small><OBJECT_ID>"),
            line_of("<OBJECT_ID>"),
            "element 'small': is not a keyword of an OEM",
        ),
        (spoiled_xml("</header>", ""), line_of("<body>"), "element 'body': is not a keyword of an OEM"),
        (spoiled_xml("<data>", "<data><X>1</X>"), line_of("<data>"), "element 'X': is not one of an OEM here"),
    ],
)
def test_broken_xml_is_refused_with_its_line(read, text, line, said):
    with pytest.raises(OemError) as refused:
        read(text)
    assert str(refused.value).startswith(said)
    if line is not None:
        assert f"orbit.oem:{line}); " in str(refused.value)


def test_units_and_an_enclosing_message_are_taken(read):
    units = spoiled_xml("<X>", '<X units="km">').replace("<X_DOT>", '<X_DOT units="km/s">', 1)
    enclosed = units.replace("<oem ", "<ndm><oem ").replace("</oem>", "</oem></ndm>")
    assert read(enclosed).orbit.spans_us == [(EPOCH_US, EPOCH_US + 9 * MINUTE_US)]


def test_two_messages_in_one_are_refused(read):
    body = GOOD_XML.partition("\n")[2]
    with pytest.raises(OemError, match="keyword CCSDS_OEM_VERS: stands among states"):
        read(f"<ndm>{body}{body}</ndm>")


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(OemError, match=r"OEM file: cannot be read: No such file .*none.oem\); check the path"):
        read_oem(tmp_path / "none.oem")
    with pytest.raises(OemError, match="OEM file: cannot be read: Is a directory"):
        read_oem(tmp_path)
