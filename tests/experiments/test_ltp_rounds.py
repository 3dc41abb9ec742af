"""A mission whose deep-space hops lose LTP segments: bundles come a round trip later, or two, and nothing is lost."""

from flights import fly, write_small

from twin.scenario import load_scenario
from twin.trace import HopDelivered


def flights_us(folder, loss, link):
    """Time from the start of each transmission to its arrival, of bundles on one link."""
    folder.mkdir()
    ltp = f"network: {{direct_to_earth: {{ltp: {{segment_loss: {loss}}}}}}}\n"
    flight = fly(load_scenario(write_small(folder, ltp)), folder / "run", HopDelivered)
    assert flight.result.exit_code == 0
    return [at_us - fact.sent_us for at_us, _, fact in flight.facts[HopDelivered] if fact.link == link]


def test_lost_segments_delay_bundles_by_whole_round_trips(tmp_path):
    """Airtime, the ground and what the light time changes in an hour add less than 5 s."""
    for link in ("edge-1->earth", "earth->edge-1"):
        clear = flights_us(tmp_path / f"clear-{link[:5]}", "0 %", link)
        owlt_us = min(clear)
        assert max(clear) < owlt_us + 5_000_000
        lossy = flights_us(tmp_path / f"lossy-{link[:5]}", "5 %", link)
        rounds = {round((us - owlt_us) / (2 * owlt_us)) for us in lossy}
        assert rounds > {0}
        for us in lossy:
            assert min(abs(us - (1 + 2 * k) * owlt_us) for k in rounds) < 5_000_000
