"""SQLite's errors as sentences that say what to do, told apart by their codes: their texts differ between versions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from columnarchive.errors import StoreError
from columnarchive.store import value_checks

PRIMARY = 0xFF  # the low byte of a code; the rest says more exactly what happened
_CODES = {
    sqlite3.SQLITE_INTERRUPT: "database_interrupted",
    sqlite3.SQLITE_NOTADB: "not_a_database",
    sqlite3.SQLITE_BUSY: "database_busy",
    sqlite3.SQLITE_LOCKED: "database_busy",
    sqlite3.SQLITE_FULL: "disk_full",
    sqlite3.SQLITE_IOERR: "disk_faulty",
    sqlite3.SQLITE_READONLY: "database_read_only",
    sqlite3.SQLITE_PERM: "database_read_only",
    sqlite3.SQLITE_CORRUPT: "database_damaged",
    sqlite3.SQLITE_CANTOPEN: "database_unopenable",
}


# What reading a damaged value raises in Python; a file without damage raises them for another cause.
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
FILE_ERRORS = (sqlite3.Error, *UNREADABLE)


def store_error(path: Path, error: BaseException | None) -> StoreError | None:
    """Return what an error means to the user of the archive at `path`; None for an error that is not the file's.

    Of a group of errors, the first that is one of SQLite's speaks for all: they have one cause. What no code explains
    is looked for in the file: a table that is missing or replaced, a text or JSON that cannot be read.
    """
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, (store_error(path, inner) for inner in error.exceptions)), None)
    if not isinstance(error, (sqlite3.Error, *UNREADABLE)):
        return None
    code = getattr(error, "sqlite_errorcode", 0)  # errors of Python's own module have none
    if known := _CODES.get(code & PRIMARY, ""):
        return StoreError(known, path=path)
    found = _diagnosed(path)
    return StoreError("table_damaged", path=path, found=found) if found else None


def _diagnosed(path: Path) -> str:
    try:
        conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return ""
    try:
        return value_checks.diagnosis(conn)
    finally:
        conn.close()


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreError, each one sentence."""
    try:
        yield
    except sqlite3.Error as error:
        if found := store_error(path, error):
            raise found from error
        raise
