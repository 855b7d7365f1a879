"""Sites: the list of them, and a page for each."""

from __future__ import annotations

from columnarchive import reader
from columnarchive.browse.request import PageRequest
from columnarchive.browse.responses import Page
from columnarchive.browse.timeline import bars

TROUBLES = 50
CARDS = 12
CHANGES = 8


def sites(conn: reader.Connection, _ask: PageRequest) -> Page:
    """Every site that is followed."""
    return Page("sites.html", {"sites": reader.overview.site_cards(conn)})


def site(conn: reader.Connection, request: PageRequest) -> Page:
    """A site: its articles, how much they change, what could not be fetched, how far the crawl is."""
    name = request.get("name")
    page = reader.overview.site_page(conn, name)
    months = reader.overview.months(conn, name)
    return Page(
        "site.html",
        {
            "site": page,
            "months": months,
            "bars": bars(months),
            "total": sum(sum(month.levels) for month in months),
            "cards": reader.shown.cards(conn, name, CARDS, 0),
            "changes": reader.changes(conn, reader.ChangeFilter(site=name), CHANGES),
            "troubles": reader.overview.troubles(conn, name, TROUBLES),
        },
    )
