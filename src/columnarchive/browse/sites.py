"""Sites, and passages that several articles have."""

from __future__ import annotations

from itertools import groupby

from columnarchive.browse.ledger import site_summary
from columnarchive.browse.rendering import Page
from columnarchive.browse.request import PageRequest
from columnarchive.browse.timeline import bars, cells
from columnarchive.reader import ChangeFilter, Reader

TROUBLES = 20  # pages of one outcome that are named
CARDS = 12
CHANGES = 8
PASSAGES = 40
DEEPEST_PASSAGE = 100_000


def sites(archive: Reader, _request: PageRequest) -> Page:
    """Every site that is followed."""
    return Page("sites.html", {"sites": archive.site_cards()})


def site(archive: Reader, request: PageRequest) -> Page:
    """A site: its articles, how much they change, what could not be fetched, how far the crawl is."""
    name = request.get("name")
    page = archive.site_page(name)
    months = archive.months(name)
    days = archive.calendar(site=name)
    troubles = archive.troubles(name)
    return Page(
        "site.html",
        {
            "site": page,
            "months": months,
            "days": days,
            "cells": cells(days),
            "bars": bars(months),
            "total": sum(sum(month.levels) for month in months),
            "cards": archive.site_articles(name, CARDS, 0),
            "changes": archive.changes(ChangeFilter(site=name), CHANGES),
            "states": site_summary(archive, request, name),
            "troubles": [(outcome, list(same)) for outcome, same in groupby(troubles, key=lambda one: one.outcome)],
            "named": TROUBLES,
        },
    )


def copies(archive: Reader, request: PageRequest) -> Page:
    """Passages found in more than one article."""
    start = request.number("start", DEEPEST_PASSAGE)
    rows = archive.copied_passages(request.get("site"), PASSAGES + 1, start)
    passages = sorted(rows[:PASSAGES], key=lambda one: (-one.articles, -one.sites, -len(one.text), one.key))
    return Page(
        "copies.html",
        {
            "passages": passages,
            "has_more": len(rows) > PASSAGES,
            "start": start,
            "per_page": PASSAGES,
            "sites": archive.site_names(),
        },
    )


def passage(archive: Reader, request: PageRequest) -> Page:
    """One passage and every article that has it."""
    holders = archive.passage_holders(request.get("key"))
    own = next((one for one in holders if one.similarity == 1.0), holders[0])
    return Page("passage.html", {"holders": holders, "text": own.text})
