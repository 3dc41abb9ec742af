"""A mission whose deep-space hops lose LTP segments: bundles come later by whole rounds, and nothing is lost."""

from flights import fly, write_small

from twin.experiments.sky_plan import plan_of
from twin.scenario import load_scenario
from twin.trace import HopDelivered

SLACK_US = 5_000_000  # airtime, the ground and what the light time changes in an hour


def flights(folder, network, *overrides):
    """The plan, and by link (start of transmission, arrival) of what was delivered."""
    folder.mkdir()
    scenario = load_scenario(write_small(folder, f"network: {{{network}}}\n"), overrides)
    flight = fly(scenario, folder / "run", HopDelivered)
    assert flight.result.exit_code == 0
    by_link = {}
    for at_us, _, fact in flight.facts[HopDelivered]:
        by_link.setdefault(fact.link, []).append((fact.sent_us, at_us))
    return plan_of(scenario), by_link


def losing(loss):
    return f"direct_to_earth: {{ltp: {{segment_loss: {loss}}}}}"


def test_lost_segments_delay_bundles_by_whole_round_trips(tmp_path):
    """As long as both ways stay open."""
    _, clear = flights(tmp_path / "clear", losing("0 %"))
    _, lossy = flights(tmp_path / "lossy", losing("5 %"))
    for link in ("edge-1->earth", "earth->edge-1"):
        owlt_us = min(at_us - sent_us for sent_us, at_us in clear[link])
        assert max(at_us - sent_us for sent_us, at_us in clear[link]) < owlt_us + SLACK_US
        rounds = {round((at_us - sent_us - owlt_us) / (2 * owlt_us)) for sent_us, at_us in lossy[link]}
        assert rounds > {0}
        for sent_us, at_us in lossy[link]:
            assert min(abs(at_us - sent_us - (1 + 2 * k) * owlt_us) for k in rounds) < SLACK_US


def test_rounds_that_outlive_the_pass_go_on_with_the_next_day_s(tmp_path):
    """One station, whose pass ends 63 min after the start, in the last minutes of generation."""
    plan, lossy = flights(tmp_path / "late", f"stations: [DSS-14], {losing('10 %')}", "start=2033-03-10T16:20:00Z")
    for there, back in ((("edge-1", "earth"), ("earth", "edge-1")), (("earth", "edge-1"), ("edge-1", "earth"))):
        tonight, tomorrow = plan.between(*there)[:2]
        assert tomorrow.start_us - tonight.end_us > 15 * 3_600_000_000
        reported = plan.between(*back)[1]
        # What was reported in time is repeated first thing; the rest is reported first thing, then repeated.
        reported_us = reported.start_us + reported.owlt_us(reported.start_us)
        leave_us = tomorrow.start_us, max(tomorrow.start_us, reported_us)
        first_us = [us + tomorrow.owlt_us(us) for us in leave_us]
        trip_us = 2 * tomorrow.owlt_us(tomorrow.start_us)
        in_time_us = tonight.end_us + tonight.owlt_us(tonight.end_us) + SLACK_US
        both = [flight for edge in ("edge-1", "edge-2") for flight in lossy["->".join(there).replace("edge-1", edge)]]
        late = [at_us for sent_us, at_us in both if sent_us < tonight.end_us and at_us > in_time_us]
        assert len(late) >= 3
        for at_us in late:
            assert at_us >= first_us[0]
            assert min((at_us - us + SLACK_US) % trip_us for us in first_us) < 2 * SLACK_US
