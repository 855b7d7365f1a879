"""Home: what changed, the weightiest or the newest first, as cards to read and to review; the lists of
columns and of sites; and passages that several articles have.
"""

from __future__ import annotations

import csv
import importlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from markupsafe import Markup

from columnarchive import locale
from columnarchive.browse.ledger import site_summary
from columnarchive.browse.rendering import FileResponse, Page, PageRequest, listed
from columnarchive.browse.timeline import bars, cells
from columnarchive.errors import UsageError
from columnarchive.reader import (
    MARKS,
    ChangeDetail,
    ChangeFilter,
    ChangeGroup,
    ChangeRow,
    Reader,
    Review,
    group_changes,
    priority,
    spans_to_html,
)
from columnarchive.records import Edit, Span
from columnarchive.text import harmless
from columnarchive.times import day_name, interval, typed

PER_PAGE = 20
LISTED = 1000  # of the newest changes, which are grouped and counted; filters by time reach further back
LIST = 60
ASIDE = 6
LABELS = 3  # on a card; the others are counted
REPLACED = ("rewritten", "replaced")
SENTENCES = 3  # of a page that was replaced
AROUND, INSIDE = 36, 140  # characters of a card's sentence beside what changed, and of what changed
REPEATED, SAME_SITE = 0.7, 0.95  # what each further change of one article, of one site weighs


@dataclass(frozen=True, slots=True)
class Card:
    """A change, with the same edit on other pages, as a card shows it."""

    change: ChangeRow
    others: int
    labels: tuple[str, ...]
    more: int
    sentences: tuple[Markup, ...]
    title: str
    old_title: str
    is_replaced: bool
    review: Review | None
    heading: str = ""


def home(archive: Reader, request: PageRequest) -> Page:
    """Changes with counts by level and label, and lists of new and gone columns."""
    chosen = change_filter(request)
    rows = archive.changes(replace(chosen, level=0, label=""), LISTED)
    reviews = archive.reviews() if request.can_review else {}
    every = group_changes(rows)
    by_label = [group for group in every if not chosen.label or chosen.label in group.change.labels]
    matching = [group for group in by_label if group.change.level >= chosen.level]
    is_filtered = any((chosen.site, chosen.label, chosen.level, chosen.since, chosen.until, chosen.text))
    unread = [group for group in matching if group.change.id not in reviews]
    mark = request.get("mark")
    if mark == "unread":
        matching = unread
    elif mark in MARKS:
        matching = [group for group in matching if group.change.id in reviews and reviews[group.change.id].mark == mark]
    same = request.number("same", 2**31)
    if same:
        matching = [ChangeGroup(row, ()) for group in matching if group.change.id == same for row in _rows(group)]
    order = request.get("order") or ("newest" if is_filtered or mark or same else "weight")
    if order == "weight":
        matching = by_weight(matching)
    start = request.number("start", LISTED)
    return Page(
        "home.html",
        {
            "counts": archive.counts,
            "cards": cards(archive, request, matching[start : start + PER_PAGE], reviews, dated=order != "weight"),
            "chosen": chosen,
            "is_filtered": is_filtered or bool(mark) or bool(same),
            "start": start,
            "has_more": len(matching) > start + PER_PAGE,
            "per_page": PER_PAGE,
            "order": order,
            "listed": len(rows),
            "level_counts": [(n, sum(group.change.level >= n for group in by_label)) for n in (3, 2, 1)],
            "all_count": len(by_label),
            "label_counts": Counter(
                label for group in every if group.change.level >= chosen.level for label in group.change.labels
            ).most_common(),
            "unread": len(unread),
            "marks": Counter(one.mark for one in reviews.values()),
            "mark": mark,
            "sites": archive.site_names(),
            "newest": archive.newest_articles(ASIDE),
            "gone": archive.gone_articles(ASIDE),
        },
    )


def _rows(group: ChangeGroup) -> tuple[ChangeRow, ...]:
    return (group.change, *group.others)


def by_weight(groups: Sequence[ChangeGroup]) -> list[ChangeGroup]:
    """Return changes in the order in which a reader wants them: by priority, and of several columns and sites."""
    priorities = {labels: priority(labels) for labels in {group.change.labels for group in groups}}
    earlier: Counter[str] = Counter()
    ranked = []
    for group in sorted(groups, key=lambda group: -priorities[group.change.labels]):
        row = group.change
        factor = REPEATED ** earlier[row.url] * SAME_SITE ** min(earlier[row.site], PER_PAGE)
        ranked.append((priorities[row.labels] * factor, group))
        earlier.update((row.url, row.site))
    return [group for _, group in sorted(ranked, key=lambda item: -item[0])]


def cards(
    archive: Reader,
    request: PageRequest,
    groups: Sequence[ChangeGroup],
    reviews: dict[int, Review],
    *,
    dated: bool,
) -> list[Card]:
    """Return changes as cards, each day with its heading when `dated`."""
    details = archive.change_details([group.change.id for group in groups], SENTENCES)
    found = []
    for at, of_day in groupby(groups, key=lambda group: day_name(group.change.seen_at, request.lang)):
        for number, group in enumerate(of_day):
            card = _card(group, details.get(group.change.id), reviews.get(group.change.id))
            found.append(replace(card, heading=at if dated and not number else ""))
    return found


