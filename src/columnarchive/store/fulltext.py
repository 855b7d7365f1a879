"""The full-text index: one contentless FTS5 table that holds each article's tokens, kept in step with `articles`.

Callers write an article and its index entry in one transaction. SQLite keeps no text beside the index, so taking an
entry out needs the very texts that went in.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from columnarchive.search.fold import TOKENS, index_tokens

VERSION_KEY = "search_tokens"
"""The row of `meta` that says which tokens the index holds."""

_COLUMNS = ("text", "title", "removed_text")
_USUAL_MEMORY = 1 << 20  # FTS5's own default: bytes of new entries it holds before it writes them
_BULK_MEMORY = 64 << 20  # a quarter less time and no freed pages left over
# How many pieces of one size are merged; each site written adds a piece. With FTS5's own 4 and 16, merging is half of
# what writing takes; with more pieces, a search that takes a millisecond takes a third of one more.
_MERGED = 16
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An index entry that is not what the article's texts give: `missing`, `stale` (no such article) or `different`."""

    rowid: int
    kind: Literal["missing", "stale", "different"]


def insert(conn: sqlite3.Connection, rowid: int, title: str, text: str, removed_text: str) -> None:
    """Put an article into the index, in the caller's transaction."""
    conn.execute(
        "insert into articles_fts(rowid, text, title, removed_text) values (?, ?, ?, ?)",
        (rowid, index_tokens(text), index_tokens(title), index_tokens(removed_text)),
    )


def delete(conn: sqlite3.Connection, rowid: int, title: str, text: str, removed_text: str) -> None:
    """Take an article out of the index; the texts must be those that were put in."""
    conn.execute(
        "insert into articles_fts(articles_fts, rowid, text, title, removed_text) values ('delete', ?, ?, ?, ?)",
        (rowid, index_tokens(text), index_tokens(title), index_tokens(removed_text)),
    )


def is_current(conn: sqlite3.Connection) -> bool:
    """Whether the index holds the tokens this version makes; otherwise `rebuild` it before writing to it."""
    row = conn.execute("select value from meta where key = ?", (VERSION_KEY,)).fetchone()
    if row is None:
        return conn.execute("select 1 from articles limit 1").fetchone() is None
    return bool(row[0] == TOKENS)


def rebuild(conn: sqlite3.Connection) -> int:
    """Index every article again from nothing, in the caller's transaction; returns how many."""
    conn.execute("insert into articles_fts(articles_fts) values ('delete-all')")
    _configure(conn, "hashsize", _BULK_MEMORY)
    count = 0
    for row in conn.execute("select id, title, text, removed_text from articles order by id"):
        insert(conn, *row)
        count += 1
    optimize(conn)
    _configure(conn, "hashsize", _USUAL_MEMORY)
    conn.execute("insert or replace into meta(key, value) values (?, ?)", (VERSION_KEY, TOKENS))
    return count


def ensure_current(conn: sqlite3.Connection) -> bool:
    """Rebuild the index if it holds other tokens than this version makes; whether it had to."""
    if conn.execute("select 1 from articles_fts_config where k = 'automerge'").fetchone() is None:
        _configure(conn, "automerge", _MERGED)
        _configure(conn, "crisismerge", 4 * _MERGED)
    if is_current(conn):
        conn.execute("insert or ignore into meta(key, value) values (?, ?)", (VERSION_KEY, TOKENS))
        return False
    rebuild(conn)
    return True


def set_current(conn: sqlite3.Connection, current: bool) -> None:
    """Note that the index holds every article in today's tokens, or that it is to be made again."""
    if current:
        _configure(conn, "automerge", _MERGED)
        _configure(conn, "crisismerge", 4 * _MERGED)
        conn.execute("insert or replace into meta(key, value) values (?, ?)", (VERSION_KEY, TOKENS))
    else:
        conn.execute("insert or replace into meta(key, value) values (?, '')", (VERSION_KEY,))


