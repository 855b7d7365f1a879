"""Passages that share keys with others: which are near enough to be read beside them, and which are set phrases."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
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

HELD = f"(select count(*) from (select 1 from passage_keys where key = {{}} limit {MOST_HOLDERS + 1}))"
ACTIVE = f"{HELD} <= {MOST_HOLDERS}"
"""SQL: how many passages hold a key, as far as it matters, and whether it is one that counts."""


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
    shared = Counter(
        conn.execute(
            f"""select mine.passage_id, theirs.passage_id from json_each(?)
                cross join passage_keys as mine on mine.passage_id = value
                cross join passage_keys as theirs on theirs.key = mine.key where {ACTIVE.format("mine.key")}""",
            (json.dumps(passages),),
        )
    )
    beside: dict[int, list[int]] = {}
    for (passage, other), number in shared.items():
        if number >= SHARED and other != passage:
            beside.setdefault(passage, [passage]).append(other)
    places = {
        passage: (article, site)
        for passage, article, site in conn.execute(
            """select passages.id, article_id, site from passages join articles on articles.id = article_id
               where passages.id in (select value from json_each(?))""",
            (json.dumps(list({one for together in beside.values() for one in together})),),
        )
    }
    found: dict[int, Near] = {}
    for passage, together in beside.items():
        article, site = places[passage]
        # A passage shares all of its keys with itself.
        half = shared[passage, passage] / 2
        alike = {places[one][0] for one in together if places[one][1] == site and shared[passage, one] >= half}
        others = sorted(one for one in together if places[one][0] != article)
        found[passage] = Near(tuple(others), len(alike) >= SET_PHRASE)
    return found
