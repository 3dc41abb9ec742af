"""monotonic_reads: what a reader has seen, it never unsees."""

from __future__ import annotations

from twin.guarantees.truth import Key, Truth
from twin.guarantees.verdict import Checker
from twin.trace import HeadVisible, ReaderSaw, Trace


class MonotonicReads(Checker):
    """Within a session a stream's version (term, size) never falls; no reader sees fewer rows than trim, or more than
    any head has made visible.
    """

    key = "monotonic_reads"
    not_applicable = "no reader asked twice"

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._seen: dict[tuple[int, Key], tuple[int, int]] = {}
        self._highest: dict[Key, int] = {}

    def watch(self, trace: Trace) -> None:
        trace.subscribe(HeadVisible, self._visible)
        trace.subscribe(ReaderSaw, self._saw)

    def _visible(self, _at_us: int, _node: str, fact: HeadVisible) -> None:
        stream = (fact.stream[0], fact.stream[1])
        self._highest[stream] = max(self._highest.get(stream, 0), fact.size)

    def _saw(self, at_us: int, node: str, fact: ReaderSaw) -> None:
        stream = (fact.stream[0], fact.stream[1])
        session = (fact.session, stream)
        version = (fact.term, fact.size)
        before = self._seen.get(session)
        trim = self._truth.of(stream).trim
        self.checked += before is not None
        if before is not None and version < before:
            what = f"session {fact.session} saw {before[1]} rows of term {before[0]} and now {fact.size} of {fact.term}"
            self.violate(at_us, node, (*stream, fact.size), what)
        elif fact.size < trim:
            what = f"session {fact.session} saw {fact.size} rows while Mars may have deleted all below {trim}"
            self.violate(at_us, node, (*stream, fact.size), what)
        elif fact.size > self._highest.get(stream, 0):
            what = f"session {fact.session} saw {fact.size} rows, more than any head has made visible"
            self.violate(at_us, node, (*stream, fact.size), what)
        self._seen[session] = version if before is None else max(before, version)
