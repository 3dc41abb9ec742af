"""Takes the protection off a machine: its bundles go in clear, and it knows of no hop keys.

A bug that is planted, and what lets tests of machines read and write bundles without keys.
"""

from __future__ import annotations

from typing import Any, TypeVar

from twin.pipeline.nodes.edge import Edge
from twin.pipeline.nodes.gateway import Gateway
from twin.pipeline.transport.mailer import EndpointId, Mailer, read_clear
from twin.pipeline.transport.protector import Protector
from twin.pipeline.transport.sealed_mailer import Mail, SealedMailer
from twin.pipeline.wire.bundle import BundleError
from twin.pipeline.wire.messages import KeyNotice

M = TypeVar("M", Edge, Gateway)


class MailerInClear(SealedMailer):
    """Seals nothing and takes what is not sealed."""

    def started(self, entropy: bytes) -> None:
        """Take any bytes."""
        Mailer.started(self, entropy)

    def _write(self, *what: Any) -> bytes:
        return Mailer._write(self, *what)

    def open(self, data: bytes, now_us: int) -> Mail:
        """What a bundle in clear holds, for this node."""
        flow, payload, *_ = read_clear(data, self.address.here, now_us)
        if flow.destination != self.address.here:
            raise BundleError(f"bundle for ipn:{flow.destination[0]}.{flow.destination[1]} came to another node")
        return Mail(flow.source, payload)


class Unprotected(Protector):
    """Says nothing of keys, and hears nothing."""

    def heard(self, source: EndpointId, notice: KeyNotice) -> str | None:
        """A notice changes nothing."""
        del source, notice
        return "bundles are not protected here"

    def take_notices(self) -> list[Any]:
        """None is due."""
        return []

    def take_news(self) -> list[Any]:
        """No key is in use."""
        return []


def in_clear(machine: M) -> M:
    """The machine, with its mail in clear."""
    mailer = machine.downlink.mailer if isinstance(machine, Edge) else machine._mailer
    mailer.__class__ = MailerInClear
    mailer.protector.__class__ = Unprotected
    return machine
