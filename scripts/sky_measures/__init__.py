"""How far the twin's sky is from the reference tables: one function per subject, one `Accuracy` per quantity and table.

The tables in ``tests/reference`` were computed with NAIF SPICE and JPL DE440 or published (their headers say how each
column was made). Errors are the largest over all rows, except at the edges of a table's range, which are cut and not
events.
"""

from sky_measures.ephemeris import conjunctions, light_times, solar_separation
from sky_measures.mars import mars_clocks, over_sites
from sky_measures.relays import over_areostationary, over_relays
from sky_measures.stations import over_stations
from sky_measures.sunlight import sunlight_above, sunlight_at_viking, through_dust
from sky_measures.tables import SITES, Accuracy, column, instants, off_sky_deg, read

__all__ = [
    "MEASURES",
    "SITES",
    "Accuracy",
    "column",
    "conjunctions",
    "instants",
    "light_times",
    "mars_clocks",
    "off_sky_deg",
    "over_areostationary",
    "over_relays",
    "over_sites",
    "over_stations",
    "read",
    "solar_separation",
    "sunlight_above",
    "sunlight_at_viking",
    "through_dust",
]

MEASURES = (
    light_times,
    solar_separation,
    conjunctions,
    mars_clocks,
    over_sites,
    over_stations,
    over_relays,
    over_areostationary,
    sunlight_above,
    through_dust,
    sunlight_at_viking,
)
"""In the order in which they are printed."""
