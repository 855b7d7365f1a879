"""Pages that no listing links to: from sitemaps, feeds and WordPress' own list, if they look like known columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from columnarchive.crawl import link_scoring
from columnarchive.crawl.client import Ask, Client, HopCheck
from columnarchive.crawl.column_discovery import Section
from columnarchive.crawl.content_encoding import Caps
from columnarchive.crawl.discovered_url import COLUMNS, Found, Reason
from columnarchive.crawl.frontier import Frontier, SitePlan
from columnarchive.crawl.robots import Rules
from columnarchive.crawl.sitemaps import SitemapEntry, SitemapPage, SitemapParser
from columnarchive.errors import UsageError
from columnarchive.records import Capture
from columnarchive.urls import PageLinks, address, directory, host_of, in_scope, resolve, shape, trap

CAPS = Caps(wire=50_000_000, decoded=50_000_000, expansion=100)
MAX_FILES = 50
MAX_DEPTH = 5
MAX_FEEDS = 4
TAKEN_WHOLE = 0.5  # a file of which this share of our columns is in is a list of columns


@dataclass(slots=True)
class Expansion:
    """Reads a site's sitemaps and feeds once in a crawl; `judge` is told each answer, for what it says of the host."""

    client: Client
    plan: SitePlan
    section: Section
    frontier: Frontier
    rules_for: Callable[[str], Awaitable[Rules]]
    check: HopCheck
    judge: Callable[[Capture], Awaitable[None]]
    feeds: dict[str, None] = field(default_factory=dict)
    done: bool = False

    def offer(self, page: PageLinks) -> None:
        """Take note of the feeds a page names, and of WordPress' list of posts."""
        for feed in page.feeds:
            if in_scope(feed, self.plan.hosts) and len(self.feeds) < MAX_FEEDS * 3:
                self.feeds.setdefault(feed)
        if page.wordpress_api and in_scope(page.wordpress_api, self.plan.hosts):
            # Sites without readable addresses name it by a parameter: /?rest_route=/
            mark = "&" if "?" in page.wordpress_api else "?"
            posts = page.wordpress_api.rstrip("/") + "/wp/v2/posts" + mark
            self.feeds.setdefault(f"{posts}per_page=100&_fields=link,modified_gmt")

    async def run(self) -> bool:
        """Read what has not been read yet; whether that put pages into the queue."""
        if self.done or not self.plan.start:
            return False
        self.done = True
        rules = await self.rules_for(address(self.plan.start[0]).origin)
        if not rules.readable:
            return False
        origin = address(self.plan.start[0]).origin
        named = [url for url in map(self._resolved(origin), rules.sitemaps) if in_scope(url, self.plan.hosts)]
        maps = named or [f"{origin}/sitemap.xml"]
        added = await self._read_all(maps, "sitemap")
        return await self._read_all(list(self.feeds)[:MAX_FEEDS], "feed") + added > 0

    def _resolved(self, origin: str) -> Callable[[str], str]:
        """Addresses in robots.txt may be relative; what is none is no sitemap."""

        def resolved(url: str) -> str:
            try:
                return resolve(url, f"{origin}/robots.txt")
            except UsageError:
                return ""

        return resolved

    async def _read_all(self, urls: Sequence[str], reason: Reason) -> int:
        """Read lists and the lists they name, each once, down to a bounded depth."""
        waiting = deque((url, 0, False) for url in urls)
        seen: set[str] = set(urls)
        added = 0
        for _ in range(MAX_FILES):
            if not waiting:
                break
            url, depth, goes_on = waiting.popleft()
            listing = await self._fetch(url)
            own = [entry for entry in map(self._own, listing.entries) if entry is not None]
            known = dict(self.frontier.known())
            # The second page of a list of columns holds columns too, though we may know none of them.
            whole = goes_on or _is_of_columns(own, known)
            added += self._take(own, reason, known, whole)
            for below in listing.files:
                if depth < MAX_DEPTH and below not in seen and in_scope(below, self.plan.hosts):
                    seen.add(below)
                    waiting.append((below, depth + 1, whole))
        return added

    async def _fetch(self, url: str) -> SitemapPage:
        origin = address(url).origin
        if self.frontier.resting(origin):
            return SitemapPage()
        rules = await self.rules_for(origin)
        if not rules.allows(url):
            return SitemapPage()
        delay = max(self.plan.delay, rules.delay)
        readers: list[SitemapParser] = []

        def begin(url: str) -> Callable[[bytes], None]:
            readers.append(SitemapParser(url))
            return readers[-1].feed

        ask = Ask(url, delay=delay, pages_only=False, check=self.check, caps=CAPS, into=begin)
        capture = await self.client.fetch(ask)
        await self.judge(capture)
        if capture.outcome not in ("ok", "redirected") or capture.body is None:
            return SitemapPage()
        listing = readers[-1].close()
        return SitemapPage(listing.entries, (*listing.files, *_further(url, capture)))

    def _take(self, own: Sequence[SitemapEntry], reason: Reason, known: Mapping[str, str], whole: bool) -> int:
        """Queue the entries that look like columns; tell the queue when known pages changed."""
        columns = {url for url, why in known.items() if why in COLUMNS}
        shapes = {shape(url) for url in columns}
        # A listing that a script fills links to no column: then what lies below it in these files is all there is.
        below = () if columns else self._folders()
        found = []
        for entry in own:
            if entry.url in known:
                if entry.lastmod:
                    self.frontier.changed(entry.url, entry.lastmod)
            elif (
                self.section.known.is_column_shape(entry.url)
                or (whole and shape(entry.url) in shapes)
                or (entry.url.startswith(below) and not link_scoring.TAG_PATH.search(entry.url))
            ):
                found.append(Found(entry.url, reason, f"{reason} of {host_of(entry.url)}"))
        self.section.remember((one.url, one.reason) for one in found)
        return self.frontier.add(found, 1)

    def _folders(self) -> tuple[str, ...]:
        """The folders of the start addresses, but for a site's whole."""
        starts = ((address(url).origin, directory(url)) for url in self.plan.start)
        return tuple(origin + folder for origin, folder in starts if folder.strip("/"))

    def _own(self, entry: SitemapEntry) -> SitemapEntry | None:
        try:
            url = self.plan.canonical(entry.url)
        except UsageError:
            return None
        if not in_scope(url, self.plan.hosts, self.plan.under) or trap(url) or self.plan.kind_of(url) == "other":
            return None
        return SitemapEntry(url, entry.lastmod)


def _is_of_columns(own: Sequence[SitemapEntry], known: Mapping[str, str]) -> bool:
    """Whether a file lists columns: it holds ours. Columns at the site's root look like any page there."""
    inside = sum(known.get(entry.url) in COLUMNS for entry in own)
    return inside >= 2 and inside >= TAKEN_WHOLE * len(own)


def _further(url: str, capture: Capture) -> tuple[str, ...]:
    """The further pages of WordPress' list of posts, which tells how many there are in a header line."""
    said = capture.header("x-wp-totalpages")
    if "&page=" in url or not (said.isascii() and said.isdigit()):
        return ()
    return tuple(f"{url}&page={number}" for number in range(2, min(int(said[:9]), MAX_FILES) + 1))
