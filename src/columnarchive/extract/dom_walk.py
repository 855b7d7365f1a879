"""One walk over a page's tree: nodes → segments of text, each with the block elements around it.

A segment runs between block tags and is not split at `<br>`; ruby readings are dropped. What is struck out is kept
between `~~`, and a power is written with `^`, so that 10<sup>8</sup> never reads 108.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from selectolax.lexbor import LexborNode

from columnarchive.extract.outlines import NO_STEP, Element, Image, Outline, Piece, Places
from columnarchive.extract.rules import INLINE, LABELS, LINK_SHARE, MAX_LINE, MAX_PIECE, SKIPPED, VOID
from columnarchive.text import find_dates, is_date_line

_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_WIDE = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uffef"
_SOURCE_BREAK = re.compile(rf"(?<=[{_WIDE}])[ \t\f]*[\r\n]\s*(?=[{_WIDE}])")
_BREAK = "\x00"
_DATE = re.compile(r"(?:19|20)[0-9]{2}[年./-][01]?[0-9][月./-][0-3]?[0-9]日?")
_DIGIT = re.compile(r"[0-9０-９]+")
_MEASURE = re.compile(
    r"[0-9０-９]\s*(?:[円万千億%％分回名人歳才週年月日時秒代度例件種本枚個台mMgGkKcC°℃]|ヶ月|か月|カ月|ヵ月)|[¥￥$]\s*[0-9０-９]"
)
_DATA_TAGS = frozenset(("td", "th", "dt", "dd", "h1", "h2", "h3", "h4"))
_MASKED_LETTERS = 3
_LONG = 2000  # stamps and counters stand in short texts
_TRIM = " \t\r\n\f\u00a0\u3000\u00ad\u200b\u2060\ufeff"
_POWER = re.compile(r"[-−–+＋]?[0-9０-９]+")
_STRUCK_TAGS = frozenset(("del", "s", "strike"))
_STRUCK = "~~"
_BESIDE_LINK = 24
_AROUND_LINK = 12  # characters of a sentence that names another page
_OUTSIDE = Element("body", NO_STEP, 0, -1, 0)
_NOWHERE = ("", "#", "javascript:void(0)", "javascript:void(0);", "javascript:;")
_SCRIPTS = {"sup": "^", "sub": "_"}
_HANDLING = {
    **dict.fromkeys(INLINE, "inline"),
    **dict.fromkeys(VOID - INLINE, "childless"),
    **dict.fromkeys((VOID & INLINE) | SKIPPED | {"-comment", "-undef", "-document", "!doctype"}, "skipped"),
    **dict.fromkeys(("br", "img", "textarea", "iframe"), "childless"),
}
"""How elements are read: as part of a line, without what is below them, not at all; all others as blocks."""


class Walk:
    """Reads the body of a page into its outline."""

    def __init__(self, page: Outline, places: Places) -> None:
        self._page = page
        self._places = places
        self._buffer: list[str] = []
        self._linked: list[str] = []
        self._href: str | None = None
        self._link_from = 0
        self._at = -1
        self._element = _OUTSIDE
        self._struck = 0
        self._marked = False
        self._preformatted = 0
        self._script = ""
        self._quotes = "“”" if page.language.startswith("en") else "「」"

    def read(self, body: LexborNode) -> None:
        """Walk all nodes below `body`."""
        nodes: Iterator[LexborNode] = iter((body,))
        above: list[tuple[Iterator[LexborNode], str, bool, bool]] = []
        while True:
            for node in nodes:
                tag = node.tag or ""
                if tag == "-text":
                    text = node.text_content or ""
                    if not text.isspace() or self._preformatted:
                        self._add(text)
                    elif self._buffer:
                        self._buffer.append(" ")
                    continue
                handling = _HANDLING.get(tag, "block")
                if handling == "block" and not (tag == "button" and self._element.tag in LABELS):
                    # A button is part of the line only in a heading that opens its answer.
                    inline, struck = False, self._enter_block(node, tag)
                elif handling in ("inline", "block"):
                    inline, struck = True, tag in _STRUCK_TAGS
                    if tag == "a":
                        self._href, self._link_from = node.attributes.get("href"), len(self._page.pieces)
                        if self._element.tag in LABELS and self._href in _NOWHERE:
                            self._href = None  # a script opens the answer
                    elif tag in _SCRIPTS:
                        self._script = _SCRIPTS[tag]
                    elif tag == "q":
                        self._buffer.append(self._quotes[0])
                    elif tag == "span" and (attributes := node.attributes):
                        step = self._places.step(tag, attributes)
                        if step.hidden:
                            continue
                        struck = step.struck
                        if step.office and self._buffer:
                            self._buffer.append(" ")  # themes set a name and an office apart by style alone
                else:
                    if handling != "skipped":
                        self._read_childless(node, tag)
                    continue
                self._struck += struck
                above.append((nodes, tag, inline, struck))
                nodes = node.iter(include_text=True, skip_empty=False)
                break
            else:
                if not above:
                    break
                nodes, tag, inline, struck = above.pop()
                if struck:
                    self._struck -= 1
                    if not self._struck:
                        self._close_mark(" ")
                if inline:
                    self._leave_inline(tag)
                else:
                    self._leave_block(tag)
        self._flush()

    def _read_childless(self, node: LexborNode, tag: str) -> None:
        """Read an element of which nothing below is text of the page."""
        page = self._page
        if tag == "br":
            self._buffer.append(_BREAK)
        elif tag == "img":
            self._add_image(node.attributes)
        elif tag == "textarea":
            page.fields.append(self._at)
        elif tag == "iframe":
            page.frames.append((node.attributes.get("src") or "", len(page.pieces) + bool(self._buffer)))
        else:
            self._flush()

    def _enter_block(self, node: LexborNode, tag: str) -> bool:
        """Begin a block element; whether it is struck out."""
        self._flush()
        attributes = node.attributes
        step = self._places.step(tag, attributes)
        outer = self._element.place
        place = step.under.get(outer) or self._places.enter(outer, step)
        self._element = Element(tag, step, place, self._at, len(self._page.pieces))
        self._at = len(self._page.elements)
        self._page.elements.append(self._element)
        if "url(" in (attributes.get("style") or ""):
            self._add_image(attributes)
        self._preformatted += tag == "pre"
        return step.struck or tag in _STRUCK_TAGS

    def _leave_block(self, tag: str) -> None:
        self._flush()
        self._preformatted -= tag == "pre"
        self._element.end = len(self._page.pieces)
        self._at = self._element.parent
        self._element = self._page.elements[self._at] if self._at >= 0 else _OUTSIDE

    def _leave_inline(self, tag: str) -> None:
        if tag == "a":
            if self._href:
                self._page.links.append((self._href, self._link_from))
            self._href = None
        elif tag == "q":
            self._buffer.append(self._quotes[1])
        self._script = ""

    def _add_image(self, attributes: dict[str, str | None]) -> None:
        page = self._page
        page.images.append(Image(attributes, len(page.pieces), self._at, self._href or ""))

    def _add(self, text: str) -> None:
        buffer = self._buffer
        if self._preformatted:
            text = text.replace("\r\n", "\n").replace("\n", _BREAK)
        if text.isspace():
            if buffer:
                buffer.append(" ")
            return
        if self._struck and not self._marked:
            self._marked = True
            buffer.append(_STRUCK)
            text = text.lstrip()
        elif self._script and buffer and buffer[-1][-1:].isdecimal() and _POWER.fullmatch(text.strip()):
            text = self._script + text.strip()
        buffer.append(text)
        if self._href is not None:
            self._linked.append("".join(text.replace(_BREAK, "").split()))

    def _close_mark(self, after: str) -> None:
        if self._marked:
            self._marked = False
            self._buffer += (_STRUCK, after)

    def _flush(self) -> None:
        """Turn what was read since the last block tag into a segment, unless it is only white space."""
        if not self._buffer:
            return
        self._close_mark("")
        text, link_texts = "".join(self._buffer), self._linked
        linked = sum(map(len, link_texts))
        self._buffer.clear()
        self._linked = []
        lines = self._places.lines
        known = lines.get(text)
        if known is None:  # what is remembered is tidy
            text = _tidy(text)
            if not text:
                return
            known = lines.get(text)
        if known is None:
            text = text[:MAX_PIECE]
            key = "".join(text.split())
            known = (key, is_date_line(text), bool(find_dates(text)), masked(key))
            if len(text) <= MAX_LINE:
                self._places.remember(text, known)
        key, dated, holds_date, counted = known
        if linked and holds_date and not dated and len(key) - linked <= _BESIDE_LINK:
            linked, dated = len(key), True  # an entry of a list: a link and its date
        if link_texts and len(key) - linked >= _AROUND_LINK:
            counted = masked(_without_links(key, link_texts))
        element = self._element
        self._page.pieces.append(
            Piece(
                text,
                key,
                element.tag,
                element.place,
                self._at,
                min(linked, len(key)),
                linked >= LINK_SHARE * len(key),
                dated,
                key if element.tag in _DATA_TAGS else counted,
            )
        )


@lru_cache(maxsize=1024)  # versions of a page share most of their paragraphs
def masked(key: str) -> str:
    """A text as a site's template counts it: dates and digits masked, so that stamps and counters are one text.

    Never beside a unit, nor in tables (`_DATA_TAGS`): two fees or doses that differ are two texts.
    """
    if len(key) > _LONG or not _DIGIT.search(key):
        return key
    text = _DATE.sub("#", key)
    if _MEASURE.search(text):
        return key
    text = _DIGIT.sub("#", text)
    return text if len(text) - 2 * text.count("#") >= _MASKED_LETTERS else key


def _without_links(key: str, link_texts: list[str]) -> str:
    """A sentence without the words of its links: 「前の記事は…です」 is one text on all pages."""
    for text in link_texts:
        key = key.replace(text, "#", 1)
    return key


def _tidy(text: str) -> str:
    """One line a `<br>`, single spaces, and no space where a source line ended between two wide characters."""
    broken = _BREAK in text
    if broken:
        text = _BREAK.join([line for part in text.split(_BREAK) if (line := part.strip(_TRIM))])
    else:
        text = text.strip(_TRIM)
    if "\n" in text:
        text = _SOURCE_BREAK.sub("", text)
    if "  " in text or "\u00a0" in text or "\n" in text or "\t" in text or "\r" in text or "\f" in text:
        text = _SPACES.sub(" ", text)
    return text.replace(_BREAK, "\n") if broken else text
