"""Checks on rows: every stored byte, every reference, SQLite's own view of the file. Nothing is changed."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from columnarchive.errors import StoreError
from columnarchive.records import DerivedSite
from columnarchive.store import blobs, captures, copies
from columnarchive.store import site_writer as rows
from columnarchive.store.database import Database
from columnarchive.store.schema import REBUILD, Problem, introspected, problem

CACHE_BYTES = 48 << 20  # decoded bodies kept while walking, for those coded against them
_MANY = 20  # problems of one kind that SQLite itself is asked for
Progress = Callable[[int, int], None]


def file(conn: sqlite3.Connection) -> list[Problem]:
    """SQLite's own integrity and foreign key checks."""
    try:
        found = [
            problem("file", "sqlite", error=fault)
            for (fault,) in conn.execute(f"pragma integrity_check({_MANY})")
            if fault != "ok" and not fault.startswith("malformed inverted index")
        ]
        for table, rowid, parent, _ in conn.execute("pragma foreign_key_check").fetchmany(_MANY):
            found.append(problem(f"{table} {rowid}", "dangling_row", table=parent))
    except sqlite3.DatabaseError as error:
        return [problem("file", "file_unreadable", error=error)]
    return found


def unopened(path: Path) -> list[Problem]:
    """What SQLite itself says of a file that could not be opened; nothing when it finds no damage."""
    conn = sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)
    try:
        definitions = _unreadable_definitions(conn)
        # Lets SQLite go on without the tables whose definitions it cannot read.
        conn.execute("pragma writable_schema = on")
        lines = [row[0] for row in conn.execute(f"pragma integrity_check({_MANY})")]
        return definitions + [problem("file", "sqlite", error=line) for line in lines if line != "ok"]
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            return []
        return [problem("file", "nothing_readable", error=error)]
    finally:
        conn.close()


def _unreadable_definitions(conn: sqlite3.Connection) -> list[Problem]:
    try:
        conn.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        return [problem("file", "sqlite", error=error)]
    return []


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def all_bodies(conn: sqlite3.Connection, progress: Progress) -> list[Problem]:
    """Every body decoded to its digest, and every stored byte against the digest of the stored bytes."""
    found: list[Problem] = []
    decoded = _Decoded(conn)
    total = 0
    try:
        (total,) = conn.execute("select count(*) from bodies").fetchone()
        # A row at a time by id: a cursor over the whole table would stop at the first damaged page.
        for done, sha256 in enumerate(_digests(conn), 1):
            found += _body(conn, decoded, sha256)
            progress(done, total)
    except sqlite3.DatabaseError as error:
        found.append(problem("bodies", "table_unreadable", error=error))
    return found


def references(conn: sqlite3.Connection, *, without_bodies: bool = False) -> list[Problem]:
    """Captures without their body, bodies without a capture, bodies that should be gone, pages out of step.

    `without_bodies` is for a copy that was made without any.
    """
    questions = [
        (
            "body_missing",
            """select 'capture ' || captures.id, url, fetched_at
               from captures join pages on pages.id = page_id
               where captures.body_sha256 <> '' and withdrawal_id is null
                 and captures.body_sha256 not in (select sha256 from bodies)""",
        ),
        (
            "body_unused",
            """select 'body ' || sha256, '', '' from bodies
               where sha256 not in (select body_sha256 from captures where withdrawal_id is null)""",
        ),
        (
            "body_withdrawn",
            """select 'body ' || sha256, '', '' from bodies
               where sha256 in (select body_sha256 from captures where withdrawal_id is not null)""",
        ),
        (
            "base_missing",
            """select 'body ' || sha256, '', '' from bodies
               where base_sha256 <> '' and base_sha256 not in (select sha256 from bodies)""",
        ),
        (
            "tombstone_missing",
            """select 'capture ' || captures.id, '', ''
               from captures left join withdrawals on withdrawals.id = withdrawal_id
               where withdrawal_id is not null and withdrawals.id is null""",
        ),
        (
            "capture_not_withdrawn",
            """select 'capture ' || captures.id, url, fetched_at
               from captures join pages on pages.id = page_id where withdrawal_id is null and state = 'withdrawn'""",
        ),
        (
            "led_to_withdrawn",
            """select 'capture ' || captures.id, withdrawn_addresses.url, fetched_at
               from captures join withdrawn_addresses
                 on withdrawn_addresses.url = replace(final_url, 'http://', 'https://')
               where captures.withdrawal_id is null""",
        ),
    ]
    found: list[Problem] = []
    try:
        for code, question in questions[without_bodies:]:  # the first asks for bodies
            found += [problem(where, code, url=url, at=at) for where, url, at in conn.execute(question)]
        found += _pages(conn)
    except sqlite3.DatabaseError as error:
        found.append(problem("captures", "table_unreadable", error=error))
    return found


