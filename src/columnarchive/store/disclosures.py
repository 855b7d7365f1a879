"""Reading the ledger: what columns state, since when, and which of them lack a statement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from columnarchive.store.articles import Connection

OWN = "own_treatment"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that shows a kind, the words in it that do, and the time in which it stood."""

    text: str
    words: tuple[str, ...]
    since_at: str
    until_at: str


class Disclosure(NamedTuple):
    """Whether a column states one kind, since when, and by which sentences.

    `where` is text for what stands; of what does not stand in the text it is template or picture where the rest of the
    captured page states it, unknown for a page that was not read or only in part, else empty.
    """

    url: str
    site: str
    title: str
    kind: str
    stands: bool
    since_at: str
    last_seen_at: str
    until_at: str
    where: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which columns and kinds are wanted: all where nothing is given. `at` is a moment, "" for now.

    `lacking` wants only columns that offer a treatment and do not state `kind` in their text.
    """

    sites: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    kind: str = ""
    at: str = ""
    lacking: bool = False
    limit: int = -1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class LedgerColumn:
    """A column of which a ledger is kept. `is_read` is false if its newest page was not read, or not whole.

    `number` is the revision that stood at the moment asked for, 0 for the present one.
    """

    id: int
    url: str
    site: str
    title: str
    last_seen_at: str
    is_read: bool
    number: int = 0


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """A column to be coded by hand, as it was read at `read_at`."""

    url: str
    site: str
    title: str
    read_at: str
    text: str


_NUMBER = "(select coalesce(max(number), 0) from revisions where article_id = articles.id and first_seen_at <= :at)"
_STATED = "exists (select 1 from observations where article_id = articles.id and kind = :{} and {})"
_NOW = "until_revision = 0"
_THEN = f"since_revision <= {_NUMBER} and (until_revision = 0 or until_revision >= {_NUMBER})"
# Of all columns, two runs through an index are faster than two look-ups a column.
_LACKS = """articles.id in (select article_id from observations where kind = :own and until_revision = 0
    except select article_id from observations where kind = :kind and until_revision = 0)"""
_UNREAD = "state <> 'gone' and last_outcome not in ('ok', 'unchanged', '')"
_ROW = "article_id, observations.kind, observations.text, words, since_at, since_revision, until_at, until_revision"


def _chosen(chosen: LedgerFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition on `articles` that a filter stands for, with its parameters."""
    named = {"site": chosen.sites, "url": chosen.urls}
    either = [f"articles.{name} in (select value from json_each(:{name}))" for name, wanted in named.items() if wanted]
    clauses = [f"({' or '.join(either)})"] if either else []
    clauses += ["articles.first_seen_at <= :at"] if chosen.at else []
    if chosen.lacking:
        standing = _THEN if chosen.at else _NOW
        one_by_one = f"{_STATED.format('own', standing)} and not {_STATED.format('kind', standing)}"
        clauses.append(one_by_one if chosen.at or _is_part(chosen) else _LACKS)
    values = {name: json.dumps(wanted) for name, wanted in named.items()}
    return " and ".join(clauses) or "1", {**values, "own": OWN, "kind": chosen.kind, "at": chosen.at}


def _is_part(chosen: LedgerFilter) -> bool:
    return bool(chosen.sites or chosen.urls or chosen.limit >= 0)


def columns(conn: Connection, chosen: LedgerFilter) -> list[LedgerColumn]:
    """Return the chosen columns in the order of their addresses."""
    where, values = _chosen(chosen)
    number = _NUMBER if chosen.at else "0"
    query = f"""select id, url, site, title, last_seen_at, state = 'live' and not exists (
            select 1 from pages where article_id = articles.id and {_UNREAD}), {number}
        from articles where {where} order by url limit :limit offset :offset"""
    rows = conn.execute(query, {**values, "limit": chosen.limit, "offset": chosen.offset})
    return [LedgerColumn(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6]) for row in rows]


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many columns of a site state a kind now, and since when the first of them does."""

    site: str
    kind: str
    columns: int
    since_at: str


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in which a column stated a kind without a break; `until_at` is empty while it does."""

    url: str
    title: str
    since_at: str
    until_at: str
    text: str


def kind_counts(conn: Connection, sites: Sequence[str]) -> list[KindCount]:
    """Return how many columns of each site state each kind, by site and kind."""
    query = """select site, observations.kind, count(distinct article_id), min(since_at)
        from articles indexed by articles_site join observations on article_id = articles.id and until_revision = 0
        where site in (select value from json_each(?)) group by 1, 2 order by 1, 2"""
    return [KindCount(*row) for row in conn.execute(query, (json.dumps(sites),))]


def spans(conn: Connection, site: str, kind: str) -> list[Span]:
    """Return the spans in which the columns of a site stated a kind, the newest first."""
    query = """select url, title, since_revision, since_at, until_at, until_revision, observations.text
        from articles indexed by articles_site join observations on article_id = articles.id
        where site = ? and observations.kind = ? order by url, since_revision, until_revision = 0 desc,
            until_revision desc"""
    found: list[Span] = []
    last = 0
    for url, title, first, since_at, until_at, end, text in conn.execute(query, (site, kind)):
        same = found[-1] if found and found[-1].url == url and first <= last + 1 else None
        if same:
            found[-1] = replace(same, until_at=max(until_at, same.until_at) if end and same.until_at else "")
            last = max(last, end or 1 << 62)
        else:
            found.append(Span(url, title, since_at, until_at, text))
            last = end or 1 << 62
    return sorted(found, key=lambda one: (one.since_at, one.url), reverse=True)


