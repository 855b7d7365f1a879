"""The regions of a page: menu, crumbs, pager, archive, content; which class words, ids, roles and tags are believed.

Those of an element that holds the page's article never are. A theme calls the wrapper of a whole page `has-sidebar`,
`header-fixed` or `widget`. What it holds decides: a share of the page's prose, or its `<h1>`, `<article>` or `<main>`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate

from selectolax.lexbor import LexborNode

from columnarchive.extract.outlines import IN_ARTICLE, IN_BAD, IN_NAVIGATION, Element, Outline, Piece
from columnarchive.extract.rules import HEADINGS
from columnarchive.urls import Zone

# Words in ids and class names that tell what a part of a page is for; the first that fits, from the inside out.
ZONE_WORDS: tuple[tuple[Zone, re.Pattern[str]], ...] = (
    ("crumbs", re.compile(r"bread|crumb|topic-?path|pankuzu")),
    ("share", re.compile(r"share|sns|social|follow-?us")),
    ("pager", re.compile(
        r"pager|paging|pag[ie]nat|page-?navi?\b|page-?numbers|wp-pagenavi|nav-?links|post-?nav|prev-?next"
    )),
    ("tags", re.compile(r"tag-?cloud|tags?-?list|\btags?\b|keyword")),
    ("archive", re.compile(r"archive|categor|monthly|month-?list|yearly|year-?list|calend[ae]r|\bcats?\b|cat-?list")),
    ("recent", re.compile(
        r"recent|related|relation|ranking|popular|kanren|osusume|recommend|pick-?up|new-?(?:entry|post)"
    )),
    ("nav", re.compile(
        r"g-?nav|\bglobal\b|global-?(?:nav|menu|head|foot|link)|navi?\b|navi?[-]|-navi?|navigation|menu|drawer|header|head\b|foot(?:er|-?nav|-?menu|-?link|\b)"
        r"|fnav|copyright|utility|\blang(?:uage)?\b"
    )),
    ("aside", re.compile(r"\bside|widget|aside|sub-?(?:col|content)|banner|bnr|right-?col|left-?col")),
)  # fmt: skip
TAG_ZONES: dict[str, Zone] = {"nav": "nav", "header": "nav", "footer": "nav", "aside": "aside"}
ALONE: frozenset[Zone] = frozenset({"crumbs", "pager", "share"})  # zones that may hold a single link
LISTS = frozenset({"ul", "ol", "dl", "table", "nav", "select"})
ROOTS = frozenset({"html", "body", "-undef", "-document"})
ENTRY = frozenset({"hentry", "type-post", "type-page", "status-publish"})
ABOUT = ("category-", "tag-", "format-", "post_tag-")
NAMED = 12  # elements around a link that make its place


class Place:
    """An element around links: its tag, what its id and class name, and the places around it, from the inside out.

    Made once for all links below it. `links` counts them, `targets` has each group's only target, None for several.
    """

    __slots__ = ("around", "holder", "links", "name", "node", "path", "tag", "targets", "words", "zone")

    def __init__(self, node: LexborNode, tag: str, outer: Place | None) -> None:
        attributes = node.attributes
        self.node = node
        self.tag = tag
        self.name, self.words = _named(tag or "?", attributes.get("id") or "", attributes.get("class") or "")
        self.around: tuple[Place, ...] = (self, *outer.around) if outer else (self,)
        self.path = "<".join([place.name for place in self.around[:NAMED]])
        self.holder: Place | None = self if tag in LISTS else outer.holder if outer else None
        self.zone: Zone | None = None  # of the links that stand in it, once it has been asked for
        self.links = 0
        self.targets: dict[str, str | None] = {}

    def leave(self) -> None:
        """Let go of all around: a place holds itself and its page, parsed and large, which would long not be freed."""
        self.around, self.holder = (), None


@lru_cache(maxsize=8192)
def _named(tag: str, own: str, classes: str) -> tuple[str, str]:
    """An element by tag and its first word without what numbers it; and all its words as they are judged by."""
    words = [own, *classes.split()]
    if ENTRY & set(words):  # WordPress names an entry by what it is about, which is no part of a page
        words = [word for word in words if not word.startswith(ABOUT)]
    plain = next((word for word in words if word and not re.search(r"\d", word)), "")
    return tag + ("." + plain if plain else ""), " ".join(words).lower().replace("_", "-")


def place_of(node: LexborNode | None, known: dict[int, Place]) -> Place | None:
    """The place that an element is; None for those that every link stands in."""
    above: list[tuple[LexborNode, str]] = []
    found: Place | None = None
    while node is not None:
        found = known.get(node.mem_id)
        tag = node.tag or ""
        if found or tag in ROOTS:
            break
        above.append((node, tag))
        node = node.parent
    for element, tag in reversed(above):
        found = known[element.mem_id] = Place(element, tag, found)
    return found


def zone_of(places: tuple[Place, ...]) -> Zone:
    """What the part of the page around a link is for: the innermost telling word, else what its place is called."""
    if not places:
        return "content"
    inner = places[0]
    if inner.zone is None:
        inner.zone = _zone_within(places)
    return inner.zone


def _zone_within(places: tuple[Place, ...]) -> Zone:
    general: Zone | None = None
    for place in places:
        zone = _own_zone(place.tag, place.words, min(place.links, 2))
        if zone in ("nav", "aside"):
            general = general or zone
        elif zone:
            return zone
        if place.tag in ("main", "article"):
            return general or "content"
    return general or "content"


@lru_cache(maxsize=8192)
def _own_zone(tag: str, words: str, count: int) -> Zone | None:
    """What an element with one link (`count` 1) or several (2) is for, by its words or its tag."""
    for zone, pattern in ZONE_WORDS if words else ():
        # A single link in an element called "menu" is no menu: "p.blogMenu" holds a post's own address.
        if (count > 1 or zone in ALONE) and pattern.search(words):
            return zone
    return None if tag == "header" and count == 1 else TAG_ZONES.get(tag)


_MOST = 0.5  # of the page's prose: no part of a page is as large as what the page is about
_SOME = 0.1  # of it, together with the heading or the element of the article
_LONG = 40
_SENTENCE = re.compile(r"[。！？!?]|\.(?:\s|$)|、")
_COMMENTS = re.compile(r"(?:^|[\s_-])(?:comments?|commentlist|respond|disqus|repl(?:y|ies)|reviews?)(?=$|[\s_-])", re.I)
_NAMED = IN_BAD | IN_NAVIGATION


def is_prose(piece: Piece) -> bool:
    """Whether a text says something in words, other than a link, a heading or a label."""
    if piece.tag in HEADINGS or piece.is_link:
        return False
    return len(piece.key) > _LONG or _SENTENCE.search(piece.text) is not None


def settle_flags(page: Outline) -> None:
    """Hand down to each element and segment what is believed of all around it, by what the class words say."""
    elements = page.elements
    named = [at for at, element in enumerate(elements) if element.step.inside & _NAMED]
    unbelieved = _unbelieved(page, named) if named else ()
    for at, element in enumerate(elements):
        inside = element.step.inside
        if at in unbelieved:
            inside &= ~_NAMED
        if element.parent >= 0:
            inside |= elements[element.parent].inside
        element.inside = inside if inside & IN_ARTICLE else inside | element.step.apart
    for piece in page.pieces:
        if piece.element >= 0:
            piece.inside = elements[piece.element].inside


def _unbelieved(page: Outline, named: list[int]) -> set[int]:
    """Return those of the elements named otherwise that hold the article: wrappers, parts of a builder, closed tabs."""
    plain = [0 if piece.is_link else len(piece.key) for piece in page.pieces]
    prose = [len(piece.key) if is_prose(piece) else 0 for piece in page.pieces]
    masses = [list(accumulate(sizes, initial=0)) for sizes in (plain, prose)]
    holders = _holders(page)
    builders = _builder_words(page, masses)
    found = _closed_panels(page)
    for at in named:
        element = page.elements[at]
        least = _SOME if at in holders else _MOST
        if _COMMENTS.search(element.step.words):  # readers may write more than the author
            least = _MOST if at in holders else 1.0
        if _share(masses, element) > least or element.step.reason in builders:
            found.add(at)
    return found


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
    closed = [at for at, element in enumerate(page.elements) if element.step.hidden_only]
    if not closed:
        return set()
    open_places = {(element.parent, element.place) for element in page.elements if not element.step.bad}
    return {at for at in closed if (page.elements[at].parent, page.elements[at].place) in open_places}


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
