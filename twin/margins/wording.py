"""What became of a guarantee, in words: a sentence, and the lines that explain it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from twin.margins.change import Change
from twin.margins.margin import MS_PER_S, PPM, Margin, Scale
from twin.result_text import WORDS

_TERMS_SHOWN: Final = 3


def sentence(change: Change) -> str:
    """What became of it, with the numbers; for a loss it stands alone in a report."""
    before, after = change.before, change.after
    if change.kind == "unguarded":
        return f"NOT CHECKED any more: {_standing(after)}, was {_standing(before)}"
    if change.kind == "broke":
        return f"BROKE: was {_standing(before)}"
    if change.kind == "mended":
        return "holds again"
    if change.kind == "new":
        return "is new"
    if change.kind == "same" or before is None or before.scale is None or not change.lost:
        return "the same"
    had = f"{amount(before.left, before.scale)} that were left" if before.left > 0 else "none left"
    share = "" if change.lost_share is None or before.left <= 0 else f" ({abs(change.lost_share):.1%})"
    moved = amount(abs(change.lost), before.scale)
    if change.kind == "more":
        return f"won {moved} on {had}{share}{_widened(before, after)}"
    return f"{'LOST' if change.is_loss else 'lost'} {moved} of {had}{share}"


def details(change: Change) -> Iterator[str]:
    """Why: bound and observed, terms that moved, and the worst case of each run; nothing where nothing moved."""
    before, after = change.before, change.after
    if before is None or after is None or change.kind == "same":
        return
    if before.expression != after.expression:
        yield f"bound is written {after.expression or 'nowhere'}, was {before.expression or 'nowhere'}"
    if before.scale not in (None, "count") or after.scale not in (None, "count"):
        yield f"observed {_measured(after)}, was {_measured(before)}"
    for term in change.terms[:_TERMS_SHOWN]:
        yield f"term {term.name}: {_term(term.after_s)}, was {_term(term.before_s)}"
    if after.worst is not None and before.worst == after.worst:
        yield f"worst case in both: {after.worst}"
    else:
        for margin, words in ((after, "worst case"), (before, "worst case before")):
            if margin.worst is not None:
                yield f"{words}: {margin.worst}"


def cell(margin: Margin | None) -> str:
    """A guarantee in one run, for a column of a table."""
    if margin is None:
        return "-"
    word = WORDS[margin.verdict]
    if margin.scale in (None, "count"):
        return word
    share = f"{margin.left / PPM:.1%}" if margin.scale == "share" else amount(margin.left, "time")
    return f"{word}, {share} left"


def amount(left: int, scale: Scale) -> str:
    """Room in the unit of `Margin.left`."""
    if scale == "time":
        return f"{left / MS_PER_S:.1f} s" if abs(left) >= MS_PER_S else f"{left} ms"
    return f"{left / PPM:.1%} of the limit" if scale == "share" else f"{left} violations"


def _widened(before: Margin, after: Margin | None) -> str:
    """Room that was won by a wider bound alone is no gain for who waits."""
    if after is None or None in (before.bound, after.bound, before.observed, after.observed):
        return ""
    wider, later = (after.bound or 0.0) - (before.bound or 0.0), (after.observed or 0.0) - (before.observed or 0.0)
    if before.scale != "time" or wider <= 0 or later < 0:
        return ""
    return f", by a bound that is {wider:.1f} s wider"


def _standing(margin: Margin | None) -> str:
    if margin is None:
        return "not listed"
    if not margin.judged:
        return WORDS[margin.verdict]
    if margin.scale in (None, "count"):
        return f"{WORDS[margin.verdict]} without a bound, {margin.checked} checked"
    return f"{WORDS[margin.verdict]} with {_measured(margin)}"


def _measured(margin: Margin) -> str:
    if margin.scale in (None, "count") or margin.observed is None or margin.bound is None:
        return "without a bound"
    unit = "s" if margin.unit == "s" else margin.unit
    digits = ".1f" if unit == "s" else ".4g"
    return f"{margin.observed:{digits}} of {margin.bound:{digits}} {unit}"


def _term(value_s: float | None) -> str:
    return "none" if value_s is None else f"{value_s:.1f} s"
