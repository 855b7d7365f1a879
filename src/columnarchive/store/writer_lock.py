"""One writing command at a time: a lock file beside the database, released by the system when its holder dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from columnarchive.errors import StoreError


@contextlib.contextmanager
def writer_lock(database: Path, work: str) -> Iterator[None]:
    """Be the only crawl, import, rebuild, withdrawal or upgrade (`work`) of this database.

    The lock belongs to the file itself, whatever name or symbolic link leads to it. Raises StoreError with a sentence
    that names what another process is doing. Readers and short writes need no lock.
    """
    from filelock import FileLock, Timeout  # loaded by writers only

    resolved = database.resolve()
    path = resolved.with_name(resolved.name + ".lock")
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreError("archive_busy", work=_holder(path), path=database) from error
    except OSError as error:
        reason = StoreError("symbolic_link") if path.is_symlink() else error.strerror or str(error)
        raise StoreError("cannot_lock", path=path, reason=reason) from error
    try:
        _sign(path, work)
        yield
        _sign(path, "")
    finally:
        lock.release()


def _holder(path: Path) -> str:
    """Return what the holder of a lock is doing, as it wrote in the lock."""
    with contextlib.suppress(OSError), path.open(encoding="ascii", errors="replace") as file:
        return file.read(40).strip() or "writer"
    return "writer"


def _sign(path: Path, work: str) -> None:
    """Name the holder in its lock. This is a courtesy, so a full disk does not matter."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0))
        try:
            os.write(descriptor, work.encode("ascii", "replace"))
        finally:
            os.close(descriptor)
