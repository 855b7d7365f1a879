"""Which visits are one version of a page, and which pages are one article."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from columnarchive.history.paged_articles import further_pages
from columnarchive.records import Article, PageReadings, PageVersions, PageVisits, Reading, Version
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
    continued = further_pages(articles)
    newest: dict[str, PageVisits] = {}
    for page in pages:
        own = newest.get(page_key(page.url))
        if articles[page.url] and (own is None or _last_shown(page) > _last_shown(own)):
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


def _last_shown(page: PageVisits) -> tuple[str, str]:
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
