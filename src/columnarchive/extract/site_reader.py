"""A site's captures → readings of its pages, each version judged by the template of its time.

The model of a step from one version of a page to the next is learned from every other page as it stood before the step,
at it, and right after it, counted as one page: in the middle of a redesign both designs are template. Old and new
version are read under that one model. Nothing depends on the order in which pages or captures arrive.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from columnarchive.errors import Containment
from columnarchive.extract.article import Site, is_foreign, judge, own_pictures, read_article, tells_of_move
from columnarchive.extract.change_detection import is_revision, mostly_remains, settle
from columnarchive.extract.listing_detection import Digest, digest, find_listings
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.page_images import design_slots, keys
from columnarchive.extract.pictures import are_others, settled
from columnarchive.extract.response_headers import link_target
from columnarchive.extract.rules import MAX_EVIDENCE_PAGES
from columnarchive.extract.saved_pages import open_page, shared_title_parts
from columnarchive.extract.template import SHARED, Evidence, Template, evidence, unite
from columnarchive.records import (
    Article,
    Block,
    Outcome,
    PageKind,
    PageReadings,
    PageVersions,
    Reading,
    SiteTemplate,
    Version,
)

T = TypeVar("T")
_COMMON_LINES = 20  # of the lines of a template, those on most pages are told
_HELD = 4000  # outlines kept between the two passes; past that, a body is parsed a second time


def read_site(
    pages: Sequence[PageVersions],
    body: Callable[[str], bytes],
    overrides: Mapping[str, PageKind],
    learned: Callable[[SiteTemplate], None] = lambda _: None,
    containment: Containment | None = None,
) -> Iterator[PageReadings]:
    """Read every version of every page of one site, in the order of URLs; a page that never had a body has no readings.

    `body` returns a stored body by its sha256; `overrides` maps the URLs of pages to the kind a user has set.
    In the end `learned` is told the template of the newest versions, if there is one. A version that `containment`
    knows or finds to fail is `unreadable`.
    """
    ordered = sorted((page for page in pages if page.versions), key=lambda page: page.url)
    library = _Library(ordered, body, containment or Containment())
    kinds = _kinds(ordered, library, overrides)
    timeline = _Timeline(ordered, kinds, library)
    done: dict[str, list[Reading]] = {page.url: [] for page in ordered}
    last: dict[str, _Last] = {}
    events = sorted(
        (
            (version.first_at, page.url, number, page)
            for page in ordered
            for number, version in enumerate(page.versions)
        ),
        key=lambda event: event[:3],
    )
    for _, url, number, page in events:
        read = partial(_read, page, number, kinds.get(url), last.get(url), timeline, library)
        reading, state = library.contained(page.versions[number], read, partial(_unreadable, page, number))
        done[url].append(reading)
        if state is not None:
            last[url] = state
    if (newest := timeline.newest()) is not None:
        learned(newest)
    for url in sorted(page.url for page in pages):
        yield PageReadings(url, tuple(done.get(url, ())))


def _no_outline() -> Outline | Outcome:
    return "unreadable"


def _unreadable(page: PageVersions, number: int) -> tuple[Reading, _Last | None]:
    return Reading(page.versions[number], "other", "unreadable", None, False), None


@dataclass(frozen=True, slots=True)
class _Last:
    """The last version of a page that had an article."""

    number: int
    article: Article
    read: Article
    """As it was read, before words already known took the place of its own."""
    flags: tuple[int, ...] | None
    """What the template said of its pieces then: while it says the same, it need not be read again."""


class _Library:
    """Bodies → outlines, each parsed once while memory allows."""

    def __init__(self, pages: Sequence[PageVersions], body: Callable[[str], bytes], containment: Containment) -> None:
        self.known = frozenset(page.url for page in pages)
        self._body = body
        self._containment = containment
        self.places = Places()
        self._held: dict[tuple[str, str], Outline | Outcome] = {}

    def open(self, version: Version) -> Outline | Outcome:
        key = (version.body_sha256, version.content_type)
        if key in self._held:
            return self._held[key]
        opened: Outline | Outcome = self.contained(version, partial(self._opened, version), _no_outline)
        if len(self._held) < _HELD:
            self._held[key] = opened
        return opened

    def _opened(self, version: Version) -> Outline | Outcome:
        return open_page(self._body(version.body_sha256), version.content_type, self.places)

    def contained(self, version: Version, call: Callable[[], T], fallback: Callable[[], T]) -> T:
        """Return `call()`, or `fallback()` for a version that cannot be read."""
        return self._containment.run("read", version.body_sha256, call, fallback)


def _kinds(pages: Sequence[PageVersions], library: _Library, overrides: Mapping[str, PageKind]) -> dict[str, PageKind]:
    """The kind of each page as its versions show it, or as the user says.

    A listing is one in its newest and in its oldest version: a column that became a line of notice among links to
    other columns stays a column with its history.
    """
    newest = {page.url: one for page in pages if (one := _digest(page.url, page.versions[::-1], library))}
    listings = find_listings(newest)
    then = {
        page.url: one for page in pages if page.url in listings if (one := _digest(page.url, page.versions, library))
    }
    if any(then[url] != newest[url] for url in then):
        listings &= find_listings({**newest, **then})
    kinds: dict[str, PageKind] = {}
    for page in pages:
        kinds[page.url] = overrides.get(page.url, "listing" if page.url in listings else "article")
    return kinds


def _digest(url: str, versions: Sequence[Version], library: _Library) -> Digest | None:
    """The first of these versions that can be read and is no wall, condensed."""
    for version in versions:
        found = library.contained(version, partial(_digest_of, url, version, library), lambda: None)
        if found is not None:
            return found
    return None


def _digest_of(url: str, version: Version, library: _Library) -> Digest | None:
    opened = library.open(version)
    if isinstance(opened, Outline) and opened.pieces and judge(opened, None) != "suspect":
        return digest(opened, url)
    return None


class _Timeline:
    """The site's template, moved along time by adding and taking away what changes."""

    def __init__(self, pages: Sequence[PageVersions], kinds: Mapping[str, PageKind], library: _Library) -> None:
        self._library = library
        sample = _sample([page for page in pages if kinds[page.url] != "listing"])
        if len(sample) < 3:
            sample = _sample(pages)
        self._pages = {page.url: page for page in sample}
        self._starts = {page.url: [version.first_at for version in page.versions] for page in sample}
        self._evidence: dict[tuple[str, str], Evidence | None] = {}
        self._current: dict[str, tuple[tuple[int, ...], Evidence]] = {}
        self._template = Template(library.places, len(sample)) if len(sample) > 1 else None
        self._titles = self._shared_titles(pages)
        self._moving = {page.url: page for page in sample if len(page.versions) > 1}
        self._slots = design_slots(
            (first.pictures, last.pictures)
            for page in self._moving.values()
            if (first := self._rows(page, 0)) and (last := self._rows(page, len(page.versions) - 1))
        )
        for page in sample:
            if len(page.versions) == 1:  # stands the same at all times
                self._move(page.url, page, (0,))

    def _shared_titles(self, pages: Sequence[PageVersions]) -> frozenset[str]:
        opened = [self._library.open(version) for page in pages for version in {page.versions[0], page.versions[-1]}]
        return (
            shared_title_parts([page for page in opened if isinstance(page, Outline)])
            if len(pages) > 1
            else frozenset()
        )

    def site(self, page: PageVersions, before: int, number: int) -> Site:
        """What is known of the site for the step of a page from version `before` (-1: none) to `number`."""
        template = self._template
        if template is None:
            return Site(self._library.places, None, self._titles)
        at = page.versions[number].first_at
        since = page.versions[before].last_at if before >= 0 else at
        for url, other in self._moving.items():
            if url == page.url:
                wanted = tuple(sorted({max(before, 0) if before >= 0 else number, number}))
            else:
                wanted = self._around(url, min(since, at), at)
            self._move(url, other, wanted)
        return Site(self._library.places, template, self._titles, self._slots)

    def newest(self) -> SiteTemplate | None:
        """The template as the newest versions have it; the timeline stays there."""
        if self._template is None:
            return None
        for url, page in self._moving.items():
            self._move(url, page, (len(page.versions) - 1,))
        places, lines, common = self._template.summary(_COMMON_LINES)
        at = max(page.versions[-1].first_at for page in self._pages.values())
        return SiteTemplate(len(self._pages), at, places, lines, common)

    def own(self, page: PageVersions, before: int, number: int) -> Evidence | None:
        """Evidence of a page outside the sample, counted in for its own step only."""
        if self._template is None or page.url in self._pages:
            return None
        numbers = {number, before} if before >= 0 else {number}
        found = [rows for one in sorted(numbers) if (rows := self._rows(page, one)) is not None]
        return unite(found, self._library.places)

    def _around(self, url: str, since: str, at: str) -> tuple[int, ...]:
        """Versions of another page: the newest before the step, at it, and the first one after it."""
        starts = self._starts[url]
        then = max(0, bisect_right(starts, since) - 1)
        now = max(0, bisect_right(starts, at) - 1)
        return tuple(sorted({then, now, min(now + 1, len(starts) - 1)}))

    def _rows(self, page: PageVersions, number: int) -> Evidence | None:
        version = page.versions[number]
        key = (version.body_sha256, version.content_type)
        if key not in self._evidence:
            self._evidence[key] = self._library.contained(
                version, lambda: self._learned(version, page.url), lambda: None
            )
        return self._evidence[key]

    def _learned(self, version: Version, url: str) -> Evidence | None:
        opened = self._library.open(version)
        return evidence(opened, self._library.places, version.final_url or url) if isinstance(opened, Outline) else None

    def _move(self, url: str, page: PageVersions, wanted: tuple[int, ...]) -> None:
        current = self._current.get(url)
        if current is not None and current[0] == wanted:
            return
        places = self._library.places
        found = [one for number in wanted if (one := self._rows(page, number)) is not None]
        rows = unite(found or [Evidence(frozenset(), places)], places)
        if self._template is not None and (current is None or current[1] != rows):
            self._template.move(current[1] if current else None, rows)
        self._current[url] = (wanted, rows)


