"""Ranked search over the index and the articles: how many match, and the hits of one page with their passages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from columnarchive.records import Hit
from columnarchive.search.fold import fold
from columnarchive.search.query import Query, Scope, excluded_to_fts, to_fts
from columnarchive.search.relevance import Relevance
from columnarchive.search.snippets import needles, snippet
from columnarchive.store.ranking import Filter, matches, rank
from columnarchive.store.ranking import count as index_count

_NEWEST = "order by published_on desc, id desc"
# The names of the sites that each of a JSON list of names means: by name, by host, or by a domain above the host.
_SITES = """
    select value from json_each(:{names})
    union select name from sites join json_each(:{names}) on name = value collate nocase
    union select name from sites join json_each(:{names})
          on instr(lower(start_url), '://' || lower(value) || '/')
          or instr(lower(start_url), '.' || lower(value) || '/')
"""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """How many articles match, and the hits asked for, best first.

    The total of a single character that stands in many thousand articles is not exact: at least so many.
    """

    total: int
    hits: tuple[Hit, ...]
    exact: bool = True


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
    if not query.has_text:
        total = count(conn, query, scope, site, since, until)
        ids = _unranked(conn, query, scope, narrow, limit, offset) if total else []
        return SearchResult(total, tuple(_hits(conn, query, ids, offset)))
    last = offset + max(limit, 0)
    pictured = _pictured(conn, query, scope, narrow)
    if query.in_picture:
        return SearchResult(len(pictured), tuple(pictured[offset:last]))
    ranking = rank(conn, query, scope, narrow, offset, last)
    hits = tuple(_hits(conn, query, ranking.found, offset))
    after = max(0, offset - ranking.total)
    more = [replace(one, rank=ranking.total + one.rank) for one in pictured[after : after + max(limit, 0) - len(hits)]]
    return SearchResult(ranking.total + len(pictured), (*hits, *more), ranking.exact)


def count(
    conn: sqlite3.Connection, query: Query, scope: Scope = "all", site: str = "", since: str = "", until: str = ""
) -> int:
    """How many articles match."""
    narrow = filters(query, site, since, until)
    if query.is_empty and not narrow.sql:
        return 0
    if query.has_text:
        pictured = len(_pictured(conn, query, scope, narrow))
        if query.in_picture:
            return pictured
        if pictured:
            return pictured + len(matches(conn, query, scope, narrow))
        if narrow.sql:
            return len(matches(conn, query, scope, narrow))
        return index_count(conn, to_fts(query, scope))
    where, values = _without_text(query, scope, narrow)
    return int(conn.execute(f"select count(*) from articles where {where}", values).fetchone()[0])


def filters(query: Query, site: str = "", since: str = "", until: str = "") -> Filter:
    """The sites and days of a query as a condition on `articles`, for our search and for Datasette's table page.

    A site is named by its name or host. An article's day is the one it was published on; where that is not known, the
    one it was first seen on in Japan.
    """
    parts: list[str] = []
    values: dict[str, str] = {}
    for key, names, sign in (
        ("sites", query.sites, ""),
        ("only_site", (site,) if site else (), ""),
        ("no_sites", query.excluded_sites, "not "),
    ):
        if names:
            parts.append(f"site {sign}in ({_SITES.format(names=key)})")
            values[key] = json.dumps(names)
    for name, sign, days in (("since", ">=", (query.since, since)), ("until", "<=", (query.until, until))):
        for number, day in enumerate(days):
            if day:
                values[f"{name}{number}"] = day
                parts.append(
                    f"(published_on {sign} :{name}{number} and published_on <> ''"
                    f" or published_on = '' and date(first_seen_at, '+9 hours') {sign} :{name}{number})"
                )
    return Filter(" and ".join(parts), values)


def is_site(conn: sqlite3.Connection, name: str) -> bool:
    """Whether a name or host means any site, as `filters` reads it."""
    sql = f"select 1 from sites where name in ({_SITES.format(names='names')})"
    return conn.execute(sql, {"names": json.dumps([name])}).fetchone() is not None


def _without_text(query: Query, scope: Scope, narrow: Filter) -> tuple[str, dict[str, str]]:
    """The condition, and its values, of a query that has no words to find: only excluded ones, sites and days."""
    parts = [narrow.sql] if narrow.sql else []
    if scope == "removed":
        parts.append("0")  # what is not there was not removed
    elif query.excluded:
        parts.append("id not in (select rowid from articles_fts where articles_fts match :excluded)")
    return " and ".join(parts) or "1", {**narrow.values, "excluded": excluded_to_fts(query, scope)}


def _unranked(
    conn: sqlite3.Connection, query: Query, scope: Scope, narrow: Filter, limit: int, offset: int
) -> list[tuple[int, None]]:
    """Newest first, for a query that only excludes or filters."""
    where, values = _without_text(query, scope, narrow)
    sql = f"select id, null from articles where {where} {_NEWEST} limit :limit offset :offset"
    return conn.execute(sql, {**values, "limit": max(limit, 0), "offset": offset}).fetchall()


def _hits(
    conn: sqlite3.Connection, query: Query, found: Iterable[tuple[int, Relevance | None]], offset: int
) -> Iterator[Hit]:
    """The records of these articles, in their order."""
    found = list(found)
    rows = conn.execute(
        """select id, url, site, title, published_on, revisions, text, removed_text
           from articles where id in (select value from json_each(?))""",
        (json.dumps([article_id for article_id, _ in found]),),
    )
    by_id = {row[0]: row[1:] for row in rows}
    wanted = needles(query)
    for place, (article_id, relevance) in enumerate(found, offset + 1):
        url, site, title, published_on, revisions, text, removed_text = by_id[article_id]
        removed = relevance is not None and relevance.where == "removed"
        passage = snippet(removed_text if removed else text, query)
        found_in = _sentence(conn, article_id, wanted, removed) if passage.highlights else SentenceSpan(revisions)
        yield Hit(
            url, site, title, published_on, found_in.revision, removed, passage.text, passage.highlights, place,
            found_in.since_at, found_in.until_at,
        )  # fmt: skip


def _pictured(conn: sqlite3.Connection, query: Query, scope: Scope, narrow: Filter) -> list[Hit]:
    """The articles that match by the text in one of their pictures, those that stand first; of each the first picture.

    Unless the query asks for pictures, only those that do not match by their own text.
    """
    state = {"current": "until_revision = 0", "removed": "until_revision > 0"}.get(scope, "1")
    rows = conn.execute(
        f"""select articles.id, articles.url, site, articles.title, published_on, since_revision, until_revision > 0,
                   picture_files.text, since_at, until_at, pictures.url
            from picture_files join pictures using (sha256) join articles on articles.id = article_id
            where picture_files.text <> '' and {state} and {narrow.sql or "1"}
            order by until_revision > 0, published_on desc, articles.id, pictures.id""",
        narrow.values,
    ).fetchall()
    if not rows or not query.has_text:
        return []
    known = set() if query.in_picture else matches(conn, query, scope, narrow)
    found: list[Hit] = []
    for article_id, url, site, title, published_on, revision, removed, text, since_at, until_at, picture in rows:
        if article_id in known or not query.matches(fold(text)):
            continue
        known.add(article_id)
        passage = snippet(text, query)
        found.append(
            Hit(
                url, site, title, published_on, revision, bool(removed), passage.text, passage.highlights,
                len(found) + 1, since_at, until_at, picture,
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class SentenceSpan:
    """The revision that first had a sentence and the times between which it was seen; empty where not known."""

    revision: int
    since_at: str = ""
    until_at: str = ""


def _sentence(conn: sqlite3.Connection, article_id: int, needles: tuple[str, ...], removed: bool) -> SentenceSpan:
    """The sentence with the most of these folded strings, the first of equal ones; the whole article without one."""
    best: SentenceSpan | None = None
    most = 0
    for text, *span in conn.execute(
        """select text, since_revision, since_at, until_at from sentences
           where article_id = ? and is_present = ? order by position""",
        (article_id, not removed),
    ):
        folded = fold(text)
        count = sum(1 for needle in needles if needle in folded)
        if count > most:
            best, most = SentenceSpan(*span), count
    if best:
        return best
    row = conn.execute("select revisions, first_seen_at, '' from articles where id = ?", (article_id,)).fetchone()
    return SentenceSpan(*row)
