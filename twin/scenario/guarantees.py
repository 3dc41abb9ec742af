"""The guarantees that a scenario asks for.

Safety guarantees always run. A scenario lists guarantees to set their bounds and to insist: one that it
lists and that was never checked counts as broken. Each item is a name, or a name with its options.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from twin.scenario.bounds import BoundExpression, parse_bound
from twin.scenario.errors import RuleError, listed
from twin.scenario.fields import Part, setting

SafetyKey = Literal[
    "durability",
    "no_equivocation",
    "no_loss",
    "exactly_once",
    "stream_order",
    "integrity",
    "append_only",
    "safe_trim",
    "conservation",
]
SAFETY: Final[tuple[str, ...]] = get_args(SafetyKey)
LIVENESS: Final = ("convergence", "freshness", "feedback_closure")
GUARANTEES: Final = SAFETY + LIVENESS

Bound = Annotated[
    BoundExpression,
    PlainValidator(parse_bound),
    PlainSerializer(lambda bound: bound.text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["owlt + contact_wait + 1 R + 3 min"]}),
]


class _Guarantee(Part):
    tag: ClassVar[str | None] = "key"


class Safety(_Guarantee):
    """A guarantee without options: nothing bad ever happens."""

    key: SafetyKey


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
    bound: Bound = setting(
        "owlt + frame_period + bundle_wait + contact_wait + 1 R + 3 min",
        "Largest age.",
        source="light time, framing, batching, wait for a contact, one lost round; 3 min assumed for backlog",
    )


class FeedbackClosure(_Guarantee):
    """The device knows within `bound` that Earth has verified a frame."""

    key: Literal["feedback_closure"]
    bound: Bound = setting(
        "2 owlt + frame_period + bundle_wait + 2 contact_wait + ack_delay + far_end_allowance + 1 R + 3 min",
        "Longest time from sample to knowledge.",
        source="there and back, a wait for a contact each way, one lost round; 3 min assumed for backlog",
    )


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
    if key in SAFETY and options:
        raise RuleError(f"{key} has no options", f"write `- {key}`")
    if "key" in options:
        raise RuleError("unknown key", f"write `- {key}: {{option: value}}`", (key, "key"))
    return {"key": key, **options}


def _item_schema() -> dict[str, Any]:
    keyed = {}
    for key, model in zip(LIVENESS, (Convergence, Freshness, FeedbackClosure), strict=True):
        options = {name: rule for name, rule in model.model_json_schema()["properties"].items() if name != "key"}
        keyed[key] = {"type": ["object", "null"], "properties": options, "additionalProperties": False}
    one_of_them = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    plain: dict[str, Any] = {key: {"type": ["object", "null"], "maxProperties": 0} for key in SAFETY}
    return {"anyOf": [{"enum": list(GUARANTEES)}, {**one_of_them, "properties": {**keyed, **plain}}]}


GuaranteeChoice = Safety | Convergence | Freshness | FeedbackClosure
GuaranteeItem = Annotated[
    Annotated[GuaranteeChoice, Field(discriminator="key")],
    BeforeValidator(_named),
    WithJsonSchema(_item_schema()),
]
