"""Discovery by sitemaps, feeds and WordPress' list of posts, of pages that no listing links to."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from columnarchive.config import SitePlan
from columnarchive.content_encoding import SizeLimits
from columnarchive.crawl import link_scoring
from columnarchive.crawl.client import Client, FetchRequest, RedirectCheck
from columnarchive.crawl.column_discovery import ColumnDiscovery
from columnarchive.crawl.frontier import Frontier
from columnarchive.crawl.robots import Rules
from columnarchive.crawl.sitemaps import SitemapEntry, SitemapPage, SitemapParser
from columnarchive.errors import UsageError
from columnarchive.records import COLUMNS, Capture, DiscoveredUrl, Gap, Reason
from columnarchive.urls import (
    PageLinks,
    address,
    directory,
    host_of,
    in_scope,
    is_front_page,
    is_specific,
    resolve,
    shape,
)

SIZES = SizeLimits(wire=50_000_000, decoded=50_000_000, expansion=100)
BROKEN_OFF = ("truncated", "timeout", "too_large", "bad_encoding")  # outcomes with which a part may have come
MAX_FILES = 50
MAX_DEPTH = 5
MAX_FEEDS = 4
USUAL_SECTIONS = ("column", "columns", "blog", "news", "topics")
COLUMN_SHARE = 0.5  # of a file's entries that are known columns, for it to be a list of columns


@dataclass(slots=True)
class SitemapDiscovery:
    """Reads a site's sitemaps and feeds once in a crawl.

    Attributes:
        on_response: called with each capture, for what it says about the health of the host.
        gaps: where files that broke off or were too large, of which only a part was read, are noted.
    """

    client: Client
    plan: SitePlan
    discovery: ColumnDiscovery
    frontier: Frontier
    rules_for: Callable[[str], Awaitable[Rules]]
    check: RedirectCheck
    on_response: Callable[[Capture], Awaitable[None]]
    gaps: dict[str, Gap] = field(default_factory=dict)
    feeds: dict[str, None] = field(default_factory=dict)
    done: bool = False

    def add_feeds(self, page: PageLinks) -> None:
        """Remember the feeds that a page names, and WordPress' list of posts."""
        for feed in page.feeds:
            if in_scope(feed, self.plan.hosts) and len(self.feeds) < MAX_FEEDS * 3:
                self.feeds.setdefault(feed)
        if page.wordpress_api and in_scope(page.wordpress_api, self.plan.hosts):
            # Sites without readable addresses name it by a parameter: /?rest_route=/
            mark = "&" if "?" in page.wordpress_api else "?"
            posts = page.wordpress_api.rstrip("/") + "/wp/v2/posts" + mark
            self.feeds.setdefault(f"{posts}per_page=100&_fields=link,modified_gmt")

    async def run(self) -> bool:
        """Read what has not been read yet; return whether that queued pages."""
        if self.done or not self.plan.start:
            return False
        self.done = True
        origin = address(self.plan.start[0]).origin
        rules = await self.rules_for(origin)
        if not rules.readable:
            return False
        named = [url for url in (_resolve(url, origin) for url in rules.sitemaps) if in_scope(url, self.plan.hosts)]
        added = await self._read_all(named or [f"{origin}/sitemap.xml"], "sitemap")
        added += await self._read_all(list(self.feeds)[:MAX_FEEDS], "feed")
        if not added and not any(why in COLUMNS for _, why in self.frontier.known_urls()):
            added = await self._try_sections(origin, rules)
        return added > 0

    async def _try_sections(self, origin: str, rules: Rules) -> int:
        """Queue what the front page says of treatments when nothing led to a column, or else a section that exists."""
        if not all(map(is_front_page, self.plan.start)):
            return 0
        if added := self.frontier.add(self.plan.accepted(self.discovery.treatments), 1):
            return added
        for name in USUAL_SECTIONS:
            url = f"{origin}/{name}/"
            if in_scope(url, self.plan.hosts, self.plan.under) and rules.allows(url):
                request = FetchRequest(url, delay=max(self.plan.delay, rules.delay), check=self.check, enough=1)
                capture = await self.client.fetch(request)
                await self.on_response(capture)
                if capture.outcome == "ok":
                    return self.frontier.add([DiscoveredUrl(url, "section", f"usual address at {host_of(url)}")], 1)
        return 0

    async def _read_all(self, urls: Sequence[str], reason: Reason) -> int:
        """Read lists and the lists they name, each once, down to a bounded depth; return how many pages were new."""
        waiting = deque((url, 0, False) for url in urls)
        seen: set[str] = set(urls)
        added = 0
        for _ in range(MAX_FILES):
            if not waiting:
                break
            url, depth, lists_columns = waiting.popleft()
            page = await self._fetch(url)
            accepted = (SitemapEntry(self.plan.accepted_url(entry.url), entry.lastmod) for entry in page.entries)
            entries = [entry for entry in accepted if entry.url]
            known = dict(self.frontier.known_urls())
            # The second page of a list of columns holds columns too, though none of them may be known.
            lists_columns = lists_columns or _lists_columns(entries, known)
            added += self._queue(entries, reason, known, lists_columns)
            for below in page.files:
                if depth < MAX_DEPTH and below not in seen and in_scope(below, self.plan.hosts):
                    seen.add(below)
                    waiting.append((below, depth + 1, lists_columns))
        return added

    async def _fetch(self, url: str) -> SitemapPage:
        origin = address(url).origin
        if self.frontier.backed_off_until(origin):
            return SitemapPage()
        rules = await self.rules_for(origin)
        if not rules.allows(url):
            return SitemapPage()
        parsers: list[SitemapParser] = []

        def sink(url: str) -> Callable[[bytes], None]:
            parsers.append(SitemapParser(url))
            return parsers[-1].feed

        delay = max(self.plan.delay, rules.delay)
        request = FetchRequest(url, delay=delay, pages_only=False, check=self.check, sizes=SIZES, sink=sink)
        capture = await self.client.fetch(request)
        await self.on_response(capture)
        arrived = capture.outcome in ("ok", "redirected") and capture.body is not None
        if not parsers or not (arrived or capture.outcome in BROKEN_OFF):
            return SitemapPage()
        page = parsers[-1].close()
        self.gaps.pop(url, None)
        if not arrived or not page.complete:
            self.gaps[url] = "broken_list"
        return SitemapPage(page.entries, (*page.files, *_wordpress_pages(url, capture)), page.complete)

    def _queue(
        self, entries: Sequence[SitemapEntry], reason: Reason, known: Mapping[str, str], lists_columns: bool
    ) -> int:
        """Queue the entries that look like columns, and bring known pages forward that changed."""
        columns = {url for url, why in known.items() if why in COLUMNS}
        shapes = {shape(url) for url in columns}
        # A listing that a script fills links to no column: then what lies below it in these files is all there is.
        below = () if columns else self._start_folders()
        found = []
        for entry in entries:
            if entry.url in known:
                if entry.lastmod:
                    self.frontier.mark_changed(entry.url, entry.lastmod)
            elif (
                self.discovery.statistics.is_column_shape(entry.url)
                or (lists_columns and shape(entry.url) in shapes)
                or (entry.url.startswith(below) and not link_scoring.TAG_PATH.search(entry.url))
                or (not columns and self._is_of_section(entry.url, reason))
            ):
                found.append(DiscoveredUrl(entry.url, reason, f"{reason} of {host_of(entry.url)}"))
        self.discovery.add_known_urls((one.url, one.reason) for one in found)
        return self.frontier.add(found, 1)

    def _start_folders(self) -> tuple[str, ...]:
        """Return the folders of the start addresses, unless they are the site's root."""
        starts = ((address(url).origin, directory(url)) for url in self.plan.start)
        return tuple(origin + folder for origin, folder in starts if folder.strip("/"))

    def _is_of_section(self, url: str, reason: Reason) -> bool:
        """Return whether a page of a site whose front page led to no column is one: feeds list posts, folders tell."""
        if self._start_folders() or not self.plan.start:
            return False
        return is_specific(shape(url)) and (reason == "feed" or link_scoring.is_section_url(url))


def _resolve(url: str, origin: str) -> str:
    """Return an address of robots.txt, which may be relative; empty if it is none."""
    try:
        return resolve(url, f"{origin}/robots.txt")
    except UsageError:
        return ""


def _lists_columns(entries: Sequence[SitemapEntry], known: Mapping[str, str]) -> bool:
    """Return whether a file lists columns: it holds known ones. At a site's root, columns look like any other page."""
    inside = sum(known.get(entry.url) in COLUMNS for entry in entries)
    return inside >= 2 and inside >= COLUMN_SHARE * len(entries)


def _wordpress_pages(url: str, capture: Capture) -> tuple[str, ...]:
    """Return the further pages of WordPress' list of posts, whose number is in a header."""
    total = capture.header("x-wp-totalpages")
    if "&page=" in url or not (total.isascii() and total.isdigit()):
        return ()
    return tuple(f"{url}&page={number}" for number in range(2, min(int(total[:9]), MAX_FILES) + 1))
