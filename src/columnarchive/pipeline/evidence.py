"""Evidence files of an article: a sheet of HTML and the WARC records of the captures that it quotes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from columnarchive.evidence_report import sheet
from columnarchive.exchange.atomic_files import atomic_files
from columnarchive.pipeline.export_warc import export_captures
from columnarchive.reader import Reader
from columnarchive.store.database import Database


@dataclass(frozen=True, slots=True)
class EvidenceFiles:
    """The files that were written."""

    sheet: Path
    records: Path


def write_evidence(db: Database, url: str, revisions: tuple[str, str], folder: Path) -> EvidenceFiles:
    """Write the sheet for two revisions, each named by number, day or time; the last two where both are empty."""
    found = sheet(Reader(db.conn), url, *revisions)
    page = folder / found.name
    records = page.with_suffix(".warc.gz")
    with atomic_files() as claim:
        claim(page).write_text(found.html, encoding="utf-8")
        export_captures(db, records, found.captures)
    return EvidenceFiles(page, records)
