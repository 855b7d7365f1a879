"""One crawl at a time: a lock beside the database that the system itself lets go when its holder dies."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from columnarchive.errors import StoreError

if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def crawl_lock(database: Path) -> Iterator[None]:
    """Hold the crawl of this database; StoreError in a sentence when another process does."""
    path = database.with_name(database.name + ".lock")
    try:
        file = path.open("a", encoding="ascii")
    except OSError as error:
        raise StoreError(f"The lock {path} cannot be made: {error.strerror}.") from error
    with file:
        try:
            _take(file)
        except OSError as error:
            raise StoreError(f"Another crawl of {database} is running; wait for it or stop it first.") from error
        yield
