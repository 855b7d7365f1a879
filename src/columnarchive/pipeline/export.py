"""The archive in free formats: tables, Markdown, git, a feed, a copy of the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from columnarchive.errors import ExchangeError, UsageError
from columnarchive.exchange import atom, csv_table, git, jsonl, markdown, markdown_folder, parquet
from columnarchive.exchange.atomic_files import translated, whole_files
from columnarchive.exchange.tables import Row, Table
from columnarchive.pipeline.export_tables import TABLES
from columnarchive.records import Article
from columnarchive.store import notifications, reads, snapshot, streams
from columnarchive.store.reads import Connection
from columnarchive.store.streams import Event, Selection
from columnarchive.times import from_text

FORMATS = ("jsonl", "csv", "markdown", "git", "atom", "parquet", "sqlite")
NEWEST = 200  # entries of a feed: what readers fetch again and again should stay small
GIT_FORMAT = "1"  # part of every commit's key; another number writes all histories anew

_TABULAR = {"jsonl": jsonl.SUFFIX, "csv": csv_table.SUFFIX, "parquet": parquet.SUFFIX}
Report = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An export as a person asks for it; empty and False mean the format's usual."""

    format: str
    out: Path
    site: str = ""
    table: str = ""
    raw: bool = False
    without_bodies: bool = False
    limit: int = NEWEST


def publish(conn: Connection, wanted: Wanted, report: Report = lambda _done, _note: None) -> str:
    """Write an export from a plain read connection; what was written, as a sentence.

    Raises UsageError for what cannot be asked, NotFound for an unknown site, ExchangeError when it cannot be written.
    """
    _check(wanted)
    with translated(wanted.out):
        return _publish(conn, wanted, report)


def _publish(conn: Connection, wanted: Wanted, report: Report) -> str:
    if wanted.format == "sqlite":
        return _sqlite(conn, wanted)
    with streams.snapshot(conn):
        chosen = streams.selection(conn, wanted.site)
        if wanted.format == "markdown":
            return _markdown(conn, chosen, wanted.out, report)
        if wanted.format == "git":
            return _git(conn, chosen, wanted.out, report)
        if wanted.format == "atom":
            return _atom(conn, chosen, wanted)
        return _tables(conn, chosen, wanted, report)


def _check(wanted: Wanted) -> None:
    if wanted.format not in FORMATS:
        raise UsageError(f"There is no export to {wanted.format}; choose one of {', '.join(('warc', *FORMATS))}.")
    if wanted.table and wanted.format not in _TABULAR:
        raise UsageError(f"--table goes with {', '.join(_TABULAR)}, not with {wanted.format}.")
    if wanted.table and wanted.table not in TABLES:
        raise UsageError(f"There is no table {wanted.table}; choose one of {', '.join(TABLES)}.")
    if wanted.raw and wanted.format != "csv":
        raise UsageError(f"--raw goes with csv, not with {wanted.format}.")
    if wanted.without_bodies and wanted.format != "sqlite":
        raise UsageError(f"--without-bodies goes with sqlite, not with {wanted.format}.")
    if wanted.site and wanted.format == "sqlite":
        raise UsageError("A copy in sqlite holds every site; leave out --site, or export one of the other formats.")


def _tables(conn: Connection, chosen: Selection, wanted: Wanted, report: Report) -> str:
    """One table into a file whose name has the format's ending; all tables into a folder otherwise."""
    suffix = _TABULAR[wanted.format]
    single = wanted.out.suffix.lower() == suffix
    wished = (wanted.table or "articles",) if single else (wanted.table,) if wanted.table else tuple(TABLES)
    counts: list[str] = []
    cut = 0
    with whole_files() as claim:
        for name in wished:
            table = TABLES[name](conn, chosen)
            counted = Table(name, table.columns, _counting(table, report))
            target = claim(wanted.out if single else wanted.out / f"{name}{suffix}")
            if wanted.format == "csv":
                done = csv_table.write(target, counted, raw=wanted.raw)
                rows, cut = done.rows, cut + done.cut
            else:
                rows = (jsonl if wanted.format == "jsonl" else parquet).write(target, counted)
            counts.append(f"{rows} {name}")
    note = f" {cut} cells were too long for Excel and end in a note; --raw keeps them whole." if cut else ""
    return f"{_listed(counts)} written to {wanted.out}.{note}"


