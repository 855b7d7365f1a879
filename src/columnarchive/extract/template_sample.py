"""What a page tells of its site: one set of (place, text) in one or several versions, and what that comes to.

Lines that only give a date or name people have no weight, nor has the h1: they stand in the template and belong to the
page.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from columnarchive.extract.bylines import names_people
from columnarchive.extract.dom_paths import Places
from columnarchive.extract.outlines import Outline
from columnarchive.extract.page_images import Spot, spots
from columnarchive.extract.rules import NOTICE, PRICE

Row = tuple[int, str, int]
"""A place, a text in it, and how many of its characters are linked; `UNWEIGHED` for a line without weight."""
UNWEIGHED = -1


class Evidence:
    """What a page, in one or several versions, adds to its site's model: its rows and what they come to at each place.

    A row is (place, text, linked characters).
    """

    __slots__ = ("marks", "pictures", "rows", "text_sums", "texts")

    def __init__(self, rows: frozenset[Row], places: Places, pictures: frozenset[Spot] = frozenset()) -> None:
        self.rows = rows
        self.pictures = pictures
        self.texts = frozenset([key for _, key, linked in rows])
        own: dict[int, set[str]] = {}
        counts: dict[int, int] = {}
        self.marks: dict[int, int] = {}
        parents = places.parents
        for place, key, linked in rows:
            if linked == UNWEIGHED or PRICE.search(key) or NOTICE.search(key):
                self.marks[place] = self.marks.get(place, 0) + 1
            if linked == UNWEIGHED:
                continue
            if place in own:
                own[place].add(key)
                counts[place] += 1
            else:
                own[place] = {key}
                counts[place] = 1
        self.text_sums = _text_sums(own, counts, parents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and self.rows == other.rows and self.pictures == other.pictures

    def __hash__(self) -> int:
        return hash(self.rows)


def _text_sums(own: dict[int, set[str]], counts: dict[int, int], parents: list[int]) -> dict[int, int]:
    """For each place with text and each place around one: a sum of all that is said inside, 0 for a single text."""
    text_sums: dict[int, int] = {}
    waiting = [-place for place in own]
    heapq.heapify(waiting)
    while waiting:  # a place has a larger number than the one around it, so its own sum is whole when its turn comes
        place = -heapq.heappop(waiting)
        texts = own[place]
        text_sums[place] = hash(frozenset(texts)) if counts[place] > 1 else 0
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
    return text_sums


def evidence(page: Outline, places: Places, url: str = "") -> Evidence:
    """What a page adds to its site's model: (place, text, linked characters) of its pieces, and its pictures.

    Lines that only give a date or name people have no weight: they stand in the template and belong to the page.
    The h1 has no weight: it stands in the header and is unique.
    """
    rows: set[Row] = set()
    for piece in page.pieces:
        weightless = piece.dated or piece.tag == "h1" or names_people(piece.text)
        rows.add((piece.place, piece.counted, UNWEIGHED if weightless else piece.linked))
    return Evidence(frozenset(rows), places, spots(page, url))


def unite(parts: Iterable[Evidence], places: Places) -> Evidence:
    """The evidence of several versions of one page, counted as one page."""
    distinct = list(dict.fromkeys(parts))
    if len(distinct) == 1:
        return distinct[0]
    rows = frozenset().union(*(part.rows for part in distinct))
    return Evidence(rows, places, frozenset().union(*(part.pictures for part in distinct)))
