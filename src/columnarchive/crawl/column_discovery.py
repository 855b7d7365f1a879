"""Discovery of a site's columns: which of a page's links lead to columns and listings.

Of a listing, its repeated links, further pages, archives and categories are followed; of a column, the listing above
it and others of its kind. Links that every page has are navigation. A link with the shape of known columns is a column
wherever it is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from columnarchive.crawl import link_scoring
from columnarchive.crawl.link_scoring import ACCEPT_SCORE, Group, SiteLinkStatistics
from columnarchive.records import COLUMNS, LISTINGS, DiscoveredUrl
from columnarchive.urls import INDEX_PAGE, Link, PageLinks, directory, in_scope, is_front_page, is_specific, shape

FOLDER = re.compile(r"/(?:index\.(?:html?|php))?$")


@dataclass(slots=True)
class ColumnDiscovery:
    """Where a site's columns are, learned from the pages read so far.

    Attributes:
        pending_pages: pages read before navigation could be recognised; they are read again then.
        pages_forced_to_listing: start pages that look like nothing, read as very plain listings.
        barren_starts: start pages that are no column, or the page of a folder, and led to no column.
        treatments: explanations of treatments that front pages link to, in case they lead to no column.
    """

    hosts: tuple[str, ...]
    start: tuple[str, ...]
    statistics: SiteLinkStatistics = field(default_factory=SiteLinkStatistics)
    pending_pages: list[tuple[PageLinks, str]] = field(default_factory=list)
    pages_forced_to_listing: set[str] = field(default_factory=set)
    barren_starts: list[str] = field(default_factory=list)
    treatments: list[DiscoveredUrl] = field(default_factory=list)

    def add_known_urls(self, urls: Iterable[tuple[str, str]]) -> None:
        """Take in addresses that are known already, each with its reason."""
        for url, reason in urls:
            self.statistics.add_known_url(url, reason)

    def may_skim(self, reason: str) -> bool:
        """Return whether a page found for this reason is read for its links only if they lead to something new."""
        return reason in COLUMNS and self.statistics.is_complete

    def has_new_targets(self, targets: Set[str]) -> bool:
        """Return whether one of these is new and on this site; share buttons differ on each page and lead elsewhere."""
        return any(in_scope(target, self.hosts) for target in self.statistics.unseen(targets))

    def discover(self, page: PageLinks, reason: str) -> list[DiscoveredUrl]:
        """Return what to visit next because of this page; once navigation is recognised, of earlier pages too."""
        role = self._role(page, reason)
        if reason == "start" and role == "column":
            self.statistics.add_known_url(page.url, "item")
        found = list(self._followed(page, role, reason))
        if reason == "start" and role == "column" and not found and page.kind != "article":
            # Nothing shows where its listing is: perhaps it is one itself, and a very plain one.
            self.statistics.count_shape(shape(page.url), -1)
            self.pages_forced_to_listing.add(page.url)
            found = list(self._followed(page, "listing", reason))
        if reason == "start" and not found and (role != "column" or FOLDER.search(urlsplit(page.url).path)):
            self.barren_starts.append(page.url)
        if self.statistics.needs_sample(page):
            found += self._sample(page, reason)
        # Before what is found here adds to what is known, after which all targets are considered again.
        self.statistics.mark_seen(page)
        return self._new(found, page.url)

    def learn_from_visited(self, page: PageLinks, reason: str) -> None:
        """Count the links of a page that was visited before; a few pages show what is navigation."""
        had_enough = self.statistics.has_enough_samples
        self.statistics.count_links(page)
        if had_enough:
            self.pending_pages.clear()
        else:
            self.pending_pages.append((page, reason))

    def _sample(self, page: PageLinks, reason: str) -> Iterator[DiscoveredUrl]:
        """Count the links of a page; when navigation can be recognised by then, read the pending pages again."""
        had_enough = self.statistics.has_enough_samples
        self.learn_from_visited(page, reason)
        if self.statistics.has_enough_samples and not had_enough:
            for earlier, why in self.pending_pages:
                yield from self._followed(earlier, self._role(earlier, why), why)
            self.pending_pages.clear()

    def _new(self, found: list[DiscoveredUrl], own: str) -> list[DiscoveredUrl]:
        new: dict[str, DiscoveredUrl] = {}
        for one in found:
            if one.url == own or one.url in new or self.statistics.is_query_trap(one.url):
                continue
            new[one.url] = one
            self.statistics.add_known_url(one.url, one.reason)
        return list(new.values())

    def _role(self, page: PageLinks, reason: str) -> str:
        """Return whether a page is read as a listing, a column or the site's front page."""
        if reason in LISTINGS or page.url in self.pages_forced_to_listing:
            return "listing"
        if reason != "start":
            return "column"
        if is_front_page(page.url):
            return "front"
        own = shape(page.url)
        if any(link.zone == "pager" and link_scoring.is_pagination_link(link, page) for link in page.links):
            return "listing"
        for group in link_scoring.group_links(page):
            targets = {link.url for link in group} - {page.url}
            if len(targets) < 2 or group[0].zone not in ("content", "archive"):
                continue
            siblings = is_specific(own) and sum(shape(url) == own for url in targets) * 2 > len(targets)
            if (
                not siblings
                and link_scoring.listing_score(group, self.statistics.is_column_shape, _folders(page)) >= ACCEPT_SCORE
            ):
                return "column" if page.kind == "article" and len(targets) < 5 else "listing"
        return "column"

    def _followed(self, page: PageLinks, role: str, reason: str) -> Iterator[DiscoveredUrl]:
        if "nofollow" in page.robots or "none" in page.robots:
            return
        own = INDEX_PAGE.sub("/", page.url)
        names = [link.text for link in page.links if INDEX_PAGE.sub("/", link.url) == own]
        inside = [link for link in page.links if self._inside(link) and link.url != page.url]
        yield from self._frames(page, role)
        page = replace(page, links=tuple(inside))
        if role == "front":
            yield from self._from_homepage(page)
            return
        if role == "column":
            yield from self._further_pages(
                page, reason
            )  # first: an address has the reason for which it was found first
        columns = list(self._columns(page, role))
        yield from columns
        if role == "listing":
            # A listing without a single column leads nowhere: calendars and empty archives end here.
            if columns or reason == "start":
                yield from self._pagination_links(page)
                yield from self._archives(page)
                yield from self._lists(page)
            if reason == "start":
                yield from self._treatments(page, names)
            return
        yield from self._neighbours(page)
        if columns:
            # A page of a listing that was taken for a column, or one of a column's own pages.
            turned = (
                link
                for link in page.links
                if link_scoring.is_same_listing(link, page)
                if link_scoring.is_pagination_link(link, page)
            )
            yield from (DiscoveredUrl(link.url, "related", page.url) for link in turned)
        if columns or reason in ("start", "item", "probe"):
            yield from self._archives(page)
        if reason == "start":
            yield from self._parent_listing(page)

    def _inside(self, link: Link) -> bool:
        return not link.nofollow and in_scope(link.url, self.hosts)

    def _columns(self, page: PageLinks, role: str) -> Iterator[DiscoveredUrl]:
        """Yield the items of a listing, and anywhere the links that have the shape of known columns."""
        own = _folders(page)
        weak: list[tuple[int, Group]] = []
        strong = False
        for group in link_scoring.group_links(page):
            weight = link_scoring.listing_score(group, self.statistics.is_column_shape, own)
            accepted = weight >= ACCEPT_SCORE and (role == "listing" or self._below(group, own))
            strong = strong or (accepted and group[0].zone in ("content", "archive", "recent"))
            if (
                not accepted
                and role == "listing"
                and group[0].zone == "content"
                and len({link.url for link in group}) > 1
            ):
                weak.append((weight, group))
            for link in group:
                if self.statistics.is_column_shape(link.url) and not self._is_listing(link, page):
                    yield DiscoveredUrl(link.url, "item" if role == "listing" else "related", page.url)
                elif accepted and not self._is_listing(link, page) and not self.statistics.is_navigation(link.url):
                    yield DiscoveredUrl(link.url, "item", page.url)
        if role != "listing" or not weak:
            return
        weak.sort(key=lambda one: (-one[0], -sum(len(link.text) for link in one[1]) / len(one[1])))
        if self.statistics.has_enough_samples:
            for weight, group in weak:
                if weight >= 0:
                    yield from (
                        DiscoveredUrl(link.url, "item", page.url)
                        for link in group
                        if not self._is_listing(link, page) and not self.statistics.is_navigation(link.url)
                    )
        elif not strong:
            # Nothing is sure yet: two pages of the likeliest place will show what is navigation.
            likely = [link for link in weak[0][1] if not self._is_listing(link, page)]
            yield from (DiscoveredUrl(link.url, "probe", page.url) for link in likely[:2])

    def _below(self, group: Group, own: tuple[str, ...]) -> bool:
        """Return whether a group on a column's page leads to pages below it: the page is a listing of its own."""
        return bool(own) and len(group) > 2 and all(directory(link.url).startswith(own) for link in group)

    def _is_listing(self, link: Link, page: PageLinks) -> bool:
        return bool(
            link_scoring.is_pagination_link(link, page)
            or self._archive_of(link, _folders(page))
            or link_scoring.TAG_PATH.search(link.url)
            or link.zone in ("tags", "share", "crumbs", "pager")
            or link.url in self.start
        )

    def _pagination_links(self, page: PageLinks) -> Iterator[DiscoveredUrl]:
        if page.next:
            yield DiscoveredUrl(page.next, "pagination", page.url)
        yield from (
            DiscoveredUrl(link.url, "pagination", page.url)
            for link in page.links
            if link_scoring.is_pagination_link(link, page)
        )

    def _archives(self, page: PageLinks) -> Iterator[DiscoveredUrl]:
        own = _folders(page)
        for link in page.links:
            reason = self._archive_of(link, own)
            # In menus only what is sure: a menu called "category" may be one of treatments.
            if reason and not (
                link.zone == "nav" and reason == "category" and not self.statistics.is_in_section(link.url)
            ):
                yield DiscoveredUrl(link.url, reason, page.url)

    def _archive_of(self, link: Link, own: tuple[str, ...]) -> Literal["archive", "category", ""]:
        reason = link_scoring.classify_archive(link, self.statistics.folders, own)
        # Calendars link days to columns.
        return "" if reason == "category" and self.statistics.is_column_shape(link.url) else reason

    def _lists(self, page: PageLinks) -> Iterator[DiscoveredUrl]:
        """Yield links to further lists, such as `コラム一覧はこちら`, in the content of a listing."""
        for link in page.links:
            if (
                link.zone == "content"
                and link_scoring.LIST_TEXT.search(link.text)
                and self.statistics.is_in_section(link.url)
            ):
                yield DiscoveredUrl(link.url, "section", page.url)

    def _neighbours(self, page: PageLinks) -> Iterator[DiscoveredUrl]:
        """Yield the column before and the one after."""
        pointed = {page.next, page.previous} - {""}
        pointed |= {link.url for link in page.links if {"next", "prev"} & set(link.rel)}
        own = shape(page.url)
        yield from (DiscoveredUrl(url, "related", page.url) for url in pointed if shape(url) == own and url != page.url)

    def _further_pages(self, page: PageLinks, reason: str) -> Iterator[DiscoveredUrl]:
        """Yield the further pages of a column that is split over several."""
        turned = [link.url for link in page.links if link.zone in ("content", "pager", "recent")]
        for url in dict.fromkeys((page.next, *turned)):
            if url and link_scoring.is_further_page(url, page.url, own_is_further=reason == "page"):
                yield DiscoveredUrl(url, "page", page.url)

    def _frames(self, page: PageLinks, role: str) -> Iterator[DiscoveredUrl]:
        """Yield the frames of a page: of a listing or front page, each may be the listing; of a column, its text."""
        for url in page.frames:
            if url != page.url and in_scope(url, self.hosts):
                yield DiscoveredUrl(url, "frame" if role == "column" else "section", page.url)

    def _parent_listing(self, page: PageLinks) -> Iterator[DiscoveredUrl]:
        """Yield the listing of a single column: the crumb above it, a link that says so, the folder above."""
        folder = directory(page.url.rstrip("/"))
        crumbs = [link for link in page.links if link.zone == "crumbs" and directory(link.url) not in ("/", "")]
        if crumbs:
            yield DiscoveredUrl(crumbs[-1].url, "section", page.url)
        if page.up:
            yield DiscoveredUrl(page.up, "section", page.url)
        for link in page.links:
            parent = link.url.partition("?")[0].removesuffix("index.html")
            above = directory(link.url) != "/" and page.url.startswith(parent)
            named = link_scoring.SECTION_TEXT.search(link.text) and link_scoring.SECTION_PATH.search(link.url)
            back = link_scoring.LIST_TEXT.search(link.text) and link.zone == "content"
            if above or back or (named and not crumbs and folder in ("/", "")):
                yield DiscoveredUrl(link.url, "section", page.url)

    def _from_homepage(self, page: PageLinks) -> Iterator[DiscoveredUrl]:
        """Yield, from a front page, what is called a column, blog or case, or lies where those do, and dated items."""
        sections = [link for link in page.links if link_scoring.is_section_link(link)]
        yield from (DiscoveredUrl(link.url, "section", page.url) for link in sections)
        for group in link_scoring.group_links(page):
            if all(link.dated for link in group) and group[0].zone in ("content", "recent"):
                yield from (DiscoveredUrl(link.url, "item", page.url) for link in group if is_specific(shape(link.url)))
            explains = group[0].zone == "content" and link_scoring.listing_score(group, lambda _: False, ()) >= 3
            self.treatments += [
                DiscoveredUrl(link.url, "section", page.url)
                for link in group
                if not link_scoring.is_service_link(link)
                if explains
                or link_scoring.TREATMENT_TEXT.search(link.text)
                or (link.headed and link_scoring.MORE.search(link.text))
            ]

    def _treatments(self, page: PageLinks, names: Sequence[str]) -> Iterator[DiscoveredUrl]:
        """Yield, from a start whose name is of treatments, what else the menu says of treatments and their cost."""
        if any(map(link_scoring.TREATMENT_TEXT.search, names)):
            yield from (
                DiscoveredUrl(link.url, "section", page.url)
                for link in page.links
                if link.zone == "nav" and link_scoring.TREATMENT_TEXT.search(link.text)
                if not link_scoring.is_service_link(link)
            )


def _folders(page: PageLinks) -> tuple[str, ...]:
    """Return the folder of a page, whose pages are its own; none at a site's root."""
    folder = directory(page.url)
    return (folder,) if folder != "/" else ()
