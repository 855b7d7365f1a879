"""What a list of pages names: addresses with the dates of their last change, and further lists."""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime

from columnarchive.errors import UsageError
from columnarchive.times import to_text
from columnarchive.urls import canonical

MAX_ENTRIES = 50_000
LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that a list names, and when it says the page changed last (UTC; empty when it does not say)."""

    url: str
    lastmod: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a file lists: pages, and further files."""

    entries: tuple[Entry, ...] = ()
    files: tuple[str, ...] = ()


def address_in(text: str, base: str) -> str:
    """The canonical address that a text is, relative to `base`; empty for none."""
    try:
        return canonical(text.strip(), base) if text.strip() else ""
    except UsageError:
        return ""


def moment(text: str) -> str:
    """A W3C or RFC 822 date as UTC text; empty for none. A date without a time is the end of no day: midnight UTC."""
    text = text.strip()
    try:
        given = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            given = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return ""
    try:
        return to_text(given if given.tzinfo else given.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return ""
