"""What is kept of a page, trimmed: rows made whole, references in the text kept, lists of related pages dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from columnarchive.extract.dom_paths import IN_BAD
from columnarchive.extract.outlines import Outline
from columnarchive.extract.rules import CALL, HEADINGS, RELATED_HEADING, RELATED_STARTS
from columnarchive.extract.template import COMMON, DEAD_HERE

_LONE_LINKS = 2
_ROW_PIECES = 100  # a row of more lays the page out
_RELATED_TAGS = frozenset(("p", "div", "dt", "span", "li", "section", *HEADINGS))
_UNRANKED = 7
_COMMENT = re.compile(r"コメント|返信|comment|reply", re.I)
_FORM_CHARS = 300
_FORM_SHARE = 0.3  # of the article; a page that is a form says what it is for
_PLAIN = 9
_PLAIN_TAGS = frozenset(("div", "span", "section"))
_FOR_MACHINES = re.compile(r"^(?:\d{4}-\d\d-\d\dT[\d:.+Z-]+|https?://[!-~]+\.(?:png|jpe?g|gif|webp|svg))$")
_ECHO = 600  # characters of a text that may repeat others
_BETWEEN_LINKS = 3  # pieces that belong to one entry
_LABEL_CHARS = 40
_CUT_OFF = re.compile(r"(?:…|\.\.\.|・・・|続きを(?:読む|見る)|read more|more)\W{0,4}$", re.I)
_SAYS_MORE = re.compile(r"[。！？!?]|\d\s*(?:円|万|%|％|mg|回|日間)|[¥￥$]\s*\d")
_LOWER_HEADINGS = frozenset(HEADINGS) - {"h1"}


def is_call(text: str) -> bool:
    """Return whether a short line only calls for booking or gives the desk's address."""
    return len(text) <= 80 and CALL.search(text) is not None


def keep_rows(page: Outline, keep: list[bool], links: list[bool]) -> None:
    """A table row or a term with its definition stays whole: the same fee on every page is still this page's fee."""
    pieces, elements = page.pieces, page.elements
    tags = [piece.tag for piece in pieces]
    for element in elements if "td" in tags or "th" in tags else ():
        if element.tag == "tr" and 1 < element.end - element.first <= _ROW_PIECES:
            span = range(element.first, element.end)
            if any(keep[element.first : element.end]) and all(
                elements[pieces[index].element].tag in ("td", "th") for index in span
            ):
                for index in span:
                    keep[index] = keep[index] or not links[index]
    for index in range(len(pieces) - 1) if "dt" in tags else ():
        if keep[index] != keep[index + 1] and tags[index] == "dt" and tags[index + 1] == "dd":
            keep[index] = keep[index + 1] = not (links[index] or links[index + 1])


def drop_echoes(page: Outline, keep: list[bool]) -> None:
    """Drop what is written for machines: bare times and addresses, and a text that repeats many others in one."""
    remaining = [at for at, chosen in enumerate(keep) if chosen]
    for at in remaining:
        piece = page.pieces[at]
        if piece.tag not in _PLAIN_TAGS:
            continue
        if _FOR_MACHINES.fullmatch(piece.text):
            keep[at] = False
        elif len(piece.key) > _ECHO:
            others = [
                page.pieces[one].key for one in remaining if one != at and len(page.pieces[one].key) > _LABEL_CHARS
            ]
            echoed = sum(len(key) for key in set(others) if key in piece.key)
            keep[at] = echoed < len(piece.key) / 2


def keep_lone_links(page: Outline, keep: list[bool], links: list[bool], flags: Sequence[int] | None) -> None:
    """A link or two between paragraphs that stay are a reference in the text, not navigation."""
    pieces = page.pieces
    end = 0
    for index in [at for at, link in enumerate(links) if link and not keep[at]]:
        if index < end:
            continue  # of the run before
        end = index
        while end < len(pieces) and not keep[end]:
            end += 1
        if index > 0 and end < len(pieces) and keep[index - 1] and end - index <= _LONE_LINKS:
            for at in range(index, end):
                piece = pieces[at]
                dead = flags is not None and flags[at] & (DEAD_HERE | COMMON)
                if dead or piece.inside & IN_BAD or is_call(piece.text):
                    continue
                if piece.element >= 0 and _are_near(page, index - 1, at):
                    keep[at] = piece.linked > 0


