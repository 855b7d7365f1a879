"""Atom feeds of changes and of searches, with ids that stay the same after a rebuild."""

from __future__ import annotations

from dataclasses import dataclass

from columnarchive import reader
from columnarchive.browse import labels
from columnarchive.browse.answers import Page
from columnarchive.browse.asking import Ask
from columnarchive.browse.home import wanted
from columnarchive.browse.searching import asked
from columnarchive.browse.words import say

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


def feed(conn: reader.Connection, ask: Ask) -> Page:
    """The newest changes of all sites, a site, an article or a label; with `q`, what a search finds."""
    entries = _of_search(conn, ask) if ask.get("q") else _of_changes(conn, ask)
    updated = max((entry.updated for entry in entries), default="1970-01-01T00:00:00Z")
    return Page("feed.xml", {"entries": entries, "updated": updated, "title": _title(ask)})


def _of_changes(conn: reader.Connection, ask: Ask) -> list[Entry]:
    found = []
    for group in reader.grouped(reader.changes(conn, wanted(ask), ENTRIES)):
        row = group.change
        others = " · " + say(ask.lang, "also", n=len(group.others)) if group.others else ""
        is_event = row.from_number == row.to_number
        where = ask.link("article", url=row.url) if is_event else ask.link("diff", url=row.url, to=row.seen_at)
        link = ask.absolute(where)
        names = tuple(labels.name(labels.LABELS, label, ask.lang) for label in row.labels)
        title = f"{row.title}: {'、'.join(names) if ask.lang == 'ja' else ', '.join(names)}"
        entry_id = f"{link}#{'-'.join(row.labels)}-{row.seen_at}"
        found.append(Entry(entry_id, title, link, row.seen_at, names, row.summary + others))
    return found


def _of_search(conn: reader.Connection, ask: Ask) -> list[Entry]:
    found = []
    for hit in reader.search(conn, asked(ask, ENTRIES, 0)).hits:
        row = reader.article(conn, hit.url)
        updated = hit.said_until or hit.said_from or row.first_seen_at
        link = ask.absolute(ask.link("article", url=hit.url))
        found.append(Entry(f"{link}#{updated}", hit.title, link, updated, (), hit.snippet))
    return sorted(found, key=lambda entry: entry.updated, reverse=True)


def _title(ask: Ask) -> str:
    chosen = wanted(ask)
    label = labels.name(labels.LABELS, chosen.label, ask.lang) if chosen.label else ""
    if ask.get("q"):
        return f"{say(ask.lang, 'brand')}: {say(ask.lang, 'saved_search', q=ask.get('q'))}"
    return ": ".join(part for part in (say(ask.lang, "brand"), chosen.site, chosen.url, label) if part)
