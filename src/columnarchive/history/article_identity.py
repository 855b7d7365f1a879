"""Which visits are one version of a page, which pages are one article, and which version of its pictures it shows.

A picture that is exchanged under its address is another picture: readings of an article are joined with its captures.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from urllib.parse import urlsplit

from columnarchive.crawl.link_scoring import MAX_TEXT_PAGES, split_page_number
from columnarchive.diff.pictures import NOTHING_READ, PictureReadings
from columnarchive.records import (
    Article,
    Block,
    PageReadings,
    PageVersions,
    PageVisits,
    Picture,
    Reading,
    Version,
    picture_key,
)
from columnarchive.urls import page_key, site_key

BODY_OUTCOMES = ("ok", "unchanged", "redirected", "suspect", "no_article", "needs_javascript")
SAME_COLUMN = 0.3  # share of lines that a page which moved keeps; less is another page at the new address


def versions(page: PageVisits) -> PageVersions:
    """The runs of one body in a page's visits; visits without a body neither end nor extend a run."""
    found: list[Version] = []
    for visit in page.visits:
        if visit.outcome not in BODY_OUTCOMES or not visit.body_sha256:
            continue
        last = found[-1] if found else None
        if last and (last.body_sha256, last.final_url) == (visit.body_sha256, visit.final_url):
            found[-1] = replace(last, last_at=visit.at)
        else:
            found.append(Version(visit.body_sha256, visit.at, visit.at, visit.content_type, visit.final_url))
    return PageVersions(page.url, tuple(found))


def group(pages: Sequence[PageVisits], readings: Mapping[str, PageReadings]) -> dict[str, list[PageVisits]]:
    """Pages by the address of the article that they are: their own, the one they moved to, or their canonical one.

    Addresses that differ in their scheme or `www.` alone are one page, known by the one that was seen last.
    """
    articles = {
        page.url: [reading.article for reading in own_readings(readings[page.url]) if reading.article] for page in pages
    }
    continued = framed_pages(pages, readings, articles) | further_pages(articles)
    newest: dict[str, PageVisits] = {}
    for page in pages:
        own = newest.get(page_key(page.url))
        if articles[page.url] and (own is None or _last_seen(page) > _last_seen(own)):
            newest[page_key(page.url)] = page
    target: dict[str, str] = {}
    for page in pages:
        if articles[page.url]:
            found = continued.get(page.url) or _address(page, readings[page.url], articles, newest)
            target[page.url] = newest[page_key(page.url)].url if found == page.url else found
    groups: dict[str, list[PageVisits]] = defaultdict(list)
    for page in pages:
        if page.url in target:
            groups[_follow(page.url, target)].append(page)
    return groups


def _last_seen(page: PageVisits) -> tuple[str, str]:
    """When a page was last shown; of two shown at once, the later in the alphabet, which is https, counts as later."""
    return max((visit.at for visit in page.visits if visit.body_sha256), default=""), page.url


def _follow(url: str, target: Mapping[str, str]) -> str:
    seen = {url}
    while (after := target.get(url, url)) not in seen:
        seen.add(after)
        url = after
    return url


def _address(
    page: PageVisits,
    read: PageReadings,
    articles: Mapping[str, list[Article]],
    newest: Mapping[str, PageVisits],
) -> str:
    """Return where a page's article is: a canonical link counts only if its target was fetched and has this text."""
    host = site_key(urlsplit(page.url).netloc)
    last = own_readings(read)[-1]
    notice = read.readings[-1] if read.readings[-1].article is None else None
    for named in (notice.canonical if notice else "", last.canonical, last.version.final_url, moved_to(page)):
        twin = newest.get(page_key(named)) if named not in articles else None
        wanted = twin.url if twin else named
        if not wanted or wanted == page.url or site_key(urlsplit(wanted).netloc) != host or last.article is None:
            continue
        known = articles.get(wanted)
        was_fetched = wanted == last.version.final_url and notice is None  # the text came from there
        if (known is None and was_fetched) or (known and _shares_text(known, last.article, named == moved_to(page))):
            return wanted
    return page.url


def moved_to(page: PageVisits) -> str:
    """Return where a page's last visit was sent, if the capture lacks the text there, as in WARC files."""
    last = next((visit for visit in reversed(page.visits) if visit.outcome in ("redirected", *BODY_OUTCOMES)), None)
    return last.final_url if last and last.outcome == "redirected" and not last.body_sha256 else ""


def _shares_text(known: Sequence[Article], own: Article, has_moved: bool) -> bool:
    """Whether an address has a page's text; one that the page moved to may have changed it since."""
    return any(alike(one, own) >= SAME_COLUMN for one in (known if has_moved else known[-1:]))


