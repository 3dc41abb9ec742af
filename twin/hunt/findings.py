"""What a campaign leaves in its folder: how far it came, and each case that broke something, as found and shrunk.

    campaign.json         scenario, how many seeds are done, what was found
    seed-17.yaml          the case as its seed drew it
    seed-17.smallest.yaml the smallest that breaks the same
    seed-17/              its run, with report.html: what broke, as a sequence diagram

Each file is written at once or not at all: the case as drawn before it is shrunk, which may take long. A seed is done
when all that it left is written: after a full disk or a killed process the campaign goes on with the seed that was not,
and finds the same again. Once the code has changed every seed is to be tried anew, after what was found before.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError

from twin import __version__
from twin.experiments.whole_file import WholeFile
from twin.hunt.case import Case
from twin.hunt.code import code_digest
from twin.hunt.trial import Broken
from twin.scenario import Scenario, ScenarioError
from twin.scenario.digest import digest

SCHEMA: Final = "mars-iomt-twin/hunt/2"
AND_GO_ON: Final = "and hunt on with the same command"
_STATE: Final = "campaign.json"


@dataclass(frozen=True)
class Found:
    """One seed that broke something: what, where its cases stand, whether the smallest still breaks when read, and the
    report of that (empty: none).
    """

    seed: int
    broken: Broken
    faults: int
    faults_left: int
    trials: int
    smallest: str
    confirmed: bool
    page: str = ""

    @property
    def drawn(self) -> str:
        """Where the case as its seed drew it stands."""
        return str(Path(self.smallest).with_name(f"seed-{self.seed}.yaml"))


@dataclass(frozen=True)
class Former:
    """A find of other code that does not break with this one: what was found, and what comes of its smallest case now.

    Its files stay.
    """

    found: Found
    now: str


@dataclass
class Findings:
    """The folder of a campaign.

    Attributes:
        done: seeds that are tried, from the first on without a gap.
        found: what broke.
        former: what broke with code of before, and does not any more.
        refused: seeds among them whose case no plan could carry, and why: nothing was run.
        outdated: `found` is what other code broke, and no seed was tried with this one.
    """

    folder: Path
    scenario: str
    first_seed: int
    digest: str  # of the scenario, with the version of the twin: the same for campaigns that draw the same cases
    done: int = 0
    found: list[Found] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    former: list[Former] = field(default_factory=list)
    outdated: bool = False

    def save(self) -> None:
        """Write how far the campaign is."""
        state = {
            "schema": SCHEMA,
            "version": __version__,
            "code": code_digest(),
            "scenario": self.scenario,
            "digest": self.digest,
            "first_seed": self.first_seed,
            "done": self.done,
            "found": [_plain(found) for found in self.found],
            "former": [{"found": _plain(former.found), "now": former.now} for former in self.former],
            "refused": self.refused,
        }
        self._write(_STATE, json.dumps(state, indent=1) + "\n")

    def write_drawn(self, case: Case, broken: Broken) -> Path:
        """Write a case as it was drawn, with what it broke; a process that goes on to shrink it may be killed."""
        name = f"seed-{case.seed}.yaml"
        return self.write_case(name, case, [f"broke {broken.text}", f"replay: {replay(self.folder / name)}"])

    def write_case(self, name: str, case: Case, head: list[str]) -> Path:
        """Write a case with what is to be known of it."""
        return self._write(name, "".join(f"# {line}\n" for line in head) + case.text)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        remedy, make_room = f"make it writable, {AND_GO_ON}", f"make room there, {AND_GO_ON}"
        WholeFile(path, "finding", "--out", remedy, make_room).write(text.encode())
        return path


def replay(case: Path | str) -> str:
    """The command that runs a case, for a shell."""
    return shlex.join(["twin", "run", str(case)])


def _plain(found: Found) -> dict[str, Any]:
    return {**vars(found), "broken": found.broken._asdict()}


def open_findings(folder: Path, scenario: Scenario) -> Findings:
    """A new campaign's folder, or that of one to go on with.

    Raises:
        ScenarioError: the folder cannot be written, is not empty, or holds a campaign of something else.
    """
    first_seed, name = scenario.seed, scenario.name
    asked = f"{_digest(scenario)}, {__version__}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise _refused(folder, f"cannot be written: {os.strerror(error.errno or 0).lower()}") from error
    if not entries:
        fresh = Findings(folder, name, first_seed, asked)
        fresh.save()  # so that a campaign that ends with its first case can be gone on with
        return fresh
    if _STATE not in entries:
        raise _refused(folder, "is not empty, and holds no campaign")
    state = _read(folder)
    if (state.schema_, state.digest, state.first_seed) != (SCHEMA, asked, first_seed):
        raise _refused(folder, "holds a campaign of another scenario, first seed or version")
    if state.code != code_digest():
        return Findings(folder, name, first_seed, asked, found=state.found, former=state.former, outdated=True)
    return Findings(folder, name, first_seed, asked, state.done, state.found, state.refused, state.former)


def _digest(scenario: Scenario) -> str:
    try:
        return digest(scenario)
    except OSError as error:
        rule = f"cannot be read: {os.strerror(error.errno or 0).lower()}"
        raise ScenarioError(f"file {error.filename}", rule, f"scenario {scenario.name}", "name one that can") from error


class _State(BaseModel):
    """What `Findings.save` writes."""

    schema_: str = Field(alias="schema")
    version: str
    code: str
    scenario: str
    digest: str
    first_seed: int
    done: Annotated[int, Field(ge=0)]
    found: list[Found]
    former: list[Former]
    refused: dict[int, str]


def _read(folder: Path) -> _State:
    try:
        return _State.model_validate_json((folder / _STATE).read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _refused(folder, f"holds a {_STATE} that cannot be read ({where}: {first['msg'].lower()})") from None
    except OSError as error:
        raise _refused(folder, f"holds a {_STATE} that cannot be read") from error


def _refused(folder: Path, rule: str) -> ScenarioError:
    return ScenarioError(f"folder {folder}", rule, "--out", "name another folder")
