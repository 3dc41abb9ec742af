"""Processes that work for this one, and end with it: also where it is killed, and can tell them nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def workers(jobs: int, begin: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """A pool of so many processes, each of which calls `begin` with the arguments first."""
    return ProcessPoolExecutor(jobs, initializer=_begun, initargs=(begin, arguments))


def _begun(begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # where a pool is broken off, its processes are ended by it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _end_with_parent() -> None:
    """Without this a worker waits for ever for the next task of a process that is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
