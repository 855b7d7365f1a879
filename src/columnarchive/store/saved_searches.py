"""Saved searches as rows, and what each of them found when it was last looked at."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from columnarchive.errors import NotFound, UsageError


@dataclass(frozen=True, slots=True)
class Watch:
    """A saved search; `looked_at` is empty until it was looked at."""

    name: str
    query: str
    made_at: str
    looked_at: str


def add(conn: sqlite3.Connection, name: str, query: str, at: str) -> None:
    """Save a search under a name; UsageError when the name is taken."""
    if conn.execute("select 1 from watches where name = ?", (name,)).fetchone():
        raise UsageError("watch_exists", name=name)
    conn.execute("insert into watches(name, query, made_at) values (?, ?, ?)", (name, query, at))


def remove(conn: sqlite3.Connection, name: str) -> None:
    """Forget a saved search; NotFound without it."""
    if not conn.execute("delete from watches where name = ?", (name,)).rowcount:
        raise NotFound("unknown_watch", name=name)


def every(conn: sqlite3.Connection, name: str = "") -> list[Watch]:
    """All saved searches by name, or the one called `name`; NotFound without it."""
    rows = conn.execute(
        "select name, query, made_at, looked_at from watches where ? in ('', name) order by name", (name,)
    ).fetchall()
    if name and not rows:
        raise NotFound("unknown_watch", name=name)
    return [Watch(*row) for row in rows]


def found_before(conn: sqlite3.Connection, name: str) -> dict[str, bool]:
    """What a watch found when it was last looked at: each URL, and whether only its removed text had it."""
    return {
        url: bool(removed)
        for url, removed in conn.execute("select url, removed from watch_hits where name = ?", (name,))
    }


def remember(conn: sqlite3.Connection, name: str, found: dict[str, bool], at: str) -> None:
    """Keep what a watch finds now for the next look."""
    conn.execute("delete from watch_hits where name = ?", (name,))
    conn.executemany(
        "insert into watch_hits(name, url, removed) values (?, ?, ?)",
        ((name, url, removed) for url, removed in found.items()),
    )
    conn.execute("update watches set looked_at = ? where name = ?", (at, name))
