"""Saved searches: what is new since each was last looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from columnarchive.errors import UsageError
from columnarchive.reader import Reader, SearchOptions
from columnarchive.records import Hit
from columnarchive.search.query import parse
from columnarchive.store import articles, saved_searches
from columnarchive.store.database import Database

News = Literal["new_article", "newly_said", "newly_removed", "restored"]
EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One article that a watch finds otherwise than before."""

    watch: str
    query: str
    news: News
    hit: Hit


def add(db: Database, name: str, query: str, at: str) -> int:
    """Save a search and take what it finds now as known; how many articles that is."""
    if not name.strip():
        raise UsageError("watch_needs_name")
    if parse(query).is_empty:
        raise UsageError("watch_needs_query")
    with db.transaction():
        saved_searches.add(db.conn, name, query, at)
        found = {hit.url: hit.removed for hit in _hits(db, query)}
        saved_searches.remember(db.conn, name, found, at)
    return len(found)


def look(db: Database, at: str, name: str = "", *, keep: bool = False) -> list[Finding]:
    """What is new since the last look, for all watches or the one named; with `keep` the look is not counted."""
    found: list[Finding] = []
    with db.transaction():
        for watch in saved_searches.all_watches(db.conn, name):
            hits = _hits(db, watch.query)
            found += _news(db, watch, hits)
            if not keep:
                saved_searches.remember(db.conn, watch.name, {hit.url: hit.removed for hit in hits}, at)
    return found


def _hits(db: Database, query: str) -> tuple[Hit, ...]:
    return Reader(db.conn).search(query, SearchOptions(limit=EVERYTHING)).hits


def _news(db: Database, watch: saved_searches.Watch, hits: tuple[Hit, ...]) -> Iterator[Finding]:
    before = saved_searches.found_before(db.conn, watch.name)
    for hit in hits:
        was_removed = before.get(hit.url)
        if was_removed is hit.removed:
            continue
        news: News
        if hit.removed:
            news = "newly_removed"
        elif was_removed:
            news = "restored"
        else:
            is_new = articles.article_row(db.conn, hit.url).first_seen_at > watch.looked_at
            news = "new_article" if is_new else "newly_said"
        yield Finding(watch.name, watch.query, news, hit)
