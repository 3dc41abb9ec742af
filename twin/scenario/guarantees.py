"""The guarantees that a scenario asks for.

Safety guarantees always run. A scenario lists guarantees to set their bounds and to insist: one that it
lists and that was never checked counts as broken. Each item is a name, or a name with its options.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from twin.scenario.bounds import BoundExpression, parse_bound
from twin.scenario.errors import RuleError, listed
from twin.scenario.fields import Part, PositiveDurationUs, Ratio, setting

PlainKey = Literal[
    "durability",
    "no_equivocation",
    "no_loss",
    "exactly_once",
    "stream_order",
    "append_only",
    "safe_trim",
    "conservation",
    "anti_replay",
    "monotonic_reads",
    "clock_honesty",
    "confidentiality",
]
PLAIN: Final[tuple[str, ...]] = get_args(PlainKey)

BoundText = Annotated[
    BoundExpression,
    PlainValidator(parse_bound),
    PlainSerializer(lambda bound: bound.text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["owlt + contact_wait + 1 R + 3 min"]}),
]
Limit = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]


class _Guarantee(Part):
    tag: ClassVar[str | None] = "key"


class Safety(_Guarantee):
    """A guarantee without options: nothing bad ever happens."""

    key: PlainKey


class Integrity(_Guarantee):
    """Every row is what its device signed; what rots at rest stands as signed again within `scrub` and `bound`."""

    key: Literal["integrity"]
    scrub_us: PositiveDurationUs | None = setting(
        None,
        "Longest time until a scrub has read every row again; null: `pipeline.scrub_period`.",
        source="the setting itself",
    )
    bound: BoundText = setting(
        "2 owlt + 2 contact_wait + 2 R + 30 min",
        "Longest time from the scrub to the mended row, which may have to come from Mars again.",
        source="as feedback_closure, with two lost rounds; 30 min assumed for backlog",
    )


class BoundedResources(_Guarantee):
    """Queues, retransmissions per record and wire amplification stay under their limits."""

    key: Literal["bounded_resources"]
    retransmissions: Limit = setting(
        20,
        "Times that one edge sends a record after the first.",
        source="assumed: at 10 % loss the 21st transmission of a record is one in 10^20",
    )
    amplification: Annotated[float, Field(gt=0, le=1_000_000)] = setting(
        4.0,
        "Bytes radiated to Earth per byte signed.",
        source="assumed: one transmission, headers and checkpoints make 1.1 to 1.5; two edges may send one alert",
    )
    device_frames: Limit = setting(
        20_000,
        "Records that a device keeps until they are backed up.",
        source="assumed: two weeks of frames a minute, the longest published command moratorium",
    )
    edge_frames: Limit = setting(
        1_000_000,
        "Records that an edge keeps until they are backed up.",
        source="assumed: 50 devices through the same two weeks",
    )


class Convergence(_Guarantee):
    """Earth's rows and roots equal the edge's within the ideal drain over the plan and `rounds` rounds."""

    key: Literal["convergence"]
    rounds: Annotated[int, Field(strict=True, ge=0, le=1000)] = setting(
        2,
        "Retransmission rounds granted beyond the ideal drain.",
        source="assumed: two losses of one bundle in a row",
    )


class Freshness(_Guarantee):
    """Age of the newest in-order sample that Earth can see stays within `bound`."""

    key: Literal["freshness"]
    bound: BoundText = setting(
        "owlt + frame_period + bundle_wait + contact_wait + 1 R + 3 min",
        "Largest age.",
        source="light time, framing, batching, wait for a contact, one lost round; 3 min assumed for backlog",
    )


class FeedbackClosure(_Guarantee):
    """The device knows within `bound` that Earth has verified a frame."""

    key: Literal["feedback_closure"]
    bound: BoundText = setting(
        "2 owlt + frame_period + bundle_wait + 2 contact_wait + ack_delay + far_end_allowance + 1 R + 3 min",
        "Longest time from sample to knowledge.",
        source="there and back, a wait for a contact each way, one lost round; 3 min assumed for backlog",
    )


class AlertLatency(_Guarantee):
    """The crew knows of an alarm within `mars`, the flight surgeon within `bound`."""

    key: Literal["alert_latency"]
    bound: BoundText = setting(
        "owlt + contact_wait + 1 R + 60 s",
        "Longest time from the alarm on Mars to the surgeon's channel on Earth.",
        source="light time, wait for a contact, one lost round; 60 s assumed for processing and the channel",
    )
    earth_visible_us: PositiveDurationUs = setting(
        "45 min",
        "The same in absolute terms, for alarms raised while Earth can be reached.",
        source="assumed: the longest light time, 22.3 min, twice",
    )
    visible_share_ratio: Ratio = setting(
        "95 %",
        "Share of those alarms that `earth_visible` holds for.",
        source="assumed: one lost bundle, or the end of a pass, in twenty",
    )
    mars_us: PositiveDurationUs = setting(
        "5 s",
        "Longest time from the first sample beyond a limit to the alarm in the habitat.",
        source="assumed: three samples of 1 s, framing, local network and evaluation",
    )


class Recovery(_Guarantee):
    """After the loss of Earth's store all that had been visible is visible again within `bound`."""

    key: Literal["recovery"]
    bound: BoundText = setting(
        "2 owlt + 2 contact_wait + 2 R + 1 h",
        "Longest time from the restore to the last record.",
        source="Earth asks, Mars resends, each may wait for a contact, two lost rounds; RTO of 1 h assumed",
    )


