"""Days as people type them in a query: 2025, 2025-10, 2025-10-18, 2025/10/18, 2025年10月18日."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from columnarchive.search.fold import fold

_DAY = re.compile(r"([0-9]{4})(?:[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2})日?|月)?|年)?")


def first_day(typed: str) -> str:
    """The first day of what was typed, as `2025-10-18`; empty when it is no date."""
    return _bounds(typed)[0]


def last_day(typed: str) -> str:
    """The last day of what was typed; a bare year or month means its end. Empty when it is no date."""
    return _bounds(typed)[1]


def _bounds(typed: str) -> tuple[str, str]:
    match = _DAY.fullmatch(fold(typed))
    if not match:
        return "", ""
    year, month, day = (int(part) if part else 0 for part in match.groups())
    first_month, last_month = (month, month) if month else (1, 12)
    try:
        last = day or monthrange(year, last_month)[1]
        return date(year, first_month, day or 1).isoformat(), date(year, last_month, last).isoformat()
    except ValueError:  # month 13, 30 February, year 0: text that looks like a date
        return "", ""
