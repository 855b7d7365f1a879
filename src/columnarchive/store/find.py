"""Ranked search over the index and the articles.

Hits come in tiers: those whose title has it, current text, text since removed. Within a tier the best by bm25 stand
first and recent before old; a result too large for that is in order of time, because scoring costs for every match.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from columnarchive.model import Hit
from columnarchive.search.highlight import needles, snippet
from columnarchive.search.query import Query, Scope, excluded_to_fts, to_fts
from columnarchive.store.saying import Saying, saying

SCORED = 3000
"""The largest result that is scored; a larger one is given newest first."""

_NEWEST = "order by published_on desc, id desc"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """How many articles match, and the hits asked for, best first."""

    total: int
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class _Filter:
    """A condition on the columns of `articles`, with its named values; empty when all hold."""

    sql: str
    values: dict[str, str]


def search(
    conn: sqlite3.Connection,
    query: Query,
    scope: Scope = "all",
    limit: int = 20,
    offset: int = 0,
    site: str = "",
    since: str = "",
    until: str = "",
) -> SearchResult:
    """The hits `offset` to `offset + limit` of a query, best first, each article once.

    `site`, `since` and `until` (plain dates, both inclusive) narrow what the query itself asks for. An empty query
    finds nothing.
    """
    narrow = filters(query, site, since, until)
    total = count(conn, query, scope, site, since, until)
    if not total or offset >= total or limit <= 0:
        return SearchResult(total, ())
    if not query.has_text:
        ids = _unranked(conn, query, scope, narrow, limit, offset)
    elif total <= SCORED:
        ids = _scored(conn, query, scope, narrow)[offset : offset + limit]
    else:
        ids = _by_time(conn, query, scope, narrow, offset + limit)[offset:]
    return SearchResult(total, tuple(_hits(conn, query, ids, offset)))


def count(
    conn: sqlite3.Connection, query: Query, scope: Scope = "all", site: str = "", since: str = "", until: str = ""
) -> int:
    """How many articles match."""
    narrow = filters(query, site, since, until)
    if query.is_empty and not narrow.sql:
        return 0
    if query.has_text and not narrow.sql:
        sql = "select count(*) from articles_fts where articles_fts match :match"
    else:
        sql = f"select count(*) from articles where {_matching(query)}{_and(narrow)}"
    (total,) = conn.execute(sql, _values(query, scope, narrow)).fetchone()
    return int(total)


def filters(query: Query, site: str = "", since: str = "", until: str = "") -> _Filter:
    """The sites and days of a query as a condition on `articles`, for our search and for Datasette's table page.

    An article's day is the one it was published on; where that is not known, the one it was first seen on in Japan.
    """
    parts: list[str] = []
    values: dict[str, str] = {}

    def sites(names: Iterable[str], prefix: str) -> str:
        wheres = []
        for number, name in enumerate(names):
            values[f"{prefix}{number}"] = name
            values[f"{prefix}{number}_url"] = f"*://{_glob(name)}/*"
            values[f"{prefix}{number}_sub"] = f"*://*.{_glob(name)}/*"
            key = f"{prefix}{number}"
            wheres.append(f"lower(site) = :{key} or url glob :{key}_url or url glob :{key}_sub")
        return "(" + " or ".join(wheres) + ")"

    if query.sites:
        parts.append(sites(query.sites, "site"))
    if site:
        parts.append(sites([site.lower()], "only_site"))
    if query.excluded_sites:
        parts.append("not " + sites(query.excluded_sites, "no_site"))
    day = "case when published_on <> '' then published_on else date(first_seen_at, '+9 hours') end"
    for name, sign, days in (("since", ">=", (query.since, since)), ("until", "<=", (query.until, until))):
        for number, value in enumerate(days):
            if value:
                values[f"{name}{number}"] = value
                parts.append(f"{day} {sign} :{name}{number}")
    return _Filter(" and ".join(parts), values)


def _glob(name: str) -> str:
    """A name with GLOB's own signs taken literally."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _matching(query: Query) -> str:
    """The condition that an article's text matches."""
    if query.has_text:
        return "id in (select rowid from articles_fts where articles_fts match :match)"
    if query.excluded:
        return "id not in (select rowid from articles_fts where articles_fts match :excluded)"
    return "1"


