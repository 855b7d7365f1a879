"""Home: what changed lately, what is new, what is gone; and the list of all columns."""

from __future__ import annotations

from columnarchive import locale
from columnarchive.browse.rendering import Page
from columnarchive.browse.request import PageRequest
from columnarchive.reader import ChangeFilter, Reader, group_changes

PER_PAGE = 20
LIST = 60
ASIDE = 6
DEEPEST = 5000  # how far back one can page by numbers; filters reach further


def home(archive: Reader, request: PageRequest) -> Page:
    """The newest changes with counts by level and label, and lists of new and gone columns."""
    chosen = change_filter(request)
    start = request.number("start", DEEPEST)
    rows = archive.changes(chosen, start + PER_PAGE + 1)[start:]
    tally = archive.tally()
    return Page(
        "home.html",
        {
            "counts": archive.counts,
            "groups": group_changes(rows[:PER_PAGE]),
            "chosen": chosen,
            "is_filtered": bool(chosen.site or chosen.label or chosen.level),
            "start": start,
            "has_more": len(rows) > PER_PAGE,
            "per_page": PER_PAGE,
            "tally": tally,
            "level_counts": [(level, tally.levels.get(level, 0)) for level in (3, 2, 1, 0)],
            "label_counts": sorted(tally.labels.items(), key=lambda item: (-item[1], item[0])),
            "sites": archive.site_names(),
            "newest": archive.newest_articles(ASIDE),
            "gone": archive.gone_articles(ASIDE),
        },
    )


def change_filter(request: PageRequest) -> ChangeFilter:
    """Which changes the arguments request for; an unknown label or level counts as none."""
    label = request.get("label")
    return ChangeFilter(
        site=request.get("site"),
        level=request.number("level", 3),
        label=label if label in locale.catalogue("en")["label"] else "",
        url=request.get("url"),
    )


def articles(archive: Reader, request: PageRequest) -> Page:
    """All columns, or a site's, last published first."""
    start = request.number("start", 10_000_000)
    site = request.get("site")
    rows = archive.site_articles(site, LIST + 1, start)
    return Page(
        "articles.html",
        {
            "cards": rows[:LIST], "has_more": len(rows) > LIST, "start": start, "per_page": LIST, "site": site,
            "sites": archive.site_names(),
        },
    )  # fmt: skip
