"""The sky from a kernel that is named: kernels written here, whose planets move on circles that are known exactly."""

import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spk_writer import DAY_S, PLANETS, Circle, Segment, write_kernel

from twin.world import ephemeris
from twin.world.ephemeris import END_US, FIRST_US, SPEED_OF_LIGHT_KM_S, computed_from, in_force
from twin.world.ephemeris_table import BODIES, EphemerisTable, built_in
from twin.world.kernel import KernelError, read_kernel
from twin.world.timescales import US_PER_DAY, US_PER_S

SUN, BARYCENTRE, EARTH, MARS = PLANETS
EPOCHS_US = np.random.default_rng(4).integers(FIRST_US, END_US, 300)


def tdb_s(us):
    """TDB since J2000 [s] by astropy, which counts it from whole and parts of days."""
    time = Time(2_451_544.5, us / US_PER_DAY, format="jd", scale="tai").tdb
    return ((time.jd1 - 2_451_545.0) + time.jd2) * DAY_S


@dataclass
class Truth:
    """Where the bodies of the circles are, from their formulas alone [km]."""

    us: np.ndarray

    def __getitem__(self, body):
        segments = {"sun": (SUN,), "earth": (BARYCENTRE, EARTH), "mars": (MARS,)}[body]
        return sum(segment.path(tdb_s(self.us)) for segment in segments)


def apart_m(one, other):
    return 1000 * np.linalg.norm(one - other, axis=1).max()


@pytest.mark.filterwarnings("ignore:.*dubious year")
def test_every_body_is_where_its_kernel_has_it(table: EphemerisTable) -> None:
    truth = Truth(EPOCHS_US)
    with computed_from(table):
        for body in BODIES:
            assert apart_m(ephemeris.positions_km(body, EPOCHS_US), truth[body]) < 0.5, body
        moved_km = Truth(EPOCHS_US + US_PER_S)["earth"] - Truth(EPOCHS_US - US_PER_S)["earth"]
        assert np.abs(ephemeris.velocities_km_s("earth", EPOCHS_US) - moved_km / 2).max() < 1e-5


@pytest.mark.filterwarnings("ignore:.*dubious year")
def test_light_time_and_angles_are_those_of_the_kernel(table: EphemerisTable) -> None:
    with computed_from(table):
        down_us = ephemeris.owlt_down_us(EPOCHS_US)
        up_us = ephemeris.owlt_up_us(EPOCHS_US)
        sep_deg = ephemeris.sep_deg(EPOCHS_US)
    now = Truth(EPOCHS_US)
    for light_us, direction in ((down_us, -1), (up_us, +1)):
        way_km = np.linalg.norm(now["earth"] - Truth(EPOCHS_US + direction * light_us)["mars"], axis=1)
        assert np.abs(light_us - way_km / SPEED_OF_LIGHT_KM_S * US_PER_S).max() < 0.6
    to_mars, to_sun = now["mars"] - now["earth"], now["sun"] - now["earth"]
    cosines = (to_mars * to_sun).sum(axis=1) / np.linalg.norm(to_mars, axis=1) / np.linalg.norm(to_sun, axis=1)
    assert np.abs(sep_deg - np.degrees(np.arccos(cosines))).max() < 1e-6


def test_the_bytes_may_be_in_either_order(tmp_path: Path, table: EphemerisTable) -> None:
    assert read_kernel(write_kernel(tmp_path / "big.bsp", order=">")).sha256 == table.sha256


def test_of_several_segments_the_last_that_covers_the_table_counts(tmp_path: Path, table: EphemerisTable) -> None:
    wrong = MARS._replace(path=Circle(2.3e8, 700.0))
    brief = wrong._replace(first_s=7_000 * DAY_S, end_s=8_000 * DAY_S)
    read = read_kernel(write_kernel(tmp_path / "several.bsp", [wrong, *PLANETS, brief]))
    assert read.sha256 == table.sha256


def test_the_digest_tells_kernels_apart_that_differ_by_a_metre(tmp_path: Path, table: EphemerisTable) -> None:
    nearer = SUN._replace(path=Circle(800_000.001, 4332.0))
    assert read_kernel(write_kernel(tmp_path / "nearer.bsp", [nearer, *PLANETS[1:]])).sha256 != table.sha256
    assert read_kernel(write_kernel(tmp_path / "same.bsp")).sha256 == table.sha256


def test_a_block_ends_with_the_table_before_it(table: EphemerisTable) -> None:
    us = int(EPOCHS_US[0])
    before = ephemeris.owlt_down_us(us)
    with computed_from(table):
        within = ephemeris.owlt_down_us(us)
        with computed_from(built_in()):
            assert ephemeris.owlt_down_us(us) == before
        assert ephemeris.owlt_down_us(us) == within != before
        assert in_force() is table
    with pytest.raises(RuntimeError, match="in the middle"), computed_from(table):
        raise RuntimeError("in the middle")
    assert ephemeris.owlt_down_us(us) == before
    assert in_force() is built_in()