def _and(narrow: _Filter) -> str:
    return f" and {narrow.sql}" if narrow.sql else ""


def _values(query: Query, scope: Scope, narrow: _Filter) -> dict[str, str]:
    return {**narrow.values, "match": to_fts(query, scope), "excluded": excluded_to_fts(query, scope)}


def _unranked(
    conn: sqlite3.Connection, query: Query, scope: Scope, narrow: _Filter, limit: int, offset: int
) -> list[int]:
    """Newest first, for a query that only excludes or filters."""
    sql = f"select id from articles where {_matching(query)}{_and(narrow)} {_NEWEST} limit :limit offset :offset"
    values: dict[str, str | int] = {**_values(query, scope, narrow), "limit": limit, "offset": offset}
    return [row[0] for row in conn.execute(sql, values)]


def _scored(conn: sqlite3.Connection, query: Query, scope: Scope, narrow: _Filter) -> list[int]:
    """All matches, best first."""
    in_title = _rowids(conn, f"title : ({to_fts(query)})")
    current = _rowids(conn, to_fts(query, "current"))
    rows = conn.execute(
        f"""select id, published_on, score from
            (select rowid as match_id, bm25(articles_fts, 1.0, 10.0, 0.5) as score
             from articles_fts where articles_fts match :match) join articles on id = match_id
            where 1{_and(narrow)} {_NEWEST}""",
        _values(query, scope, narrow),
    ).fetchall()
    rows.sort(key=lambda row: (row[0] not in current, row[0] not in in_title, round(row[2], 3)))
    return [row[0] for row in rows]


def _by_time(conn: sqlite3.Connection, query: Query, scope: Scope, narrow: _Filter, wanted: int) -> list[int]:
    """The first `wanted` matches: those with it in the title, current, removed, each newest first."""
    found: dict[int, None] = {}
    for match in (f"title : ({to_fts(query)})", to_fts(query, "current"), to_fts(query, "removed")):
        if scope == "removed" and match != to_fts(query, "removed"):
            continue
        if scope == "current" and match == to_fts(query, "removed"):
            continue
        sql = f"select id from articles where {_matching(query)}{_and(narrow)} {_NEWEST} limit :limit"
        values: dict[str, str | int] = {**narrow.values, "match": match, "limit": wanted}
        found.update(dict.fromkeys(row[0] for row in conn.execute(sql, values)))
        if len(found) >= wanted:
            break
    return list(found)[:wanted]


def _rowids(conn: sqlite3.Connection, match: str) -> set[int]:
    return {row[0] for row in conn.execute("select rowid from articles_fts where articles_fts match ?", (match,))}


def _hits(conn: sqlite3.Connection, query: Query, ids: list[int], offset: int) -> Iterable[Hit]:
    """The records of these articles, in their order."""
    marks = ", ".join("?" * len(ids))
    rows = {
        row[0]: row
        for row in conn.execute(
            f"""select id, url, site, title, published_on, revisions, text, removed_text
                from articles where id in ({marks})""",
            ids,
        )
    }
    removed = _removed_among(conn, query, ids) if query.has_text else set()
    wanted = needles(query)
    for rank, article_id in enumerate(ids, offset + 1):
        _, url, site, title, published_on, revisions, text, removed_text = rows[article_id]
        is_removed = article_id in removed
        passage = snippet(removed_text if is_removed else text, query)
        said = saying(conn, article_id, wanted, is_removed) if passage.highlights else Saying(revisions)
        yield Hit(
            url, site, title, published_on, said.revision, is_removed, passage.text, passage.highlights, rank,
            said.since_at, said.until_at,
        )  # fmt: skip


def _removed_among(conn: sqlite3.Connection, query: Query, ids: list[int]) -> set[int]:
    """Which of these hits no longer match with title and current text."""
    current = conn.execute(
        """select rowid from articles_fts where articles_fts match ? and rowid between ? and ?""",
        (to_fts(query, "current"), min(ids), max(ids)),
    )
    return set(ids) - {row[0] for row in current}
