"""The pictures of an article: those that stand in its text, with what the page says of them.

A picture belongs to the article when it stands in the element that holds the text, and the smallest element around it
with any text holds text of the article: thumbnails of other columns stand beside text that was left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from columnarchive.extract.outlines import Element, Image, Outline
from columnarchive.extract.page_images import declared_size, pictures_of
from columnarchive.records import Block, Picture, picture_key
from columnarchive.text import storable

MAX_PICTURES = 200
_TEXT = 500  # characters of an alternative text or a caption
_CAPTION_TAGS = ("figcaption", "caption")
_CAPTION_REACH = 4  # elements around a picture that may be its figure


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an article on its page.

    The pieces chosen, the span of the element that holds them, the title's piece (or -1), those of its blocks, the
    blocks.
    """

    chosen: Sequence[int]
    container: tuple[int, int]
    title_at: int
    body: Sequence[int]
    blocks: Sequence[Block]


def read_pictures(page: Outline, url: str, text: Text) -> tuple[Picture, ...]:
    """Return the pictures in the text of a page in their order, of equal addresses the first.

    Those of the site's template are still among them.
    """
    images = pictures_of(page, url)
    container = _Container(page, text) if images else None
    found: dict[str, Picture] = {}
    for image, address, key in images:
        if key in found or len(found) >= MAX_PICTURES or container is None or not container.holds(image):
            continue
        found[key] = container.describe(image, address)
    return tuple(found.values())


def settled(
    old: Sequence[Picture], new: Sequence[Picture], old_keys: Collection[str], new_keys: Collection[str]
) -> tuple[Picture, ...]:
    """Return the pictures of a page's new version as they are to be kept.

    What only one reading took for the article's, but both pages have, is a difference of reading and no edit.
    `old_keys` and `new_keys` are those of all pictures of either version.
    """
    before = {picture_key(one.url): one for one in old}
    after = [one for one in new if (key := picture_key(one.url)) in before or key not in old_keys]
    known = {picture_key(one.url) for one in after}
    after += [one for key, one in before.items() if key not in known and key in new_keys]
    return tuple(after)


def are_others(old: Sequence[Picture], new: Sequence[Picture]) -> bool:
    """Whether a picture came, went, or has other words."""
    return {one.identity for one in old} != {one.identity for one in new}


class _Container:
    """The element that holds an article's text, and what stands in it."""

    def __init__(self, page: Outline, text: Text) -> None:
        self._page, self._text = page, text
        first, self._end = text.container
        middle = next((index for index in text.chosen if first <= index < self._end), -1)
        self._own = self._around(page.pieces[middle].element if middle >= 0 else -1, first, self._end)
        self._start = min(first, text.title_at) if text.title_at >= 0 else first
        self._with_title = self._around(self._own, self._start, self._end)
        self._sums = list(accumulate((len(page.pieces[index].key) for index in text.body), initial=0))
        self._ends = list(accumulate(len("".join(block.text.split())) for block in text.blocks))

    def _around(self, at: int, first: int, end: int) -> int:
        """Return the smallest element around one that spans these pieces; -1 for the page."""
        elements = self._page.elements
        while at >= 0 and (elements[at].first > first or elements[at].end < end):
            at = elements[at].parent
        return at

    def holds(self, image: Image) -> bool:
        """Return whether a picture belongs to the text."""
        around = list(self._path(image.element))
        if self._own in around:
            around = around[: around.index(self._own) + 1]
        elif self._with_title not in around or image.link or not self._start <= image.before <= self._end:
            return False
        for at in around:
            first, end = self._span(at)
            if first < end:  # the smallest element with text
                chosen = self._text.chosen
                place = bisect_left(chosen, first)
                return place < len(chosen) and chosen[place] < end
        return False

    def _path(self, at: int) -> Iterator[int]:
        while at >= 0:
            yield at
            at = self._page.elements[at].parent
        yield -1

    def _span(self, at: int) -> tuple[int, int]:
        return (self._page.elements[at].first, self._page.elements[at].end) if at >= 0 else (0, len(self._page.pieces))

    def describe(self, image: Image, address: str) -> Picture:
        """Return the record of a picture of the text."""
        attributes, blocks = image.attributes, self._text.blocks
        before = self._sums[bisect_left(self._text.body, image.before)]
        position = bisect_left(self._ends, before + 1)
        heading = next((block.text for block in reversed(blocks[:position]) if block.kind == "heading"), "")
        return Picture(
            address,
            _line(attributes.get("alt") or ""),
            _line(self._caption(image)),
            heading,
            min(position, len(blocks)),
            declared_size(attributes, "width"),
            declared_size(attributes, "height"),
        )

    def _caption(self, image: Image) -> str:
        for at in list(self._path(image.element))[:_CAPTION_REACH]:
            figure = self._page.elements[at] if at >= 0 else None
            if figure is not None and (figure.tag == "figure" or "caption" in figure.step.words.lower()):
                return " ".join(self._captions(at, figure))
        return ""

    def _captions(self, figure_at: int, figure: Element) -> Iterator[str]:
        for piece in self._page.pieces[figure.first : figure.end]:
            for at in self._path(piece.element):
                element = self._page.elements[at] if at >= 0 else None
                if element is None or (at == figure_at and figure.tag == "figure"):
                    break
                if element.tag in _CAPTION_TAGS or "caption" in element.step.words.lower():
                    yield piece.text
                    break


def _line(text: str) -> str:
    return storable(" ".join(text.split()))[:_TEXT]
