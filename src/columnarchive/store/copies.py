"""Passages of an article, each stored once, and the copies among them, exact or near, kept up to date.

A passage is a block of an article. It keeps its row in however many revisions it stands. What `copies` holds follows
from the passages there are, whatever order they came in. A key that more than MOST_HOLDERS passages hold counts for
nothing. Passages of two articles that share SHARED of the other keys are read, and are copies when they are alike. A
passage that shares half of its keys with passages in SET_PHRASE articles of its own site, itself included, is a set
phrase of that site and no copy.

Whatever writes or deletes passages puts those whose copies may be others now into `copies_due`; `settle` judges them
all together, once a run.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from columnarchive.records import BlockKind
from columnarchive.text import nfkc

Key = tuple[BlockKind, int, str, str]
"""What makes a passage one: kind, level, the heading above, text."""


def text_key(text: str) -> str:
    """What two passages that say the same share: folded, without white space, as a short digest."""
    folded = nfkc(text).casefold()
    return hashlib.sha256("".join(folded.split()).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def write_passages(
    conn: sqlite3.Connection, article_id: int, held_by: Mapping[Key, Sequence[int]], newest: int
) -> dict[Key, int]:
    """Make these the passages of an article, each with the revisions that hold it; returns their ids."""
    stored: dict[Key, tuple[int, list[object]]] = {
        (kind, level, heading, text): (passage, standing)
        for passage, kind, level, heading, text, *standing in conn.execute(
            """select id, kind, level, heading, text, text_key, first_revision, last_revision, is_present
               from passages where article_id = ?""",
            (article_id,),
        )
    }
    (unused,) = conn.execute("select coalesce(max(id), 0) + 1 from passages").fetchone()
    ids: dict[Key, int] = {}
    fresh: list[tuple[object, ...]] = []
    moved: list[tuple[object, ...]] = []
    for key, numbers in held_by.items():
        standing = [text_key(key[3]), numbers[0], numbers[-1], int(numbers[-1] == newest)]
        passage, before = stored.pop(key, (0, standing))
        if not passage:
            passage = unused + len(fresh)
            fresh.append((passage, article_id, *key, *standing))
        elif before != standing:
            moved.append((*standing, passage))
        ids[key] = passage
    conn.executemany(
        "update passages set text_key = ?, first_revision = ?, last_revision = ?, is_present = ? where id = ?", moved
    )
    conn.executemany(
        """insert into passages(id, article_id, kind, level, heading, text, text_key,
           first_revision, last_revision, is_present) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        fresh,
    )
    _delete_rows(conn, [passage for passage, _ in stored.values()])
    queue(conn, range(unused, unused + len(fresh)))
    return ids


def delete_passages(conn: sqlite3.Connection, article_id: int) -> None:
    """Delete the passages of an article."""
    _delete_rows(conn, [row[0] for row in conn.execute("select id from passages where article_id = ?", (article_id,))])


