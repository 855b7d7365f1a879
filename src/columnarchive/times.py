"""Times as the archive writes them (UTC text to the second with Z) and as people type them (days in a time zone)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from columnarchive.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Tokyo"
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
        raise UsageError(f"{name[:100]!r} is not a time zone; name one like Asia/Tokyo.") from error


def typed(text: str, tz: str = DEFAULT_ZONE, *, end: bool = False) -> str:
    """A moment that a person typed, as UTC text: a day means its beginning in `tz`, or with `end` its last second.

    >>> typed("2026-04-10")
    '2026-04-09T15:00:00Z'
    >>> typed("2026-04-10", end=True)
    '2026-04-10T14:59:59Z'
    """
    given = text.strip().replace("/", "-")
    place = zone(tz)
    try:
        if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", given):
            year, month, day = map(int, given.split("-"))
            start = datetime(year, month, day, tzinfo=place)
            return to_text(start + timedelta(days=1, seconds=-1) if end else start)
        moment = datetime.fromisoformat(given)
        return to_text(moment if moment.tzinfo else moment.replace(tzinfo=place))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text[:100]!r} is no date; write it like 2026-04-10 or 2026-04-10T09:30.") from error


def day(text: str, tz: str = DEFAULT_ZONE) -> str:
    """The day in `tz` of a stored time, for people to read; what is not a time in range is shown as it is."""
    place = zone(tz)
    try:
        return from_text(text).astimezone(place).date().isoformat()
    except (ValueError, OverflowError):
        return text[:10]
