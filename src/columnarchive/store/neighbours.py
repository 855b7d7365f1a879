"""Passages that share keys with others: which are near enough to be read beside them, and which are set phrases."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

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
