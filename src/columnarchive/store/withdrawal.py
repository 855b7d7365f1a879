"""Removing captures for good: rows blanked, bodies erased, what was coded against them coded anew, a tombstone left."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from columnarchive.errors import NotFound, StoreError, UsageError
from columnarchive.records import Capture
from columnarchive.store import blobs, captures, changes, fulltext, hash_chain, pictures, site_writer, sites, tombstones
from columnarchive.store.database import Database, translated
from columnarchive.store.tombstones import is_withdrawn as is_withdrawn


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a withdrawal took: captures and bodies by number, and the pages and sites they were of."""

    captures: int
    bodies: int
    urls: tuple[str, ...]
    site_ids: tuple[int, ...]
    remnants: tuple[Remnant, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What to withdraw: a page, or with `at` the body that it showed then.

    `targets` returns the addresses that a capture names as its page's own or next one (canonical link, refresh).
    """

    url: str
    at: str
    reason: str
    now: str
    targets: Callable[[Capture], Iterable[str]] = lambda _: ()


def is_known(db: Database, url: str) -> bool:
    """Whether the archive has a page at exactly this address."""
    return db.conn.execute("select 1 from pages where url = ?", (url,)).fetchone() is not None


def erase(db: Database, request: Request) -> Erasure:
    """Erase a page with all its captures, or with `at` the body it showed then, in one transaction.

    A page goes with the other addresses of its article; a body goes wherever it was captured. Every address of an
    article and a sample of its text are bound: see `tombstones`. Raises NotFound for what the archive does not hold and
    UsageError for a time that names several captures.
    """
    url, at = request.url, request.at
    with db.transaction() as conn:
        page = conn.execute("select id, state from pages where url = ?", (url,)).fetchone()
        if page is None:
            raise NotFound("unknown_page", url=url)
        if page[1] == "withdrawn":
            return Erasure(0, 0, (url,), ())
        site = Site(conn, page[0])
        if at:
            addresses: set[str] = set()
            pages: list[int] = []
            chosen = _captures_at(conn, page[0], url, at)
            text = of_captures(site, chosen)
        else:
            pages = _pages_of_article(conn, page[0])
            text = of_pages(site, pages)
            addresses, pages = _addresses(db, request, pages, text)
            own_pictures = pictures.only_of(conn, pages)
            addresses.update(own_pictures.values())
            pages = sorted({*pages, *own_pictures})
            chosen = _captures_of(conn, pages)
        chosen, digests = _with_same_bodies(conn, chosen)
        if not chosen and at:
            raise NotFound("no_capture_at", url=url, at=at)
        touched = sorted({*_column(conn, "select page_id from captures where id in ({})", chosen), *pages})
        withdrawal_id = _bury(conn, request, chosen)
        tombstones.bind(conn, withdrawal_id, addresses, text.shingles)
        blobs.erase(conn, digests)
        pictures.forget(conn, digests)
        db.dictionaries.clear()
        # Derived text goes in the same transaction; deriving the sites again brings back what may stay.
        query = "select id, url from articles where id in (select article_id from pages where id in ({}))"
        articles = dict(_select(conn, query, touched))
        for article_id in articles:
            site_writer.delete_article(conn, article_id)
        _settle_pages(conn, touched, pages)
        site_ids = _column(conn, "select distinct site_id from pages where id in ({})", touched)
        _select(conn, "update sites set derived_from = 0 where id in ({})", site_ids)
        urls = tuple(_column(conn, "select url from pages where id in ({}) order by url", touched))
        hash_chain.forget_evidence(conn, urls)
        changes.erase_reviews(conn, {url, *addresses, *urls, *articles.values()})
        sites.forget_gaps(conn, site_ids, {url, *addresses, *urls})
        return Erasure(len(chosen), len(digests), urls, tuple(site_ids), remnants(site, text))


def scour(db: Database) -> None:
    """Rewrite the file without what was deleted, log included; raise StoreError while another process reads it."""
    with translated(db.path):
        fulltext.optimize(db.conn)
        db.conn.execute("vacuum")
        busy, *_ = db.conn.execute("pragma wal_checkpoint(truncate)").fetchone()
    if busy:
        raise StoreError("withdrawal_log")


def _pages_of_article(conn: sqlite3.Connection, page_id: int) -> list[int]:
    """The page and the other addresses of its article: they say the same."""
    rows = conn.execute(
        """select other.id from pages join pages as other on other.article_id = pages.article_id where pages.id = ?""",
        (page_id,),
    )
    return sorted({page_id, *(row[0] for row in rows)})


def _addresses(db: Database, request: Request, pages: Sequence[int], text: WithdrawnText) -> tuple[set[str], list[int]]:
    """Return every address of an article, and its pages with those at these addresses that show its text.

    A target that shows something else, such as the front page that a removed column redirects to, stays free.
    """
    conn = db.conn
    own = set(_column(conn, "select url from pages where id in ({})", pages))
    targets: set[str] = set()
    query = "select min(id) from captures where page_id in ({}) and withdrawal_id is null group by page_id, body_sha256"
    for capture_id in _column(conn, query, pages):
        capture = captures.load(db, capture_id)
        targets.update((capture.final_url, *(hop.url for hop in capture.wire.hops), *request.targets(capture)))
    bound, more = set(own), set(pages)
    for target in filter(None, targets - own):
        page = conn.execute("select id, kind from pages where url = ?", (target,)).fetchone()
        if urlsplit(target).path in ("", "/") and not urlsplit(target).query:
            continue
        if page is None or (page[1] != "listing" and _shows(conn, page[0], text)):
            bound.add(target)
            more.update([page[0]] if page else [])
    return bound, sorted(more)


def _shows(conn: sqlite3.Connection, page_id: int, text: WithdrawnText) -> bool:
    """Whether the page has shown nothing at all, or the withdrawn text last."""
    (sha256,) = conn.execute("select body_sha256 from pages where id = ?", (page_id,)).fetchone()
    return not sha256 or text.is_in(tombstones.body_shingles(blobs.read(conn, sha256)))


def _captures_of(conn: sqlite3.Connection, pages: Sequence[int]) -> list[int]:
    return _column(conn, "select id from captures where page_id in ({}) and withdrawal_id is null", pages)


def _captures_at(conn: sqlite3.Connection, page_id: int, url: str, at: str) -> list[int]:
    rows = conn.execute(
        """select id, fetched_at from captures
           where page_id = ? and substr(fetched_at, 1, ?) = ? and withdrawal_id is null order by fetched_at""",
        (page_id, len(at), at),
    ).fetchall()
    if len({moment for _, moment in rows}) > 1:
        raise UsageError("several_captures", number=len(rows), url=url, at=at, example=rows[0][1])
    return [row[0] for row in rows]


def _with_same_bodies(conn: sqlite3.Connection, chosen: Sequence[int]) -> tuple[list[int], list[str]]:
    """The captures and all others, of any page, that show one of their bodies; and those bodies' digests."""
    query = "select distinct body_sha256 from captures where id in ({}) and body_sha256 <> ''"
    digests = _column(conn, query, chosen)
    same = _column(conn, "select id from captures where body_sha256 in ({}) and withdrawal_id is null", digests)
    return sorted({*chosen, *same}), digests


def _bury(conn: sqlite3.Connection, request: Request, chosen: Sequence[int]) -> int:
    """Leave the tombstone, with what each capture adds to the chain, and blank the captures; return its id."""
    digests = [
        {
            "capture": capture_id,
            "fetched_at": fetched_at,
            "body_sha256": sha256,
            "digest": hash_chain.capture_digest(conn, capture_id),
        }
        for capture_id, fetched_at, sha256 in _select(
            conn, "select id, fetched_at, body_sha256 from captures where id in ({}) order by id", chosen
        )
    ]
    cursor = conn.execute(
        "insert into withdrawals(url, at, captured_at, reason, digests) values (?, ?, ?, ?, ?)",
        (request.url, request.now, request.at, request.reason, captures.as_json(digests)),
    )
    withdrawal_id = int(cursor.lastrowid or 0)
    _select(
        conn,
        f"""update captures set final_url = '', headers = '[]', error = '', request_headers = '[]', hops = '[]',
              peer = '', tls = '', seconds = 0, wire_length = 0, wire_sha256 = '', robots = '',
              shared_headers_id = null, withdrawal_id = {withdrawal_id}
            where id in ({{}})""",
        chosen,
    )
    hash_chain.seal_withdrawal(conn, withdrawal_id, request.now)
    return withdrawal_id


def _settle_pages(conn: sqlite3.Connection, pages: Sequence[int], entire_pages: Sequence[int]) -> None:
    _select(
        conn,
        """update pages set etag = '', last_modified = '', lastmod = '', body_sha256 = '', article_id = null
           where id in ({})""",
        pages,
    )
    for page_id in pages:
        if page_id in entire_pages or not _captures_of(conn, [page_id]):
            conn.execute("update pages set state = 'withdrawn', last_outcome = '' where id = ?", (page_id,))
        else:
            captures.settle(conn, page_id)


def _select(conn: sqlite3.Connection, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """Return the rows of a query in which `{}` stands for the values."""
    return conn.execute(query.format("select value from json_each(?)"), (json.dumps(values),)).fetchall()


def _column(conn: sqlite3.Connection, query: str, values: Sequence[object]) -> list[Any]:
    """Return the first column of a query in which `{}` stands for the values."""
    return [row[0] for row in _select(conn, query, values)]


COMMON_ON = 2  # other pages that have a piece of text as well: then it is the site's
COMMON_SHARE = 0.2  # the same for teasers, which several listings show
TITLE_LENGTH = 6  # characters of a title that is looked for in other pages
TEASER_LENGTH = 24  # characters of a passage's beginning that are looked for
SAMPLED = 400  # pages of a site that are compared with the withdrawn one


@dataclass(frozen=True, slots=True)
class WithdrawnText:
    """Shingles by which a withdrawn text is recognised; its titles and the beginnings of its passages, squeezed."""

    shingles: frozenset[int] = frozenset()
    titles: frozenset[str] = frozenset()
    teasers: frozenset[str] = frozenset()

    def is_in(self, found: set[int]) -> bool:
        """Return whether a body with these shingles shows the text."""
        if len(self.shingles) < tombstones.MIN_SHINGLES:
            return False
        return len(self.shingles & found) >= tombstones.SAME_TEXT * len(self.shingles)


@dataclass(frozen=True, slots=True)
class Remnant:
    """A stored page that still holds the title or some text of what was withdrawn."""

    url: str
    fetched_at: str
    holds: str


@dataclass(frozen=True, slots=True)
class Site:
    """The site of a page, seen through its other pages' bodies."""

    conn: sqlite3.Connection
    page_id: int

    def other_pages(self, pages: Iterable[int]) -> Iterator[bytes]:
        """Yield the last body of each other page, newest pages first, so many at most."""
        rows = self.conn.execute(
            """select id, body_sha256 from pages where body_sha256 <> ''
                 and site_id = (select site_id from pages where id = ?) order by id desc""",
            (self.page_id,),
        ).fetchall()
        own = set(pages)
        others = [sha256 for page_id, sha256 in rows if page_id not in own]
        for sha256 in others[:SAMPLED]:
            yield blobs.read(self.conn, sha256)

    def stored_bodies(self) -> list[tuple[str, str, str]]:
        """Return (address, first time, digest) of every distinct body of the site."""
        return self.conn.execute(
            """select url, min(fetched_at), captures.body_sha256 from pages join captures on page_id = pages.id
               join bodies on bodies.sha256 = captures.body_sha256
               where withdrawal_id is null and pages.site_id = (select site_id from pages where id = ?)
               group by captures.body_sha256 order by url, min(fetched_at)""",
            (self.page_id,),
        ).fetchall()


def of_pages(site: Site, pages: Sequence[int]) -> WithdrawnText:
    """Return the text of an article, of all its revisions; of its pages' bodies if none was derived."""
    query = """select revisions.id, title, coalesce(text, '') from revisions
               left join revision_passages on revision_id = revisions.id
               left join passages on passages.id = passage_id
               where revisions.article_id in (select article_id from pages where id in ({}))
               order by revisions.id, revision_passages.position"""
    rows = _select(site.conn, query, pages)
    texts = ["".join(row[2] for row in revision) for _, revision in groupby(rows, key=lambda row: row[0])]
    found = set().union(*map(tombstones.shingles, texts)) if texts else _shingles(site.conn, _bodies(site.conn, pages))
    titles = {_squeezed(row[1]) for row in rows}
    openings = {_squeezed(row[2])[:TEASER_LENGTH] for row in rows}
    text = WithdrawnText(
        frozenset(found),
        frozenset(title for title in titles if len(title) >= TITLE_LENGTH),
        frozenset(opening for opening in openings if len(opening) == TEASER_LENGTH),
    )
    return _without_shared_text(site, text, pages)


def of_captures(site: Site, chosen: Sequence[int]) -> WithdrawnText:
    """Return what tells the body of captures from the other bodies of its page; nothing where it has no other.

    Without another version nothing says which part of a page was to be withdrawn; the digest alone is bound then.
    """
    digests = set(_column(site.conn, "select body_sha256 from captures where id in ({}) and body_sha256 <> ''", chosen))
    remaining = [sha256 for sha256 in _bodies(site.conn, [site.page_id]) if sha256 not in digests]
    if not remaining or not digests:
        return WithdrawnText()
    found = _shingles(site.conn, digests) - _shingles(site.conn, remaining)
    return _without_shared_text(site, WithdrawnText(frozenset(found)), [site.page_id])


def remnants(site: Site, text: WithdrawnText) -> tuple[Remnant, ...]:
    """Return the stored pages of the site that hold a title or a teaser of a text, each distinct body once."""
    found = []
    for url, fetched_at, sha256 in site.stored_bodies() if text.teasers or text.titles else []:
        decoded = _decoded_text(blobs.read(site.conn, sha256))
        parts = [
            name for name, some in (("title", text.titles), ("text", text.teasers)) if any(map(decoded.count, some))
        ]
        if parts:
            found.append(Remnant(url, fetched_at, " and ".join(parts)))
    return tuple(found)


def _without_shared_text(site: Site, text: WithdrawnText, pages: Sequence[int]) -> WithdrawnText:
    """Return a text without what the site's other pages have in common with it."""
    shingles: Counter[int] = Counter()
    teasers: Counter[str] = Counter()
    others = 0
    for body in site.other_pages(pages):
        others += 1
        shingles.update(tombstones.body_shingles(body) & text.shingles)
        if text.teasers:
            decoded = _decoded_text(body)
            teasers.update(teaser for teaser in text.teasers if teaser in decoded)
    common = max(COMMON_ON + 1, COMMON_SHARE * others)
    return WithdrawnText(
        frozenset(one for one in text.shingles if shingles[one] < COMMON_ON),
        text.titles,
        frozenset(one for one in text.teasers if teasers[one] <= common),
    )


def _decoded_text(body: bytes) -> str:
    """Return a body's text in each charset it may be in, with and without its markup, which may hold teasers too."""
    return "\n".join(_squeezed(reading) for reading in (*tombstones.readings(body), *tombstones.markups(body)))


def _bodies(conn: sqlite3.Connection, pages: Sequence[int]) -> list[str]:
    """Return the digests of the bodies that these pages showed."""
    query = """select distinct captures.body_sha256 from captures join bodies on sha256 = captures.body_sha256
               where page_id in ({}) and withdrawal_id is null"""
    return _column(conn, query, pages)


def _shingles(conn: sqlite3.Connection, digests: Iterable[str]) -> set[int]:
    return set().union(*(tombstones.body_shingles(blobs.read(conn, sha256)) for sha256 in digests))


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())
