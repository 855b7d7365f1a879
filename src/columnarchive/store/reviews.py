"""What people noted of changes: marks, notes and initials, kept by the article's address and the change's interval."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Literal, get_args

from columnarchive.store.articles import Connection

Mark = Literal["reviewed", "follow_up", "not_relevant"]
MARKS: tuple[Mark, ...] = get_args(Mark)
_COLUMNS = "article_url, after_at, seen_at, mark, note, initials, at"


@dataclass(frozen=True, slots=True)
class Review:
    """A mark of one change, with a note and the initials of who made it `at` a time."""

    url: str
    after_at: str
    seen_at: str
    mark: Mark
    note: str
    initials: str
    at: str

    def names(self, url: str, after_at: str, seen_at: str) -> bool:
        """Return whether it is the review of this change."""
        return (self.url, self.after_at, self.seen_at) == (url, after_at, seen_at)


def every(conn: Connection) -> list[Review]:
    """Return all reviews, oldest first."""
    if not conn.execute("select 1 from sqlite_master where name = 'reviews'").fetchone():
        return []  # an archive of an earlier schema that Datasette serves as it is
    return [Review(*row) for row in conn.execute(f"select {_COLUMNS} from reviews order by at, article_url")]


def by_change(conn: Connection) -> dict[int, Review]:
    """Return the reviews of changes that the archive has, by the change's row; a moved article keeps its reviews."""
    if not every(conn):
        return {}
    rows = conn.execute(
        f"""select changes.id, {_COLUMNS.replace("after_at", "reviews.after_at").replace("seen_at", "reviews.seen_at")}
            from reviews join changes on (changes.seen_at, changes.after_at) = (reviews.seen_at, reviews.after_at)
            join articles on articles.id = changes.article_id
            where articles.url = article_url or article_url in (
                select pages.url from pages where pages.article_id = articles.id)"""
    )
    return {row[0]: Review(*row[1:]) for row in rows}


def save(conn: sqlite3.Connection, reviews: Iterable[Review]) -> int:
    """Store reviews, in the caller's transaction, unless a newer one is there; return how many were stored."""
    cursor = conn.executemany(
        f"""insert into reviews({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?) on conflict do update set
              mark = excluded.mark, note = excluded.note, initials = excluded.initials, at = excluded.at
            where excluded.at >= reviews.at""",
        map(astuple, reviews),
    )
    return cursor.rowcount


def forget(conn: sqlite3.Connection, url: str, after_at: str, seen_at: str) -> None:
    """Delete the review of a change, in the caller's transaction."""
    key = (url, after_at, seen_at)
    conn.execute("delete from reviews where (article_url, after_at, seen_at) = (?, ?, ?)", key)


def erase(conn: sqlite3.Connection, urls: Iterable[str]) -> None:
    """Delete the reviews of withdrawn pages, in the caller's transaction."""
    conn.executemany("delete from reviews where article_url = ?", ((url,) for url in urls))
