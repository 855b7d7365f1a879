"""Since when and until when an article said something: the sentence of its history that has the words."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from columnarchive.search.fold import fold


@dataclass(frozen=True, slots=True)
class Saying:
    """The revision that first had a sentence and the times between which it was seen; empty where not known."""

    revision: int
    since_at: str = ""
    until_at: str = ""


def saying(conn: sqlite3.Connection, article_id: int, needles: tuple[str, ...], removed: bool) -> Saying:
    """The sentence with the most of these folded strings, the first of equal ones; the whole article without one."""
    best: Saying | None = None
    most = 0
    for text, *said in conn.execute(
        """select text, since_revision, since_at, until_at from sentences
           where article_id = ? and is_present = ? order by position""",
        (article_id, not removed),
    ):
        folded = fold(text)
        count = sum(1 for needle in needles if needle in folded)
        if count > most:
            best, most = Saying(*said), count
    if best:
        return best
    row = conn.execute("select revisions, first_seen_at, '' from articles where id = ?", (article_id,)).fetchone()
    return Saying(*row)
