"""Passages of an article: its blocks, each once however many revisions hold it. Those that stay keep their rows."""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence

from columnarchive.model import BlockKind
from columnarchive.store import copies

Key = tuple[BlockKind, int, str, str]
"""What makes a passage one: kind, level, the heading above, text."""


def text_key(text: str) -> str:
    """What two passages that say the same share: folded, without white space, as a short digest."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return hashlib.sha256("".join(folded.split()).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def write(
    conn: sqlite3.Connection, article_id: int, held_by: Mapping[Key, Sequence[int]], newest: int
) -> dict[Key, int]:
    """Make these the passages of an article, each with the revisions that hold it; returns their ids."""
    rows = conn.execute("select kind, level, heading, text, id from passages where article_id = ?", (article_id,))
    stored: dict[Key, int] = {(kind, level, heading, text): passage for kind, level, heading, text, passage in rows}
    ids: dict[Key, int] = {}
    fresh = []
    for key, numbers in held_by.items():
        standing = (text_key(key[3]), numbers[0], numbers[-1], numbers[-1] == newest)
        passage = stored.pop(key, 0)
        if passage:
            conn.execute(
                "update passages set text_key = ?, first_revision = ?, last_revision = ?, is_present = ? where id = ?",
                (*standing, passage),
            )
        else:
            cursor = conn.execute(
                """insert into passages(article_id, kind, level, heading, text, text_key,
                   first_revision, last_revision, is_present) values (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (article_id, *key, *standing),
            )
            passage = int(cursor.lastrowid or 0)
            fresh.append(passage)
        ids[key] = passage
    _delete(conn, list(stored.values()))
    copies.queue(conn, fresh)
    return ids


def delete(conn: sqlite3.Connection, article_id: int) -> None:
    """Delete the passages of an article."""
    _delete(conn, [row[0] for row in conn.execute("select id from passages where article_id = ?", (article_id,))])


def _delete(conn: sqlite3.Connection, passages: Sequence[int]) -> None:
    copies.forget(conn, passages)
    conn.executemany("delete from passages where id = ?", ((passage,) for passage in passages))
