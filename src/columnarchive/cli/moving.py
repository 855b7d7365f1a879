"""Commands that bring things in and out: extract, import, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.cli.common import MOST, AsJson, Bar, database, json_lines, visible
from columnarchive.errors import ExtractError, UsageError

if TYPE_CHECKING:
    from columnarchive.records import Article

EXPORTS = ("warc", "jsonl", "csv", "markdown", "git", "atom", "parquet", "sqlite")


def extract(
    files: Annotated[list[Path], typer.Argument(help="Saved pages.", metavar="FILE ...")],
    site_dir: Annotated[
        Path | None, typer.Option(help="Learn the site's template from the other pages in this folder.")
    ] = None,
    url: Annotated[str, typer.Option(help="The address the page was saved from, for a single file.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the articles of saved pages, without any database.

    Example: archive extract page.html --site-dir saved-site/
    """
    from columnarchive.pipeline.saved_pages import articles

    failed: list[str] = []
    for path, found in articles(files, site_dir, url):
        if isinstance(found, ExtractError):
            failed.append(str(found))
            typer.echo(f"archive: {found}", err=True)
        elif as_json:
            json_lines([_article_json(path, found)])
        else:
            typer.echo(visible("\n".join([found.title, *_facts(found), "", found.text, ""])))
    if failed:
        raise typer.Exit(1)


def _facts(found: Article) -> list[str]:
    facts = (found.published_on, found.modified_on, found.author, found.supervisor)
    names = ("published", "modified", "author", "supervisor")
    return [f"{name}: {value}" for name, value in zip(names, facts, strict=True) if value]


def _article_json(path: Path, found: Article) -> dict[str, Any]:
    return {
        "file": str(path),
        "url": found.url,
        "title": found.title,
        "published_on": found.published_on,
        "modified_on": found.modified_on,
        "author": found.author,
        "supervisor": found.supervisor,
        "author_about": found.author_about,
        "supervisor_about": found.supervisor_about,
        "language": found.language,
        "text": found.text,
        "blocks": [{"kind": block.kind, "text": block.text, "level": block.level} for block in found.blocks],
    }


def import_(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="WARC files, gzipped or not.", metavar="FILE ...")],
    site: Annotated[str, typer.Option(help="Take only pages of this host, or name the site they belong to.")] = "",
) -> None:
    """Take the pages of WARC files as captures with their own dates, and derive their articles.

    Example: archive import crawl.warc.gz
    """
    from columnarchive.pipeline import derive, import_warc
    from columnarchive.store.database import Database

    for path in files:
        if not path.is_file():
            raise UsageError(f"There is no file {path}.")
    with Database.open(database(context)) as db, Bar("import") as bar:
        summary = import_warc.import_files(db, files, site or None, lambda done, note: bar.update(done, None, note))
        derive.derive(db, report=lambda one, done, todo: bar.update(done, todo, one.site))
    for failure in summary.failures:
        typer.echo(f"skipped {visible(failure.subject)}: {visible(failure.reason)}", err=True)
    typer.echo(summary.sentence)


def export(
    context: typer.Context,
    format: Annotated[str, typer.Argument(help=f"One of: {', '.join(EXPORTS)}.", metavar="FORMAT")],
    out: Annotated[Path, typer.Argument(help="The file or folder to write.", metavar="OUT")],
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    table: Annotated[str, typer.Option(help="jsonl, csv, parquet: articles, revisions, changes or edits.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="csv: every cell as it is, for programs.")] = False,
    without_bodies: Annotated[
        bool, typer.Option("--without-bodies", help="sqlite: leave out the stored pages.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="atom: the newest so many changes.")] = 200,
) -> None:
    """Write the archive in a free format; nothing half-written ever stands at OUT.

    Example: archive export csv columns/
    """
    from columnarchive.pipeline import export as export_files
    from columnarchive.pipeline import export_warc
    from columnarchive.store.database import Database

    if format not in EXPORTS:
        raise UsageError(f"There is no export to {format}; choose one of {', '.join(EXPORTS)}.")
    request = export_files.ExportRequest(format, out, site, table, raw, without_bodies, limit)
    with Database.open(database(context), create=False, write=False) as db, Bar("export") as bar:
        if format == "warc":
            records = export_warc.export_warc(db, out, site or None, lambda done: bar.update(done, None))
            said = f"{records} records written to {out}."
        else:
            said = export_files.export(db.conn, request, lambda done, note: bar.update(done, None, note))
    typer.echo(said)
