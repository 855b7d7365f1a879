"""Saved pages → articles, without a database: what `archive extract` calls."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from columnarchive.extract.article import Site, judge, own_pictures, read_article, refuse
from columnarchive.extract.charset import decode
from columnarchive.extract.dom import exceeded_limit, outline
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.rules import BROKEN_SHARE, MAX_EVIDENCE_PAGES, TEMPLATE_SHARE
from columnarchive.extract.template import Template, evidence
from columnarchive.extract.title import title_parts
from columnarchive.records import Article, Outcome

_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
SavedPage = tuple[str, bytes, str]
"""A page at hand: its URL or path, its bytes, its content type (may be empty)."""


@dataclass(frozen=True, slots=True)
class PageResult:
    """What a saved page gave: an article with outcome `ok`, or the outcome that tells why there is none."""

    url: str
    outcome: Outcome
    article: Article | None
    canonical: str = ""


def read_pages(files: Sequence[SavedPage], siblings: Sequence[SavedPage] = ()) -> list[PageResult]:
    """Read saved pages; pages of the same site given as `siblings` (the files may be among them) teach its template.

    Results come in the order of `files`. Without siblings each page is read by its own shape.
    """
    places = Places()
    if not siblings:
        return [_judged(url, open_page(body, kind, places), Site(places)) for url, body, kind in files]
    known = {url: (body, kind) for url, body, kind in [*siblings, *files]}
    wanted = {url for url, _, _ in files}
    order = sorted(known, key=lambda url: (url not in wanted, url))[:MAX_EVIDENCE_PAGES]
    outlines = {url: open_page(*known[url], places) for url in order}
    site = learn([page for page in outlines.values() if isinstance(page, Outline)], places)
    return [
        _judged(url, outlines[url], site) if url in outlines else read_page(url, body, kind, site)
        for url, body, kind in files
    ]


def read_page(url: str, body: bytes, content_type: str, site: Site) -> PageResult:
    """Read one page with its site's template at hand."""
    return _judged(url, open_page(body, content_type, site.places), site)


def open_page(body: bytes, content_type: str, places: Places) -> Outline | Outcome:
    """Decode and walk one page, or the outcome that says why not."""
    refused = refuse(body, content_type)
    if refused is not None:
        return refused
    text, encoding = decode(body, content_type)
    is_utf8 = encoding == "utf-8" and not body.startswith(BOM_UTF8)
    exceeded = exceeded_limit(body if is_utf8 else text.encode())
    if exceeded:
        return exceeded
    if "\ufffd" in text:
        broken = text.count("\ufffd")
        if broken > BROKEN_SHARE * len(text) and broken > len(_JAPANESE.findall(text)) / 2:
            return "bad_encoding"
    elif is_utf8:
        return outline(body, places)  # what the parser would make of the text again
    return outline(text, places)


def learn(pages: Sequence[Outline], places: Places) -> Site:
    """The template of a site from its pages as they stand."""
    if len(pages) < 2:
        return Site(places)
    template = Template(places, len(pages))
    for page in pages:
        template.add(evidence(page, places))
    return Site(places, template, shared_title_parts(pages))


def shared_title_parts(pages: Sequence[Outline]) -> frozenset[str]:
    """Parts of document titles that many of a site's pages share.

    Two pages with one title may be one column at two addresses; its title is no part of others.
    """
    titles = Counter(page.title for page in pages)
    counts: Counter[str] = Counter()
    wholes: Counter[str] = Counter()
    for title, times in titles.items():
        for part in set(title_parts(title)):
            counts[part] += times
            wholes[part] += 1
    needed = max(2, TEMPLATE_SHARE * len(pages))
    return frozenset(
        part for part, times in counts.items() if times >= needed and (wholes[part] > 1 or 2 * times >= len(pages))
    )


def _judged(url: str, page: Outline | Outcome, site: Site) -> PageResult:
    if not isinstance(page, Outline):
        return PageResult(url, page, None)
    article = read_article(page, site, url)
    if article is not None and article.pictures:
        article = replace(article, pictures=own_pictures(article, page, site, url))
    outcome = judge(page, article)
    return PageResult(url, outcome, article if outcome == "ok" else None, page.canonical)
