"""Which pieces of a page are its article: by the site's template where there is one, by the page's own shape otherwise.

How repeated text inside an article is told from template: a common text stays where siblings prove the place to be
content (mostly filled with words of each page's own), and where it discloses a risk between pieces that stay; it goes
in a place of its own that says the same everywhere.

Without siblings, `content_scoring` chooses by the page's own shape.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from columnarchive.extract.content_scoring import RIGHTS, by_shape
from columnarchive.extract.outlines import IN_BAD, IN_NAVIGATION, Outline, Piece
from columnarchive.extract.page_regions import is_prose
from columnarchive.extract.rules import (
    CALL,
    HEADINGS,
    LABELS,
    NOTICE,
    PRICE,
    REGION_SHARE,
    RELATED_HEADING,
    RELATED_STARTS,
)
from columnarchive.extract.template import AROUND_CONTENT, COMMON, CONTENT, DEAD, DEAD_HERE, PROVEN, SHARED, TEXT_TAGS

_ENTRIES = 2  # excerpts behind links that make a list of other pages


def select(page: Outline, flags: Sequence[int] | None, url: str = "") -> list[int]:
    """Positions of the pieces that belong to the article, in order; the title and meta lines may be among them.

    `flags` is what the site's template says of each piece (`Template.judge`), None without one.
    """
    keep = _by_template(page, flags) if flags is not None else []
    if not any(keep):
        keep = by_shape(page, url)
    restore_boxes(page, keep, flags)
    keep_rows(page, keep)
    restore_headings(page, keep, flags)
    keep_lone_links(page, keep, flags)
    for index, piece in enumerate(page.pieces):
        if piece.tag == "button" and keep[index]:
            keep[index] = is_prose(piece) or piece.text.endswith("か")  # a question that opens its answer
    drop_echoes(page, keep)
    drop_forms(page, keep)
    drop_related(page, keep)
    _drop_outside(page, keep)
    if flags is not None:
        _keep_own_fees(page, keep, flags)
    drop_bare_headings(page, keep)
    if flags is None:
        drop_calls_at_end(page, keep)
    return [index for index, keeps in enumerate(keep) if keeps]


def _by_template(page: Outline, flags: Sequence[int]) -> list[bool]:
    keep: list[bool] = []
    for piece, flag in zip(page.pieces, flags, strict=True):
        keeps = not piece.is_link and not flag & DEAD and (not flag & COMMON or flag & CONTENT > 0)
        if keeps and piece.inside & IN_BAD:
            keeps = flag & PROVEN > 0 and not piece.inside & IN_NAVIGATION
        keep.append(keeps and not (flag & SHARED and RIGHTS.search(piece.text)))
    if any(keep):
        _restore_repeated(page, flags, keep)
    return keep


def _restore_repeated(page: Outline, flags: Sequence[int], keep: list[bool]) -> None:
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
        if piece.is_link or piece.element < 0 or piece.inside & IN_NAVIGATION or is_call(piece.text):
            continue
        if begun and (NOTICE.search(piece.text) or (index < last and PRICE.search(piece.text))):
            keep[index] = True  # a claim, on however many pages
            for at in range(index - 1, -1, -1) if piece.tag not in HEADINGS else ():
                if pieces[at].tag not in HEADINGS or pieces[at].is_link:
                    break
                keep[at] = True
            continue
        parent = page.elements[piece.element].parent
        if piece.tag == "li" and parent >= 0 and piece.text.endswith("。") and not piece.inside & IN_BAD:
            around = page.elements[parent]
            keep[index] = any(chosen[around.first : around.end])
        elif parent >= 0 and piece.tag in TEXT_TAGS and flags[index] & AROUND_CONTENT and not piece.inside & IN_BAD:
            around = page.elements[parent]
            keep[index] = any(chosen[around.first : index]) and any(chosen[index + 1 : around.end])


def restore_boxes(page: Outline, keep: list[bool], flags: Sequence[int] | None) -> None:
    """Keep prose of boxes between pieces that stay, whatever they are called, if they lead nowhere.

    Lists of related pages, comments and forms are boxes with links or fields; a box of side effects is none. After the
    last piece that stays, only what states a fee or a risk and the answer in a closed panel are kept.
    """
    chosen = [index for index, keeps in enumerate(keep) if keeps]
    if not chosen:
        return
    first, end = region(page, keep)
    found: dict[tuple[int, bool], list[int]] = {}
    for index in range(max(first, chosen[0]), end):
        piece = page.pieces[index]
        is_claim = "。" in piece.text and (NOTICE.search(piece.text) or PRICE.search(piece.text)) is not None
        if index > chosen[-1] and not is_claim and not _is_panel(page, piece, keep):
            continue
        if keep[index] or piece.is_link or not piece.inside & IN_BAD or not is_prose(piece) or is_call(piece.text):
            continue
        if flags is not None and flags[index] & (DEAD | COMMON | SHARED):
            continue
        if not piece.inside & IN_NAVIGATION or _is_quoted(page, piece):
            found.setdefault((piece.place, index > 0 and page.pieces[index - 1].is_link), []).append(index)
    for (_, follows_link), indexes in found.items():
        for index in indexes if not follows_link or len(indexes) < _ENTRIES else ():
            keep[index] = True


def restore_headings(page: Outline, keep: list[bool], flags: Sequence[int] | None) -> None:
    """Keep a heading that text which stays follows at once, though all pages have it.

    In a box called otherwise it stays with text of that box, and where the box is a header.
    """
    pieces = page.pieces
    begun = keep.index(True) if any(keep) else len(keep)
    over_text = [at for at in range(begun, len(keep) - 1) if keep[at + 1] and not keep[at]]
    for index in over_text:
        piece = pieces[index]
        if piece.tag not in _LOWER_HEADINGS or pieces[index + 1].tag in HEADINGS or piece.is_link:
            continue
        if piece.inside & IN_NAVIGATION or is_call(piece.text):
            continue
        if not piece.inside & IN_BAD:
            keep[index] = flags is not None and not flags[index] & DEAD
            continue
        if flags is not None and flags[index] & (DEAD | COMMON | SHARED):
            continue
        at = piece.element
        while at >= 0 and not page.elements[at].step.bad:
            at = page.elements[at].parent
        box = page.elements[at] if at >= 0 else None
        keep[index] = box is not None and (box.end > index + 1 or box.step.reason in _HEADERS)


def drop_calls_at_end(page: Outline, keep: list[bool]) -> None:
    """Drop a telephone number at the end with the short lines around it: hours, and calls for booking."""
    tail: list[int] = []
    for index in reversed([at for at, chosen in enumerate(keep) if chosen]):
        text = page.pieces[index].text
        if not (_PHONE.fullmatch(text) or (is_call(text) and not _SAYS.search(text))):
            break
        tail.append(index)
    if any(_PHONE.fullmatch(page.pieces[index].text) for index in tail):
        for index in tail:
            keep[index] = False


def _is_panel(page: Outline, piece: Piece, keep: list[bool]) -> bool:
    """Whether a text is in a closed panel of an accordion, below the line that opens it."""
    at = piece.element
    while at >= 0 and not page.elements[at].step.bad:
        at = page.elements[at].parent
    if at < 0 or not page.elements[at].step.hidden_only or page.elements[at].parent < 0:
        return False
    panel, around = page.elements[at], page.elements[page.elements[at].parent]
    is_named = _PANEL.search(f"{panel.step.words} {around.step.words}") is not None
    return is_named and around.first < panel.first and keep[panel.first - 1]


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


def _keep_own_fees(page: Outline, keep: list[bool], flags: Sequence[int]) -> None:
    """Keep fees that no other page of the site states, with what they are for, even in a column beside the text."""
    if not any(keep):
        return
    for index, piece in enumerate(page.pieces):
        if keep[index] or piece.is_link or flags[index] & SHARED or piece.inside & IN_NAVIGATION:
            continue
        if PRICE.search(piece.text):
            keep[index] = True
            if index and page.pieces[index - 1].tag in LABELS and not page.pieces[index - 1].is_link:
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
_CARD_PIECES = 6
_BETWEEN_LINKS = 3  # pieces that belong to one entry
_LABEL_CHARS = 40
_ADDRESS_LINE = re.compile(r"[^。]{0,24}https?://[!-~]+")
_CUT_OFF = re.compile(r"(?:…|\.\.\.|・・・|続きを(?:読む|見る)|read more|more)\W{0,4}$", re.I)
_SAYS_MORE = re.compile(r"[。！？!?]|\d\s*(?:円|万|%|％|mg|回|日間)|[¥￥$]\s*\d")
_LOWER_HEADINGS = frozenset(HEADINGS) - {"h1"}
_PANEL = re.compile(r"accordion|collaps|panel|answer|faq|toggle|detail", re.I)
_HEADERS = frozenset(("head", "header", "headers"))
_PHONE = re.compile(r"\W{0,3}0\d{1,4}[-‐−ー(（]?\d{1,4}[-‐−ー)）]?\d{3,4}\W{0,3}")
_SAYS = re.compile(rf"[。！？\n]|{PRICE.pattern}|{NOTICE.pattern}")


def is_call(text: str) -> bool:
    """Return whether a short line only calls for booking or gives the desk's address."""
    return len(text) <= 80 and CALL.search(text) is not None


