"""`twin sky` over a site: what it prints, draws, and refuses."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from twin import cli


@pytest.fixture
def answer(monkeypatch, capsys):
    """Exit code, stdout and stderr of `twin sky` with some words."""

    def ask(words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["twin", "sky", *shlex.split(words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return int(ended.value.code), told.out, told.err

    return ask


def test_json_tells_each_sol_with_units_in_its_keys(answer):
    code, out, said = answer("--site jezero --from 2033-03-10 --sols 2 --json")
    assert (code, said) == (0, "")
    document = json.loads(out)
    assert list(document) == [
        "site", "start_utc", "end_utc", "stations", "link_band", "site_min_elevation_deg", "station_min_elevation_deg",
        "sols", "events", "near_sun",
    ]  # fmt: skip
    first, second = document["sols"]
    # SPICE: sunrise 04:51:42.5, sunset 18:03:33.9, Earth over 10 deg 08:26:52.4 to 19:25:53.5 on 2033-03-10.
    assert first["sunrise_utc"] == "2033-03-10T04:51:42.479Z"
    assert first["sunset_utc"] == "2033-03-10T18:03:33.863Z"
    assert first["earth_rise_utc"] == "2033-03-10T08:26:52.415Z"
    assert first["earth_set_utc"] == "2033-03-10T19:25:53.461Z"
    assert first["daylight_s"] == pytest.approx(791.856 * 60, abs=0.1)
    assert first["earth_up_s"] == pytest.approx(659.017 * 60, abs=0.1)
    # The handover from Madrid to Goldstone, 09:42:00 to 09:45:15 at Earth, was sent 589 s earlier.
    assert first["gaps"] == [{"start_utc": "2033-03-10T09:32:10.898Z", "end_utc": "2033-03-10T09:35:25.824Z"}]
    assert first["link_s"] == pytest.approx(first["earth_up_s"] - 194.926, abs=0.002)
    assert first["station_in_view_s"] == first["link_s"]
    assert (document["link_band"], first["closed_by_sun"]) == ("X", [])
    assert [link["station"] for link in first["links"]] == ["DSS-14", "DSS-43", "DSS-63"]
    assert (first["sol"], second["sol"], second["mars_year"], second["season"]) == (0, 1, 42, "northern summer")
    # SPICE, a Mars Year earlier: 540.248 at Ls 130 deg and 556.971 at 140 deg; here it is 132.79 deg.
    assert first["sunlight_above_atmosphere_w_m2"] == pytest.approx(540.248 + 0.279 * 16.723, rel=0.001)
    unitless = {"sol", "mars_year", "season", "earth_up", "links", "gaps", "closed_by_sun"}
    assert all(key in unitless or key.rpartition("_")[2] in {"utc", "h", "s", "km", "deg", "m2"} for key in first)
    assert (document["events"], document["near_sun"]) == ([], [])


def test_the_table_tells_the_same_in_three_lines_for_each_sol(answer):
    code, out, said = answer("--site jezero --from 2033-03-10")
    assert (code, said) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "sky over jezero (18.4447 N, 77.4508 E), 10 sols from 2033-03-09 23:36 to 2033-03-20 06:12 UTC"
    first = [line.split() for line in lines if line.startswith("  0 ")]
    assert [
        "0", "2033-03-09T23:36:11", "42", "132.79", "northern", "summer", "544.7", "177.374",
        "591.630", "591.682", "92.601",
    ] in first  # fmt: skip
    assert first[1][1:5] == ["03-10", "04:51:42", "05:07", "05:34"]
    assert first[2] == [
        "0",
        "13:11:51",
        "10:59:01",
        "10:55:46",
        "09:35-17:22",
        "13:31-19:25",
        "08:26-09:32",
        "09:32-09:35",
    ]
    assert sum(line.startswith("  9 ") for line in lines) == 3
    assert "SEP stays above 5 deg: no band fails, no command moratorium" in lines
    assert max(map(len, lines)) <= 120


def test_a_conjunction_is_told_with_its_dates(answer):
    """SPICE: 2 deg from 2034-08-14T04:17:13 to 2034-08-24T06:14:10; Ka-band holds, the minimum is 1.142 deg."""
    _, out, _ = answer("--site gale --from 2034-08-10 --sols 15")
    lines = out.splitlines()
    assert "2034-08-19T05:35:39  superior conjunction: 400.190 Mkm, OWLT 22:15, SEP 1.14 deg" in lines
    assert (
        "SEP below 2 deg  2034-08-14T04:17:12 to 2034-08-24T06:14:10   10.1 d  X-band fails; command moratorium"
        in lines
    )
    assert not any("Ka-band" in line for line in lines)


def test_a_link_that_the_sun_closes_counts_no_time(answer, tmp_path):
    """X-band fails from sol 2 to sol 12 of these (SPICE: 2034-08-14T04:17 to 08-24T06:14 at Earth), S-band on all."""
    words = "--site jezero --from 2034-08-12 --sols 14"
    table = answer(words)[1].splitlines()
    heading = next(at for at, line in enumerate(table) if "X link" in line and "Earth up" in line)
    rows = [line.split() for line in table[heading + 1 : heading + 15]]
    assert [row[3] for row in rows[2:12]] == ["0:00:00"] * 10
    assert [rows[sol][3] for sol in (0, 1, 12, 13)] == [rows[sol][2] for sol in (0, 1, 12, 13)]
    assert table[heading].endswith("Sun closes")
    assert [" ".join(row[8:]) for row in rows] == ["S", "S", *["S X"] * 11, "S"]

    picture = tmp_path / "sky.svg"
    document = json.loads(answer(f"{words} --json --plot {picture}")[1])
    assert [sol["link_s"] > 0 for sol in document["sols"]] == [True, True, *[False] * 10, True, True]
    assert all(sol["station_in_view_s"] > 11 * 3600 for sol in document["sols"])
    x_closed = [one for sol in document["sols"] for one in sol["closed_by_sun"] if one["band"] == "X"]
    # At Mars, 22:14 before Earth receives at 04:17:12.
    assert x_closed[0]["start_utc"].startswith("2034-08-14T03:5")
    sheet = picture.read_text(encoding="utf-8")
    assert sheet.count(">0:00<") == 10
    assert "hatched: X and commands closed, SEP &lt; 2°" in sheet


def test_a_site_may_be_coordinates(answer):
    named, given = (
        json.loads(answer(f"--site {words} --from 2033-03-10 --sols 1 --json")[1])
        for words in ("gale", "-4.5895,137.4417")
    )
    assert given["site"] == {"name": "", "latitude_deg": -4.5895, "longitude_deg": 137.4417}
    assert given["sols"] == named["sols"]
    (row,) = json.loads(answer("--site 18.4447,77.4508 --at 2033-03-10T08:26:52.400Z --json")[1])
    assert row["earth_elevation_deg"] == pytest.approx(10.0, abs=0.001)


def test_plot_draws_what_is_printed(answer, tmp_path):
    picture = tmp_path / "sky.svg"
    code, out, said = answer(f"--site jezero --from 2033-03-10 --sols 1 --plot {picture}")
    assert (code, said) == (0, "")
    assert out.startswith("sky over jezero")
    assert "sol 0   9 Mar 23:36" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "",
            "sky: neither an instant nor a span of sols is given (--at, --from); give --at UTC, or --site NAME --from",
        ),
        ("--at 2033-01-01 --from 2033-01-01", "sky: instants and sols are two questions (--at, --from); give --at UTC"),
        ("--at 2033-01-01 --sols 3", "sky at instants: has no sols (--sols); give --from with --sols, or drop it"),
        ("--at 2033-01-01 --plot a.png", "sky at instants: has no sols (--plot); give --from with --plot"),
        ("--from 2033-01-01", "sols: are those of a site (--from); give --site: jezero, arcadia"),
        ("--site jezro --from 2033-01-01", "site jezro: unknown site (--site); did you mean jezero? use one of"),
        ("--site 95,0 --from 2033-01-01", "site 95,0: latitude 95.0 deg is beyond a pole (--site); give -90 to 90"),
        ("--site 1,400 --from 2033-01-01", "site 1,400: longitude 400.0 deg is off the circle (--site); give 0 to"),
        ("--site nan,0 --from 2033-01-01", "site nan,0: latitude nan deg is beyond a pole (--site); give -90 to 90"),
        ("--site 1,2,3 --from 2033-01-01", "site 1,2,3: is no pair of degrees (--site); give latitude and east"),
        ("--site gale --from never", "10 sols from never: 'never' is not an ISO 8601 date and time (--from, --sols); "),
        ("--site gale --from 2009-12-31", "10 sols from 2009-12-31: 2009-12-3"),
        ("--site gale --from 2050-12-29", "10 sols from 2050-12-29: 2051-01-0"),
        ("--site gale --from 2033-01-01 --sols 100000", "100000 sols from 2033-01-01: 2314-04-27T02:20:24.756Z is out"),
        ("--site gale --from 2033-01-01 --sols 99999999999999", "99999999999999 sols from 2033-01-01: "),
        ("--site gale --from 2033-01-01 --sols 0", "invalid value for '--sols': "),
        (
            "--site gale --from 2033-01-01 --plot a.bmp",
            "picture a.bmp: its form is not known from its name (--plot); end",
        ),
        (
            "--site gale --from 2033-01-01 --plot no/a.png",
            "picture no/a.png: no such file or directory (--plot); name a",
        ),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_2(answer, monkeypatch, tmp_path, words, line):
    monkeypatch.chdir(tmp_path)
    code, out, said = answer(words)
    assert (code, out) == (2, "")
    assert said.startswith(f"twin: {line}")
    assert said.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_help_names_both_questions(answer):
    code, out, said = answer("--help")
    assert (code, said) == (0, "")
    assert all(word in out for word in ("--at", "--from", "--sols", "--site", "LAT,LON", "--plot", "--json"))
