"""How fast a scenario's radios are: its dust over the habitat, its bundles, its relays."""

from __future__ import annotations

from functools import partial

from twin.faults.weather import air_of
from twin.network.attenuation import dust_loss_db
from twin.network.deep_space import DustLoss, clear_air, down_rates
from twin.network.ltp import rate_left_bps
from twin.network.pass_rates import UhfRadio, pass_segments
from twin.network.relay_planner import RelayLinks
from twin.network.sights import Relay as Flown
from twin.network.visibility import Window
from twin.scenario.model import HabitatScenario
from twin.scenario.radio import DeepSpaceRadio
from twin.scenario.relays import Proximity, Relay
from twin.world import mars
from twin.world.dust import opacity
from twin.world.timescales import FloatArray, IntArray


def dust_over(scenario: HabitatScenario, site: mars.Site, span: Window) -> DustLoss:
    """What the dust of a span takes at Ka-band between the habitat and Earth; X-band passes through it."""
    radio = scenario.network.direct_to_earth
    if radio is None or radio.band == "X":
        return clear_air
    band = radio.band
    air = air_of(scenario, *span)

    def loss_db(us: IntArray) -> FloatArray:
        elevation_deg = mars.earth_azimuth_elevation_deg(site, us)[1].clip(min=0.0)  # a window's end is rounded
        return dust_loss_db(band, opacity(us, *air), elevation_deg)

    return loss_db


def relay_links(scenario: HabitatScenario, relay: Relay, flown: Flown) -> RelayLinks:
    """What a relay can carry, to the ground and to Earth; it flies above the dust."""
    ground, radio = relay.proximity, relay.to_earth
    return RelayLinks(
        relay=flown,
        pass_rates=partial(pass_segments, uhf_radio(ground)),
        pass_setup_us=ground.setup_us,
        earth_setup_us=radio.setup_us,
        down_rates=down_rates(radio, scenario.pipeline.bundle_bytes_max),
        up_rate_bps=up_rate_bps(radio),
    )


def uhf_radio(ground: Proximity) -> UhfRadio:
    """A relay's link to the ground, as its passes need it."""
    return UhfRadio(ground.rates_bps, ground.rate_max_bps, ground.gain_db, ground.frame_loss)


def up_rate_bps(radio: DeepSpaceRadio) -> int:
    """The constant rate up, less what LTP repeats."""
    return rate_left_bps(radio.uplink_rate_max_bps, radio.ltp.segment_loss)
