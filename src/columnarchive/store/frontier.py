"""A site's queue of pages: which is visited next, what a visit changes, when it is due again; robots.txt and rests.

What a crawl writes is committed in groups, with the captures.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from columnarchive.config import SitePlan
from columnarchive.errors import NotFound, StoreError
from columnarchive.records import PRIORITY, Capture, DiscoveredUrl, Gap, Outcome, QueuedUrl, RobotsFile
from columnarchive.store import blobs, captures, hash_chain, sites, tombstones
from columnarchive.store.database import Database
from columnarchive.store.tombstones import STATE_SQL
from columnarchive.times import Clock, from_text, to_text

BACK_OFF_HOURS = (6, 24, 72, 168)
MISSING: tuple[Outcome, ...] = ("missing", "gone", "unresolved")
FAILED: tuple[Outcome, ...] = ("http_error", "timeout", "truncated", "protocol_error", "unreachable", "tls_error",
                               "too_large", "bad_encoding", "redirect_loop")  # fmt: skip
SHARE_OF_AGE = 0.2  # a page that has not changed for 50 days is looked at every 10
GROUP_SIZE = 50
GROUP_SECONDS = 1.0
BATCH = 50  # pages taken from the queue at once: finding the next one looks at all that wait
FIRST_REST = timedelta(minutes=15)
LONGEST_REST = timedelta(hours=24)


@dataclass(slots=True)
class Group:
    """Captures, queue and robots of a crawl that are committed together: at most 50 captures, at most a second."""

    db: Database
    clock: Clock
    crawl: int = 0
    members: list[int] = field(default_factory=list)
    opened_at: float = 0.0
    open: contextlib.ExitStack | None = None

    def begin(self) -> None:
        """Be in a transaction from here on."""
        if self.open is None:
            self.open = contextlib.ExitStack()
            self.open.enter_context(self.db.transaction())
            self.opened_at = time.monotonic()

    def add(self, capture_id: int | None) -> None:
        """Count a capture to this group, unless it was there already."""
        if capture_id is not None:
            self.members.append(capture_id)

    def tick(self) -> None:
        """Commit if the group is full or old, or a derivation waits for it."""
        if self.open and (
            len(self.members) >= GROUP_SIZE
            or time.monotonic() - self.opened_at >= GROUP_SECONDS
            or self.db.is_awaited()
        ):
            self.commit()

    def commit(self) -> None:
        """Seal and commit what there is."""
        if self.open is None:
            return
        members, self.members = self.members, []
        stack, self.open = self.open, None
        with stack:
            hash_chain.seal(self.db.conn, to_text(self.clock()), "crawl", members)

    def drop(self) -> None:
        """Give up what is not committed, as a kill would."""
        stack, self.open = self.open, None
        self.members = []
        if stack is not None:
            with contextlib.suppress(StoreError):
                stack.__exit__(StoreError, StoreError("given_up"), None)


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
_QUEUED = "url, found_by, depth, etag, last_modified, pages.id, found_on"


def due_pages(conn: sqlite3.Connection, site_id: int, due: Due, limit: int = -1) -> list[QueuedUrl]:
    """The pages that are to be visited now, the most wanted first: all of them, or so many."""
    rows = conn.execute(
        f"select {_QUEUED}, body_sha256 {_DUE} order by priority desc, id limit :limit",
        {**_due(site_id, due), "limit": limit},
    )
    pages = ((QueuedUrl(*fields), body) for *fields, body in rows)
    # Without a body of our own a 304 would leave nothing to show.
    return [page if body else replace(page, etag="", last_modified="") for page, body in pages]


def _due(site_id: int, due: Due) -> dict[str, object]:
    return {"site": site_id, "run": due.run, "now": due.now, "everything": due.everything}


@dataclass(slots=True)
class SiteFrontier:
    """`columnarchive.crawl.frontier.Frontier` over the archive's tables."""

    group: Group
    site_id: int
    plan: SitePlan
    due: Due
    days: tuple[float, float]
    batch: list[QueuedUrl] = field(default_factory=list)
    waiting: int | None = None

    @property
    def conn(self) -> sqlite3.Connection:
        """The connection of the archive."""
        return self.group.db.conn

    def next(self) -> QueuedUrl | None:
        """The page to visit now."""
        if not self.batch:
            self.batch = due_pages(self.conn, self.site_id, self.due, BATCH)[::-1]
        return self.batch[-1] if self.batch else None

    @property
    def upcoming(self) -> str:
        """The address that `next` gives next, where that needs no look at the queue; else empty."""
        return self.batch[-1].url if self.batch else ""

    def record(self, visit: QueuedUrl, found_captures: Sequence[Capture], found: Sequence[DiscoveredUrl]) -> None:
        """Keep a visit's captures and queue what was found, in one group with its neighbours."""
        self.group.begin()
        for capture in found_captures:
            page_id = self._page_id(capture.url, visit)
            if page_id is None:
                continue
            self.group.add(captures.add(self.group.db, page_id, capture, capture.source))
            self._note_visit(page_id, capture)
        if any(capture.url != visit.url for capture in found_captures):
            self._queue_changed()  # the page that a redirect led to may have been waiting too
        else:
            before = len(self.batch)
            self.batch = [page for page in self.batch if page.url != visit.url]
            self.waiting = None if self.waiting is None else self.waiting + len(self.batch) - before
        self.add(found, visit.depth + 1)
        self.group.tick()

    def _page_id(self, url: str, visit: QueuedUrl) -> int | None:
        """The row of a visited page; the address a redirect led to is known as its source is."""
        if visit.id and url == visit.url:
            return visit.id
        page = {"reason": visit.reason, "found_on": visit.url, "priority": PRIORITY.get(visit.reason, 0)}
        self._add_pages([{"url": url, "kind": "other", "depth": visit.depth, **page}])
        page_id, site_id = self.conn.execute("select id, site_id from pages where url = ?", (url,)).fetchone()
        # A page belongs to the site that knew it first; another site's visit adds nothing to it.
        return int(page_id) if site_id == self.site_id else None

    def _note_visit(self, page_id: int, capture: Capture) -> None:
        """What a visit changes in the queue, after its capture was stored: validators, failures, when it is due."""
        failures, interval, etag, last_modified, changed_at, first_seen_at = self.conn.execute(
            """select failures, interval_hours, etag, last_modified, articles.changed_at, articles.first_seen_at
               from pages left join articles on articles.id = article_id where pages.id = ?""",
            (page_id,),
        ).fetchone()
        live = capture.outcome in ("ok", "unchanged", "redirected")
        failures = 0 if live else failures + 1
        low, high = (one * 24 for one in self.days)
        if capture.outcome in MISSING:
            hours = min(high, 24.0) if failures < 2 and capture.outcome != "gone" else high
        elif not live and capture.outcome in FAILED:
            hours = min(high, BACK_OFF_HOURS[min(failures, len(BACK_OFF_HOURS)) - 1])
        elif not live:
            hours = min(high, max(low, 24.0 * 2 ** min(failures - 1, 10)))
        elif changed_at or first_seen_at:
            age = from_text(self.due.now) - from_text(changed_at or first_seen_at)
            hours = age.total_seconds() / 3600 * SHARE_OF_AGE
        else:
            hours = interval * 1.5 if capture.outcome == "unchanged" else interval / 2
        hours = min(high, max(low, hours)) if live else hours
        if capture.outcome == "ok":
            etag, last_modified = capture.header("etag"), capture.header("last-modified")
        elif capture.outcome == "redirected":
            etag = last_modified = ""
        next_visit_at = to_text(from_text(self.due.now) + timedelta(hours=hours))
        self.conn.execute(
            """update pages set visited_at = ?, visited_in = ?, next_visit_at = ?, failures = ?, interval_hours = ?,
                 etag = ?, last_modified = ? where id = ?""",
            (capture.fetched_at, self.due.run, next_visit_at, failures, round(hours), etag, last_modified, page_id),
        )

    def add(self, found: Sequence[DiscoveredUrl], depth: int) -> int:
        """Queue pages; how many were new."""
        if not found:
            return 0
        self.group.begin()
        added = self._add_pages(
            {
                "url": one.url,
                "kind": self.plan.kind_of(one.url) or one.kind,
                "reason": one.reason,
                "found_on": one.found_on,
                "depth": depth,
                "priority": PRIORITY[one.reason],
            }
            for one in found
        )
        if added:
            self._queue_changed()
        return added

    def _add_pages(self, pages: Iterable[Mapping[str, object]]) -> int:
        before = self.conn.total_changes
        self.conn.executemany(
            f"""insert or ignore into pages(site_id, url, kind, state, found_by, found_on, depth, priority)
                values (:site_id, :url, :kind, {STATE_SQL}, :reason, :found_on, :depth, :priority)""",
            ({"site_id": self.site_id, **one} for one in pages),
        )
        return self.conn.total_changes - before

    def _queue_changed(self) -> None:
        """Other pages may be wanted more than those taken from the queue."""
        self.batch = []
        self.waiting = None

    def mark_changed(self, url: str, lastmod: str) -> None:
        """Note what a sitemap or feed says of a known page, which is due now if it changed after our last visit."""
        self.group.begin()
        done = self.conn.execute(
            """update pages set lastmod = :lastmod,
                 next_visit_at = case when visited_at <> '' and visited_at < :lastmod then :now else next_visit_at end
               where url = :url and lastmod < :lastmod""",
            {"url": url, "lastmod": lastmod, "now": self.due.now},
        )
        if done.rowcount:
            self._queue_changed()

    def known_urls(self) -> list[tuple[str, str]]:
        """Every known address and how it was found."""
        return known_pages(self.conn, self.site_id)

    def sample(self, limit: int) -> Iterator[tuple[Capture, str]]:
        """The stored captures of the first pages that were visited, and how the pages were found."""
        rows = self.conn.execute(
            """select url, found_by, first.body_sha256, first.headers
               from pages join captures first on first.id = (
                   select min(id) from captures where page_id = pages.id and body_sha256 <> '' and outcome = 'ok'
                     and withdrawal_id is null)
               where site_id = ? and kind <> 'resource' order by first.id limit ?""",
            (self.site_id, limit),
        )
        for url, reason, sha256, headers in rows.fetchall():
            try:
                body = blobs.read(self.group.db, sha256)
            except (NotFound, StoreError):
                continue  # `archive check` reports a damaged body; the crawl can do without it
            yield Capture(url, url, "", 200, captures.headers_of(headers), body, "ok"), reason

    def remaining(self) -> int:
        """How many pages are still to be visited; counted when the queue has changed, and down from there."""
        if self.waiting is None:
            (self.waiting,) = self.conn.execute(f"select count(*) {_DUE}", _due(self.site_id, self.due)).fetchone()
        return self.waiting

    def is_duplicate(self, capture: Capture) -> bool:
        """Whether an earlier page of this site has the same body."""
        if not blobs.has(self.conn, capture.body_sha256):
            return False  # nearly always, and told without a look at all of the site's pages
        query = """select 1 from pages where site_id = ? and body_sha256 = ?
                     and id < (select id from pages where url = ?) limit 1"""
        found = self.conn.execute(query, (self.site_id, capture.body_sha256, capture.url))
        return found.fetchone() is not None

    def is_withdrawn(self, urls: Iterable[str], body: bytes | None = None) -> bool:
        """Whether one of these addresses, or the text of this body, was withdrawn."""
        return tombstones.is_withdrawn(self.conn, urls, body)

    def robots(self, origin: str) -> RobotsFile | None:
        """A remembered robots.txt."""
        return robots_of(self.conn, origin)

    def save_robots(self, file: RobotsFile) -> None:
        """Remember a robots.txt."""
        self.group.begin()
        self.conn.execute(
            """insert into hosts(origin, robots_status, robots_body, robots_fetched_at) values (?, ?, ?, ?)
               on conflict(origin) do update set robots_status = excluded.robots_status,
                 robots_body = excluded.robots_body, robots_fetched_at = excluded.robots_fetched_at""",
            (file.origin, file.status, file.body, file.fetched_at),
        )

    def backed_off_until(self, origin: str) -> str:
        """Until when a host is to be left alone; empty when it is not."""
        until, _ = rest_of(self.conn, origin)
        return until if until > to_text(self.group.clock()) else ""

    def back_off(self, origin: str, seconds: float) -> str:
        """Leave a host alone for so long, or twice as long as the last time; until when."""
        _, rests = rest_of(self.conn, origin)
        pause = timedelta(seconds=seconds) if seconds else min(LONGEST_REST, FIRST_REST * 2 ** min(rests, 10))
        until = to_text(self.group.clock() + pause)
        self._save_rest(origin, until, rests + 1)
        return until

    def mark_healthy(self, origin: str) -> None:
        """A host answers properly again."""
        if rest_of(self.conn, origin) != ("", 0):
            self._save_rest(origin, "", 0)

    def _save_rest(self, origin: str, until: str, rests: int) -> None:
        self.group.begin()
        self.conn.execute(
            """insert into hosts(origin, rest_until, rests) values (?, ?, ?)
               on conflict(origin) do update set rest_until = excluded.rest_until, rests = excluded.rests""",
            (origin, until, rests),
        )

    def resources(self, urls: Sequence[str], reason: str = "picture") -> list[QueuedUrl]:
        """Make these resources known, and return those that are to be fetched now, in their order."""
        self.group.begin()
        values = {**_due(self.site_id, self.due), "urls": json.dumps(urls), "reason": reason}
        self.conn.execute(
            f"""insert or ignore into pages(site_id, url, kind, state, found_by)
                select :site, value, 'resource', {STATE_SQL.replace(":url", "value")}, :reason from json_each(:urls)""",
            values,
        )
        self.conn.execute(
            """update pages set kind = 'resource', found_by = :reason where site_id = :site and article_id is null
                 and (kind = 'other' or kind = 'resource' and :reason = 'picture')
                 and url in (select value from json_each(:urls))""",
            values,
        )
        rows = self.conn.execute(
            f"""select {_QUEUED} from json_each(:urls) as asked join pages on pages.url = asked.value
                where site_id = :site and state <> 'withdrawn' and visited_in < :run and kind = 'resource'
                  and (next_visit_at <= :now or (:everything and state <> 'gone')) order by asked.key""",
            values,
        )
        return [QueuedUrl(*fields) for fields in rows]

    def save_settings(self, settings: dict[str, object]) -> None:
        """Keep with the site what its settings say of its pages; other ones than before ask for a new derivation."""
        self.group.begin()
        text = json.dumps(settings, ensure_ascii=False, sort_keys=True)
        query = "update sites set settings = :text, rules = '' where id = :id and settings <> :text"
        self.conn.execute(query, {"id": self.site_id, "text": text})

    def save_gaps(self, gaps: Mapping[str, Gap]) -> None:
        """Store the addresses beyond which the crawl could not see."""
        self.group.begin()
        sites.save_gaps(self.conn, self.site_id, gaps)

    def requeue(self, visit: QueuedUrl) -> None:
        """A visit that was recorded came to nothing through no fault of the page: it counts for the next run again."""
        self.group.begin()
        query = "update pages set visited_in = visited_in - 1 where url = ? and visited_in > 0"
        self.conn.execute(query, (visit.url,))
        self._queue_changed()

    def close(self) -> None:
        """The site was crawled to its end: nothing of this run is to be gone on with."""
        self.group.begin()
        at = to_text(self.group.clock())
        self.conn.execute("update sites set last_crawl_at = ? where id = ?", (at, self.site_id))
        self.conn.execute(
            "update meta set value = replace(value, ' open', ' closed ' || ?) where key = ?",
            (self.group.crawl, f"crawl run of site {self.site_id}"),
        )


