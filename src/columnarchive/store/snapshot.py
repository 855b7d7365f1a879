"""A whole archive read at one moment: row by row for exports, or as a copy that stands on its own.

A withdrawal erases bodies and derives the site again; until that is done, what is derived may still hold the text, so
articles that touch a withdrawn page or body are left out here as well.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import zstandard

from columnarchive.errors import NotFound, StoreError
from columnarchive.store import articles, site_writer
from columnarchive.store.articles import ArticleRow
from columnarchive.store.changes import CHANGE_COLUMNS, ChangeRow, change_row
from columnarchive.store.database import Database

Connection = sqlite3.Connection
_ARTICLE_COLUMNS = ", ".join(f"articles.{field.name}" for field in fields(ArticleRow))
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
def consistent_read(conn: Connection) -> Iterator[None]:
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


def article_sites(conn: Connection, chosen: Selection) -> list[str]:
    """The sites of the articles that are read, by name."""
    rows = conn.execute(f"select distinct articles.site from articles where {_CHOSEN} order by 1", chosen.parameters)
    return [row[0] for row in rows]


def selected_articles(conn: Connection, chosen: Selection) -> Iterator[ArticleRow]:
    """Articles by URL."""
    query = f"select {_ARTICLE_COLUMNS} from articles where {_CHOSEN} order by articles.url"
    return (ArticleRow(*row) for row in conn.execute(query, chosen.parameters))


_IN_TIME = "order by changes.seen_at, articles.url, to_number, from_number"
_TABLES = {
    "articles": f"""
        select url, site, title, published_on, modified_on, author, author_about, supervisor, supervisor_about,
               language, state, revisions, first_seen_at, last_seen_at, changed_at, text, removed_text
        from articles where {_CHOSEN} order by articles.url""",
    "revisions": f"""
        select articles.url, site, number, revisions.first_seen_at, revisions.last_seen_at, revisions.title,
               revisions.published_on, revisions.modified_on, revisions.author, revisions.author_about,
               revisions.supervisor, revisions.supervisor_about, characters, fingerprint, rules, body_sha256,
               {articles.SOURCE_SQL} as source, (
                   select coalesce(group_concat(text, char(10)), '') from (
                       select text from revision_passages join passages on passages.id = passage_id
                       where revision_id = revisions.id order by position)) as text
        from articles join revisions on article_id = articles.id
        where {_CHOSEN} order by articles.url, number""",
    "changes": f"""
        select articles.url, site, title, from_number as "from", to_number as "to", changes.after_at, changes.seen_at,
               level, labels, added_chars, removed_chars, summary, coalesce(mark, '') as review,
               coalesce(note, '') as note, coalesce(initials, '') as initials
        from changes join articles on articles.id = changes.article_id
        left join reviews on reviews.rowid = (
            select rowid from reviews as own
            where (own.seen_at, own.after_at) = (changes.seen_at, changes.after_at) and (own.article_url = articles.url
              or own.article_url in (select pages.url from pages where pages.article_id = articles.id))
            order by at desc limit 1)
        where {_CHOSEN} {_IN_TIME}""",
    "edits": f"""
        select url, site, from_number as "from", to_number as "to", seen_at, position, op, old_text as old,
               new_text as new, edits.level, edits.labels
        from edits join changes on changes.id = change_id join articles on articles.id = article_id
        where {_CHOSEN} {_IN_TIME}, position""",
}
TABLES = tuple(_TABLES)
"""What can be read as a table, by name."""


def table(conn: Connection, chosen: Selection, name: str) -> tuple[tuple[str, ...], Iterator[tuple[str | int, ...]]]:
    """Return the columns of a table and its rows: articles and revisions by URL, changes and edits in order of time."""
    rows = conn.execute(_TABLES[name], chosen.parameters)
    return tuple(column[0] for column in rows.description), rows


def selected_changes(conn: Connection, chosen: Selection, *, newest: int = 0) -> Iterator[ChangeRow]:
    """Changes in order of time, ties by URL; with `newest`, so many of the newest, newest first."""
    order = "desc" if newest else "asc"
    rows = conn.execute(
        f"""select {CHANGE_COLUMNS} from changes join articles on articles.id = article_id where {_CHOSEN}
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
        row = articles.article_row(conn, url)
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


