"""What `twin sky` prints: the sky at instants, or over a site for the coming sols."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from twin.scenario.catalogue import SITES
from twin.scenario.errors import ScenarioError, listed, shown
from twin.world.mars import Site
from twin.world.sky import describe_sky
from twin.world.timescales import utc_to_us


def sky_at(instants: Sequence[str], lines: TextIO, site: str | None, as_json: bool) -> str:
    """The sky at instants, in the order given.

    Args:
        instants: UTC texts; `-` stands for one on each of the `lines`.
        site: A site of the catalogue or coordinates, None for none.

    Raises:
        ScenarioError: An instant that cannot be read or is outside 2010-2050, or an unknown site.
    """
    place = None if site is None else site_named(site)
    rows = [_row(text, origin, place) for text, origin in _written(instants, lines)]
    return json.dumps(rows, indent=1, allow_nan=False) if as_json else "\n\n".join(_table(row) for row in rows)


def sky_over(site: str | None, start: str, sols: int, as_json: bool, picture: Path | None) -> str:
    """The sky over a site for the sols from the one in which `start` lies.

    Args:
        picture: Where to draw it as well, None nowhere.

    Raises:
        ScenarioError: No site or an unknown one, a start that is no instant, sols outside 2010-2050, or a picture of
            unknown form or in a place that cannot be written.
    """
    # The network and its numerics take a second to load, which instants need not wait for.
    from twin.planning.sky_table import sky_document, sky_table
    from twin.planning.sols_ahead import sols_ahead

    if site is None:
        raise ScenarioError("sols", "are those of a site", "--from", f"give --site: {', '.join(SITES)}, or LAT,LON")
    place = site_named(site)
    try:
        sky = sols_ahead(place, utc_to_us(start), sols)
    except ValueError as error:
        raise _refused(f"{sols} sols from {shown(start)}", start, error, "--from, --sols") from error
    if picture is not None:
        from twin.planning.picture_file import write_picture
        from twin.planning.sky_picture import draw_sky

        write_picture(draw_sky(sky), picture)
    return json.dumps(sky_document(sky), indent=1, allow_nan=False) if as_json else sky_table(sky).rstrip("\n")


def site_named(text: str) -> Site:
    """A site of the catalogue, or the place that `latitude,longitude` [deg, areocentric north, east] names.

    Raises:
        ScenarioError: Neither.
    """
    entry = SITES.get(text)
    if entry is not None:
        return Site(text, entry.latitude_deg, entry.longitude_deg)
    latitude, comma, longitude = text.partition(",")
    if not comma:
        remedy = f"{listed(SITES, text)}, or coordinates such as 18.44,77.45"
        raise ScenarioError(f"site {shown(text)}", "unknown site", "--site", remedy)
    try:
        north_deg, east_deg = float(latitude), float(longitude)
    except ValueError:
        rule, remedy = "is no pair of degrees", "give latitude and east longitude such as 18.44,77.45"
        raise ScenarioError(f"site {shown(text)}", rule, "--site", remedy) from None
    try:
        return Site("", north_deg, east_deg)
    except ValueError as error:
        rule, _, remedy = str(error).removeprefix("site : ").rpartition("; ")
        raise ScenarioError(f"site {shown(text)}", rule, "--site", remedy) from error


def _written(instants: Sequence[str], lines: TextIO) -> Iterator[tuple[str, str]]:
    """Each instant with the place it was written, in input order."""
    for text in instants:
        if text == "-":
            read = enumerate(lines.read().splitlines(), start=1)
            yield from ((line.strip(), f"stdin:{number}") for number, line in read if line.strip())
        else:
            yield text, "--at"


def _row(text: str, origin: str, site: Site | None) -> dict[str, Any]:
    try:
        return dict(describe_sky(utc_to_us(text), site))
    except ValueError as error:
        raise _refused(f"instant {shown(text)}", text, error, origin) from error


def _refused(subject: str, instant: str, error: ValueError, place: str) -> ScenarioError:
    rule, _, remedy = str(error).removeprefix(f"{instant!r}: ").rpartition("; ")
    remedy = remedy if rule else "give a UTC instant such as 2033-03-10T00:00:00Z"
    return ScenarioError(subject, rule or str(error), place, remedy)


def _table(row: dict[str, Any]) -> str:
    given = {key: value for key, value in row.items() if value is not None}
    width = max(map(len, given))
    return "\n".join(
        f"{key:{width}}  {value:.6f}" if isinstance(value, float) else f"{key:{width}}  {value}"
        for key, value in given.items()
    )
