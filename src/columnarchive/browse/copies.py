"""Passages that several articles have."""

from __future__ import annotations

from columnarchive.browse.request import PageRequest
from columnarchive.browse.responses import Page
from columnarchive.reader import Reader

PER_PAGE = 40
DEEPEST = 100_000


def copies(archive: Reader, request: PageRequest) -> Page:
    """Passages found in more than one article."""
    start = request.number("start", DEEPEST)
    rows = archive.copied_passages(request.get("site"), PER_PAGE + 1, start)
    shown = sorted(rows[:PER_PAGE], key=lambda one: (-one.articles, -one.sites, -len(one.text), one.key))
    return Page(
        "copies.html",
        {
            "passages": shown,
            "has_more": len(rows) > PER_PAGE,
            "start": start,
            "per_page": PER_PAGE,
            "sites": archive.site_names(),
        },
    )


def passage(archive: Reader, request: PageRequest) -> Page:
    """One passage and every article that has it."""
    holders = archive.passage_holders(request.get("key"))
    own = next((one for one in holders if one.similarity == 1.0), holders[0])
    return Page("passage.html", {"holders": holders, "text": own.text})
