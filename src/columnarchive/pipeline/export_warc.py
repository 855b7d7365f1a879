"""Export captures as WARC and WACZ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from columnarchive import __version__
from columnarchive.errors import NotFound, UsageError
from columnarchive.exchange import warc_writer
from columnarchive.exchange.atomic_files import os_errors_as_sentences
from columnarchive.store import captures, sites, snapshot
from columnarchive.store.database import Database

SOFTWARE = f"columnarchive/{__version__}"
Report = Callable[[int], None]


def export_warc(db: Database, out: Path, site: str | None, report: Report) -> int:
    """Write every capture (of one site, if named) to a WARC file, oldest first; return the number of records.

    What was withdrawn is in no export. `report` is called with the number of captures written.
    """
    _check_target(db, out, "columns.warc.gz")
    return warc_writer.write(out, _entries(db, list(captures.ids(db, _site_id(db, site))), report), SOFTWARE)


def export_wacz(db: Database, out: Path, site: str | None, report: Report) -> int:
    """Write every capture (of one site, if named) to a WACZ file with its index and pages; return the records."""
    _check_target(db, out, "columns.wacz")
    with os_errors_as_sentences(out), snapshot.consistent_read(db.conn):
        selection = snapshot.selection(db.conn, site or "")
        titles = {found.row.url: found.row.title for found in snapshot.article_texts(db.conn, selection)}
        newest: dict[str, tuple[str, str]] = {}  # where and when the newest capture of each article was

        def entries() -> Iterator[warc_writer.WarcEntry]:
            for entry in _entries(db, list(captures.ids(db, _site_id(db, site))), report):
                if entry.capture.url in titles and entry.capture.outcome in ("ok", "unchanged"):
                    place = warc_writer.target_address(entry.capture)
                    newest[entry.capture.url] = (place, entry.capture.fetched_at)
                yield entry

        # Read after the captures: each page is listed at the time of its newest one.
        pages = (warc_writer.WaczPage(*newest[url], titles[url]) for url in titles if url in newest)
        return warc_writer.write_wacz(out, entries(), pages, SOFTWARE)


def export_captures(db: Database, out: Path, capture_ids: Sequence[int]) -> int:
    """Write these captures to a WARC file; return the number of records."""
    return warc_writer.write(out, _entries(db, capture_ids, lambda _: None), SOFTWARE)


def _check_target(db: Database, out: Path, example: str) -> None:
    with os_errors_as_sentences(out):
        is_folder = out.is_dir()
    if is_folder:
        raise UsageError("folder_for_file", path=out, example=out / example)
    if out.resolve() == db.path.resolve():
        raise UsageError("is_this_archive", path=out)


def _entries(db: Database, capture_ids: Sequence[int], report: Report) -> Iterator[warc_writer.WarcEntry]:
    for done, capture_id in enumerate(capture_ids, 1):
        source = captures.source_of(db.conn, capture_id)
        capture, body = captures.load(db, capture_id), captures.body_of(db.conn, capture_id)
        yield warc_writer.WarcEntry(capture, body, "" if source == "crawl" else source)
        report(done)


def _site_id(db: Database, site: str | None) -> int | None:
    if not site:
        return None
    found = next((site_id for site_id, name in sites.all_sites(db) if name == site), None)
    if found is None:
        raise NotFound("unknown_site", name=site)
    return found
