"""Bugs as source patches: read, and planted into a copy of the package.

A file of `bugs/` begins with what is to be known of the bug, then come its edits, each under the file that it changes:

    bug: what is wrong
    note: more of it, where it is planted if that is not the pipeline
    --- twin/pipeline/nodes/some_file.py
         a line that stays
    -    a line that goes
    +    a line that comes

Lines that stay and go must stand in that file exactly once, in this order: a patch that the code has left behind fails.

| key | meaning |
|---|---|
| `bug` | what is wrong |
| `note` | more of it |
| `vector` | a test that kills it: of a published vector, or of one machine alone |
| `survives` | why no campaign kills it |
| `accomplice` | a patch without which it cannot show; it lies, and the bug believes it |
| `breaks` | what counts as a kill beside an accomplice, for the lie itself breaks the rest |

The number in the file's name is that of the project's list (1 to 26), own ones follow. Without one it is an accomplice.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final, NamedTuple

REPOSITORY: Final = Path(__file__).parents[2]
BUGS: Final = Path(__file__).parent / "bugs"
LISTED: Final = 26
_KEYS: Final = ("bug", "note", "vector", "survives", "accomplice", "breaks")


class PatchError(ValueError):
    """A patch that is none, or does not fit the code."""


class Edit(NamedTuple):
    """What stands in a file once, and what shall stand there."""

    path: str
    old: str
    new: str


class Bug(NamedTuple):
    """A planted bug; `number` is 0 for an accomplice."""

    number: int
    name: str
    edits: tuple[Edit, ...]
    note: str = ""
    vector: str = ""
    survives: str = ""
    accomplice: str = ""
    breaks: tuple[str, ...] = ()


def read_bug(path: Path) -> Bug:
    """A bug from its file.

    Raises:
        PatchError: an unknown or missing key, a line that is none, no edit.
    """
    head, *parts = f"\n{path.read_text(encoding='utf-8')}".split("\n--- ")
    said: dict[str, str] = {}
    for line in filter(None, head.splitlines()):
        key, colon, value = line.partition(": ")
        if not colon or key not in _KEYS:
            raise PatchError(f"{path.name}: `{line}` is not `key: value` with one of {', '.join(_KEYS)}")
        said[key] = value
    if "bug" not in said or not parts:
        raise PatchError(f"{path.name}: says no bug, or has no edit")
    number = path.stem.partition("-")[0]
    return Bug(
        int(number) if number.isdigit() else 0,
        said["bug"],
        tuple(_edit(path, part) for part in parts),
        said.get("note", ""),
        said.get("vector", ""),
        said.get("survives", ""),
        said.get("accomplice", ""),
        tuple(said.get("breaks", "").split()),
    )


def _edit(path: Path, part: str) -> Edit:
    target, *lines = part.rstrip("\n").split("\n")
    wrong = next((line for line in lines if line[:1] not in ("", " ", "-", "+")), None)
    if wrong is not None:
        raise PatchError(f"{path.name}: `{wrong}` begins with none of space, - and +")
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    return Edit(target, old, new)


def all_bugs() -> tuple[Bug, ...]:
    """Every numbered bug, by number."""
    found = (read_bug(path) for path in sorted(BUGS.glob("*.diff")))
    return tuple(sorted((bug for bug in found if bug.number), key=lambda bug: bug.number))


def accomplice_of(bug: Bug) -> Bug | None:
    """The patch that a bug needs beside its own, if it names one."""
    return read_bug(BUGS / f"{bug.accomplice}.diff") if bug.accomplice else None


def patched(root: Path, bugs: tuple[Bug, ...]) -> dict[str, str]:
    """The files that bugs change, by path, as they read then.

    Args:
        root: the folder in which `twin` stands.

    Raises:
        PatchError: an edit whose old text does not stand in its file exactly once, or a file that is no Python then.
    """
    texts: dict[str, str] = {}
    for bug in bugs:
        for edit in bug.edits:
            place = f"bug {bug.number}, {bug.name}: {edit.path}"
            try:
                before = texts.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
            except FileNotFoundError as error:
                raise PatchError(f"{place} is no file: name the one in which the code stands now") from error
            times = before.count(edit.old)
            if times != 1:
                what = f"{times} times, must stand there once"
                raise PatchError(f"{place}: the old text stands there {what}: fit the patch to the code\n{edit.old}")
            texts[edit.path] = before.replace(edit.old, edit.new)
    for path, text in texts.items():
        try:
            compile(text, path, "exec")
        except SyntaxError as error:
            raise PatchError(f"{path}:{error.lineno}: with the patch this is no Python: {error.msg}") from error
    return texts


def plant(bugs: tuple[Bug, ...], folder: Path) -> Path:
    """Copy the package into a folder and plant bugs there; the folder, for PYTHONPATH."""
    shutil.copytree(REPOSITORY / "twin", folder / "twin", ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in patched(folder, bugs).items():
        (folder / path).write_text(text, encoding="utf-8")
    return folder
