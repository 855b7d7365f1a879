"""What a site's column section is, learned while it is visited: which of a page's links lead to columns and listings.

A listing is followed for what it repeats, its further pages, its archives and categories; a column for the listing
above it and for others of its kind. What stands on every page is navigation. A link of a known column's shape is a
column wherever it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from columnarchive.crawl import link_scoring
from columnarchive.crawl.discovered_url import COLUMNS, LISTINGS, Found
from columnarchive.crawl.link_scoring import STRONG, Group
from columnarchive.crawl.link_statistics import Learned
from columnarchive.urls import Link, PageLinks, directory, in_scope, is_specific, shape

FRONT = re.compile(r"/?(?:index\.(?:html?|php))?")


@dataclass(slots=True)
class Section:
    """Where a site's columns are, as far as its pages have told."""

    hosts: tuple[str, ...]
    start: tuple[str, ...]
    known: Learned = field(default_factory=Learned)
    early: list[tuple[PageLinks, str]] = field(default_factory=list)  # pages seen before navigation could be told
    plain: set[str] = field(default_factory=set)

    def remember(self, urls: Iterable[tuple[str, str]]) -> None:
        """Take in the addresses that are known already, each with its reason."""
        for url, reason in urls:
            self.known.accept(url, reason)

    def may_skim(self, reason: str) -> bool:
        """Whether a page found for this reason need be read for its links only if they lead to something new."""
        return reason in COLUMNS and self.known.is_sampled

    def leads_on(self, targets: Set[str]) -> bool:
        """Whether one of these is new and on this site; buttons to share a page name it to others, each anew."""
        return any(in_scope(target, self.hosts) for target in self.known.unjudged(targets))

    def discover(self, page: PageLinks, reason: str) -> list[Found]:
        """What to visit next because of this page; pages seen before are read again once navigation can be told."""
        role = self._role(page, reason)
        if reason == "start" and role == "column":
            self.known.accept(page.url, "item")
        found = list(self._followed(page, role, reason))
        if reason == "start" and role == "column" and not found and page.kind != "article":
            # Nothing shows where its listing is: perhaps it is one itself, and a very plain one.
            self.known.count(shape(page.url), -1)
            self.plain.add(page.url)
            found = list(self._followed(page, "listing", reason))
        if self.known.is_new(page):
            found += self._sample(page, reason)
        # Before what is found here adds to what is known, which asks for judging all of them anew.
        self.known.judge(page)
        return self._new(found, page.url)

    def recall(self, page: PageLinks, reason: str) -> None:
        """Count in a page that was visited before; a few pages tell what is navigation."""
        was_ripe = self.known.is_ripe
        self.known.sample(page)
        if was_ripe:
            self.early.clear()
        else:
            self.early.append((page, reason))

    def _sample(self, page: PageLinks, reason: str) -> Iterator[Found]:
        """Count a page in; once navigation can be told, read those seen before again."""
        was_ripe = self.known.is_ripe
        self.recall(page, reason)
        if self.known.is_ripe and not was_ripe:
            for earlier, why in self.early:
                yield from self._followed(earlier, self._role(earlier, why), why)
            self.early.clear()

    def _new(self, found: list[Found], own: str) -> list[Found]:
        kept: dict[str, Found] = {}
        for one in found:
            if one.url == own or one.url in kept or self.known.is_flood(one.url):
                continue
            kept[one.url] = one
            self.known.accept(one.url, one.reason)
        return list(kept.values())

    def _role(self, page: PageLinks, reason: str) -> str:
        """Whether a page is read as a listing, a column or the site's front page."""
        if reason in LISTINGS or page.url in self.plain:
            return "listing"
        if reason != "start":
            return "column"
        if FRONT.fullmatch(urlsplit(page.url).path):
            return "front"
        own = shape(page.url)
        if any(link.zone == "pager" and link_scoring.turns_page(link, page) for link in page.links):
            return "listing"
        for group in link_scoring.groups(page):
            targets = {link.url for link in group} - {page.url}
            if len(targets) < 2 or group[0].zone not in ("content", "archive"):
                continue
            siblings = is_specific(own) and sum(shape(url) == own for url in targets) * 2 > len(targets)
            if not siblings and link_scoring.score(group, self.known.is_column_shape, _folders(page)) >= STRONG:
                return "column" if page.kind == "article" and len(targets) < 5 else "listing"
        return "column"

    def _followed(self, page: PageLinks, role: str, reason: str) -> Iterator[Found]:
        if "nofollow" in page.robots or "none" in page.robots:
            return
        inside = [link for link in page.links if self._inside(link) and link.url != page.url]
        page = PageLinks(page.url, tuple(inside), page.canonical, page.next, page.previous, page.up, kind=page.kind)
        if role == "front":
            yield from self._front(page)
            return
        columns = list(self._columns(page, role))
        yield from columns
        if role == "listing":
            # A listing without a single column leads nowhere: calendars and empty archives end here.
            if columns or reason == "start":
                yield from self._turned(page)
                yield from self._archives(page)
                yield from self._lists(page)
            return
        yield from self._neighbours(page)
        if columns:
            # A page of a listing that was taken for a column, or one of a column's own pages.
            turned = (
                link
                for link in page.links
                if link_scoring.is_related(link, page)
                if link_scoring.turns_page(link, page)
            )
            yield from (Found(link.url, "related", page.url) for link in turned)
        if columns or reason in ("start", "item", "probe"):
            yield from self._archives(page)
        if reason == "start":
            yield from self._above(page)

    def _inside(self, link: Link) -> bool:
        return not link.nofollow and in_scope(link.url, self.hosts)

    def _columns(self, page: PageLinks, role: str) -> Iterator[Found]:
        """Items of a listing, and links of a known column's shape anywhere."""
        own = _folders(page)
        weak: list[tuple[int, Group]] = []
        strong = False
        for group in link_scoring.groups(page):
            weight = link_scoring.score(group, self.known.is_column_shape, own)
            taken = weight >= STRONG and (role == "listing" or self._below(group, own))
            strong = strong or (taken and group[0].zone in ("content", "archive", "recent"))
            if not taken and role == "listing" and group[0].zone == "content" and len({link.url for link in group}) > 1:
                weak.append((weight, group))
            for link in group:
                if self.known.is_column_shape(link.url) and not self._is_listing(link, page):
                    yield Found(link.url, "item" if role == "listing" else "related", page.url)
                elif taken and not self._is_listing(link, page) and not self.known.is_shared(link.url):
                    yield Found(link.url, "item", page.url)
        if role != "listing" or not weak:
            return
        weak.sort(key=lambda one: (-one[0], -sum(len(link.text) for link in one[1]) / len(one[1])))
        if self.known.is_ripe:
            for weight, group in weak:
                if weight >= 0:
                    yield from (
                        Found(link.url, "item", page.url)
                        for link in group
                        if not self._is_listing(link, page) and not self.known.is_shared(link.url)
                    )
        elif not strong:
            # Nothing is sure yet: two pages of the likeliest place will tell what is navigation.
            likely = [link for link in weak[0][1] if not self._is_listing(link, page)]
            yield from (Found(link.url, "probe", page.url) for link in likely[:2])

    def _below(self, group: Group, own: tuple[str, ...]) -> bool:
        """Whether a group on a column's page leads to pages below it: the page is a listing of its own."""
        return bool(own) and len(group) > 2 and all(directory(link.url).startswith(own) for link in group)

    def _is_listing(self, link: Link, page: PageLinks) -> bool:
        return bool(
            link_scoring.turns_page(link, page)
            or self._archive_of(link, _folders(page))
            or link_scoring.TAG_PATH.search(link.url)
            or link.zone in ("tags", "share", "crumbs", "pager")
            or link.url in self.start
        )

    def _turned(self, page: PageLinks) -> Iterator[Found]:
        if page.next:
            yield Found(page.next, "pagination", page.url)
        yield from (
            Found(link.url, "pagination", page.url) for link in page.links if link_scoring.turns_page(link, page)
        )

    def _archives(self, page: PageLinks) -> Iterator[Found]:
        own = _folders(page)
        for link in page.links:
            reason = self._archive_of(link, own)
            # In menus only what is sure: a menu called "category" may be one of treatments.
            if reason and not (link.zone == "nav" and reason == "category" and not self.known.is_near(link.url)):
                yield Found(link.url, reason, page.url)

    def _archive_of(self, link: Link, own: tuple[str, ...]) -> Literal["archive", "category", ""]:
        reason = link_scoring.is_archive(link, self.known.folders, own)
        # Calendars link days to columns.
        return "" if reason == "category" and self.known.is_column_shape(link.url) else reason

    def _lists(self, page: PageLinks) -> Iterator[Found]:
        """Lists of more, as `コラム一覧はこちら`, in the content of a listing."""
        for link in page.links:
            if link.zone == "content" and link_scoring.LIST_TEXT.search(link.text) and self.known.is_near(link.url):
                yield Found(link.url, "section", page.url)

    def _neighbours(self, page: PageLinks) -> Iterator[Found]:
        """The column before and the one after."""
        pointed = {page.next, page.previous} - {""}
        pointed |= {link.url for link in page.links if {"next", "prev"} & set(link.rel)}
        own = shape(page.url)
        yield from (Found(url, "related", page.url) for url in pointed if shape(url) == own and url != page.url)

    def _above(self, page: PageLinks) -> Iterator[Found]:
        """The listing that a single column belongs to: the crumb above it, a link that says so, the folder above."""
        folder = directory(page.url.rstrip("/"))
        crumbs = [link for link in page.links if link.zone == "crumbs" and directory(link.url) not in ("/", "")]
        if crumbs:
            yield Found(crumbs[-1].url, "section", page.url)
        if page.up:
            yield Found(page.up, "section", page.url)
        for link in page.links:
            parent = link.url.partition("?")[0].removesuffix("index.html")
            above = directory(link.url) != "/" and page.url.startswith(parent)
            named = link_scoring.SECTION_TEXT.search(link.text) and link_scoring.SECTION_PATH.search(link.url)
            back = link_scoring.LIST_TEXT.search(link.text) and link.zone == "content"
            if above or back or (named and not crumbs and folder in ("/", "")):
                yield Found(link.url, "section", page.url)

    def _front(self, page: PageLinks) -> Iterator[Found]:
        """From a site's front page: what is called a column or blog, or lies where those do; else dated items."""
        named = [
            link for link in page.links
            if link_scoring.SECTION_PATH.search(link.url) and not link_scoring.TAG_PATH.search(link.url)
            and urlsplit(link.url).path.strip("/").count("/") <= 2 and not urlsplit(link.url).query
        ]  # fmt: skip
        columns = [link for link in named if "コラム" in link.text or "column" in link.url.lower()]
        yield from (Found(link.url, "section", page.url) for link in columns or named)
        for group in link_scoring.groups(page):
            if all(link.dated for link in group) and group[0].zone in ("content", "recent"):
                yield from (Found(link.url, "item", page.url) for link in group if is_specific(shape(link.url)))


def _folders(page: PageLinks) -> tuple[str, ...]:
    """The folder that a page stands in, whose pages are its own; none at a site's root."""
    folder = directory(page.url)
    return (folder,) if folder != "/" else ()
