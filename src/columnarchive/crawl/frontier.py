"""What the crawler needs from whoever keeps its queue: one site's pages, robots.txt files and rests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from columnarchive.crawl.discovered_url import Found
from columnarchive.crawl.robots import RobotsFile
from columnarchive.records import Capture, PageKind


@dataclass(frozen=True, slots=True)
class Visit:
    """A page to be visited now: why it is known, how far from the start, and what makes the request conditional."""

    url: str
    reason: str
    depth: int = 0
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class SitePlan:
    """How one site is crawled."""

    name: str
    hosts: tuple[str, ...]
    start: tuple[str, ...]
    delay: float
    max_pages: int
    under: tuple[str, ...] = ()
    canonical: Callable[[str], str] = str
    kind_of: Callable[[str], PageKind | None] = lambda url: None  # noqa: ARG005


class Frontier(Protocol):
    """One site's queue. What is recorded is kept together, or not at all."""

    def next(self) -> Visit | None:
        """The page to visit now; the same one until it is recorded."""

    def record(self, visit: Visit, captures: Sequence[Capture], found: Sequence[Found]) -> None:
        """Keep the captures of a visit (the second one is where a redirect led) and queue what was found."""

    def add(self, found: Sequence[Found], depth: int) -> int:
        """Queue pages; how many were new."""

    def changed(self, url: str, lastmod: str) -> None:
        """A sitemap or feed says when a known page changed last."""

    def known(self) -> list[tuple[str, str]]:
        """Every known address and how it was found."""

    def sample(self, limit: int) -> Iterable[tuple[Capture, str]]:
        """The stored captures of the first pages that were visited, and how the pages were found."""

    def left(self) -> int:
        """How many pages are still to be visited."""

    def is_copy(self, capture: Capture) -> bool:
        """Whether an earlier page of this site has the same body."""

    def is_withdrawn(self, urls: Iterable[str], body: bytes | None = None) -> bool:
        """Whether one of these addresses, or the text of this body, was withdrawn and must not be stored again."""

    def robots(self, origin: str) -> RobotsFile | None:
        """A remembered robots.txt."""

    def keep_robots(self, file: RobotsFile) -> None:
        """Remember a robots.txt."""

    def resting(self, origin: str) -> str:
        """Until when a host is to be left alone; empty when it is not."""

    def rest(self, origin: str, seconds: float) -> str:
        """Leave a host alone for so long, or longer each time it is unwell; until when."""

    def well(self, origin: str) -> None:
        """A host answers properly again."""

    def put_back(self, visit: Visit) -> None:
        """A visit that was recorded came to nothing through no fault of the page: it counts for the next run again."""

    def close(self) -> None:
        """The site has been crawled to its end."""
