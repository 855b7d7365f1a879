"""SQLite's errors as sentences that say what to do, told apart by their codes: their texts differ between versions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from columnarchive.errors import StoreError

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


def sentence(path: Path, error: BaseException | None) -> str:
    """What an error of SQLite means to the user of the archive at `path`; empty for any other error.

    Of a group of errors, the first that is one of SQLite's speaks for all: they have one cause.
    """
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, (sentence(path, inner) for inner in error.exceptions)), "")
    if not isinstance(error, sqlite3.Error):
        return ""
    code = getattr(error, "sqlite_errorcode", 0)  # errors of Python's own module have none
    return _SENTENCES.get(code & PRIMARY, "").format(path=path)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreError, each one sentence."""
    try:
        yield
    except sqlite3.Error as error:
        said = sentence(path, error)
        if not said:
            raise
        raise StoreError(said) from error
