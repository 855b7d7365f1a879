"""Saved pages → articles, without a database: what `archive extract` calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from columnarchive.extract.article import Site, read_article
from columnarchive.extract.decode import decode
from columnarchive.extract.outcome import judge, refuse
from columnarchive.extract.places import Places
from columnarchive.extract.rules import MAX_EVIDENCE_PAGES, TEMPLATE_SHARE
from columnarchive.extract.template import Template, evidence
from columnarchive.extract.title import title_parts
from columnarchive.extract.walk import Outline, outline
from columnarchive.model import Article, Outcome

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
    outlines: dict[str, Outline | Outcome] = {}
    for url, body, content_type in [*files, *siblings]:
        if url not in outlines:
            outlines[url] = open_page(body, content_type, places)
    site = Site(places)
    if siblings:
        wanted = {url for url, _, _ in files}
        known = sorted(url for url, page in outlines.items() if isinstance(page, Outline))
        chosen = [url for url in known if url in wanted]
        chosen += [url for url in known if url not in wanted][: max(0, MAX_EVIDENCE_PAGES - len(chosen))]
        site = learn([page for url in chosen if isinstance(page := outlines[url], Outline)], places)
    results: list[PageResult] = []
    for url, _, _ in files:
        results.append(_read(url, outlines[url], site))
    return results


def open_page(body: bytes, content_type: str, places: Places) -> Outline | Outcome:
    """Decode and walk one page, or the outcome that says why it cannot be."""
    refused = refuse(body, content_type)
    if refused is not None:
        return refused
    text, _ = decode(body, content_type)
    if "\ufffd" in text and text.count("\ufffd") > 0.02 * len(text):
        return "bad_encoding"
    return outline(text, places)


def learn(pages: Sequence[Outline], places: Places) -> Site:
    """The template of a site from its pages as they stand."""
    if len(pages) < 2:
        return Site(places)
    template = Template(places, len(pages))
    for page in pages:
        template.add(evidence(page))
    return Site(places, template, shared_title_parts(pages))


def shared_title_parts(pages: Sequence[Outline]) -> frozenset[str]:
    """Parts of document titles that many of a site's pages share."""
    counts = Counter(part for page in pages for part in set(title_parts(page.title)))
    needed = max(2, TEMPLATE_SHARE * len(pages))
    return frozenset(part for part, times in counts.items() if times >= needed)


def _read(url: str, page: Outline | Outcome, site: Site) -> PageResult:
    if not isinstance(page, Outline):
        return PageResult(url, page, None)
    article = read_article(page, site, url)
    outcome = judge(page, article)
    return PageResult(url, outcome, article if outcome == "ok" else None, page.canonical)
