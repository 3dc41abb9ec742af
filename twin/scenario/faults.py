"""Faults by script: each says what breaks, where, when and for how long; instants count from the scenario's
start.

Links of a habitat are `down` (Mars to Earth), `up` (Earth to Mars) and `local`; links of a bare scenario
are its directed pairs, `S->R`. Faults by chance draw from a random stream of their own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.scenario.errors import RuleError
from twin.scenario.fields import DurationUs, NodeName, Part, PositiveDurationUs, Ratio, RowRate, setting

LinkName = Annotated[str, Field(min_length=1, max_length=80)]


class EdgeCrash(Part):
    """An edge computer stops; what it had not synced to its disk is lost; it returns after `down`."""

    kind: Literal["edge_crash"]
    node: NodeName = Field(description="The edge computer, edge-1 to edge-N.")
    at_us: DurationUs = Field(description="When it stops.")
    down_us: PositiveDurationUs = Field(description="How long it is down.")


class _OnLink(Part):
    """A fault that meets each bundle on a link with some probability, during a span."""

    kind: str
    link: LinkName = Field(description="Link that it acts on.")
    rate: Ratio = Field(description="Probability for each transmission.")
    from_us: DurationUs = setting("0 s", "When it sets in.", source="assumed: from the start")
    until_us: PositiveDurationUs | None = setting(
        None,
        "When it is over; null: the end of the run, drain included.",
        source="assumed: to the end of the run",
    )

    @model_validator(mode="after")
    def _span(self) -> _OnLink:
        if self.until_us is not None and self.until_us <= self.from_us:
            raise RuleError("`until` must come after `from`", "swap them or drop the fault", ("until",))
        return self


class BundleLoss(_OnLink):
    """Transmissions vanish."""

    kind: Literal["bundle_loss"]


class BundleDuplication(_OnLink):
    """Transmissions arrive twice."""

    kind: Literal["bundle_duplication"]


class BundleReorder(_OnLink):
    """Transmissions arrive late, behind later ones."""

    kind: Literal["bundle_reorder"]
    delay_us: PositiveDurationUs = setting("5 s", "How late.", source="assumed: several bundles at the lowest rate")


class LinkOutage(Part):
    """Contacts of a link, a station or a whole complex do not take place."""

    kind: Literal["link_outage"]
    link: LinkName | None = setting(
        None,
        "Link that is out (down, up, both, or S->R).",
        source="assumed: none",
    )
    station: str | None = setting(None, "Station that is out.", source="assumed: none")
    complex: str | None = setting(None, "Complex that is out.", source="assumed: none")
    at_us: DurationUs = Field(description="When it sets in.")
    for_us: PositiveDurationUs = Field(description="How long it lasts.")
    announced: Annotated[bool, Field(strict=True)] = setting(
        False, "Whether the contact plan knows.", source="assumed: an outage surprises"
    )

    @model_validator(mode="after")
    def _one_place(self) -> LinkOutage:
        given = [name for name in ("link", "station", "complex") if getattr(self, name) is not None]
        if len(given) != 1:
            raise RuleError(
                f"names {' and '.join(given) if given else 'no place'}",
                "give exactly one of link, station, complex",
            )
        return self


class TableThrottling(Part):
    """The table on Earth takes fewer rows; what it refuses comes back as unprocessed items."""

    kind: Literal["table_throttling"]
    at_us: DurationUs = Field(description="When it sets in.")
    for_us: PositiveDurationUs = Field(description="How long it lasts.")
    write_capacity_rows_per_s: RowRate = Field(description="Rows that the table takes in a second.")


LinkFault = BundleLoss | BundleDuplication | BundleReorder
Fault = Annotated[
    EdgeCrash | BundleLoss | BundleDuplication | BundleReorder | LinkOutage | TableThrottling,
    Field(discriminator="kind"),
]


def onset_us(fault: Fault) -> int:
    """When a fault sets in, after the scenario's start [us]."""
    return fault.from_us if isinstance(fault, _OnLink) else fault.at_us


def cease_us(fault: Fault) -> int | None:
    """When a fault is over, after the scenario's start [us]; None: with the run."""
    match fault:
        case EdgeCrash():
            return fault.at_us + fault.down_us
        case LinkOutage() | TableThrottling():
            return fault.at_us + fault.for_us
        case _:
            return fault.until_us
