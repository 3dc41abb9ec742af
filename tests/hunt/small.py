"""A scenario small enough to be hunted in a test, and a device with a planted bug."""

from __future__ import annotations

from pathlib import Path

from small_habitat import HABITAT

from twin.pipeline.machine import Effect
from twin.pipeline.nodes.device import Device
from twin.scenario.document import parse_document

EPOCH = bytes(range(1, 9))
TEXT = (
    """\
name: small
start: 2033-03-10T06:00:00Z
duration: 40 min
seed: 13
"""
    + HABITAT
    + """\
guarantees: [no_equivocation, no_loss, conservation]
"""
)


class BeginsAnew(Device):
    """A device that boots goes on with its epoch and begins at index 0."""

    def _started(self, entropy: bytes, out: list[Effect]) -> None:
        super()._started(EPOCH + entropy[8:], out)


DOCUMENT = parse_document(TEXT, "small").plain()


def scenario_file(folder: Path, text: str = TEXT) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path
