"""Why a page gave no article: not HTML, too deep, a wall, an error page with status 200, an empty shell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from columnarchive.extract.outlines import Outline
from columnarchive.extract.rules import FOREIGN_PIECES, MISSING, NEEDS_SCRIPT, WALL, WALL_CHARS
from columnarchive.extract.template import COMMON
from columnarchive.records import Article, Outcome

_MARKUP_TYPES = ("html", "xml", "text/plain", "octet-stream")
_UNKNOWN_TYPES = ("unknown/unknown", "application/unknown", "*/*")  # by which browsers look at the bytes
_BINARY = (b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"PK\x03\x04", b"\x1f\x8b", b"RIFF", b"\x00\x00\x00")
_MOVED = re.compile(
    r"移転(?:し|いた|に|のお)|引っ?越し|移行し|(?:URL|アドレス)(?:は|が)変(?:わ|更)|新しい(?:URL|アドレス|サイト)(?:は|に|へ)"
    r"|has moved|moved to",
    re.I,
)
_SNIFFED = 2048


def refuse(body: bytes, content_type: str) -> Outcome | None:
    """What can be said before parsing: not a page, by its type or its first bytes."""
    kind = content_type.partition(";")[0].strip().lower()
    if "/" in kind and kind not in _UNKNOWN_TYPES and not any(known in kind for known in _MARKUP_TYPES):
        return "not_html"
    head = body[:_SNIFFED].lstrip()
    if head.startswith(_BINARY) or (
        b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and b"<" not in head
    ):
        return "not_html"
    if body and b"<" not in body:
        return "not_html"
    return None


def judge(
    page: Outline, article: Article | None, *, foreign: bool = False, familiar: bool = False, sends_on: bool = False
) -> Outcome:
    """The outcome of a page that was parsed.

    `foreign`: it has nothing of its site's template, which the page itself had before, as a wall in front of a site
    has. `familiar`: most of the text that it had before is still there. `sends_on`: it sends its readers to another
    address by itself, so a short text is no more than a notice of that. Inside the template a wall is known by its
    words, and by carrying no date of publication.
    """
    if article is not None and familiar:
        return "ok"
    size = sum([len(block.text) for block in article.blocks]) if article is not None else 0
    dated = article is not None and bool(article.published_on or article.modified_on)
    if size < WALL_CHARS and foreign:
        return "suspect"
    if size < WALL_CHARS and not dated:
        title = page.title.lower()
        visible = " ".join([title, article.title.lower(), article.text.lower()] if article else [title])
        if WALL.search(visible) or (size == 0 and WALL.search(_all(page).lower())):
            return "suspect"
        if sends_on:
            return "redirected"
        if MISSING.search(title) or (size < WALL_CHARS / 2 and MISSING.search(visible)):
            return "suspect"
    if article is None:
        text = _all(page) if page.scripts else ""
        # The word is looked for first: few pages have it, and the pattern takes ten times as long as all else here.
        if page.scripts and (len(text) < 200 or ("java" in text.lower() and NEEDS_SCRIPT.search(text))):
            return "needs_javascript"
        return "no_article"
    return "ok"


def tells_of_move(article: Article) -> bool:
    """Return whether a short text says that its page is elsewhere now."""
    text = article.title + article.text
    return len(text) < WALL_CHARS and _MOVED.search(text) is not None and not WALL.search(text.lower())


def is_foreign(flags: Sequence[int], before: Sequence[int]) -> bool:
    """Whether a page lost all that it shared with its site, by what the template says of its pieces now and before.

    A redesign is no loss: the other pages have it too.
    """
    return not any(one & COMMON for one in flags) and sum(one & COMMON > 0 for one in before) >= FOREIGN_PIECES


def _all(page: Outline) -> str:
    return " ".join([piece.text for piece in page.pieces[:400]])
