"""Reading the ledger: what columns state, since when, and which of them lack a statement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from columnarchive.store.reads import Connection

OWN = "own_treatment"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that shows a kind, the words in it that do, and the time in which it stood."""

    text: str
    words: tuple[str, ...]
    since_at: str
    until_at: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Whether a column states one kind, since when, and by which sentences.

    `where` is text or template for what stands, unknown for a page that could not be read or only in part; else empty.
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
    """Which columns and kinds are wanted: all where nothing is given. `at` is a moment, "" for now."""

    sites: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    kind: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class LedgerColumn:
    """A column of which a ledger is kept. `is_read` is false if its newest page was not read, or not whole."""

    id: int
    url: str
    site: str
    title: str
    last_seen_at: str
    is_read: bool


def columns(conn: Connection, chosen: LedgerFilter) -> list[LedgerColumn]:
    """Return the chosen columns in the order of their addresses."""
    clauses, values = ["1"], []
    for name, wanted in (("site", chosen.sites), ("url", chosen.urls)):
        if wanted:
            clauses.append(f"articles.{name} in (select value from json_each(?))")
            values.append(json.dumps(wanted))
    where = f"({' or '.join(clauses[1:])})" if len(clauses) > 1 else "1"
    if chosen.at:
        where += " and articles.first_seen_at <= ?"
        values.append(chosen.at)
    query = f"""select id, url, site, title, last_seen_at, state = 'live' and not exists (
            select 1 from pages where article_id = articles.id and last_outcome not in ('ok', 'unchanged', '')
            and state <> 'gone') from articles where {where} order by url"""
    return [LedgerColumn(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in conn.execute(query, values)]


def disclosures(conn: Connection, chosen: LedgerFilter) -> Iterator[Disclosure]:
    """Yield what the chosen columns state or stated, a record for each column and kind."""
    for column in columns(conn, chosen):
        yield from _of_column(conn, column, chosen)


def missing(conn: Connection, chosen: LedgerFilter) -> Iterator[Disclosure]:
    """Yield the columns that offer a treatment and do not state `chosen.kind` at that time."""
    standing = "until_revision = 0"
    number = """(select max(number) from revisions where article_id = articles.id and first_seen_at <= :at)"""
    if chosen.at:
        standing = f"since_revision <= {number} and (until_revision = 0 or until_revision >= {number})"
    query = f"""select articles.id from articles where
        exists (select 1 from observations where article_id = articles.id and kind = :own and {standing})
        and not exists (select 1 from observations where article_id = articles.id and kind = :kind and {standing})"""
    wanted = {row[0] for row in conn.execute(query, {"own": OWN, "kind": chosen.kind, "at": chosen.at})}
    for column in columns(conn, chosen):
        if column.id in wanted:
            ended = next(_of_column(conn, column, chosen), None)
            where = "" if column.is_read else "unknown"
            until_at, evidence = (ended.until_at, ended.evidence) if ended else ("", ())
            since_at = ended.since_at if ended else ""
            yield Disclosure(
                column.url, column.site, column.title, chosen.kind, False, since_at, column.last_seen_at, until_at,
                where, evidence,
            )  # fmt: skip


def template_lines(conn: Connection, site: str) -> list[str]:
    """Return the lines that a site's pages share, as far as they are stored."""
    row = conn.execute("select template from sites where name = ?", (site,)).fetchone()
    return [str(text) for text, _ in json.loads(row[0])["common"]] if row and row[0] else []


def _of_column(conn: Connection, column: LedgerColumn, chosen: LedgerFilter) -> Iterator[Disclosure]:
    query = """select kind, text, words, since_at, since_revision, until_at, until_revision from observations
        where article_id = ? and (? in ('', kind)) order by kind, until_revision > 0, until_revision, position, id"""
    rows = conn.execute(query, (column.id, chosen.kind)).fetchall()
    newest = _number_at(conn, column.id, chosen.at)
    for kind, group in groupby(rows, key=itemgetter(0)):
        known = [row for row in group if row[4] <= newest]
        if known:
            yield _disclosure(column, kind, known, newest if chosen.at else 0)


def _number_at(conn: Connection, article_id: int, at: str) -> int:
    if not at:
        return 1 << 62
    query = "select coalesce(max(number), 0) from revisions where article_id = ? and first_seen_at <= ?"
    return int(conn.execute(query, (article_id, at)).fetchone()[0])


def _disclosure(column: LedgerColumn, kind: str, rows: Sequence[Sequence[Any]], number: int) -> Disclosure:
    """Build the record of one kind from its rows, as of revision `number`, or of now when that is 0."""
    ends = {id(row): 0 if number and row[6] >= number else row[6] for row in rows}
    stands = any(end == 0 for end in ends.values())
    since_at, last, until_at = "", -1, ""
    for row in sorted(rows, key=lambda one: (one[4], ends[id(one)] or 1 << 62)):
        if not since_at or row[4] > last + 1:
            since_at, until_at = row[3], ""
        last = max(last, ends[id(row)] or 1 << 62)
        until_at = max(until_at, row[5])
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
            Evidence(row[1], tuple(json.loads(row[2])), row[3], "" if ends[id(row)] == 0 else row[5])
            for row in sorted(rows, key=lambda one: ends[id(one)] != 0)
            if ends[id(row)] == 0 or not stands
        ),
    )