def own_readings(page: PageReadings) -> list[Reading]:
    """The readings in which a page showed its own article: not those in which it sent visitors to another text.

    A clinic that takes a column away often redirects its address to the top page; that is a page gone, not an edit.
    """
    found: list[Reading] = []
    for reading in page.readings:
        if reading.article is None:
            continue
        elsewhere = reading.version.final_url not in ("", page.url)
        own = found[-1].article if found else None
        if not (elsewhere and own is not None and alike(own, reading.article) < SAME_COLUMN):
            found.append(reading)
    return found


def alike(one: Article, other: Article) -> float:
    first, second = set(one.text.split("\n")), set(other.text.split("\n"))
    return len(first & second) / max(1, min(len(first), len(second)))


PAGE_MARK = re.compile(
    r"[\s\-–—|:・(\[]*(?:(?:page|ページ|頁|p\.?|第)\s*\d+|\d+\s*(?:/\s*\d+|ページ|頁))[\sページ頁目)\]]*$"
)
"""The page number at the end of a title, in NFKC and lower case."""


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """A reading that has an article, and the page it came from."""

    page: PageVisits
    reading: Reading
    article: Article


def further_pages(articles: Mapping[str, Sequence[Article]]) -> dict[str, str]:
    """Return the pages that continue an article, each with the address of its first page.

    Such a page has the address of the first one with a page number added, and its title.
    """
    first = {_text_address(url): url for url, found in articles.items() if found}
    continued: dict[str, str] = {}
    for url, found in articles.items():
        text, number = split_page_number(url)
        base = first.get(text, "")
        if found and base and base != url and 2 <= number <= MAX_TEXT_PAGES:
            title = _bare_title(found[-1].title)
            if title and title in {_bare_title(one.title) for one in articles[base]}:
                continued[url] = base
    return {url: base for url, base in continued.items() if base not in continued}


def framed_pages(
    pages: Sequence[PageVisits], readings: Mapping[str, PageReadings], articles: Mapping[str, Sequence[Article]]
) -> dict[str, str]:
    """Return the pages that one other page alone frames, each with the address of that page."""
    framing: dict[str, set[str]] = defaultdict(set)
    for page in pages:
        if articles[page.url]:
            for url, _ in own_readings(readings[page.url])[-1].frames:
                framing[url].add(page.url)
    framed = {url: min(around) for url, around in framing.items() if len(around) == 1 and articles.get(url)}
    return {url: around for url, around in framed.items() if around != url and around not in framed}


def _text_address(url: str) -> str:
    """Return a page's own address in the form that `split_page_number` gives for its further pages."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path.rstrip('/')}?{parts.query}"


def _bare_title(title: str) -> str:
    """Return a title without page number, and without the site's name after a bar, for comparison."""
    head = unicodedata.normalize("NFKC", title).lower().partition("|")[0]
    return "".join(PAGE_MARK.sub("", head).split())


def merge_pages(parts: Sequence[Sequence[ReadArticle]], ends: Sequence[str]) -> list[ReadArticle]:
    """Merge the readings of an article's pages, in order of the pages, to readings of the whole article.

    Each new version of a page gives one reading: its text in place, and the other pages as they were then. A page that
    was first seen before the first one was visited again counts from the start; one that came later is an addition.
    `ends` are the times since when a page is gone, empty for one that is there.
    """
    again = _second_visit(parts[0][0].page)
    starts = [[one.reading.version.first_at for one in part] for part in parts]
    begins = [starts[0][0] if not again or own[0] < again else own[0] for own in starts]
    events = sorted(
        {(max(at, begins[number]), number) for number, own in enumerate(starts) for at in own}
        | {(end, number) for number, end in enumerate(ends) if end}
    )
    merged: list[ReadArticle] = []
    for position, (at, number) in enumerate(events):
        current = {
            other: part[max(0, bisect_right(starts[other], at) - 1)]
            for other, part in enumerate(parts)
            if begins[other] <= at and not (other and ends[other] and ends[other] <= at)
        }
        one = current.get(number, current[0])
        if position + 1 < len(events):
            changing = events[position + 1][1]
            last_at = (current.get(changing) or one).reading.version.last_at
        else:
            last_at = max(each.reading.version.last_at for each in current.values())
        first = current[0].article
        blocks: tuple[Block, ...] = ()
        pictures: tuple[Picture, ...] = ()
        for each in current.values():
            own = _without_repeated_title(each.article, first)
            place = len(blocks)
            for url, before in current[0].reading.frames:
                if url == each.page.url:
                    own = (Block("heading", each.article.title, 2), *own) if each.article.title != first.title else own
                    place = _place_after(before, blocks)
            moved = (replace(one, position=one.position + len(own) * (one.position > place)) for one in pictures)
            pictures = (*moved, *(replace(one, position=place + one.position) for one in each.article.pictures))
            blocks = (*blocks[:place], *own, *blocks[place:])
        article = replace(first, blocks=blocks, pictures=pictures)
        version = replace(one.reading.version, first_at=at, last_at=max(at, last_at))
        reading = replace(one.reading, version=version, article=article, is_revision=True)
        merged.append(ReadArticle(one.page, reading, article))
    return merged


