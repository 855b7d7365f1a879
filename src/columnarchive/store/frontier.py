"""The queue of the crawl as rows: which page is next, what a visit changes, when it is due again; robots and rests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from columnarchive.records import Capture, Outcome
from columnarchive.store.tombstones import STATE_SQL
from columnarchive.times import from_text, to_text

BACK_OFF_HOURS = (6, 24, 72, 168)
MISSING: tuple[Outcome, ...] = ("missing", "gone", "unresolved")
FAILED: tuple[Outcome, ...] = ("http_error", "timeout", "truncated", "protocol_error", "unreachable", "tls_error",
                               "too_large", "bad_encoding", "redirect_loop")  # fmt: skip
SHARE_OF_AGE = 0.2  # a page that has not changed for 50 days is looked at every 10


@dataclass(frozen=True, slots=True)
class QueuedPage:
    """A page to be visited: how it was found, and what makes the request a conditional one."""

    id: int
    url: str
    reason: str
    found_on: str
    depth: int
    etag: str
    last_modified: str
    failures: int


@dataclass(frozen=True, slots=True)
class NewPage:
    """A page to be put into the queue."""

    url: str
    kind: str
    reason: str
    found_on: str
    depth: int
    priority: int


@dataclass(frozen=True, slots=True)
class Due:
    """Which pages of a site are to be visited in this run: all of them, or those due `now`.

    Runs are numbered, so that what a broken-off run has visited already is told without looking at clocks.
    """

    run: int
    now: str
    everything: bool


_DUE = """
from pages where site_id = :site and state <> 'withdrawn' and visited_in < :run and kind <> 'resource'
  and (next_visit_at <= :now or (:everything and state <> 'gone'))
"""


def add_pages(conn: sqlite3.Connection, site_id: int, pages: Iterable[NewPage]) -> int:
    """Queue pages that are not known yet; how many were new."""
    before = conn.total_changes
    conn.executemany(
        f"""insert or ignore into pages(site_id, url, kind, state, found_by, found_on, depth, priority)
            values (:site_id, :url, :kind, {STATE_SQL}, :reason, :found_on, :depth, :priority)""",
        [{"site_id": site_id, **dataclasses.asdict(one)} for one in pages],
    )
    return conn.total_changes - before


def start_pages(conn: sqlite3.Connection, site_id: int, urls: Sequence[str], priority: int) -> None:
    """Make these pages the ones a site's crawl starts from."""
    conn.executemany(
        f"""insert into pages(site_id, url, state, found_by, priority)
            values (:site_id, :url, {STATE_SQL}, 'start', :priority)
            on conflict(url) do update set found_by = 'start', priority = excluded.priority where site_id = :site_id""",
        [{"site_id": site_id, "url": url, "priority": priority} for url in urls],
    )


def due_pages(conn: sqlite3.Connection, site_id: int, due: Due, limit: int = -1) -> list[QueuedPage]:
    """The pages that are to be visited now, the most wanted first: all of them, or so many."""
    rows = conn.execute(
        f"""select id, url, found_by, found_on, depth, etag, last_modified, failures, body_sha256 {_DUE}
            order by priority desc, id limit :limit""",
        {**_due(site_id, due), "limit": limit},
    )
    pages = ((QueuedPage(*fields), body) for *fields, body in rows)
    # Without a body of our own a 304 would leave nothing to show.
    return [page if body else replace(page, etag="", last_modified="") for page, body in pages]


def due_resources(
    conn: sqlite3.Connection, site_id: int, due: Due, urls: Sequence[str], reason: str
) -> list[QueuedPage]:
    """Make these resources known, and return those that are to be fetched now, in their order."""
    known = json.dumps(urls)
    conn.execute(
        f"""insert or ignore into pages(site_id, url, kind, state, found_by)
            select :site, value, 'resource', {STATE_SQL.replace(":url", "value")}, :reason from json_each(:urls)""",
        {"site": site_id, "urls": known, "reason": reason},
    )
    conn.execute(
        """update pages set kind = 'resource', found_by = :reason where site_id = :site and article_id is null
             and (kind = 'other' or kind = 'resource' and :reason = 'picture')
             and url in (select value from json_each(:urls))""",
        {"site": site_id, "urls": known, "reason": reason},
    )
    rows = conn.execute(
        """select pages.id, url, found_by, found_on, depth, etag, last_modified, failures
           from json_each(:urls) as asked join pages on pages.url = asked.value
           where site_id = :site and state <> 'withdrawn' and visited_in < :run and kind = 'resource'
             and (next_visit_at <= :now or (:everything and state <> 'gone')) order by asked.key""",
        {**_due(site_id, due), "urls": known},
    )
    return [QueuedPage(*fields) for fields in rows]


def count_due(conn: sqlite3.Connection, site_id: int, due: Due) -> int:
    """How many pages are to be visited now."""
    return int(conn.execute(f"select count(*) {_DUE}", _due(site_id, due)).fetchone()[0])