def keep_rows(page: Outline, keep: list[bool]) -> None:
    """A row, or a term with its definition, stays whole, and a table keeps its caption.

    The same fee on every page is still this page's fee.
    """
    pieces, elements = page.pieces, page.elements
    tags = [piece.tag for piece in pieces]
    for element in elements if "td" in tags or "th" in tags else ():
        if element.tag == "tr" and 1 < element.end - element.first <= _ROW_PIECES:
            span = range(element.first, element.end)
            if any(keep[element.first : element.end]) and all(
                elements[pieces[index].element].tag in ("td", "th") for index in span
            ):
                for index in span:
                    keep[index] = keep[index] or not pieces[index].is_link
    for index in [at for at, tag in enumerate(tags) if tag == "caption" and not keep[at]]:
        table = elements[elements[pieces[index].element].parent]
        keep[index] = any(keep[table.first : table.end]) and not pieces[index].is_link
    for index in range(len(pieces) - 1) if "dt" in tags else ():
        if keep[index] != keep[index + 1] and tags[index] == "dt" and tags[index + 1] == "dd":
            keep[index] = keep[index + 1] = not (pieces[index].is_link or pieces[index + 1].is_link)


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


def keep_lone_links(page: Outline, keep: list[bool], flags: Sequence[int] | None) -> None:
    """A link or two between paragraphs that stay are a reference in the text, not navigation."""
    pieces = page.pieces
    end = 0
    for index in [at for at, piece in enumerate(pieces) if piece.is_link and not keep[at]]:
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


