"""Captures as rows: adding them in any order, reading them back as records, and what depends on neighbours in time.

The body before a capture, `unchanged`, and a page's state, span and last body are functions of the page's captures.
They are settled again at each insertion, so that the same captures give the same rows whichever came first. What a
server sent goes in as it is and never changes. Captures of third parties are put beside our own of their time.

"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Literal, NamedTuple

from columnarchive.errors import NotFound, StoreError
from columnarchive.records import (
    Capture,
    FaultStep,
    Headers,
    Hop,
    Outcome,
    PageFault,
    PageState,
    PageVisits,
    Visit,
    Wire,
)
from columnarchive.store import blobs, tombstones
from columnarchive.store.articles import Connection
from columnarchive.store.database import Database
from columnarchive.times import from_text

# Outcomes in which the server showed the page: the line of bodies that `unchanged` and a 304 refer to.
LIVE: tuple[Outcome, ...] = ("ok", "unchanged", "redirected", "no_article", "needs_javascript")
# What the newest of these says is a page's state; other outcomes are passing faults.
STATES: dict[Outcome, PageState] = {
    **dict.fromkeys(LIVE, "live"),
    "gone": "gone",
    "missing": "gone",
    "unresolved": "gone",
    "suspect": "suspect",
    "refused_by_robots": "refused",
    "private_address": "refused",
    "not_html": "refused",
    "not_picture": "refused",
}
LIVE_SQL = "outcome in (" + ", ".join(f"'{outcome}'" for outcome in LIVE) + ")"
NOT_MODIFIED = 304
FOUND = json.dumps(
    ["no_article", "needs_javascript", "suspect", "unreadable"]
)  # by derivation, of a page that is shown
AFTER_ALL_TIME = "~"
# Captures of one page in order of time. Within a second, a 304 comes first: what it confirms was there before any
# new body. Ties beyond that are by digest, so that arrival plays no part.
IN_TIME = f"fetched_at, status <> {NOT_MODIFIED}, captures.body_sha256"
_NEWEST_FIRST = IN_TIME.replace(",", " desc,") + " desc"


def settle(conn: sqlite3.Connection, page_id: int, since: str = "") -> None:
    """Bring a page's row, and the `unchanged` of its captures from `since` on, in line with its captures."""
    before = body_before(conn, page_id, since)
    rows = conn.execute(
        f"""select id, status, outcome, body_sha256 from captures
            where page_id = ? and fetched_at >= ? and withdrawal_id is null and body_sha256 <> '' and {LIVE_SQL}
            order by {IN_TIME} limit ?""",
        # Only a capture added, others of its second and the one after them can read differently.
        (page_id, since, 8 if since else -1),
    ).fetchall()
    for capture_id, status, outcome, sha256 in rows:
        if outcome in ("ok", "unchanged") and status != NOT_MODIFIED:
            settled = "unchanged" if sha256 == before else "ok"
            if settled != outcome:
                conn.execute("update captures set outcome = ? where id = ?", (settled, capture_id))
        before = sha256
    _settle_page(conn, page_id)


def body_before(conn: sqlite3.Connection, page_id: int, at: str, status: int = NOT_MODIFIED, sha256: str = "") -> str:
    """The body that the page's last showing before a capture (or, without one, before a time) had; empty without."""
    row = conn.execute(
        f"""select body_sha256 from captures
            where page_id = ? and ({IN_TIME}) < (?, ?, ?) and fetched_at <= ?
              and withdrawal_id is null and body_sha256 <> '' and {LIVE_SQL}
            order by {_NEWEST_FIRST} limit 1""",
        (page_id, at, status != NOT_MODIFIED, sha256, at),
    ).fetchone()
    return row[0] if row else ""


def body_after(conn: sqlite3.Connection, page_id: int, at: str) -> str:
    """The body of the page's next showing: what a capture that came late is coded against."""
    row = conn.execute(
        f"""select body_sha256 from captures where page_id = ? and fetched_at >= ?
              and withdrawal_id is null and body_sha256 <> '' and {LIVE_SQL} order by fetched_at limit 1""",
        (page_id, at),
    ).fetchone()
    return row[0] if row else ""


