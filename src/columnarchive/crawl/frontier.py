"""The frontier of one site: what is to be visited, and what the crawler needs from whoever stores it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from columnarchive.errors import UsageError
from columnarchive.records import Capture, PageKind
from columnarchive.urls import in_scope, trap

if TYPE_CHECKING:  # workers load this module and need no HTTP client
    from columnarchive.crawl.robots import RobotsFile

Reason = Literal[
    "start", "item", "related", "page", "frame", "sitemap", "feed", "pagination", "archive", "category", "section",
    "import", "probe",
]  # fmt: skip
LISTINGS: frozenset[str] = frozenset({"pagination", "archive", "category", "section"})
COLUMNS: frozenset[str] = frozenset({"item", "related", "sitemap", "feed", "probe"})
# What is fetched first: the pages that were asked for, then columns, then what leads to more of them.
PRIORITY: dict[str, int] = {
    "start": 100, "section": 90, "probe": 85, "page": 75, "frame": 72, "item": 70, "pagination": 60, "related": 55,
    "feed": 50, "archive": 45, "category": 45, "sitemap": 40, "import": 10,
}  # fmt: skip
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
INDEX = re.compile(r"/index\.(?:html?|php)$", re.I)


@dataclass(frozen=True, slots=True)
class DiscoveredUrl:
    """An address worth visiting, and why."""

    url: str
    reason: Reason
    found_on: str

    @property
    def kind(self) -> PageKind:
        """What the page is taken for until it has been read."""
        return "listing" if self.reason in LISTINGS else "article"


@dataclass(frozen=True, slots=True)
class QueuedUrl:
    """A page to be visited now: why it is known, how far from the start, and what makes the request conditional."""

    url: str
    reason: str
    depth: int = 0
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class SitePlan:
    """How one site is crawled.

    Attributes:
        hosts: its hosts, with their ports; links and redirects to others are not followed.
        start: the addresses that were asked for.
        delay: seconds between requests.
        max_pages: how many pages one run visits.
        render: whether each page is drawn in a browser, and not only those that a script draws.
        under: paths to which the crawl is limited; none for the whole site.
        canonical: the form of an address under which its page is known.
        kind_of: what the settings say a page is, or None.
        title: the name by which people know the site.
    """

    name: str
    hosts: tuple[str, ...]
    start: tuple[str, ...]
    delay: float
    max_pages: int
    under: tuple[str, ...] = ()
    render: bool = False
    canonical: Callable[[str], str] = str
    kind_of: Callable[[str], PageKind | None] = lambda url: None  # noqa: ARG005
    title: str = ""

    def accepted(self, found: Iterable[DiscoveredUrl]) -> list[DiscoveredUrl]:
        """Return what settings and traps leave of the addresses found, in canonical form."""
        remaining: dict[str, DiscoveredUrl] = {}
        for one in found:
            if url := self.accepted_url(one.url):
                remaining.setdefault(url, replace(one, url=url))
        return list(remaining.values())

    def accepted_url(self, url: str) -> str:
        """Return the canonical form of an address; empty for one that is not to be visited."""
        try:
            url = self.canonical(url)
        except UsageError:
            return ""
        refused = trap(url) or not in_scope(url, self.hosts, self.under) or self.kind_of(url) == "other"
        return "" if refused else url


class UrlDeduplicator:
    """A site's canonical form, and of the spellings of one address the one met first.

    They differ by their percent-encoding, or by the name of a folder's index page. The first stays as written, since
    servers may distinguish them, but a page is not to be fetched under two of them.

    >>> canonical = UrlDeduplicator(str)
    >>> canonical("http://a.example/%e8%86%9D/"), canonical("http://a.example/%E8%86%9d/index.html")
    ('http://a.example/%e8%86%9D/', 'http://a.example/%e8%86%9D/')
    """

    def __init__(self, canonical: Callable[[str], str]) -> None:
        self._canonical = canonical
        self._first: dict[str, str] = {}

    def __call__(self, url: str) -> str:
        """Return the address under which a page is known."""
        url = self._canonical(url)
        if "%" not in url and not url.endswith("/") and "/index." not in url:
            return url
        return self._first.setdefault(INDEX.sub("/", ESCAPE.sub(_normalized, url)), url)


def _normalized(escape: re.Match[str]) -> str:
    """Return an escape as RFC 3986 (6.2.2) writes it."""
    sign = chr(int(escape[1], 16))
    return sign if sign.isascii() and (sign.isalnum() or sign in "-._~") else escape[0].upper()


class Frontier(Protocol):
    """One site's queue. What is recorded is kept together, or not at all."""

    def next(self) -> QueuedUrl | None:
        """Return the page to visit now; the same one until it is recorded."""

    def record(self, visit: QueuedUrl, captures: Sequence[Capture], found: Sequence[DiscoveredUrl]) -> None:
        """Store the captures of a visit (the second one is where a redirect led) and queue what was found."""

    def requeue(self, visit: QueuedUrl) -> None:
        """Undo `record`: the page failed because of its host, and is visited again in the next run."""

    def resources(self, urls: Sequence[str]) -> list[QueuedUrl]:
        """Make files that are no pages known; return those that are to be fetched or stored now."""

    def add(self, found: Sequence[DiscoveredUrl], depth: int) -> int:
        """Queue pages; return how many were new."""

    def mark_changed(self, url: str, lastmod: str) -> None:
        """Bring a known page forward: a sitemap or feed says that it changed."""

    def known_urls(self) -> list[tuple[str, str]]:
        """Return every known address and how it was found."""

    def sample(self, limit: int) -> Iterable[tuple[Capture, str]]:
        """Return the stored captures of the first pages that were visited, and how the pages were found."""

    def remaining(self) -> int:
        """Return how many pages are still to be visited."""

    def is_duplicate(self, capture: Capture) -> bool:
        """Return whether an earlier page of this site has the same body."""

    def is_withdrawn(self, urls: Iterable[str], body: bytes | None = None) -> bool:
        """Return whether one of these addresses, or the text of this body, was withdrawn: it must not be stored."""

    def robots(self, origin: str) -> RobotsFile | None:
        """Return a stored robots.txt."""

    def save_robots(self, file: RobotsFile) -> None:
        """Store a robots.txt."""

    def backed_off_until(self, origin: str) -> str:
        """Return until when a host is left alone; empty when it is not."""

    def back_off(self, origin: str, seconds: float) -> str:
        """Leave a host alone for so long, or with 0 longer each time; return until when."""

    def mark_healthy(self, origin: str) -> None:
        """Forget that a host was left alone: it answers properly again."""

    def close(self) -> None:
        """End the run: the site has been crawled to its end."""
