"""Values that no reader can use: text that is not UTF-8, JSON of another shape, times that are none."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator

from columnarchive.store import schema
from columnarchive.store.problems import REBUILD, Problem

# Columns of JSON and the type of their outermost value.
JSON_COLUMNS: dict[tuple[str, str], type] = {
    ("sites", "settings"): dict,
    ("captures", "headers"): list,
    ("captures", "request_headers"): list,
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
        for name, table in schema.expected().items():
            if (
                table.kind == "table"
                and "virtual table" not in table.sql.lower()
                and not name.startswith("articles_fts_")
            ):
                yield from _of_table(conn, table)
    finally:
        conn.text_factory = before


def diagnosis(conn: sqlite3.Connection) -> str:
    """Return one sentence on the first fault that explains why a file cannot be read; empty without any."""
    try:
        for problem in (*schema.differences(conn), *damaged_values(conn)):
            mend = problem.mend or "`archive check` lists all faults"
            return f"{problem.where[0].upper()}{problem.where[1:]}: {problem.what.rstrip('.')}; {mend}."
    except sqlite3.DatabaseError as error:
        return f"The database is damaged ({error}); `archive check` says where."
    return ""


def _of_table(conn: sqlite3.Connection, table: schema.Entry) -> Iterator[Problem]:
    columns = [str(column[0]) for column in table.columns if column[1] == "text"]
    if not columns:
        return
    fields = ", ".join(f"typeof({column}), {column}" for column in columns)
    mend = REBUILD if table.name in schema.DERIVED else ""
    count = 0
    try:
        for row in conn.execute(f"select {table.columns[0][0]}, {fields} from main.{table.name}"):
            for column, kind, value in zip(columns, row[1::2], row[2::2], strict=True):
                if fault := _fault(table.name, column, kind.decode(), value):
                    key = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else row[0]
                    yield Problem(f"{table.name} {key}", f"The column {column} holds {fault}.", mend)
                    count += 1
            if count >= _MOST:
                return
    except sqlite3.DatabaseError as error:
        yield Problem(table.name, f"SQLite cannot read the table: {error}.", mend)


def _fault(table: str, column: str, kind: str, value: object) -> str:
    if kind == "null":
        return ""
    if kind != "text" or not isinstance(value, bytes):
        return f"a value that is no text ({kind})"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "text that is not UTF-8"
    if wanted := JSON_COLUMNS.get((table, column)):
        try:
            return "" if isinstance(json.loads(text), wanted) else "JSON of another shape"
        except (ValueError, RecursionError):
            return "no JSON"
    if column in _TIME_COLUMNS and not _TIME.fullmatch(text):
        return "no time"
    return ""