def _settle_page(conn: sqlite3.Connection, page_id: int) -> None:
    """Span, last body and state of a page, all of them functions of its captures."""
    rows = conn.execute(
        f"""select fetched_at, outcome, body_sha256 from captures where page_id = ? and withdrawal_id is null
            order by {_NEWEST_FIRST}""",
        (page_id,),
    )
    newest: tuple[str, Outcome, str] | None = None
    state: PageState = "failed"
    for newest_or_older in rows:
        newest = newest or newest_or_older
        if newest_or_older[1] in STATES:
            state = STATES[newest_or_older[1]]
            break
    if newest is None:
        return
    first, last = _live_edge(conn, page_id, "asc"), _live_edge(conn, page_id, "desc")
    body = body_before(conn, page_id, AFTER_ALL_TIME)
    # What derivation found the page to be holds as long as it shows the same body.
    conn.execute(
        """update pages set first_seen_at = :first, last_seen_at = :last,
             state = case when :outcome = 'unchanged' and last_outcome in (select value from json_each(:found))
                          and body_sha256 = :body then state else :state end,
             last_outcome = case when :outcome = 'unchanged' and last_outcome in (select value from json_each(:found))
                                 and body_sha256 = :body then last_outcome else :outcome end,
             body_sha256 = :body
           where id = :id""",
        {"first": first, "last": last, "body": body, "state": state, "outcome": newest[1], "id": page_id,
         "found": FOUND},
    )  # fmt: skip


def _live_edge(conn: sqlite3.Connection, page_id: int, order: Literal["asc", "desc"]) -> str:
    """When the page was first or last shown; empty when it never was."""
    row = conn.execute(
        f"""select fetched_at from captures where page_id = ? and withdrawal_id is null and {LIVE_SQL}
            order by fetched_at {order} limit 1""",
        (page_id,),
    ).fetchone()
    return row[0] if row else ""


RESOURCE = "resource"
"""The kind of a page that is a picture of one."""


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """One line of `archive captures URL`."""

    id: int
    url: str
    fetched_at: str
    status: int
    outcome: str
    final_url: str
    body_sha256: str
    error: str
    source: str
    withdrawn: bool
    robots: str
    withdrawn_at: str
    withdrawn_reason: str


def add(db: Database, page_id: int, capture: Capture, source: str = "crawl", refers_to: str = "") -> int | None:
    """Store a capture within the caller's transaction; return its id, None if it is there already or was withdrawn.

    A capture without a body that says `unchanged` refers to `refers_to`, or to the page's last body before it.
    """
    conn = db.conn
    site_id, state, kind = conn.execute("select site_id, state, kind from pages where id = ?", (page_id,)).fetchone()
    if state == "withdrawn":
        return None
    sha256 = capture.body_sha256
    previous = body_before(conn, page_id, capture.fetched_at, capture.status, sha256 or refers_to)
    if capture.body is None and capture.outcome == "unchanged":
        sha256 = refers_to or previous
    if _is_known(conn, page_id, capture, sha256) or is_withdrawn(conn, sha256):
        return None
    addresses = [capture.url, capture.final_url, *(hop.url for hop in capture.wire.hops)]
    if tombstones.is_withdrawn(conn, addresses, None if kind == RESOURCE else capture.body):
        return None
    if capture.body is not None:
        previous = previous or body_after(conn, page_id, capture.fetched_at)
        blobs.write(db, capture.body, 0 if kind == RESOURCE else site_id, previous)
    capture_id = _insert(conn, page_id, capture, sha256, source)
    settle(conn, page_id, capture.fetched_at)
    return capture_id


