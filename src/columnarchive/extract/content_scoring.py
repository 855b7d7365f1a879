"""Which element of a page is its article by the page's own shape: the one whose text weighs most."""

from __future__ import annotations

import re

from columnarchive.errors import UsageError
from columnarchive.extract.outlines import IN_BAD, IN_NAVIGATION, Element, Outline, Piece
from columnarchive.extract.page_regions import is_prose
from columnarchive.extract.rules import BODY_CLASS, BODY_SHARE, HEADINGS, REGION_SHARE
from columnarchive.urls import host_of

_SENTENCE = re.compile(r"[。．！？!?…」』]|\.(?:\s|$)|、|，")
_ENOUGH = 3
_LONG = 30
_REPEATED = 0.3
RIGHTS = re.compile(r"^.{0,60}all rights reserved\.?$|^(?:copyright|©)\s.{0,60}$", re.I)
_GOOD_LINK = 0.4
_BODY_LINK = 0.9


def by_shape(page: Outline, url: str) -> list[bool]:
    """The element whose pieces sum up best, without links, bad classes and lists of links elsewhere."""
    sums = [0.0]
    for piece in page.pieces:
        sums.append(sums[-1] + _score(page, piece))
    best, first, end = 0.0, 0, 0
    for element in page.elements:
        value = sums[element.end] - sums[element.first]
        if value > 0:
            if element.step.good and not element.step.bad:
                value *= 1.1
            if value >= best:
                best, first, end = value, element.first, element.end
    body = _named_body(page)
    if body is not None:
        first, end = body
    foreign = _foreign_lists(page, url)
    keep = [False] * len(page.pieces)
    again = _second_copies(page, first, end)
    for index in range(first, end):
        piece = page.pieces[index]
        if index in again:
            continue
        link = piece.is_link if body is None else piece.linked >= _BODY_LINK * len(piece.key)
        keeps = not link and not piece.inside & IN_BAD and index not in foreign
        keep[index] = keeps and not RIGHTS.search(piece.text)
    return keep


def _second_copies(page: Outline, first: int, end: int) -> set[int]:
    """Pieces of a second copy of the article, for printing or for scripts; a paragraph or two said twice are none."""
    known: set[str] = set()
    again: set[int] = set()
    for index in range(first, end):
        key = page.pieces[index].key
        if len(key) >= _LONG and key in known:
            again.add(index)
        known.add(key)
    repeated = sum(len(page.pieces[index].key) for index in again)
    total = sum(len(page.pieces[index].key) for index in range(first, end))
    return again if len(again) > _ENOUGH and repeated >= _REPEATED * total else set()


def _named_body(page: Outline) -> tuple[int, int] | None:
    """The one element named as the article's body, if it holds most of the page's plain text."""
    plain = [0]
    for piece in page.pieces:
        plain.append(plain[-1] + (0 if piece.is_link or piece.inside & IN_BAD else len(piece.key)))
    best: tuple[int, int, int] | None = None
    for element in page.elements:
        size = plain[element.end] - plain[element.first]
        if size <= 0 or size < BODY_SHARE * plain[-1] or element.inside & IN_BAD:
            continue
        if (best is None or size >= REGION_SHARE * best[0]) and BODY_CLASS.search(element.step.words):
            best = (size, element.first, element.end)
    return best[1:] if best else None


def _score(page: Outline, piece: Piece) -> float:
    size = len(piece.key)
    if piece.is_link:
        return (-min(size, 60) - 5.0) * (_GOOD_LINK if _in_good(page, piece.element) else 1.0)
    if piece.inside & IN_BAD and not piece.inside & IN_NAVIGATION and is_prose(piece):
        return 0.0
    if piece.inside & IN_BAD:
        return -0.3 * min(size, 200) - 5.0
    if piece.tag in HEADINGS:
        return 2.0
    return min(size, 400) * (1.0 if _SENTENCE.search(piece.text) else 0.3) - 4.0 - 1.5 * piece.linked


def _in_good(page: Outline, element: int) -> bool:
    """Whether a class or tag around says article body and none below it says otherwise."""
    while element >= 0:
        step = page.elements[element].step
        if step.bad:
            return False
        if step.good and step.tag != "body":
            return True
        element = page.elements[element].parent
    return False


def _foreign_lists(page: Outline, url: str) -> set[int]:
    """Pieces in lists whose links mostly lead to other hosts."""
    host = _host(url)
    found: set[int] = set()
    if not host:
        return found
    away = {index for href, index in page.links if "/" in href and (other := _host(href)) and other != host}
    for element in page.elements:
        if element.tag in ("ul", "ol", "dl") and element.end - element.first >= _ENOUGH:
            inside = range(element.first, element.end)
            if sum(index in away for index in inside) >= 0.8 * len(inside) and not _is_introduced(page, element):
                found.update(inside)
    return found


def _is_introduced(page: Outline, element: Element) -> bool:
    """Whether a sentence right before a list, in the same box, says what it lists."""
    if not element.first:
        return False
    before = page.pieces[element.first - 1]
    return before.element >= 0 and is_prose(before) and page.elements[before.element].parent == element.parent


def _host(address: str) -> str:
    """The host an address names, empty for a relative or broken one."""
    if "//" not in address:
        return ""
    try:
        return host_of(f"https:{address}" if address.startswith("//") else address)
    except UsageError:
        return ""
