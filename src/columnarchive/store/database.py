"""Opening an archive: one SQLite file in WAL mode, its migrations, transactions, and errors said in a sentence."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import sqlite_utils
from sqlite_utils import Migrations

from columnarchive.errors import StoreError

APPLICATION_ID = 0x434F4C41  # "COLA": tells our files from any other SQLite database


def _migrations() -> Migrations:
    """One migration a .sql file, in the order of their names."""
    found = Migrations("columnarchive")
    folder = resources.files("columnarchive.store") / "migrations"
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not re.fullmatch(r"\d{4}_\w+\.sql", entry.name):
            continue
        script = entry.read_text(encoding="utf-8")

        def step(db: sqlite_utils.Database, script: str = script) -> None:
            db.executescript(script)

        found(name=entry.name.removesuffix(".sql"))(step)
    return found


class Database:
    """An open archive.

    >>> with Database.open(Path("data/archive.db")) as db, db.transaction():
    ...     db.conn.execute("insert into sites(name) values ('example')")
    """

    def __init__(self, path: Path, conn: sqlite3.Connection) -> None:
        self.path = path
        self.conn = conn
        self.tables = sqlite_utils.Database(conn)

    @classmethod
    def open(cls, path: Path, *, create: bool = True, write: bool = True) -> Database:
        """Open the archive at `path`, bringing an older schema up to date; raise StoreError in one sentence."""
        if not path.exists():
            if not create:
                raise StoreError(f"There is no archive at {path} yet; `archive crawl URL` or `archive demo` makes one.")
            _make_folder(path)
        elif path.is_dir():
            raise StoreError(f"{path} is a folder, not an archive.")
        with translated(path):
            conn = _connect(path, write)
            try:
                db = cls(path, conn)
                db._check_and_migrate(write)
            except BaseException:
                conn.close()
                raise
        return db

    def _check_and_migrate(self, write: bool) -> None:
        (application,) = self.conn.execute("pragma application_id").fetchone()
        names = {name for (name,) in self.conn.execute("select name from sqlite_master where type = 'table'")}
        if application != APPLICATION_ID and names:
            raise StoreError(f"{self.path} is an SQLite database, but not an archive.")
        migrations = _migrations()
        known = {step.name for step in migrations.pending(sqlite_utils.Database(memory=True))}
        applied = {step.name for step in migrations.applied(self.tables)} if names else set()
        if applied - known:
            raise StoreError(f"{self.path} was written by a newer columnarchive; `pip install -U columnarchive` first.")
        if known - applied:
            if not write:
                raise StoreError(f"{self.path} has an older schema; run `archive status` once to upgrade it.")
            if names:
                self._backup(len(applied))
            migrations.apply(self.tables)
            self.conn.execute(f"pragma application_id = {APPLICATION_ID}")

    def _backup(self, steps: int) -> None:
        """Keep a copy of the file as it was before an upgrade, beside it."""
        copy = self.path.with_name(f"{self.path.name}.before-upgrade-{steps:04d}")
        if not copy.exists():
            self.conn.execute("vacuum into ?", (str(copy),))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: commits at the end, rolls back on any exception; takes the write lock at once."""
        with translated(self.path):
            self.conn.execute("begin immediate")
            try:
                yield self.conn
            except BaseException:
                # A full disk has already rolled back by itself.
                if self.conn.in_transaction:
                    self.conn.execute("rollback")
                raise
            self.conn.execute("commit")

    def close(self) -> None:
        """Close the connection."""
        self.conn.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        raise StoreError(f"Cannot make the folder {path.parent}: {error.strerror}.") from error


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    # A reader of a live archive needs the -shm file as well, so even readers open read-write where they may.
    mode = "rwc" if write else "rw" if os.access(path, os.W_OK) else "ro"
    uri = path.resolve().as_uri() + f"?mode={mode}"
    conn = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30, check_same_thread=False)
    conn.execute("pragma foreign_keys = on")
    conn.execute("pragma busy_timeout = 30000")
    conn.execute("select count(*) from sqlite_master").fetchone()
    if write:
        conn.execute("pragma journal_mode = wal")
        conn.execute("pragma synchronous = full")
    else:
        conn.execute("pragma query_only = on")
    return conn


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StoreError, each one sentence that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        said = str(error)
        if "not a database" in said:
            sentence = f"{path} is not a database."
        elif "locked" in said or "busy" in said:
            sentence = f"{path} is being written by another process; try again when it has finished."
        elif "full" in said:
            sentence = f"The disk that holds {path} is full; what was committed is safe."
        elif "readonly" in said:
            sentence = f"{path} or its folder cannot be written to."
        elif "malformed" in said:
            sentence = f"{path} is damaged; `archive check` says where."
        elif "unable to open" in said:
            sentence = f"{path} cannot be opened; check that it exists and may be read and written."
        else:
            raise
        raise StoreError(sentence) from error
