"""When an article was published and modified: by role, never from a bare year, a © line or somebody else's date."""

from __future__ import annotations

import re
from collections.abc import Sequence

from columnarchive.extract.bylines import LinkedData
from columnarchive.extract.outlines import Outline
from columnarchive.text import find_dates

_MODIFIED = re.compile(r"(?:最終|記事)?更新|改訂|改定|修正|(?:last\s?)?updated?|(?:last\s?)?modified|revised", re.I)
_PUBLISHED = re.compile(r"公開|投稿|掲載|配信|作成|発行|掲出|初出|登録|記事|post(?:ed)?|publish|date", re.I)
_EVENT = re.compile(
    r"開催|受付|締切|締め切り|期間|まで|から|より|以降|予定|施行|開院|設立|生まれ|生年|現在|時点|休診|休業|©|copyright|\(c\)",
    re.I,
)
_PUBLISHED_METAS = (
    "article:published_time", "og:article:published_time", "datepublished", "pubdate",
    "publishdate", "dc.date.issued", "dcterms.created",
    "date", "dc.date", "creation_date", "cxenseparse:recs:publishtime",
    "cxenseparse:publishtime", "sailthru.date", "parsely-pub-date",
)  # fmt: skip
_MODIFIED_METAS = (
    "article:modified_time",
    "og:updated_time",
    "datemodified",
    "dcterms.modified",
    "last-modified",
    "lastmod",
)
_URL_DAY = re.compile(r"/((?:19|20)\d\d)[/\-]?(0[1-9]|1[0-2])[/\-]?(0[1-9]|[12]\d|3[01])(?=[/\-_.]|$)")
_LABEL = re.compile(rf"(?:{_MODIFIED.pattern}|{_PUBLISHED.pattern})[日時]{{0,2}}\s*[:：]?", re.I)
_NEAR = 12
_BESIDE = 2  # pieces: a line there dates the article, though most of it may lead to its category and comments
_SAYS = re.compile(r"[。、，！？]|(?:です|ます|ました|ません|した|される|します)\W{0,3}$")
"""What makes a line a sentence or an entry of a bibliography, which give other dates."""


def is_date_label(text: str) -> bool:
    """Whether a line only says what the date after it is: 公開, 更新日."""
    return _LABEL.fullmatch(text) is not None


def find_dating(page: Outline, chosen: Sequence[int], title_at: int, data: LinkedData, url: str) -> tuple[str, str]:
    """(published_on, modified_on), each `YYYY-MM-DD` or empty; what the page shows beats what its head says."""
    published, modified = _visible_dates(page, chosen, title_at)
    if not published:
        published = _first(data.published, *_metas(page, _PUBLISHED_METAS))
    seen = modified
    if not modified:
        modified = _first(data.modified, *_metas(page, _MODIFIED_METAS))
    if page.times and (not published or not modified):
        timed, retimed = _timed(page)
        published, modified = published or timed, modified or retimed
    if not published and (match := _URL_DAY.search(url)):
        published = _first("-".join(match.groups()))
    if modified and published and (modified < published or (modified == published and not seen)):
        modified = ""  # the day of publication in both fields of a head: nothing was modified
    return published, modified


def _metas(page: Outline, names: Sequence[str]) -> list[str]:
    metas = page.metas
    return [metas[name] for name in names if name in metas]


def _first(*texts: str) -> str:
    for text in texts:
        if text and (dates := find_dates(text[:200])):
            return dates[0].on
    return ""


def _timed(page: Outline) -> tuple[str, str]:
    """Dates of <time datetime> that say their role, or the only one there is."""
    published = modified = ""
    for value, names in page.times:
        on = _first(value)
        if not on:
            continue
        if _MODIFIED.search(names):
            modified = modified or on
        elif "publish" in names.lower():
            published = published or on
    days = {_first(value) for value, _ in page.times}
    if not published and not modified and len(days) == 1:
        published = days.pop()
    return published, modified


def _visible_dates(page: Outline, chosen: Sequence[int], title_at: int) -> tuple[str, str]:
    """Dates in short lines near the title or at the article's end, by the word beside them."""
    if not chosen:
        return "", ""
    start = title_at if title_at >= 0 else chosen[0]
    listed = [piece.place for piece in page.pieces if piece.dated]
    published = modified = ""
    for index in _candidates(page, chosen, start):
        piece = page.pieces[index]
        is_link = piece.is_link and not (piece.dated and abs(index - start) <= _BESIDE)
        if len(piece.text) > 120 or is_link or listed.count(piece.place) > 2:
            continue
        if index > chosen[-1] and piece.dated and _follows_link(page, index):
            continue
        for found in find_dates(piece.text):
            before = piece.text[max(0, found.start - 12) : found.start]
            after = piece.text[found.end : found.end + 14]
            labelled = _MODIFIED.search(before) or _MODIFIED.match(after.lstrip(" 　（(に:："))
            if _EVENT.search(after[:4]) or _EVENT.search(before):
                continue
            if labelled and not (_PUBLISHED.search(before) and not _MODIFIED.search(before)):
                modified = modified or found.on
            elif piece.dated or (index != title_at and len(piece.text) < 60 and not _SAYS.search(piece.text)):
                published = published or found.on
        if published and modified:
            break
    return published, modified


def _follows_link(page: Outline, index: int) -> bool:
    """Whether a date comes after a link to another page, or after that page's heading: it is that page's date."""
    return page.pieces[index - 1].is_link


def _candidates(page: Outline, chosen: Sequence[int], start: int) -> list[int]:
    """Pieces to read for dates: around the title first, outwards; then the last lines."""
    first, end = max(0, min(start, chosen[0]) - _NEAR), min(len(page.pieces), max(start, chosen[0]) + 6)
    around: list[int] = []
    for away in range(max(start - first, end - 1 - start) + 1):
        if away and start - away >= first:
            around.append(start - away)
        if start + away < end:
            around.append(start + away)
    tail = range(max(0, chosen[-1] - 3), min(len(page.pieces), chosen[-1] + 5))
    return around + [index for index in tail if not first <= index < end]
