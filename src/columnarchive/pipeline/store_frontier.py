"""A site's queue in the archive: what the crawler asks of it, over rows, committed in groups."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from columnarchive.crawl.frontier import PRIORITY, DiscoveredUrl, QueuedUrl, SitePlan
from columnarchive.crawl.robots import RobotsFile
from columnarchive.errors import NotFound, StoreError
from columnarchive.records import Capture, Gap
from columnarchive.store import blobs, captures, frontier, hash_chain, sites, tombstones
from columnarchive.store.database import Database
from columnarchive.times import Clock, to_text

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


@dataclass(slots=True)
class SiteFrontier:
    """`columnarchive.crawl.frontier.Frontier` over the archive's tables."""

    group: Group
    site_id: int
    plan: SitePlan
    due: frontier.Due
    days: tuple[float, float]
    ids: dict[str, int] = field(default_factory=dict)
    batch: list[frontier.QueuedPage] = field(default_factory=list)
    waiting: int | None = None

    def next(self) -> QueuedUrl | None:
        """The page to visit now."""
        if not self.batch:
            found = frontier.due_pages(self.group.db.conn, self.site_id, self.due, BATCH)
            self.batch = found[::-1]
        if not self.batch:
            return None
        page = self.batch[-1]
        self.ids = {page.url: page.id}
        return QueuedUrl(page.url, page.reason, page.depth, page.etag, page.last_modified)

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
            frontier.note_visit(self.group.db.conn, page_id, capture, self.due, self.days)
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
        if url in self.ids:
            return self.ids[url]
        known = frontier.page_at(self.group.db.conn, url)
        if known is None:
            priority = PRIORITY.get(visit.reason, 0)
            page = frontier.NewPage(url, "other", visit.reason, visit.url, visit.depth, priority)
            frontier.add_pages(self.group.db.conn, self.site_id, [page])
            known = frontier.page_at(self.group.db.conn, url)
        # A page belongs to the site that knew it first; another site's visit adds nothing to it.
        return known[0] if known and known[1] == self.site_id else None

    def add(self, found: Sequence[DiscoveredUrl], depth: int) -> int:
        """Queue pages; how many were new."""
        if not found:
            return 0
        self.group.begin()
        pages = (
            frontier.NewPage(
                one.url, self.plan.kind_of(one.url) or one.kind, one.reason, one.found_on, depth, PRIORITY[one.reason]
            )
            for one in found
        )
        added = frontier.add_pages(self.group.db.conn, self.site_id, pages)
        if added:
            self._queue_changed()
        return added

    def _queue_changed(self) -> None:
        """Other pages may be wanted more than those taken from the queue."""
        self.batch = []
        self.waiting = None

    def mark_changed(self, url: str, lastmod: str) -> None:
        """A list says when a known page changed last."""
        self.group.begin()
        if frontier.bring_forward(self.group.db.conn, url, lastmod, self.due.now):
            self._queue_changed()

    def known_urls(self) -> list[tuple[str, str]]:
        """Every known address and how it was found."""
        return frontier.known_pages(self.group.db.conn, self.site_id)

    def sample(self, limit: int) -> Iterator[tuple[Capture, str]]:
        """The stored captures of the first pages that were visited, and how the pages were found."""
        for url, reason, sha256, headers in frontier.visited_pages(self.group.db.conn, self.site_id, limit):
            try:
                body = blobs.read(self.group.db, sha256)
            except (NotFound, StoreError):
                continue  # `archive check` reports a damaged body; the crawl can do without it
            yield Capture(url, url, "", 200, captures.headers_of(headers), body, "ok"), reason

    def remaining(self) -> int:
        """How many pages are still to be visited; counted when the queue has changed, and down from there."""
        if self.waiting is None:
            self.waiting = frontier.count_due(self.group.db.conn, self.site_id, self.due)
        return self.waiting

    def is_duplicate(self, capture: Capture) -> bool:
        """Whether an earlier page of this site has the same body."""
        page_id = self.ids.get(capture.url, 0)
        return frontier.has_twin(self.group.db.conn, self.site_id, page_id, capture.body_sha256)

    def is_withdrawn(self, urls: Iterable[str], body: bytes | None = None) -> bool:
        """Whether one of these addresses, or the text of this body, was withdrawn."""
        return tombstones.is_withdrawn(self.group.db.conn, urls, body)

    def robots(self, origin: str) -> RobotsFile | None:
        """A remembered robots.txt."""
        row = frontier.robots_of(self.group.db.conn, origin)
        return RobotsFile(origin, *row) if row else None

    def save_robots(self, file: RobotsFile) -> None:
        """Remember a robots.txt."""
        self.group.begin()
        frontier.keep_robots(self.group.db.conn, file.origin, file.status, file.body, file.fetched_at)

    def backed_off_until(self, origin: str) -> str:
        """Until when a host is to be left alone; empty when it is not."""
        until, _ = frontier.rest_of(self.group.db.conn, origin)
        return until if until > to_text(self.group.clock()) else ""

    def back_off(self, origin: str, seconds: float) -> str:
        """Leave a host alone for so long, or twice as long as the last time; until when."""
        self.group.begin()
        _, rests = frontier.rest_of(self.group.db.conn, origin)
        pause = timedelta(seconds=seconds) if seconds else min(LONGEST_REST, FIRST_REST * 2 ** min(rests, 10))
        until = to_text(self.group.clock() + pause)
        frontier.keep_rest(self.group.db.conn, origin, until, rests + 1)
        return until

    def mark_healthy(self, origin: str) -> None:
        """A host answers properly again."""
        until, rests = frontier.rest_of(self.group.db.conn, origin)
        if until or rests:
            self.group.begin()
            frontier.keep_rest(self.group.db.conn, origin, "", 0)

    def resources(self, urls: Sequence[str], reason: str = "picture") -> list[QueuedUrl]:
        """Return which of these resources are to be fetched now."""
        self.group.begin()
        found = frontier.due_resources(self.group.db.conn, self.site_id, self.due, urls, reason)
        self.ids = {page.url: page.id for page in found}
        return [QueuedUrl(page.url, page.reason, 0, page.etag, page.last_modified) for page in found]

    def save_settings(self, settings: dict[str, object]) -> None:
        """Keep with the site what its settings say of its pages; derivation goes by them too."""
        self.group.begin()
        text = json.dumps(settings, ensure_ascii=False, sort_keys=True)
        frontier.keep_settings(self.group.db.conn, self.site_id, text)

    def save_gaps(self, gaps: Mapping[str, Gap]) -> None:
        """Store the addresses beyond which the crawl could not see."""
        self.group.begin()
        sites.save_gaps(self.group.db.conn, self.site_id, gaps)

    def requeue(self, visit: QueuedUrl) -> None:
        """A visit that was recorded came to nothing through no fault of the page: it counts for the next run again."""
        self.group.begin()
        frontier.put_back(self.group.db.conn, visit.url)
        self._queue_changed()

    def close(self) -> None:
        """The site was crawled to its end: nothing of this run is to be gone on with."""
        self.group.begin()
        frontier.close_run(self.group.db.conn, self.site_id, to_text(self.group.clock()), self.group.crawl)


def open_frontier(group: Group, plan: SitePlan, days: tuple[float, float], everything: bool) -> SiteFrontier:
    """The queue of a site, made known with its start pages; a crawl that was broken off is gone on with."""
    now = to_text(group.clock())
    group.begin()
    conn = group.db.conn
    site_id = sites.ensure_site(group.db, plan.name, now, plan.start[0] if plan.start else "", plan.title)
    frontier.start_pages(conn, site_id, plan.start, PRIORITY["start"])
    run, everything = frontier.open_run(conn, site_id, everything, group.crawl)
    return SiteFrontier(group, site_id, plan, frontier.Due(run, now, everything), days)
