"""Searches that somebody keeps, and questions that readers ask of every archive, as SQL that they can change."""

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


def all_watches(conn: sqlite3.Connection, name: str = "") -> list[Watch]:
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


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query with its name in addresses, its title and what it answers."""

    name: str
    title: str
    description: str
    sql: str


_CHANGES = """
select changes.seen_at, articles.site, articles.title, articles.url, changes.labels, changes.summary,
  changes.id as change
from changes join articles on articles.id = changes.article_id
where exists (select 1 from json_each(changes.labels) where value in ({labels})){more}
order by changes.seen_at desc, articles.url
""".strip()
# The last month of the archive, not of the calendar: an archive that rests keeps its answers.
_MONTH = """
  and changes.seen_at >= (select strftime('%Y-%m-%dT%H:%M:%SZ', max(seen_at), '-1 month') from changes)"""


def _by_label(*labels: str, month: bool = False) -> str:
    return _CHANGES.format(labels=", ".join(f"'{label}'" for label in labels), more=_MONTH if month else "")


SAVED = (
    SavedQuery(
        "claims_softened",
        "表現が弱まった変更（最近1か月）· Claims softened this month",
        "Changes of the archive's last month in which a claim was hedged or taken back.",
        _by_label("claim_softened", month=True),
    ),
    SavedQuery(
        "risk_notices_removed",
        "リスク説明の削除 · Risk notices removed",
        "Changes that took out a statement of risk, or added a denial of one.",
        _by_label("risk_removed", "risk_denial_added"),
    ),
    SavedQuery(
        "prices_changed", "費用の変更 · Prices changed", "Changes with a price before and after.", _by_label("price")
    ),
    SavedQuery(
        "copied_passages",
        "複数のコラムにある文章 · Copied passages",
        "The thousand passages most alike that stand in more than one article, with both articles.",
        """
select one.text, articles.site, articles.url, others.site as other_site, others.url as other_url, copies.similarity
from (select * from copies where passage_id < other_passage_id order by similarity desc limit 1000) as copies
join passages as one on one.id = copies.passage_id join articles on articles.id = one.article_id
join passages as two on two.id = copies.other_passage_id join articles as others on others.id = two.article_id
order by copies.similarity desc, length(one.text) desc
""".strip(),
    ),
    SavedQuery(
        "pages_gone",
        "なくなったコラム · Columns that are gone",
        "Articles whose page is no longer there, last seen first.",
        """
select last_seen_at, site, title, url, published_on, first_seen_at
from articles where state = 'gone' order by last_seen_at desc, url
""".strip(),
    ),
)