def _due(site_id: int, due: Due) -> dict[str, object]:
    return {"site": site_id, "run": due.run, "now": due.now, "everything": due.everything}


def known_pages(conn: sqlite3.Connection, site_id: int) -> list[tuple[str, str]]:
    """Every address of a site and how it was found, in the order of finding."""
    return conn.execute(
        "select url, found_by from pages where site_id = ? and kind <> 'resource' order by id", (site_id,)
    ).fetchall()


def visited_pages(conn: sqlite3.Connection, site_id: int, limit: int) -> list[tuple[str, str, str, str]]:
    """The first pages of a site that were shown: (url, how found, digest of the body, content type's header lines)."""
    return conn.execute(
        """select url, found_by, first.body_sha256, first.headers
           from pages join captures first on first.id = (
               select min(id) from captures where page_id = pages.id and body_sha256 <> '' and outcome = 'ok'
                 and withdrawal_id is null)
           where site_id = ? and kind <> 'resource' order by first.id limit ?""",
        (site_id, limit),
    ).fetchall()


def page_at(conn: sqlite3.Connection, url: str) -> tuple[int, int] | None:
    """The id and the site of a known page."""
    row = conn.execute("select id, site_id from pages where url = ?", (url,)).fetchone()
    return (row[0], row[1]) if row else None


def has_twin(conn: sqlite3.Connection, site_id: int, page_id: int, body_sha256: str) -> bool:
    """Whether an earlier page of the site has this very body."""
    if conn.execute("select 1 from bodies where sha256 = ?", (body_sha256,)).fetchone() is None:
        return False  # nearly always, and told without a look at all of the site's pages
    found = conn.execute(
        "select 1 from pages where site_id = ? and body_sha256 = ? and id < ? limit 1", (site_id, body_sha256, page_id)
    )
    return found.fetchone() is not None


def note_visit(conn: sqlite3.Connection, page_id: int, capture: Capture, due: Due, days: tuple[float, float]) -> None:
    """What a visit changes in the queue, after its capture was stored: validators, failures, when it is due again."""
    row = conn.execute(
        """select failures, interval_hours, etag, last_modified, articles.changed_at, articles.first_seen_at
           from pages left join articles on articles.id = article_id where pages.id = ?""",
        (page_id,),
    ).fetchone()
    failures, interval, etag, last_modified, changed_at, first_seen_at = row
    live = capture.outcome in ("ok", "unchanged", "redirected")
    failures = 0 if live else failures + 1
    low, high = (one * 24 for one in days)
    if capture.outcome in MISSING:
        hours = min(high, 24.0) if failures < 2 and capture.outcome != "gone" else high
    elif not live and capture.outcome in FAILED:
        hours = min(high, BACK_OFF_HOURS[min(failures, len(BACK_OFF_HOURS)) - 1])
    elif not live:
        hours = min(high, max(low, 24.0 * 2 ** min(failures - 1, 10)))
    elif changed_at or first_seen_at:
        age = from_text(due.now) - from_text(changed_at or first_seen_at)
        hours = age.total_seconds() / 3600 * SHARE_OF_AGE
    else:
        hours = interval * 1.5 if capture.outcome == "unchanged" else interval / 2
    hours = min(high, max(low, hours)) if live else hours
    if capture.outcome == "ok":
        etag, last_modified = capture.header("etag"), capture.header("last-modified")
    elif capture.outcome == "redirected":
        etag = last_modified = ""
    conn.execute(
        """update pages set visited_at = ?, visited_in = ?, next_visit_at = ?, failures = ?, interval_hours = ?,
             etag = ?, last_modified = ? where id = ?""",
        (
            capture.fetched_at,
            due.run,
            to_text(from_text(due.now) + timedelta(hours=hours)),
            failures,
            round(hours),
            etag,
            last_modified,
            page_id,
        ),
    )


def put_back(conn: sqlite3.Connection, url: str) -> None:
    """Forget that a page was visited in this run; when it is due by itself stays."""
    conn.execute("update pages set visited_in = visited_in - 1 where url = ? and visited_in > 0", (url,))


def bring_forward(conn: sqlite3.Connection, url: str, lastmod: str, now: str) -> bool:
    """Note what a sitemap or feed says of a known page; whether it says that the page changed after our last visit."""
    conn.execute(
        """update pages set lastmod = :lastmod,
             next_visit_at = case when visited_at <> '' and visited_at < :lastmod then :now else next_visit_at end
           where url = :url and lastmod < :lastmod""",
        {"url": url, "lastmod": lastmod, "now": now},
    )
    return bool(conn.execute("select changes()").fetchone()[0])


