"""What is known of a site while it is visited: what its columns' addresses look like, and what stands on every page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from columnarchive.crawl import link_scoring
from columnarchive.crawl.discovered_url import COLUMNS, LISTINGS
from columnarchive.urls import PageLinks, is_specific, shape

SAMPLE = 6  # pages whose links are counted
RIPE = 3  # of them before navigation can be told by its being everywhere
SHARED = 0.7
MANY_QUERIES = 500
MANY_JUDGED = 4000  # targets remembered as judged; a site's menus, columns and listings are fewer


@dataclass(slots=True)
class Learned:
    """Counts and hashes only: hundreds of sites are crawled at once, and pages have hundreds of links."""

    shapes: Counter[str] = field(default_factory=Counter)  # of columns
    telling: set[str] = field(default_factory=set)  # those that other pages do not have
    folders: set[str] = field(default_factory=set)  # in which columns and listings lie
    sampled: set[str] = field(default_factory=set)
    holding: Counter[int] = field(default_factory=Counter)  # of the sampled pages, by the hash of what they link to
    queries: dict[str, set[int]] = field(default_factory=dict)
    judged: set[int] = field(default_factory=set)

    def accept(self, url: str, reason: str) -> None:
        """Take in an address that is to be visited or was. What is new of columns asks for judging all anew."""
        pattern = shape(url)
        if reason in COLUMNS:
            if not self.shapes[pattern]:
                self.judged.clear()
            self.count(pattern, 1)
        if "?" in pattern:
            self.queries.setdefault(pattern, set()).add(hash(url))
        if reason in COLUMNS or reason in LISTINGS or reason == "start":
            folder = link_scoring.first_folder(url)
            if "/" in folder and folder not in self.folders:
                self.judged.clear()
                self.folders.add(folder)
        self.judged.add(hash(url))  # it is in the queue, wherever else it is linked from

    def count(self, pattern: str, columns: int) -> None:
        """Count columns of a shape, or take some back."""
        self.shapes[pattern] += columns
        if self.shapes[pattern] >= 1 and is_specific(pattern):
            self.telling.add(pattern)
        else:
            self.telling.discard(pattern)

    def is_column_shape(self, url: str) -> bool:
        """Whether columns are known that look like this address, in a way that tells them from other pages."""
        return shape(url) in self.telling

    def is_near(self, url: str) -> bool:
        """Whether an address lies where columns or listings do."""
        return link_scoring.first_folder(url) in self.folders

    def is_flood(self, url: str) -> bool:
        """Whether so many addresses are known that differ in their query alone that this one is one too many."""
        return len(self.queries.get(shape(url), ())) > MANY_QUERIES

    def sample(self, page: PageLinks) -> None:
        """Count what a page links to."""
        self.sampled.add(page.url)
        self.holding.update({hash(link.url) for link in page.links})

    def is_new(self, page: PageLinks) -> bool:
        """Whether a page is one of the first, which are counted."""
        return not self.is_sampled and page.url not in self.sampled

    @property
    def is_sampled(self) -> bool:
        """Whether enough pages were counted."""
        return len(self.sampled) >= SAMPLE

    @property
    def is_ripe(self) -> bool:
        """Whether navigation can be told from the rest."""
        return len(self.sampled) >= RIPE

    def is_shared(self, url: str) -> bool:
        """Whether a target stands on nearly every page seen, whatever their kind: navigation."""
        return self.is_ripe and self.holding[hash(url)] >= SHARED * len(self.sampled)

    def judge(self, page: PageLinks) -> None:
        """Remember that a page's targets have been judged."""
        if len(self.judged) > MANY_JUDGED:
            self.judged.clear()
        self.judged.update(map(hash, page.targets))
        self.judged.update(hash(link.url) for link in page.links)

    def unjudged(self, targets: Set[str]) -> Iterator[str]:
        """Those that were not judged before, by what is known now of where the columns are."""
        return (target for target in targets if hash(target) not in self.judged)
