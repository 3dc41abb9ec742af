"""The planner's sheet: bars stand where windows are, and what is told stands on it."""

from itertools import pairwise

import pytest
from matplotlib.collections import PolyCollection

from twin.pipeline.transport.contact_plan import Contact, ContactPlan
from twin.planning.contact_picture import draw_contacts
from twin.planning.picture_file import write_picture
from twin.planning.rate_classes import rate_classes
from twin.scenario.errors import ScenarioError
from twin.world.timescales import utc_to_us

_START_US = utc_to_us("2033-03-10T00:00:00Z")
_HOUR_US = 3_600_000_000
_SPAN = _START_US, _START_US + 24 * _HOUR_US


def contact(start_h, end_h, rate_bps, owlt_s, source, destination, via=""):
    """A contact in hours from the start, its light time one millisecond longer at its end."""
    start_us, end_us = _START_US + round(start_h * _HOUR_US), _START_US + round(end_h * _HOUR_US)
    owlt = ((start_us, round(owlt_s * 1e6)), (end_us, round(owlt_s * 1e6) + 1_000))
    return Contact(source, destination, start_us, end_us, rate_bps, owlt, via)


_PLAN = ContactPlan(
    [
        contact(2, 8, 512_000, 763.25, "habitat", "earth", "DSS-14"),
        contact(8.5, 9, 256_000, 763.5, "habitat", "earth", "DSS-43"),
        contact(23, 30, 512_000, 763.5, "habitat", "earth", "DSS-43"),
        contact(4, 4.2, 2_000_000, 0.002, "habitat", "relay"),
    ]
)


def bars(axes):
    """(row, start, end) of each bar, in hours."""
    out = []
    for collection in axes.collections:
        assert isinstance(collection, PolyCollection)
        for path in collection.get_paths():
            (x0, y0), (x1, y1) = path.vertices.min(axis=0), path.vertices.max(axis=0)
            out.append((round((y0 + y1) / 2), round(x0, 6), round(x1, 6)))
    return out


def words(figure):
    """Every text on the sheet."""
    return [text.get_text() for place in (figure, *figure.axes) for text in place.texts]


def test_a_bar_stands_for_every_window_cut_to_the_span():
    rows = draw_contacts(_PLAN, _SPAN, "first-sol").axes[0]
    assert [label.get_text() for label in rows.get_yticklabels()] == ["habitat → earth", "habitat → relay"]
    assert bars(rows) == [(0, 2, 8), (0, 8.5, 9), (0, 23, 24), (1, 4, 4.2)]


def test_station_rate_longest_gap_and_sums_are_told_in_words():
    told = words(draw_contacts(_PLAN, _SPAN, "first-sol"))
    assert "Contact plan: first-sol" in told
    assert "DSS-14  512 kbit/s" in told
    assert "gap 14:00:00" in told
    assert "gap 19:48:00" in told
    assert "13.4 Gbit, open 31 %" in told
    assert [text for text in told if text.endswith("bit/s") and "DSS" not in text] == [
        "256 kbit/s",
        "512 kbit/s",
        "2 Mbit/s",
    ]


def test_the_light_time_is_drawn_between_planets_only():
    figure = draw_contacts(_PLAN, _SPAN, "first-sol")
    light_time = next(axes for axes in figure.axes if axes.get_ylabel() == "OWLT [min]")
    minutes = [y for line in light_time.lines for y in line.get_ydata()]
    assert min(minutes) == pytest.approx(763.25 / 60)
    assert max(minutes) == pytest.approx(763.501 / 60, abs=1e-4)
    near = ContactPlan([_PLAN.between("habitat", "relay")[0]])
    assert all(axes.get_ylabel() != "OWLT [min]" for axes in draw_contacts(near, _SPAN, "passes").axes)


