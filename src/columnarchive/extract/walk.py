"""One walk over a page: HTML → pieces of text, each with its place. The only module that imports selectolax.

The parser's tree is written out again and read with one regular expression: its serialised form is balanced and
escaped by rule, and this costs a third of asking every node for its attributes. A piece runs between block tags and is
not split at `<br>`; ruby readings are dropped; numeric entities are resolved by the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from columnarchive.extract.places import Head, Places, Step
from columnarchive.extract.rules import (
    CONTAINERS,
    INLINE,
    MAX_CHARS,
    MAX_DEPTH,
    MAX_PIECE,
    MAX_TOKENS,
    SKIPPED,
    STRIPPED,
    VOID,
)
from columnarchive.text import is_date_line

_TOKEN = re.compile(r"<([^>]*)>([^<]*)")  # the serialised form escapes both signs in text and in attributes
_COMMENT = re.compile(r"<!--.*?-->|<![^>]*>", re.S)
_HREF = re.compile(r'\shref="([^"]*)"')
_SRC_ALT = re.compile(r'\salt="([^"]*)"')
_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_WIDE = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uffef"
_SOURCE_BREAK = re.compile(rf"(?<=[{_WIDE}])[ \t\f]*[\r\n]\s*(?=[{_WIDE}])")
_UNTIDY = re.compile(r"[\t\r\n\f\u00a0]|  ")
_BREAK = "\x00"
_TAG_COUNT = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_SELF_CLOSING = (
    frozenset(["p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "colgroup", "option", "optgroup"])
    | VOID
)
Skips = tuple[frozenset[int], frozenset[int]]
"""Places to leave out, and the places around them."""
_PRUNED = CONTAINERS | {"body", "main", "article"}
_TRIM = " \t\r\n\f\u00a0\u3000"


@dataclass(slots=True)
class Piece:
    """A run of text between block tags: what it says, where it stands, how much of it is link."""

    text: str
    key: str
    tag: str
    place: int
    element: int
    linked: int
    dated: bool = False


@dataclass(slots=True)
class Element:
    """A block element: its tag, place and parent, and the pieces it spans (`first` up to before `end`)."""

    tag: str
    place: int
    parent: int
    first: int
    bad: bool
    navigation: bool
    good: bool
    end: int = -1


@dataclass(slots=True)
class Outline:
    """A page after one walk."""

    pieces: list[Piece]
    elements: list[Element]
    links: list[tuple[str, str, int]]
    title: str = ""
    metas: dict[str, str] = field(default_factory=dict)
    json_ld: tuple[str, ...] = ()
    times: tuple[tuple[str, str], ...] = ()
    canonical: str = ""
    language: str = ""
    scripts: int = 0
    base: str = ""


def nesting(body: bytes) -> int:
    """An upper bound on how deep the elements of a page nest, found without parsing (parsing is quadratic in it)."""
    if body.count(b"<") < MAX_DEPTH:
        return 0
    depths: dict[bytes, int] = {}
    deepest = depth = 0
    for close, name in _TAG_COUNT.findall(body):
        tag = name.lower()
        if tag.decode("ascii") in _SELF_CLOSING:
            continue
        if not close:
            depths[tag] = depths.get(tag, 0) + 1
            depth += 1
            deepest = max(deepest, depth)
        elif depths.get(tag, 0) > 0:
            depths[tag] -= 1
            depth -= 1
    return deepest


def outline(html: str, places: Places, skips: Skips | None = None) -> Outline:
    """Parse a page and walk it once. The caller has bounded its nesting (`nesting`); length is bounded here.

    Places that `skips` names are taken away before: with a site's template at hand that is most of a page.
    """
    tree = LexborHTMLParser(html[:MAX_CHARS])
    page = Outline([], [], [])
    _read_head(tree, page)
    tree.strip_tags(list(STRIPPED))
    body = tree.body
    if skips is not None and body is not None:
        _prune(body, places, skips)
    serialised = (body.html if body is not None else "") or ""
    if "<!" in serialised:
        serialised = _COMMENT.sub("", serialised)
    _walk(_TOKEN.findall(serialised)[:MAX_TOKENS], page, places)
    return page


def _prune(body: LexborNode, places: Places, skips: Skips) -> None:
    """Take subtrees at skippable places out of the tree; only the places around them are looked at."""
    dead, around = skips
    waiting = [(body, 0)]
    while waiting:
        node, parent = waiting.pop()
        tag = node.tag
        if tag not in _PRUNED:
            continue
        attributes = node.attributes
        named = "".join(f' {name}="{attributes[name]}"' for name in ("class", "id") if attributes.get(name))
        place = places.enter(parent, places.step(tag, named))
        if place in dead:
            node.decompose()
        elif place in around:
            child = node.child
            while child is not None:
                if child.is_element_node:
                    waiting.append((child, place))
                child = child.next


def _read_head(tree: LexborHTMLParser, page: Outline) -> None:
    node = tree.css_first("title")
    page.title = _SPACES.sub(" ", node.text()).strip() if node is not None else ""
    for meta in tree.css("meta[property], meta[name], meta[itemprop]"):
        attributes = meta.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
        page.metas.setdefault(name.lower(), (attributes.get("content") or attributes.get("value") or "").strip())
    canonical = tree.css_first('link[rel="canonical"]')
    page.canonical = (
        (canonical.attributes.get("href") if canonical is not None else "") or page.metas.get("og:url", "")
    ).strip()
    base = tree.css_first("base[href]")
    page.base = (base.attributes.get("href") or "") if base is not None else ""
    page.json_ld = tuple(node.text() for node in tree.css('script[type="application/ld+json"]'))
    page.scripts = len(tree.css("script"))
    page.times = tuple(
        (
            node.attributes.get("datetime") or "",
            " ".join(filter(None, (node.attributes.get("class"), node.attributes.get("itemprop")))),
        )
        for node in tree.css("time[datetime]")[:200]
    )
    root = tree.css_first("html")
    page.language = (
        (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root is not None else ""
    ).lower()


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    return (
        text.replace("&nbsp;", "\u00a0")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", '"')
        .replace("&amp;", "&")
    )


def _tidy(text: str) -> str:
    """One line a `<br>`, single spaces, and no space where a source line ended between two wide characters."""
    if _BREAK in text:
        return "\n".join(line for line in map(_tidy, text.split(_BREAK)) if line)
    text = text.strip(_TRIM)
    if "\n" in text:
        text = _SOURCE_BREAK.sub("", text)
    return _SPACES.sub(" ", text) if _UNTIDY.search(text) else text


_TEXT, _BR, _ANCHOR, _UNANCHOR, _SKIP, _LEAVE, _VOID, _ENTER = range(8)


def _read_head_of(token: str, places: Places) -> Head:
    """What a tag means to the walk; cached by its text, because tags repeat (but for links, which do not)."""
    close = token[:1] == "/"
    tag, _, rest = token[close:].partition(" ")
    attributes = " " + rest if rest else ""
    nesting = 0 if tag in VOID else -1 if close else 1
    step = places.step(tag, attributes if tag not in INLINE or tag == "span" else "")
    if tag == "br":
        action = _BR
    elif tag == "a":
        action = _UNANCHOR if close else _ANCHOR
    elif tag in SKIPPED or (step.hidden and (tag == "span" or "aria-hidden" in attributes) and tag != "body"):
        action = _TEXT if close else _SKIP
    elif tag in INLINE:
        action = _TEXT
    elif close:
        action = _LEAVE
    else:
        action = _VOID if tag in VOID else _ENTER
    head = (action, tag, nesting, step)
    if tag != "a" or close:
        places.heads[token] = head
    return head


def _walk(tokens: list[tuple[str, str]], page: Outline, places: Places) -> None:
    walker = _Walker(page, places)
    heads = places.heads
    skipping = ""
    depth = 0
    for token, text in tokens:
        action, tag, nesting, step = heads.get(token) or _read_head_of(token, places)
        if skipping:  # inside something never read: wait for its own end
            if tag == skipping:
                depth += nesting
                if not depth:
                    skipping = ""
                    if text:
                        walker.say(text)
            continue
        if action == _ENTER:
            walker.enter(tag, step, places.enter(walker.place, step))
        elif action == _LEAVE:
            walker.leave(tag)
        elif action == _SKIP:
            skipping, depth = tag, 1
            continue
        elif action:
            walker.inline(action, token)
        if text:
            walker.say(text)
    walker.finish()


class _Walker:
    """The state of one walk."""

    __slots__ = ("_href", "_link_from", "_linked", "_page", "_places", "buffer", "current", "in_link", "place")

    def __init__(self, page: Outline, places: Places) -> None:
        self._page = page
        self._places = places
        self.buffer: list[str] = []
        self.current = -1
        self.place = 0
        self.in_link = False
        self._linked = 0
        self._href = ""
        self._link_from = (0, 0)

    def say(self, text: str) -> None:
        if text.isspace():
            if self.buffer:
                self.buffer.append(" ")
            return
        text = _unescape(text)
        self.buffer.append(text)
        if self.in_link:
            self._linked += len("".join(text.split()))

    def inline(self, action: int, token: str) -> None:
        """A line break, a link's start or end, or an empty block such as <hr>."""
        if action == _BR:
            self.buffer.append(_BREAK)
        elif action == _VOID:
            self.flush()
        else:
            self.anchor(action == _UNANCHOR, token)

    def anchor(self, close: bool, attributes: str) -> None:
        if close:
            if self.in_link and self._href:
                piece, start = self._link_from
                said = "".join(self.buffer[start:]) if piece == len(self._page.pieces) else ""
                self._page.links.append((self._href, _tidy(said) or self._between(piece), piece))
            self.in_link = False
            return
        match = _HREF.search(attributes)
        self.in_link = match is not None
        self._href = _unescape(match[1]) if match else ""
        self._link_from = (len(self._page.pieces), len(self.buffer))

    def _between(self, piece: int) -> str:
        said = [part.text for part in self._page.pieces[piece : piece + 8]]
        return " ".join([*said, _tidy("".join(self.buffer))]).strip()

    def flush(self) -> None:
        if not self.buffer:
            return
        text = _tidy("".join(self.buffer))[:MAX_PIECE]
        self.buffer.clear()
        if text:
            key = "".join(text.split())
            tag = self._page.elements[self.current].tag if self.current >= 0 else "body"
            linked = min(self._linked, len(key))
            self._page.pieces.append(Piece(text, key, tag, self.place, self.current, linked, is_date_line(text)))
        self._linked = 0

    def enter(self, tag: str, step: Step, place: int) -> None:
        if self.buffer:
            self.flush()
        elements = self._page.elements
        elements.append(Element(tag, place, self.current, len(self._page.pieces), step.bad, step.navigation, step.good))
        self.current = len(elements) - 1
        self.place = place

    def leave(self, tag: str) -> None:
        if self.buffer:
            self.flush()
        elements = self._page.elements
        if self.current >= 0 and elements[self.current].tag == tag:
            element = elements[self.current]
            element.end = len(self._page.pieces)
            self.current = element.parent
            self.place = elements[self.current].place if self.current >= 0 else 0

    def finish(self) -> None:
        self.flush()
        for element in self._page.elements:
            if element.end < 0:
                element.end = len(self._page.pieces)
