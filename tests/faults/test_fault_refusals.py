"""Faults that cannot happen are refused: what, why, where, and what to do."""

# ruff: noqa: E501 (expected lines are quoted whole)

import pytest

from twin.scenario import ScenarioError, parse_scenario

HEAD = """\
name: small
start: 2033-03-10T00:00:00Z
duration: 10 h
habitat: {site: jezero, crew: 2}
faults:
"""


def refusal(*faults: str, head: str = HEAD) -> str:
    with pytest.raises(ScenarioError) as found:
        parse_scenario(head + "".join(f"  - {{{fault}}}\n" for fault in faults), "s.yaml")
    return str(found.value)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("kind: edge_crash, node: edge-1, at: soon, down: 1 h", "faults[0].at = soon: a duration is one number and one unit (s.yaml:6, faults[0].at); write it like 10 min, or `random`"),
        ("kind: edge_crash, node: edge-1, at: 1 h, count: 2, down: 1 h", "faults[0].count = 2: 2 times at one instant (s.yaml:6, faults[0].count); write `at: random`"),
        ("kind: edge_crash, node: edge-1, at: random, down: 10 h", "faults[0].at = random: a random instant needs 10 h of room, and the run generates data for 10 h (s.yaml:6, faults[0].at); shorten the fault"),
        ("kind: edge_crash, node: edge-1, at: random, from: 2 h, until: 3 h, down: 1 h", "faults[0].at = random: a random instant needs 1 h of room, and the run generates data for 10 h, of which it has from 2 h until 3 h (s.yaml:6, faults[0].at); shorten the fault, or give it more time"),
        ("kind: edge_crash, node: edge-1, at: random, from: 9 h, down: 1 h", "faults[0].at = random: a random instant needs 1 h of room, and the run generates data for 10 h, of which it has from 9 h until its end (s.yaml:6, "),
        ("kind: wrong_config, node: edge-1, device: vitals-1, at: random, for: 9.5 h, down: 1 h", "faults[0].at = random: a random instant needs 630 min of room, "),
        ("kind: edge_crash, node: edge-1, at: random, from: 3 h, until: 2 h, down: 1 h", "faults[0].until = 2 h: `until` must come after `from` (s.yaml:6, faults[0].until); "),
        ("kind: edge_crash, node: edge-1, at: 1 h, from: 30 min, down: 1 h", "faults[0].from = 30 min: has no meaning beside an instant (s.yaml:6, faults[0].from); drop it, or write `at: random`"),
        ("kind: fsync_lie, node: edge-1, at: 1 h, for: 1 h, until: 3 h", "faults[0].until = 3 h: has no meaning beside an instant "),
        ("kind: bundle_replay, link: down, at: 1 h, until: 3 h", "faults[0].until = 3 h: has no meaning beside an instant "),
        ("kind: edge_crash, node: edge-1, at: 11 h, down: 1 h", "faults[0].at = 11 h: sets in after the end, 10 h (s.yaml:6, faults[0].at); "),
        ("kind: clock_drift, node: gateway, rate: 50 ppm, from: 11 h", "faults[0].from = 11 h: sets in after the end, 10 h (s.yaml:6, faults[0].from); "),
        ("kind: fsync_lie, node: edge-1, at: 11 h, for: 1 h", "faults[0].at = 11 h: sets in after the end, 10 h (s.yaml:6, faults[0].at); "),
        ("kind: disk_swap, node: vitals-1, at: 1 h, down: 1 h", "faults[0].node = vitals-1: unknown edge node (s.yaml:6, faults[0].node); use one of edge-1, edge-2"),
        ("kind: device_crash, device: vitals-3, at: 1 h, down: 1 h", "faults[0].device = vitals-3: unknown device (s.yaml:6, faults[0].device); use one of vitals-1, vitals-2"),
        ("kind: earth_crash, node: earth, at: 1 h, down: 1 h", "faults[0].node = earth: not one of the known words (s.yaml:6, faults[0].node); use one of gateway, auditor"),
        ("kind: clock_step, node: gatway, at: 1 h, by: 3 s", "faults[0].node = gatway: unknown node (s.yaml:6, faults[0].node); did you mean gateway? use one of edge-1, "),
        ("kind: babble, node: gatway, at: 1 h, for: 1 h", "faults[0].node = gatway: unknown node (s.yaml:6, faults[0].node); did you mean gateway? use one of edge-1, "),
        ("kind: babble, node: any, at: 1 h, for: 1 h", "faults[0].node = any: unknown node (s.yaml:6, faults[0].node); use one of edge-1, "),
        ("kind: babble, node: gateway, at: 1 h, for: 1 h, every: 0 s", "faults[0].every = 0 s: must be more than 0 (s.yaml:6, faults[0].every); "),
        ("kind: babble, node: gateway, at: 1 h, for: 1 h, every: 20 ms", "faults[0].every = 20 ms: is a flood, and this fault is about what is said (s.yaml:6, faults[0].every); write 1 s or more"),
        ("kind: babble, node: gateway, at: 1 h, for: 0 s", "faults[0].for = 0 s: must be more than 0 (s.yaml:6, faults[0].for); "),
        ("kind: babble, node: gateway, at: 1 h", "faults[0].for: required and missing (s.yaml:6, faults[0].for); "),
        ("kind: babble, node: gateway, at: 11 h, for: 1 h", "faults[0].at = 11 h: sets in after the end, 10 h (s.yaml:6, faults[0].at); "),
        ("kind: babble, node: gateway, at: random, for: 10 h", "faults[0].at = random: a random instant needs 10 h of room, and the run generates data for 10 h (s.yaml:6, faults[0].at); shorten the fault"),
        ("kind: clock_step, node: gateway, at: 1 h, by: 0 s", "faults[0].by = 0 s: must not be 0 (s.yaml:6, faults[0].by); "),
        ("kind: clock_drift, node: gateway, rate: 50", "faults[0].rate = 50: a drift needs a unit (s.yaml:6, faults[0].rate); "),
        ("kind: clock_drift, node: gateway, rate: 20000 ppm", "faults[0].rate = 20000 ppm: a drift lies within 10000 ppm, and is not 0 "),
        ("kind: crash_at_effect, node: any, rate: 2", "faults[0].rate = 2: a ratio lies from 0 to 1 "),
        ("kind: fsync_error, node: edge-1", "faults[0]: has neither an instant nor a rate (s.yaml:6, faults[0]); give `at` and `for`, or `rate`"),
        ("kind: fsync_error, node: edge-1, at: 1 h, for: 1 h, rate: 1 %", "faults[0]: has both an instant and a rate (s.yaml:6, faults[0]); "),
        ("kind: fsync_lie, node: edge-1, at: 1 h", "faults[0].for: required and missing beside `at` (s.yaml:6, faults[0].for); add "),
        ("kind: fsync_lie, node: edge-1, rate: 1 %, for: 1 h", "faults[0].for = 1 h: has no meaning beside `rate` (s.yaml:6, faults[0].for); "),
        ("kind: burst_loss, link: down, enter: 1 %", "faults[0]: does not say when bursts begin and end (s.yaml:6, faults[0]); give `enter` and `leave`, or "),
        ("kind: burst_loss, link: down, enter: 1 %, leave: 5 %, mean_bad: 1 s", "faults[0]: does not say when bursts begin and end "),
        ("kind: burst_loss, link: down, enter: 0 %, leave: 5 %", "faults[0]: a burst that never begins or never ends (s.yaml:6, "),
        ("kind: rate_change, link: local, at: 1 h, for: 1 h, factor: 0.5", "faults[0].link = local: unknown link (s.yaml:6, faults[0].link); use one of down, up"),
        ("kind: bundle_loss, link: earth, rate: 1 %", "faults[0].link = earth: unknown link (s.yaml:6, faults[0].link); use one of down, up, local, ground"),
        ("kind: bundle_corruption, link: ground, rate: 1 %", "faults[0].link = ground: words between gateway and auditor are checked on their way (s.yaml:6, faults[0].link); name another link, "),
        ("kind: snapshot_rollback, node: edge-1, at: 1 h, age: 2 h", "faults[0].age = 2 h: the medium held nothing 2 h before (s.yaml:6, faults[0].age); "),
        ("kind: bundle_replay, link: down, at: 1 min", "faults[0].at = 1 min: nothing has passed 10 min before (s.yaml:6, faults[0].at); choose a later instant"),
        ("kind: bundle_replay, link: down", "faults[0]: has neither an instant nor a rate (s.yaml:6, faults[0]); give `at`, or `rate`"),
        ("kind: frame_replay, device: vitals-9, rate: 1 %", "faults[0].device = vitals-9: unknown device "),
        ("kind: frame_forgery, device: vitals-1, at: 1 h, key: given_up", "faults[0].key = given_up: vitals-1 never gives up a key (s.yaml:6, faults[0].key); add {kind: device_key_rotation, device: vitals-1, at: ...} before it"),
        ("kind: rolling_upgrade, at: 1 h, every: 1 min, down: 2 min", "faults[0].every = 1 min: takes the next node down before the last one is back (s.yaml:6, faults[0].every); raise `every`"),
        ("kind: rolling_upgrade, at: 9 h, every: 1 h, down: 2 min", "faults[0].every = 1 h: takes 182 min, and the run ends before (s.yaml:6, faults[0].every); begin earlier, or lower `every`"),
        ("kind: stale_plan, at: 1 h, for: 1 h, shift: 0 min", "faults[0].shift = 0 min: must not be 0 "),
        ("kind: stale_plan, node: auditor, at: 1 h, for: 1 h, shift: 1 min", "faults[0].node = auditor: not one of the known words "),
        ("kind: early_retention, at: 1 h", "faults[0].older_than: required and missing "),
        ("kind: wrong_config, node: edge-3, device: vitals-1, at: 1 h, for: 1 h", "faults[0].node = edge-3: unknown edge node "),
        ("kind: wrong_config, node: edge-1, device: vitals-3, at: 1 h, for: 1 h", "faults[0].device = vitals-3: unknown device "),
        ("kind: wrong_config, node: edge-1, device: vitals-1, at: 1 h, for: 1 min", "faults[0].for = 1 min: is over before the node is back (s.yaml:6, faults[0].for); raise `for`, or lower `down`"),
        ("kind: sensor_stuck, device: vitals-9, at: 1 h, for: 1 h", "faults[0].device = vitals-9: unknown device "),
        ("kind: lead_off, device: vitals-1, channel: spo2, at: 1 h, for: 1 h", "faults[0].channel = spo2: no lead of this device (s.yaml:6, faults[0].channel); did you mean spo2_pct?"),
        ("kind: row_rot, at: 1 h, store: cache", "faults[0].store = cache: not one of the known words "),
    ],
)  # fmt: skip
def test_a_fault_that_cannot_happen_is_refused(fault: str, line: str) -> None:
    assert refusal(fault).startswith(line)


