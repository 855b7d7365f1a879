"""Removing captures for good: rows blanked, bodies erased, what was coded against them coded anew, a tombstone left."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from columnarchive.errors import NotFound, StoreError, UsageError
from columnarchive.store import captures, fulltext, hash_chain, recoding, site_writer, timeline
from columnarchive.store.database import Database, translated
from columnarchive.store.tombstones import is_withdrawn as is_withdrawn


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a withdrawal took: captures and bodies by number, and the pages and sites they were of."""

    captures: int
    bodies: int
    urls: tuple[str, ...]
    site_ids: tuple[int, ...]


def is_known(db: Database, url: str) -> bool:
    """Whether the archive has a page at exactly this address."""
    return db.conn.execute("select 1 from pages where url = ?", (url,)).fetchone() is not None


def erase(db: Database, url: str, at: str, reason: str, now: str) -> Erasure:
    """Erase a page with all its captures, or with `at` the body it showed then, in one transaction.

    A page goes with the other addresses of its article; a body goes wherever it was captured. Raises NotFound for what
    the archive does not hold and UsageError for a time that names several captures.
    """
    with db.transaction() as conn:
        page = conn.execute("select id, state from pages where url = ?", (url,)).fetchone()
        if page is None:
            raise NotFound(f"The archive does not know {url}.")
        if page[1] == "withdrawn":
            return Erasure(0, 0, (url,), ())
        whole = [page[0]] if at else _pages_of_article(conn, page[0])
        chosen = _captures_at(conn, page[0], url, at) if at else _captures_of(conn, whole)
        chosen, digests = _with_same_bodies(conn, chosen)
        if not chosen and at:
            raise NotFound(f"The archive holds no capture of {url} at {at}.")
        pages = sorted({*_pages_of_captures(conn, chosen), *whole})
        _bury(conn, url, at, reason, now, chosen)
        recoding.erase(conn, digests)
        db.lately.forget()
        _drop_articles(conn, pages)
        _settle_pages(conn, pages, [] if at else whole)
        sites = [row[0] for row in _select(conn, "select distinct site_id from pages where id in ({})", pages)]
        _run(conn, "update sites set derived_from = 0 where id in ({})", sites)
        urls = tuple(row[0] for row in _select(conn, "select url from pages where id in ({}) order by url", pages))
        return Erasure(len(chosen), len(digests), urls, tuple(sites))


def scour(db: Database) -> None:
    """Rewrite the file without what was deleted, log included; raise StoreError while another process reads it."""
    with translated(db.path):
        fulltext.optimize(db.conn)
        db.conn.execute("vacuum")
        busy, *_ = db.conn.execute("pragma wal_checkpoint(truncate)").fetchone()
    if busy:
        raise StoreError(
            "The page is withdrawn, but another process has the archive open and may keep old bytes in its log; "
            "close it and run the same command again."
        )


def _pages_of_article(conn: sqlite3.Connection, page_id: int) -> list[int]:
    """The page and the other addresses of its article: they say the same."""
    rows = conn.execute(
        """select other.id from pages join pages as other on other.article_id = pages.article_id where pages.id = ?""",
        (page_id,),
    )
    return sorted({page_id, *(row[0] for row in rows)})


def _captures_of(conn: sqlite3.Connection, pages: Sequence[int]) -> list[int]:
    return [
        row[0]
        for row in _select(conn, "select id from captures where page_id in ({}) and withdrawal_id is null", pages)
    ]


def _captures_at(conn: sqlite3.Connection, page_id: int, url: str, at: str) -> list[int]:
    rows = conn.execute(
        """select id, fetched_at from captures
           where page_id = ? and substr(fetched_at, 1, ?) = ? and withdrawal_id is null order by fetched_at""",
        (page_id, len(at), at),
    ).fetchall()
    if len({moment for _, moment in rows}) > 1:
        raise UsageError(f"{len(rows)} captures of {url} begin with {at}; name one, such as {rows[0][1]}.")
    return [row[0] for row in rows]


def _with_same_bodies(conn: sqlite3.Connection, chosen: Sequence[int]) -> tuple[list[int], list[str]]:
    """The captures and all others, of any page, that show one of their bodies; and those bodies' digests."""
    rows = _select(conn, "select distinct body_sha256 from captures where id in ({}) and body_sha256 <> ''", chosen)
    digests = [row[0] for row in rows]
    same = _select(conn, "select id from captures where body_sha256 in ({}) and withdrawal_id is null", digests)
    return sorted({*chosen, *(row[0] for row in same)}), digests


def _pages_of_captures(conn: sqlite3.Connection, chosen: Sequence[int]) -> list[int]:
    return [row[0] for row in _select(conn, "select distinct page_id from captures where id in ({})", chosen)]


def _bury(conn: sqlite3.Connection, url: str, at: str, reason: str, now: str, chosen: Sequence[int]) -> None:
    """Leave the tombstone, with what each capture adds to the chain, and blank the captures."""
    digests = [
        {
            "capture": capture_id,
            "fetched_at": fetched_at,
            "body_sha256": sha256,
            "digest": hash_chain.digest(conn, capture_id),
        }
        for capture_id, fetched_at, sha256 in _select(
            conn, "select id, fetched_at, body_sha256 from captures where id in ({}) order by id", chosen
        )
    ]
    cursor = conn.execute(
        "insert into withdrawals(url, at, captured_at, reason, digests) values (?, ?, ?, ?, ?)",
        (url, now, at, reason, captures.as_json(digests)),
    )
    withdrawal_id = int(cursor.lastrowid or 0)
    _run(
        conn,
        f"""update captures set final_url = '', headers = '[]', error = '', request_headers = '[]', hops = '[]',
              peer = '', tls = '', seconds = 0, wire_length = 0, wire_sha256 = '', robots = '',
              withdrawal_id = {withdrawal_id}
            where id in ({{}})""",
        chosen,
    )
    hash_chain.seal_withdrawal(conn, withdrawal_id, now)


def _drop_articles(conn: sqlite3.Connection, pages: Sequence[int]) -> None:
    """Derived text goes in the same transaction; deriving the sites again brings back what may stay."""
    query = "select distinct article_id from pages where id in ({}) and article_id is not null"
    for (article_id,) in _select(conn, query, pages):
        site_writer.delete_article(conn, article_id)


def _settle_pages(conn: sqlite3.Connection, pages: Sequence[int], whole: Sequence[int]) -> None:
    _run(
        conn,
        """update pages set etag = '', last_modified = '', lastmod = '', body_sha256 = '', article_id = null
           where id in ({})""",
        pages,
    )
    for page_id in pages:
        if page_id in whole or not _captures_of(conn, [page_id]):
            conn.execute("update pages set state = 'withdrawn', last_outcome = '' where id = ?", (page_id,))
        else:
            timeline.settle(conn, page_id)


# SQLite takes some thousands of parameters in a statement; more go in pieces.
_PIECE = 500


def _select(conn: sqlite3.Connection, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        rows += conn.execute(query.format(", ".join("?" * len(piece))), tuple(piece)).fetchall()
    return rows


def _run(conn: sqlite3.Connection, statement: str, values: Sequence[object]) -> None:
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        conn.execute(statement.format(", ".join("?" * len(piece))), tuple(piece))
