"""Which pieces of a page are its article: by the site's template where there is one, by the page's own shape otherwise.

How repeated text inside an article is told from template: a common text stays where siblings prove the place to be
content (mostly filled with words of each page's own), and where it discloses a risk between pieces that stay; it goes
in a place of its own that says the same everywhere.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from columnarchive.extract.places import Places
from columnarchive.extract.rules import (
    BODY_CLASS,
    BODY_SHARE,
    CALL,
    HEADINGS,
    LABELS,
    LINK_SHARE,
    NOTICE,
    REGION_SHARE,
    RELATED_HEADING,
)
from columnarchive.extract.template import Template
from columnarchive.extract.walk import Outline

_SENTENCE = re.compile(r"[。．！？!?…」』]|\.(?:\s|$)|、|，")
_ENOUGH = 3
_RIGHTS = re.compile(r"^.{0,60}all rights reserved\.?$|^(?:copyright|©)\s.{0,60}$", re.I)
_LONE_LINKS = 2
_GOOD_LINK = 0.4
_BODY_LINK = 0.9
_TEXT_TAGS = frozenset(("p", "blockquote", "pre", "dd", "td"))


def select(page: Outline, places: Places, template: Template | None, url: str = "") -> list[int]:
    """Positions of the pieces that belong to the article, in order; the title and meta lines may be among them."""
    bad = _bad_elements(page)
    if template is not None:
        keep = _by_template(page, places, template, bad)
        if not any(keep):
            keep = _by_shape(page, places, bad, url)
    else:
        keep = _by_shape(page, places, bad, url)
    _keep_rows(page, keep)
    _keep_lone_links(page, template, keep, bad)
    _drop_related(page, keep)
    _drop_outside(page, keep)
    _drop_bare_headings(page, keep)
    return [index for index, kept in enumerate(keep) if kept]


def _bad_elements(page: Outline) -> list[bool]:
    """Whether an element or one around it carries a class or tag of navigation, sharing or the like."""
    verdicts: list[bool] = []
    inside: list[bool] = []
    for element in page.elements:
        around = element.parent >= 0
        inside.append(element.tag == "article" or (around and inside[element.parent]))
        apart = element.tag == "aside" and not inside[-1]  # within an article it is a box of the text
        verdicts.append(element.bad or apart or (around and verdicts[element.parent]))
    return verdicts


def _by_template(page: Outline, places: Places, template: Template, bad: list[bool]) -> list[bool]:
    keep: list[bool] = []
    for piece in page.pieces:
        place = places.parents[piece.place] if piece.tag in LABELS else piece.place
        kept = not template.is_dead(place) and piece.linked < LINK_SHARE * len(piece.key)
        if kept and template.is_common(piece):
            kept = template.is_content(place)
        if kept and piece.element >= 0 and bad[piece.element]:
            kept = template.is_proven(place) and not _is_navigation(places, place)
        keep.append(kept)
    _restore_repeated(page, template, keep, bad)
    return keep


def _restore_repeated(page: Outline, template: Template, keep: list[bool], bad: list[bool]) -> None:
    """Repeated text of the article's own: a paragraph between paragraphs that stay, or a disclosure inside the body."""
    first, end = _region(page, keep)
    chosen = list(keep)
    for index in range(first, end):
        piece = page.pieces[index]
        if keep[index] or piece.linked >= LINK_SHARE * len(piece.key) or piece.element < 0 or bad[piece.element]:
            continue
        parent = page.elements[piece.element].parent
        if NOTICE.search(piece.text) and not is_call(piece.text) and any(chosen[first:index]):
            keep[index] = True
        elif parent >= 0 and piece.tag in _TEXT_TAGS and template.is_content(page.elements[parent].place):
            around = page.elements[parent]
            keep[index] = (
                any(chosen[around.first : index]) and any(chosen[index + 1 : around.end]) and not is_call(piece.text)
            )


def _is_navigation(places: Places, place: int) -> bool:
    """A place that is navigation by name, whatever it holds."""
    while place > 0:
        if places.steps[place].navigation:
            return True
        place = places.parents[place]
    return False


