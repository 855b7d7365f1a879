"""The template of a site, learned from what its pages share, in text and in place.

Two signals, because text alone is not enough (build stamps, © years, counters and calendars differ on every page):
a text is *common* when enough other pages have it; a place is *dead* when nearly all characters that stand in it, over
the site, are common. A place that is mostly not common is *content*: what repeats there (a risk notice, an author's
line) stays. Evidence is one set of (place, text) a page, which may unite several of its versions, so that a site in
the middle of a redesign still knows both designs. Counters are added and taken away, never relearned.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable

from columnarchive.extract.bylines import names_people
from columnarchive.extract.outlines import Outline, Places
from columnarchive.extract.page_images import PictureTemplate, Spot, spots
from columnarchive.extract.rules import (
    CONTAINERS,
    CONTENT_SHARE,
    DEAD_SHARE,
    LINK_SHARE,
    MIN_PLACE_PAGES,
    NOTICE,
    PRICE,
    TEMPLATE_SHARE,
)

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


DEAD, CONTENT, PROVEN, DEAD_HERE, COMMON, AROUND_CONTENT, SHARED = 1, 2, 4, 8, 16, 32, 64
"""What a template says of a piece: the place that decides on it is dead, content, or content on so many pages that a
class name saying otherwise is not believed; its own place is dead; other pages have its text; around it is content; it
stands on more pages than its own."""
TEXT_TAGS = frozenset(("p", "blockquote", "pre", "dd", "td"))
_NOTHING: frozenset[Row] = frozenset()
_NO_PICTURES: frozenset[Spot] = frozenset()


class Template:
    """Counters over the pages of one site at one time; `add` and `remove` move it along time."""

    __slots__ = (
        "_bits",
        "_common",
        "_df",
        "_links",
        "_marks",
        "_pages",
        "_paths",
        "_places",
        "_shares",
        "_text_sums",
        "_total",
        "_where",
        "needed",
        "pages",
        "pictures",
    )

    def __init__(self, places: Places, pages: int) -> None:
        """`pages`: how many pages will be evidence in all; the threshold for common text depends on it."""
        others = max(1, pages - 1)
        self.needed = min(others, max(2, math.ceil(TEMPLATE_SHARE * others)))
        self.pages = pages
        self.pictures = PictureTemplate(self.needed)
        self._places = places
        self._df: dict[str, int] = {}
        self._marks: dict[int, int] = {}
        self._where: dict[str, dict[int, int]] = {}
        self._total: dict[int, int] = {}
        self._common: dict[int, int] = {}
        self._links: dict[int, int] = {}
        self._pages: dict[int, int] = {}
        self._text_sums: dict[int, dict[int, int]] = {}
        self._paths: dict[int, tuple[int, ...]] = {}
        self._shares: dict[int, tuple[bool, float, float]] = {}
        self._bits: dict[int, int] = {}

    def add(self, page: Evidence) -> None:
        """Count a page in."""
        self.move(None, page)

    def remove(self, page: Evidence) -> None:
        """Count a page out again."""
        self.move(page, None)

    def move(self, old: Evidence | None, new: Evidence | None) -> None:
        """Replace a page's evidence, by what differs."""
        self._shares.clear()
        self._bits.clear()
        self.pictures.move(old.pictures if old else _NO_PICTURES, new.pictures if new else _NO_PICTURES)
        gone = old.rows - new.rows if old and new else old.rows if old else _NOTHING
        come = new.rows - old.rows if old and new else new.rows if new else _NOTHING
        if old:
            self._tally(old, new, -1)
            self._frequencies(old.texts - new.texts if new else old.texts, -1)
            self._masses(gone, -1)
        if new:
            self._tally(new, old, 1)
            self._masses(come, 1)
            self._frequencies(new.texts - old.texts if old else new.texts, 1)

    def _path(self, place: int) -> tuple[int, ...]:
        path = self._paths.get(place)
        if path is None:
            path = (place, *self._path(self._places.parents[place])) if place > 0 else (0,)
            self._paths[place] = path
        return path

    def _tally(self, page: Evidence, other: Evidence | None, sign: int) -> None:
        """Pages that have a place, and what they say in it; what `other` has too stays as it is."""
        for place, times in page.marks.items():
            for step in self._path(place):
                self._marks[step] = self._marks.get(step, 0) + sign * times
        for place, text_sum in page.text_sums.items() - other.text_sums.items() if other else page.text_sums.items():
            self._pages[place] = self._pages.get(place, 0) + sign
            spots = self._text_sums.setdefault(place, {})
            spots[text_sum] = spots.get(text_sum, 0) + sign
            if not spots[text_sum]:
                del spots[text_sum]

    def _masses(self, rows: frozenset[Row], sign: int) -> None:
        """Characters a place holds, and of them the common ones at the present frequencies."""
        own: dict[int, list[int]] = {}
        frequency, needed = self._df, self.needed
        for place, key, linked in rows:
            if linked == UNWEIGHED:
                continue
            sums = own.get(place)
            if sums is None:
                sums = own[place] = [0, 0, 0]
            amount = len(key)
            sums[0] += amount
            if frequency.get(key, 0) > needed:
                sums[1] += amount
            sums[2] += linked
            spots = self._where.setdefault(key, {})
            spots[place] = spots.get(place, 0) + sign
        for place, (total, common, linked) in own.items():
            for step in self._path(place):
                self._total[step] = self._total.get(step, 0) + sign * total
                if common:
                    self._common[step] = self._common.get(step, 0) + sign * common
                if linked:
                    self._links[step] = self._links.get(step, 0) + sign * linked

    def _frequencies(self, texts: frozenset[str], sign: int) -> None:
        """Pages a text stands on; when it becomes or ceases to be common, its places change with it."""
        for key in texts:
            before = self._df.get(key, 0)
            after = before + sign
            self._df[key] = after
            if (before > self.needed) != (after > self.needed):
                for place, times in self._where.get(key, {}).items():
                    for step in self._path(place):
                        self._common[step] = self._common.get(step, 0) + sign * times * len(key)

    def judge(self, page: Outline) -> tuple[int, ...]:
        """Return the flags (`DEAD` and so on) of each piece of a page: all that reading an article asks of its site.

        The page itself counts as evidence, so a text is common if enough pages beside it have it.
        """
        bits, frequency, least = self._bits, self._df, self.needed + 1
        found: list[int] = []
        for piece in page.pieces:
            place = piece.place
            flags = bits.get(place)
            if flags is None:
                flags = bits[place] = self._flags_at(place, piece.tag)
            times = frequency.get(piece.counted, 1)
            if times > 1:
                flags |= COMMON | SHARED if times >= least else SHARED
            found.append(flags)
        return tuple(found)

    def picture_keys(self, page: Outline, url: str) -> frozenset[str]:
        """Return the keys of those pictures of a page that are template."""
        return frozenset(
            [key for place, key in spots(page, url) if self.is_dead(place) or self.pictures.holds((place, key))]
        )

    def _flags_at(self, place: int, tag: str) -> int:
        """Return the flags of every piece at a place."""
        deciding = self._places.deciding(place, tag)
        flags = DEAD * self.is_dead(deciding) | DEAD_HERE * self.is_dead(place)
        if self.is_content(deciding):
            flags |= CONTENT | PROVEN * (self._pages.get(deciding, 0) >= MIN_PLACE_PAGES)
        if tag in TEXT_TAGS and self.is_content(self._places.parents[place]):
            flags |= AROUND_CONTENT
        return flags

    def is_dead(self, place: int) -> bool:
        """Whether everything here or around here is template, so that even unique text is."""
        return self._verdict(place)[0]

    def is_content(self, place: int) -> bool:
        """Whether siblings prove that this place holds content: pages fill it with their own, unlinked words."""
        dead, share, links = self._verdict(place)
        return not dead and share < CONTENT_SHARE and links < LINK_SHARE and self._pages.get(place, 0) > 1

    def summary(self, most: int) -> tuple[int, int, tuple[tuple[str, int], ...]]:
        """How many outermost places are dead, how many lines are common outside content, and `most` of those lines.

        Each with the number of pages that have it, the most common first; the same however the counters came about.
        """
        parents = self._places.parents
        dead = sum(
            1 for place, total in self._total.items()
            if total and place > 0 and self.is_dead(place) and not self.is_dead(parents[place])
        )  # fmt: skip
        lines = [
            (key, times) for key, times in self._df.items()
            if times > self.needed
            and any(there and not self.is_content(place) for place, there in self._where.get(key, {}).items())
        ]  # fmt: skip
        lines.sort(key=lambda line: (-line[1], line[0]))
        return dead, len(lines), tuple(lines[:most])

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
                sums = self._text_sums.get(place, {})
                dead = len(sums) == 1 and 0 not in sums  # a box that says the same on every page that has it
            if not dead and place > 0:
                dead = self._verdict(self._places.parents[place])[0]
            found = self._shares[place] = (dead, share, links)
        return found
