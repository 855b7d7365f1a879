"""The command `evidence`: what a column said, what it says, and how to verify both, as files to pass on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, Db, Url


def evidence(
    url: Url,
    first: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[FROM]")] = "",
    second: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[TO]")] = "",
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path(),
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Write an evidence sheet: one HTML file with texts, difference, times and digests, and its WARC records.

    Example: archive evidence https://clinic.example/column/nanbyo/ 2025-10-20 2026-01-15
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        written = archive.write_evidence(url, first, second, out)
    typer.echo(f"{written.sheet}\n{written.records}")
