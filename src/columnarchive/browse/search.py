"""The search page: current and removed text, grouped by article, with the words marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from columnarchive.browse.rendering import Page
from columnarchive.browse.request import PageRequest
from columnarchive.errors import UsageError
from columnarchive.reader import Reader, Scope, SearchOptions
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