def open_frontier(group: Group, plan: SitePlan, days: tuple[float, float], everything: bool) -> SiteFrontier:
    """The queue of a site, made known with its start pages; a crawl that was broken off is gone on with."""
    now = to_text(group.clock())
    group.begin()
    conn = group.db.conn
    site_id = sites.ensure_site(group.db, plan.name, now, plan.start[0] if plan.start else "", plan.title)
    conn.executemany(
        f"""insert into pages(site_id, url, state, found_by, priority)
            values (:site_id, :url, {STATE_SQL}, 'start', :priority)
            on conflict(url) do update set found_by = 'start', priority = excluded.priority where site_id = :site_id""",
        [{"site_id": site_id, "url": url, "priority": PRIORITY["start"]} for url in plan.start],
    )
    run, everything = open_run(conn, site_id, everything, group.crawl)
    return SiteFrontier(group, site_id, plan, Due(run, now, everything), days)


def known_pages(conn: sqlite3.Connection, site_id: int) -> list[tuple[str, str]]:
    """Every address of a site and how it was found, in the order of finding."""
    query = "select url, found_by from pages where site_id = ? and kind <> 'resource' order by id"
    return conn.execute(query, (site_id,)).fetchall()


def robots_of(conn: sqlite3.Connection, origin: str) -> RobotsFile | None:
    """The remembered robots.txt of a host."""
    query = """select origin, robots_status, robots_body, robots_fetched_at from hosts
               where origin = ? and robots_fetched_at <> ''"""
    row = conn.execute(query, (origin,)).fetchone()
    return RobotsFile(*row) if row else None


def rest_of(conn: sqlite3.Connection, origin: str) -> tuple[str, int]:
    """Until when a host is left alone, and how many rests in a row it has had."""
    row = conn.execute("select rest_until, rests from hosts where origin = ?", (origin,)).fetchone()
    return (row[0], row[1]) if row else ("", 0)


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
