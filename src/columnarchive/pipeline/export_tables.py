"""The archive as tables: what the columns of an export are and where their cells come from."""

from __future__ import annotations

from columnarchive.exchange.tables import Row, Table, columns
from columnarchive.records import Revision
from columnarchive.store import reads, streams
from columnarchive.store.reads import Connection
from columnarchive.store.streams import Selection

_PEOPLE = "author author_about supervisor supervisor_about"


def _articles(conn: Connection, chosen: Selection) -> Table:
    named = columns(
        f"url site title published_on modified_on {_PEOPLE} language state revisions first_seen_at last_seen_at "
        "changed_at text removed_text",
        numbers="revisions",
    )
    rows = (
        (
            *(found.row.url, found.row.site, found.row.title, found.row.published_on, found.row.modified_on),
            *(found.row.author, found.row.author_about, found.row.supervisor, found.row.supervisor_about),
            *(found.row.language, found.row.state, found.row.revisions, found.row.first_seen_at),
            *(found.row.last_seen_at, found.row.changed_at, found.text, found.removed_text),
        )
        for found in streams.articles(conn, chosen)
    )
    return Table("articles", named, rows)


def _revisions(conn: Connection, chosen: Selection) -> Table:
    named = columns(
        f"url site number first_seen_at last_seen_at title published_on modified_on {_PEOPLE} characters fingerprint "
        "rules body_sha256 text",
        numbers="number characters",
    )
    rows = (_revision(found.site, found.revision) for found in streams.revisions(conn, chosen))
    return Table("revisions", named, rows)


def _revision(site: str, found: Revision) -> Row:
    article, text = found.article, found.article.text
    return (
        *(article.url, site, found.number, found.first_seen_at, found.last_seen_at, article.title),
        *(article.published_on, article.modified_on, article.author, article.author_about, article.supervisor),
        *(article.supervisor_about, len(text), article.fingerprint, found.rules, found.body_sha256, text),
    )


def _changes(conn: Connection, chosen: Selection) -> Table:
    named = columns(
        "url site title from to seen_at level labels added_chars removed_chars summary",
        numbers="from to level added_chars removed_chars",
        words="labels",
    )
    rows = (
        (
            *(row.url, row.site, row.title, row.from_number, row.to_number, row.seen_at, row.level, row.labels),
            *(row.added_chars, row.removed_chars, row.summary),
        )
        for row in streams.changes(conn, chosen)
    )
    return Table("changes", named, rows)


def _edits(conn: Connection, chosen: Selection) -> Table:
    named = columns(
        "url site from to seen_at position op old new level labels", numbers="from to position level", words="labels"
    )
    rows = (
        (
            *(row.url, row.site, row.from_number, row.to_number, row.seen_at, position),
            *(edit.op, edit.old, edit.new, edit.level, edit.labels),
        )
        for row in streams.changes(conn, chosen)
        for position, edit in enumerate(reads.edits(conn, row.id))
    )
    return Table("edits", named, rows)


TABLES = {"articles": _articles, "revisions": _revisions, "changes": _changes, "edits": _edits}
"""What can be exported as a table, by name."""
