"""Builds a plausible first sol of a clinic without a run: six crew members and the air, four episodes, nine alarms.

Tables go on top of a folder that `sample_run` wrote. Instants are drawn so that every case that the page shows is
there: told at once, told after a night, never told, acknowledged, escalated, false, technical.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sample_run import HOUR_US, MINUTE_US, OWLT_US, START_US, _guarantee, typed, write_run

from twin.result_schema import TABLES
from twin.world.timescales import us_to_utc

S_US = 1_000_000
STRETCHES = 1_480
CREW = 6
CLINIC_HELD = (
    "durability", "no_equivocation", "no_loss", "exactly_once", "stream_order", "integrity", "append_only",
    "convergence", "freshness", "alert_latency", "feedback_closure", "safe_trim", "anti_replay", "monotonic_reads",
    "recovery", "bounded_resources", "confidentiality", "clock_honesty", "conservation",
)  # fmt: skip
BASE = {
    "heart_rate_bpm": (64, 6, 3), "rr_interval_ms": (930, 60, 30), "spo2_pct": (97, 0, 1),
    "respiration_rpm": (14, 1, 1),
    "systolic_mmhg": (118, 5, 3), "diastolic_mmhg": (76, 4, 2),
    "temperature_ddegc": (369, 4, 1),
    "consciousness_acvpu": (0, 0, 0), "oxygen_flow_dlpm": (0, 0, 0), "activity_mg": (40, 20, 15),
}  # fmt: skip
AIR = {"cabin_pressure_hpa": (703, 0, 1), "ppo2_dapa": (2_130, 4, 5), "ppco2_pa": (260, 40, 12)}
EPISODES = (
    ("hypoxia", 2, START_US + 130 * MINUTE_US, START_US + 155 * MINUTE_US),
    ("sepsis", 4, START_US + 13 * HOUR_US, START_US + 20 * HOUR_US),
    ("arrhythmia", 5, START_US + 22 * HOUR_US, START_US + 22 * HOUR_US + 90 * S_US),
    ("decompression", 0, START_US + 9 * HOUR_US, START_US + 9 * HOUR_US + 35 * MINUTE_US),
)
TEXTS = {
    "heart_rate_bpm.high": "heart rate high", "spo2_pct.low": "SpO2 low", "news2.urgent": "NEWS2 urgent",
    "spo2_pct.lead_off": "SpO2 lead off", "cabin_pressure_hpa.low": "cabin pressure low",
    "temperature_ddegc.high": "temperature high",
}  # fmt: skip
NO_ALARM = dict.fromkeys(TABLES["alarms"])


def write_clinic(folder: Path, *, crew: int = CREW, quiet: bool = False, **changes: Any) -> Path:
    """Write a run with a clinic.

    Args:
        folder: Where to write.
        crew: People under watch.
        quiet: Without episodes and alarms.
        changes: Keys of `result.json` with their values.
    """
    write_run(folder, devices=crew, scenario="first-sol", description="Six crew members, a storm and a hypoxia.")
    path = folder / "result.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = [] if quiet else alarms()
    document["guarantees"] = [_guarantee(key) for key in CLINIC_HELD]
    latency = document["guarantees"][CLINIC_HELD.index("alert_latency")]
    latency |= {
        "checked": len(rows), "bound": 26_620.0, "observed": 26_140.0, "unit": "s", "margin": 480.0,
        "expression": "owlt + contact_wait + 1 R + 60 s",
        "terms": [
            {"name": "owlt", "value_s": 511.0}, {"name": "contact_wait", "value_s": 24_967.0},
            {"name": "1 R", "value_s": 1_082.0}, {"name": "60 s", "value_s": 60.0},
        ],
    }  # fmt: skip
    document["counts"]["alerts"] = len(rows)
    document |= {"clinic": tally(crew, quiet), "ledger": LEDGER} | changes
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    tables = {
        "vitals": typed("vitals", vitals(crew, quiet)),
        "episodes": typed("episodes", [] if quiet else list(EPISODES)),
        "alarms": typed_alarms(rows),
        "checkpoints": typed("checkpoints", checkpoints()),
    }
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet")
    return folder


def vitals(crew: int, quiet: bool) -> list[tuple[Any, ...]]:
    """A minute of noise around a daily swing per stretch, and what the episodes do to it."""
    rows: list[tuple[Any, ...]] = []
    at_us = START_US + np.arange(STRETCHES, dtype=np.int64) * MINUTE_US
    for member in range(crew + 1):
        name = f"vitals-{member}" if member else "air-1"
        for number, (channel, (base, swing, noise)) in enumerate((BASE if member else AIR).items()):
            rng = np.random.default_rng((member, number))
            middle = base + swing * np.sin(2 * np.pi * np.arange(STRETCHES) / STRETCHES - 1.2) + member
            middle = middle + np.convolve(rng.normal(0, noise, STRETCHES), np.ones(9) / 9, "same")
            if noise == 0:
                middle = np.full(STRETCHES, float(base))
            if not quiet:
                middle = middle + effect(channel, member, at_us)
            middle = np.minimum(np.round(middle), 100 if channel == "spo2_pct" else 99_999).astype(np.int64)
            low, high = middle - noise - rng.integers(0, noise + 1, STRETCHES), middle + noise
            if channel == "spo2_pct":
                high = np.minimum(high, 100)
            off = (member == 3) & (np.arange(STRETCHES) // 20 == 15)  # a lead is off for 20 min
            for k in range(STRETCHES):
                values = (None, None, None, 0) if off[k] else (int(low[k]), int(middle[k]), int(high[k]), 60)
                rows.append((name, member, channel, int(at_us[k]), *values))
    return rows


def effect(channel: str, member: int, at_us: np.ndarray) -> np.ndarray:
    """How far episodes move a channel."""
    depth = {
        ("spo2_pct", 2): -14, ("heart_rate_bpm", 2): 32, ("respiration_rpm", 2): 10, ("oxygen_flow_dlpm", 2): 60,
        ("heart_rate_bpm", 4): 48, ("temperature_ddegc", 4): 22, ("respiration_rpm", 4): 11, ("systolic_mmhg", 4): -26,
        ("diastolic_mmhg", 4): -18, ("spo2_pct", 4): -4, ("consciousness_acvpu", 4): 2, ("heart_rate_bpm", 5): 90,
        ("cabin_pressure_hpa", 0): -160, ("ppo2_dapa", 0): -480,
    }  # fmt: skip
    moved = np.zeros(len(at_us))
    for _, crew, start_us, end_us in EPISODES:
        if crew == member and (channel, member) in depth:
            share = np.clip((at_us - start_us) / max(0.4 * (end_us - start_us), MINUTE_US), 0, 1)
            share = np.where(at_us > end_us, np.clip(1 - (at_us - end_us) / (15 * MINUTE_US), 0, 1), share)
            moved = moved + depth[channel, member] * np.where(at_us < start_us, 0, share)
    return moved


def alarm(crew: int, rule: str, priority: int, onset_us: int, sent_us: int | None, **more: Any) -> dict[str, Any]:
    """One row of `alarms`, told on Earth if it was ever sent."""
    stream, device = (f"vitals-{crew}", 0x9F3A + crew) if crew else ("air-1", 0xA1)
    sounded_us = onset_us + (2 + crew) * S_US + 140_000
    row = {
        "alert": f"dev-{device:016x}/ep-{0xC0FFEE + crew:016x}/{(onset_us - START_US) // MINUTE_US}/{rule}",
        "stream": stream, "crew": crew, "rule": rule, "text": TEXTS[rule],
        "technical": int(rule.endswith(".lead_off")), "priority": priority, "onset_us": onset_us,
        "raised_us": sounded_us - 3_000, "sounded_us": sounded_us, "acknowledged_us": sounded_us + 95 * S_US,
        "cleared_us": sounded_us + 14 * MINUTE_US, "sealed_us": sounded_us + 12_000, "times_told": 0,
    }  # fmt: skip
    if sent_us is not None:
        arrived_us = sent_us + OWLT_US + 400_000
        row |= {
            "sent_us": sent_us, "arrived_us": arrived_us, "durable_us": arrived_us + 30_000,
            "stored_us": arrived_us + 60_000, "told_us": arrived_us + 4 * S_US, "times_told": 1,
            "seen_on_mars_us": arrived_us + OWLT_US + 180 * S_US,
        }  # fmt: skip
    return row | more


def alarms() -> list[dict[str, Any]]:
    """In view until 4.2 h, stowed through the second pass, the third begins at 19.1 h."""
    third_us = START_US + round(19.1 * HOUR_US) + 20 * S_US
    hypoxia_us, sepsis_us = EPISODES[0][2] + 260 * S_US, EPISODES[1][2] + 50 * MINUTE_US
    beat_us, leak_us = EPISODES[2][2] + 12 * S_US, EPISODES[3][2] + 95 * S_US
    worse_us = hypoxia_us + 4 * MINUTE_US
    false_us = START_US + 30 * MINUTE_US
    return [
        alarm(1, "heart_rate_bpm.high", 1, false_us, false_us + 4 * S_US, seen_on_mars_us=None),
        alarm(2, "spo2_pct.low", 3, hypoxia_us, hypoxia_us + 6 * S_US, episode="hypoxia", times_told=2),
        alarm(2, "news2.urgent", 2, worse_us, worse_us + 90 * S_US, episode="hypoxia"),
        alarm(3, "spo2_pct.lead_off", 1, START_US + 5 * HOUR_US, third_us, acknowledged_us=None),
        alarm(0, "cabin_pressure_hpa.low", 3, leak_us, third_us + 1 * S_US, episode="decompression"),
        alarm(2, "spo2_pct.low", 3, leak_us + 200 * S_US, third_us + 2 * S_US, episode="decompression"),
        alarm(4, "news2.urgent", 2, sepsis_us, third_us + 3 * S_US, episode="sepsis",
              escalated_us=sepsis_us + 20 * MINUTE_US),
        alarm(4, "temperature_ddegc.high", 2, sepsis_us + 2 * HOUR_US, third_us + 4 * S_US, episode="sepsis"),
        alarm(5, "heart_rate_bpm.high", 3, beat_us, None, episode="arrhythmia", acknowledged_us=None),
    ]  # fmt: skip


def tally(crew: int, quiet: bool) -> dict[str, Any]:
    """A `clinic` block as the counting would give it for these tables, by hand."""
    nothing = {"known": 0, "median": None, "max": None}

    def one(member: int | None, days: float, **told: Any) -> dict[str, Any]:
        blank = {
            "episodes": 0, "detected": 0, "sensitivity": None, "delay_mars_s": nothing, "delay_earth_s": nothing,
            "alarms": 0, "false_alarms": 0, "technical_alarms": 0,
        }  # fmt: skip
        rate = {"false_alarms_per_patient_day": told.get("false_alarms", 0) / days if days else None}
        return {"crew": member, "patient_days": days} | blank | rate | told

    def delay(span_s: float) -> dict[str, Any]:
        return {"known": 1, "median": span_s, "max": span_s}

    def found(alarms: int, mars_s: float, earth: dict[str, Any]) -> dict[str, Any]:
        known = {"episodes": 1, "detected": 1, "sensitivity": 1.0, "alarms": alarms}
        return known | {"delay_mars_s": delay(mars_s), "delay_earth_s": earth}

    told: dict[int, dict[str, Any]] = {} if quiet else {
        0: found(1, 97.14, delay(36_895.4)), 1: {"alarms": 1, "false_alarms": 1}, 2: found(3, 264.14, delay(781.4)),
        3: {"technical_alarms": 1}, 4: found(2, 3_006.14, delay(22_498.4)), 5: found(1, 19.14, nothing),
    }  # fmt: skip
    total = {} if quiet else {
        "episodes": 4, "detected": 4, "sensitivity": 1.0, "alarms": 8, "false_alarms": 1, "technical_alarms": 1,
        "delay_mars_s": {"known": 4, "median": 97.14, "max": 3_006.14},
        "delay_earth_s": {"known": 3, "median": 22_498.4, "max": 36_895.4},
    }  # fmt: skip
    members = [one(member, 1.027 if member else 0.0, **told.get(member, {})) for member in range(crew + 1)]
    return {"grace_s": 900.0, "crew": members, "total": one(None, 1.027 * crew, **total)}


LEDGER = {
    "frames": 8_889, "rows": 8_889, "streams": 9, "checkpoints": 296, "cosigned_by_all": 290, "frames_signed": 8_889,
    "frames_cosigned_mars": 8_889, "frames_cosigned_earth": 8_770, "rows_audited": 8_889,
    "last_cosigned_mars_utc": us_to_utc(START_US + 1_480 * MINUTE_US),
    "last_cosigned_earth_utc": us_to_utc(START_US + 1_470 * MINUTE_US),
    "last_audited_utc": us_to_utc(START_US + 1_479 * MINUTE_US),
}  # fmt: skip


def checkpoints() -> list[tuple[Any, ...]]:
    """One in ten minutes per edge; Earth follows when a pass is on."""
    rows: list[tuple[Any, ...]] = []
    for counter in range(148):
        at_us = START_US + (counter + 1) * 10 * MINUTE_US
        hour = (at_us - START_US) / HOUR_US
        in_view = hour < 4.2 or hour > 19.1
        earth_us = at_us + OWLT_US + 2 * S_US if in_view else START_US + round(19.3 * HOUR_US) + counter * S_US
        for edge in ("edge-1", "edge-2"):
            late = counter > 144
            rows.append((edge, counter, at_us, 5, 30, at_us + S_US, None if late else earth_us, 1 if late else 2, 2))
    return rows


def typed_alarms(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `alarms` as the table has them."""
    return typed("alarms", [tuple((NO_ALARM | row).values()) for row in rows])
