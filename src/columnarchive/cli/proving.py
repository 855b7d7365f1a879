"""The command `evidence`: what a column said, what it says, and how to verify both, in files to hand on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from columnarchive.cli.common import database
from columnarchive.errors import ExchangeError


def evidence(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the column.", metavar="URL")],
    first: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[FROM]")] = "",
    second: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[TO]")] = "",
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path(),
) -> None:
    """Write an evidence sheet: one HTML file with texts, difference, times and digests, and WARC records beside it.

    Example: archive evidence https://clinic.example/column/nanbyo/ 2025-10-20 2026-01-15
    """
    from columnarchive.evidence_report import sheet
    from columnarchive.pipeline import export_warc
    from columnarchive.store.database import Database

    with Database.open(database(context), create=False, write=False) as db:
        found = sheet(db.conn, url, first, second)
        page = out / found.name
        records = page.with_suffix(".warc.gz")
        try:
            out.mkdir(parents=True, exist_ok=True)
            export_warc.export_captures(db, records, found.captures)
            partial = page.with_name(page.name + ".partial")
            partial.write_text(found.html, encoding="utf-8")
            os.replace(partial, page)
        except OSError as error:
            raise ExchangeError(f"{out} cannot be written to: {error.strerror}.") from error
    typer.echo(f"{page}\n{records}")
