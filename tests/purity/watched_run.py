"""Runs a scenario while watching every `handle` from inside the interpreter; prints what was seen there as JSON.

Two witnesses, on for the time of a `handle`: an audit hook (PEP 578: files, sockets, processes, imports, ...), and a
profile function that sees each call of a C function, which is the only way to a clock or to entropy. An audit hook
cannot be taken out again, so this is a process of its own: `python watched_run.py SCENARIO FOLDER [planted]`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from transcripts import CLASSES

from twin.experiments.mission import Roles
from twin.experiments.progress import Progress
from twin.experiments.run import drive, prepare
from twin.pipeline.machine import Effect, Event, SamplesReady
from twin.pipeline.nodes.device import Device
from twin.scenario import parse_scenario

audited: dict[str, int] = {}
called: dict[str, int] = {}
watching = False
handled = 0


def audit(event: str, _: Any) -> None:
    """Count what the interpreter announces inside a `handle`."""
    if watching:
        audited[event] = audited.get(event, 0) + 1


def profile(frame: Any, event: str, function: Any) -> None:
    """Count the modules of C functions that a `handle` calls; a Fraction hashes integers, alike in every process."""
    if event == "c_call" and watching and not (function is hash and frame.f_globals["__name__"] == "fractions"):
        module = getattr(function, "__module__", None) or type(getattr(function, "__self__", None)).__module__
        name = f"{module}.{function.__qualname__}"
        called[name] = called.get(name, 0) + 1


def watched(base: type[Any]) -> type[Any]:
    """A machine class whose `handle` is watched."""

    class Watched(base):  # type: ignore[misc]
        def handle(self, event: Event, now_us: int) -> list[Effect]:
            global watching, handled
            handled += 1
            sys.setprofile(profile)
            watching = True
            try:
                return list(super().handle(event, now_us))
            finally:
                watching = False
                sys.setprofile(None)

    return Watched


class Leaky(Device):
    """A device that reaches outside whenever samples come: a file, a module, a process, a socket, a clock, entropy."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, SamplesReady):
            Path(os.devnull).read_bytes()
            import colorsys  # noqa: F401 - a module that nobody else imports

            os.system("true")
            socket.socket().close()
            time.time()
            os.urandom(1)
        return super().handle(event, now_us)


def go(text: str, folder: Path, roles: Roles) -> str:
    """Run once, and give the trace hash."""
    folder.mkdir(parents=True)
    mission = prepare(parse_scenario(text, "watched.yaml"), folder, roles)
    drive(mission, Progress(mission, quiet=True))
    return mission.host.trace.digest()


def main(scenario: str, folder: str, *plant: str) -> None:
    """Once unwatched, to have everything imported; then watched."""
    text = Path(scenario).read_text(encoding="utf-8")
    bases = {**CLASSES, "device": Leaky if plant else Device}
    plain = go(text, Path(folder) / "plain", Roles())
    sys.addaudithook(audit)
    seen = go(text, Path(folder) / "watched", Roles(**{role: watched(base) for role, base in bases.items()}))
    print(json.dumps({"audited": audited, "called": called, "handled": handled, "same": plain == seen}))


if __name__ == "__main__":
    main(*sys.argv[1:])
