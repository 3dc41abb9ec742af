"""Skies of a few spacecraft and stations over some sixty instants, small enough to count every one."""

from hypothesis import strategies as st

from twin.network.tracks import ApertureRules, Sight, Track
from twin.network.visibility import union

END = 60

windows = st.lists(
    st.tuples(st.integers(0, END), st.integers(1, 25)).map(lambda w: (w[0], min(END, w[0] + w[1]))), max_size=4
).map(lambda found: tuple(w for w in union(found) if w[0] < w[1]))


@st.composite
def skies(draw):
    """Sights of 1 to 4 spacecraft from 1 to 3 stations."""
    crafts = [f"craft-{n}" for n in range(draw(st.integers(1, 4)))]
    stations = [f"DSS-{n}" for n in range(draw(st.integers(1, 3)))]
    return [Sight(craft, station, draw(windows), draw(windows)) for craft in crafts for station in stations]


def rules_of(handover: st.SearchStrategy[int]) -> st.SearchStrategy[ApertureRules]:
    return st.builds(
        ApertureRules,
        setup_us=st.integers(0, 6),
        teardown_us=st.integers(0, 3),
        track_us_max=st.integers(1, 20),
        track_us_min=st.just(0),
        spacecraft_max=st.integers(1, 3),
        uplink_turn_us=st.integers(1, 8),
        handover_us=handover,
        same_rise_us=st.just(0),
    )


rules = rules_of(st.integers(0, 4))
closures = st.dictionaries(st.sampled_from(["DSS-0", "DSS-1", "DSS-2"]), st.lists(windows, max_size=1), max_size=3).map(
    lambda found: {name: [w for part in parts for w in part] for name, parts in found.items()}
)


def at(found, us):
    """Whether an instant lies in one of some windows."""
    return any(start <= us < end for start, end in found)


def under_way(tracks: list[Track], station: str, us: int) -> Track | None:
    """The track that a station uses at an instant."""
    return next((t for t in tracks if t.station == station and t.start_us <= us < t.end_us), None)
