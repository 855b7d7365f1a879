"""Sites, and passages that stand in several articles."""

from __future__ import annotations

from columnarchive import reading
from columnarchive.browse.answers import Page
from columnarchive.browse.asking import Ask
from columnarchive.browse.timeline import bars

TROUBLES = 50
CARDS = 12
CHANGES = 8
PASSAGES = 40


def sites(conn: reading.Connection, _ask: Ask) -> Page:
    """Every site that is followed."""
    return Page("sites.html", {"sites": reading.overview.site_cards(conn)})


def site(conn: reading.Connection, ask: Ask) -> Page:
    """A site: its articles, how much they change, what could not be fetched, how far the crawl is."""
    name = ask.get("name")
    page = reading.overview.site_page(conn, name)
    months = reading.overview.months(conn, name)
    return Page(
        "site.html",
        {
            "site": page,
            "months": months,
            "bars": bars(months),
            "total": sum(sum(month.levels) for month in months),
            "cards": reading.shown.cards(conn, name, CARDS, 0),
            "changes": reading.changes(conn, reading.ChangeFilter(site=name), CHANGES),
            "troubles": reading.overview.troubles(conn, name, TROUBLES),
        },
    )


def copies(conn: reading.Connection, ask: Ask) -> Page:
    """Passages that stand in more than one article."""
    start = ask.number("start", 100_000)
    rows = reading.overview.copied_passages(conn, ask.get("site"), PASSAGES + 1, start)
    return Page(
        "copies.html",
        {
            "passages": sorted(rows[:PASSAGES], key=lambda one: (-one.articles, -one.sites, -len(one.text), one.key)),
            "has_more": len(rows) > PASSAGES, "start": start, "per_page": PASSAGES,
            "sites": reading.overview.site_names(conn),
        },
    )  # fmt: skip


def passage(conn: reading.Connection, ask: Ask) -> Page:
    """One passage and every article that has it."""
    found = reading.overview.holders(conn, ask.get("key"))
    own = next((one for one in found if one.similarity == 1.0), found[0])
    return Page("passage.html", {"holders": found, "text": own.text})