def test_rows_of_different_rates_differ_in_lightness():
    """Darker is faster, so grey print tells rates apart too."""
    plan = ContactPlan([contact(2 * k, 2 * k + 1, 8_000 * 4**k, 600.0, "habitat", "earth") for k in range(5)])
    (collection,) = draw_contacts(plan, _SPAN, "rates").axes[0].collections
    lightness = collection.get_facecolor()[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert all(lightness[:-1] > lightness[1:] + 0.03)


@pytest.mark.parametrize(
    "rates_bps",
    [
        # scenarios/four-orbiters.yaml: many rates a little apart, a few far from them.
        [7_937, 32_000, 126_998, 253_996, 507_993, 1_015_986, *range(2_573_307, 2_616_625, 2_000)],
        [32_000, *range(562_863, 583_162, 900)],  # scenarios/conjunction.yaml
        [512_000],
        [round(8_000 * 1.3**k) for k in range(40)],
    ],
)
def test_the_key_explains_every_colour_and_none_twice(rates_bps):
    length_h = 24 / len(rates_bps)
    plan = ContactPlan(
        [
            contact(k * length_h, (k + 1) * length_h, rate_bps, 600.0, "habitat", "earth")
            for k, rate_bps in enumerate(rates_bps)
        ]
    )
    figure = draw_contacts(plan, _SPAN, "rates")
    (collection,) = figure.axes[0].collections
    drawn = {tuple(colour) for colour in collection.get_facecolor()}
    key = [axes.get_facecolor() for axes in figure.axes if axes.get_position().width * figure.get_figwidth() < 0.2]
    assert set(key) == drawn
    assert len(key) == len(drawn) <= 6
    lightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue, _ in key]
    assert all(one > other + 0.05 for one, other in pairwise(lightness))
    texts = [text.get_text() for text in figure.texts if text.get_text().endswith("bit/s")]
    assert len(set(texts)) == len(key)


def test_a_class_tells_the_rates_that_are_in_it():
    classes = rate_classes([32_000, 583_162, 562_863, 570_000])
    assert [of.text for of in classes] == ["32 kbit/s", "562.9 to 583.2 kbit/s"]
    assert [of.text for of in rate_classes([999_000, 1_015_986])] == ["999 kbit/s to 1.016 Mbit/s"]
    assert rate_classes([]) == []


def test_bars_that_touch_are_told_apart_by_a_seam_and_minutes_are_not():
    def seams(*ends_h):
        edges = [(0, ends_h[0]), (ends_h[0], ends_h[1])]
        plan = ContactPlan(
            [contact(*edge, 512_000, 600.0, "habitat", "earth", f"DSS-{k}") for k, edge in enumerate(edges)]
        )
        return [
            line.get_xdata()[0]
            for line in draw_contacts(plan, _SPAN, "seams").axes[0].lines
            if line.get_color() == "white"
        ]

    assert seams(6, 12) == [6]
    assert seams(6, 6.05) == []


def test_a_gap_of_weeks_is_told_in_days():
    span = _START_US, _START_US + 30 * 24 * _HOUR_US
    plan = ContactPlan(
        [contact(0, 10, 512_000, 600.0, "habitat", "earth"), contact(490, 720, 512_000, 600.0, "habitat", "earth")]
    )
    assert "gap 20.0 d" in words(draw_contacts(plan, span, "conjunction"))


def test_sols_stand_above_where_there_is_a_site():
    with_site = draw_contacts(_PLAN, _SPAN, "first-sol", east_longitude_deg=77.45).axes[0]
    assert [axis.get_xlabel() for axis in with_site.child_axes] == ["sol of the run, local mean solar time"]
    assert draw_contacts(_PLAN, _SPAN, "first-sol").axes[0].child_axes == []


def test_a_plan_without_contacts_says_so():
    assert "no contact is planned" in words(draw_contacts(ContactPlan(), _SPAN, "silence"))


@pytest.mark.parametrize(("form", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_same_plan_gives_the_same_file(tmp_path, form, magic):
    files = [tmp_path / f"{name}{form}" for name in ("one", "other")]
    for file in files:
        write_picture(draw_contacts(_PLAN, _SPAN, "first-sol", 77.45), file)
    first, second = (file.read_bytes() for file in files)
    assert first.startswith(magic)
    assert first == second


def test_an_unknown_form_is_refused(tmp_path):
    with pytest.raises(ScenarioError, match=r"plan\.bmp: its form is not known .*; end it in \.png, \.svg, \.pdf"):
        write_picture(draw_contacts(_PLAN, _SPAN, "first-sol"), tmp_path / "plan.bmp")
