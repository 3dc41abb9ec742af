"""What a scenario says of its being hunted."""

from __future__ import annotations

from typing import Literal

from twin.scenario.fields import Part, setting
from twin.scenario.guarantees import GuaranteeItem


class Hunting(Part):
    """Settings of `twin hunt`; a single run knows nothing of them."""

    bounds: Literal["healed", "always"] = setting(
        "healed",
        "Whether bounds in time hold under drawn faults too (always), or for what begins once those are over and Earth "
        "has all from before (healed).",
        source="assumed: bounds grant the faults that their scenario names, and no others",
    )
    calm: tuple[GuaranteeItem, ...] = setting(
        (),
        "Guarantees, most with tighter bounds, that take the place of those of the same name in seeds that draw no "
        "fault but announced outages; none: every seed draws faults.",
        source="assumed: no calm seeds; what every fault must excuse hides what needs none",
    )
