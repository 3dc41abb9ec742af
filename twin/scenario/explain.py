"""From a failed validation to one line for people: which key, which rule, which file and line, what to do."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from twin.scenario.document import Node
from twin.scenario.errors import Key, RuleError, ScenarioError, dotted, listed, shown
from twin.units import QuantityError

# What pydantic found -> (rule, remedy); braces take the values of its context.
_RULES: Final[dict[str, tuple[str, str]]] = {
    "int_type": ("must be a whole number", "write digits only"),
    "float_type": ("must be a number", "write it without unit and quotes"),
    "finite_number": ("must be a finite number", "write digits"),
    "string_type": ("must be text", "write a word, or put it in quotes"),
    "bool_type": ("must be true or false", "write true or false"),
    "tuple_type": ("must be a list", "write it as `[a, b]` or as lines that begin with `- `"),
    "model_type": ("must be a mapping", "write it as lines of `key: value`"),
    "model_attributes_type": ("must be a mapping", "write it as lines of `key: value`"),
    "greater_than_equal": ("must be at least {ge}", "give {ge} or more"),
    "less_than_equal": ("must be at most {le}", "give {le} or less"),
    "too_short": ("is a list of {min_length} or more", "add what is missing"),
    "too_long": ("is a list of {max_length} or fewer", "remove some"),
    "string_too_short": ("must not be empty", "write a word"),
    "string_too_long": ("must have at most {max_length} characters", "shorten it"),
    "string_pattern_mismatch": ("must match {pattern}", "use letters, digits and hyphens"),
    "missing": ("required and missing", "add `{name}: ...`"),
    "union_tag_not_found": ("required and missing", "add `kind: ...`"),
}


def explain(error: ValidationError, root: Node) -> ScenarioError:
    """The first problem of a failed validation as an error with its place; the others are counted.

    Args:
        error: What validation found.
        root: The document that was validated.
    """
    found = error.errors(include_url=False)
    # A list whose items all fail is also called too short: the deeper problem explains it.
    problems = [problem for problem in found if not any(_inside(other, problem) for other in found)]
    first = min(problems, key=lambda problem: not isinstance(_cause(problem), RuleError))
    place: Key = tuple(first["loc"])
    if first["type"].startswith("union_tag"):
        place = (*place, "kind")
    key, node = _locate(root, place, missing=first["type"] in ("missing", "union_tag_not_found"))
    rule, remedy, subject = _words(first, key)
    broken = _cause(first)
    if isinstance(broken, RuleError):
        key, node = _locate(root, (*key, *broken.key), missing=True)
    if len(problems) > 1:
        remedy += f" (and {len(problems) - 1} more)"
    return refusal(key, node, rule, remedy, subject, root)


def refuse(broken: RuleError, root: Node) -> ScenarioError:
    """A rule that the whole document breaks, with its place."""
    key, node = _locate(root, broken.key, missing=True)
    return refusal(key, node, broken.rule, broken.remedy, broken.subject, root)


def refusal(key: Key, node: Node, rule: str, remedy: str, subject: str, root: Node) -> ScenarioError:
    """Put the pieces of the line together; a scalar is shown with its value."""
    if not key:
        return ScenarioError(subject or f"scenario {root.place.source}", rule, root.place.source, remedy)
    if not subject:
        subject = dotted(key)
        if not isinstance(node.value, (dict, list)) and rule != "unknown key" and "missing" not in rule:
            subject = f"{subject} = {shown(node.value)}"
    return ScenarioError(subject, rule, str(node.place), remedy, key)


def _inside(inner: Any, outer: Any) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _cause(problem: Any) -> object:
    return problem.get("ctx", {}).get("error")


def _words(problem: Any, key: Key) -> tuple[str, str, str]:
    cause = _cause(problem)
    if isinstance(cause, RuleError):
        return cause.rule, cause.remedy, cause.subject
    if isinstance(cause, QuantityError):
        return cause.rule, cause.remedy, ""
    context = problem.get("ctx", {})
    if problem["type"] == "literal_error":
        allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return "not one of the known words", listed(allowed, problem["input"]), ""
    if problem["type"] == "union_tag_invalid":
        allowed = context["expected_tags"].replace("'", "").split(", ")
        return "unknown kind", listed(allowed, context["tag"]), ""
    if problem["type"] in _RULES:
        rule, remedy = _RULES[problem["type"]]
        values = {**context, "name": key[-1] if key else ""}
        return rule.format(**values), remedy.format(**values), ""
    return problem["msg"], "see `twin schema`", ""


def _locate(root: Node, location: Key, *, missing: bool) -> tuple[Key, Node]:
    """Follow a location of pydantic through the document.

    Elements that are not in the file are names of union members, skipped, or, where `missing`, the key that
    should be there, kept at the place of what should hold it.
    """
    key: list[str | int] = []
    node = root
    for position, part in enumerate(location):
        value = node.value
        if isinstance(value, dict) and len(value) == 1 and part not in value and position + 1 == len(location):
            # `- freshness: {bound: ...}`: the model sees the option one level up.
            ((word, inner),) = value.items()
            if isinstance(inner.value, dict) and part in inner.value:
                key.append(word)
                node, value = inner, inner.value
        below = _child(value, part)
        if below is not None:
            node = below
            key.append(part)
        elif missing and position + 1 == len(location) and isinstance(part, str) and isinstance(value, dict):
            key.append(part)
    return tuple(key), node


def _child(value: Any, part: str | int) -> Node | None:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        found: Node = value[part]
        return found
    return None
