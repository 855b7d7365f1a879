"""Schemas: which migrations a file has had, and bringing it up to date after a backup copy.

Each migration is one .sql file and one transaction. A kill leaves the file between two of them, and the next opening
goes on; a migration that fails leaves it as it was before that one.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from columnarchive.errors import StoreError
from columnarchive.store import sqlite_errors

if TYPE_CHECKING:
    import sqlite_utils

APPLICATION_ID = 0x434F4C41  # "COLA": tells our files from any other SQLite database
MIGRATIONS: Traversable = resources.files("columnarchive.store") / "migrations"
_SET = "columnarchive"
_TABLE = "_sqlite_migrations"  # where sqlite-utils notes what a file has had


def known(folder: Traversable) -> list[str]:
    """The names of the migrations in a folder, in order."""
    return sorted(entry.name[:-4] for entry in folder.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", entry.name))


def applied(conn: sqlite3.Connection) -> list[str]:
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
    steps, had = set(known(folder)), set(applied(conn))
    tables = conn.execute("select count(*) from sqlite_master where name in ('pages', 'captures')").fetchone()[0]
    if not had and tables:
        raise StoreError("table_missing", table=_TABLE, path=path)
    if had - steps:
        raise StoreError("newer_schema", path=path)
    return bool(steps - had)


def upgrade(conn: sqlite3.Connection, path: Path, folder: Traversable) -> None:
    """Apply what is pending, after a backup copy of a file that holds something; the caller keeps other writers out."""
    had = applied(conn)
    if set(known(folder)) <= set(had):
        return  # another process was quicker
    copy = _backup(conn, path, len(had)) if had else None
    if is_empty(conn):
        # First of all, so that a file whose making was broken off is known as ours.
        conn.execute(f"pragma application_id = {APPLICATION_ID}")
    with _without_pandas():
        import sqlite_utils  # Here, so that only a process that upgrades loads it.

    steps = sqlite_utils.Migrations(_SET)
    for name in known(folder):
        script = (folder / f"{name}.sql").read_text(encoding="utf-8")

        def step(db: sqlite_utils.Database, script: str = script) -> None:
            db.executescript(script)

        steps(name=name)(step)
    try:
        steps.apply(sqlite_utils.Database(conn))
    except sqlite3.Error as error:
        if sqlite_errors.store_error(path, error) or copy is None:
            raise
        raise StoreError("upgrade_failed", path=path, reason=error, copy=copy) from error


@contextlib.contextmanager
def _without_pandas() -> Iterator[None]:
    """Within it nothing finds pandas: sqlite-utils would load it where it is installed, 85 MB and half a second."""
    if "pandas" in sys.modules:
        yield
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]  # as the import system notes what is not to be found
    try:
        yield
    finally:
        del sys.modules["pandas"]


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