def test_threads_at_the_same_time_keep_their_own_table(table: EphemerisTable) -> None:
    def light_times(own: EphemerisTable) -> list[int]:
        with computed_from(own):
            return [ephemeris.owlt_down_us(us) for us in EPOCHS_US.tolist()]

    alone = [light_times(own) for own in (table, built_in())]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(light_times, [table, built_in()] * 6))
    assert together == alone * 6


def test_without_jplephem_the_error_says_how_to_get_it(circles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jplephem.spk", None)
    with pytest.raises(KernelError, match=r"needs jplephem, .*; pip install 'mars-iomt-twin\[de440\]', or drop"):
        read_kernel(circles)


@pytest.mark.parametrize(
    ("segments", "said"),
    [
        ([SUN, EARTH, MARS], r"lacks earth \(NAIF 3 about 0\); give a kernel of the planets"),
        ([SUN, BARYCENTRE, MARS], r"lacks earth \(NAIF 399 about 3\)"),
        (PLANETS[:3], r"lacks mars \(NAIF 4 about 0\)"),
        (PLANETS[1:], r"lacks sun \(NAIF 10 about 0\)"),
        (
            [*PLANETS[:3], MARS._replace(first_s=4_000.5 * DAY_S)],
            r"has mars .* for 2010-12-15 to 2051-03-14, and the sky needs 2009-12-24 to 2051-01-26; give one that",
        ),
        ([SUN._replace(end_s=7_000.5 * DAY_S), *PLANETS[1:]], r"has sun .* for 2009-11-09 to 2019-03-03, and the sky"),
        ([*PLANETS[:3], MARS._replace(frame=17)], r"as type 2 in frame 17, and what is read is type 2 or 3 in frame 1"),
        ([*PLANETS[:3], MARS._replace(type=13)], r"as type 13 in frame 1"),
        ([*PLANETS[:2], EARTH._replace(path=Circle(4_670.0, 1.0), record_days=0.5), MARS], r"earth .* no planet's"),
        ([*PLANETS[:3], MARS._replace(path=Circle(2e10, 687.0))], r"positions of mars that are no planet's"),
        ([*PLANETS[:3], MARS._replace(path=Circle(float("nan"), 687.0))], r"positions of mars that are no planet's"),
    ],
)
def test_a_kernel_that_gives_no_sky_is_refused(tmp_path: Path, segments: list[Segment], said: str) -> None:
    with pytest.raises(KernelError, match=said):
        read_kernel(write_kernel(tmp_path / "other.bsp", segments))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"is no SPK file; give the path of an SPK file such as de440\.bsp"),
        (b"name: first-light\n" * 100, r"is no SPK file"),
        (b"NAIF/DAF" + bytes(5000), r"is no SPK file"),
        (b"DAF/CK  " + struct.pack("<2I", 2, 6) + bytes(5000), r"is no SPK file"),
        (b"DAF/SPK " + struct.pack("<2I", 2, 6) + bytes(5000), r"is damaged; take a new copy"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "other.bsp"
    file.write_bytes(content)
    with pytest.raises(KernelError, match=said):
        read_kernel(file)


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"is not there; give the path of an SPK file such as de440\.bsp"):
        read_kernel(tmp_path / "de440.bsp")
    with pytest.raises(KernelError, match="is no file; give"):
        read_kernel(tmp_path)


def test_a_file_cut_short_is_refused(circles: Path, tmp_path: Path) -> None:
    whole, file = circles.read_bytes(), tmp_path / "cut.bsp"
    for size in (1024, 2048, 3072, 100_000, len(whole) - 8):
        file.write_bytes(whole[:size])
        with pytest.raises(KernelError, match=r"damaged|lacks|no SPK"):
            read_kernel(file)


@pytest.mark.parametrize("word", range(4))
@pytest.mark.parametrize("value", [0.0, -1.0, 1e300, float("nan"), 3.5])
def test_a_directory_that_does_not_fit_its_records_is_refused(
    circles: Path, tmp_path: Path, word: int, value: float
) -> None:
    """The last four words of the file: first second, length, size and number of the records of Mars."""
    file = tmp_path / "directory.bsp"
    at = circles.stat().st_size - 32 + 8 * word
    content = bytearray(circles.read_bytes())
    if word == 0 and value < 1e300:
        value = 1e300  # an earlier first second is a longer segment, not a damaged one
    content[at : at + 8] = struct.pack("<d", value)
    file.write_bytes(content)
    with pytest.raises(KernelError, match=r"is damaged: what it says of mars .* take a new copy"):
        read_kernel(file)


@settings(max_examples=15, deadline=None)
@given(at=st.sampled_from([*range(96), *range(1024, 1024 + 24 + 40)]), byte=st.integers(0, 255))
@example(at=1024 + 7, byte=0x40)  # the record after the first is the second, which is the first
def test_whatever_a_byte_says_of_the_summaries_the_kernel_is_read_or_refused(circles: Path, at: int, byte: int) -> None:
    content = bytearray(circles.read_bytes())
    content[at] = byte
    file = circles.with_name("spoiled.bsp")
    file.write_bytes(content)
    try:
        read = read_kernel(file)
    except KernelError as error:
        rule, semicolon, remedy = str(error).rpartition("; ")
        assert rule
        assert semicolon
        assert remedy
    else:
        assert set(read.units) == set(BODIES)
