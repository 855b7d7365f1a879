"""Text as pure functions: widths, Japanese dates, counts in words; and made safe for a terminal, JSON Lines and XML."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, lru_cache
from typing import Any

JST = timezone(timedelta(hours=9), "JST")
_DIGITS = {ord(wide): ord(narrow) for wide, narrow in zip("０１２３４５６７８９", "0123456789", strict=True)}
_DIGITS |= {ord("．"): ord("."), ord("／"): ord("/"), ord("－"): ord("-"), ord("　"): ord(" "), ord("："): ord(":")}
_DIGITS |= {ord("‐"): ord("-"), ord("‑"): ord("-"), ord("−"): ord("-"), ord("\u00a0"): ord(" ")}
_WIDE = re.compile(f"[{''.join(map(chr, _DIGITS))}]")
_ERAS = {
    "令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867,
    "R": 2018, "H": 1988, "S": 1925, "T": 1911, "M": 1867, "㋿": 2018, "㍻": 1988, "㍼": 1925, "㍽": 1911, "㍾": 1867,
}  # fmt: skip
_MONTHS = {
    name: index
    for index, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_ZONED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s?(Z|[+-]\d\d:?\d\d)(?!\d)"
)
_WESTERN = re.compile(
    r"(?<![\d.,/\-])((?:19|20)\d\d)\s?(?:年\s?|[./\-]\s?)(1[0-2]|0?[1-9])\s?(?:月\s?|[./\-]\s?)(3[01]|[12]\d|0?[1-9])(?:\s?日|(?![\d.,]*\d|円|万))"
)
_ERA = re.compile(
    r"(令和|平成|昭和|大正|明治|㋿|㍻|㍼|㍽|㍾)\s?(元|\d{1,2})\s?(?:年\s?|[./\-]\s?)(1[0-2]|0?[1-9])\s?(?:月\s?|[./\-]\s?)(3[01]|[12]\d|0?[1-9])(?:\s?日|(?!\d))"
    r"|(?<![A-Za-z0-9])([RHSTM])\.?\s?(元|\d{1,2})\s?(?:年\s?|[./\-]\s?)(1[0-2]|0?[1-9])\s?(?:月\s?|[./\-]\s?)(3[01]|[12]\d|0?[1-9])(?:\s?日|(?![\d.]))"
)
_ENGLISH = re.compile(
    r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s(\d{1,2})(?:st|nd|rd|th)?,?\s((?:19|20)\d\d)\b"
    r"|\b(\d{1,2})(?:st|nd|rd|th)?\s(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?,?\s((?:19|20)\d\d)\b",
    re.I,
)


_MONTH_FIRST = re.compile(r"(?<!\d)(1[0-2]|0?[1-9])月\s?(3[01]|[12]\d|0?[1-9])日?,?\s((?:19|20)\d\d)(?![\d年])")
"""What a Japanese page has that kept the English order: `3月 14, 2025`."""
_HINT = re.compile(r"[0-9０-９]{4}|(?:令和|平成|昭和|大正|明治|[㋿㍻㍼㍽㍾RHSTM]\.?)[\s\u3000]?[元0-9０-９]")
_FIGURE = re.compile(r"[0-9０-９元]")  # without one there is no hint, and most texts have none
_FULL_WIDTH = re.compile("[\u3000\uff01-\uff5e]")
_DATE_LINE = 40
_DATE_REST = 16
_DATE_LABEL = re.compile(
    r"(?:最終|初回|記事)?(?:更新|改訂|公開|投稿|掲載|配信|作成|発行|登録)(?:日時?|しました|されました|済み?)?|[0-2]?\d[:：時][0-5]\d分?(?::[0-5]\d)?"
    r"|[（(][月火水木金土日]曜?日?(?:・祝)?[)）]|[月火水木金土日]曜日|(?:last\s)?(?:updated?|modified|posted|published)(?:\s(?:on|at))?",
    re.I,
)
"""What a date is of, and the time and the day of the week beside it."""
_STATEMENT = re.compile(
    r"[0-9０-９、。]|[をがはにでと]|から|まで|より|以降|以前|現在|時点|予定|開始|終了|中止|休診|休業|開催|承認|施行|変更|改定|受付|販売|有効|価格|料金|税"
)
"""What makes a line say more: figures, particles, and words for what begins, ends or holds from a day on."""


# Controls but tab, line feed and carriage return; surrogates; and the code points that are no characters.
_UNSTORABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)


def storable(text: str) -> str:
    """Return `text` without what no database, feed or file can hold: controls, surrogates and noncharacters."""
    return text if text.isprintable() else _UNSTORABLE.sub("", text)


def nfkc(text: str) -> str:
    """`unicodedata.normalize("NFKC", text)`, five times as fast for a Japanese text of many lines.

    Normalising is slow from the first sign on that it changes, and fast for what is normal already. Most of what it
    changes is signs in full width, and nothing joins across a line end.
    """
    if text.isascii():
        return text
    for sign in set(_FULL_WIDTH.findall(text)):
        text = text.replace(sign, unicodedata.normalize("NFKC", sign))
    return "\n".join(map(_nfkc_line, text.split("\n")))


# The blocks of an article are asked for again as lines of its text.
@lru_cache(maxsize=2048)
def _nfkc_line(line: str) -> str:
    return unicodedata.normalize("NFKC", line)


def fold(text: str) -> str:
    """Widths and cases made one: NFKC, case folding, NFKC again, because case folding can undo a composition.

    >>> fold("ｲﾝｽﾘﾝ ＩＬ－１０")
    'インスリン il-10'
    """
    if text.isascii():
        return text.lower()
    normal = nfkc(text)
    lower = normal.casefold()
    return lower if lower == normal else nfkc(lower)


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A full date in a text: the day (`2025-10-18`) and where it stands."""

    on: str
    start: int
    end: int