def elsewhere(conn: Connection, article_id: int) -> dict[str, str]:
    """Map the kinds that an article's page states outside its text to where it does: template or picture."""
    return dict(conn.execute("select kind, place from page_observations where article_id = ?", (article_id,)))


def sampled(conn: Connection, urls: Sequence[str]) -> list[SampledColumn]:
    """Return columns with their text, in the order of the addresses given."""
    query = "select url, site, title, last_seen_at, text from articles where url = ?"
    return [SampledColumn(*row) for url in urls for row in conn.execute(query, (url,))]


def count(conn: Connection, chosen: LedgerFilter) -> int:
    """Return how many columns are chosen."""
    where, values = _chosen(chosen)
    return int(conn.execute(f"select count(*) from articles where {where}", values).fetchone()[0])


def disclosures(conn: Connection, chosen: LedgerFilter) -> Iterator[Disclosure]:
    """Yield what the chosen columns state or stated: a record for each column and kind, the lacking ones included."""
    if chosen.lacking:
        yield from _lacking(conn, chosen)
        return
    known = {column.id: column for column in columns(conn, chosen)}
    for article_id, kinds in groupby(_rows(conn, chosen, known), key=lambda row: int(row[0])):
        for kind, rows in groupby(kinds, key=lambda row: str(row[1])):
            if one := _disclosure(known[article_id], kind, list(rows), bool(chosen.at)):
                yield one


def _lacking(conn: Connection, chosen: LedgerFilter) -> Iterator[Disclosure]:
    """Yield the columns that lack a kind; there may be as many as columns, so each costs as little as can be."""
    where, values = _chosen(chosen)
    values |= {"limit": chosen.limit, "offset": chosen.offset}
    query = (
        f"select id, url, site, title, last_seen_at, state, {_NUMBER if chosen.at else 0} from articles where {where}"
    )
    found = conn.execute(query if chosen.limit < 0 else f"{query} order by url limit :limit offset :offset", values)
    rows = sorted(found, key=itemgetter(1))
    among = ""
    if _is_part(chosen):
        among, values["ids"] = (
            "and article_id in (select value from json_each(:ids))",
            json.dumps([row[0] for row in rows]),
        )
    places = dict(conn.execute(f"select article_id, place from page_observations where kind = :kind {among}", values))
    unread = {row[0] for row in conn.execute(f"select article_id from pages where {_UNREAD} {among}", values)}
    ended = f"""select {_ROW} from observations where kind = :kind and (until_revision > 0 or :at <> '') {among}
        order by article_id, until_revision, position, id"""
    spans = {key: list(group) for key, group in groupby(conn.execute(ended, values), key=itemgetter(0))}
    for article_id, url, site, title, last_seen_at, state, number in rows:
        place = places.get(article_id, "") if state == "live" and article_id not in unread else "unknown"
        one = None
        if article_id in spans:
            column = LedgerColumn(article_id, url, site, title, last_seen_at, place != "unknown", number)
            one = _disclosure(column, chosen.kind, spans[article_id], bool(chosen.at))
        if one:
            yield one._replace(where=place, last_seen_at=last_seen_at)
        else:
            yield Disclosure(url, site, title, chosen.kind, False, "", last_seen_at, "", place, ())


def _rows(conn: Connection, chosen: LedgerFilter, known: Mapping[int, LedgerColumn]) -> Iterator[Sequence[Any]]:
    """Yield the observations of columns, by address, kind and end."""
    where, values = _chosen(chosen)
    if chosen.limit >= 0:
        where, values["ids"] = "articles.id in (select value from json_each(:ids))", json.dumps([*known])
    query = f"""select {_ROW} from articles join observations on articles.id = article_id
        where {where} and (:kind = '' or observations.kind = :kind)
        order by url, article_id, observations.kind, until_revision > 0, until_revision, position, observations.id"""
    return iter(conn.execute(query, values))


def _disclosure(column: LedgerColumn, kind: str, rows: Sequence[Sequence[Any]], then: bool) -> Disclosure | None:
    """Build the record of one kind from its rows, now or as of the column's `number`; None before the first."""
    number = column.number if then else 1 << 62
    spans = [
        _Span(row[2], tuple(json.loads(row[3])), row[4], row[5], row[6], 0 if then and row[7] >= number else row[7])
        for row in rows
        if row[5] <= number
    ]
    if not spans:
        return None
    stands = any(span.until_revision == 0 for span in spans)
    since_at, last, until_at = "", -1, ""
    for span in sorted(spans, key=lambda one: (one.since_revision, one.until_revision or 1 << 62)):
        if not since_at or span.since_revision > last + 1:
            since_at, until_at = span.since_at, ""
        last = max(last, span.until_revision or 1 << 62)
        until_at = max(until_at, span.until_at)
    evidence = [span for span in spans if span.until_revision == 0 or not stands]
    return Disclosure(
        column.url,
        column.site,
        column.title,
        kind,
        stands,
        since_at,
        column.last_seen_at if stands else until_at,
        "" if stands else until_at,
        "text" if stands else "",
        tuple(
            Evidence(span.text, span.words, span.since_at, span.until_at if span.until_revision else "")
            for span in evidence
        ),
    )


@dataclass(frozen=True, slots=True)
class _Span:
    text: str
    words: tuple[str, ...]
    since_at: str
    since_revision: int
    until_at: str
    until_revision: int
