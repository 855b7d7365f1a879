"""Times as the archive writes them (UTC text to the second with Z), as people type them, and as people read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from columnarchive.errors import UsageError
from columnarchive.locale import Language

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Tokyo"
_JAPAN = timedelta(hours=9)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """`2026-11-22T19:37:38Z` for an aware datetime; fractions of a second are dropped."""
    # Not strftime: it writes the year 999 with three digits.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def from_text(text: str) -> datetime:
    """The aware datetime that `to_text` wrote; ValueError for any other text."""
    if len(text) != len("2026-11-22T19:37:38Z") or text[10] != "T" or text[-1] != "Z":
        raise ValueError(f"{text!r} is not a time as the archive writes them.")
    return datetime.fromisoformat(text)


@lru_cache(maxsize=16)
def zone(name: str) -> ZoneInfo:
    """A time zone by its name; UsageError for one that does not exist."""
    # Loaded on demand: every command starts with this module, few need a zone.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder like America, an endless name
        raise UsageError("not_a_time_zone", name=name[:100]) from error


def typed(text: str, tz: str = DEFAULT_ZONE, *, end: bool = False, clock: Clock = system_clock) -> str:
    """Return a moment that a person typed, as UTC text.

    A day, a month or a year means its beginning in `tz`, or with `end` its last second. Days may be relative: `today`,
    `yesterday`, `7d` and `2w` (so many days and weeks ago), 今日, 昨日.

    >>> typed("2026-04-10")
    '2026-04-09T15:00:00Z'
    >>> typed("2026-04-10", end=True)
    '2026-04-10T14:59:59Z'
    """
    given = text.strip().replace("/", "-")
    place = zone(tz)
    try:
        today = clock().astimezone(place).date()
        if given in _DAYS or re.fullmatch(r"\d{1,5}[dw]", given):
            ago = _DAYS[given] if given in _DAYS else int(given[:-1]) * (7 if given[-1] == "w" else 1)
            given = (today - timedelta(days=ago)).isoformat()
        if re.fullmatch(r"\d{4}(-\d{1,2}){0,2}", given):
            parts = [int(part) for part in given.split("-")]
            year, month, day = (*parts, 1, 1)[:3]
            start = datetime(year, month, day, tzinfo=place)
            after = {1: datetime(year + 1, 1, 1, tzinfo=place), 2: _next_month(start)}.get(len(parts))
            return to_text((after or start + timedelta(days=1)) - timedelta(seconds=1) if end else start)
        moment = datetime.fromisoformat(given)
        return to_text(moment if moment.tzinfo else moment.replace(tzinfo=place))
    except (ValueError, OverflowError) as error:
        raise UsageError("not_a_date", text=text[:100]) from error


_DAYS = {"today": 0, "yesterday": 1, "今日": 0, "昨日": 1}


def _next_month(start: datetime) -> datetime:
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1)


def day(text: str, tz: str = DEFAULT_ZONE) -> str:
    """The day in `tz` of a stored time, for people to read; what is not a time in range is shown as it is."""
    place = zone(tz)
    try:
        return from_text(text).astimezone(place).date().isoformat()
    except (ValueError, OverflowError):
        return text[:10]


@lru_cache(maxsize=4096)  # a page names the same days many times
def day_name(text: str, lang: Language) -> str:
    """Return a stored time (UTC) or a plain date as 2026年4月10日 or 10 Apr 2026; odd text as it is."""
    try:
        return _day(_local(text).date() if len(text) > 10 else date.fromisoformat(text), lang)
    except (ValueError, OverflowError):
        return text


def moment(text: str) -> str:
    """Return a stored time to the second with its zone: 2026-04-10 10:00:00 (JST)."""
    try:
        return _local(text).strftime("%Y-%m-%d %H:%M:%S (JST)")
    except (ValueError, OverflowError):
        return text


def month_name(text: str, lang: Language) -> str:
    """Return `2026-04` as 2026年4月 or Apr 2026."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if not found:
        return text
    year, number = found[1], int(found[2])
    return f"{year}年{number}月" if lang == "ja" else f"{_MONTHS[number - 1]} {year}"


@lru_cache(maxsize=4096)
def interval(after: str, seen: str, lang: Language, tz: str = DEFAULT_ZONE) -> str:
    """Return when a change happened: between the last capture with the old text and the first with the new one.

    Hours are given when both are on one day, with seconds when both are in one minute. Where `after` is not known, the
    day of `seen` is returned.

    >>> interval("2026-01-15T01:00:00Z", "2026-04-10T01:00:00Z", "en")
    'between 15 Jan and 10 Apr 2026'
    """
    place = zone(tz)
    try:
        start, end = (from_text(text).astimezone(place) for text in (after, seen))
    except (ValueError, OverflowError):
        return day_name(seen, lang)
    first, last = _day(start.date(), lang), _day(end.date(), lang)
    if first == last:
        is_one_minute = start.replace(second=0) == end.replace(second=0)
        hours = [f"{when:%H:%M:%S}" if is_one_minute else f"{when:%H:%M}" for when in (start, end)]
        if start == end:
            return f"{last} {hours[0]}" if lang == "ja" else f"at {hours[0]} on {last}"
        return f"{last} {hours[0]}〜{hours[1]}" if lang == "ja" else f"between {hours[0]} and {hours[1]} on {last}"
    if lang == "ja":
        return f"{first}〜{last.removeprefix(f'{start.year}年')}"
    return f"between {first.removesuffix(f' {end.year}')} and {last}"


def _local(text: str) -> datetime:
    return from_text(text) + _JAPAN


def _day(when: date, lang: Language) -> str:
    if lang == "ja":
        return f"{when.year}年{when.month}月{when.day}日"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"