class _Decoded:
    """Bodies decoded lately, up to a bound in bytes: most are coded against one that was just read."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, sha256: str, depth: int = 0) -> bytes:
        """The body, from its frame and its base's; StoreError when that cannot be done."""
        if sha256 in self._cache:
            self._cache.move_to_end(sha256)
            return self._cache[sha256]
        row = self._conn.execute(
            "select codec, base_sha256, raw_size, cast(data as blob) from bodies where sha256 = ?", (sha256,)
        ).fetchone()
        if row is None:
            raise StoreError("base_missing", sha256=sha256)
        kind, base_sha256, raw_size, data = row
        if kind not in get_args(blobs.Codec) or (kind != "zstd") != bool(base_sha256):
            raise StoreError("codec_unknown", codec=kind)
        if depth > blobs.MAX_CHAIN:
            raise StoreError("chain_too_long")
        below = [self.get(base_sha256, depth + 1)] if base_sha256 else []
        if kind == "zstd-line":
            below[:0] = [self.get(name) for name in self._below(base_sha256)]
        body = blobs.decompress(data, raw_size, blobs.dictionary(kind, below))
        self._keep(sha256, body)
        return body

    def _below(self, sha256: str) -> list[str]:
        """The bodies below this one, the lowest first."""
        return [name for name, _ in self._conn.execute(blobs.ANCESTORS, (sha256,))][:0:-1]

    def _keep(self, sha256: str, body: bytes) -> None:
        self._cache[sha256] = body
        self._size += len(body)
        while self._size > CACHE_BYTES and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._size -= len(old)


def _digests(conn: sqlite3.Connection) -> Iterator[str]:
    last = 0
    while rows := conn.execute("select id, sha256 from bodies where id > ? order by id limit 500", (last,)).fetchall():
        yield from (sha256 for _, sha256 in rows)
        last = rows[-1][0]


def _body(conn: sqlite3.Connection, decoded: _Decoded, sha256: str) -> Iterator[Problem]:
    where = f"body {sha256}"
    kind, data, data_sha256, depth, base_depth = conn.execute(
        """select typeof(one.data), cast(one.data as blob), one.data_sha256, one.depth, base.depth
           from bodies as one left join bodies as base on base.sha256 = one.base_sha256 where one.sha256 = ?""",
        (sha256,),
    ).fetchone()
    if kind != "blob" or hashlib.sha256(data).hexdigest() != data_sha256:
        yield problem(where, "bytes_altered")
    try:
        if hashlib.sha256(decoded.get(sha256)).hexdigest() != sha256:
            yield problem(where, "digest_differs")
    except StoreError as error:
        yield problem(where, "not_decodable", error=error)
    if depth != (0 if base_depth is None else base_depth + 1):
        yield problem(where, "depth_differs")


def _pages(conn: sqlite3.Connection) -> Iterator[Problem]:
    """Pages whose span or last body is not what their captures give."""
    live = f"withdrawal_id is null and {captures.LIVE_SQL}"
    rows = conn.execute(
        f"""select pages.url from pages left join (
              select page_id, min(fetched_at) as first, max(fetched_at) as last
              from captures where {live} group by page_id
            ) as span on span.page_id = pages.id
            where state <> 'withdrawn'
              and (first_seen_at <> coalesce(first, '') or last_seen_at <> coalesce(last, ''))"""
    )
    yield from (problem(f"page {url}", "visits_differ") for (url,) in rows)


