"""One walk over a page's tags: serialised HTML → pieces of text, each with its place.

A piece runs between block tags and is not split at `<br>`; ruby readings are dropped; numeric entities are resolved by
the parser.
"""

from __future__ import annotations

import re
from functools import lru_cache

from columnarchive.extract.dom_paths import IN_ARTICLE, NO_STEP, Head, Places
from columnarchive.extract.outlines import Element, Outline, Piece
from columnarchive.extract.rules import INLINE, MAX_LINE, MAX_PIECE, MAX_TOKENS, SKIPPED, VOID
from columnarchive.text import is_date_line

_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_WIDE = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uffef"
_SOURCE_BREAK = re.compile(rf"(?<=[{_WIDE}])[ \t\f]*[\r\n]\s*(?=[{_WIDE}])")
_BREAK = "\x00"
_DIGIT = re.compile(r"[0-9０-９]+")
_MEASURE = re.compile(
    r"[0-9０-９]\s*(?:[円万千億%％分回名人歳才週年月日時秒代度例件種本枚個台mMgGkKcC°℃]|ヶ月|か月|カ月|ヵ月)|[¥￥$]\s*[0-9０-９]"
)
_DATA_TAGS = frozenset(("td", "th", "dt", "dd", "h1", "h2", "h3", "h4"))
_MASKED_LETTERS = 3
_LONG = 2000  # stamps and counters stand in short texts
_TRIM = " \t\r\n\f\u00a0\u3000"

_TEXT, _ENTER, _LEAVE, _BR, _ANCHOR, _UNANCHOR, _SKIP, _VOID = range(8)
_LINK: Head = (_ANCHOR, "a", 1, NO_STEP)
_END: Head = (_TEXT, "", 0, NO_STEP)
_OUTSIDE = Element("body", NO_STEP, 0, -1, 0, 0)


def walk(html: str, page: Outline, places: Places) -> None:
    """Read the body of a page, as the parser writes it, into its outline.

    Both angle brackets are escaped in what it writes, in text and in the values of attributes. Broken markup leaves
    `<` in the names of tags and attributes, and never `>`, so this is where the page is cut.
    """
    heads, elements, pieces, enter = places.heads, page.elements, page.pieces, places.enter
    new = object.__new__
    buffer: list[str] = []
    at, element = -1, _OUTSIDE
    skipping, depth = "", 0
    href: str | None = None
    linked = link_from = 0
    chunks = html.replace("<br>", _BREAK).split(">")  # lines end more often than anything else, and need no look
    if len(chunks) > MAX_TOKENS:
        del chunks[MAX_TOKENS:]
    for chunk in chunks:
        text, _, token = chunk.partition("<")
        action, tag, nesting, step = heads.get(token) or _read_head(token, places)
        if skipping:  # inside something never read: wait for its own end
            if tag == skipping:
                depth += nesting
                if not depth:
                    skipping = ""
            continue
        if text:
            if text.isspace():
                if buffer:
                    buffer.append(" ")
            else:
                if "&" in text:
                    text = _unescape(text)
                buffer.append(text)
                if href is not None:
                    linked += len("".join(text.split())) - text.count(_BREAK)
        if action == _ENTER:
            if buffer:
                _flush(buffer, linked, at, element, page, places)
                linked = 0
            place = step.under.get(element.place) or enter(element.place, step)
            inside = element.inside | step.inside
            element = new(Element)  # filled in here: calling its __init__ costs as much again
            element.tag, element.step, element.place, element.parent = tag, step, place, at
            element.first, element.end = len(pieces), -1
            element.inside = inside if inside & IN_ARTICLE else inside | step.apart
            at = len(elements)
            elements.append(element)
        elif action == _LEAVE:
            if buffer:
                _flush(buffer, linked, at, element, page, places)
                linked = 0
            if tag == element.tag and at >= 0:
                element.end = len(pieces)
                at = element.parent
                element = elements[at] if at >= 0 else _OUTSIDE
        elif action == _TEXT:
            continue
        elif action == _BR:
            buffer.append(_BREAK)
        elif action == _ANCHOR:
            href, link_from = _address(token), len(pieces)
        elif action == _UNANCHOR:
            if href:
                page.links.append((href, link_from))
            href = None
        elif action == _SKIP:
            skipping, depth = tag, 1
        elif action == _VOID and buffer:
            _flush(buffer, linked, at, element, page, places)
            linked = 0
    if buffer:
        _flush(buffer, linked, at, element, page, places)
    for element in elements:
        if element.end < 0:
            element.end = len(pieces)


def _read_head(token: str, places: Places) -> Head:
    """What a tag means to the walk; cached by its text, because tags repeat (those of links and images do not)."""
    if token.startswith("a "):
        return _LINK
    if token.startswith("img "):
        return places.heads.get("img") or _read_head("img", places)
    if not token:
        return _END
    close = token[:1] == "/"
    tag, _, rest = token[close:].partition(" ")
    plain = tag in INLINE and tag != "span"  # its attributes say nothing here
    if plain and rest:
        return places.heads.get(tag) or _read_head(tag, places)
    attributes = " " + rest if rest else ""
    step = places.step(tag, attributes)
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
    head = places.heads[token] = (action, tag, 0 if tag in VOID else -1 if close else 1, step)
    return head


def _address(token: str) -> str | None:
    """Where a link leads; None for an anchor that is no link."""
    start = token.find(' href="') + 7
    end = token.find('"', start) if start > 6 else -1
    return _unescape(token[start:end]) if end >= 0 else None


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


def _flush(buffer: list[str], linked: int, at: int, element: Element, page: Outline, places: Places) -> None:
    """What was read since the last block tag becomes a piece, unless it is only white space."""
    text = buffer[0] if len(buffer) == 1 else "".join(buffer)
    buffer.clear()
    known = places.lines.get(text)
    if known is None:  # what is remembered is tidy
        text = _tidy(text)
        if not text:
            return
        known = places.lines.get(text)
    if known is None:
        text = text[:MAX_PIECE]
        key = "".join(text.split())
        known = (key, is_date_line(text), masked(key))
        if len(text) <= MAX_LINE:
            places.remember(text, known)
    key, dated, counted = known
    if linked > len(key):
        linked = len(key)
    tag = element.tag
    if tag in _DATA_TAGS:
        counted = key
    page.pieces.append(Piece(text, key, tag, element.place, at, linked, dated, element.inside, counted))


@lru_cache(maxsize=1024)  # versions of a page share most of their paragraphs
def masked(key: str) -> str:
    """A text as a site's template counts it: digits masked, so that stamps, counters and © years are one text.

    Never beside a unit, nor in tables (`_DATA_TAGS`): two fees or doses that differ are two texts.
    """
    if len(key) > _LONG or not _DIGIT.search(key) or _MEASURE.search(key):
        return key
    text = _DIGIT.sub("#", key)
    return text if len(text) - 2 * text.count("#") >= _MASKED_LETTERS else key


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
