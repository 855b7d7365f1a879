"""Opening an archive: one SQLite file in WAL mode, brought up to date, with one writer; its transactions and errors.

Each migration is one .sql file and one transaction. A kill leaves the file between two of them, and the next opening
goes on; a migration that fails leaves it as it was before that one.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import Lock
from types import TracebackType

from columnarchive.errors import StoreError
from columnarchive.locale import Message
from columnarchive.store import schema
from columnarchive.store.blobs import DictionaryCache

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


def _diagnosed(path: Path) -> Message | schema.Problem | None:
    try:
        conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return None
    try:
        return schema.diagnosis(conn)
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


APPLICATION_ID = 0x434F4C41  # "COLA": tells our files from any other SQLite database
MIGRATIONS: Traversable = resources.files("columnarchive.store") / "migrations"
_SET = "columnarchive"
_TABLE = "_sqlite_migrations"
# As sqlite-utils defines it, so that its commands know what a file has had.
_TRACKING = f"""
create table if not exists "{_TABLE}" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
create unique index if not exists "idx_{_TABLE}_migration_set_name"
    ON "{_TABLE}" ("migration_set", "name")"""


def known_migrations(folder: Traversable) -> list[str]:
    """The names of the migrations in a folder, in order."""
    return sorted(entry.name[:-4] for entry in folder.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", entry.name))


def applied_migrations(conn: sqlite3.Connection) -> list[str]:
    """The names of the migrations that a file has had; none for an empty file."""
    if conn.execute("select 1 from sqlite_master where name = ?", (_TABLE,)).fetchone() is None:
        return []
    rows = conn.execute(f"select name from {_TABLE} where migration_set = ? order by name", (_SET,))
    return [row[0] for row in rows]


def is_empty(conn: sqlite3.Connection) -> bool:
    """Whether a file has no table yet."""
    return conn.execute("select 1 from sqlite_master").fetchone() is None


def is_pending(conn: sqlite3.Connection, path: Path, folder: Traversable) -> bool:
    """Whether a file lacks migrations; raise StoreError for one that is not ours or that has more than we know."""
    (application,) = conn.execute("pragma application_id").fetchone()
    if application != APPLICATION_ID and not is_empty(conn):
        raise StoreError("not_ours", path=path)
    steps, had = set(known_migrations(folder)), set(applied_migrations(conn))
    tables = conn.execute("select count(*) from sqlite_master where name in ('pages', 'captures')").fetchone()[0]
    if not had and tables:
        raise StoreError("table_missing", table=_TABLE, path=path)
    if had - steps:
        raise StoreError("newer_schema", path=path)
    return bool(steps - had)


def upgrade(conn: sqlite3.Connection, path: Path, folder: Traversable) -> None:
    """Apply what is pending, after a backup copy of a file that holds something; the caller keeps other writers out."""
    had = applied_migrations(conn)
    if set(known_migrations(folder)) <= set(had):
        return  # another process was quicker
    copy = _backup(conn, path, len(had)) if had else None
    steps = [name for name in known_migrations(folder) if name not in had]
    try:
        _apply(conn, [(name, (folder / f"{name}.sql").read_text(encoding="utf-8")) for name in steps])
    except sqlite3.Error as error:
        if store_error(path, error) or copy is None:
            raise
        raise StoreError("upgrade_failed", path=path, reason=error, copy=copy) from error


def _apply(conn: sqlite3.Connection, migrations: Sequence[tuple[str, str]]) -> None:
    """Run migrations and note them, all in one transaction."""
    record = f"insert into {_TABLE}(migration_set, name, applied_at) values ('{_SET}', '%s', '{datetime.now(UTC)}')"
    steps = [f"{script}\n;{record % name}" for name, script in migrations]
    begin = f"begin immediate;\npragma application_id = {APPLICATION_ID};\n{_TRACKING}"
    try:
        conn.executescript(";\n".join([begin, *steps, "commit"]))
    except sqlite3.Error:
        if conn.in_transaction:
            conn.execute("rollback")
        raise


def _backup(conn: sqlite3.Connection, path: Path, steps: int) -> Path:
    """Keep a copy of the file as it was before an upgrade, beside it: whole or not at all."""
    copy = path.with_name(f"{path.name}.before-upgrade-{steps:04d}")
    partial = copy.with_name(copy.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        conn.execute("vacuum into ?", (str(partial),))
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, copy)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError("upgrade_copy_failed", copy=copy, reason=error.strerror) from error
        raise
    return copy


BUSY_SECONDS = 30


class _Turns:
    """Whose turn it is to write among the threads that share this: each in the order in which it asked.

    SQLite has no order: a thread that writes all the time would leave the others waiting.
    """

    def __init__(self) -> None:
        self._next, self._now = Lock(), Lock()

    def __enter__(self) -> None:
        with self._next:
            self._now.acquire()

    def __exit__(self, *_: object) -> None:
        self._now.release()

    def is_wanted(self) -> bool:
        """Whether a thread waits for the one that writes."""
        return self._next.locked()


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
        self._turns = _Turns()

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
                pending = is_pending(conn, path, migrations)
                if pending and write:
                    with writer_lock(path, "upgrade"):
                        upgrade(conn, path, migrations)
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

    def beside(self) -> Database:
        """Open the archive once more, for another thread of this process; the two take turns in writing."""
        other = Database.open(self.path, create=False)
        other._turns = self._turns
        return other

    def is_awaited(self) -> bool:
        """Whether another thread waits for this transaction to end."""
        return self._turns.is_wanted()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: commits at the end, rolls back on any exception; takes the write lock at once."""
        with self._turns, translated(self.path):
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
        if found := store_error(self.path, error):
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
        if write or (error.sqlite_errorcode & PRIMARY) not in _CANNOT_MAKE_INDEX:
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


def keep_pages(conn: sqlite3.Connection) -> None:
    """Let a connection that answers many queries keep 32 MB of the file: the newest changes lie all over it."""
    conn.execute("pragma cache_size = -32000")


# How SQLite fails where it cannot make the index of the log: a folder that may only be read, or a full disk.
_CANNOT_MAKE_INDEX = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL)


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
    if is_empty(conn):
        raise StoreError("empty_archive", path=path)
    if not _is_writable(path):
        raise StoreError("old_schema", path=path)
