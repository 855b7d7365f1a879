"""Articles on several pages: which pages continue another one, and what the whole article said at each time."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from columnarchive.crawl.link_scoring import MAX_TEXT_PAGES, split_page_number
from columnarchive.records import Article, Block, PageVisits, Picture, Reading

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
            pictures += tuple(replace(own, position=len(blocks) + own.position) for own in each.article.pictures)
            blocks += _without_repeated_title(each.article, first)
        article = replace(first, blocks=blocks, pictures=pictures)
        version = replace(one.reading.version, first_at=at, last_at=max(at, last_at))
        reading = replace(one.reading, version=version, article=article, is_revision=True)
        merged.append(ReadArticle(one.page, reading, article))
    return merged


def _without_repeated_title(article: Article, first: Article) -> tuple[Block, ...]:
    """Return the blocks of a page; a further page begins with the title of the article again."""
    blocks = article.blocks
    repeats = article is not first and blocks[:1] and _bare_title(blocks[0].text) == _bare_title(first.title)
    return blocks[1:] if repeats else blocks


def _second_visit(page: PageVisits) -> str:
    times = sorted({visit.at for visit in page.visits})
    return times[1] if len(times) > 1 else ""
