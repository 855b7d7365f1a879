"""Ranked search over the index and the articles: how many match, which match best, and the hits of one page with their
passages. Matches that cannot win are not weighed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice

from columnarchive.records import Hit
from columnarchive.search import Query, Scope, Term, excluded_to_fts, in_title, to_fts
from columnarchive.search.fold import fold
from columnarchive.search.snippets import Criteria, Relevance, criteria, needles, snippet

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
    """Ids in coarse order, some of no match, with the index's score of each, 1.0 for the best."""

    ids: Iterator[int]
    scores: dict[int, float]


def rowids(conn: sqlite3.Connection, match: str, limit: int = -1) -> set[int]:
    """The ids of the articles that an FTS5 expression finds."""
    rows = conn.execute("select rowid from articles_fts where articles_fts match ? limit ?", (match, limit))
    return {row[0] for row in rows}


def index_count(conn: sqlite3.Connection, match: str) -> int:
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
    while block := list(islice(coarse.ids, BLOCK)):
        found = weigh(look, block)
        found.sort(key=lambda hit: sort_key(hit[1], coarse.scores.get(hit[0], 0.0)))
        removed += (hit for hit in found if hit[1].where == "removed")
        yield from (hit for hit in found if hit[1].where != "removed")
    yield from sorted(removed, key=lambda hit: hit[1].tier)


def _each_once(ids: Iterable[int]) -> Iterator[int]:
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