def _sample(pages: Sequence[PageVersions]) -> list[PageVersions]:
    """At most so many pages, chosen by their address alone, so that the choice is the same in every run."""
    if len(pages) <= MAX_EVIDENCE_PAGES:
        return list(pages)
    return sorted(pages, key=lambda page: hashlib.sha256(page.url.encode("utf-8", "replace")).digest())[
        :MAX_EVIDENCE_PAGES
    ]


def _read(
    page: PageVersions, number: int, kind: PageKind | None, last: _Last | None, timeline: _Timeline, library: _Library
) -> tuple[Reading, _Last | None]:
    """The reading of one version, and what later versions are compared with."""
    version = page.versions[number]
    opened = library.open(version)
    if not isinstance(opened, Outline):
        return Reading(version, "other", opened, None, False), None
    canonical = link_target(opened.canonical, opened.base, page.url)
    sent = link_target(opened.refresh, opened.base, page.url) if opened.refresh else ""
    if kind != "article":
        return Reading(version, kind or "other", "ok", None, False, canonical), None
    before = last.number if last is not None else -1
    site = timeline.site(page, before, number)
    own = timeline.own(page, before, number)
    if own is not None and site.template is not None:
        site.template.add(own)
    try:
        flags = site.template.judge(opened) if site.template is not None else None
        read = article = read_article(opened, site, page.url, flags)
        if article is not None and article.pictures:
            article = replace(article, pictures=own_pictures(article, opened, site, page.url))
        old = library.open(page.versions[last.number]) if last is not None else None
        old_flags = site.template.judge(old) if site.template is not None and isinstance(old, Outline) else None
        foreign = flags is not None and old_flags is not None and is_foreign(flags, old_flags)
        familiar = last is not None and article is not None and mostly_remains(last.read, article)
        is_notice = (
            sent not in ("", *library.known) and not foreign and last is not None and not _is_same(sent, page.url)
        )
        if is_notice and article is not None and tells_of_move(article):
            if sent not in article.text:
                read = article = replace(article, blocks=(*article.blocks, Block("paragraph", sent)))
            sent = ""  # to where nothing is fetched from: the notice is all that stands here now
        outcome = judge(opened, article, foreign=foreign, familiar=familiar, sends_on=sent not in ("", page.url))
        if outcome != "ok" and not _is_same(sent, page.url):
            canonical = sent or canonical
        if outcome != "ok" or article is None or read is None:
            return Reading(version, "article" if last else "other", outcome, None, False, canonical), None
        changed = True
        if last is not None and isinstance(old, Outline):
            same = old_flags == last.flags
            old_article = last.read if same else read_article(old, site, page.url, old_flags)
            if old_article is not None:
                shared = _shared_texts(old, old_flags) | _shared_texts(opened, flags)
                changed = is_revision(old_article, article, old, opened, shared)
            if changed:
                article = settle(last.article, article, old, opened)
                changed = article.stated != last.article.stated
            if not changed:  # the words as first read stay; dates and people may be new
                article = replace(article, title=last.article.title, blocks=last.article.blocks)
            if old_article is not None and (old_article.pictures or article.pictures):
                were = own_pictures(old_article, old, site, page.url)
                after = settled(were, article.pictures, keys(old, page.url), keys(opened, page.url))
                changed = changed or are_others(were, after)
                article = replace(article, pictures=after)
        reading = Reading(version, "article", "ok", article, changed, canonical, _frames(opened, page.url))
        return reading, _Last(number, article, read, flags)
    finally:
        if own is not None and site.template is not None:
            site.template.remove(own)


def _frames(page: Outline, url: str) -> tuple[tuple[str, str], ...]:
    """Return the addresses of a page's frames, each with the text before it."""
    return tuple(
        (target, page.pieces[at - 1].key if 0 < at <= len(page.pieces) else "")
        for href, at in page.frames
        if href and (target := link_target(href, page.base, url))
    )


def _is_same(one: str, other: str) -> bool:
    """Return whether two addresses differ in the query alone: walls send to the page itself, with a token."""
    return one.partition("?")[0] == other.partition("?")[0]


def _shared_texts(page: Outline, flags: Sequence[int] | None) -> frozenset[str]:
    """Texts of a page that other pages of its site show too."""
    return frozenset([piece.key for piece, flag in zip(page.pieces, flags or (), strict=False) if flag & SHARED])
