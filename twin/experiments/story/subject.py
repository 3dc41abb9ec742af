"""What a story is about, read from the evidence of a checker."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from twin.guarantees.verdict import Evidence
from twin.pipeline.wire.identity import AlertKey, RecordId, StreamId

_NAME: Final = re.compile(r"dev-([0-9a-f]{16})/ep-([0-9a-f]{16})(?:/(\d+)(?:/(.+))?)?")
_RULE: Final = re.compile(r"dev-([0-9a-f]{16})/([^/]+)")


@dataclass
class Subject:
    """A record, a whole stream (`index` None), an alert, or only the place where it happened (`stream` None).

    Attributes:
        watched: a device and the rule that held there, where no alert of it has a key.
        follows: the records that carry it: itself, and frames in which edges bring the alert to Earth.
    """

    evidence: Evidence
    stream: StreamId | None = None
    index: int | None = None
    alert: AlertKey | None = None
    watched: tuple[int, str] | None = None
    follows: set[RecordId] = field(default_factory=set)

    @property
    def is_a_place(self) -> bool:
        """Whether nothing is known but where it happened."""
        return self.stream is None and self.watched is None

    def is_stream(self, stream: tuple[int, ...]) -> bool:
        """Whether it is this stream's, or in it."""
        return self.stream is not None and tuple(stream[:2]) == self.stream

    def is_alert(self, alert: tuple[int, int, int, str] | None) -> bool:
        """Whether it is this alert, or one of the rule that is watched."""
        if alert is None:
            return False
        return alert == self.alert or (alert[0], alert[3]) == self.watched

    def reaches(self, stream: tuple[int, ...], size: int) -> bool:
        """Whether a statement about the first `size` records of a stream says something about it: the record is the
        next or among them.
        """
        of = {record.index for record in self.follows if record.stream == tuple(stream[:2])}
        return any(size >= index for index in of) or (self.index is None and self.is_stream(stream))


def subject_of(evidence: Evidence) -> Subject:
    """What an evidence is about."""
    match = _NAME.fullmatch(evidence.record)
    if match is None:
        rule = _RULE.fullmatch(evidence.record)
        return Subject(evidence, watched=None if rule is None else (int(rule[1], 16), rule[2]))
    stream = StreamId(int(match[1], 16), int(match[2], 16))
    if match[3] is None:
        return Subject(evidence, stream)
    record = RecordId(*stream, int(match[3]))
    alert = None if match[4] is None else AlertKey(*record, match[4])
    return Subject(evidence, stream, record.index, alert, follows={record})
