"""Hop keys of one node towards its operators and peers: what is installed, what each side says that it holds."""

from __future__ import annotations

from collections.abc import Callable

from twin.pipeline.facts import Rejected
from twin.pipeline.machine import Effect, Report
from twin.pipeline.transport.mailer import EndpointId
from twin.pipeline.transport.protector import Protector
from twin.pipeline.wire.messages import KeyNotice, encode


class HopKeyDesk:
    """Installs hop keys and exchanges notices of them.

    Args:
        protector: holds the keys.
        post: sends an encoded notice to a peer, by name.
    """

    def __init__(self, protector: Protector, post: Callable[[str, bytes, int, list[Effect]], None]) -> None:
        self._protector = protector
        self._post = post

    def install(self, peer: str, number: int, key: bytes, now_us: int, out: list[Effect]) -> None:
        """An operator installed a key on this side."""
        try:
            self._protector.ring(peer).install(number, key)
        except ValueError as problem:
            out.append(Report(Rejected("HopKeyInstalled", str(problem))))
        self.tell(now_us, out)

    def heard(self, source: EndpointId, notice: KeyNotice, out: list[Effect]) -> None:
        """A peer says which keys it holds."""
        problem = self._protector.heard(source, notice)
        if problem is not None:
            out.append(Report(Rejected("KeyNotice", problem)))

    def tell(self, now_us: int, out: list[Effect]) -> None:
        """Let peers know which keys are held here, and say which are in use."""
        for ring, notice in self._protector.take_notices():
            self._post(ring.peer, encode(notice), now_us, out)
        out.extend(Report(fact) for fact in self._protector.take_news())
