"""Sites: the list of them, and a page for each."""

from __future__ import annotations

from columnarchive.browse.request import PageRequest
from columnarchive.browse.responses import Page
from columnarchive.browse.timeline import bars
from columnarchive.reader import ChangeFilter, Reader

TROUBLES = 50
CARDS = 12
CHANGES = 8


def sites(archive: Reader, _ask: PageRequest) -> Page:
    """Every site that is followed."""
    return Page("sites.html", {"sites": archive.site_cards()})


def site(archive: Reader, request: PageRequest) -> Page:
    """A site: its articles, how much they change, what could not be fetched, how far the crawl is."""
    name = request.get("name")
    page = archive.site_page(name)
    months = archive.months(name)
    return Page(
        "site.html",
        {
            "site": page,
            "months": months,
            "bars": bars(months),
            "total": sum(sum(month.levels) for month in months),
            "cards": archive.site_articles(name, CARDS, 0),
            "changes": archive.changes(ChangeFilter(site=name), CHANGES),
            "troubles": archive.troubles(name, TROUBLES),
        },
    )
