"""Opening an archive: one SQLite file in WAL mode, up to date, its transactions, and errors said in a sentence."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType

from columnarchive.errors import StoreError
from columnarchive.store import sqlite_errors, upgrading
from columnarchive.store.blobs import DictionaryCache
from columnarchive.store.sqlite_errors import translated as translated
from columnarchive.store.upgrading import APPLICATION_ID as APPLICATION_ID
from columnarchive.store.upgrading import MIGRATIONS
from columnarchive.store.writer_lock import writer_lock

BUSY_SECONDS = 30


class Database:
    """An open archive. Errors of SQLite that leave its `with` block do so as StoreError, in one sentence.

    `dictionaries` holds what bodies are compressed against while writing, as long as the archive is open.

    >>> with Database.open(Path("data/archive.db")) as db, db.transaction():
    ...     db.conn.execute("insert into sites(name) values ('example')")
    """

    def __init__(self, path: Path, conn: sqlite3.Connection) -> None:
        self.path = path
        self.conn = conn
        self.dictionaries = DictionaryCache()

    @classmethod
    def open(
        cls, path: Path, *, create: bool = True, write: bool = True, migrations: Traversable = MIGRATIONS
    ) -> Database:
        """Open the archive at `path`, bringing an older schema up to date; raise StoreError in one sentence.

        What this reads does not grow with the file. `migrations` is a folder of .sql files.
        """
        if not path.exists():
            if not create:
                raise StoreError("no_archive_yet", path=path)
            _make_folder(path)
        elif path.is_dir():
            raise StoreError("archive_is_folder", path=path)
        with translated(path):
            conn = _connect(path, write)
            try:
                pending = upgrading.is_pending(conn, path, migrations)
                if pending and write:
                    with writer_lock(path, "upgrade"):
                        upgrading.upgrade(conn, path, migrations)
                elif pending:
                    _refuse_to_upgrade(conn, path)
            except BaseException:
                conn.close()
                raise
        if pending and not write:
            conn.close()
            cls.open(path, create=False, migrations=migrations).close()
            return cls.open(path, create=False, write=False, migrations=migrations)
        return cls(path, conn)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: commits at the end, rolls back on any exception; takes the write lock at once."""
        with translated(self.path):
            self.conn.execute("begin immediate")
            try:
                yield self.conn
                self.conn.execute("commit")
            except BaseException:
                # A full disk may have rolled back by itself.
                if self.conn.in_transaction:
                    self.conn.execute("rollback")
                raise

    def interrupt(self) -> None:
        """Stop the statement that runs in another thread, which raises StoreError there."""
        with contextlib.suppress(sqlite3.ProgrammingError):  # closed meanwhile
            self.conn.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
        if found := sqlite_errors.store_error(self.path, error):
            raise found from error

    def get_meta(self, key: str) -> str:
        """A remembered value of the file, or an empty string."""
        row = self.conn.execute("select value from meta where key = ?", (key,)).fetchone()
        return row[0] if row else ""

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value of the file."""
        self.conn.execute("insert or replace into meta values (?, ?)", (key, value))


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError("cannot_make_folder", folder=path.parent, reason=error.strerror) from error


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    # A reader of a live archive needs the -shm file as well, so even readers open read-write where they may.
    mode = "rwc" if write else "rw" if _is_writable(path) else "ro"
    try:
        return _opened(path, f"mode={mode}", write)
    except sqlite3.OperationalError as error:
        if write or (error.sqlite_errorcode & sqlite_errors.PRIMARY) not in _NO_ROOM_FOR_INDEX:
            raise
        return _opened(path, _as_it_lies(path), write)


def _opened(path: Path, mode: str, write: bool) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?{mode}"
    conn = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        conn.execute("pragma foreign_keys = on")
        conn.execute("select count(*) from sqlite_master").fetchone()
        if write:
            conn.execute("pragma journal_mode = wal")
            conn.execute("pragma synchronous = full")
            # Kilobytes. Keys of passages lie all over the file: with half of it each page is read twice as often.
            conn.execute("pragma cache_size = -4000")
        else:
            conn.execute("pragma query_only = on")
    except BaseException:
        conn.close()
        raise
    return conn


# How SQLite fails where it cannot make the index of the log: a folder that may only be read, or a full disk.
_NO_ROOM_FOR_INDEX = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)


def _as_it_lies(path: Path) -> str:
    """How to read a file where nothing can be written beside it; raise StoreError when its log would be left out.

    Nobody else writes to it there either, so without a log the file alone is the whole archive.
    """
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError("log_beside", path=path, name=path.name, log=log.name)
    return "mode=ro&immutable=1"


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _refuse_to_upgrade(conn: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError where a reader must not make an archive, or cannot write an upgrade."""
    if upgrading.is_empty(conn):
        raise StoreError("empty_archive", path=path)
    if not _is_writable(path):
        raise StoreError("old_schema", path=path)
