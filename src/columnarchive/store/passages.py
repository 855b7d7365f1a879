"""Passages of an article: its blocks, each once however many revisions hold it. Those that stay keep their rows."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence

from columnarchive.records import BlockKind
from columnarchive.store import copies
from columnarchive.text import nfkc

Key = tuple[BlockKind, int, str, str]
"""What makes a passage one: kind, level, the heading above, text."""


def text_key(text: str) -> str:
    """What two passages that say the same share: folded, without white space, as a short digest."""
    folded = nfkc(text).casefold()
    return hashlib.sha256("".join(folded.split()).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def write(
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
    _delete(conn, [passage for passage, _ in stored.values()])
    copies.queue(conn, range(unused, unused + len(fresh)))
    return ids


def delete(conn: sqlite3.Connection, article_id: int) -> None:
    """Delete the passages of an article."""
    _delete(conn, [row[0] for row in conn.execute("select id from passages where article_id = ?", (article_id,))])


def _delete(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    if not passages:
        return
    copies.forget(conn, passages)
    conn.executemany("delete from passages where id = ?", ((passage,) for passage in passages))
