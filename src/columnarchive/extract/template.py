"""The template of a site, learned from what its pages share, in text and in place.

Two signals, because text alone is not enough (build stamps, © years, counters and calendars differ on every page):
a text is *common* when enough other pages have it; a place is *dead* when nearly all characters that stand in it, over
the site, are common. A place that is mostly not common is *content*: what repeats there (a risk notice, an author's
line) stays. Evidence is one set of (place, text) a page, which may unite several of its versions, so that a site in
the middle of a redesign still knows both designs. Counters are added and taken away, never relearned.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from columnarchive.extract.people import names_people
from columnarchive.extract.places import Places
from columnarchive.extract.rules import (
    CONTAINERS,
    CONTENT_SHARE,
    DEAD_SHARE,
    LINK_SHARE,
    MIN_PLACE_PAGES,
    TEMPLATE_SHARE,
)
from columnarchive.extract.walk import Outline, Piece

Evidence = frozenset[tuple[int, str, int]]
_UNWEIGHED = -1
_DIGIT = re.compile(r"[0-9０-９]+")
_MEASURE = re.compile(
    r"[0-9０-９]\s*(?:[円万千億%％分回名人歳才週年月日時秒代度例件種本枚個台mMgGkKcC°℃]|ヶ月|か月|カ月|ヵ月)|[¥￥$]\s*[0-9０-９]"
)
_DATA_TAGS = frozenset(("td", "th", "dt", "dd", "h1", "h2", "h3", "h4"))
_MASKED_LETTERS = 3


def evidence(page: Outline) -> Evidence:
    """What a page adds to its site's model: (place, text, linked characters) of its pieces.

    Lines that only give a date or name people have no weight: they stand in the template and belong to the page.
    The h1 has no weight: it stands in the header and is unique.
    """
    rows: set[tuple[int, str, int]] = set()
    for piece in page.pieces:
        weightless = piece.dated or piece.tag == "h1" or names_people(piece.text)
        rows.add((piece.place, model_key(piece), _UNWEIGHED if weightless else piece.linked))
    return frozenset(rows)


def model_key(piece: Piece) -> str:
    """A piece's text as the model counts it: with digits masked, so that stamps, counters and © years are one text.

    Never in tables and never beside a unit: two fees or doses that differ are two texts.
    """
    key = piece.key
    if piece.tag in _DATA_TAGS or key.isalpha() or not _DIGIT.search(key) or _MEASURE.search(key):
        return key
    masked = _DIGIT.sub("#", key)
    return masked if len(masked) - 2 * masked.count("#") >= _MASKED_LETTERS else key


class Template:
    """Counters over the pages of one site at one time; `add` and `remove` move it along time."""

    __slots__ = (
        "_common",
        "_df",
        "_links",
        "_marks",
        "_pages",
        "_paths",
        "_places",
        "_said",
        "_shares",
        "_skips",
        "_total",
        "_where",
        "needed",
        "pages",
    )

    def __init__(self, places: Places, pages: int) -> None:
        """`pages`: how many pages will be evidence in all; the threshold for common text depends on it."""
        others = max(1, pages - 1)
        self.needed = min(others, max(2, math.ceil(TEMPLATE_SHARE * others)))
        self.pages = pages
        self._places = places
        self._df: dict[str, int] = {}
        self._marks: dict[int, int] = {}
        self._skips: tuple[frozenset[int], frozenset[int]] | None = None
        self._where: dict[str, dict[int, int]] = {}
        self._total: dict[int, int] = {}
        self._common: dict[int, int] = {}
        self._links: dict[int, int] = {}
        self._pages: dict[int, int] = {}
        self._said: dict[int, dict[int, int]] = {}
        self._paths: dict[int, tuple[int, ...]] = {}
        self._shares: dict[int, tuple[bool, float, float]] = {}

    def add(self, rows: Evidence) -> None:
        """Count a page in."""
        self._count(rows, 1)

    def remove(self, rows: Evidence) -> None:
        """Count a page out again."""
        self._count(rows, -1)

    def move(self, old: Evidence, new: Evidence) -> None:
        """Replace a page's evidence."""
        if old is not new:
            self._count(old, -1)
            self._count(new, 1)

    def _path(self, place: int) -> tuple[int, ...]:
        path = self._paths.get(place)
        if path is None:
            path = (place, *self._path(self._places.parents[place])) if place > 0 else (0,)
            self._paths[place] = path
        return path

    def _count(self, rows: Evidence, sign: int) -> None:
        self._shares.clear()
        self._skips = None
        inside: dict[int, list[str]] = {}
        for place, key, linked in rows:
            if linked == _UNWEIGHED:
                for step in self._path(place):
                    self._marks[step] = self._marks.get(step, 0) + sign
                continue
            for step in self._path(place):
                inside.setdefault(step, []).append(key)
        for place, keys in inside.items():
            self._pages[place] = self._pages.get(place, 0) + sign
            spots = self._said.setdefault(place, {})
            said = hash(frozenset(keys)) if len(keys) > 1 else 0
            spots[said] = spots.get(said, 0) + sign
            if not spots[said]:
                del spots[said]
        if sign > 0:
            self._masses(rows, sign)
            self._frequencies(rows, sign)
        else:
            self._frequencies(rows, sign)
            self._masses(rows, sign)

    def _masses(self, rows: Evidence, sign: int) -> None:
        """Characters a place holds, and of them the common ones at the present frequencies."""
        for place, key, linked in rows:
            if linked == _UNWEIGHED:
                continue
            amount = sign * len(key)
            common = amount if self._df.get(key, 0) > self.needed else 0
            spots = self._where.setdefault(key, {})
            spots[place] = spots.get(place, 0) + sign
            for step in self._path(place):
                self._total[step] = self._total.get(step, 0) + amount
                if common:
                    self._common[step] = self._common.get(step, 0) + common
                if linked:
                    self._links[step] = self._links.get(step, 0) + sign * linked

    def _frequencies(self, rows: Evidence, sign: int) -> None:
        """Pages a text stands on; when it becomes or ceases to be common, its places change with it."""
        for key in {row[1] for row in rows}:
            before = self._df.get(key, 0)
            after = before + sign
            self._df[key] = after
            if (before > self.needed) != (after > self.needed):
                for place, times in self._where.get(key, {}).items():
                    for step in self._path(place):
                        self._common[step] = self._common.get(step, 0) + sign * times * len(key)

    def is_common(self, piece: Piece) -> bool:
        """Whether enough pages beside the one that asks (which is evidence itself) have this text."""
        return self._df.get(model_key(piece), 1) - 1 >= self.needed

    def frequency(self, piece: Piece) -> int:
        """How many pages have this text."""
        return self._df.get(model_key(piece), 0)

    def is_dead(self, place: int) -> bool:
        """Whether everything here or around here is template, so that even unique text is."""
        return self._verdict(place)[0]

    def share(self, place: int) -> float:
        """Share of common characters here, 1.0 where nothing is known."""
        return self._verdict(place)[1]

    def link_share(self, place: int) -> float:
        """Share of characters in links here over the site."""
        return self._verdict(place)[2]

    def is_content(self, place: int) -> bool:
        """Whether siblings prove that this place holds content: pages fill it with their own, unlinked words."""
        dead, share, links = self._verdict(place)
        return not dead and share < CONTENT_SHARE and links < LINK_SHARE and self._pages.get(place, 0) > 1

    def is_proven(self, place: int) -> bool:
        """Content on so many pages that a class name saying otherwise is not believed."""
        return self.is_content(place) and self._pages.get(place, 0) >= MIN_PLACE_PAGES

    def skippable(self) -> tuple[frozenset[int], frozenset[int]]:
        """Places that need not be read (dead, never holding a date, a name or a title), and those around them."""
        if self._skips is None:
            steps, parents = self._places.steps, self._places.parents
            dead = {
                place
                for place in self._total
                if steps[place].tag in CONTAINERS and not self._marks.get(place, 0) and self.is_dead(place)
            }
            around: set[int] = set()
            for place in dead:
                at = parents[place]
                while at > 0 and at not in around:
                    around.add(at)
                    at = parents[at]
            self._skips = (frozenset(dead), frozenset(around))
        return self._skips

    def _verdict(self, place: int) -> tuple[bool, float, float]:
        found = self._shares.get(place)
        if found is None:
            total = self._total.get(place, 0)
            share = self._common.get(place, 0) / total if total else 1.0
            links = self._links.get(place, 0) / total if total else 0.0
            dead = total > 0 and share >= DEAD_SHARE and self._pages.get(place, 0) >= min(MIN_PLACE_PAGES, self.pages)
            if (
                not dead
                and self._places.steps[place].tag in CONTAINERS
                and self._pages.get(place, 0) >= min(MIN_PLACE_PAGES, self.pages)
            ):
                said = self._said.get(place, {})
                dead = len(said) == 1 and 0 not in said  # a box that says the same on every page that has it
            if not dead and place > 0:
                dead = self._verdict(self._places.parents[place])[0]
            found = self._shares[place] = (dead, share, links)
        return found


def unite(parts: Iterable[Evidence]) -> Evidence:
    """The evidence of several versions of one page, counted as one page."""
    distinct = list(dict.fromkeys(parts))
    return distinct[0] if len(distinct) == 1 else frozenset().union(*distinct)