def optimize(conn: sqlite3.Connection) -> None:
    """Merge the index into one piece, once after a bulk load: a third smaller and faster to search."""
    conn.execute("insert into articles_fts(articles_fts) values ('optimize')")


def _configure(conn: sqlite3.Connection, option: str, value: int) -> None:
    conn.execute("insert into articles_fts(articles_fts, rank) values (?, ?)", (option, value))


def verify(conn: sqlite3.Connection) -> list[Mismatch]:
    """Compare the whole index with what the articles give; empty when every entry is exactly as expected.

    Order, column and place of every token count. Works on a read-only connection; needs room for a temporary copy of
    the index.
    """
    (query_only,) = conn.execute("pragma query_only").fetchone()
    conn.execute("pragma query_only = off")  # temporary tables are no change of the archive
    try:
        return [] if _is_exact(conn) else _mismatches(conn)
    finally:
        conn.execute(f"pragma query_only = {int(query_only)}")


def _is_exact(conn: sqlite3.Connection) -> bool:
    """Whether the index is what the articles give, by FTS5's own check of an index against its content.

    It makes no such check for a contentless table, so a twin gets a copy of the index and, as its content, a view
    that makes the tokens. Ten times as fast as looking at every token here.
    """
    conn.create_function("columnarchive_tokens", 1, _tokens_of, deterministic=True)
    # Bytes, since text that is not UTF-8 cannot be handed to a function.
    tokens = ", ".join(f"columnarchive_tokens(cast({column} as blob)) as {column}" for column in _COLUMNS)
    conn.execute(f"create temp view articles_tokens as select id, {tokens} from main.articles")
    try:
        conn.execute(
            f"""create virtual table temp.articles_twin using fts5({", ".join(_COLUMNS)},
                content='articles_tokens', content_rowid='id', columnsize=0, tokenize='ascii')"""
        )
        for table in ("data", "idx"):
            conn.execute(f"delete from temp.articles_twin_{table}")
            conn.execute(f"insert into temp.articles_twin_{table} select * from main.articles_fts_{table}")
        try:
            # Rank 1 asks for the comparison with the content, which newer versions leave out otherwise.
            conn.execute("insert into temp.articles_twin(articles_twin, rank) values ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if "malformed" not in str(error):
                raise
            return False
        return True
    finally:
        conn.execute("drop table if exists temp.articles_twin")
        conn.execute("drop view temp.articles_tokens")


def _tokens_of(text: bytes) -> str:
    return index_tokens(text.decode(errors="replace"))


def _mismatches(conn: sqlite3.Connection) -> list[Mismatch]:
    """Which entries are not as expected, by reading the index token by token."""
    held = _held(conn)
    found: list[Mismatch] = []
    for rowid, *texts in conn.execute("select id, text, title, removed_text from articles order by id"):
        expected = _signature(texts)
        actual = held.pop(rowid, 0)
        if actual != expected:
            found.append(Mismatch(rowid, "different" if actual else "missing"))
    found += (Mismatch(rowid, "stale") for rowid in held)
    return sorted(found, key=lambda mismatch: mismatch.rowid)


def _held(conn: sqlite3.Connection) -> dict[int, int]:
    """A signature of what the index holds for each rowid."""
    conn.execute("create virtual table temp.articles_instances using fts5vocab(main, articles_fts, 'instance')")
    try:
        held: dict[int, int] = {}
        for term, doc, column, offset in conn.execute("select term, doc, col, offset from articles_instances"):
            held[doc] = (held.get(doc, 0) + hash((term, column, offset))) & _MASK
    finally:
        conn.execute("drop table temp.articles_instances")
    return held


def _signature(texts: list[str]) -> int:
    total = 0
    for column, text in zip(_COLUMNS, texts, strict=True):
        for offset, term in enumerate(index_tokens(text).split()):
            total += hash((term, column, offset))
    return total & _MASK
