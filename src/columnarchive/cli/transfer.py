"""Commands that bring data in and out: extract, import, backfill, export, evidence."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.cli.crawl import SETTINGS, SettingsFile, contact_for
from columnarchive.cli.output import DEFAULT_DATABASE, MOST, AsJson, Bar, Db, Url, Zone, choose, json_lines, visible
from columnarchive.errors import ExtractError, UsageError
from columnarchive.locale import source_name
from columnarchive.times import DEFAULT_ZONE, typed

if TYPE_CHECKING:
    from columnarchive.records import Article

EXPORTS = ("warc", "wacz", "jsonl", "csv", "markdown", "git", "atom", "parquet", "sqlite")


def extract(
    files: Annotated[list[Path], typer.Argument(help="Saved pages.", metavar="FILE ...")],
    site_dir: Annotated[
        Path | None, typer.Option(help="Learn the site's template from the other pages in this folder.")
    ] = None,
    url: Annotated[str, typer.Option(help="The address the page was saved from, for a single file.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the articles of saved pages; this needs no database.

    Example: archive extract page.html --site-dir saved-site/
    """
    from columnarchive.archive import extract_articles

    failed = False
    for path, found in extract_articles(files, site_dir, url):
        if isinstance(found, ExtractError):
            failed = True
            typer.echo(f"archive: {visible(str(found))}", err=True)
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
    files: Annotated[
        list[Path], typer.Argument(help="WARC, WACZ, MHTML or SingleFile files, or archives.", metavar="FILE ...")
    ],
    site: Annotated[str, typer.Option(help="Only pages of this host, or the name of the site they belong to.")] = "",
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Import pages from WARC, WACZ, MHTML and SingleFile files or another archive, with their own dates.

    Example: archive import crawl.warc.gz
    """
    from columnarchive.archive import Archive

    for path in files:
        if not path.is_file():
            raise UsageError("no_file", path=path)
    with Archive.open(db) as archive, Bar("import") as bar:
        summary = archive.import_warc(files, site, bar.update)
    for failure in summary.failures:
        typer.echo(f"skipped {visible(failure.subject)}: {visible(failure.reason)}", err=True)
    typer.echo(visible(summary.sentence))


def backfill(
    site: Annotated[
        str, typer.Argument(help="A followed site, a page, or an address that ends in /.", metavar="SITE|URL")
    ],
    since: Annotated[str, typer.Option(help="Only captures from this day or time on.")] = "",
    until: Annotated[str, typer.Option(help="Only captures up to this day or time.")] = "",
    base: Annotated[
        str,
        typer.Option("--from", help="The web archive: what comes before the time in its addresses.", metavar="BASE"),
    ] = "https://web.archive.org/web",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be fetched.")] = False,
    delay: Annotated[float | None, typer.Option(min=0, max=MOST, help="Seconds between requests (default 2).")] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also ask a web archive in a private network.")
    ] = False,
    contact: Annotated[str, typer.Option(envvar="ARCHIVE_CONTACT", help="How the web archive can reach you.")] = "",
    settings: SettingsFile = SETTINGS,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Take over what a web archive (Wayback Machine, pywb) has of a site from before it was followed.

    Example: archive backfill https://clinic.example/column/ --since 2018-06-01
    """
    from columnarchive.archive import Archive, CrawlOptions, WebArchiveSpan, load_settings

    span = WebArchiveSpan(base, typed(since, tz) if since else "", typed(until, tz, end=True) if until else "")
    with Archive.open(db) as archive, Bar("backfill") as bar:
        (target,) = archive.targets([site], load_settings(settings))
        contact = contact_for([base], contact, settings, archive)
        options = CrawlOptions(delay=delay, allow_private=allow_private, contact=contact)
        done = archive.backfill(replace(target, named="://" in site), span, options, bar.update, dry_run=dry_run)
    for failure in done.summary.failures:
        typer.echo(f"not taken over {visible(failure.subject)}: {visible(failure.reason)}", err=True)
    typer.echo(visible(done.sentence))
    if done.stopped:
        raise done.stopped


def witness(
    url: Url,
    base: Annotated[
        str,
        typer.Option("--from", help="First take over what this web archive has from our own time.", metavar="BASE"),
    ] = "",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also ask a web archive in a private network.")
    ] = False,
    contact: Annotated[str, typer.Option(envvar="ARCHIVE_CONTACT", help="How the web archive can reach you.")] = "",
    as_json: AsJson = False,
    settings: SettingsFile = SETTINGS,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Compare what third parties captured of a column with our own captures of the same time.

    Example: archive witness https://clinic.example/column/nanbyo/ --from https://web.archive.org/web
    """
    from columnarchive.archive import Archive, CrawlOptions
    from columnarchive.diff.render_text import to_text

    with Archive.open(db, create=False, write=bool(base)) as archive:
        if base:
            options = CrawlOptions(allow_private=allow_private, contact=contact_for([base], contact, settings, archive))
            if stopped := archive.take_over_around(url, base, options).stopped:
                raise stopped
        row = archive.article(url)
        found = archive.witnesses(row)
        pairs = [archive.compare_witness(row, one) if one.verdict == "differs" else None for one in found]
    if as_json:
        json_lines(map(asdict, found))
        return
    for one, pair in zip(found, pairs, strict=True):
        beside = f", beside ours of {one.own_at}" if one.own_at else "; no capture of ours tells what it said then"
        typer.echo(visible(f"{one.at}  {source_name('en', one.source)}: {one.verdict}{beside}"))
        if pair:
            typer.echo(to_text(pair.comparison, pair.old.article, pair.new.article))
    if not found:
        typer.echo("No capture of it by a third party is stored; --from BASE looks in a web archive.")


def export(
    format: Annotated[str, typer.Argument(help=f"One of: {', '.join(EXPORTS)}.", metavar="FORMAT")],
    out: Annotated[Path, typer.Argument(help="The file or folder to write.", metavar="OUT")],
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    table: Annotated[str, typer.Option(help="jsonl, csv, parquet: articles, revisions, changes or edits.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="csv: every cell unchanged, for programs.")] = False,
    without_bodies: Annotated[
        bool, typer.Option("--without-bodies", help="sqlite: leave out the stored pages.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="atom: this many of the newest changes.")] = 200,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Write the archive in an open format; OUT is replaced only when the export is complete.

    Example: archive export csv columns/
    """
    from columnarchive.archive import Archive, ExportRequest

    choose("FORMAT", format, EXPORTS)
    request = ExportRequest(format, out, site, table, raw, without_bodies, limit)
    with Archive.open(db, create=False, write=False) as archive, Bar("export") as bar:
        sentence = archive.export(request, bar.update)
    typer.echo(visible(sentence))


def evidence(
    url: Url,
    first: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[FROM]")] = "",
    second: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[TO]")] = "",
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path(),
    as_zip: Annotated[
        Path | None, typer.Option("--zip", help="Write one zip file, with verify.py to verify it anywhere.")
    ] = None,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Write an evidence sheet: one HTML file with texts, difference, times and digests, and its WARC records.

    Example: archive evidence https://clinic.example/column/nanbyo/ 2025-10-20 2026-01-15
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        if as_zip:
            archive.write_evidence_zip(url, as_zip, first, second)
            typer.echo(as_zip)
            return
        written = archive.write_evidence(url, first, second, out)
    typer.echo(f"{written.sheet}\n{written.records}")