def _are_near(page: Outline, first: int, second: int) -> bool:
    """Whether two pieces stand in one element or in two that share a parent."""
    one, other = page.pieces[first].element, page.pieces[second].element
    return one == other or page.elements[one].parent == page.elements[other].parent


def drop_related(page: Outline, keep: list[bool], links: list[bool]) -> None:
    """Drop the list of links under a heading such as 関連記事, and the heading. Prose under it stays."""
    pieces = page.pieces
    for index in [at for at, piece in enumerate(pieces) if piece.text[0] in RELATED_STARTS and len(piece.key) <= 30]:
        if keep[index] and pieces[index].tag in _RELATED_TAGS and RELATED_HEADING.match(pieces[index].text):
            for later in range(index, _end_of_links(page, index, links)):
                keep[later] = False


def _end_of_links(page: Outline, heading: int, links: list[bool]) -> int:
    """Return where the list of links under a heading ends; the heading's own position if there is none.

    Entries are links, with their dates, labels and excerpts (sentences that are cut off).
    """
    pieces = page.pieces
    rank = HEADINGS.get(pieces[heading].tag, _UNRANKED)
    end, between = heading, 0
    for later in range(heading + 1, _end_of_box(page, heading)):
        piece = pieces[later]
        if HEADINGS.get(piece.tag, _PLAIN) <= rank or between > _BETWEEN_LINKS:
            break
        if links[later] or (piece.linked and len(piece.key) <= _LABEL_CHARS):
            end, between = later + 1, 0
            continue
        cut = _CUT_OFF.search(piece.text[-20:]) is not None
        if not cut and not piece.dated and (len(piece.key) > _LABEL_CHARS or _SAYS_MORE.search(piece.text)):
            break
        between += 1
    return end


def _end_of_box(page: Outline, index: int) -> int:
    """Where the smallest element ends that holds more than a piece and what precedes it."""
    at = page.pieces[index].element
    while at >= 0 and page.elements[at].end <= index + 1:
        at = page.elements[at].parent
    return page.elements[at].end if at >= 0 else len(page.pieces)


def drop_bare_headings(page: Outline, keep: list[bool], links: list[bool]) -> None:
    """A heading over nothing but links goes with them."""
    pieces = page.pieces
    for index in reversed([at for at, piece in enumerate(pieces) if piece.tag in _LOWER_HEADINGS and keep[at]]):
        rank = HEADINGS[pieces[index].tag]
        over_links = False
        for later in range(index + 1, len(pieces)):
            if keep[later] or HEADINGS.get(pieces[later].tag, 9) <= rank:
                break
            over_links = over_links or links[later]
        else:
            later = len(pieces)
        over = later == len(pieces) or HEADINGS.get(pieces[later].tag, 9) <= rank or not _same_box(page, index, later)
        if over_links and over:
            keep[index] = False


def _same_box(page: Outline, heading: int, later: int) -> bool:
    """Whether a piece stands in the element that holds a heading's section."""
    at = page.pieces[heading].element
    if at >= 0 and page.elements[at].end == heading + 1:
        at = page.elements[at].parent
    return at < 0 or page.elements[at].first <= later < page.elements[at].end


def drop_forms(page: Outline, keep: list[bool]) -> None:
    """Drop the labels and hints of a form to write a comment in, up to the heading that leads to it."""
    total = sum(len(piece.key) for piece, keeps in zip(page.pieces, keep, strict=True) if keeps)
    for field in page.fields:
        box = range(0)
        at = field
        while at >= 0 and page.elements[at].tag not in ("article", "main", "body"):
            span = range(page.elements[at].first, page.elements[at].end)
            size = sum(len(page.pieces[index].key) for index in span if keep[index])
            if size > _FORM_CHARS or size > _FORM_SHARE * total:
                break
            box, at = span, page.elements[at].parent
        if any(_COMMENT.search(page.pieces[index].text) for index in box):
            for index in box:
                keep[index] = False
