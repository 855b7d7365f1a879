"""What the browser's pages show, read as records: lists of limited length, each over an index or a bounded scan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from columnarchive.errors import NotFound
from columnarchive.records import Headers
from columnarchive.store.reads import Connection

TABLES = ("sites", "pages", "captures", "articles", "revisions", "passages", "changes", "edits", "articles_fts")
"""An archive is the database that has these, whatever it is called."""

RECENT = 500
"""How many of the newest changes the counts by level and label cover."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the newest changes have each level and each label, and how many were counted."""

    levels: dict[int, int]
    labels: dict[str, int]
    counted: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of an archive at a glance."""

    sites: int
    articles: int
    changes: int


@dataclass(frozen=True, slots=True)
class Card:
    """An article as a list shows it."""

    url: str
    site: str
    title: str
    published_on: str
    first_seen_at: str
    last_seen_at: str
    changed_at: str
    revisions: int
    state: str


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one article, for its timeline."""

    from_number: int
    to_number: int
    seen_at: str
    level: int
    labels: tuple[str, ...]
    summary: str
    after_at: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """The article and the times that a change's permanent address is made of."""

    url: str
    old_at: str
    new_at: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What remains of something withdrawn."""

    url: str
    at: str
    captured_at: str
    reason: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """A capture without its body: what was asked, what came, and where it stands in the chain."""

    id: int
    url: str
    fetched_at: str
    status: int
    outcome: str
    final_url: str
    headers: Headers
    request_headers: Headers
    hops: tuple[tuple[str, int], ...]
    body_sha256: str
    body_size: int
    wire_length: int
    wire_sha256: str
    peer: str
    tls: str
    source: str
    error: str
    link: str
    link_at: str
    withdrawn: bool


def is_archive(conn: Connection) -> bool:
    """Whether this database is an archive, by its tables."""
    marks = ", ".join("?" * len(TABLES))
    found = conn.execute(f"select count(*) from sqlite_master where type = 'table' and name in ({marks})", TABLES)
    return bool(found.fetchone()[0] == len(TABLES))


def counts(conn: Connection) -> Counts:
    """Sites, articles and changes, counted over indexes."""
    row = conn.execute(
        "select (select count(*) from sites), (select count(*) from articles), (select count(*) from changes)"
    ).fetchone()
    return Counts(*row)


def tally(conn: Connection) -> Tally:
    """Counts by level and label over the newest changes."""
    levels: dict[int, int] = {}
    labels: dict[str, int] = {}
    counted = 0
    for level, names in conn.execute("select level, labels from changes order by seen_at desc limit ?", (RECENT,)):
        counted += 1
        levels[level] = levels.get(level, 0) + 1
        for name in json.loads(names):
            labels[name] = labels.get(name, 0) + 1
    return Tally(levels, labels, counted)


_CARD = "url, site, title, published_on, first_seen_at, last_seen_at, changed_at, revisions, state"


def newest(conn: Connection, limit: int) -> list[Card]:
    """The articles that the archive saw last for the first time, newest first."""
    rows = conn.execute(f"select {_CARD} from articles order by first_seen_at desc, url limit ?", (limit,))
    return [Card(*row) for row in rows]


def gone(conn: Connection, limit: int) -> list[Card]:
    """The articles that are no longer there, last seen first."""
    rows = conn.execute(
        f"select {_CARD} from articles where state = 'gone' order by last_seen_at desc, url limit ?", (limit,)
    )
    return [Card(*row) for row in rows]


def cards(conn: Connection, site: str, limit: int, offset: int) -> list[Card]:
    """Articles of a site, or of all when it is empty, last published first."""
    where, values = ("where site = ?", [site]) if site else ("", [])
    # Which they are is told by an index alone; the rows are long.
    rows = conn.execute(
        f"""select {_CARD} from articles
            where id in (select id from articles {where} order by published_on desc, url limit ? offset ?)
            order by published_on desc, url""",
        (*values, limit, offset),
    )
    return [Card(*row) for row in rows]


def steps(conn: Connection, article_id: int) -> list[Step]:
    """The changes of an article, oldest first."""
    rows = conn.execute(
        """select from_number, to_number, seen_at, level, labels, summary, after_at from changes where article_id = ?
           order by seen_at, to_number, from_number""",
        (article_id,),
    )
    labels: dict[str, tuple[str, ...]] = {}  # most changes are alike
    found = []
    for old, new, at, level, names, summary, after in rows:
        if names not in labels:
            labels[names] = tuple(json.loads(names))
        found.append(Step(old, new, at, level, labels[names], summary, after))
    return found


def step(conn: Connection, change_id: int) -> Ends:
    """What a row of `changes` compares."""
    row = conn.execute(
        """select articles.url, older.first_seen_at, newer.first_seen_at
           from changes join articles on articles.id = changes.article_id
           join revisions as older on older.article_id = articles.id and older.number = from_number
           join revisions as newer on newer.article_id = articles.id and newer.number = to_number
           where changes.id = ?""",
        (change_id,),
    ).fetchone()
    if row is None:
        raise NotFound("no_change")
    return Ends(*row)


def tombstones(conn: Connection, url: str) -> list[Tombstone]:
    """What was withdrawn at an address, oldest first."""
    rows = conn.execute(
        "select url, at, captured_at, reason, digests from withdrawals where url = ? order by at", (url,)
    )
    return [
        Tombstone(page, at, captured_at, reason, tuple(one["body_sha256"] for one in json.loads(digests)))
        for page, at, captured_at, reason, digests in rows
    ]


def stored(conn: Connection, url: str, at: str) -> Stored:
    """The capture of a page at a time, or the last one before it; the newest one when no time is given.

    An article that moved has its earlier captures under other addresses, so those count as well, after the page's own.
    """
    row = conn.execute(
        """select captures.id, pages.url, fetched_at, status, outcome, final_url, headers, request_headers, hops,
                  captures.body_sha256, coalesce(raw_size, 0), wire_length, wire_sha256, peer, tls, source, error,
                  coalesce(chain.link_sha256, ''), coalesce(chain.at, ''), withdrawal_id is not null
           from pages join captures on captures.page_id = pages.id
           left join bodies on bodies.sha256 = captures.body_sha256 left join chain on chain.id = captures.link_id
           where pages.id in (select id from pages where url = :url
                              union select other.id from pages as own join pages as other
                              on other.article_id = own.article_id where own.url = :url
                              union select page.id from pages as page join articles
                              on articles.id = page.article_id where articles.url = :url)
             and fetched_at <= :at
           order by pages.url = :url and fetched_at = :at desc, fetched_at desc, pages.url = :url desc, captures.id desc
           limit 1""",
        {"url": url, "at": at or "~"},
    ).fetchone()
    if row is None:
        raise NotFound("no_capture_until", url=url, at=at) if at else NotFound("no_capture", url=url)
    capture_id, page, when, status, outcome, final_url, headers, asked, hops, *rest = row
    return Stored(
        capture_id, page, when, status, outcome, final_url, _lines(headers), _lines(asked),
        tuple((hop[0], hop[1]) for hop in json.loads(hops)), *rest,
    )  # fmt: skip


def _lines(text: str) -> Headers:
    lines: Sequence[Sequence[str]] = json.loads(text or "[]")
    return tuple((str(line[0]), str(line[1])) for line in lines)