def visits(db: Database, site_id: int, *, resources: bool = False) -> list[PageVisits]:
    """Every page of a site that has captures, with its visits in order of time, ties by digest; or every resource."""
    rows = db.conn.execute(
        f"""select pages.id, pages.url, fetched_at, outcome, status, captures.body_sha256, headers, final_url
           from pages join captures on captures.page_id = pages.id
           where pages.site_id = ? and withdrawal_id is null and pages.state <> 'withdrawn' and (kind = ?) = ?
           order by pages.id, {IN_TIME}, status, outcome""",
        (site_id, RESOURCE, resources),
    )
    found = [
        PageVisits(page_id, url, tuple(_page_visits(row[2:] for row in lines)))
        for (page_id, url), lines in groupby(rows, key=lambda row: (row[0], row[1]))
    ]
    return sorted(found, key=lambda page: page.url)


def of_page(source: Database | sqlite3.Connection, url: str) -> list[CaptureRow]:
    """Every capture of the page at `url`, oldest first; none for a page that the archive does not know."""
    rows = blobs.connection(source).execute(
        f"""select captures.id, fetched_at, status, outcome, final_url, captures.body_sha256, error, source,
                  withdrawal_id is not null, robots, coalesce(withdrawals.at, ''), coalesce(reason, '')
           from pages join captures on page_id = pages.id left join withdrawals on withdrawals.id = withdrawal_id
           where pages.url = ?
           order by {IN_TIME}, status, captures.id""",
        (url,),
    )
    return [
        CaptureRow(capture_id, url, at, status, outcome, final_url, sha256, error, source, bool(withdrawn), *rest)
        for capture_id, at, status, outcome, final_url, sha256, error, source, withdrawn, *rest in rows
    ]


def load(db: Database, capture_id: int) -> Capture:
    """The full record of a capture; `body` is None for a 304, whose body is the one its row names."""
    row = db.conn.execute(
        """select pages.url, final_url, fetched_at, status, headers, outcome, error, lines, hops, peer, tls,
                  seconds, wire_length, wire_sha256, robots, captures.body_sha256, withdrawal_id
           from captures join pages on pages.id = page_id join sent_headers on capture_id = captures.id
           where captures.id = ?""",
        (capture_id,),
    ).fetchone()
    if row is None:
        raise NotFound("no_capture_number", number=capture_id)
    *fields, sha256, withdrawal_id = row
    if withdrawal_id is not None:
        raise StoreError("capture_withdrawn", url=fields[0], at=fields[2])
    url, final_url, fetched_at, status, headers, outcome, error, asked, hops, *rest, robots = fields
    redirects = tuple(Hop(at, code, headers_of(lines)) for at, code, lines in json.loads(hops))
    wire = Wire(headers_of(asked), redirects, *rest)
    body = blobs.read(db, sha256) if sha256 and status != NOT_MODIFIED else None
    return Capture(url, final_url, fetched_at, status, headers_of(headers), body, outcome, error, wire, robots)


def ids(db: Database, site_id: int | None = None) -> Iterator[int]:
    """The ids of all captures, or of one site's, that were not withdrawn, in order of time."""
    rows = db.conn.execute(
        f"""select captures.id from captures join pages on pages.id = page_id
           where withdrawal_id is null and (:site is null or pages.site_id = :site)
           order by fetched_at, pages.url, status <> {NOT_MODIFIED}, captures.body_sha256, captures.id""",
        {"site": site_id},
    )
    return (row[0] for row in rows)


def body_of(conn: sqlite3.Connection, capture_id: int) -> str:
    """The digest of the body that a capture shows, its own or the one it confirms; empty without one."""
    row = conn.execute("select body_sha256 from captures where id = ?", (capture_id,)).fetchone()
    return str(row[0]) if row else ""


def source_of(conn: sqlite3.Connection, capture_id: int) -> str:
    """Return where a capture came from: `crawl` for our own."""
    return str(conn.execute("select source from captures where id = ?", (capture_id,)).fetchone()[0])


