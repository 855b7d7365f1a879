"""What a page tells of its site: one set of (place, text) in one or several versions, and what that comes to.

Lines that only give a date or name people have no weight, nor has the h1: they stand in the template and belong to the
page. Digits are masked, so that stamps, counters and © years are one text.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from functools import lru_cache

from columnarchive.extract.outlines import Outline, Piece
from columnarchive.extract.people import names_people
from columnarchive.extract.places import Places

Row = tuple[int, str, int]
"""A place, a text in it, and how many of its characters are linked; `UNWEIGHED` for a line without weight."""
UNWEIGHED = -1
_DIGIT = re.compile(r"[0-9０-９]+")
_MEASURE = re.compile(
    r"[0-9０-９]\s*(?:[円万千億%％分回名人歳才週年月日時秒代度例件種本枚個台mMgGkKcC°℃]|ヶ月|か月|カ月|ヵ月)|[¥￥$]\s*[0-9０-９]"
)
_DATA_TAGS = frozenset(("td", "th", "dt", "dd", "h1", "h2", "h3", "h4"))
_MASKED_LETTERS = 3


class Evidence:
    """What a page, in one or several versions, adds to its site's model: its rows and what they come to at each place.

    A row is (place, text, linked characters).
    """

    __slots__ = ("marks", "rows", "said", "texts")

    def __init__(self, rows: frozenset[Row], places: Places) -> None:
        self.rows = rows
        self.texts = frozenset([key for _, key, linked in rows])
        own: dict[int, set[str]] = {}
        counts: dict[int, int] = {}
        self.marks: dict[int, int] = {}
        parents = places.parents
        for place, key, linked in rows:
            if linked == UNWEIGHED:
                self.marks[place] = self.marks.get(place, 0) + 1
            elif place in own:
                own[place].add(key)
                counts[place] += 1
            else:
                own[place] = {key}
                counts[place] = 1
        self.said = _all_said(own, counts, parents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(self.rows)


def _all_said(own: dict[int, set[str]], counts: dict[int, int], parents: list[int]) -> dict[int, int]:
    """For each place with text and each place around one: a sum of all that is said inside, 0 for a single text."""
    said: dict[int, int] = {}
    waiting = [-place for place in own]
    heapq.heapify(waiting)
    while waiting:  # a place has a larger number than the one around it, so its own sum is whole when its turn comes
        place = -heapq.heappop(waiting)
        texts = own[place]
        said[place] = hash(frozenset(texts)) if counts[place] > 1 else 0
        if place <= 0:
            continue
        parent = parents[place]
        known = own.get(parent)
        if known is None:
            own[parent], counts[parent] = texts, counts[place]  # nobody asks for the inner set again
            heapq.heappush(waiting, -parent)
        else:
            known |= texts
            counts[parent] += counts[place]
    return said


def evidence(page: Outline, places: Places) -> Evidence:
    """What a page adds to its site's model: (place, text, linked characters) of its pieces.

    Lines that only give a date or name people have no weight: they stand in the template and belong to the page.
    The h1 has no weight: it stands in the header and is unique.
    """
    rows: set[Row] = set()
    for piece in page.pieces:
        weightless = piece.dated or piece.tag == "h1" or names_people(piece.text)
        rows.add((piece.place, model_key(piece), UNWEIGHED if weightless else piece.linked))
    return Evidence(frozenset(rows), places)


def model_key(piece: Piece) -> str:
    """A piece's text as the model counts it: with digits masked, so that stamps, counters and © years are one text.

    Never in tables and never beside a unit: two fees or doses that differ are two texts.
    """
    if not piece.counted:
        key = piece.key
        piece.counted = key if piece.tag in _DATA_TAGS or key.isalpha() else _masked(key)
    return piece.counted


@lru_cache(maxsize=4096)  # a site's pages share most of their lines
def _masked(key: str) -> str:
    if not _DIGIT.search(key) or _MEASURE.search(key):
        return key
    masked = _DIGIT.sub("#", key)
    return masked if len(masked) - 2 * masked.count("#") >= _MASKED_LETTERS else key


def unite(parts: Iterable[Evidence], places: Places) -> Evidence:
    """The evidence of several versions of one page, counted as one page."""
    distinct = list(dict.fromkeys(parts))
    if len(distinct) == 1:
        return distinct[0]
    return Evidence(frozenset().union(*(part.rows for part in distinct)), places)
