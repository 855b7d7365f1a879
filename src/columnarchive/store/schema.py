"""The expected schema, how a file differs from it, and making its derived tables anew."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from columnarchive.store.problems import REBUILD, Problem

MIGRATIONS = resources.files("columnarchive.store") / "migrations"
# Functions of the captures; all other tables hold evidence or what people wrote.
DERIVED = (
    "articles", "revisions", "passages", "revision_passages", "sentences", "observations", "page_observations",
    "disclosures", "pictures", "copies", "changes", "change_marks", "edits",
    "articles_fts", "passage_keys", "copies_due", "page_faults", "picture_files",
    "picture_pairs",
)  # fmt: skip
_LOST = "put a copy of the file in its place, or `archive import` a WARC export into a new one"


@dataclass(frozen=True, slots=True)
class Entry:
    """A table, view, index or trigger: what SQLite calls it, whose it is, its statement, its columns."""

    kind: str
    name: str
    table: str
    sql: str
    columns: tuple[tuple[object, ...], ...] = ()


Schema = Mapping[str, Entry]


@cache
def expected() -> Schema:
    """Return the schema that the migrations make."""
    conn = sqlite3.connect(":memory:")
    try:
        for path in sorted(MIGRATIONS.iterdir(), key=lambda each: each.name):
            if re.fullmatch(r"\d{4}_\w+\.sql", path.name):
                conn.executescript(path.read_text(encoding="utf-8"))
        return of_file(conn)
    finally:
        conn.close()


def of_file(conn: sqlite3.Connection) -> Schema:
    """Return the schema of an open file, by name."""
    rows = conn.execute(
        "select type, name, tbl_name, coalesce(sql, '') from main.sqlite_master where name not like 'sqlite_%'"
    ).fetchall()
    return {
        name: Entry(kind, name, table, " ".join(sql.split()), _columns(conn, kind, name, sql))
        for kind, name, table, sql in rows
    }


def differences(conn: sqlite3.Connection) -> list[Problem]:
    """Return what a file's schema has otherwise than it should: tables, columns, views in their place, triggers.

    Tables, views and indexes of the user's own are no fault, but a trigger on one of our tables is.
    """
    found = []
    there = of_file(conn)
    for name, wanted in expected().items():
        mend = REBUILD if _is_mendable(wanted) else _LOST
        if name not in there:
            found.append(Problem(f"{wanted.kind} {name}", f"The {wanted.kind} is missing.", mend))
        elif there[name].kind != wanted.kind:
            what = f"A {there[name].kind} stands in place of the {wanted.kind}."
            found.append(Problem(f"{wanted.kind} {name}", what, mend))
        elif _differs(wanted, there[name]):
            what = f"The {wanted.kind} is not defined as this version defines it."
            found.append(Problem(f"{wanted.kind} {name}", what, mend))
    for trigger in _foreign_triggers(there):
        what = f"A foreign trigger acts on the table {trigger.table}."
        found.append(Problem(f"trigger {trigger.name}", what, REBUILD))
    return found


def mend(conn: sqlite3.Connection) -> bool:
    """Drop foreign triggers and restore indexes; if a derived table differs, make all of them anew, empty.

    Runs in the caller's transaction, with foreign keys off. Return whether derived tables were made anew.
    """
    there = of_file(conn)
    for trigger in _foreign_triggers(there):
        conn.execute(f"drop trigger {_quoted(trigger.name)}")
    wanted = expected()
    tables = [one for name, one in wanted.items() if name in DERIVED]
    broken = any(one.name not in there or _differs(one, there[one.name]) for one in tables)
    if broken:
        make_anew(conn)
    there = of_file(conn)
    for name, one in wanted.items():
        if one.kind in ("index", "trigger") and (name not in there or _differs(one, there[name])):
            if name in there:
                conn.execute(f"drop {there[name].kind} {_quoted(name)}")
            if one.table in there:
                conn.execute(one.sql)
    return broken


def make_anew(conn: sqlite3.Connection, tables: Collection[str] = DERIVED) -> None:
    """Replace derived tables, and whatever stands in their place, by empty ones."""
    there = of_file(conn)
    if "articles_fts" in there and "articles_fts" in tables:
        _forget_broken_index(conn, there)
    shadows = [name for name in there if name.startswith("articles_fts_") and "articles_fts" in tables]
    for name in (*tables, *shadows):
        if name in of_file(conn):
            conn.execute(f"drop {there[name].kind} {_quoted(name)}")
    wanted = [one for one in expected().values() if one.table in tables]
    for one in sorted(wanted, key=lambda each: each.kind != "table"):
        conn.execute(one.sql)


def _forget_broken_index(conn: sqlite3.Connection, there: Schema) -> None:
    """Take the full-text index out of the schema if its own tables are missing: SQLite cannot drop it then."""
    try:
        conn.execute("select 1 from articles_fts limit 1")
    except sqlite3.DatabaseError:
        if there["articles_fts"].kind == "table":
            conn.execute("pragma writable_schema = on")
            conn.execute("delete from main.sqlite_master where name = 'articles_fts'")
            conn.execute("pragma writable_schema = reset")


def _foreign_triggers(there: Schema) -> list[Entry]:
    wanted = expected()
    return [one for name, one in there.items() if one.kind == "trigger" and one.table in wanted and name not in wanted]


def _is_mendable(one: Entry) -> bool:
    return one.table in DERIVED or one.table.startswith("articles_fts_") or one.kind in ("index", "trigger")


def _differs(wanted: Entry, there: Entry) -> bool:
    if wanted.kind != there.kind:
        return True
    if wanted.kind == "table" and not _is_virtual(wanted.sql):
        # Columns that somebody added do no harm.
        return not set(wanted.columns) <= set(there.columns)
    return wanted.sql != there.sql or wanted.table != there.table


def _columns(conn: sqlite3.Connection, kind: str, name: str, sql: str) -> tuple[tuple[object, ...], ...]:
    """Return the columns of an ordinary table; SQLite cannot list those of a virtual one that is damaged."""
    if kind != "table" or _is_virtual(sql):
        return ()
    rows = conn.execute(f"pragma main.table_xinfo({_quoted(name)})")
    return tuple((column, kind.lower(), bool(required), key) for _, column, kind, required, _, key, _ in rows)


def _is_virtual(sql: str) -> bool:
    return sql.lower().startswith("create virtual")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