def drop_related(page: Outline, keep: list[bool]) -> None:
    """Drop the list of links under a heading such as 関連記事, and the heading. Prose under it stays."""
    pieces = page.pieces
    cards: frozenset[int] | None = None
    for index in [at for at, piece in enumerate(pieces) if piece.text[0] in RELATED_STARTS and len(piece.key) <= 30]:
        if keep[index] and pieces[index].tag in _RELATED_TAGS and RELATED_HEADING.match(pieces[index].text):
            cards = _cards(page) if cards is None else cards
            for later in range(index, _end_of_links(page, index, cards)):
                keep[later] = False


def _cards(page: Outline) -> frozenset[int]:
    """Return the pieces within small elements that begin with a link and have another such element beside them."""
    alike: dict[tuple[int, str], list[range]] = {}
    for element in page.elements:
        span = range(element.first, element.end)
        if 0 < len(span) <= _CARD_PIECES and page.pieces[element.first].is_link:
            alike.setdefault((element.parent, element.step.token), []).append(span)
    return frozenset(at for spans in alike.values() if len(spans) > 1 for span in spans for at in span)


def _end_of_links(page: Outline, heading: int, cards: frozenset[int]) -> int:
    """Return where the list of links under a heading ends; the heading's own position if there is none.

    Entries are links, with their dates, labels and excerpts (sentences that are cut off, or stand in the link's card).
    """
    pieces = page.pieces
    rank = HEADINGS.get(pieces[heading].tag, _UNRANKED)
    end, between = heading, 0
    for later in range(heading + 1, _end_of_box(page, heading)):
        piece = pieces[later]
        if HEADINGS.get(piece.tag, _PLAIN) <= rank or between > _BETWEEN_LINKS:
            break
        is_entry = piece.is_link or _ADDRESS_LINE.fullmatch(piece.text) or later in cards
        if is_entry or (piece.linked and len(piece.key) <= _LABEL_CHARS):
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


def drop_bare_headings(page: Outline, keep: list[bool]) -> None:
    """A heading over nothing but links goes with them."""
    pieces = page.pieces
    for index in reversed([at for at, piece in enumerate(pieces) if piece.tag in _LOWER_HEADINGS and keep[at]]):
        rank = HEADINGS[pieces[index].tag]
        over_links = False
        for later in range(index + 1, len(pieces)):
            if keep[later] or HEADINGS.get(pieces[later].tag, 9) <= rank:
                break
            over_links = over_links or pieces[later].is_link
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
