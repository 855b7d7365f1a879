"""Link statistics of a site: what its columns' addresses look like, and what every page links to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from columnarchive.crawl import link_scoring
from columnarchive.crawl.frontier import COLUMNS, LISTINGS
from columnarchive.urls import PageLinks, is_specific, shape

SAMPLE = 6  # pages whose links are counted
ENOUGH = 3  # pages after which links that are on all of them count as navigation
NAVIGATION_SHARE = 0.7
MAX_QUERIES = 500
MAX_SEEN = 4000  # targets; a site's menus, columns and listings have fewer


@dataclass(slots=True)
class SiteLinkStatistics:
    """Counts and hashes of links, small enough for many sites at once.

    Attributes:
        shapes: of columns, with how many have them.
        distinctive_shapes: those that other pages do not have.
        folders: first folders in which columns and listings lie.
        sampled: pages whose links were counted.
        pages_linking: how many of them link to a target, by its hash.
        queries: addresses by shape that differ in their query, as hashes.
        seen_targets: hashes of targets that were considered with what is known now.
    """

    shapes: Counter[str] = field(default_factory=Counter)
    distinctive_shapes: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    sampled: set[str] = field(default_factory=set)
    pages_linking: Counter[int] = field(default_factory=Counter)
    queries: dict[str, set[int]] = field(default_factory=dict)
    seen_targets: set[int] = field(default_factory=set)

    def add_known_url(self, url: str, reason: str) -> None:
        """Take in a known address. If it shows something new about columns, all targets are to be considered again."""
        pattern = shape(url)
        if reason in COLUMNS:
            if not self.shapes[pattern]:
                self.seen_targets.clear()
            self.count_shape(pattern, 1)
        if "?" in pattern:
            self.queries.setdefault(pattern, set()).add(hash(url))
        if reason in COLUMNS or reason in LISTINGS or reason == "start":
            folder = link_scoring.first_folder(url)
            if "/" in folder and folder not in self.folders:
                self.seen_targets.clear()
                self.folders.add(folder)
        self.seen_targets.add(hash(url))  # it is in the queue, wherever else it is linked from

    def count_shape(self, pattern: str, columns: int) -> None:
        """Add columns of a shape, or with a negative number remove some."""
        self.shapes[pattern] += columns
        if self.shapes[pattern] >= 1 and is_specific(pattern):
            self.distinctive_shapes.add(pattern)
        else:
            self.distinctive_shapes.discard(pattern)

    def is_column_shape(self, url: str) -> bool:
        """Return whether known columns have the shape of this address, and other pages do not."""
        return shape(url) in self.distinctive_shapes

    def is_in_section(self, url: str) -> bool:
        """Return whether an address lies where columns or listings do."""
        return link_scoring.first_folder(url) in self.folders

    def is_query_trap(self, url: str) -> bool:
        """Return whether too many addresses are known that differ from this one in their query alone."""
        return len(self.queries.get(shape(url), ())) > MAX_QUERIES

    def count_links(self, page: PageLinks) -> None:
        """Count what a page links to."""
        self.sampled.add(page.url)
        self.pages_linking.update({hash(link.url) for link in page.links})

    def needs_sample(self, page: PageLinks) -> bool:
        """Return whether a page is one of the first, whose links are counted."""
        return not self.is_complete and page.url not in self.sampled

    @property
    def is_complete(self) -> bool:
        """Whether enough pages were counted."""
        return len(self.sampled) >= SAMPLE

    @property
    def has_enough_samples(self) -> bool:
        """Whether navigation can be recognised."""
        return len(self.sampled) >= ENOUGH

    def is_navigation(self, url: str) -> bool:
        """Return whether nearly every sampled page links to a target, whatever its kind."""
        return self.has_enough_samples and self.pages_linking[hash(url)] >= NAVIGATION_SHARE * len(self.sampled)

    def mark_seen(self, page: PageLinks) -> None:
        """Remember that a page's targets have been considered."""
        if len(self.seen_targets) > MAX_SEEN:
            self.seen_targets.clear()
        self.seen_targets.update(map(hash, page.targets))
        self.seen_targets.update(hash(link.url) for link in page.links)

    def unseen(self, targets: Set[str]) -> Iterator[str]:
        """Return the targets that were not considered with what is known now."""
        return (target for target in targets if hash(target) not in self.seen_targets)