SCORED = 3000
"""The largest result in which matches get a score of the index; a larger one goes by date."""
_SMALL = 128  # up to so many matches, all texts are weighed
_LONG = 5  # from so many characters on, a phrase comes about once in an article: its score says nothing, and costs
_DENSE = 0.25  # a match in so many of all articles is found sooner by reading the newest than by asking the index
_FEW = 12  # fewer whole words than this among the first matches: parts are told apart in the whole result
_RUNS = 3  # longer runs that are told apart; what they do not explain is left to the blocks
_EXPLAINED = 0.8  # the share of parts that these runs must explain to be worth asking the index about
_WORD = 2  # characters of a short word, and of each end of a long phrase
_PROBE = 1000  # matches that tell how dense the rest is
_SAMPLE = 200  # the newest articles, which tell whether a single character is a common one
_COMMON = 0.1  # the share of these from which on it is one
_MANY = 10_000  # articles from which on that is worth asking


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on the columns of `articles`, with its named values; empty when all hold."""

    sql: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ranking:
    """How many articles match (at least, where not exact), and those asked for in order, with their relevance."""

    total: int
    exact: bool
    found: tuple[tuple[int, Relevance], ...]


def rank(conn: sqlite3.Connection, query: Query, scope: Scope, narrow: Filter, start: int, stop: int) -> Ranking:
    """The matches from rank `start` to `stop` of a query that has text."""
    look = Look(conn, query, scope, criteria(query), {})
    common = _common(look) if query.shortest == 1 and not narrow.sql and scope != "removed" else None
    if common:
        total, coarse = common
    else:
        total, ids = _found(look, narrow)
        coarse = _small(look, ids) if total <= _SMALL else _larger(look, total, ids)
    return Ranking(total, not common, tuple(islice(refined(look, coarse), start, stop)))


def _found(look: Look, narrow: Filter) -> tuple[int, set[int]]:
    """How many articles match, and their ids; no ids where they are so dense that reading the newest finds them."""
    if narrow.sql or look.scope == "removed":
        ids = matches(look.conn, look.query, look.scope, narrow)
        return len(ids), ids
    rows = look.conn.execute("select rowid from articles_fts where articles_fts match ?", (look.match,))
    first = [row[0] for row in islice(rows, _PROBE)]  # in the order of ids, so they tell how dense the rest is
    if len(first) == _PROBE and first[-1] < _PROBE / _DENSE:
        total = index_count(look.conn, look.match)
        if total > SCORED:
            return total, set()
    ids = {*first, *(row[0] for row in rows)}
    return len(ids), ids


def matches(conn: sqlite3.Connection, query: Query, scope: Scope, narrow: Filter) -> set[int]:
    """The ids of all articles that match."""
    ids = rowids(conn, to_fts(query, scope))
    if not narrow.sql or not ids:
        return ids
    if len(ids) > SCORED:
        return ids & {row[0] for row in conn.execute(f"select id from articles where {narrow.sql}", narrow.values)}
    sql = f"select id from articles where id in (select value from json_each(:ids)) and {narrow.sql}"
    return {row[0] for row in conn.execute(sql, {**narrow.values, "ids": json.dumps(list(ids))})}


def _small(look: Look, ids: set[int]) -> Coarse:
    """All matches as one block: their texts decide."""
    weighed = weigh(look, newest(look.conn, ids))
    order = sorted(weighed, key=lambda hit: sort_key(hit[1], hit[1].score))
    return Coarse(iter([article_id for article_id, _ in order]), {hit[0]: hit[1].score for hit in order})


def _larger(look: Look, total: int, ids: set[int]) -> Coarse:
    """Titles first, whole words next, then the rest, which is all articles where there are no ids.

    Each by score where the index can tell quickly, or else newest first.
    """
    query, conn = look.query, look.conn
    is_scored = total <= SCORED and query.longest < _LONG
    scores = _scores(look) if is_scored else {}
    titled = _titled(look) & ids if ids else _titled(look)
    tiers = [titled, ids or None]
    # Only a short word is part of others nearly everywhere (京都 in Tokyo), and to ask about more costs the most where
    # there are many matches.
    if is_scored or (query.longest <= _WORD and len(query.terms) == 1):
        complete = _complete_words(look, list(islice(_in_order(conn, tiers, scores), BLOCK // 2)))
        complete = complete & ids if ids else complete
        tiers = [titled & complete, complete, *tiers] if complete else tiers
    return Coarse(_in_order(conn, tiers, scores), scores)


def _common(look: Look) -> tuple[int, Coarse] | None:
    """A single character that many articles have: at least how many, and their order; None for a rare one.

    To ask the index for all of them it must merge every pair that begins with the character, a second's work for の in
    100,000 articles, so the newest articles are read instead, and the commonest pairs counted.
    """
    (articles,) = look.conn.execute("select max(id) from articles").fetchone()
    if (articles or 0) < _MANY:
        return None
    sample = weigh(look, islice(all_newest(look.conn), _SAMPLE))
    if len(sample) < _COMMON * _SAMPLE:
        return None
    titled = sum(1 for _, relevance in sample if relevance.where == "title")
    if titled > _COMMON * _SAMPLE:
        rows = look.conn.execute("select id, title from articles order by published_on desc, id desc")
        first: Iterable[int] = (article_id for article_id, title in rows if look.criteria.is_in_title(title))
    else:
        first = newest(look.conn, rowids(look.conn, in_title(to_fts(look.query))))
    pairs = _with_pairs(look.query, [text for *_, text, _ in texts_of(look.conn, [hit[0] for hit in sample])])
    least = max(index_count(look.conn, to_fts(pairs, look.scope)), len(sample))
    return least, Coarse(_each_once(chain(first, all_newest(look.conn))), {})


def _with_pairs(query: Query, texts: list[str]) -> Query:
    """The query with the commonest pairs that begin with each single character in its place: finds no more than it."""
    folded = [fold(text) for text in texts]

    def spelled(term: Term) -> Term:
        if len(term.text) > 1:
            return term
        pairs = Counter(text[at : at + 2] for text in folded for at in range(len(text) - 1) if text[at] == term.text)
        common = sorted((pair for pair in pairs if "\n" not in pair), key=lambda pair: (-pairs[pair], pair))[:4]
        return replace(term, text=common[0], variants=tuple(common[1:])) if common else term

    return replace(query, groups=tuple(tuple(map(spelled, group)) for group in query.groups))


def _titled(look: Look) -> set[int]:
    """The articles whose title has all that has to be found."""
    positive = replace(look.query, excluded=())  # what is excluded is left out when the texts are weighed
    loose = _ends(positive)
    found = rowids(look.conn, in_title(to_fts(loose)))
    if loose == positive:
        return found
    rows = look.conn.execute(
        "select id, title from articles where id in (select value from json_each(?))", (json.dumps(list(found)),)
    )
    return {article_id for article_id, title in rows if look.criteria.is_in_title(title)}


def _ends(query: Query) -> Query:
    """The query with long phrases shortened to their two ends: finds more, for a fraction of a look into the index."""
    groups: list[tuple[Term, ...]] = []
    for group in query.groups:
        term = group[0]
        if len(group) == 1 and not term.variants and len(term.text) >= 2 * _WORD:
            groups += (replace(term, text=term.text[:2]),), (replace(term, text=term.text[-2:]),)
        else:
            groups.append(group)
    return replace(query, groups=tuple(groups)) if len(groups) > len(query.groups) else query


def _complete_words(look: Look, sample: list[int]) -> set[int]:
    """Matches without the longer runs that words of the query are part of nearly always: 京都 where it is not 東京都.

    The runs are learned from some of the matches. Empty when parts are no trouble, or too many to be told apart.
    """
    weighed = weigh(look, sample)
    parts = [article_id for article_id, relevance in weighed if not relevance.wholeness]
    if len(weighed) - len(parts) >= _FEW or not parts:
        return set()
    texts = [f"{title}\n{text}\n{removed_text}" for _, title, text, removed_text in texts_of(look.conn, parts)]
    longer: dict[str, list[str]] = {}
    for word, runs in look.criteria.longer(texts).items():
        # By name where numbers tie, so that the order of hits is always the same.
        longer[word] = sorted(runs, key=lambda run, runs=runs: (-runs[run], run))[:_RUNS]  # type: ignore[misc]
    explained = sum(1 for text in texts if any(run in text for runs in longer.values() for run in runs))
    if explained < _EXPLAINED * len(texts):
        return set()
    complete = rowids(look.conn, to_fts(replace(look.query, excluded=()), "all", longer), SCORED)
    return complete if len(complete) < SCORED else set()


def _scores(look: Look) -> dict[int, float]:
    """bm25 of every match, the title counting ten times, as a share of the best, rounded so that close ones tie."""
    rows = look.conn.execute(
        "select rowid, bm25(articles_fts, 1.0, 10.0, 0.2) from articles_fts where articles_fts match ?",
        (to_fts(look.query),),
    ).fetchall()
    best = min((score for _, score in rows), default=-1.0) or -1.0
    return {article_id: round(score / best, 2) for article_id, score in rows}


def _in_order(conn: sqlite3.Connection, tiers: Iterable[set[int] | None], scores: Mapping[int, float]) -> Iterator[int]:
    """The ids of each set in turn, each once: the best score first where there are scores, or else newest first.

    None stands for all articles.
    """
    seen: set[int] = set()
    for tier in tiers:
        if tier is None:
            yield from (article_id for article_id in all_newest(conn) if article_id not in seen)
            return
        left = tier - seen
        seen |= left
        by_score = sorted(left, key=lambda article_id: -scores.get(article_id, 0.0)) if scores else []
        for _, tied in groupby(by_score, key=lambda article_id: scores.get(article_id, 0.0)):
            yield from newest(conn, set(tied))
        if not scores:
            yield from newest(conn, left)


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
