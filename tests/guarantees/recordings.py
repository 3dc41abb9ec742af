"""Two people whose scores stand exactly at thresholds and at the edges of bands, five minutes at a time; one of them is
once confused for so short a time that it does not hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HEADER: Final = (
    "time [s],heart_rate_bpm [/min],spo2_pct [%],respiration_rpm [/min],systolic_mmhg [mmHg],"
    "temperature_ddegc [Cel],consciousness_acvpu [{ACVPU}],oxygen_flow_dlpm [L/min]"
)
_ROW_S: Final = 2
_BLIP_S: Final = 3006  # the one row of confusion: two samples a second, and none of those every 20 s
_URGENT: Final = {"systolic": "91", "respiration": "21", "temperature": "38.1"}  # 2 + 2 + 1
_SCALE_1: Final = {
    10: {"systolic": "90"},  # 3 alone
    20: _URGENT,
    25: {**_URGENT, "respiration": ""},  # the electrodes fall off, and nobody is healed by that
    40: {"systolic": "91", "respiration": "21", "temperature": "38.0"},  # 4
    60: {"saturation": "93", "heart": "111", "temperature": "36.0", "oxygen": "2"},  # 2 + 2 + 1 + 2
    70: {"mind": "C"},  # 3 alone
}
_SCALE_2: Final = {
    15: {"saturation": "97", "oxygen": "2"},
    35: {"saturation": "83"},
    75: {"saturation": "88"},
}  # 5, 3, 0
RECORDED: Final = {1: (_SCALE_1, "97"), 2: (_SCALE_2, "90")}
"""Member of the crew -> what changes, by minute of the flight, and the saturation at rest."""


def write_recordings(folder: Path) -> str:
    """Write a file for each; returns the `replay` of a group of devices."""
    replays = []
    for crew, (stages, saturation) in RECORDED.items():
        lines = [_HEADER]
        for second in range(0, 90 * 60, _ROW_S):
            rest = {
                "heart": "70",
                "saturation": saturation,
                "respiration": "16",
                "systolic": "120",
                "temperature": "37.0",
                "mind": "C" if (crew, second) == (1, _BLIP_S) else "A",
                "oxygen": "0",
            }
            lines.append(",".join((str(second), *{**rest, **stages.get(second // 300 * 5, {})}.values())))
        path = folder / f"crew-{crew}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        replays.append(f"{{crew: {crew}, path: {path}}}")
    return f"[{', '.join(replays)}]"
