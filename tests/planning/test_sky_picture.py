"""The sheet of the coming sols: boxes stand where windows are, and what happens is marked."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from twin.network.conjunction import SEP_LIMITS_DEG
from twin.planning.picture_file import write_picture
from twin.planning.sky_picture import draw_sky
from twin.planning.sols_ahead import STATIONS, sols_ahead
from twin.world.mars import Site
from twin.world.timescales import SOL_US, utc_to_us

JEZERO = Site("jezero", 18.4447, 77.4508)


@pytest.fixture(scope="module")
def sky():
    return sols_ahead(JEZERO, utc_to_us("2033-03-10"), 10)


@pytest.fixture(scope="module")
def conjunction():
    return sols_ahead(JEZERO, utc_to_us("2034-08-10"), 20)


@pytest.fixture(scope="module")
def year():
    return sols_ahead(JEZERO, utc_to_us("2034-04-01"), 400)


def chart(figure):
    return next(axes for axes in figure.axes if axes.get_xlabel() == "local mean solar time")


def boxes(axes, label):
    """(sol, left, right) of each box of one kind, in hours."""
    (patches,) = (one for one in axes.collections if isinstance(one, PolyCollection) and one.get_label() == label)
    corners = [path.vertices for path in patches.get_paths()]
    return [(round(float(c[:-1, 1].mean())), float(c[:, 0].min()), float(c[:, 0].max())) for c in corners]


def words(figure):
    return [text.get_text() for place in (figure, *figure.axes) for text in place.texts]


def test_boxes_stand_where_windows_are(sky):
    axes = chart(draw_sky(sky))
    kinds = [("daylight", "daylight"), ("Earth up", "earth_up"), ("no station", "gaps")]
    wanted = {label: [(sol, window) for sol in sky.sols for window in getattr(sol, name)] for label, name in kinds}
    wanted |= {name: [(sol, window) for sol in sky.sols for window in sol.links[name]] for name in STATIONS}
    for label, windows in wanted.items():
        drawn = boxes(axes, label)
        assert len(drawn) == len(windows) > 0
        for (sol, left, right), (of_sol, (start_us, end_us)) in zip(drawn, windows, strict=True):
            assert sol == of_sol.number
            assert left == pytest.approx((start_us - of_sol.start_us) / SOL_US * 24, abs=1e-5)
            assert right == pytest.approx((end_us - of_sol.start_us) / SOL_US * 24, abs=1e-5)


def test_a_row_for_each_sol_with_its_numbers(sky):
    figure = draw_sky(sky)
    labels = [label.get_text() for label in chart(figure).get_yticklabels()]
    assert labels[:2] == ["sol 0   9 Mar 23:36", "sol 1   11 Mar 00:15"]
    assert len(labels) == 10
    # Sol 0: link of 10:55:46, OWLT 591.630 s, SEP 92.601 deg, 177.374 Mkm.
    assert {"10:55", "9:52", "92.6°", "177.4", "132.8°"} <= set(words(figure))
    assert "Sky over jezero (18.4447 N, 77.4508 E)" in words(figure)


def test_the_limits_of_sep_stand_in_its_curve(sky):
    (sep,) = (axes for axes in draw_sky(sky).axes if axes.get_ylabel() == "SEP")
    levels = sorted(line.get_ydata()[0] for line in sep.lines if len(line.get_ydata()) == 2)
    assert levels == sorted(SEP_LIMITS_DEG.values())
    (curve,) = (line for line in sep.lines if len(line.get_ydata()) > 2)
    # The conjunction of July 2032 lies in the same synodic period.
    assert 0.8 < min(curve.get_ydata()) < 1.2


def test_distance_and_light_time_are_one_curve(sky):
    (distance,) = (axes for axes in draw_sky(sky).axes if axes.get_ylabel() == "distance [Mkm]")
    (minutes,) = distance.child_axes
    # One light minute is 17.988 Mkm.
    assert minutes.get_yticks() == pytest.approx(17.9875475 * np.arange(0, 21, 5))
    assert [label.get_text() for label in minutes.get_yticklabels()] == ["0", "5", "10", "15", "20"]


def test_a_moratorium_is_hatched_and_its_edges_are_marked(conjunction):
    figure = draw_sky(conjunction)
    hatched = boxes(chart(figure), "closed by the Sun")
    # 2034-08-14T04:17 to 2034-08-24T06:14 are 10.08 d, 9.81 sols.
    assert sum(right - left for _, left, right in hatched) / 24 == pytest.approx(9.812, abs=0.001)
    marks = words(figure)
    for text in ("SEP falls below 2°", "SEP rises above 2°", "superior conjunction", "farthest from Earth"):
        assert marks.count(text) == 1
    assert "hatched: X and commands closed, SEP < 2°" in marks
    assert "SEP falls below 5°" not in marks  # before the first sol


def test_labels_of_marks_do_not_lie_on_each_other(year):
    figure = draw_sky(year)
    figure.canvas.draw()
    frames = [text.get_bbox_patch().get_window_extent() for text in chart(figure).texts if text.get_bbox_patch()]
    assert len(frames) >= 9
    for index, one in enumerate(frames):
        assert not any(one.overlaps(other) for other in frames[index + 1 :])


def test_low_rows_show_that_a_station_sees_mars(year):
    axes = chart(draw_sky(year))
    assert len(boxes(axes, "link")) == sum(len(sol.covered) for sol in year.sols)
    assert len(axes.get_yticklabels()) < 30


def test_nothing_sticks_out_of_the_sheet(conjunction):
    figure = draw_sky(conjunction)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= figure.get_figwidth()
    assert box.y1 <= figure.get_figheight()


@pytest.mark.parametrize(("form", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_same_sky_gives_the_same_file(sky, tmp_path, form, magic):
    files = [tmp_path / f"{name}{form}" for name in ("one", "other")]
    for file in files:
        write_picture(draw_sky(sky), file)
    first, second = (file.read_bytes() for file in files)
    assert first.startswith(magic)
    assert first == second
