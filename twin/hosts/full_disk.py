"""The disk of the computer that runs the twin: when it takes no more, whoever writes says the same."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)
"""Error numbers of a disk that takes no more, whatever the file."""

# SQLite knows one of these reasons; a quota or a limit on files it calls an input/output error
_OF_SQLITE: Final = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO}
_PRIMARY: Final = 0xFF


@contextmanager
def sqlite_speaks_as_the_system() -> Iterator[None]:
    """Make SQLite's word that the disk takes no more the OSError that any other file would give.

    Raises:
        OSError: ENOSPC or EIO in place of `sqlite3.OperationalError`; every other error passes unchanged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        number = _OF_SQLITE.get(error.sqlite_errorcode & _PRIMARY)
        if number is None:
            raise
        raise OSError(number, os.strerror(number)) from error