def _card(group: ChangeGroup, detail: ChangeDetail | None, review: Review | None) -> Card:
    row = group.change
    labels = sorted(row.labels, key=lambda label: -priority([label]))
    is_replaced = bool(set(REPLACED) & set(row.labels))
    edits = detail.edits if detail and row.from_number != row.to_number else ()
    old, new = (detail.old_title, detail.new_title) if detail else ("", "")
    sentences = [Markup(spans_to_html(clipped(edit.spans))) for edit in edits if not _is_title(edit, old, new)]
    return Card(
        row,
        len(group.others),
        tuple(labels[:LABELS]),
        len(labels) - len(labels[:LABELS]),
        tuple(sentences[: SENTENCES if is_replaced else 1]),
        new or row.title,
        old if old != new else "",
        is_replaced,
        review,
    )


def _is_title(edit: Edit, old: str, new: str) -> bool:
    return old != new and (edit.old, edit.new) == (old, new)


def clipped(spans: Iterable[Span]) -> list[Span]:
    """Return the spans of an edit with long texts cut, so that a card shows what changed."""
    listed = list(spans)
    found = []
    for at, span in enumerate(listed):
        text, is_last = span.text.replace("\n", " "), at == len(listed) - 1
        if span.op != "equal":
            text = text if len(text) <= INSIDE else text[:INSIDE] + "…"
        elif len(text) > AROUND:
            head = "" if at == 0 else text[: AROUND // 2]
            tail = "" if is_last else text[-AROUND // 2 :]
            text = f"{head}…{tail}"
        found.append(Span(span.op, text))
    return found


def change_filter(request: PageRequest) -> ChangeFilter:
    """Which changes the arguments request; an unknown label or level counts as none."""
    label = request.get("label")
    since, until = request.get("since")[:40], request.get("until")[:40]
    return ChangeFilter(
        site=request.get("site"),
        level=request.number("level", 3),
        label=label if label in locale.catalogue("en")["label"] else "",
        url=request.get("url"),
        since=typed(since) if since else "",
        until=typed(until, end=True) if until else "",
        text=request.get("text")[:200],
    )


_COLUMNS = ("url", "site", "title", "after_at", "seen_at", "level", "labels", "added_chars", "removed_chars", "summary")


def table(archive: Reader, request: PageRequest) -> FileResponse:
    """The filtered list of changes as CSV or XLSX, for programs and spreadsheets."""
    names = [locale.text(request.lang, f"column.{name}") for name in _COLUMNS]
    rows = [
        [
            *(row.url, row.site, row.title, row.after_at, row.seen_at, row.level),
            locale.label_names(row.labels, request.lang),
            *(row.added_chars, row.removed_chars, row.summary_in(request.lang)),
        ]
        for row in archive.changes(change_filter(request), -1)
    ]
    if request.get("format") == "xlsx":
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return FileResponse(
            _workbook(names, rows), kind, {"Content-Disposition": 'attachment; filename="changes.xlsx"'}
        )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([names, *([harmless(str(cell)) for cell in row] for row in rows)])
    headers = {"Content-Disposition": 'attachment; filename="changes.csv"'}
    return FileResponse(out.getvalue().encode("utf-8-sig"), "text/csv; charset=utf-8", headers)


def _workbook(names: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    try:
        xlsxwriter: Any = importlib.import_module("xlsxwriter")
    except ImportError:
        raise UsageError("needs_xlsxwriter") from None
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for number, row in enumerate([names, *rows]):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def articles(archive: Reader, request: PageRequest) -> Page:
    """All columns, or a site's, last published first."""
    start = request.number("start", 10_000_000)
    site = request.get("site")
    rows = archive.site_articles(site, LIST + 1, start)
    context = {"site": site, "sites": archive.site_names()}
    return Page("articles.html", {**listed("cards", rows, start, LIST), **context})


def summary_line(row: ChangeRow, request: PageRequest) -> str:
    """When a change happened and what it was, in one line."""
    return f"{interval(row.after_at, row.seen_at, request.lang)}: {row.summary_in(request.lang)}"


SITES = 100  # on a page of the list of sites
TROUBLES = 20  # pages of one outcome that are named
CARDS = 12
CHANGES = 8
PASSAGES = 40
DEEPEST_PASSAGE = 100_000


def sites(archive: Reader, request: PageRequest) -> Page:
    """The sites that are followed."""
    start = request.number("start", 10_000_000)
    return Page("sites.html", listed("sites", archive.site_cards(SITES + 1, start), start, SITES))


def site(archive: Reader, request: PageRequest) -> Page:
    """A site: its articles, how much they change, what could not be fetched, how far the crawl is."""
    name = request.get("name")
    months = archive.months(name)
    days = archive.calendar(site=name)
    troubles = archive.troubles(name)
    return Page(
        "site.html",
        {
            "site": archive.site_page(name),
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
    context = listed("passages", rows, start, PASSAGES) | {"sites": archive.site_names()}
    context["passages"].sort(key=lambda one: (-one.articles, -one.sites, -len(one.text), one.key))
    return Page("copies.html", context)


def passage(archive: Reader, request: PageRequest) -> Page:
    """One passage and every article that has it."""
    holders = archive.passage_holders(request.get("key"))
    own = next((one for one in holders if one.similarity == 1.0), holders[0])
    return Page("passage.html", {"holders": holders, "text": own.text})
