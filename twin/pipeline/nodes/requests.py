"""Single requests to a store that must be carried out once at least: each is asked again, under the same id and keys,
until the store has answered it.

All writes that go this way are harmless twice. What a request was is known when its answer comes, so the owner keeps
no list of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from twin.pipeline.machine import (
    Effect,
    KeepCheckpoint,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    WriteAttestation,
)
from twin.pipeline.nodes.backoff import Backoff

Request = PutAlert | MarkAlertTold | MarkAlertAcknowledged | MarkReceiptTaken | KeepCheckpoint | WriteAttestation
R = TypeVar("R", bound=Request)


class Requests:
    """What was asked and not answered; `ids` and `backoff` are the machine's, shared with its other requests."""

    def __init__(self, ids: Iterator[int], backoff: Backoff) -> None:
        self.ids = ids
        self._backoff = backoff
        self._open: dict[int, Request] = {}
        self._held: dict[int, None] = {}

    def ask(self, request: Request, out: list[Effect]) -> None:
        """Ask now, or when the store may be asked again."""
        self._open[request.id] = request
        if self._backoff.waiting:
            self._held[request.id] = None
        else:
            out.append(request)

    def answered(self, request_id: int, kind: type[R]) -> R | None:
        """The request of this kind that was answered; None if nobody waits for the answer."""
        request = self._open.get(request_id)
        if not isinstance(request, kind):
            return None
        del self._open[request_id]
        self._held.pop(request_id, None)
        self._backoff.served()
        return request

    def refused(self, request_id: int) -> bool:
        """The store did nothing, or does not answer: ask again with `again`. False if the request is not known."""
        if request_id not in self._open:
            return False
        self._held[request_id] = None
        return True

    def again(self, out: list[Effect]) -> None:
        """The back-off is over."""
        out.extend(self._open[request_id] for request_id in self._held)
        self._held.clear()
