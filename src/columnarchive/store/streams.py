"""Reading a whole archive row by row, for exports: one snapshot, bounded memory, nothing of withdrawn pages.

Takes plain connections. A withdrawal erases bodies and derives the site again; until that is done, what is derived may
still hold the text, so articles that touch a withdrawn page or body are left out here as well.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

from columnarchive.errors import NotFound
from columnarchive.records import Revision
from columnarchive.store import reads
from columnarchive.store.reads import ArticleRow, ChangeRow, change_row

Connection = sqlite3.Connection

_ARTICLE_COLUMNS = ", ".join(f"articles.{field.name}" for field in fields(ArticleRow))
_CHANGE_COLUMNS = (
    "changes.id, articles.url, articles.site, articles.title, from_number, to_number, seen_at, level, labels, "
    "added_chars, removed_chars, summary, after_at"
)
_CHOSEN = """(:site = '' or articles.site = :site)
    and articles.id not in (select value from json_each(:withheld))"""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is read: a site or all (empty), without the articles that must not leave the archive."""

    site: str
    withheld: tuple[int, ...]

    @property
    def parameters(self) -> dict[str, object]:
        """For the statements here."""
        return {"site": self.site, "withheld": json.dumps(self.withheld)}


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article as it stands, with its text and the sentences that once stood in it."""

    row: ArticleRow
    text: str
    removed_text: str


@dataclass(frozen=True, slots=True)
class SiteRevision:
    """A revision, the site it belongs to, the row id of its article, and the source of the capture that showed it."""

    site: str
    article_id: int
    revision: Revision
    source: str


@dataclass(frozen=True, slots=True)
class Event:
    """A step in the life of an article: a new text (`revision`), its going or its coming back.

    `facts` is all that is known of the revision beside its text; with `fingerprint` it tells two histories apart.
    """

    at: str
    kind: Literal["revision", "gone", "returned"]
    site: str
    url: str
    article_id: int
    number: int
    fingerprint: str
    facts: tuple[str, ...]
    level: int
    labels: tuple[str, ...]
    summary: str


@contextlib.contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """All reads in the block see the archive at one moment, whatever a crawl commits meanwhile."""
    conn.execute("begin")
    try:
        yield
    finally:
        conn.execute("rollback")


def selection(conn: Connection, site: str = "") -> Selection:
    """What an export of a site (or of all) may hold; NotFound for a site the archive does not follow."""
    if site and conn.execute("select 1 from sites where name = ?", (site,)).fetchone() is None:
        raise NotFound("unknown_site", name=site)
    rows = conn.execute(
        """select articles.id from pages join articles on articles.id = pages.article_id where pages.state = 'withdrawn'
           union select articles.id from pages join articles on articles.url = pages.url where pages.state = 'withdrawn'
           union select revisions.article_id from revisions where body_sha256 in (
               select body_sha256 from captures where withdrawal_id is not null and body_sha256 <> '')"""
    )
    return Selection(site, tuple(row[0] for row in rows))


def articles(conn: Connection, chosen: Selection) -> Iterator[ArticleText]:
    """Articles by URL."""
    rows = conn.execute(
        f"select {_ARTICLE_COLUMNS}, text, removed_text from articles where {_CHOSEN} order by articles.url",
        chosen.parameters,
    )
    for *row, text, removed_text in rows:
        yield ArticleText(ArticleRow(*row), text, removed_text)


def revisions(conn: Connection, chosen: Selection) -> Iterator[SiteRevision]:
    """Revisions with their articles, by URL and number."""
    rows = conn.execute(
        f"""select articles.site, articles.id, number, {reads.SOURCE_SQL}
            from articles join revisions on article_id = articles.id
            where {_CHOSEN} order by articles.url, number""",
        chosen.parameters,
    )
    for site, article_id, number, source in rows:
        yield SiteRevision(site, article_id, reads.revision(conn, article_id, number), source)


def changes(conn: Connection, chosen: Selection, *, newest: int = 0) -> Iterator[ChangeRow]:
    """Changes in order of time, ties by URL; with `newest`, so many of the newest, newest first."""
    order = "desc" if newest else "asc"
    rows = conn.execute(
        f"""select {_CHANGE_COLUMNS} from changes join articles on articles.id = article_id where {_CHOSEN}
            order by seen_at {order}, articles.url, to_number {order}, from_number {order} limit :limit""",
        {**chosen.parameters, "limit": newest or -1},
    )
    return (change_row(row) for row in rows)


def events(conn: Connection, chosen: Selection) -> Iterator[Event]:
    """All that happened to articles, in order of time, ties by URL and number; a going after the text it ends."""
    rows = conn.execute(
        f"""select revisions.first_seen_at as at, 'revision' as kind, articles.site, articles.url as url, articles.id,
                   number, fingerprint,
                   json_array(revisions.title, revisions.published_on, revisions.modified_on, revisions.author,
                              revisions.supervisor, revisions.author_about, revisions.supervisor_about),
                   coalesce(level, 0), coalesce(labels, '[]'), coalesce(summary, '')
            from articles join revisions on revisions.article_id = articles.id
            left join changes on changes.article_id = articles.id and to_number = number and from_number <> number
            where {_CHOSEN}
            union all
            select seen_at, case when labels like '%"gone"%' then 'gone' else 'returned' end, articles.site,
                   articles.url, articles.id, to_number, '', json_array(articles.title), level, labels, summary
            from articles join changes on changes.article_id = articles.id
            where from_number = to_number and {_CHOSEN}
            order by at, url, number, kind desc""",
        chosen.parameters,
    )
    for at, kind, site, url, article_id, number, fingerprint, facts, level, labels, summary in rows:
        yield Event(
            *(at, kind, site, url, article_id, number, fingerprint),
            facts=tuple(json.loads(facts)),
            level=level,
            labels=tuple(json.loads(labels)),
            summary=summary,
        )


def place(conn: Connection, chosen: Selection, url: str) -> ArticleRow | None:
    """The article that stands at an address, or that the page at this address became; None when there is none."""
    try:
        row = reads.article_row(conn, url)
    except NotFound:
        return None
    is_chosen = row.id not in chosen.withheld and chosen.site in ("", row.site)
    return row if is_chosen else None


def newest_capture_at(conn: Connection) -> str:
    """When the newest capture was made; empty without any."""
    return str(conn.execute("select coalesce(max(fetched_at), '') from captures").fetchone()[0])


def archive_id(conn: Connection) -> str:
    """What names this archive for good: the first link of its chain; empty without any."""
    row = conn.execute("select link_sha256 from chain order by id limit 1").fetchone()
    return str(row[0]) if row else ""
