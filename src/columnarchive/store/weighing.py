"""Weighing articles by their texts: the exact order of matches within blocks of the coarse one the index gives."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from columnarchive.search.query import Query, Scope, to_fts
from columnarchive.search.relevance import Criteria, Relevance

BLOCK = 64
"""Articles whose texts are weighed at once; order between blocks is the coarse one."""

_LOOKED_UP = 750  # ids whose days are looked up one by one; more are met by walking down the index of days


@dataclass(frozen=True, slots=True)
class Look:
    """One search: what is asked, where, and the relevance of the articles that were weighed so far."""

    conn: sqlite3.Connection
    query: Query
    scope: Scope
    criteria: Criteria
    weighed: dict[int, Relevance | None]

    @property
    def match(self) -> str:
        """The FTS5 expression of the query in its scope."""
        return to_fts(self.query, self.scope)


@dataclass(frozen=True, slots=True)
class Coarse:
    """Ids in coarse order, some twice or of no match, with the index's score of each, 1.0 for the best."""

    ids: Iterator[int]
    scores: dict[int, float]


def rowids(conn: sqlite3.Connection, match: str, limit: int = -1) -> set[int]:
    """The ids of the articles that an FTS5 expression finds."""
    rows = conn.execute("select rowid from articles_fts where articles_fts match ? limit ?", (match, limit))
    return {row[0] for row in rows}


def count(conn: sqlite3.Connection, match: str) -> int:
    """How many articles an FTS5 expression finds."""
    return int(conn.execute("select count(*) from articles_fts where articles_fts match ?", (match,)).fetchone()[0])


def newest(conn: sqlite3.Connection, ids: set[int]) -> Iterator[int]:
    """These ids, those published last first; the ones found last first where that is the same day."""
    if len(ids) > _LOOKED_UP:
        # An `in` of so many costs more than walking down the index until a page is full.
        yield from (article_id for article_id in all_newest(conn) if article_id in ids)
    elif ids:
        rows = conn.execute(
            """select id from articles where id in (select value from json_each(?))
               order by published_on desc, id desc""",
            (json.dumps(list(ids)),),
        )
        yield from (article_id for (article_id,) in rows)


def all_newest(conn: sqlite3.Connection) -> Iterator[int]:
    """Every article, those published last first."""
    return (row[0] for row in conn.execute("select id from articles order by published_on desc, id desc"))


def refined(look: Look, coarse: Coarse) -> Iterator[tuple[int, Relevance]]:
    """The exact order within each block of the coarse one; what stands only in removed text comes after all else."""
    removed: list[tuple[int, Relevance]] = []
    order = _each_once(coarse.ids)
    while block := list(islice(order, BLOCK)):
        found = weigh(look, block)
        found.sort(key=lambda hit: sort_key(hit[1], coarse.scores.get(hit[0], 0.0)))
        removed += (hit for hit in found if hit[1].where == "removed")
        yield from (hit for hit in found if hit[1].where != "removed")
    yield from sorted(removed, key=lambda hit: hit[1].tier)


def _each_once(ids: Iterator[int]) -> Iterator[int]:
    seen: set[int] = set()
    for article_id in ids:
        if article_id not in seen:
            seen.add(article_id)
            yield article_id


def sort_key(relevance: Relevance, score: float) -> tuple[int, int, float]:
    """What matches are sorted by: the tier, how the title begins, the score with what whole words add to it."""
    return relevance.tier, -relevance.opening, -round(score * relevance.boost, 2)


def weigh(look: Look, ids: Iterable[int]) -> list[tuple[int, Relevance]]:
    """The articles among these that match, in their order, each with its relevance."""
    wanted = list(ids)
    new = [article_id for article_id in wanted if article_id not in look.weighed]
    for article_id, title, text, removed_text in texts_of(look.conn, new):
        look.weighed[article_id] = look.criteria.judge(title, text, removed_text, look.scope)
    found = ((article_id, look.weighed.get(article_id)) for article_id in wanted)
    return [(article_id, relevance) for article_id, relevance in found if relevance]


def texts_of(conn: sqlite3.Connection, ids: list[int]) -> Iterator[tuple[int, str, str, str]]:
    """Id, title, text and removed text of these articles, in no order."""
    yield from conn.execute(
        "select id, title, text, removed_text from articles where id in (select value from json_each(?))",
        (json.dumps(ids),),
    )
