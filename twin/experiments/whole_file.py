"""A report that many runs are to leave: refused before the first if it cannot be written, and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from twin.hosts.full_disk import FULL
from twin.scenario.errors import ScenarioError


@dataclass(frozen=True)
class WholeFile:
    """A file to be written.

    Attributes:
        path: where.
        what: its kind, in words.
        option: what names it on the command line.
        remedy: what to do where it cannot be written; make_room: where the disk takes no more.
    """

    path: Path
    what: str
    option: str
    remedy: str = "name a file that you may write"
    make_room: str = "make room there"

    def refuse_unwritable(self) -> None:
        """Before anything runs: make the file's folder, and open the file that is to become it.

        Raises:
            ScenarioError: the file could not be written; an earlier one is left as it was.
        """
        nearest = next(folder for folder in self.path.absolute().parents if folder.exists())
        if not nearest.is_dir():
            raise self._refused(f"{nearest} is not a folder")
        if self.path.is_dir():
            raise self._refused("is a folder")
        with self._beside() as beside:
            beside.open("ab").close()
            beside.unlink()

    def write(self, content: bytes) -> None:
        """Write it.

        Raises:
            ScenarioError: the file cannot be written; an earlier one is left as it was.
        """
        with self._beside() as beside:
            beside.write_bytes(content)
            os.replace(beside, self.path)

    @contextmanager
    def _beside(self) -> Iterator[Path]:
        """A name beside the file's, in a folder that is there; what cannot be written is refused."""
        beside = self.path.with_name(f".{self.path.name}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
        except OSError as problem:
            with suppress(OSError):  # a disk that is read-only refuses this, too
                beside.unlink()
            rule = f"cannot be written: {(problem.strerror or str(problem)).lower()}"
            raise self._refused(rule, self.make_room if problem.errno in FULL else self.remedy) from problem

    def _refused(self, rule: str, remedy: str | None = None) -> ScenarioError:
        return ScenarioError(f"{self.what} {self.path}", rule, self.option, remedy or self.remedy)
