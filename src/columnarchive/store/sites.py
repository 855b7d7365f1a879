"""Sites: their rows, counts over them and the whole archive, and the pages of a site that could not be read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from columnarchive.errors import NotFound
from columnarchive.records import Gap, Outcome, SiteTemplate
from columnarchive.store.articles import Connection
from columnarchive.store.database import Database
from columnarchive.store.tombstones import STATE_SQL


def ensure_site(db: Database, name: str, at: str, start_url: str = "", title: str = "") -> int:
    """The id of the site called `name`, made at time `at` if new; a known site keeps what it already has."""
    db.conn.execute(
        """insert into sites(name, title, start_url, added_at) values (?, ?, ?, ?)
           on conflict(name) do update set
             title = case when excluded.title <> '' then excluded.title else title end,
             start_url = case when start_url = '' then excluded.start_url else start_url end""",
        (name, title, start_url, at),
    )
    return int(db.conn.execute("select id from sites where name = ?", (name,)).fetchone()[0])


def ensure_page(db: Database, site_id: int, url: str, found_on: str = "", found_by: str = "") -> int:
    """The id of the page at `url`, queued if new. A URL belongs to the site that knew it first."""
    db.conn.execute(
        f"""insert or ignore into pages(site_id, url, state, found_on, found_by)
            values (:site_id, :url, {STATE_SQL}, :found_on, :found_by)""",
        {"site_id": site_id, "url": url, "found_on": found_on, "found_by": found_by},
    )
    return int(db.conn.execute("select id from pages where url = ?", (url,)).fetchone()[0])


def stale_sites(db: Database, rules: str, only: Sequence[int] = ()) -> list[tuple[int, str]]:
    """Sites whose derived tables are older than their captures or than the rules, as (id, name), by name."""
    rows = db.conn.execute(
        """select id, name, rules, derived_from, (
               select coalesce(max(captures.id), 0) from captures join pages on pages.id = captures.page_id
               where pages.site_id = sites.id) as newest
           from sites order by name"""
    ).fetchall()
    return [
        (site_id, name)
        for site_id, name, had_rules, derived_from, newest in rows
        if newest and (had_rules != rules or derived_from != newest) and (not only or site_id in only)
    ]


def all_sites(db: Database) -> list[tuple[int, str]]:
    """Every site as (id, name), by name."""
    return db.conn.execute("select id, name from sites order by name").fetchall()


def id_of(conn: sqlite3.Connection, name: str) -> int:
    """The id of a site; 0 for an unknown one."""
    row = conn.execute("select id from sites where name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def newest_capture(conn: sqlite3.Connection, site_id: int) -> int:
    """The id of the newest capture of a site, 0 without any: what a derivation started from."""
    row = conn.execute(
        "select coalesce(max(c.id), 0) from captures c join pages p on p.id = c.page_id where p.site_id = ?", (site_id,)
    ).fetchone()
    return int(row[0])


def settings(conn: sqlite3.Connection, site_id: int) -> tuple[str, dict[str, object]]:
    """A site's name and its settings."""
    name, text = conn.execute("select name, settings from sites where id = ?", (site_id,)).fetchone()
    return str(name), json.loads(text)


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as `archive sites` lists it."""

    name: str
    title: str
    start_url: str
    articles: int
    pages: int
    captures: int
    changes: int
    last_crawl_at: str
    next_visit_at: str
    failures: int


def site_rows(conn: Connection) -> list[SiteRow]:
    """Every site with its counts; not those that were asked for once and never sent a page."""
    rows = conn.execute(
        """select sites.name, sites.title, sites.start_url,
             (select count(*) from articles where site = sites.name),
             (select count(*) from pages where site_id = sites.id),
             (select count(*) from captures join pages on pages.id = page_id where site_id = sites.id),
             (select count(*) from change_marks where mark = 'site ' || sites.name),
             sites.last_crawl_at,
             (select coalesce(min(next_visit_at), '') from pages where site_id = sites.id and next_visit_at <> ''
                and state not in ('withdrawn', 'refused')),
             (select count(*) from pages where site_id = sites.id and state in ('failed', 'suspect', 'refused'))
           from sites
           where sites.start_url <> '' or not exists (select 1 from pages where site_id = sites.id)
             or exists (select 1 from captures join pages on pages.id = page_id
                        where site_id = sites.id and outcome in ('ok', 'redirected', 'unchanged'))
           order by sites.name"""
    )
    return [SiteRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole archive, and the span of time it covers."""

    sites: int
    pages: int
    articles: int
    gone: int
    revisions: int
    changes: int
    captures: int
    bodies: int
    body_bytes: int
    stored_bytes: int
    first_at: str
    last_at: str
    withdrawn: int


