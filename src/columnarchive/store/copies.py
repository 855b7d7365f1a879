"""Copies kept up to date: passages of different articles that say the same, exactly or nearly.

What `copies` holds follows from the passages there are, whatever order they came in. A key that more than MOST_HOLDERS
passages hold counts for nothing. Passages of two articles that share _SHARED of the other keys are read, and are copies
when they are alike. A passage that shares half of its keys with passages in SET_PHRASE articles of its own site, itself
included, is a set phrase of that site and no copy.

Whatever writes or deletes passages puts those whose copies may be others now into `copies_due`; `settle` judges them
before the transaction ends.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

MOST_HOLDERS = 64
"""A key that more passages hold is a common turn of phrase."""

SET_PHRASE = 5
"""A passage that stands in so many articles of one site, the same or nearly, is a set phrase of that site."""

_SHARED = 2  # one key in common is chance
_VERSION_KEY = "copies_keys"
_PIECE = 1000  # passages that are read at a time
_KNOWN = 4096  # passages whose neighbours are remembered

_HELD = f"(select count(*) from (select 1 from passage_keys where key = {{}} limit {MOST_HOLDERS + 1}))"
_ACTIVE = f"{_HELD} <= {MOST_HOLDERS}"


class Reader(Protocol):
    """The pure functions on passages that `diff.copies` has."""

    @property
    def KEYS(self) -> str:
        """The version of `keys_of`."""

    def keys_of(self, passage: str) -> tuple[int, ...]:
        """The keys to index a passage under."""

    def similarity(self, one: str, other: str) -> float:
        """How alike two passages are; 0 when neither is a copy of the other."""


@dataclass(frozen=True, slots=True)
class _Near:
    """The passages of other articles that share keys with one, and whether that is a set phrase of its site."""

    others: tuple[int, ...]
    is_set_phrase: bool


_Neighbours = Callable[[int], _Near]


def queue(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    """After passages were written: their copies are to be found."""
    conn.executemany("insert or ignore into copies_due(passage_id) values (?)", ((passage,) for passage in passages))


def forget(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    """Before passages are deleted: other passages may have other copies without them."""
    going = json.dumps(passages)
    conn.execute(
        f"""insert or ignore into copies_due(passage_id)
            select theirs.passage_id from passage_keys as mine join passage_keys as theirs using (key)
            where mine.passage_id in (select value from json_each(?)) and {_ACTIVE.format("mine.key")}
            group by mine.passage_id, theirs.passage_id having count(*) >= {_SHARED}""",
        (going,),
    )
    # A key that was common counts again once few enough hold it.
    held = "(select count(*) from (select 1 from passage_keys where key = lost.key limit :most + :number + 1))"
    conn.execute(
        f"""with lost(key, holders) as (
              select key, count(*) from passage_keys where passage_id in (select value from json_each(:going))
              group by key)
            insert or ignore into copies_due(passage_id)
            select passage_id from lost join passage_keys using (key)
            where {held} between :most + 1 and :most + lost.holders""",
        {"going": going, "most": MOST_HOLDERS, "number": len(passages)},
    )


def requeue(conn: sqlite3.Connection, site: str) -> None:
    """Read every passage of a site anew, as a rebuild does."""
    passages = "select passages.id from passages join articles on articles.id = article_id where site = ?"
    conn.execute(f"delete from passage_keys where passage_id in ({passages})", (site,))
    for column in ("passage_id", "other_passage_id"):
        conn.execute(f"delete from copies where {column} in ({passages})", (site,))
    conn.execute(f"insert or ignore into copies_due(passage_id) {passages}", (site,))


def settle(conn: sqlite3.Connection, reader: Reader) -> None:
    """Bring `copies` up to date with what was written and deleted, in the caller's transaction."""
    _ensure_current(conn, reader)
    fresh = _enter_keys(conn, reader)
    # All keys are in, so that what is judged first makes no difference.
    todo = [row[0] for row in conn.execute("select passage_id from copies_due order by passage_id")]
    known = set(todo)
    near = lru_cache(_KNOWN)(partial(_near, conn))
    for passage in todo:
        if passage in fresh:
            # A new passage may make a set phrase of another, which then loses its copies; it never gives others any.
            beside = [other for other in near(passage).others if other not in known and _has_copies(conn, other)]
            known.update(beside)
            todo += beside
        else:
            conn.execute("delete from copies where passage_id = ?", (passage,))
            conn.execute("delete from copies where other_passage_id = ?", (passage,))
        rows = [(passage, other, alike) for other, alike in _copies(conn, reader, near, passage)]
        rows += [(other, passage, alike) for _, other, alike in rows]
        conn.executemany("insert or replace into copies values (?, ?, ?)", rows)
    conn.execute("delete from copies_due")


