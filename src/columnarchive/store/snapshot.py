"""A copy of an archive to hand over: one SQLite file that stands on its own, with or without the stored pages."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from columnarchive.errors import StoreError
from columnarchive.store import site_writer, streams
from columnarchive.store.database import APPLICATION_ID

WITHOUT_BODIES = "without_bodies"
"""The row of `meta` that says stored pages were left out of a copy on purpose."""
_STAYS_HERE = ("told",)  # whom this archive notified is no business of a copy's reader


def copy(conn: sqlite3.Connection, target: Path, *, bodies: bool = True) -> int:
    """Write a compact copy of the whole archive to `target`, which must not exist; the number of articles in it.

    Texts that an unfinished withdrawal has not taken out here yet are taken out of the copy.
    """
    try:
        if bodies:
            (query_only,) = conn.execute("pragma query_only").fetchone()
            conn.execute("pragma query_only = off")  # which forbids writing elsewhere as well
            try:
                conn.execute("vacuum into ?", (str(target),))
            finally:
                conn.execute(f"pragma query_only = {int(query_only)}")
        else:
            _copy_tables(conn, target, leave_empty=("bodies",))
        return _finish(target, bodies)
    except sqlite3.DatabaseError as error:
        raise StoreError("copy_unwritable", reason=error) from error


def is_without_bodies(conn: sqlite3.Connection) -> bool:
    """Whether this is a copy that was made without the stored pages; a copy that holds some all the same is none."""
    try:
        said = conn.execute("select 1 from meta where key = ?", (WITHOUT_BODIES,)).fetchone()
        return said is not None and conn.execute("select 1 from bodies limit 1").fetchone() is None
    except sqlite3.DatabaseError:
        return False  # a damaged file is taken for whole, so that what it lost is told


def _copy_tables(source: sqlite3.Connection, target: Path, leave_empty: tuple[str, ...]) -> None:
    """What VACUUM does, but for the tables to be left empty, so that their data is neither read nor written."""
    path = next(row[2] for row in source.execute("pragma database_list") if row[1] == "main")
    conn = sqlite3.connect(target, isolation_level=None)
    try:
        conn.execute("attach ? as source", (path,))
        conn.execute("begin")
        schema = conn.execute(
            "select type, name, sql from source.sqlite_master where sql is not null and name not like 'sqlite_%'"
        ).fetchall()
        shadows = tuple(row[0] + "_" for row in _virtual(schema))
        for kind, name, sql in schema:
            if kind == "table" and not name.startswith(shadows):
                conn.execute(sql)
        for kind, name, sql in schema:
            if kind == "table" and name not in leave_empty and "virtual table" not in sql.lower():
                # A virtual table's own tables came with it, and hold a few rows from the start.
                conn.execute(f'delete from main."{name}"')
                conn.execute(f'insert into main."{name}" select * from source."{name}"')
        for kind, _, sql in schema:
            if kind != "table":
                conn.execute(sql)
        (version,) = conn.execute("pragma source.user_version").fetchone()
        conn.execute(f"pragma main.user_version = {int(version)}")
        conn.execute(f"pragma main.application_id = {APPLICATION_ID}")
        conn.execute("commit")
    finally:
        conn.close()


def _virtual(schema: list[tuple[str, str, str]]) -> list[tuple[str]]:
    return [(name,) for kind, name, sql in schema if kind == "table" and "virtual table" in sql.lower()]


def _finish(target: Path, bodies: bool) -> int:
    conn = sqlite3.connect(target, isolation_level=None)
    try:
        conn.execute("pragma foreign_keys = on")
        conn.execute("pragma secure_delete = on")
        conn.execute("begin")
        for article_id in streams.selection(conn).withheld:
            site_writer.delete_article(conn, article_id)
        for table in _STAYS_HERE:
            if conn.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone():
                conn.execute(f"delete from {table}")
        if not bodies:
            conn.execute("insert or replace into meta(key, value) values (?, '1')", (WITHOUT_BODIES,))
        conn.execute("commit")
        (articles,) = conn.execute("select count(*) from articles").fetchone()
        return int(articles)
    finally:
        conn.close()