def is_withdrawn(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether the body with this digest was withdrawn for good."""
    found = conn.execute("select 1 from captures where body_sha256 = ? and withdrawal_id is not null", (sha256,))
    return bool(sha256) and found.fetchone() is not None


def knows_body(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether the body with this digest is stored, or was and has been withdrawn."""
    return bool(sha256) and (blobs.has(conn, sha256) or is_withdrawn(conn, sha256))


def status_at(conn: sqlite3.Connection, url: str, at: str) -> int | None:
    """Return the status of the capture of the page at `url` at this very time, withdrawn or not; None without one."""
    query = "select status from pages join captures on page_id = pages.id where url = ? and fetched_at = ?"
    row = conn.execute(query, (url, at)).fetchone()
    return int(row[0]) if row else None


def body_at(conn: sqlite3.Connection, url: str, at: str) -> str:
    """The digest of the body that the page at `url` showed at or last before a time; empty without one."""
    page = conn.execute("select id from pages where url = ?", (url,)).fetchone()
    return body_before(conn, page[0], at, 200, AFTER_ALL_TIME) if page else ""


def headers_of(lines: str | Sequence[Sequence[str]]) -> Headers:
    """Header lines from their JSON, or from what was read from it."""
    pairs = json.loads(lines or "[]") if isinstance(lines, str) else lines
    return tuple((name, value) for name, value in pairs)


def _page_visits(rows: Iterator[tuple[str, Outcome, int, str, str, str]]) -> Iterator[Visit]:
    types: dict[str, str] = {}
    for at, outcome, status, sha256, headers, final_url in rows:
        stated = next((value for name, value in json.loads(headers) if name.lower() == "content-type"), "")
        # A 304 seldom repeats the type of the body it confirms.
        content_type = stated if stated and status != NOT_MODIFIED else types.get(sha256, stated)
        types.setdefault(sha256, content_type)
        yield Visit(at, outcome, status, sha256, content_type, final_url)


def _is_known(conn: sqlite3.Connection, page_id: int, capture: Capture, sha256: str) -> bool:
    found = conn.execute(
        "select 1 from captures where page_id = ? and fetched_at = ? and status = ? and body_sha256 = ?",
        (page_id, capture.fetched_at, capture.status, sha256),
    )
    return found.fetchone() is not None


def _insert(conn: sqlite3.Connection, page_id: int, capture: Capture, sha256: str, source: str) -> int:
    wire = capture.wire
    hops = [[hop.url, hop.status, hop.headers] for hop in wire.hops]
    shared_id, own_lines = None, wire.request_headers
    if source == "crawl":
        shared_id, own_lines = _split_request(conn, own_lines)
    cursor = conn.execute(
        """insert into captures(page_id, fetched_at, status, final_url, headers, body_sha256, outcome, error,
             request_headers, hops, peer, tls, seconds, wire_length, wire_sha256, source, robots,
             shared_headers_id)
           values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            page_id, capture.fetched_at, capture.status, _storable(capture.final_url), as_json(capture.headers), sha256,
            capture.outcome, _storable(capture.error), as_json(own_lines), as_json(hops), wire.peer,
            wire.tls, wire.seconds, wire.length, wire.sha256, source,
            _storable(capture.robots), shared_id,
        ),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def _split_request(conn: sqlite3.Connection, lines: Headers) -> tuple[int | None, Headers]:
    """Return the id of the lines before the first conditional one, which other visits share, and the lines after."""
    conditional = (number for number, (name, _) in enumerate(lines) if name.lower().startswith("if-"))
    end = next(conditional, len(lines))
    if not end:
        return None, lines
    shared = as_json(lines[:end])
    conn.execute("insert or ignore into shared_headers(lines) values (?)", (shared,))
    (shared_id,) = conn.execute("select id from shared_headers where lines = ?", (shared,)).fetchone()
    return shared_id, lines[end:]


def as_json(value: object) -> str:
    """JSON in ASCII: SQLite takes no lone surrogates, and headers may hold any byte."""
    return json.dumps(value, separators=(",", ":"))


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


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


def withdrawals_at(conn: Connection, url: str) -> list[Tombstone]:
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
        """select captures.id, pages.url, fetched_at, status, outcome, final_url, headers, lines, hops,
                  captures.body_sha256, coalesce(raw_size, 0), wire_length, wire_sha256, peer, tls, source, error,
                  coalesce(chain.link_sha256, ''), coalesce(chain.at, ''), withdrawal_id is not null
           from pages join captures on captures.page_id = pages.id join sent_headers on capture_id = captures.id
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
        capture_id, page, when, status, outcome, final_url, headers_of(headers), headers_of(asked),
        tuple((hop[0], hop[1]) for hop in json.loads(hops)), *rest,
    )  # fmt: skip


def known_faults(conn: sqlite3.Connection, rules: str) -> dict[tuple[str, FaultStep], str]:
    """The reasons of all faults met under these rules, by body and step."""
    rows = conn.execute("select body_sha256, step, reason from page_faults where rules = ?", (rules,))
    return {(sha256, step): reason for sha256, step, reason in rows}


def remember_faults(conn: sqlite3.Connection, faults: Iterable[PageFault], rules: str, at: str) -> None:
    """Record faults; those met under other rules are forgotten, as their bodies are tried again."""
    conn.execute("delete from page_faults where rules <> ?", (rules,))
    conn.executemany(
        "insert or ignore into page_faults values (?, ?, ?, ?, ?)",
        ((fault.body_sha256, fault.step, rules, fault.reason, at) for fault in faults),
    )


@dataclass(frozen=True, slots=True)
class UnreadablePage:
    """A page whose newest body could not be read, compared or searched for links, and why."""

    url: str
    step: FaultStep
    reason: str


def unreadable_pages(conn: sqlite3.Connection, url: str = "") -> list[UnreadablePage]:
    """The pages whose newest body met a fault; only the one at `url` if it is given."""
    rows = conn.execute(
        """select url, step, reason from page_faults join pages using (body_sha256)
           where url = :url or :url = '' order by url, step""",
        {"url": url},
    )
    return [UnreadablePage(*row) for row in rows]


OWN = "crawl"  # the source of our own captures
NEAR = timedelta(hours=1)  # captures this close are of the same time
Verdict = Literal["agrees", "differs", "alone"]


@dataclass(frozen=True, slots=True)
class Witness:
    """A third party's capture of an article.

    `agrees`: one of our captures around it has its text. `differs`: it has another text than ours of the same hour, or
    than ours before and after it, which have one. `alone`: none of ours tells what the text was at the time.
    `own_revision` is ours in the first two cases.
    """

    at: str
    source: str
    verdict: Verdict
    revision: int
    own_revision: int = 0
    own_at: str = ""


class _Seen(NamedTuple):
    at: str
    source: str
    revision: int
    fingerprint: str


def witnesses(conn: sqlite3.Connection, article_id: int) -> list[Witness]:
    """Return the captures of an article that are not our own, oldest first, each beside ours of its time."""
    rows = conn.execute(
        f"""select fetched_at, source, min(number), fingerprint
            from pages join captures on page_id = pages.id
            join revisions on revisions.article_id = pages.article_id
              and fetched_at between revisions.first_seen_at and revisions.last_seen_at
            where pages.article_id = ? and withdrawal_id is null and captures.body_sha256 <> '' and {LIVE_SQL}
            group by captures.id order by fetched_at""",
        (article_id,),
    )
    seen = [_Seen(*row) for row in rows]
    own = [one for one in seen if one.source == OWN]
    return [_judged(one, own) for one in seen if one.source != OWN]


def _judged(one: _Seen, own: Sequence[_Seen]) -> Witness:
    before = next((each for each in reversed(own) if each.at <= one.at), None)
    after = next((each for each in own if each.at >= one.at), None)
    near = [each for each in (before, after) if each and _is_near(each.at, one.at)]
    around = [before, after] if before and after else near
    same = next((each for each in around if each.fingerprint == one.fingerprint), None)
    if same:
        return Witness(one.at, one.source, "agrees", one.revision, same.revision, same.at)
    if before and after and before.fingerprint == after.fingerprint:
        near = near or [before]
    if near:
        return Witness(one.at, one.source, "differs", one.revision, near[0].revision, near[0].at)
    return Witness(one.at, one.source, "alone", one.revision)


def _is_near(one: str, other: str) -> bool:
    return abs(from_text(one) - from_text(other)) <= NEAR
