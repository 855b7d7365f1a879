"""Which class words, ids, roles and tags are believed: never those of an element that holds the page's article.

A theme calls the wrapper of a whole page `has-sidebar`, `header-fixed` or `widget`. What it holds decides: a share of
the page's prose, or the page's `<h1>`, `<article>` or `<main>`.
"""

from __future__ import annotations

import re
from itertools import accumulate

from columnarchive.extract.dom_paths import IN_ARTICLE, IN_BAD, IN_NAVIGATION
from columnarchive.extract.outlines import Element, Outline, Piece
from columnarchive.extract.rules import HEADINGS, LINK_SHARE

_MOST = 0.5  # of the page's prose: no part of a page is as large as what the page is about
_SOME = 0.1  # of it, together with the heading or the element of the article
_LONG = 40
_SENTENCE = re.compile(r"[。！？!?]|\.(?:\s|$)|、")
_COMMENTS = re.compile(r"(?:^|[\s_-])(?:comments?|commentlist|respond|disqus|repl(?:y|ies)|reviews?)(?=$|[\s_-])", re.I)
_NAMED = IN_BAD | IN_NAVIGATION


def is_prose(piece: Piece) -> bool:
    """Whether a text says something in words, other than a link, a heading or a label."""
    if piece.tag in HEADINGS or piece.linked >= LINK_SHARE * len(piece.key):
        return False
    return len(piece.key) > _LONG or _SENTENCE.search(piece.text) is not None


def settle_flags(page: Outline) -> None:
    """Take back what class words say of wrappers, and hand down to each segment what is believed of all around it."""
    if not any(element.inside & _NAMED for element in page.elements):
        return
    plain = [0 if piece.linked >= LINK_SHARE * len(piece.key) else len(piece.key) for piece in page.pieces]
    prose = [len(piece.key) if is_prose(piece) else 0 for piece in page.pieces]
    masses = [list(accumulate(sizes, initial=0)) for sizes in (plain, prose)]
    holders = _holders(page)
    builders = _builder_words(page, masses)
    panels = _closed_panels(page)
    for at, element in enumerate(page.elements):
        own = element.step.inside
        if own & _NAMED:
            least = _SOME if at in holders else _MOST
            if _COMMENTS.search(element.step.words):  # readers may write more than the author
                least = _MOST if at in holders else 1.0
            if _share(masses, element) > least or element.step.reason in builders or at in panels:
                own &= ~_NAMED
        above = page.elements[element.parent].inside if element.parent >= 0 else 0
        element.inside = own | above
        if not element.inside & IN_ARTICLE:
            element.inside |= element.step.apart
    for piece in page.pieces:
        if piece.element >= 0:
            piece.inside = page.elements[piece.element].inside


def _share(masses: list[list[int]], element: Element) -> float:
    """Return the share of the page that an element holds: of all plain text or of its prose, whichever is less."""
    return min((sums[element.end] - sums[element.first]) / max(1, sums[-1]) for sums in masses)


def _builder_words(page: Outline, masses: list[list[int]]) -> set[str]:
    """Return words that a page builder gives to every part of a page, such as `widget`: most of the page is in them."""
    shares: dict[str, float] = {}
    ends: dict[str, int] = {}
    for element in page.elements:
        word = element.step.reason
        if word and element.first >= ends.get(word, 0) and not _COMMENTS.search(word):
            shares[word] = shares.get(word, 0.0) + _share(masses, element)
            ends[word] = element.end
    return {word for word, share in shares.items() if share > _MOST}


def _closed_panels(page: Outline) -> set[int]:
    """Return elements that are hidden beside an open one of their kind: tabs and slides of one text."""
    open_places = {(element.parent, element.place) for element in page.elements if not element.step.bad}
    return {
        at
        for at, element in enumerate(page.elements)
        if element.step.hidden_only and (element.parent, element.place) in open_places
    }


def _holders(page: Outline) -> set[int]:
    """Elements around an <h1>, <article> or <main> that does not itself stand in something called otherwise."""
    found: set[int] = set()
    for element in page.elements:
        if element.tag in ("h1", "article", "main"):
            at = element.parent
            while at >= 0 and at not in found:
                found.add(at)
                at = page.elements[at].parent
    return found
