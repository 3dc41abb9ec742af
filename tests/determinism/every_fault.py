"""One fault of every kind that a habitat may list, and some kinds once more in another place or manner."""

from __future__ import annotations

import re

from twin.scenario import json_schema

FAULTS = (
    # links
    "kind: bundle_loss, link: down, rate: 20 %",
    "kind: bundle_loss, link: local, rate: 20 %",
    "kind: burst_loss, link: down, enter: 10 %, leave: 30 %",
    "kind: burst_loss, link: up, mean_good: 3 min, mean_bad: 1 min",
    "kind: bundle_duplication, link: down, rate: 20 %",
    "kind: bundle_reorder, link: down, rate: 20 %",
    "kind: bundle_reorder, link: local, rate: 30 %, delay: 30 s",
    "kind: bundle_corruption, link: down, rate: 20 %",
    "kind: bundle_truncation, link: down, rate: 20 %",
    "kind: link_outage, link: down, at: 20 min, for: 8 min",
    "kind: rate_change, link: down, at: 20 min, for: 8 min, factor: 0.01",
    "kind: pass_cut, link: down, at: 20 min",
    "kind: stale_plan, at: 20 min, for: 8 min, shift: 30 min",
    "kind: stale_plan, node: gateway, at: 20 min, for: 8 min, shift: 30 min",
    # deceivers
    "kind: frame_forgery, device: vitals-1, at: 20 min",
    "kind: frame_forgery, device: vitals-1, link: down, at: 20 min, epoch: new",
    "kind: frame_replay, device: vitals-1, rate: 20 %, delay: 5 min",
    "kind: bundle_forgery, link: down, at: 20 min",
    "kind: bundle_forgery, link: up, at: 20 min",
    "kind: bundle_replay, link: down, rate: 20 %, delay: 2 min",
    "kind: babble, node: edge-1, at: 20 min, for: 8 min",
    "kind: babble, node: vitals-1, at: 20 min, for: 8 min, every: 5 s",
    "kind: babble, node: auditor, at: 20 min, for: 8 min",
    # edges and devices
    "kind: edge_crash, node: edge-1, at: 20 min, down: 2 min",
    "kind: device_crash, device: vitals-1, at: 20 min, down: 2 min",
    "kind: crash_at_effect, node: any, rate: 1 %, down: 20 s",
    "kind: crash_at_effect, node: vitals-1, rate: 5 %, down: 20 s",
    "kind: rolling_upgrade, at: 20 min, every: 3 min, down: 2 min",
    "kind: fsync_error, node: edge-1, rate: 20 %",
    "kind: fsync_lie, node: edge-1, at: 20 min, for: 8 min",
    "kind: disk_full, node: edge-1, at: 20 min, for: 8 min",
    "kind: bit_rot, node: edge-1, at: 20 min",
    "kind: disk_swap, node: edge-1, at: 20 min, down: 2 min",
    "kind: snapshot_rollback, node: edge-1, at: 20 min, age: 10 min",
    "kind: clock_step, node: vitals-1, at: 20 min, by: -3 s",
    "kind: clock_step, node: edge-2, at: 20 min, by: 10 min",
    "kind: clock_drift, node: vitals-1, rate: 200 ppm",
    "kind: slow_cpu, node: edge-1, at: 20 min, for: 8 min, delay: 500 ms",
    "kind: slow_cpu, node: vitals-1, at: 10 min, for: 20 min, delay: 5 s",
    # Earth
    "kind: earth_crash, node: gateway, at: 20 min, down: 2 min",
    "kind: stale_leader, at: 20 min, for: 8 min",
    "kind: table_throttling, at: 20 min, for: 8 min, write_capacity: 0.05 rows/s",
    "kind: table_unprocessed, rate: 20 %",
    "kind: table_timeout, rate: 20 %",
    "kind: table_stale_read, rate: 20 %",
    "kind: table_restore, at: 20 min, down: 2 min",
    "kind: row_rot, at: 20 min",
    "kind: row_rot, store: backup, at: 30 min",
    "kind: channel_down, at: 10 min, for: 20 min",
    "kind: channel_busy, at: 10 min, for: 20 min",
    # operators
    "kind: device_key_rotation, device: vitals-1, at: 20 min",
    "kind: hop_key_rotation, at: 20 min",
    "kind: relay_safe_mode, relay: tgo, at: 20 min, for: 5 min",
    "kind: hop_key_rotation, side: mars, at: 20 min",
    "kind: early_retention, at: 20 min, older_than: 5 min",
    "kind: wrong_config, node: edge-1, device: vitals-1, at: 10 min, for: 15 min",
    # sensors
    "kind: lead_off, device: vitals-1, at: 20 min, for: 8 min",
    "kind: lead_off, device: vitals-1, channel: spo2_pct, at: 20 min, for: 8 min",
    "kind: motion_artefact, device: vitals-1, at: 20 min, for: 8 min, rate: 50 %",
    "kind: sensor_stuck, device: vitals-1, at: 20 min, for: 8 min",
    "kind: sensor_duplicate, device: vitals-1, at: 20 min, for: 8 min, rate: 50 %",
    "kind: sensor_late, device: vitals-1, at: 20 min, for: 8 min",
)


def kinds_of_the_schema() -> set[str]:
    """Every kind that a habitat's `faults` may name."""
    faults = json_schema()["$defs"]["HabitatScenario"]["properties"]["faults"]
    return set(faults["items"]["discriminator"]["mapping"])


def kind_of(fault: str) -> str:
    """The kind of a written fault."""
    return fault.split(", ")[0].removeprefix("kind: ")


def at_random(fault: str) -> str:
    """The same fault at a random instant, where it has an instant."""
    return re.sub(r"\bat: [^,]+", "at: random", fault)


def listed(*faults: str) -> str:
    """The `faults` of a scenario."""
    return "faults:\n" + "".join(f"  - {{{fault}}}\n" for fault in faults)
