"""The sheet of raw visibility: a row for each pair, a colour for each kind, its longest gap and its share."""

from itertools import combinations

from matplotlib.colors import to_hex

from twin.network.sights import Sight
from twin.planning.sight_picture import draw_sights
from twin.world.timescales import utc_to_us

_HOUR_US = 3_600_000_000
_START_US = utc_to_us("2033-03-10T00:00:00Z")
_SPAN = _START_US, _START_US + 24 * _HOUR_US


def sight(kind, source, destination, start_h, end_h):
    return Sight(kind, source, destination, _START_US + start_h * _HOUR_US, _START_US + end_h * _HOUR_US)


def words(figure):
    return [text.get_text() for place in (figure, *figure.axes) for text in place.texts]


def test_each_pair_has_a_row_and_each_kind_a_colour_that_the_key_explains():
    sights = [
        sight("site-relay", "jezero", "mro", 2, 5),
        sight("site-relay", "jezero", "mro", 9, 10),
        sight("station-mars", "DSS-14", "mars", 0, 24),
    ]
    figure = draw_sights(sights, _SPAN, "two", None)
    rows = figure.axes[0]
    assert [label.get_text() for label in rows.get_yticklabels()] == ["jezero ↔ mro", "DSS-14 ↔ mars"]
    edges = [[tuple(path.vertices[:, 0][[0, 2]]) for path in bars.get_paths()] for bars in rows.collections]
    assert edges == [[(2, 5), (9, 10)], [(0, 24)]]
    told = words(figure)
    assert {"gap 14:00:00", "2 times, 17 %", "1 time, 100 %"} <= set(told)
    key = [to_hex(axes.get_facecolor()) for axes in figure.axes[1:]]
    assert key == [to_hex(bars.get_facecolor()[0]) for bars in reversed(rows.collections)]
    assert [text for text in told if text in ("station-mars", "site-relay", "relay-earth")] == [
        "station-mars",
        "site-relay",
    ]


def test_nothing_in_sight_says_so():
    assert "nobody sees anybody" in words(draw_sights([], _SPAN, "dark", 77.45))


def test_the_crosslinks_of_many_relays_still_fit_into_a_picture():
    """At 150 dpi a PNG measures at most 65535 pixels, 437 inches."""
    names = [f"relay-{number:02d}" for number in range(40)]
    sights = [sight("relay-relay", *pair, 1, 2) for pair in combinations(names, 2)]
    assert len(sights) == 780
    assert 200 < draw_sights(sights, _SPAN, "swarm", None).get_figheight() < 210
