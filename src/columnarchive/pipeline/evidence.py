"""Evidence files of an article: a sheet of HTML and the WARC records of the captures that it quotes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from columnarchive.errors import ExchangeError
from columnarchive.evidence_report import sheet
from columnarchive.pipeline.export_warc import export_captures
from columnarchive.store.database import Database


@dataclass(frozen=True, slots=True)
class EvidenceFiles:
    """The files that were written."""

    sheet: Path
    records: Path


def write_evidence(db: Database, url: str, revisions: tuple[str, str], folder: Path) -> EvidenceFiles:
    """Write the sheet for two revisions, each named by number, day or time; the last two where both are empty."""
    found = sheet(db.conn, url, *revisions)
    page = folder / found.name
    records = page.with_suffix(".warc.gz")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        export_captures(db, records, found.captures)
        partial = page.with_name(page.name + ".partial")
        partial.write_text(found.html, encoding="utf-8")
        os.replace(partial, page)
    except OSError as error:
        raise ExchangeError(f"{folder} cannot be written to: {error.strerror}.") from error
    return EvidenceFiles(page, records)
