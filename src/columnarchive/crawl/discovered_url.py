"""Addresses worth visiting, why each is, and what that makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from columnarchive.records import PageKind

Reason = Literal[
    "start", "item", "related", "sitemap", "feed", "pagination", "archive", "category", "section", "import", "probe"
]
LISTINGS: frozenset[str] = frozenset({"pagination", "archive", "category", "section"})
COLUMNS: frozenset[str] = frozenset({"item", "related", "sitemap", "feed", "probe"})
# What is fetched first: the pages that were asked for, then columns, then what leads to more of them.
PRIORITY: dict[str, int] = {
    "start": 100, "section": 90, "probe": 85, "item": 70, "pagination": 60, "related": 55, "feed": 50, "archive": 45,
    "category": 45, "sitemap": 40, "import": 10,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """An address worth visiting and why."""

    url: str
    reason: Reason
    found_on: str

    @property
    def kind(self) -> PageKind:
        """What the page is taken for until it has been read."""
        return "listing" if self.reason in LISTINGS else "article"
