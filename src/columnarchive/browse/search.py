"""The search page: current and removed text, grouped by article, with the words marked; and Atom feeds.

Feeds are of changes and of searches, with ids that stay the same after a rebuild.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from columnarchive import locale
from columnarchive.browse.home import change_filter, summary_line
from columnarchive.browse.rendering import Page, PageRequest
from columnarchive.errors import UsageError
from columnarchive.reader import Reader, Scope, SearchOptions, group_changes
from columnarchive.records import Hit, Sentence
from columnarchive.text import fold
from columnarchive.times import day, typed

PER_PAGE = 20
DEEPEST = 2000
SCOPES: dict[str, Scope] = {"all": "all", "current": "current", "removed": "removed"}


@dataclass(frozen=True, slots=True)
class HighlightedHit:
    """A hit with its passage in runs of plain and marked text."""

    hit: Hit
    runs: tuple[tuple[str, bool], ...]
    before: Sentence | None = None


def search(archive: Reader, request: PageRequest) -> Page:
    """Ranked hits for `q`, or only the form when nothing is asked for."""
    start = request.number("start", DEEPEST)
    scope = request.get("scope") or "all"
    if scope not in SCOPES:
        raise UsageError("not_a_choice", text=scope[:40], choices=", ".join(SCOPES))
    context = {"sites": archive.site_names(), "start": start, "scope": scope, "per_page": PER_PAGE}
    if not request.get("q"):
        return Page("search.html", {**context, "result": None, "found": ()})
    result = archive.search(query(request), search_options(request, PER_PAGE, start))
    words = [] if scope != "all" else [fold(word.strip('"')) for word in query(request).split() if word[0] != "-"]
    found = [
        HighlightedHit(hit, runs(hit.snippet, hit.highlights), None if hit.removed else _before(archive, hit, words))
        for hit in result.hits
    ]
    return Page("search.html", {**context, "result": result, "found": found})


def _before(archive: Reader, hit: Hit, words: Sequence[str]) -> Sentence | None:
    """Return the newest removed sentence of an article that has the words as well: what it said before."""
    sentences = archive.removed_sentences(archive.article(hit.url)) if words else ()
    return next((one for one in reversed(sentences) if all(word in fold(one.text) for word in words)), None)


def query(request: PageRequest) -> str:
    """Return the words to look for."""
    return request.get("q")[:500]


def search_options(request: PageRequest, limit: int, offset: int) -> SearchOptions:
    """Return what narrows the search."""
    return SearchOptions(
        scope=SCOPES.get(request.get("scope") or "all", "all"),
        site=request.get("site")[:500],
        since=_day(request.get("since"), end=False),
        until=_day(request.get("until"), end=True),
        limit=limit,
        offset=offset,
    )


def runs(text: str, highlights: tuple[tuple[int, int], ...]) -> tuple[tuple[str, bool], ...]:
    """A text in pieces, each with whether it is to be marked.

    >>> runs("abc", ((1, 2),))
    (('a', False), ('b', True), ('c', False))
    """
    pieces: list[tuple[str, bool]] = []
    at = 0
    for start, end in highlights:
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    return tuple(piece for piece in [*pieces, (text[at:], False)] if piece[0])


def _day(text: str, *, end: bool) -> str:
    return day(typed(text[:40], end=end)) if text else ""


ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed."""

    id: str
    title: str
    link: str
    updated: str
    labels: tuple[str, ...]
    summary: str


def feed(archive: Reader, request: PageRequest) -> Page:
    """The newest changes of all sites, a site, an article or a label; with `q`, what a search finds."""
    entries = _of_search(archive, request) if request.get("q") else _of_changes(archive, request)
    updated = max((entry.updated for entry in entries), default="1970-01-01T00:00:00Z")
    return Page("feed.xml", {"entries": entries, "updated": updated, "title": _title(request)})


def _of_changes(archive: Reader, request: PageRequest) -> list[Entry]:
    found = []
    for group in group_changes(archive.changes(change_filter(request), ENTRIES)):
        row = group.change
        others = " · " + request.text("also", n=len(group.others)) if group.others else ""
        is_event = row.from_number == row.to_number
        where = request.link("article", url=row.url) if is_event else request.link("diff", url=row.url, to=row.seen_at)
        link = request.absolute(where)
        names = tuple(locale.name(request.lang, "label", label) for label in row.labels)
        title = f"{row.title}: {'、'.join(names) if request.lang == 'ja' else ', '.join(names)}"
        entry_id = _id(row.url, row.seen_at, *row.labels)
        summary = f"{summary_line(row, request)}{others}"
        found.append(Entry(entry_id, title, link, row.seen_at, names, summary))
    return found


def _of_search(archive: Reader, request: PageRequest) -> list[Entry]:
    found = []
    for hit in archive.search(query(request), search_options(request, ENTRIES, 0)).hits:
        row = archive.article(hit.url)
        updated = hit.said_until or hit.said_from or row.first_seen_at
        link = request.absolute(request.link("article", url=hit.url))
        found.append(Entry(_id(hit.url, updated), hit.title, link, updated, (), hit.snippet))
    return sorted(found, key=lambda entry: entry.updated, reverse=True)


def _id(*names: str) -> str:
    """An identifier that depends neither on the server's address nor on row numbers."""
    return uuid.uuid5(uuid.NAMESPACE_URL, " ".join(names)).urn


def _title(request: PageRequest) -> str:
    chosen = change_filter(request)
    label = locale.name(request.lang, "label", chosen.label) if chosen.label else ""
    if request.get("q"):
        return f"{request.text('brand')}: {request.text('saved_search', q=request.get('q'))}"
    return ": ".join(part for part in (request.text("brand"), chosen.site, chosen.url, label) if part)
