"""The search page: current and removed text, grouped by article, with the words marked."""

from __future__ import annotations

from dataclasses import dataclass

from columnarchive import reader
from columnarchive.browse.answers import Page
from columnarchive.browse.asking import Ask
from columnarchive.errors import UsageError
from columnarchive.records import Hit
from columnarchive.times import day, typed

PER_PAGE = 20
DEEPEST = 2000
SCOPES: dict[str, reader.Scope] = {"all": "all", "current": "current", "removed": "removed"}


@dataclass(frozen=True, slots=True)
class Found:
    """A hit with its passage in runs of plain and marked text."""

    hit: Hit
    runs: tuple[tuple[str, bool], ...]


def search(conn: reader.Connection, ask: Ask) -> Page:
    """Ranked hits for `q`, or only the form when nothing is asked for."""
    start = ask.number("start", DEEPEST)
    scope = ask.get("scope") or "all"
    if scope not in SCOPES:
        raise UsageError("`scope` is one of all, current, removed.")
    context = {"sites": reader.overview.site_names(conn), "start": start, "scope": scope, "per_page": PER_PAGE}
    if not ask.get("q"):
        return Page("search.html", {**context, "result": None, "found": ()})
    result = reader.search(conn, asked(ask, PER_PAGE, start))
    found = [Found(hit, runs(hit.snippet, hit.highlights)) for hit in result.hits]
    return Page("search.html", {**context, "result": result, "found": found})


def asked(ask: Ask, limit: int, offset: int) -> reader.Wanted:
    """The search that the arguments ask for."""
    return reader.Wanted(
        ask.get("q")[:500],
        scope=SCOPES.get(ask.get("scope") or "all", "all"),
        site=ask.get("site")[:500],
        since=_day(ask.get("since"), end=False),
        until=_day(ask.get("until"), end=True),
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