def wrong(conn: sqlite3.Connection, reader: Reader, site: str) -> list[str]:
    """The articles of a site whose keys or copies are not those that the passages give; what is due is passed over."""
    near = lru_cache(_KNOWN)(partial(_near, conn))
    found: dict[str, None] = {}
    for url, passage, text in conn.execute(
        """select url, passages.id, passages.text from articles join passages on article_id = articles.id
           where site = ? and not exists (select 1 from copies_due where passage_id = passages.id) order by url""",
        (site,),
    ):
        keys = {row[0] for row in conn.execute("select key from passage_keys where passage_id = ?", (passage,))}
        rows = conn.execute(
            """select other_passage_id, similarity from copies where passage_id = ?1
               union all select passage_id, similarity from copies where other_passage_id = ?1""",
            (passage,),
        )
        expected = [*_copies(conn, reader, near, passage)] * 2  # in both directions
        if keys != set(reader.keys_of(text)) or sorted(rows) != sorted(expected):
            found[url] = None
    return list(found)


def _ensure_current(conn: sqlite3.Connection, reader: Reader) -> None:
    row = conn.execute("select value from meta where key = ?", (_VERSION_KEY,)).fetchone()
    if row is None or row[0] != reader.KEYS:
        conn.execute("delete from passage_keys")
        conn.execute("delete from copies")
        conn.execute("insert or ignore into copies_due(passage_id) select id from passages")
        conn.execute("insert or replace into meta values (?, ?)", (_VERSION_KEY, reader.KEYS))


def _enter_keys(conn: sqlite3.Connection, reader: Reader) -> set[int]:
    """Enter the keys of the passages due that have none, and return those; what is too short is due no more."""
    fresh: set[int] = set()
    for piece in _unread(conn):
        keys = {passage: reader.keys_of(text) for passage, text in piece}
        short = [(passage,) for passage, own in keys.items() if not own]
        conn.executemany("delete from copies_due where passage_id = ?", short)
        for key, number in Counter(key for own in keys.values() for key in own).items():
            _queue_holders(conn, key, number)
        conn.executemany(
            "insert into passage_keys(key, passage_id) values (?, ?)",
            ((key, passage) for passage, own in keys.items() for key in own),
        )
        fresh.update(passage for passage, own in keys.items() if own)
    return fresh


def _unread(conn: sqlite3.Connection) -> Iterator[Sequence[tuple[int, str]]]:
    last = 0
    while piece := conn.execute(
        """select passages.id, text from copies_due join passages on passages.id = passage_id
           where passage_id > ? and not exists (select 1 from passage_keys where passage_id = passages.id)
           order by passage_id limit ?""",
        (last, _PIECE),
    ).fetchall():
        last = piece[-1][0]
        yield piece


def _queue_holders(conn: sqlite3.Connection, key: int, more: int) -> None:
    """Judge the holders of a key anew when it becomes common with so many more."""
    held = "select passage_id from passage_keys where key = ? limit ?"
    (number,) = conn.execute(f"select count(*) from ({held})", (key, MOST_HOLDERS + 1)).fetchone()
    if number <= MOST_HOLDERS < number + more:
        conn.execute(f"insert or ignore into copies_due(passage_id) {held}", (key, MOST_HOLDERS))


def _near(conn: sqlite3.Connection, passage: int) -> _Near:
    rows = conn.execute(
        f"""with own(key) as materialized (
              select key from passage_keys as mine where passage_id = ? and {_ACTIVE.format("mine.key")})
            select shared.passage_id, shared.number, article_id, site
            from (select passage_id, count(*) as number from own join passage_keys using (key)
                  group by passage_id having number >= {_SHARED}) as shared
            join passages on passages.id = shared.passage_id join articles on articles.id = article_id""",
        (passage,),
    ).fetchall()
    # A passage shares all of its keys with itself, unless too few of them count.
    own = next((row for row in rows if row[0] == passage), None)
    if own is None:
        return _Near((), False)
    _, number, article, site = own
    alike = {row[2] for row in rows if row[3] == site and row[1] * 2 >= number}
    return _Near(tuple(sorted(row[0] for row in rows if row[2] != article)), len(alike) >= SET_PHRASE)


def _copies(conn: sqlite3.Connection, reader: Reader, near: _Neighbours, passage: int) -> Iterator[tuple[int, float]]:
    """The copies of a passage with their similarity."""
    own = near(passage)
    if own.is_set_phrase:
        return
    for other in own.others:
        if not near(other).is_set_phrase:
            # In one order, so that both directions get the same figure.
            one, two = sorted((_text(conn, passage), _text(conn, other)))
            if alike := reader.similarity(one, two):
                yield other, alike


def _has_copies(conn: sqlite3.Connection, passage: int) -> bool:
    return conn.execute("select 1 from copies where passage_id = ? limit 1", (passage,)).fetchone() is not None


def _text(conn: sqlite3.Connection, passage: int) -> str:
    (text,) = conn.execute("select text from passages where id = ?", (passage,)).fetchone()
    return str(text)