def _counting(table: Table, report: Report) -> Iterator[Row]:
    for count, row in enumerate(table.rows, 1):
        yield row
        report(count, table.name)


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def _markdown(conn: Connection, chosen: Selection, out: Path, report: Report) -> str:
    def pages() -> Iterator[markdown_folder.Page]:
        for count, found in enumerate(streams.articles(conn, chosen), 1):
            row = found.row
            newest = reads.revision(conn, row.id, row.revisions)
            facts = (
                *_facts(newest.article, row.site),
                *(("state", row.state), ("revision", newest.number), ("first_seen_at", row.first_seen_at)),
                *(("changed_at", row.changed_at), ("last_seen_at", row.last_seen_at)),
                *(("fingerprint", newest.article.fingerprint), ("body_sha256", newest.body_sha256)),
            )
            yield markdown_folder.Page(row.url, row.site, markdown.document(newest.article, facts))
            report(count, row.site)

    done = markdown_folder.write(out, pages(), chosen.site)
    gone = f"; {done.removed} that the archive no longer holds were taken away" if done.removed else ""
    return f"{done.files} articles in {out}, {done.written} of them new or different{gone}."


def _facts(article: Article, site: str) -> tuple[tuple[str, str | int], ...]:
    """Front matter that only an edit changes, so that a diff of two files shows the edit and nothing else."""
    return (
        *(("title", article.title), ("url", article.url), ("site", site), ("published_on", article.published_on)),
        *(("modified_on", article.modified_on), ("author", article.author), ("supervisor", article.supervisor)),
    )


def _git(conn: Connection, chosen: Selection, out: Path, report: Report) -> str:
    def current(url: str) -> git.Place | None:
        place = streams.place(conn, chosen, url)
        return git.Place(place.url, _seconds(place.last_seen_at)) if place else None

    source = git.Source(lambda: (_step(conn, event) for event in streams.events(conn, chosen)), current)
    done = git.write(out, source, lambda count: report(count, "commits"))
    past = " The archive tells the past differently now, so the branch was written anew." if done.rewritten else ""
    return f"{done.commits} commits in {out}, {done.added} of them new.{past}"


def _step(conn: Connection, event: Event) -> git.Step:
    said = [GIT_FORMAT, event.at, event.kind, event.number, event.fingerprint, *event.facts]
    title = " ".join(event.facts[0].split())[:80] or event.url
    what = "first seen" if event.kind == "revision" and event.number == 1 else " ".join(event.summary.split())

    def content() -> bytes:
        article = reads.revision(conn, event.article_id, event.number).article
        return markdown.document(article, _facts(article, event.site)).encode()

    return git.Step(
        key=hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24],
        article=event.url,
        site=event.site,
        moment=_seconds(event.at),
        subject=f"{title}: {what}"[:200],
        paragraphs=(f"level {event.level}: {', '.join(event.labels)}",) if event.labels else (),
        trailers=(f"Revision: {event.number}", f"Seen: {event.at}"),
        content=None if event.kind == "gone" else content,
    )


def _seconds(at: str) -> int:
    return int(from_text(at).timestamp())


def _atom(conn: Connection, chosen: Selection, wanted: Wanted) -> str:
    def entries() -> Iterator[atom.Entry]:
        for row in streams.changes(conn, chosen, newest=wanted.limit):
            edits = tuple(reads.edits(conn, row.id))
            yield atom.Entry(
                row.url, row.site, row.title, notifications.kind_of(row), row.seen_at, row.labels, row.summary, edits
            )

    newest = next(streams.changes(conn, chosen, newest=1), None)
    feed = atom.Feed(
        id=atom.urn("changes", streams.archive_id(conn), chosen.site),
        title=f"What changed on {chosen.site or 'the sites followed'}",
        updated_at=newest.seen_at if newest else streams.newest_capture_at(conn) or "1970-01-01T00:00:00Z",
    )
    with whole_files() as claim:
        count = atom.write(claim(wanted.out), feed, entries())
    return f"The newest {count} changes written to {wanted.out}."


def _sqlite(conn: Connection, wanted: Wanted) -> str:
    if wanted.out.exists():
        raise ExchangeError(f"{wanted.out} exists already; name a new file, so that no archive is overwritten.")
    with whole_files() as claim:
        articles = snapshot.copy(conn, claim(wanted.out), bodies=not wanted.without_bodies)
    what = "without the stored pages" if wanted.without_bodies else "with every stored page"
    return f"{articles} articles, {what}, written to {wanted.out}."