def _by_shape(page: Outline, places: Places, bad: list[bool], url: str) -> list[bool]:
    """No siblings: the element whose pieces sum up best, without links, bad classes and lists of links elsewhere."""
    scores = [_shape_score(page, places, index, bad) for index in range(len(page.pieces))]
    sums = [0.0]
    for score in scores:
        sums.append(sums[-1] + score)
    best, first, end = 0.0, 0, 0
    for element in page.elements:
        step = places.steps[element.place]
        value = sums[element.end] - sums[element.first]
        if value > 0 and step.good and not element.bad:
            value *= 1.1
        if value >= best and value > 0:
            best, first, end = value, element.first, element.end
    body = _named_body(page, places, bad)
    if body is not None:
        first, end = body
    foreign = _foreign_lists(page, url)
    keep = [False] * len(page.pieces)
    for index in range(first, end):
        piece = page.pieces[index]
        linked = piece.linked >= (LINK_SHARE if body is None else _BODY_LINK) * len(piece.key)
        keep[index] = not linked and not (piece.element >= 0 and bad[piece.element]) and index not in foreign
    return [kept and not _RIGHTS.search(page.pieces[index].text) for index, kept in enumerate(keep)]


def _named_body(page: Outline, places: Places, bad: list[bool]) -> tuple[int, int] | None:
    """The one element named as the article's body, if it holds most of the page's plain text."""
    plain = [0]
    for index, piece in enumerate(page.pieces):
        own = piece.linked < LINK_SHARE * len(piece.key) and not (piece.element >= 0 and bad[piece.element])
        plain.append(plain[-1] + (len(page.pieces[index].key) if own else 0))
    best: tuple[int, int, int] | None = None
    for at, element in enumerate(page.elements):
        if bad[at] or not BODY_CLASS.search(places.steps[element.place].words):
            continue
        size = plain[element.end] - plain[element.first]
        if size >= BODY_SHARE * plain[-1] and size > 0 and (best is None or size >= REGION_SHARE * best[0]):
            best = (size, element.first, element.end)
    return best[1:] if best else None


def _shape_score(page: Outline, places: Places, index: int, bad: list[bool]) -> float:
    piece = page.pieces[index]
    size = len(piece.key)
    if piece.linked >= LINK_SHARE * size:
        return (-min(size, 60) - 5.0) * (_GOOD_LINK if _in_good(page, places, piece.element) else 1.0)
    if piece.element >= 0 and bad[piece.element]:
        return -0.3 * min(size, 200) - 5.0
    if piece.tag in HEADINGS:
        return 2.0
    said = len(_SENTENCE.findall(piece.text))
    return min(size, 400) * (1.0 if said else 0.3) - 4.0 - 1.5 * piece.linked


def _keep_rows(page: Outline, keep: list[bool]) -> None:
    """A table row or a term with its definition stays whole: the same fee on every page is still this page's fee."""
    pieces, elements = page.pieces, page.elements
    for element in elements:
        if element.tag == "tr" and element.end - element.first > 1:
            span = range(element.first, element.end)
            if any(keep[index] for index in span) and all(
                elements[pieces[index].element].tag in ("td", "th") for index in span
            ):
                for index in span:
                    keep[index] = keep[index] or pieces[index].linked < LINK_SHARE * len(pieces[index].key)
    for index in range(len(pieces) - 1):
        if pieces[index].tag == "dt" and pieces[index + 1].tag == "dd" and keep[index] != keep[index + 1]:
            linked = any(pieces[at].linked >= LINK_SHARE * len(pieces[at].key) for at in (index, index + 1))
            keep[index] = keep[index + 1] = not linked


def _in_good(page: Outline, places: Places, element: int) -> bool:
    """Whether a class or tag around says article body and none below it says otherwise."""
    while element >= 0:
        step = places.steps[page.elements[element].place]
        if step.bad:
            return False
        if step.good and step.tag != "body":
            return True
        element = page.elements[element].parent
    return False


def _keep_lone_links(page: Outline, template: Template | None, keep: list[bool], bad: list[bool]) -> None:
    """A link or two between paragraphs that stay are a reference in the text, not navigation."""
    pieces = page.pieces
    index = 0
    while index < len(pieces):
        if keep[index] or pieces[index].linked < LINK_SHARE * len(pieces[index].key):
            index += 1
            continue
        end = index
        while end < len(pieces) and not keep[end]:
            end += 1
        run = range(index, end)
        if index > 0 and end < len(pieces) and keep[index - 1] and len(run) <= _LONE_LINKS:
            for at in run:
                piece = pieces[at]
                dead = template is not None and (template.is_dead(piece.place) or template.is_common(piece))
                if not dead and piece.element >= 0 and not bad[piece.element] and _are_near(page, index - 1, at):
                    keep[at] = piece.linked > 0
        index = end


def _are_near(page: Outline, first: int, second: int) -> bool:
    """Whether two pieces stand in one element or in two that share a parent."""
    elements = page.elements
    one, other = elements[page.pieces[first].element], elements[page.pieces[second].element]
    return page.pieces[first].element == page.pieces[second].element or one.parent == other.parent


