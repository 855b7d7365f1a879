"""Stored times and days as people read them, in Japan time."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

from columnarchive.browse.asking import Language
from columnarchive.times import from_text

_JAPAN = timedelta(hours=9)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4096)  # a page names the same days many times
def day(text: str, lang: Language) -> str:
    """A stored time (UTC) or a plain date as a day: 2026年4月10日 or 10 Apr 2026. Odd text is shown as it is."""
    try:
        if len(text) > 10:
            return _words((from_text(text) + _JAPAN).date(), lang)
        return _words(date.fromisoformat(text), lang)
    except (ValueError, OverflowError):
        return text


def moment(text: str) -> str:
    """A stored time to the second with its zone: 2026-04-10 10:00:00 (JST)."""
    try:
        return (from_text(text) + _JAPAN).strftime("%Y-%m-%d %H:%M:%S (JST)")
    except (ValueError, OverflowError):
        return text


def month(text: str, lang: Language) -> str:
    """`2026-04` as 2026年4月 or Apr 2026."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if not found:
        return text
    year, number = found[1], int(found[2])
    return f"{year}年{number}月" if lang == "ja" else f"{_MONTHS[number - 1]} {year}"


def _words(when: date, lang: Language) -> str:
    if lang == "ja":
        return f"{when.year}年{when.month}月{when.day}日"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"