def totals(conn: Connection) -> Totals:
    """Counts over the whole archive."""
    row = conn.execute(
        """select (select count(*) from sites), (select count(*) from pages), (select count(*) from articles),
             (select count(*) from articles where state = 'gone'), (select count(*) from revisions),
             (select count(*) from changes), (select count(*) from captures), (select count(*) from bodies),
             (select coalesce(sum(raw_size), 0) from bodies), (select coalesce(sum(length(data)), 0) from bodies),
             (select coalesce(min(fetched_at), '') from captures), (select coalesce(max(fetched_at), '') from captures),
             (select count(*) from withdrawals)"""
    ).fetchone()
    return Totals(*row)


def outcomes(conn: Connection) -> dict[str, int]:
    """How many pages ended their last visit with each outcome."""
    return dict(
        conn.execute("select last_outcome, count(*) from pages where last_outcome <> '' group by 1 order by 2 desc, 1")
    )


def meta(conn: Connection, key: str) -> str:
    """A remembered value of the file, or an empty string."""
    row = conn.execute("select value from meta where key = ?", (key,)).fetchone()
    return row[0] if row else ""


def due(conn: Connection, now: str) -> int:
    """How many pages are to be visited at a time."""
    (number,) = conn.execute(
        "select count(*) from pages where next_visit_at <= ? and state not in ('withdrawn')", (now,)
    ).fetchone()
    return int(number)


@dataclass(frozen=True, slots=True)
class SiteCard:
    """A site in the list of sites."""

    name: str
    title: str
    start_url: str
    articles: int
    last_crawl_at: str
    changes: int = 0
    failures: int = 0
    next_visit_at: str = ""


@dataclass(frozen=True, slots=True)
class SitePage:
    """A site with how far its crawl is and under which rules it was read."""

    name: str
    title: str
    start_url: str
    settings: str
    last_crawl_at: str
    next_visit_at: str
    derived_at: str
    rules: str
    articles: int
    gone: int
    pages: int
    queued: int
    template: SiteTemplate | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A page whose last visits did not work out, or an address beyond which the crawl could not see.

    `outcome` is that of the last visit or a `Gap`; `error` is what the last capture says of it.
    """

    site: str
    url: str
    outcome: Outcome | Gap
    state: str = ""
    visited_at: str = ""
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Month:
    """How many changes of each level a site saw in a month (`2026-01`)."""

    month: str
    levels: tuple[int, int, int, int]


def site_cards(conn: Connection, limit: int, offset: int) -> list[SiteCard]:
    """Return a page of the list of sites, by name."""
    rows = conn.execute(
        """select name, title, start_url, (select count(*) from articles where site = sites.name), last_crawl_at,
             (select count(*) from change_marks where mark = 'site ' || sites.name),
             (select count(*) from pages where site_id = sites.id and state in ('failed', 'suspect')),
             (select coalesce(min(next_visit_at), '') from pages where site_id = sites.id and next_visit_at <> ''
                and state not in ('withdrawn', 'refused'))
           from sites order by name limit ? offset ?""",
        (limit, offset),
    )
    return [SiteCard(*row) for row in rows]


def titles(conn: Connection) -> dict[str, str]:
    """Return the sites' own names, by the names they are followed under; only those that have one."""
    return dict(conn.execute("select name, title from sites where title <> ''").fetchall())


def gone(conn: Connection, names: Sequence[str]) -> set[str]:
    """The articles of these sites that are no longer there."""
    rows = conn.execute(
        "select url from articles where state = 'gone' and site in (select value from json_each(?))",
        (json.dumps(names),),
    )
    return {url for (url,) in rows}


def site_names(conn: Connection) -> list[str]:
    """The names of all sites."""
    return [row[0] for row in conn.execute("select name from sites order by name")]


def site_page(conn: Connection, name: str) -> SitePage:
    """A site by its name; NotFound for another."""
    row = conn.execute(
        """select name, title, start_url, settings, last_crawl_at,
             (select coalesce(min(next_visit_at), '') from pages where site_id = sites.id and next_visit_at <> ''
                and state not in ('withdrawn', 'refused')),
             derived_at, rules,
             (select count(*) from articles where site = sites.name),
             (select count(*) from articles where site = sites.name and state = 'gone'),
             (select count(*) from pages where site_id = sites.id),
             (select count(*) from pages where site_id = sites.id and state = 'queued'), template
           from sites where name = ?""",
        (name,),
    ).fetchone()
    if row is None:
        raise NotFound("unknown_site", name=name)
    cells = list(row)
    cells[-1] = _template(cells[-1])
    return SitePage(*cells)


def _template(text: str) -> SiteTemplate | None:
    if not text:
        return None
    fields = json.loads(text)
    return SiteTemplate(**{**fields, "common": tuple((line, pages) for line, pages in fields["common"])})


UNREAD = ("suspect", "needs_javascript", "no_article", "unreadable", "bad_encoding", "too_deep")
"""Outcomes of pages that answered and show no column."""