def _foreign_lists(page: Outline, url: str) -> set[int]:
    """Pieces in lists whose links mostly lead to other hosts."""
    host = urlsplit(url).hostname or ""
    found: set[int] = set()
    if not host:
        return found
    away = {index for href, _, index in page.links if (other := urlsplit_host(href)) and other != host}
    for element in page.elements:
        if element.tag in ("ul", "ol", "dl") and element.end - element.first >= _ENOUGH:
            inside = range(element.first, element.end)
            if sum(index in away for index in inside) >= 0.8 * len(inside):
                found.update(inside)
    return found


def urlsplit_host(href: str) -> str:
    """The host an address names, empty for a relative or broken one."""
    try:
        return urlsplit(href).hostname or ""
    except ValueError:
        return ""


def _drop_related(page: Outline, keep: list[bool]) -> None:
    """A heading like 関連記事 goes with all that follows it in its own container, up to a heading of its rank."""
    pieces, elements = page.pieces, page.elements
    for index, piece in enumerate(pieces):
        if not keep[index] or len(piece.key) > 30 or not RELATED_HEADING.match(piece.text):
            continue
        if piece.tag not in HEADINGS and piece.tag not in ("p", "div", "dt", "span", "li", "section"):
            continue
        at = piece.element
        while at >= 0 and elements[at].end <= index + 1:  # the smallest element that holds more than the heading
            at = elements[at].parent
        end = elements[at].end if at >= 0 else len(pieces)
        rank = HEADINGS.get(piece.tag, 7)
        if rank == 7 and not any(pieces[later].linked for later in range(index + 1, min(end, index + 4))):
            continue
        for later in range(index + 1, end):
            if HEADINGS.get(pieces[later].tag, 9) <= rank:
                end = later
                break
        following = range(index + 1, end)
        own = sum(len(pieces[later].key) for later in following if keep[later])
        if own > 0.4 * sum(len(part.key) for part, kept in zip(pieces, keep, strict=True) if kept):
            continue  # what follows is the article itself
        for later in range(index, end):
            keep[later] = False


def _drop_outside(page: Outline, keep: list[bool]) -> None:
    """Keep what stands in the smallest element that has nearly all the characters kept."""
    first, end = _region(page, keep)
    for index in range(len(keep)):
        if keep[index] and not first <= index < end:
            keep[index] = _is_near_region(page, index, first)


def _region(page: Outline, keep: list[bool]) -> tuple[int, int]:
    """The pieces of the smallest element that has nearly all the characters kept."""
    sums = [0]
    for piece, kept in zip(page.pieces, keep, strict=True):
        sums.append(sums[-1] + (len(piece.key) if kept and not piece.dated else 0))
    needed = REGION_SHARE * sums[-1]
    best = (len(page.pieces) + 1, 0, len(page.pieces))
    for element in page.elements:
        if sums[element.end] - sums[element.first] >= needed and element.end - element.first <= best[0]:
            best = (element.end - element.first, element.first, element.end)
    return best[1], best[2]


def _drop_bare_headings(page: Outline, keep: list[bool]) -> None:
    """A heading over nothing but links goes with them."""
    pieces = page.pieces
    for index in range(len(pieces) - 1, -1, -1):
        rank = HEADINGS.get(pieces[index].tag)
        if not keep[index] or rank is None or rank == 1:
            continue
        links = False
        for later in range(index + 1, len(pieces)):
            if keep[later]:
                break
            if HEADINGS.get(pieces[later].tag, 9) <= rank:
                break
            links = links or pieces[later].linked >= LINK_SHARE * len(pieces[later].key)
        else:
            later = len(pieces)
        over = later == len(pieces) or HEADINGS.get(pieces[later].tag, 9) <= rank or not _same_box(page, index, later)
        if links and over:
            keep[index] = False


def _same_box(page: Outline, heading: int, later: int) -> bool:
    """Whether a piece stands in the element that holds a heading's section."""
    at = page.pieces[heading].element
    if at >= 0 and page.elements[at].end == heading + 1:
        at = page.elements[at].parent
    return at < 0 or page.elements[at].first <= later < page.elements[at].end


def _is_near_region(page: Outline, index: int, first: int) -> bool:
    """A heading right before the region is its first line."""
    return first - 3 <= index < first and page.pieces[index].tag in HEADINGS


def is_call(text: str) -> bool:
    """Whether a short line only calls for booking or gives the desk's address."""
    return len(text) <= 80 and CALL.search(text) is not None
