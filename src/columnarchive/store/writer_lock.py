"""One writing command at a time: a lock beside the database that the system itself lets go when its holder dies."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from columnarchive.errors import StoreError

if sys.platform == "win32":
    import msvcrt

    _PLACE = 1 << 30  # A locked byte cannot be read there, and the holder's name at the beginning must be.

    def _take(file: IO[str]) -> None:
        file.seek(_PLACE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
else:
    import fcntl

    def _take(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def writer_lock(database: Path, work: str) -> Iterator[None]:
    """Be the only crawl, import, rebuild, withdrawal or upgrade (`work`) of this database.

    Raises StoreError in a sentence that names what another process is at. Readers and short writes need no lock.
    """
    path = database.with_name(database.name + ".lock")
    try:
        file = path.open("a+", encoding="ascii", errors="replace")
    except OSError as error:
        raise StoreError(f"The lock {path} cannot be made: {error.strerror}.") from error
    with file:
        try:
            _take(file)
        except OSError as error:
            file.seek(0)
            other = file.read(40).strip() or "writer"
            raise StoreError(f"Another {other} of {database} is running; wait for it or stop it first.") from error
        _sign(file, work)
        try:
            yield
        finally:
            _sign(file, "")


def crawl_lock(database: Path) -> contextlib.AbstractContextManager[None]:
    """Be the only writer of this database, for a crawl."""
    return writer_lock(database, "crawl")


def _sign(file: IO[str], work: str) -> None:
    """Say in the lock what its holder is at: a courtesy, so a full disk does not matter."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(work)
        file.flush()