def find_dates(text: str) -> tuple[FoundDate, ...]:
    """Every full date in a text, in order: Western, era (令和7年, R7.10.18), full-width, with time and zone (→ JST).

    A bare year, a month and day without a year, and impossible days give nothing. Offsets fit the text as given.
    """
    if not _FIGURE.search(text) or not _HINT.search(text):
        return ()
    narrow = text.translate(_DIGITS) if _WIDE.search(text) else text
    found: list[FoundDate] = []
    for pattern, sign, read in _FORMS:
        if not sign.search(narrow):
            continue
        new = [FoundDate(on, *match.span()) for match in pattern.finditer(narrow) if (on := read(match))]
        found = _merge(found, new) if found else new
    return tuple(found)


def _merge(found: list[FoundDate], new: list[FoundDate]) -> list[FoundDate]:
    """Return both lists in order, without those of `new` that overlap one of `found`; neither overlaps itself."""
    starts = [one.start for one in found]
    free = []
    for one in new:
        at = bisect_left(starts, one.end)  # the first that begins behind it
        if not at or found[at - 1].end <= one.start:
            free.append(one)
    return sorted(found + free, key=lambda one: one.start)


def is_date_line(text: str) -> bool:
    """Whether a line gives a date and says nothing else, but what the date is of, a time, a name or a category.

    >>> is_date_line("更新日：2025年10月18日（土） 院長ブログ"), is_date_line("2025年10月18日より一回55,000円")
    (True, False)
    """
    if len(text) > _DATE_LINE:
        return False
    dates = find_dates(text)
    if not dates:
        return False
    parts, end = [], 0
    for found in dates:
        parts.append(text[end : found.start])
        end = found.end
    rest = _DATE_LABEL.sub("", " ".join([*parts, text[end:]]))
    return len("".join(rest.split())) <= _DATE_REST and _STATEMENT.search(rest) is None


def _day(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _western(match: re.Match[str]) -> str:
    return _day(int(match[1]), int(match[2]), int(match[3]))


def _era(match: re.Match[str]) -> str:
    era, year, month, day = match.groups()[:4] if match[1] else match.groups()[4:]
    number = 1 if year == "元" else int(year)
    return _day(_ERAS[era] + number, int(month), int(day)) if number else ""


def _english(match: re.Match[str]) -> str:
    if match[1]:
        return _day(int(match[3]), _MONTHS[match[1].lower()], int(match[2]))
    return _day(int(match[6]), _MONTHS[match[5].lower()], int(match[4]))


def _month_first(match: re.Match[str]) -> str:
    return _day(int(match[3]), int(match[1]), int(match[2]))


def _zoned(match: re.Match[str]) -> str:
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    zone = match[7]
    offset = timedelta()
    if zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    try:
        moment = datetime(year, month, day, hour, minute, tzinfo=timezone(offset))
        return moment.astimezone(JST).date().isoformat()
    except (ValueError, OverflowError):
        return ""


_FORMS = (
    (_ZONED, re.compile(":"), _zoned),
    (_ERA, re.compile("[令平昭大明㋿㍻㍼㍽㍾RHSTM]"), _era),
    (_WESTERN, re.compile("19|20"), _western),
    (_ENGLISH, re.compile("[A-Za-zſ]{3}"), _english),
    (_MONTH_FIRST, re.compile("月"), _month_first),
)
"""Each form of a date, a sign without which there is none, quick to look for, and how it is read."""


# What breaks a line for some readers of JSON Lines, or turns the text of a terminal around.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_MIXED_BREAKS = re.compile("\r\n?|[\x85\u2028\u2029]")


def visible(text: str) -> str:
    """Return the text without control, bidi and other invisible characters: a page must not drive a terminal.

    >>> visible("a\\x1b[31m\\u202eb")
    'a�[31m�b'
    """
    if text.isprintable():
        return text
    return "".join(_visible(sign) for sign in _MIXED_BREAKS.sub("\n", text))


def _visible(sign: str) -> str:
    if sign.isprintable() or sign in "\n\t\u3000":
        return sign
    if sign in "\xad\u200b\u200c\u200d\u2060\ufeff":
        return ""  # no reader sees them, and none misses them
    return " " if sign in "\x0b\x0c\u00a0\u1680\u202f\u205f" or "\u2000" <= sign <= "\u200a" else "\ufffd"


def printable(text: str) -> str:
    """Return the text without control and bidi characters, for files and messages; line ends and tabs stay."""
    return _CONTROLS.sub("", text)


def json_line(row: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return a row as one line of JSON: Japanese as it is, line separators and control characters escaped."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", _encoder()(row))


@cache
def _encoder() -> Callable[[object], str]:
    import json

    return json.JSONEncoder(ensure_ascii=False).encode


def xml_text(text: str) -> str:
    """Return the text without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)


def count(number: int, noun: str) -> str:
    """Return `1 page`, `2 pages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe before a sign that begins one."""
    return "'" + cell if cell.startswith(FORMULA_SIGNS) else cell