WITHOUT_BODIES = "without_bodies"
"""The row of `meta` that says stored pages were left out of a copy on purpose."""
_STAYS_HERE = ("told",)  # whom this archive notified is no business of a copy's reader


def copy(conn: sqlite3.Connection, target: Path, *, bodies: bool = True) -> int:
    """Write a compact copy of the whole archive to `target`, which must not exist; the number of articles in it.

    Texts that an unfinished withdrawal has not taken out here yet are taken out of the copy.
    """
    try:
        (query_only,) = conn.execute("pragma query_only").fetchone()
        conn.execute("pragma query_only = off")  # which forbids writing elsewhere as well
        try:
            conn.execute("vacuum into ?", (str(target),))
        finally:
            conn.execute(f"pragma query_only = {int(query_only)}")
        return _finish(target, bodies)
    except sqlite3.DatabaseError as error:
        raise StoreError("copy_unwritable", reason=error) from error


def site_package(path: Path, site_id: int) -> bytes:
    """Return a site's captures and bodies as an archive of their own, packed, for a worker without this disk.

    Of its articles only the digests come along, by which a derivation tells what is stored as it is derived.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "site.db"
        with Database.open(target) as db:
            conn = db.conn
            conn.execute("attach ? as source", (str(path),))
            conn.execute("pragma foreign_keys = off")
            with db.transaction():
                for table, chosen in _PACKAGE.items():
                    copied = f'insert or replace into main."{table}" select * from source."{table}" {chosen}'
                    conn.execute(copied, (site_id,))
                conn.execute(
                    """insert into main.articles(id, site, url, digest, revisions)
                       select id, site, url, digest, revisions from source.articles
                       where site = (select name from source.sites where id = ?)""",
                    (site_id,),
                )
            conn.execute("detach source")
            conn.execute("pragma wal_checkpoint(truncate)")
        return zstandard.compress(target.read_bytes())


def open_package(package: bytes, folder: Path) -> Path:
    """Write what `site_package` returned to a folder; return the path of the archive."""
    path = folder / "site.db"
    path.write_bytes(zstandard.decompress(package))
    return path


_OF_SITE = "(select body_sha256 from source.captures where page_id in (select id from source.pages where site_id = ?))"
_PACKAGE = {
    "sites": "where id = ?",
    "pages": "where site_id = ?",
    "captures": "where page_id in (select id from source.pages where site_id = ?)",
    "page_faults": "where ? is not null",
    "picture_files": f"where sha256 in {_OF_SITE}",
    "picture_pairs": f"where old_sha256 in {_OF_SITE}",
    "bodies": """where sha256 in (
        with recursive needed(sha256) as (
            select body_sha256 from source.captures where body_sha256 <> ''
              and page_id in (select id from source.pages where site_id = ?)
            union select base_sha256 from source.bodies join needed using (sha256) where base_sha256 <> '')
        select sha256 from needed)""",
}
"""The rows of a package by their table; each condition takes the site's id."""


def is_without_bodies(conn: sqlite3.Connection) -> bool:
    """Whether this is a copy that was made without the stored pages; a copy that holds some all the same is none."""
    try:
        declared = conn.execute("select 1 from meta where key = ?", (WITHOUT_BODIES,)).fetchone()
        return declared is not None and conn.execute("select 1 from bodies limit 1").fetchone() is None
    except sqlite3.DatabaseError:
        return False  # a damaged file is taken for whole, so that what it lost is told


def _finish(target: Path, bodies: bool) -> int:
    conn = sqlite3.connect(target, isolation_level=None)
    try:
        if not bodies:
            conn.execute("delete from bodies")
            conn.execute("vacuum")
        conn.execute("pragma foreign_keys = on")
        conn.execute("pragma secure_delete = on")
        conn.execute("begin")
        for article_id in selection(conn).withheld:
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
