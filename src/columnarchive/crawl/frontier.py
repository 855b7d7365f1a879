"""What the crawler of a site needs from whoever runs it: a queue that is stored, and a reader of links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from columnarchive.records import Capture, DiscoveredUrl, QueuedUrl, RobotsFile
from columnarchive.urls import PageLinks

ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
INDEX = re.compile(r"/index\.(?:html?|php)$", re.I)


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


class LinkReader(Protocol):
    """Reads the links of a captured page outside the event loop, which never parses HTML."""

    async def __call__(self, capture: Capture, *, skim: bool = False) -> PageLinks | None:
        """Return the links of a page, or None when it has no body.

        With `skim`, `links` may be left empty and only the head and `targets` be read, which is much cheaper.
        """
