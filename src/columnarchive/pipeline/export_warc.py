"""The archive out into free formats; WARC first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from columnarchive import __version__
from columnarchive.errors import NotFound, UsageError
from columnarchive.exchange.atomic_files import os_errors_as_sentences
from columnarchive.exchange.warc_writer import WarcEntry, write
from columnarchive.store import captures, sites
from columnarchive.store.database import Database

Report = Callable[[int], None]


def export_warc(db: Database, out: Path, site: str | None, report: Report) -> int:
    """Write every capture (of one site, if named) to a WARC file, oldest first; return the number of records.

    What was withdrawn is not in the archive any more and so in no export. `report` is called with the captures done.
    """
    with os_errors_as_sentences(out):
        is_folder = out.is_dir()
    if is_folder:
        raise UsageError(f"{out} is a folder; name a file like {out / 'columns.warc.gz'}.")
    if out.resolve() == db.path.resolve():
        raise UsageError(f"{out} is the archive itself; name another file.")
    return write(out, _kept(db, site, report), f"columnarchive/{__version__}")


def export_captures(db: Database, out: Path, capture_ids: Sequence[int]) -> int:
    """Write these captures to a WARC file; return the number of records."""
    return write(out, _records(db, capture_ids, lambda _: None), f"columnarchive/{__version__}")


def _kept(db: Database, site: str | None, report: Report) -> Iterator[WarcEntry]:
    return _records(db, list(captures.ids(db, _site_id(db, site))), report)


def _records(db: Database, capture_ids: Sequence[int], report: Report) -> Iterator[WarcEntry]:
    for done, capture_id in enumerate(capture_ids, 1):
        yield WarcEntry(captures.load(db, capture_id), captures.body_of(db.conn, capture_id))
        report(done)


def _site_id(db: Database, site: str | None) -> int | None:
    if not site:
        return None
    found = next((site_id for site_id, name in sites.all_sites(db) if name == site), None)
    if found is None:
        raise NotFound(f"There is no site {site}; `archive sites` lists them.")
    return found
