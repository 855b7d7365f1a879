"""What kind of change an edit is: labels with the words that show them, and a level from 0 (cosmetic) to 3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rapidfuzz.distance import Postfix, Prefix

from columnarchive.diff.facts import lost
from columnarchive.diff.label_rules import weighty
from columnarchive.diff.normalization import differs_in_letters, skeleton, values, wide
from columnarchive.diff.sentences import LONGEST
from columnarchive.diff.spans import spans_between
from columnarchive.records import Evidence, Span

_LINK = re.compile(r"https?://[!-~]*[A-Za-z0-9/_=#-]|www\.[!-~]*[A-Za-z0-9/_=#-]")
_CONTACT = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|0\d{1,4}-\d{1,4}-\d{3,4}|0\d{9,10}|〒?\d{3}-\d{4}"
    r"|[^\s、。]{1,8}[都道府県][^\s、。]{1,10}[市区町村郡][^、。]{0,30}|(?<!\d)\d+-\d+(?:-\d+)?|@[\w_]{3,}"
)
_CONTACT_PLACE = re.compile(
    r"電話|TEL|Tel|FAX|Fax|メール|mail|住所|所在地|〒|連絡先|問い?合わ?せ|LINE|アクセス|ビル|丁目|番地"
)
_HOURS_PLACE = re.compile(
    r"診療|受付|営業|外来|休診|休業|開院時間|予約|電話|開いて|対応時間|休み|定休|午前|午後|月曜|火曜|水曜|木曜|金曜|土曜|日曜|平日|土日|祝"
)
_CLOCK = re.compile(
    r"\d{1,2}時(?:\d{1,2}分|半)?(?!間)|\d{1,2}:\d\d|[月火水木金土日]曜日?|平日|祝日|土日祝?|年中無休|休診"
)
_DATE = re.compile(
    r"(?:明治|大正|昭和|平成|令和)(?:\d+|元)年|(?:19|20)\d\d年(?:\d{1,2}月)?(?:\d{1,2}日)?|\d{1,2}月\d{1,2}日|\d{1,2}月(?!間)"
    r"|(?<!\d)\d{1,2}日(?=\([月火水木金土日]|から|まで|に|開|$)|[月火水木金土日]曜日?"
)
_VALUE = re.compile(r"[!-~！-～]+|.曜|平日|祝日|休診|年中無休|元年|[一-鿿]{1,8}[都道府県市区町村]")
# What has none of these has no value but digits and Latin signs, no time and no date: told at one look each.
_NAMED = re.compile(r"[曜都道府県市区町村平祝休元]")
_TIMED = re.compile(r"[時:曜平祝土休]")
_DATED = re.compile(r"[\d元][年月日]|曜")
_PLAIN_VALUE = re.compile(r"[!-~！-～]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


# Of longer texts only the changed part, with some text around it, is judged, and of that no more than this.
_LONGEST_JUDGED = 2 * LONGEST
_AROUND = 200


def judge(old: str, new: str, spans: Sequence[Span]) -> tuple[Evidence, ...]:
    """The labels an edit earns by its words, each with its evidence.

    Where one of level 3 stands, the lesser ones that only say the same again (a price is a number too) are left out.
    """
    if max(len(old), len(new)) > _LONGEST_JUDGED:
        old, new = _changed_part(old, new)
        spans = spans_between(old, new)
    if not differs_in_letters(old, new) and skeleton(old) == skeleton(new):
        return (Evidence("cosmetic"),)
    found = tuple(weighty(old, new, spans)) or tuple(_lesser(old, new))
    return found or (Evidence("wording"),)


def _changed_part(old: str, new: str) -> tuple[str, str]:
    head = max(0, Prefix.similarity(old, new) - _AROUND)
    tail = min(max(0, Postfix.similarity(old, new) - _AROUND), len(old) - head, len(new) - head)
    most = head + _LONGEST_JUDGED
    return old[head : min(len(old) - tail, most)], new[head : min(len(new) - tail, most)]


def _lesser(old: str, new: str) -> Iterator[Evidence]:
    """Links, ways to reach the clinic, its hours, dates and other numbers; each fact counts once."""
    value = _VALUE if _NAMED.search(old) or _NAMED.search(new) else _PLAIN_VALUE
    if value.findall(old) == value.findall(new):
        return
    before, after = wide(old), wide(new)
    yield from _differing("link", _LINK, before, after)
    before, after = _LINK.sub("", before), _LINK.sub("", after)
    both = before + after
    if _CONTACT_PLACE.search(both) or "@" in both:
        contact = tuple(_differing("contact", _CONTACT, before, after))
        yield from contact
        if contact:
            return
    before, after = values(before), values(after)
    both = before + after
    if _TIMED.search(both) and _HOURS_PLACE.search(both):
        hours = tuple(_differing("hours", _CLOCK, before, after))
        yield from hours
        if hours:
            return
    dates = tuple(_differing("date", _DATE, before, after)) if _DATED.search(both) else ()
    yield from dates
    if not dates:
        yield from _differing("number", _NUMBER, before, after)


def _differing(label: str, kind: re.Pattern[str], old: str, new: str) -> Iterator[Evidence]:
    before, after = tuple(kind.findall(old)), tuple(kind.findall(new))
    went, came = lost(before, after), lost(after, before)
    if went or came:
        yield Evidence(label, " ".join(went), " ".join(came))