# Each derived table with the tables that lead from it to the article; what these add to the key is in `_key`.
_JOINS = {
    "articles": "",
    "revisions": "join articles on articles.id = revisions.article_id",
    "passages": "join articles on articles.id = passages.article_id",
    "sentences": "join articles on articles.id = sentences.article_id",
    "observations": "join articles on articles.id = observations.article_id",
    "pictures": "join articles on articles.id = pictures.article_id",
    "page_observations": "join articles on articles.id = page_observations.article_id",
    "changes": "join articles on articles.id = changes.article_id",
    "edits": "join changes on changes.id = edits.change_id join articles on articles.id = changes.article_id",
    "revision_passages": """join revisions on revisions.id = revision_passages.revision_id
        join articles on articles.id = revisions.article_id
        join passages on passages.id = revision_passages.passage_id""",
}
_KEYS = {
    "edits": ("changes.from_number", "changes.to_number"),
    "revision_passages": ("revisions.number", "passages.kind", "passages.heading", "passages.text"),
}
_IDS = ("id", "article_id", "revision_id", "passage_id", "change_id")


def derived_differences(conn: sqlite3.Connection, site_id: int, derived: DerivedSite) -> list[Problem]:
    """One problem for each article and table in which the stored rows of a site are not those of `derived`."""
    with tempfile.TemporaryDirectory() as folder, Database.open(Path(folder) / "scratch.db") as scratch:
        _fill(scratch, conn, site_id, derived)
        found = []
        for table in _JOINS:
            stored, expected = (_derived_rows(one, table, derived.site) for one in (conn, scratch.conn))
            for url in sorted({str(row[0]) for row in (stored - expected) + (expected - stored)}):
                found.append(problem(f"{table} of {url}", "rows_differ", REBUILD))
        stored_pages, expected_pages = _page_keys(conn, site_id), _page_keys(scratch.conn, site_id)
        for url, _, _ in sorted(stored_pages ^ expected_pages):
            found.append(problem(f"page {url}", "page_differs", REBUILD))
    return list({one.where: one for one in found}.values())


def copy_differences(conn: sqlite3.Connection, site: str, reader: copies.Reader) -> list[Problem]:
    """One problem for each article of a site whose copies are not those that the stored passages give."""
    wrong = copies.wrong(conn, reader, site)
    return [problem(f"copies of {url}", "copies_differ", REBUILD) for url in wrong]


def _fill(scratch: Database, conn: sqlite3.Connection, site_id: int, derived: DerivedSite) -> None:
    """The derivation as it would be written into an archive that has only this site's pages."""
    with scratch.transaction():
        scratch.conn.execute("insert into sites(id, name) values (?, ?)", (site_id, derived.site))
        scratch.conn.executemany(
            "insert into pages(id, site_id, url, kind) values (?, ?, ?, ?)",
            conn.execute("select id, site_id, url, kind from pages where site_id = ?", (site_id,)),
        )
        rows.write_site(scratch, site_id, derived, "")


def _derived_rows(conn: sqlite3.Connection, table: str, site: str) -> Counter[tuple[object, ...]]:
    columns = [one.name for one in introspected(conn).table(table).columns if one.name not in _IDS]
    wanted = ["articles.url", *(f"{table}.{name}" for name in columns), *_KEYS.get(table, ())]
    query = f"select {', '.join(wanted)} from {table} {_JOINS[table]} where articles.site = ?"
    return Counter(conn.execute(query, (site,)))


def _page_keys(conn: sqlite3.Connection, site_id: int) -> set[tuple[str, str, str]]:
    return set(
        conn.execute(
            """select pages.url, kind, coalesce(articles.url, '') from pages
               left join articles on articles.id = article_id where site_id = ?""",
            (site_id,),
        )
    )