def troubles(conn: Connection, site: str = "", since: str = "") -> list[Trouble]:
    """Return what was not seen of a site or of all: pages that failed, were refused, or were visited since then and
    show no column where one was to be expected; then the addresses beyond which the crawl could not see."""
    rows = conn.execute(
        f"""select sites.name, url, last_outcome, state, visited_at, pages.failures,
             coalesce((select error from captures where page_id = pages.id order by id desc limit 1), '')
           from pages join sites on sites.id = site_id
           where {"sites.name = :site and" if site else ""} visited_at >= :since and state <> 'withdrawn'
             and (state in ('failed', 'suspect', 'refused') or last_outcome in {UNREAD}
                  and found_by not in ('start', 'pagination', 'archive', 'category', 'section'))
           order by sites.name, last_outcome, url""",
        {"site": site, "since": since},
    )
    found = [Trouble(*row) for row in rows]
    for key, text in conn.execute("select key, value from meta where key like 'crawl gaps of site %'").fetchall():
        row = conn.execute("select name from sites where id = ?", (key.rpartition(" ")[2],)).fetchone()
        if row and site in ("", row[0]):
            columns = conn.execute(
                "select url from pages where kind = 'article' and url in (select key from json_each(?))", (text,)
            )
            is_column = {url for (url,) in columns}
            found += [Trouble(row[0], url, gap) for url, gap in json.loads(text).items() if url not in is_column]
    return sorted(found, key=lambda one: one.site)


def gaps(conn: sqlite3.Connection, site_id: int) -> dict[str, Gap]:
    """Return the addresses beyond which the crawls of a site could not see."""
    return dict(json.loads(meta(conn, f"crawl gaps of site {site_id}") or "{}"))


def save_gaps(conn: sqlite3.Connection, site_id: int, found: Mapping[str, Gap]) -> None:
    """Store the addresses beyond which the crawls of a site could not see."""
    key = f"crawl gaps of site {site_id}"
    conn.execute("insert or replace into meta(key, value) values (?, ?)", (key, json.dumps(found, ensure_ascii=False)))


def forget_gaps(conn: sqlite3.Connection, site_ids: Iterable[int], urls: Collection[str]) -> None:
    """Remove withdrawn addresses from what the crawls of these sites could not see."""
    for site_id in site_ids:
        found = gaps(conn, site_id)
        if found.keys() & set(urls):
            save_gaps(conn, site_id, {url: gap for url, gap in found.items() if url not in urls})


def months(conn: Connection, name: str) -> list[Month]:
    """The months in which a site's articles changed, oldest first."""
    found: dict[str, list[int]] = {}
    for month, level, number in conn.execute(
        """select substr(datetime(seen_at, '+9 hours'), 1, 7), level, count(*)
           from change_marks where mark = ? group by 1, 2 order by 1""",
        (f"site {name}",),
    ):
        found.setdefault(month, [0, 0, 0, 0])[level] = number
    return [Month(month, (n[0], n[1], n[2], n[3])) for month, n in found.items()]


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day in Japan with the number of captures and of changes seen."""

    day: str
    captures: int
    changes: int


def calendar(conn: Connection, site: str = "", article_id: int = 0) -> list[CalendarDay]:
    """Return the days of the last year with captures of a site, or of an article's pages, oldest first."""
    own = "page_id in (select id from pages where article_id = :article)"
    if site:
        own = "page_id in (select pages.id from pages join sites on sites.id = site_id where sites.name = :site)"
    values = {"site": site, "article": article_id, "mark": f"site {site}"}
    (last,) = conn.execute(f"select max(fetched_at) from captures where {own}", values).fetchone()
    if not last:
        return []
    values["since"] = last
    seen = "change_marks where mark = :mark" if site else "changes where article_id = :article"
    count = "select substr(datetime({}, '+9 hours'), 1, 10), count(*) from {} group by 1"
    recent = f"captures where {own} and fetched_at > datetime(:since, '-364 days')"
    captured = dict(conn.execute(count.format("fetched_at", recent), values).fetchall())
    changed = dict(conn.execute(count.format("seen_at", seen), values).fetchall())
    return [CalendarDay(day, number, changed.get(day, 0)) for day, number in sorted(captured.items())]


def unread_as(conn: Connection, url: str) -> str:
    """Why the page at an address shows no column as it stands, by the name of that outcome; empty when it shows one."""
    row = conn.execute("select last_outcome from pages where url = ?", (url,)).fetchone()
    return str(row[0]) if row and row[0] in UNREAD else ""


TABLES = ("sites", "pages", "captures", "articles", "revisions", "passages", "changes", "edits", "articles_fts")
"""An archive is the database that has these, whatever it is called."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of an archive at a glance."""

    sites: int
    articles: int
    changes: int


def is_archive(conn: Connection) -> bool:
    """Whether this database is an archive, by its tables."""
    marks = ", ".join("?" * len(TABLES))
    found = conn.execute(f"select count(*) from sqlite_master where type = 'table' and name in ({marks})", TABLES)
    return bool(found.fetchone()[0] == len(TABLES))


def counts(conn: Connection) -> Counts:
    """Sites, articles and changes, counted over indexes."""
    row = conn.execute(
        "select (select count(*) from sites), (select count(*) from articles), (select count(*) from changes)"
    ).fetchone()
    return Counts(*row)
