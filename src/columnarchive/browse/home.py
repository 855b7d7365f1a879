"""Home: what changed lately, what is new, what is gone; and the list of all columns."""

from __future__ import annotations

from columnarchive import locale, reader
from columnarchive.browse.request import PageRequest
from columnarchive.browse.responses import Page

PER_PAGE = 20
LIST = 60
ASIDE = 6
DEEPEST = 5000  # how far back one can page by numbers; filters reach further


def home(conn: reader.Connection, request: PageRequest) -> Page:
    """The newest changes with counts by level and label, and lists of new and gone columns."""
    chosen = change_filter(request)
    start = request.number("start", DEEPEST)
    rows = reader.changes(conn, chosen, start + PER_PAGE + 1)[start:]
    tally = reader.shown.tally(conn)
    return Page(
        "home.html",
        {
            "counts": reader.shown.counts(conn),
            "groups": reader.grouped(rows[:PER_PAGE]),
            "chosen": chosen,
            "is_filtered": bool(chosen.site or chosen.label or chosen.level),
            "start": start,
            "has_more": len(rows) > PER_PAGE,
            "per_page": PER_PAGE,
            "tally": tally,
            "level_counts": [(level, tally.levels.get(level, 0)) for level in (3, 2, 1, 0)],
            "label_counts": sorted(tally.labels.items(), key=lambda item: (-item[1], item[0])),
            "sites": reader.overview.site_names(conn),
            "newest": reader.shown.newest(conn, ASIDE),
            "gone": reader.shown.gone(conn, ASIDE),
        },
    )


def change_filter(request: PageRequest) -> reader.ChangeFilter:
    """Which changes the arguments request for; an unknown label or level counts as none."""
    label = request.get("label")
    return reader.ChangeFilter(
        site=request.get("site"),
        level=request.number("level", 3),
        label=label if label in locale.catalogue("en")["label"] else "",
        url=request.get("url"),
    )


def articles(conn: reader.Connection, request: PageRequest) -> Page:
    """All columns, or a site's, last published first."""
    start = request.number("start", 10_000_000)
    site = request.get("site")
    rows = reader.shown.cards(conn, site, LIST + 1, start)
    return Page(
        "articles.html",
        {
            "cards": rows[:LIST], "has_more": len(rows) > LIST, "start": start, "per_page": LIST, "site": site,
            "sites": reader.overview.site_names(conn),
        },
    )  # fmt: skip
