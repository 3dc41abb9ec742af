"""Faults of links: what is lost, doubled, late, damaged, cut, forged or said again on the way.

Links of a habitat are `down` (Mars to Earth), `up` (Earth to Mars), `local` (the network inside the habitat) and
`ground` (between gateway and auditor on Earth); links of a bare scenario are its directed pairs, `S->R`. A fault of a
link acts on every directed pair of nodes that uses it, each pair with a random stream of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from twin.scenario.errors import RuleError
from twin.scenario.fault_parts import RANDOM_US, AtInstant, AtUs, ByChance, Count, During, ForAWhile
from twin.scenario.fields import DurationUs, NodeName, PositiveDurationUs, Ratio, ShiftUs, setting
from twin.units import format_duration

LinkName = Annotated[str, Field(min_length=1, max_length=80)]


class BundleLoss(ByChance):
    """Transmissions vanish."""

    kind: Literal["bundle_loss"]
    link: LinkName = Field(description="Link that it acts on.")

    @property
    def place(self) -> str:
        return self.link


class BundleDuplication(ByChance):
    """Transmissions arrive twice."""

    kind: Literal["bundle_duplication"]
    link: LinkName = Field(description="Link that it acts on.")

    @property
    def place(self) -> str:
        return self.link


class BundleReorder(ByChance):
    """Transmissions arrive late, behind later ones."""

    kind: Literal["bundle_reorder"]
    link: LinkName = Field(description="Link that it acts on.")
    delay_us: PositiveDurationUs = setting("5 s", "How late.", source="assumed: several bundles at the lowest rate")

    @property
    def place(self) -> str:
        return self.link


class BundleCorruption(ByChance):
    """Transmissions arrive with one bit flipped; the receiver must refuse them."""

    kind: Literal["bundle_corruption"]
    link: LinkName = Field(description="Link that it acts on.")

    @property
    def place(self) -> str:
        return self.link


class BundleTruncation(ByChance):
    """Only the beginning of a transmission arrives; the receiver must refuse it."""

    kind: Literal["bundle_truncation"]
    link: LinkName = Field(description="Link that it acts on.")

    @property
    def place(self) -> str:
        return self.link


class BurstLoss(During):
    """Transmissions vanish in bursts: a link is good or bad, and loses only while bad (Gilbert 1960, Elliott 1963).

    It changes with a probability per transmission (`enter`, `leave`) or in time (`mean_good`, `mean_bad`; exponential).
    """

    kind: Literal["burst_loss"]
    link: LinkName = Field(description="Link that it acts on.")
    enter: Ratio | None = setting(
        None, "Probability that a good link turns bad, per transmission.", source="assumed: none"
    )
    leave: Ratio | None = setting(
        None, "Probability that a bad link turns good, per transmission.", source="assumed: none"
    )
    mean_good_us: PositiveDurationUs | None = setting(None, "Mean time in the good state.", source="assumed: none")
    mean_bad_us: PositiveDurationUs | None = setting(None, "Mean time in the bad state.", source="assumed: none")
    loss: Ratio = setting("100 %", "Probability of loss while bad.", source="Gilbert 1960: a burst loses what it meets")

    @property
    def place(self) -> str:
        return self.link

    @property
    def detail(self) -> str:
        if self.enter is not None and self.leave is not None:
            return f"enters {self.enter * 100:g} %, leaves {self.leave * 100:g} %, loses {self.loss * 100:g} %"
        good, bad = format_duration(self.mean_good_us or 0), format_duration(self.mean_bad_us or 0)
        return f"good for {good}, bad for {bad}, loses {self.loss * 100:g} %"

    @model_validator(mode="after")
    def _one_pair(self) -> BurstLoss:
        pairs = ((self.enter, self.leave), (self.mean_good_us, self.mean_bad_us))
        whole = [None not in pair for pair in pairs]
        none = [pair == (None, None) for pair in pairs]
        if whole not in ([True, False], [False, True]) or none != [not w for w in whole]:
            raise RuleError(
                "does not say when bursts begin and end", "give `enter` and `leave`, or `mean_good` and `mean_bad`"
            )
        if self.enter == 0 or self.leave == 0:
            raise RuleError("a burst that never begins or never ends", "give probabilities above 0")
        return self


class LinkOutage(ForAWhile):
    """Contacts of a link, a station or a whole complex do not take place; one way alone with `down` or `up`."""

    kind: Literal["link_outage"]
    link: LinkName | None = setting(
        None,
        "Link that is out (down, up, both, or S->R).",
        source="assumed: none",
    )
    station: str | None = setting(None, "Station that is out.", source="assumed: none")
    complex: str | None = setting(None, "Complex that is out.", source="assumed: none")
    announced: Annotated[bool, Field(strict=True)] = setting(
        False, "Whether the contact plan knows.", source="assumed: an outage surprises"
    )

    @property
    def place(self) -> str:
        return self.link or self.station or self.complex or ""

    @property
    def detail(self) -> str:
        return "in the contact plan" if self.announced else "not in the contact plan"

    @model_validator(mode="after")
    def _one_place(self) -> LinkOutage:
        given = [name for name in ("link", "station", "complex") if getattr(self, name) is not None]
        if len(given) != 1:
            raise RuleError(
                f"names {' and '.join(given) if given else 'no place'}",
                "give exactly one of link, station, complex",
            )
        return self


class RateChange(ForAWhile):
    """A link runs at another rate than the contact plan says."""

    kind: Literal["rate_change"]
    link: LinkName = Field(description="Link that it acts on (down, up, or S->R).")
    factor: Annotated[float, Field(strict=True, gt=0, le=10)] = Field(description="Real rate over the planned one.")

    @property
    def place(self) -> str:
        return self.link

    @property
    def detail(self) -> str:
        return f"{self.factor:g} of the planned rate"


class PassCut(AtInstant):
    """A contact ends early and unannounced: the one under way at `at`, or else the next one half-way through.

    What is in the air when the far end falls silent is lost.
    """

    kind: Literal["pass_cut"]
    link: LinkName = Field(description="Link that it acts on (down, up, both, or S->R).")

    @property
    def place(self) -> str:
        return self.link

    @property
    def detail(self) -> str:
        return "the pass under way or the next one, to its end"


class StalePlan(ForAWhile):
    """The habitat, the gateway on Earth or each node of a bare scenario holds a contact plan whose times are off by
    `shift`; then the right one.
    """

    kind: Literal["stale_plan"]
    node: Literal["habitat", "gateway"] = setting(
        "habitat", "Who holds it: all edge nodes, or the gateway.", source="assumed: news of a plan reach Mars last"
    )
    shift_us: ShiftUs = Field(description="How much later (or, negative, earlier) the wrong plan has its contacts.")

    @property
    def place(self) -> str:
        return {"habitat": "contact plan on Mars", "gateway": "contact plan on Earth"}[self.node]

    @property
    def detail(self) -> str:
        return f"shifted by {format_duration(self.shift_us)}"


class FrameForgery(AtInstant):
    """A frame that its device never signed reaches an edge (`local`), or Earth in a forged bundle (`down`).

    `key: given_up` signs with the key that the device was registered with and has replaced since.
    """

    kind: Literal["frame_forgery"]
    link: Literal["local", "down"] = setting("local", "Where it is put in.", source="assumed: nearest to the patient")
    device: NodeName = Field(description="Device that it pretends to come from.")
    key: Literal["wrong", "given_up"] = setting("wrong", "Key that it is signed with.", source="assumed: an outsider")
    epoch: Literal["same", "new"] = setting(
        "same", "The epoch that the key belonged to, or one never seen.", source="assumed: the next frame of the stream"
    )

    @property
    def place(self) -> str:
        return f"{self.device} on {self.link}"

    @property
    def detail(self) -> str:
        return f"{'a wrong key' if self.key == 'wrong' else 'a given-up key'}, {self.epoch} epoch"


class BundleForgery(AtInstant):
    """A well-formed bundle that its source never sent, without the keys that a hop needs.

    On the way up it claims that Earth has verified everything, on the way down it carries a forged frame.
    """

    kind: Literal["bundle_forgery"]
    link: Literal["down", "up"] = Field(description="Where it is put in.")

    @property
    def place(self) -> str:
        return self.link


class _Replay(AtInstant):
    """What passed is put in again `delay` later: what passed at `at - delay`, or each with probability `rate`.

    `from` and `until` bound `rate`, or a random instant.
    """

    kind: str
    at_us: AtUs | None = setting(  # type: ignore[assignment]  # optional here
        None, "When an earlier copy comes again.", source="assumed: none"
    )
    count: Count = setting(1, "How often, each at a random instant of its own.", source="assumed: once")
    rate: Ratio | None = setting(None, "Probability for each transmission.", source="assumed: none")
    delay_us: PositiveDurationUs = setting(
        "10 min", "How much later it comes again.", source="assumed: long after it was dealt with"
    )
    from_us: DurationUs = setting("0 s", "When `rate` sets in.", source="assumed: from the start")
    until_us: PositiveDurationUs | None = setting(
        None, "When `rate` is over; null: the end of the run, drain included.", source="assumed: to the end of the run"
    )

    @property
    def earliest_us(self) -> int:
        return self.delay_us

    @property
    def onset_us(self) -> int:
        return self.from_us if self.at_us is None else self.at_us

    @property
    def cease_us(self) -> int | None:
        return self.until_us if self.at_us is None else self.at_us

    @property
    def detail(self) -> str:
        share = "" if self.rate is None else f"{self.rate * 100:g} % "
        return f"{share}again after {format_duration(self.delay_us)}"

    @model_validator(mode="after")
    def _one_of_the_two(self) -> _Replay:
        if (self.at_us is None) == (self.rate is None):
            raise RuleError(
                "has both an instant and a rate" if self.rate is not None else "has neither an instant nor a rate",
                "give `at`, or `rate`",
            )
        if self.at_us not in (None, RANDOM_US) and self.at_us < self.delay_us:
            raise RuleError(
                f"nothing has passed {format_duration(self.delay_us)} before", "choose a later instant", ("at",)
            )
        return self


class BundleReplay(_Replay):
    """A bundle that passed is put in again, byte by byte."""

    kind: Literal["bundle_replay"]
    link: LinkName = Field(description="Link that it acts on (down, up, or S->R).")

    @property
    def place(self) -> str:
        return self.link


class FrameReplay(_Replay):
    """A frame that passed from a device to an edge is put in again, byte by byte."""

    kind: Literal["frame_replay"]
    device: NodeName | None = setting(
        None, "Device whose frames are said again; null: any device.", source="assumed: whichever comes"
    )

    @property
    def place(self) -> str:
        return "local" if self.device is None else f"{self.device} on local"


ChanceOnLink = BundleLoss | BundleDuplication | BundleReorder | BundleCorruption | BundleTruncation | BurstLoss
Replay = BundleReplay | FrameReplay
LinkFault = ChanceOnLink | LinkOutage | RateChange | PassCut | StalePlan | FrameForgery | BundleForgery | Replay