def test_a_lone_edge_is_not_rolled_back() -> None:
    head = HEAD.replace("crew: 2", "crew: 2, edge_nodes: 1")
    line = refusal("kind: snapshot_rollback, node: edge-1, at: 2 h, age: 1 h", head=head)
    assert line.startswith("faults[0].node = edge-1: one edge node alone cannot tell that its medium went back, ")
    assert line.endswith("; use 2 edge nodes or more")


def test_a_lone_edge_knows_its_devices() -> None:
    head = HEAD.replace("crew: 2", "crew: 2, edge_nodes: 1")
    line = refusal("kind: wrong_config, node: edge-1, device: vitals-1, at: 2 h, for: 1 h", head=head)
    assert line.startswith("faults[0].node = edge-1: nobody else takes the device's frames, and it may not crash ")


def test_a_key_is_given_up_before_it_is_abused() -> None:
    rotation = "kind: device_key_rotation, device: vitals-1, at: 2 h"
    forgery = "kind: frame_forgery, device: vitals-1, key: given_up, at: "
    assert refusal(rotation, forgery + "1 h").startswith("faults[1].at = 1 h: vitals-1 has given up no key by then ")
    assert refusal(rotation, forgery + "random").startswith(
        "faults[1].at = random: a random instant may come before the key is given up "
    )
    parse_scenario(HEAD + f"  - {{{rotation}}}\n  - {{{forgery}3 h}}\n")


def test_a_key_is_given_up_before_it_is_abused_wherever_chance_puts_both() -> None:
    rotation = "kind: device_key_rotation, device: vitals-1, at: random, from: 1 h, until: 2 h"
    forgery = "kind: frame_forgery, device: vitals-1, key: given_up, at: "
    for early in ("90 min", "random", "random, from: 119 min"):
        assert ": vitals-1 has given up no key " in refusal(rotation, forgery + "1 h")
        assert ": a random instant may come before the key is given up " in refusal(rotation, forgery + early)
    for late in ("2 h", "random, from: 2 h"):
        parse_scenario(HEAD + f"  - {{{rotation}}}\n  - {{{forgery}{late}}}\n")
