"""Atom feeds of changes and of searches, with ids that stay the same after a rebuild."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from columnarchive import locale
from columnarchive.browse.home import change_filter, summary_line
from columnarchive.browse.rendering import Page
from columnarchive.browse.request import PageRequest
from columnarchive.browse.search import query, search_options
from columnarchive.reader import Reader, group_changes

ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed."""

    id: str
    title: str
    link: str
    updated: str
    labels: tuple[str, ...]
    summary: str


def feed(archive: Reader, request: PageRequest) -> Page:
    """The newest changes of all sites, a site, an article or a label; with `q`, what a search finds."""
    entries = _of_search(archive, request) if request.get("q") else _of_changes(archive, request)
    updated = max((entry.updated for entry in entries), default="1970-01-01T00:00:00Z")
    return Page("feed.xml", {"entries": entries, "updated": updated, "title": _title(request)})


def _of_changes(archive: Reader, request: PageRequest) -> list[Entry]:
    found = []
    for group in group_changes(archive.changes(change_filter(request), ENTRIES)):
        row = group.change
        others = " · " + request.text("also", n=len(group.others)) if group.others else ""
        is_event = row.from_number == row.to_number
        where = request.link("article", url=row.url) if is_event else request.link("diff", url=row.url, to=row.seen_at)
        link = request.absolute(where)
        names = tuple(locale.name(request.lang, "label", label) for label in row.labels)
        title = f"{row.title}: {'、'.join(names) if request.lang == 'ja' else ', '.join(names)}"
        entry_id = _id(row.url, row.seen_at, *row.labels)
        summary = f"{summary_line(row, request)}{others}"
        found.append(Entry(entry_id, title, link, row.seen_at, names, summary))
    return found


def _of_search(archive: Reader, request: PageRequest) -> list[Entry]:
    found = []
    for hit in archive.search(query(request), search_options(request, ENTRIES, 0)).hits:
        row = archive.article(hit.url)
        updated = hit.said_until or hit.said_from or row.first_seen_at
        link = request.absolute(request.link("article", url=hit.url))
        found.append(Entry(_id(hit.url, updated), hit.title, link, updated, (), hit.snippet))
    return sorted(found, key=lambda entry: entry.updated, reverse=True)


def _id(*names: str) -> str:
    """An identifier that depends neither on the server's address nor on row numbers."""
    return uuid.uuid5(uuid.NAMESPACE_URL, " ".join(names)).urn


def _title(request: PageRequest) -> str:
    chosen = change_filter(request)
    label = locale.name(request.lang, "label", chosen.label) if chosen.label else ""
    if request.get("q"):
        return f"{request.text('brand')}: {request.text('saved_search', q=request.get('q'))}"
    return ": ".join(part for part in (request.text("brand"), chosen.site, chosen.url, label) if part)
