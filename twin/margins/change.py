"""One guarantee held against itself in an earlier run: what it lost, if anything.

| kind | means | a loss |
|---|---|---|
| `broke` | it is broken and was not | yes |
| `unguarded` | it was checked, or held against a bound, and is no more | yes |
| `lost` | margin fell by more than the tolerance | yes |
| `less` | margin fell within the tolerance | no |
| `same` | margin is what it was | no |
| `more` | margin rose | no |
| `mended` | it was broken and holds | no |
| `new` | it is checked, or held against a bound, and was not | no |

A tolerance is a share of the earlier margin, not of the bound: freshness may live with 4 % of its bound left, and 5 %
of the bound would let it break in silence. Margins in time are compared as time: where no opportunity came nearer to
its bound, the smallest margin did not fall, whichever bound it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from twin.margins.margin import PPM, Margin, Scale, TermOf

Kind = Literal["broke", "unguarded", "lost", "less", "same", "more", "mended", "new"]
LOSSES: Final[frozenset[Kind]] = frozenset({"broke", "unguarded", "lost"})
_STRENGTH: Final[dict[Scale | None, int]] = {None: 0, "count": 1, "time": 2, "share": 2}  # of what was held against
_DECIMAL: Final = re.compile(r"\d+\.\d+")


class TermChange(NamedTuple):
    """A summand of the bound [s] in the worst case before and in the one after; None where it has none."""

    name: str
    before_s: float | None
    after_s: float | None

    @property
    def moved_s(self) -> float:
        """How far, whichever way."""
        return abs((self.after_s or 0.0) - (self.before_s or 0.0))


@dataclass(frozen=True)
class Change:
    """A guarantee before and after; None where a run does not know it."""

    key: str
    kind: Kind
    before: Margin | None
    after: Margin | None

    @property
    def is_loss(self) -> bool:
        """Whether a check must fail for it."""
        return self.kind in LOSSES

    @property
    def lost(self) -> int | None:
        """Margin lost, negative if won, in the unit of `Margin.left`; None where the two cannot be compared."""
        if self.before is None or self.after is None or self.before.scale is None:
            return None
        return self.before.left - self.after.left if self.before.scale == self.after.scale else None

    @property
    def lost_share(self) -> float | None:
        """Share of the earlier margin that is lost; None where there was none."""
        if self.lost is None or self.before is None or not self.before.left:
            return None
        return self.lost / abs(self.before.left)

    @property
    def terms(self) -> tuple[TermChange, ...]:
        """Terms of the worst case's bound that differ, the one that changed most first."""
        before, after = _by_name(self.before), _by_name(self.after)
        if not before or not after:
            return ()
        nothing = TermOf(name="")
        changes = []
        for name in dict.fromkeys([*before, *after]):
            old, new = before.get(name, nothing), after.get(name, nothing)
            changes.append(TermChange(new.name or old.name, old.value_s, new.value_s))
        return tuple(sorted((term for term in changes if term.moved_s), key=lambda term: -term.moved_s))


def compare(before: Iterable[Margin], after: Iterable[Margin], tolerance_ppm: int) -> Iterator[Change]:
    """Every guarantee of either run, in the order of the later one, those that vanished last.

    Args:
        tolerance_ppm: share of the earlier margin that may be lost [ppm].
    """
    earlier = {margin.key: margin for margin in before}
    for margin in after:
        yield change_of(margin.key, earlier.pop(margin.key, None), margin, tolerance_ppm)
    for key, margin in earlier.items():
        yield change_of(key, margin, None, tolerance_ppm)


def change_of(key: str, before: Margin | None, after: Margin | None, tolerance_ppm: int) -> Change:
    """What became of one guarantee."""
    return Change(key, _kind(before, after, tolerance_ppm), before, after)


def _kind(before: Margin | None, after: Margin | None, tolerance_ppm: int) -> Kind:
    was_judged = before is not None and before.judged
    if after is None or not after.judged:
        return "unguarded" if was_judged else "same"
    if after.verdict == "broken" and (before is None or before.verdict != "broken"):
        return "broke"
    if before is None or not before.judged:
        return "new"
    if before.verdict == "broken" and after.verdict != "broken":
        return "mended"
    if before.scale != after.scale:
        return "new" if _STRENGTH[after.scale] > _STRENGTH[before.scale] else "unguarded"
    lost = before.left - after.left
    if lost > 0:
        return "lost" if lost * PPM > tolerance_ppm * abs(before.left) else "less"
    return "more" if lost < 0 else "same"


def _by_name(margin: Margin | None) -> dict[str, TermOf]:
    """Terms under what stays of their names: `drain of 2.36 MB` is the same term as `drain of 2.41 MB`."""
    return {} if margin is None else {_DECIMAL.sub("#", term.name): term for term in margin.terms}
