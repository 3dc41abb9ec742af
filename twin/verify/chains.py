"""The chain of each edge's checkpoints: every one names the SHA-256 of the one before it.

| what stands in the archive | is |
|---|---|
| a checkpoint that names one with the number before its own | a link; no stream may shrink or vanish along it |
| one that names nothing | a new chain: the first of all, or an edge that has lost its medium says so |
| one that names a checkpoint not at hand | a gap: the newest alone is sent when Earth cannot hear; bundles are lost |
| two under one number | an edge that lost its medium counted from a number that it had used |

A new chain and a second checkpoint under one number are noted and not wrong: whether their heads contradict is for the
rows to say, and each head of each checkpoint is held against these. What a gap leaves out, later heads cover.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from twin.verify.findings import Findings
from twin.verify.frames import StreamKey
from twin.verify.statements import Checkpoint


def check_chains(checkpoints: Sequence[Checkpoint], only_cosigned: Collection[bytes], findings: Findings) -> None:
    """Follow every edge's checkpoints.

    Args:
        checkpoints: those whose signatures hold, by author and counter.
        only_cosigned: digests of checkpoints of which the archive has nothing but cosignatures.
    """
    for author, own in groupby(checkpoints, key=lambda one: one.author):
        _Chain(author, list(own), only_cosigned, findings).check()


class _Chain:
    """One edge's checkpoints in the order of their counters."""

    def __init__(
        self, author: str, own: Sequence[Checkpoint], only_cosigned: Collection[bytes], findings: Findings
    ) -> None:
        self._author = author
        self._own = own
        self._only_cosigned = only_cosigned
        self._findings = findings
        self._by_digest = {one.digest: one for one in own}
        self._counters = {one.counter for one in own}
        self._sizes: dict[StreamKey, int] = {}  # the largest head of each stream so far

    def check(self) -> None:
        """All links, then what is not there."""
        before: Checkpoint | None = None
        for one in self._own:
            if before is not None and before.counter == one.counter:
                what = "another checkpoint stands under the same number: the edge did not remember that one"
                self._findings.notes.append(f"{_name(one)}: {what}")
            self._check_link(one, before)
            for stream, (size, _) in one.heads.items():
                self._sizes[stream] = max(size, self._sizes.get(stream, 0))
            before = one
        missing = max(self._counters) + 1 - len(self._counters)
        if missing:
            what = "did not reach Earth; the heads of later ones cover their rows"
            self._findings.pending.append(f"{self._author}: {missing} of {max(self._counters) + 1} checkpoints {what}")

    def _check_link(self, one: Checkpoint, before: Checkpoint | None) -> None:
        if not one.previous:
            if before is not None or one.counter:
                self._note_new_chain(one)
            return
        parent = self._by_digest.get(one.previous)
        if parent is not None:
            if parent.counter + 1 != one.counter:
                self._fail(one, f"it names {_name(parent)} as the one before it")
            self._check_sizes(one, parent, may_leave_out=False)
        elif one.counter == 0:
            self._fail(one, "the first of a chain names one before it")
        elif one.counter - 1 in self._counters and one.previous not in self._only_cosigned:
            self._fail(one, f"it does not follow {self._author}/{one.counter - 1}: the hash it names is another")
        elif before is not None:
            self._check_sizes(one, before, may_leave_out=True)  # a new chain may have begun in the gap

    def _check_sizes(self, one: Checkpoint, earlier: Checkpoint, may_leave_out: bool) -> None:
        for stream, (size, _) in earlier.heads.items():
            now = one.heads.get(stream, (0, b""))[0]
            if now < size and not (may_leave_out and stream not in one.heads):
                self._fail(one, f"{stream} has shrunk from {size} to {now}")

    def _note_new_chain(self, one: Checkpoint) -> None:
        left_out = [str(stream) for stream in self._sizes if stream not in one.heads]
        shorter = [str(s) for s, (size, _) in one.heads.items() if size < self._sizes.get(s, 0)]
        what = "a new chain begins, as after the loss of a medium"
        what += f"; it leaves out {', '.join(left_out)}" if left_out else ""
        what += f"; shorter than before: {', '.join(shorter)}" if shorter else ""
        self._findings.notes.append(f"{_name(one)}: {what}")

    def _fail(self, one: Checkpoint, what: str) -> None:
        self._findings.fail("checkpoints", _name(one), what)


def _name(one: Checkpoint) -> str:
    return f"{one.author}/{one.counter}"
