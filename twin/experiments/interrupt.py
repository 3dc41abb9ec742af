"""Ctrl-C between two events, never within one, so that what an interrupted run leaves is whole.

Python raises `KeyboardInterrupt` between any two bytecodes: in the middle of a machine, a table, a
transaction. Here the first Ctrl-C is noted and the run stops at the next event; a second one raises at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Context manager that holds Ctrl-C back; `noted` says whether it came.

    Outside the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.noted = False
        self._stop: Callable[[], None] | None = None
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def stops(self, stop: Callable[[], None]) -> None:
        """Call `stop` when Ctrl-C comes, at once if it has come already; it may be called at any instant."""
        self._stop = stop
        if self.noted:
            stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.noted:
            raise KeyboardInterrupt
        self.noted = True
        if self._stop is not None:
            self._stop()