_WITH_OPTIONS: Final[dict[str, type[_Guarantee]]] = {
    "integrity": Integrity,
    "bounded_resources": BoundedResources,
    "convergence": Convergence,
    "freshness": Freshness,
    "feedback_closure": FeedbackClosure,
    "alert_latency": AlertLatency,
    "recovery": Recovery,
}
SAFETY: Final[tuple[str, ...]] = (*PLAIN, "integrity", "bounded_resources")
LIVENESS: Final[tuple[str, ...]] = tuple(key for key in _WITH_OPTIONS if key not in SAFETY)
GUARANTEES: Final[tuple[str, ...]] = SAFETY + LIVENESS
BOUNDED: Final = (Integrity, Freshness, FeedbackClosure, AlertLatency, Recovery)
"""Guarantees whose `bound` is an expression over the contacts."""


def _named(item: Any) -> Any:
    """`freshness` or `{freshness: {bound: ...}}` as `{key: freshness, bound: ...}`."""
    key: Any
    options: Any
    if isinstance(item, str):
        key, options = item, {}
    elif isinstance(item, dict) and len(item) == 1:
        key, options = next(iter(item.items()))
        options = {} if options is None else options
    else:
        raise RuleError("a guarantee is a name, or one name with its options", "write `- freshness: {bound: ...}`")
    if key not in GUARANTEES:
        raise RuleError(f"unknown guarantee {key}", listed(GUARANTEES, key))
    if not isinstance(options, dict):
        raise RuleError("the options of a guarantee are a mapping", f"write `- {key}: {{option: value}}`")
    if key in PLAIN and options:
        raise RuleError(f"{key} has no options", f"write `- {key}`")
    if "key" in options:
        raise RuleError("unknown key", f"write `- {key}: {{option: value}}`", (key, "key"))
    return {"key": key, **options}


def _item_schema() -> dict[str, Any]:
    keyed = {}
    for key, model in _WITH_OPTIONS.items():
        properties = model.model_json_schema(by_alias=True)["properties"]
        options = {name: rule for name, rule in properties.items() if name != "key"}
        keyed[key] = {"type": ["object", "null"], "properties": options, "additionalProperties": False}
    one_of_them = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    plain: dict[str, Any] = {key: {"type": ["object", "null"], "maxProperties": 0} for key in PLAIN}
    return {"anyOf": [{"enum": list(GUARANTEES)}, {**one_of_them, "properties": {**keyed, **plain}}]}


GuaranteeChoice = (
    Safety | Integrity | BoundedResources | Convergence | Freshness | FeedbackClosure | AlertLatency | Recovery
)
GuaranteeItem = Annotated[
    Annotated[GuaranteeChoice, Field(discriminator="key")],
    BeforeValidator(_named),
    WithJsonSchema(_item_schema()),
]