def robots_of(conn: sqlite3.Connection, origin: str) -> tuple[int, str, str] | None:
    """The remembered robots.txt of a host: status, text and when it was fetched."""
    row = conn.execute(
        "select robots_status, robots_body, robots_fetched_at from hosts where origin = ? and robots_fetched_at <> ''",
        (origin,),
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def keep_robots(conn: sqlite3.Connection, origin: str, status: int, body: str, fetched_at: str) -> None:
    """Remember a robots.txt."""
    conn.execute(
        """insert into hosts(origin, robots_status, robots_body, robots_fetched_at) values (?, ?, ?, ?)
           on conflict(origin) do update set robots_status = excluded.robots_status,
             robots_body = excluded.robots_body, robots_fetched_at = excluded.robots_fetched_at""",
        (origin, status, body, fetched_at),
    )


def rest_of(conn: sqlite3.Connection, origin: str) -> tuple[str, int]:
    """Until when a host is left alone, and how many rests in a row it has had."""
    row = conn.execute("select rest_until, rests from hosts where origin = ?", (origin,)).fetchone()
    return (row[0], row[1]) if row else ("", 0)


def keep_rest(conn: sqlite3.Connection, origin: str, until: str, rests: int) -> None:
    """Leave a host alone until then; an empty time ends its rests."""
    conn.execute(
        """insert into hosts(origin, rest_until, rests) values (?, ?, ?)
           on conflict(origin) do update set rest_until = excluded.rest_until, rests = excluded.rests""",
        (origin, until, rests),
    )


def open_crawl(conn: sqlite3.Connection, names: Iterable[str]) -> int:
    """Return the number of a crawl over sites: a new one, or that of the same sites that was broken off."""
    sites = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
    row = conn.execute("select value from meta where key = 'crawl'").fetchone()
    number, sites_before, state = row[0].split() if row else ("0", "", "closed")
    crawl = int(number) + (state == "closed" or sites != sites_before)
    conn.execute("insert or replace into meta(key, value) values ('crawl', ?)", (f"{crawl} {sites} open",))
    return crawl


def close_crawl(conn: sqlite3.Connection) -> None:
    """Note that the crawl came to its end: the next one is a new one."""
    conn.execute("update meta set value = replace(value, ' open', ' closed') where key = 'crawl'")


def open_run(conn: sqlite3.Connection, site_id: int, everything: bool, crawl: int) -> tuple[int, bool]:
    """The number of a site's run, and whether it visits all pages: a new one, or the one that was broken off.

    A site that this crawl came to the end of before it was broken off is visited again only where pages are due.
    """
    key = f"crawl run of site {site_id}"
    row = conn.execute("select value from meta where key = ?", (key,)).fetchone()
    number, scope, state, *ended_in = row[0].split() if row else ("0", "due", "closed")
    run = int(number) + (state == "closed")
    if state == "open":
        everything = everything or scope == "all"
    elif ended_in == [str(crawl)]:
        everything = False
    value = f"{run} {'all' if everything else 'due'} open"
    conn.execute("insert or replace into meta(key, value) values (?, ?)", (key, value))
    return run, everything


def close_run(conn: sqlite3.Connection, site_id: int, at: str, crawl: int) -> None:
    """A site's run came to its end: the next one is a new one."""
    conn.execute("update sites set last_crawl_at = ? where id = ?", (at, site_id))
    conn.execute(
        "update meta set value = replace(value, ' open', ' closed ' || ?) where key = ?",
        (crawl, f"crawl run of site {site_id}"),
    )


def keep_settings(conn: sqlite3.Connection, site_id: int, settings: str) -> None:
    """Keep what the settings file says of a site with the site; other settings than before ask for a new derivation."""
    conn.execute(
        "update sites set settings = ?, rules = '' where id = ? and settings <> ?", (settings, site_id, settings)
    )


def starts(conn: sqlite3.Connection, site_id: int) -> list[str]:
    """The addresses a site's crawl starts from."""
    rows = conn.execute("select url from pages where site_id = ? and found_by = 'start' order by id", (site_id,))
    return [row[0] for row in rows]


def followed_sites(conn: sqlite3.Connection) -> list[tuple[str, str]]:
    """Sites that were crawled from an address: (name, start address)."""
    return conn.execute("select name, start_url from sites where start_url <> '' order by id").fetchall()


def unfollow(conn: sqlite3.Connection, site_id: int) -> None:
    """Stop following a site; it is followed again when it is crawled from an address."""
    conn.execute("update sites set start_url = '' where id = ?", (site_id,))


def was_seen(conn: sqlite3.Connection, site_id: int) -> bool:
    """Whether a site has ever sent a page."""
    row = conn.execute(
        """select 1 from pages join captures on captures.page_id = pages.id
           where site_id = ? and outcome in ('ok', 'redirected', 'unchanged') limit 1""",
        (site_id,),
    ).fetchone()
    return row is not None


def starts_of(conn: sqlite3.Connection, name: str) -> list[str]:
    """The addresses that the crawl of the site called `name` starts from."""
    rows = conn.execute(
        """select pages.url from pages join sites on sites.id = site_id
           where sites.name = ? and found_by = 'start' order by pages.id""",
        (name,),
    )
    return [row[0] for row in rows]


def site_ids(conn: sqlite3.Connection) -> list[tuple[str, int]]:
    """Every site's name and id."""
    return conn.execute("select name, id from sites").fetchall()
