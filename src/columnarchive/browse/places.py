"""Sites, and passages that stand in several articles."""

from __future__ import annotations

from columnarchive import reader
from columnarchive.browse.answers import Page
from columnarchive.browse.asking import Ask
from columnarchive.browse.timeline import bars

TROUBLES = 50
CARDS = 12
CHANGES = 8
PASSAGES = 40


def sites(conn: reader.Connection, _ask: Ask) -> Page:
    """Every site that is followed."""
    return Page("sites.html", {"sites": reader.overview.site_cards(conn)})


def site(conn: reader.Connection, ask: Ask) -> Page:
    """A site: its articles, how much they change, what could not be fetched, how far the crawl is."""
    name = ask.get("name")
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


def copies(conn: reader.Connection, ask: Ask) -> Page:
    """Passages that stand in more than one article."""
    start = ask.number("start", 100_000)
    rows = reader.overview.copied_passages(conn, ask.get("site"), PASSAGES + 1, start)
    return Page(
        "copies.html",
        {
            "passages": sorted(rows[:PASSAGES], key=lambda one: (-one.articles, -one.sites, -len(one.text), one.key)),
            "has_more": len(rows) > PASSAGES, "start": start, "per_page": PASSAGES,
            "sites": reader.overview.site_names(conn),
        },
    )  # fmt: skip


def passage(conn: reader.Connection, ask: Ask) -> Page:
    """One passage and every article that has it."""
    found = reader.overview.holders(conn, ask.get("key"))
    own = next((one for one in found if one.similarity == 1.0), found[0])
    return Page("passage.html", {"holders": found, "text": own.text})
