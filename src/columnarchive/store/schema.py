"""The expected schema, how a file differs from it, values that cannot be read, and making derived tables anew."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from columnarchive.locale import Language, Message

if TYPE_CHECKING:
    import sqlite_utils

REBUILD = Message("problem.mended_by_rebuild")


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault: the row or place, what is wrong there, and what mends it, if anything does."""

    where: str
    fault: Message
    remedy: Message | None = None

    @property
    def what(self) -> str:
        """What is wrong, as one English sentence."""
        return str(self.fault)

    @property
    def mend(self) -> str:
        """What mends it, in English; empty when nothing does."""
        return str(self.remedy or "")

    def sentence(self, lang: Language) -> str:
        """Return place, fault and remedy as one line."""
        line = f"{self.where}: {self.fault.sentence(lang)}"
        return f"{line} ({self.remedy.sentence(lang)})" if self.remedy else line


def problem(where: str, code: str, remedy: Message | None = None, **values: object) -> Problem:
    """Return the problem whose sentence has this code in the catalogue, with its values."""
    return Problem(where, Message(f"problem.{code}", values), remedy)


MIGRATIONS = resources.files("columnarchive.store") / "migrations"
# Functions of the captures; all other tables hold evidence or what people wrote.
DERIVED = (
    "articles", "revisions", "passages", "revision_passages", "sentences", "observations", "page_observations",
    "disclosures", "pictures", "copies", "changes", "change_marks", "edits",
    "articles_fts", "passage_keys", "copies_due", "page_faults", "picture_files",
    "picture_pairs",
)  # fmt: skip
_LOST = Message("problem.mended_by_copy", {"copies": ""})


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
        name: Entry(kind, name, table, " ".join(sql.split()), _columns(conn, name) if kind == "table" else ())
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
            found.append(problem(f"{wanted.kind} {name}", "entry_missing", mend))
        elif there[name].kind != wanted.kind:
            found.append(problem(f"{wanted.kind} {name}", "entry_replaced", mend, kind=there[name].kind))
        elif _differs(wanted, there[name]):
            found.append(problem(f"{wanted.kind} {name}", "entry_differs", mend))
    for trigger in _foreign_triggers(there):
        found.append(problem(f"trigger {trigger.name}", "foreign_trigger", REBUILD, table=trigger.table))
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
    if wanted.columns:
        # Columns that somebody added do no harm.
        return not set(wanted.columns) <= set(there.columns)
    return wanted.sql != there.sql or wanted.table != there.table


def _columns(conn: sqlite3.Connection, name: str) -> tuple[tuple[object, ...], ...]:
    """Return the columns of an ordinary table; SQLite cannot list those of a virtual one that is damaged."""
    table = introspected(conn).table(name)
    if table.virtual_table_using:
        return ()
    return tuple((one.name, one.type.lower(), bool(one.notnull), one.is_pk) for one in table.columns)


def introspected(conn: sqlite3.Connection) -> sqlite_utils.Database:
    """Return the schema of an open file as sqlite-utils reads it."""
    import sqlite_utils  # by check and rebuild only, since it loads pandas where that is installed

    return sqlite_utils.Database(conn, recursive_triggers=False, execute_plugins=False)


def _quoted(name: str) -> str:
    from sqlite_utils.db import quote_identifier

    return quote_identifier(name)


# Columns of JSON and the type of their outermost value.
JSON_COLUMNS: dict[tuple[str, str], type] = {
    ("sites", "settings"): dict,
    ("captures", "headers"): list,
    ("captures", "request_headers"): list,
    ("shared_headers", "lines"): list,
    ("captures", "hops"): list,
    ("changes", "labels"): list,
    ("edits", "spans"): list,
    ("edits", "labels"): list,
    ("edits", "evidence"): list,
    ("withdrawals", "digests"): list,
}
_TIME = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?")
_TIME_COLUMNS = ("fetched_at", "seen_at", "first_seen_at", "last_seen_at", "since_at", "changed_at")
_MOST = 20  # problems of one table


def damaged_values(conn: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the rows with a value that cannot be read, some of each table."""
    before = conn.text_factory
    conn.text_factory = bytes
    try:
        for table in expected().values():
            yield from _of_table(conn, table)
    finally:
        conn.text_factory = before


def diagnosis(conn: sqlite3.Connection) -> Message | Problem | None:
    """Return the first fault that explains why a file cannot be read, if there is any."""
    try:
        for found in (*differences(conn), *damaged_values(conn)):
            return replace(found, remedy=found.remedy or Message("problem.listed_by_check"))
    except sqlite3.DatabaseError as error:
        return Message("problem.located_by_check", {"error": error})
    return None


def _of_table(conn: sqlite3.Connection, table: Entry) -> Iterator[Problem]:
    columns = [str(column[0]) for column in table.columns if column[1] == "text"]
    if not columns:
        return
    fields = ", ".join(f"typeof({column}), {column}" for column in columns)
    mend = REBUILD if table.name in DERIVED else None
    count = 0
    try:
        for row in conn.execute(f"select {table.columns[0][0]}, {fields} from main.{table.name}"):
            for column, kind, value in zip(columns, row[1::2], row[2::2], strict=True):
                if fault := _fault(table.name, column, kind.decode(), value):
                    key = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else row[0]
                    yield problem(f"{table.name} {key}", fault, mend, column=column, kind=kind.decode())
                    count += 1
            if count >= _MOST:
                return
    except sqlite3.DatabaseError as error:
        yield problem(table.name, "table_unreadable", mend, error=error)


def _fault(table: str, column: str, kind: str, value: object) -> str:
    """Return the code of what is wrong with a value; empty if nothing is."""
    if kind == "null":
        return ""
    if kind != "text" or not isinstance(value, bytes):
        return "value_no_text"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "value_not_utf8"
    if wanted := JSON_COLUMNS.get((table, column)):
        try:
            return "" if isinstance(json.loads(text), wanted) else "value_other_json"
        except (ValueError, RecursionError):
            return "value_no_json"
    if column in _TIME_COLUMNS and not _TIME.fullmatch(text):
        return "value_no_time"
    return ""
