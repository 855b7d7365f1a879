"""Which visits are one version of a page, and which pages are one article."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from columnarchive.history.paged_articles import further_pages
from columnarchive.records import Article, PageReadings, PageVersions, PageVisits, Reading, Version

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
    """Pages by the address of the article that they are: their own, the one they moved to, or their canonical one."""
    articles = {
        page.url: [reading.article for reading in own_readings(readings[page.url]) if reading.article] for page in pages
    }
    continued = further_pages(articles)
    target: dict[str, str] = {}
    for page in pages:
        if articles[page.url]:
            target[page.url] = continued.get(page.url) or _address(page, readings[page.url], articles)
    groups: dict[str, list[PageVisits]] = defaultdict(list)
    for page in pages:
        if page.url in target:
            groups[_follow(page.url, target)].append(page)
    return groups


def _follow(url: str, target: Mapping[str, str]) -> str:
    seen = {url}
    while (after := target.get(url, url)) not in seen:
        seen.add(after)
        url = after
    return url


def _address(page: PageVisits, read: PageReadings, articles: Mapping[str, list[Article]]) -> str:
    """Return where a page's article is: a canonical link counts only if its target was fetched and has this text."""
    host = urlsplit(page.url).netloc
    last = own_readings(read)[-1]
    notice = read.readings[-1] if read.readings[-1].article is None else None
    for wanted in (notice.canonical if notice else "", last.canonical, last.version.final_url):
        if not wanted or wanted == page.url or urlsplit(wanted).netloc != host or last.article is None:
            continue
        known = articles.get(wanted)
        was_fetched = wanted == last.version.final_url and notice is None  # the text came from there
        if (known is None and was_fetched) or (known and alike(known[-1], last.article) >= SAME_COLUMN):
            return wanted
    return page.url


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
