"""The title of an article: the heading that the page's own <title> confirms, without the site's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from columnarchive.extract.outlines import Outline
from columnarchive.extract.rules import HEADINGS, WHITE
from columnarchive.extract.template import DEAD_HERE, SHARED

_SEPARATOR = re.compile(r"[|｜»«›≫]|\s[-–—−:：/／@]\s|::|\s[-–—]|[-–—]\s")
_BARS = re.compile(r"[|｜»«›≫]")
_DOUBTFUL = re.compile(r"[-–—−:：/／@]")  # these part a title only beside a space
_FEW_LINKS = 3
_LONGEST = 160
_CUT = 8
_PREFIX = 4
_BETTER = 0.05  # a later heading must fit by so much better than an earlier one
_SURE = 1.0 - _BETTER
_PAGE_OF = re.compile(r"^\[[A-Za-z ]{2,12}\] ?| ?[（(] ?\d{1,4} ?/ ?\d{1,4} ?(?:ページ|page)? ?[)）]$", re.I)
_SIGNS = re.compile(
    f"[{re.escape(''.join(sorted(WHITE)))}「」『』【】\"'“”‘’《》〈〉()（）\\[\\]!！?？・.。、,~〜～–—―|｜:：-]+"
)
"""Signs that two spellings of a title differ in, and white space: to be taken out."""


@lru_cache(maxsize=8)  # one page's titles are asked for again and again
def title_parts(title: str) -> tuple[str, ...]:
    """A document title cut at its separators."""
    parts = (_SEPARATOR if _DOUBTFUL.search(title) else _BARS).split(title)
    return tuple([part for piece in parts if (part := piece.strip())])


@lru_cache(maxsize=32)  # a page says its title several times
def _norm(text: str) -> str:
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text)).casefold()


def find_title(
    page: Outline, chosen: Sequence[int], flags: Sequence[int] | None, site_parts: frozenset[str], headline: str
) -> tuple[str, int]:
    """The title and the position of the piece that shows it (-1 when no piece does).

    `flags` is what the site's template says of each piece; `site_parts` are the parts of document titles that the
    site's pages share (its name and slogan).
    """
    stated = _stated(page, site_parts, headline)
    all_stated = "\0".join(stated)
    norms = [_norm(one) for one in stated]
    parts = {_norm(part) for part in title_parts(page.title)[:1] if part not in site_parts}
    first_text = next((index for index in chosen if page.pieces[index].tag not in HEADINGS), len(page.pieces))
    limit = max(first_text + 12, chosen[len(chosen) // 2] if chosen else 0)
    best: tuple[float, int] | None = None
    headed = False
    for index, piece in enumerate(page.pieces[: limit + 1]):
        rank = HEADINGS.get(piece.tag)
        if rank is None and piece.text[:_PREFIX] not in all_stated:
            continue
        if piece.text in site_parts or len(piece.key) < 2 or len(piece.key) > _LONGEST:
            continue
        norm = _norm(piece.text)
        fit = 0.96 if rank and norm in parts else max([0.0, *[_fit(norm, one) for one in norms]])
        if rank is None and (piece.is_link or not (fit > 0.98 or _is_cut(piece.text, page.title))):
            continue
        if rank == 1 and fit < 0.5 and any(_same_start(norm, one) for one in norms):
            fit = 0.5
        if fit >= 0.5 and (
            best is None or fit > best[0] + _BETTER or (rank and not headed and fit > best[0] - _BETTER)
        ):
            best, headed = (fit, index), rank is not None
            if headed and fit > _SURE:
                break  # no later one can be better; a crumb that says the same gives way to the heading
    if best is not None:
        return _tidy(page.pieces[best[1]].text), best[1]
    for index, piece in enumerate(page.pieces[: limit + 1]):
        if (
            piece.tag == "h1"
            and len(piece.key) > 1
            and piece.text not in site_parts
            and not _is_site_heading(page, index, flags)
            and (not stated or flags is not None)
            and _leads(page, chosen, index)
        ):
            return _one_line(piece.text), index
    return (stated[0], -1) if stated else ("", -1)


def _leads(page: Outline, chosen: Sequence[int], index: int) -> bool:
    """Whether a heading leads into the article, with no menu in between."""
    if not chosen or index >= chosen[0]:
        return True
    at = page.pieces[index].element
    while at >= 0:
        if page.elements[at].step.bad and not page.elements[at].step.good:
            return False
        at = page.elements[at].parent
    between = page.pieces[index + 1 : chosen[0]]
    return sum(piece.is_link for piece in between) <= _FEW_LINKS


def _is_site_heading(page: Outline, index: int, flags: Sequence[int] | None) -> bool:
    """An h1 that only names the site: shared by other pages or standing in the site's header."""
    if flags is not None:
        return flags[index] & (SHARED | DEAD_HERE) > 0
    return page.pieces[index].is_link


def _fit(heading: str, stated: str) -> float:
    """How well a heading is confirmed: 1 when equal, the share of one in the other when it begins or ends it."""
    if not heading or not stated:
        return 0.0
    if heading == stated:
        return 1.0
    short, long = (heading, stated) if len(heading) <= len(stated) else (stated, heading)
    if short not in long:
        return 0.0
    if len(short) >= 4 and long.startswith(short):
        return 0.5 + 0.45 * len(short) / len(long)
    if len(short) >= 4 and long.endswith(short):
        return 0.3 + 0.6 * len(short) / len(long)
    if len(short) >= 8:
        return 0.5 + 0.3 * len(short) / len(long)
    return 0.0


def _is_cut(text: str, title: str) -> bool:
    """Whether a document title is this text, then a separator and something else (the site's name)."""
    rest = title[len(text) :].lstrip() if len(text) >= _CUT and title.startswith(text) else ""
    return bool(rest) and rest[0] in "-–—|｜_:：/／«»@"


def _same_start(heading: str, stated: str) -> bool:
    """Whether a heading and the document title begin alike and end in other words."""
    return len(heading) >= _CUT and heading[: len(heading) // 2 + 1] == stated[: len(heading) // 2 + 1]


def _stated(page: Outline, site_parts: frozenset[str], headline: str) -> list[str]:
    """Titles the page states in its head, best first, each without the site's parts."""
    site_name = page.metas.get("og:site_name", "")
    found: list[str] = []
    for raw in dict.fromkeys((page.title, page.metas.get("og:title", ""), headline)):
        text = _without_site(raw, site_parts, site_name)
        if text and text not in found:
            found.append(text)
    return found


def _without_site(title: str, site_parts: frozenset[str], site_name: str) -> str:
    parts = title_parts(title)
    own_parts = [part for part in parts if part not in site_parts and part != site_name]
    if not own_parts or len(own_parts) == len(parts):
        return _tidy(title)
    start = title.find(own_parts[0])
    end = title.rfind(own_parts[-1]) + len(own_parts[-1])
    return _tidy(title[start:end])


def _tidy(title: str) -> str:
    """A title in one line, without the number of its page."""
    title = _one_line(title)
    return _PAGE_OF.sub("", title) if title[:1] == "[" or title[-1:] in (")", "）") else title


def _one_line(text: str) -> str:
    return " ".join(text.split())