def _place_after(text: str, blocks: Sequence[Block]) -> int:
    """Return the number of blocks up to the one that ends with a text; all of them where none does."""
    ends = (number for number, block in enumerate(blocks, 1) if text and "".join(block.text.split()).endswith(text))
    return next(ends, len(blocks))


def _without_repeated_title(article: Article, first: Article) -> tuple[Block, ...]:
    """Return the blocks of a page; a further page begins with the title of the article again."""
    blocks = article.blocks
    repeats = article is not first and blocks[:1] and _bare_title(blocks[0].text) == _bare_title(first.title)
    return blocks[1:] if repeats else blocks


def _second_visit(page: PageVisits) -> str:
    times = sorted({visit.at for visit in page.visits})
    return times[1] if len(times) > 1 else ""


_NEVER = "~"


@dataclass(frozen=True, slots=True)
class PictureVersions:
    """The versions of each picture by what its addresses share, and what is known of their bytes."""

    of: Mapping[str, Sequence[Version]] = field(default_factory=dict)
    readings: PictureReadings = NOTHING_READ

    @classmethod
    def of_pages(cls, pages: Iterable[PageVersions], readings: PictureReadings) -> PictureVersions:
        """Join the versions of pictures that have several addresses."""
        found: dict[str, list[Version]] = {}
        for page in pages:
            found.setdefault(picture_key(page.url), []).extend(page.versions)
        return cls({key: sorted(own, key=lambda one: one.first_at) for key, own in found.items()}, readings)

    def texts_in(self, pictures: Sequence[Picture]) -> list[str]:
        """Return what a machine read in these pictures."""
        return [text for one in pictures if (text := self.readings.texts.get(one.sha256, ""))]


def with_bytes(seen: Sequence[ReadArticle], files: PictureVersions) -> list[ReadArticle]:
    """Add the digests of pictures to readings, and a reading for each time at which a picture became another one.

    A picture that changed in the visit in which its page did is part of that step.
    """
    if not files.of:
        return list(seen)
    found: list[ReadArticle] = []
    for number, one in enumerate(seen):
        start = one.reading.version.first_at
        end = seen[number + 1].reading.version.first_at if number + 1 < len(seen) else _NEVER
        own = [files.of.get(picture_key(picture.url), ()) for picture in one.article.pictures]
        visits = sorted({visit.at for visit in one.page.visits})
        steps = sorted({at for versions in own for at in _steps(versions, start, end, visits)})
        for at, until in pairwise([start, *steps, end]):
            pictures = tuple(
                _as_of(picture, versions, until) for picture, versions in zip(one.article.pictures, own, strict=True)
            )
            last_at = one.reading.version.last_at
            if until != end:  # what was last seen of those that change then
                last_at = max([at, *(last.last_at for last, new in _pairs(own) if new.first_at == until)])
            elif at != start:
                last_at = max(at, last_at)
            version = replace(one.reading.version, first_at=at, last_at=last_at)
            article = replace(one.article, pictures=pictures)
            is_revision = one.reading.is_revision or bool(found and _exchanged(found[-1].article, article))
            reading = replace(one.reading, version=version, article=article, is_revision=is_revision)
            found.append(ReadArticle(one.page, reading, article))
    return found


def _exchanged(old: Article, new: Article) -> bool:
    """Whether a picture of both has other bytes."""
    before = {picture_key(one.url): one.sha256 for one in old.pictures if one.sha256}
    return any(one.sha256 and before.get(picture_key(one.url), one.sha256) != one.sha256 for one in new.pictures)


def _pairs(own: Sequence[Sequence[Version]]) -> list[tuple[Version, Version]]:
    return [pair for versions in own for pair in pairwise(versions)]


def _steps(versions: Sequence[Version], start: str, end: str, visits: Sequence[str]) -> list[str]:
    """Return when a picture became another one between two readings, but for a change seen in the first one's visit."""
    found = []
    for last, new in pairwise(versions):
        if start < new.first_at < end:
            visit = visits[max(0, bisect_right(visits, new.first_at) - 1)]
            if last.last_at > start or visit > start:
                found.append(new.first_at)
    return found


def _as_of(picture: Picture, versions: Sequence[Version], until: str) -> Picture:
    sha256 = next((one.body_sha256 for one in reversed(versions) if one.first_at < until), "")
    return replace(picture, sha256=sha256)
