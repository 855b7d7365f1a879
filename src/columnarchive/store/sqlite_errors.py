"""SQLite's errors as sentences that say what to do, told apart by their codes: their texts differ between versions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from columnarchive.errors import StoreError
from columnarchive.store import value_checks

PRIMARY = 0xFF  # the low byte of a code; the rest says more exactly what happened
_SENTENCES = {
    sqlite3.SQLITE_INTERRUPT: "Writing {path} was stopped; what was committed is safe.",
    sqlite3.SQLITE_NOTADB: "{path} is not a database; if it was one, its beginning is damaged.",
    sqlite3.SQLITE_BUSY: "{path} is being written by another process; try again when it has finished.",
    sqlite3.SQLITE_LOCKED: "{path} is being written by another process; try again when it has finished.",
    sqlite3.SQLITE_FULL: "The disk that holds {path} (or the folder for temporary files) is full; "
    "what was committed is safe.",
    sqlite3.SQLITE_IOERR: "{path} cannot be read or written to its end: the disk is full or faulty; "
    "what was committed is safe.",
    sqlite3.SQLITE_READONLY: "{path} or its folder cannot be written to.",
    sqlite3.SQLITE_PERM: "{path} or its folder cannot be written to.",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged; `archive check` says where.",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened; check that it exists and may be read and written.",
}


# What reading a damaged value raises in Python; a file without damage raises them for another cause.
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
FILE_ERRORS = (sqlite3.Error, *UNREADABLE)


def sentence(path: Path, error: BaseException | None) -> str:
    """Return what an error means to the user of the archive at `path`; empty for an error that is not the file's.

    Of a group of errors, the first that is one of SQLite's speaks for all: they have one cause. What no code explains
    is looked for in the file: a table that is missing or replaced, a text or JSON that cannot be read.
    """
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, (sentence(path, inner) for inner in error.exceptions)), "")
    if not isinstance(error, (sqlite3.Error, *UNREADABLE)):
        return ""
    code = getattr(error, "sqlite_errorcode", 0)  # errors of Python's own module have none
    if known := _SENTENCES.get(code & PRIMARY, ""):
        return known.format(path=path)
    found = _diagnosed(path)
    return found and f"{path} is damaged. {found}"


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
        if found := sentence(path, error):
            raise StoreError(found) from error
        raise
