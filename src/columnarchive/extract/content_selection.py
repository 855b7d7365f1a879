"""Which pieces of a page are its article: by the site's template where there is one, by the page's own shape otherwise.

How repeated text inside an article is told from template: a common text stays where siblings prove the place to be
content (mostly filled with words of each page's own), and where it discloses a risk between pieces that stay; it goes
in a place of its own that says the same everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from columnarchive.extract.content_scoring import RIGHTS, by_shape
from columnarchive.extract.dom_paths import IN_BAD, IN_NAVIGATION
from columnarchive.extract.outlines import Outline, Piece
from columnarchive.extract.rules import HEADINGS, LABELS, LINK_SHARE, NOTICE, PRICE, REGION_SHARE
from columnarchive.extract.template import AROUND_CONTENT, COMMON, CONTENT, DEAD, PROVEN, SHARED, TEXT_TAGS
from columnarchive.extract.trimming import (
    drop_bare_headings,
    drop_echoes,
    drop_forms,
    drop_related,
    is_call,
    keep_lone_links,
    keep_rows,
)
from columnarchive.extract.wrappers import is_prose

_ENTRIES = 2  # excerpts behind links that make a list of other pages


def select(page: Outline, flags: Sequence[int] | None, url: str = "") -> list[int]:
    """Positions of the pieces that belong to the article, in order; the title and meta lines may be among them.

    `flags` is what the site's template says of each piece (`Template.judge`), None without one.
    """
    links = [piece.linked >= LINK_SHARE * len(piece.key) for piece in page.pieces]
    keep = _by_template(page, flags, links) if flags is not None else []
    if not any(keep):
        keep = by_shape(page, links, url)
    restore_boxes(page, keep, links, flags)
    keep_rows(page, keep, links)
    keep_lone_links(page, keep, links, flags)
    for index, piece in enumerate(page.pieces):
        if piece.tag == "button" and keep[index]:
            keep[index] = is_prose(piece) or piece.text.endswith("か")  # a question that opens its answer
    drop_echoes(page, keep)
    drop_forms(page, keep)
    drop_related(page, keep, links)
    _drop_outside(page, keep)
    if flags is not None:
        _keep_own_fees(page, keep, links, flags)
    drop_bare_headings(page, keep, links)
    return [index for index, keeps in enumerate(keep) if keeps]


def _by_template(page: Outline, flags: Sequence[int], links: list[bool]) -> list[bool]:
    keep: list[bool] = []
    for piece, flag, link in zip(page.pieces, flags, links, strict=True):
        keeps = not link and not flag & DEAD and (not flag & COMMON or flag & CONTENT > 0)
        if keeps and piece.inside & IN_BAD:
            keeps = flag & PROVEN > 0 and not piece.inside & IN_NAVIGATION
        keep.append(keeps and not (flag & SHARED and RIGHTS.search(piece.text)))
    if any(keep):
        _restore_repeated(page, flags, keep, links)
    return keep


def _restore_repeated(page: Outline, flags: Sequence[int], keep: list[bool], links: list[bool]) -> None:
    """Repeated text of the article's own: a paragraph between paragraphs that stay, or a disclosure inside the body."""
    first, end = region(page, keep)
    if False not in keep[first:end]:
        return
    pieces = page.pieces
    chosen = list(keep)
    last = max(index for index, keeps in enumerate(keep) if keeps)
    begun = False
    for index in range(first, end):
        if keep[index]:
            begun = True
            continue
        piece = pieces[index]
        if links[index] or piece.element < 0 or piece.inside & IN_NAVIGATION or is_call(piece.text):
            continue
        if begun and (NOTICE.search(piece.text) or (index < last and PRICE.search(piece.text))):
            keep[index] = True  # a claim, on however many pages
            heading = pieces[index - 1]
            if heading.tag in HEADINGS and not links[index - 1] and pieces[index].tag not in HEADINGS:
                keep[index - 1] = True
            continue
        parent = page.elements[piece.element].parent
        if parent >= 0 and piece.tag in TEXT_TAGS and flags[index] & AROUND_CONTENT and not piece.inside & IN_BAD:
            around = page.elements[parent]
            keep[index] = any(chosen[around.first : index]) and any(chosen[index + 1 : around.end])


def restore_boxes(page: Outline, keep: list[bool], links: list[bool], flags: Sequence[int] | None) -> None:
    """Keep prose of boxes between pieces that stay, whatever they are called, if they lead nowhere.

    Lists of related pages, comments and forms are boxes with links or fields; a box of side effects is none.
    """
    chosen = [index for index, keeps in enumerate(keep) if keeps]
    if not chosen:
        return
    first, end = region(page, keep)
    found: dict[tuple[int, bool], list[int]] = {}
    for index in range(max(first, chosen[0]), min(end, chosen[-1] + 1)):
        piece = page.pieces[index]
        if keep[index] or links[index] or not piece.inside & IN_BAD or not is_prose(piece) or is_call(piece.text):
            continue
        if flags is not None and flags[index] & (DEAD | COMMON | SHARED):
            continue
        if not piece.inside & IN_NAVIGATION or _is_quoted(page, piece):
            found.setdefault((piece.place, index > 0 and links[index - 1]), []).append(index)
    for (_, follows_link), indexes in found.items():
        for index in indexes if not follows_link or len(indexes) < _ENTRIES else ():
            keep[index] = True


def _is_quoted(page: Outline, piece: Piece) -> bool:
    at = piece.element
    while at >= 0 and page.elements[at].tag != "blockquote":
        at = page.elements[at].parent
    return at >= 0


def _drop_outside(page: Outline, keep: list[bool]) -> None:
    """Keep what stands in the smallest element that has nearly all the characters kept."""
    first, end = region(page, keep)
    for index in (*range(first), *range(end, len(keep))):
        if keep[index]:
            keep[index] = _is_near_region(page, index, first)


def _keep_own_fees(page: Outline, keep: list[bool], links: list[bool], flags: Sequence[int]) -> None:
    """Keep fees that no other page of the site states, with what they are for, even in a column beside the text."""
    if not any(keep):
        return
    for index, piece in enumerate(page.pieces):
        if keep[index] or links[index] or flags[index] & SHARED or piece.inside & IN_NAVIGATION:
            continue
        if PRICE.search(piece.text):
            keep[index] = True
            if index and page.pieces[index - 1].tag in LABELS and not links[index - 1]:
                keep[index - 1] = True


def region(page: Outline, keep: list[bool]) -> tuple[int, int]:
    """The pieces of the smallest element that has nearly all the characters kept."""
    sizes = [len(piece.key) if keeps and not piece.dated else 0 for piece, keeps in zip(page.pieces, keep, strict=True)]
    sums = list(accumulate(sizes, initial=0))
    total = sums[-1]
    if not total:  # nothing but dates
        spans = [(element.end - element.first, -at) for at, element in enumerate(page.elements)]
        element = page.elements[-min(spans)[1]] if spans else None
        return (element.first, element.end) if element else (0, len(page.pieces))
    needed = REGION_SHARE * total
    # Whatever has nearly all of the text has its middle: only elements around that need to be looked at.
    at = page.pieces[bisect_right(sums, total / 2) - 1].element
    while at >= 0:
        element = page.elements[at]
        if sums[element.end] - sums[element.first] >= needed:
            return element.first, element.end
        at = element.parent
    return 0, len(page.pieces)


def _is_near_region(page: Outline, index: int, first: int) -> bool:
    """A heading right before the region is its first line."""
    return first - 3 <= index < first and page.pieces[index].tag in HEADINGS