def _delete_rows(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    if not passages:
        return
    forget(conn, passages)
    conn.executemany("delete from passages where id = ?", ((passage,) for passage in passages))


MOST_HOLDERS = 64
"""A key that more passages hold is a common turn of phrase."""

SET_PHRASE = 5
"""A passage that stands in so many articles of one site, the same or nearly, is a set phrase of that site."""

SHARED = 2
"""Keys that neighbours have in common; one is chance."""

_KNOWN = 4000  # passages whose neighbours are remembered
_AT_ONCE = 200  # passages whose keys are looked for in one statement; each key may have MOST_HOLDERS

ACTIVE = f"not exists (select 1 from passage_keys where key = {{}} limit 1 offset {MOST_HOLDERS})"
"""SQL: whether a key is one that counts."""

_VERSION_KEY = "copies_keys"
_PIECE = 1000  # passages that are read at a time


class Reader(Protocol):
    """The pure functions on passages that `diff.copies` has."""

    @property
    def KEYS(self) -> str:
        """The version of `keys_of`."""

    def keys_of(self, passage: str) -> tuple[int, ...]:
        """The keys to index a passage under."""

    def similarity(self, one: str, other: str) -> float:
        """How alike two passages are; 0 when neither is a copy of the other."""


def queue(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    """After passages were written: their copies are to be found."""
    conn.executemany("insert or ignore into copies_due(passage_id) values (?)", ((passage,) for passage in passages))


def forget(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    """Before passages are deleted: other passages may have other copies without them."""
    going = json.dumps(passages)
    # Joined in this order, not in the one that SQLite would choose: from the few passages that go.
    conn.execute(
        f"""insert or ignore into copies_due(passage_id)
            select theirs.passage_id from json_each(?)
            cross join passage_keys as mine on mine.passage_id = value
            cross join passage_keys as theirs on theirs.key = mine.key
            where {ACTIVE.format("mine.key")}
            group by mine.passage_id, theirs.passage_id having count(*) >= {SHARED}""",
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


def settle(conn: sqlite3.Connection, reader: Reader) -> None:
    """Bring `copies` up to date with what was written and deleted, in the caller's transaction."""
    _ensure_current(conn, reader)
    fresh = _enter_keys(conn, reader)
    # All keys are in, so that what is judged first makes no difference.
    todo = [row[0] for row in conn.execute("select passage_id from copies_due order by passage_id")]
    known = set(todo)
    waiting = set(todo)
    near = Neighbours(conn)
    while todo:
        piece, todo = todo[:_PIECE], todo[_PIECE:]
        near.look_up(piece)
        texts = _texts(conn, {one for passage in piece for one in (passage, *near.of(passage).others)})
        for passage in piece:
            waiting.remove(passage)
            if passage in fresh:
                # A new passage may make a set phrase of another, which then loses its copies; it never gives any.
                others = near.of(passage).others
                beside = [other for other in others if other not in known and _has_copies(conn, other)]
                known.update(beside)
                waiting.update(beside)
                todo += beside
            else:
                conn.execute("delete from copies where passage_id = ?", (passage,))
                conn.execute("delete from copies where other_passage_id = ?", (passage,))
            # Two that are both due are read when the later one is judged.
            rows = [(passage, other, alike) for other, alike in _copies(texts, reader, near, passage, waiting)]
            rows += [(other, passage, alike) for _, other, alike in rows]
            if rows:
                conn.executemany("insert or replace into copies values (?, ?, ?)", rows)
    conn.execute("delete from copies_due")


def wrong(conn: sqlite3.Connection, reader: Reader, site: str) -> list[str]:
    """The articles of a site whose keys or copies are not those that the passages give; what is due is passed over."""
    near = Neighbours(conn)
    found: dict[str, None] = {}
    for url, passage, text in conn.execute(
        """select url, passages.id, passages.text from articles join passages on article_id = articles.id
           where site = ? and not exists (select 1 from copies_due where passage_id = passages.id) order by url""",
        (site,),
    ):
        rows = conn.execute(
            """select other_passage_id, similarity from copies where passage_id = ?1
               union all select passage_id, similarity from copies where other_passage_id = ?1""",
            (passage,),
        )
        texts = _texts(conn, {passage, *near.of(passage).others})
        expected = [*_copies(texts, reader, near, passage)] * 2  # in both directions
        if _keys(conn, passage) != set(reader.keys_of(text)) or sorted(rows) != sorted(expected):
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
        _queue_holders(conn, Counter(key for own in keys.values() for key in own))
        conn.executemany(
            "insert into passage_keys(key, passage_id) values (?, ?)",
            sorted((key, passage) for passage, own in keys.items() for key in own),  # as they lie in the file
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


def _queue_holders(conn: sqlite3.Connection, more: Mapping[int, int]) -> None:
    """Judge the holders of each key anew that becomes common with so many more."""
    held = conn.execute(
        f"""select value, (select count(*) from (select 1 from passage_keys where key = value limit {MOST_HOLDERS + 1}))
            from json_each(?) where exists (select 1 from passage_keys where key = value)""",
        (json.dumps(list(more)),),
    ).fetchall()
    conn.executemany(
        "insert or ignore into copies_due(passage_id) select passage_id from passage_keys where key = ?",
        [(key,) for key, number in held if number <= MOST_HOLDERS < number + more[key]],
    )


def _copies(
    texts: Mapping[int, str], reader: Reader, near: Neighbours, passage: int, but: Set[int] = frozenset()
) -> Iterator[tuple[int, float]]:
    """The copies of a passage with their similarity; `but` those."""
    own = near.of(passage)
    if own.is_set_phrase:
        return
    for other in own.others:
        if other in but:
            continue
        # In one order, so that both directions get the same figure.
        one, two = sorted((texts[passage], texts[other]))
        alike = reader.similarity(one, two)
        if alike and not near.of(other).is_set_phrase:
            yield other, alike


def _keys(conn: sqlite3.Connection, passage: int) -> set[int]:
    return {row[0] for row in conn.execute("select key from passage_keys where passage_id = ?", (passage,))}


def _has_copies(conn: sqlite3.Connection, passage: int) -> bool:
    return conn.execute("select 1 from copies where passage_id = ? limit 1", (passage,)).fetchone() is not None


def _texts(conn: sqlite3.Connection, passages: Set[int]) -> dict[int, str]:
    query = "select id, text from passages where id in (select value from json_each(?))"
    return dict(conn.execute(query, (json.dumps(list(passages)),)))


@dataclass(frozen=True, slots=True)
class Near:
    """The passages of other articles that share keys with one, and whether that is a set phrase of its site."""

    others: tuple[int, ...]
    is_set_phrase: bool


_ALONE = Near((), False)


class Neighbours:
    """What stands near passages: looked up for many at once, and remembered for a while."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._known: dict[int, Near] = {}

    def look_up(self, passages: Sequence[int]) -> None:
        """Look at these, which are asked for next."""
        if len(self._known) > _KNOWN:
            self._known.clear()
        self._known.update(dict.fromkeys(passages, _ALONE))
        for at in range(0, len(passages), _AT_ONCE):
            self._known.update(_near(self._conn, passages[at : at + _AT_ONCE]))

    def of(self, passage: int) -> Near:
        """What stands near a passage."""
        if passage not in self._known:
            self.look_up([passage])
        return self._known[passage]


def _near(conn: sqlite3.Connection, passages: Sequence[int]) -> dict[int, Near]:
    """What stands near each of the passages; most have no neighbour and are left out."""
    beside: dict[int, dict[int, int]] = {}
    # Most keys are held by one passage, so that is asked first.
    for passage, other, number in conn.execute(
        f"""select mine.passage_id, theirs.passage_id, count(*) from json_each(?)
            cross join passage_keys as mine on mine.passage_id = value
            cross join passage_keys as theirs on theirs.key = mine.key and theirs.passage_id <> mine.passage_id
            where exists (select 1 from passage_keys where key = mine.key and passage_id <> mine.passage_id)
            and {ACTIVE.format("mine.key")} group by 1, 2 having count(*) >= {SHARED}""",
        (json.dumps(passages),),
    ):
        beside.setdefault(passage, {})[other] = number
    keys = dict(
        conn.execute(
            f"""select passage_id, count(*) from json_each(?)
                cross join passage_keys as mine on passage_id = value where {ACTIVE.format("mine.key")} group by 1""",
            (json.dumps(list(beside)),),
        )
    )
    involved = {one for passage, others in beside.items() for one in (passage, *others)}
    places = {
        passage: (article, site)
        for passage, article, site in conn.execute(
            """select passages.id, article_id, site from json_each(?)
               cross join passages on passages.id = value join articles on articles.id = article_id""",
            (json.dumps(list(involved)),),
        )
    }
    found: dict[int, Near] = {}
    for passage, others in beside.items():
        article, site = places[passage]
        alike = {
            places[one][0] for one, number in others.items() if places[one][1] == site and number * 2 >= keys[passage]
        }
        elsewhere = sorted(one for one in others if places[one][0] != article)
        found[passage] = Near(tuple(elsewhere), len(alike | {article}) >= SET_PHRASE)
    return found
