"""Commands that bring data in and out and look after the file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    DEFAULT_SETTINGS,
    AllowPrivate,
    AsJson,
    Bar,
    Db,
    Limit,
    SettingsFile,
    Yes,
    choose,
    json_lines,
    lang,
    note,
    picked,
    print_result,
    say,
    t,
    visible,
    warn,
)
from columnarchive.errors import ExtractError, UsageError

if TYPE_CHECKING:
    from columnarchive.records import Article

EXPORTS = ("warc", "wacz", "jsonl", "csv", "markdown", "git", "atom", "parquet", "sqlite")
Workers = Annotated[str, typer.Option("--workers", metavar="N|dask://HOST:PORT")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE ...")]


def extract(files: Files, site_dir: Path | None = None, url: str = "", as_json: AsJson = False) -> None:
    """Print the articles of saved pages; this needs no database."""
    from columnarchive.archive import extract_articles

    failed = False
    for path, found in extract_articles(files, site_dir, url):
        if isinstance(found, ExtractError):
            failed = True
            warn(found)
        elif as_json:
            json_lines([_article_json(path, found)])
        else:
            facts = [f"{t(name)}: {value}" for name, value in article_facts(found)]
            typer.echo(visible("\n".join([found.title, *facts, "", found.text, ""])))
    if failed:
        raise typer.Exit(1)


def article_facts(article: Article) -> list[tuple[str, str]]:
    """Return the dates and people of an article, each with the key of its name."""
    names = ("published", "modified", "author", "supervisor")
    facts = (article.published_on, article.modified_on, article.author, article.supervisor)
    return [(name, value) for name, value in zip(names, facts, strict=True) if value]


def _article_json(path: Path, found: Article) -> dict[str, Any]:
    people = ("author", "supervisor", "author_about", "supervisor_about")
    return {
        "file": str(path),
        **picked(found, "url", "title", "published_on", "modified_on", *people, "language", "text"),
        "blocks": [asdict(block) for block in found.blocks],
    }


def import_(
    files: Files, site: str = "", workers: Workers = "", as_json: AsJson = False, db: Db = DEFAULT_DATABASE
) -> None:
    """Import pages from WARC, WACZ, MHTML and SingleFile files or another archive, with their own dates."""
    from columnarchive.archive import Archive

    for path in files:
        if not path.is_file():
            raise UsageError("no_file", path=path)
    with Archive.open(db) as archive, Bar("import") as bar:
        summary = archive.import_warc(files, site, bar.update, workers)
    if as_json:
        json_lines([picked(summary, "added", "known", "failed", "sites")])
        return
    for failure in summary.failures:
        typer.echo(t("skipped", subject=failure.subject, reason=failure.reason), err=True)
    print_result(summary)


def export(
    format: Annotated[str, typer.Argument(metavar="FORMAT")],
    out: Annotated[Path, typer.Argument(metavar="OUT")],
    site: str = "",
    table: str = "",
    raw: Annotated[bool, typer.Option("--raw")] = False,
    without_bodies: Annotated[bool, typer.Option("--without-bodies")] = False,
    limit: Limit = 200,
    partitioned: Annotated[bool, typer.Option("--partitioned")] = False,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Write the archive in an open format; OUT is replaced only when the export is complete."""
    from columnarchive.archive import Archive, ExportRequest

    choose("FORMAT", format, EXPORTS)
    request = ExportRequest(format, out, site, table, raw, without_bodies, limit, partitioned)
    with Archive.open(db, create=False, write=False) as archive, Bar("export") as bar:
        done = archive.export(request, bar.update)
    if as_json:
        json_lines([{"format": format, **done.values, "out": str(out)}])
    else:
        print_result(done)


def rebuild(site: str = "", workers: Workers = "", db: Db = DEFAULT_DATABASE) -> None:
    """Derive articles, revisions, changes and the index again from the captures."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive, Bar("rebuild") as bar:
        done = archive.rebuild(site, bar.update, workers)
    for one in done:
        if one.error:
            warn(one.error)
    articles = sum(one.written.articles for one in done)
    differing = sum(one.written.added + one.written.rewritten + one.written.dropped for one in done)
    note("rebuilt", sites=len(done), articles=articles, differing=differing)
    if any(one.error for one in done):
        raise typer.Exit(1)


def check(
    head: str = "",
    full: Annotated[bool, typer.Option("--full")] = False,
    ca: Path | None = None,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Verify every stored byte, the hash chain, its timestamps, the index and the derived tables."""
    from columnarchive.archive import Archive

    with Bar("check") as bar:
        problems = Archive.check(db, head, full, bar.update, ca)
    if as_json:
        json_lines(picked(one, "where", "what", "mend") for one in problems)
    else:
        for done in Archive.checked(db):
            print_result(done)
        for one in problems:
            typer.echo(visible(one.sentence(lang())))
        if problems:
            say("problems_found", number=len(problems))
        else:
            note("no_problem")
    if problems:
        raise typer.Exit(1)


def stamp(
    allow_private: AllowPrivate = False, settings: SettingsFile = DEFAULT_SETTINGS, db: Db = DEFAULT_DATABASE
) -> None:
    """Have the head of the hash chain stamped by the authorities of sites.toml (RFC 3161)."""
    from columnarchive.archive import Archive, load_settings

    authorities = load_settings(settings).timestamps
    if not authorities:
        raise UsageError("no_authority", path=settings)
    with Archive.open(db, create=False) as archive:
        done = archive.stamp(authorities, allow_private=allow_private)
    for one in done:
        warn(one) if one.error else print_result(one)
    if not done:
        note("all_stamped")
    if any(one.error for one in done):
        raise typer.Exit(1)


def withdraw(
    url: Annotated[str, typer.Argument(metavar="URL")],
    reason: Annotated[str, typer.Option()],
    at: str = "",
    yes: Yes = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Erase a page for good (personal data, a court order); a tombstone with the reason stays."""
    from columnarchive.archive import Archive

    if not yes:
        typer.confirm(t("confirm_withdrawal", url=url), abort=True)
    with Archive.open(db, create=False) as archive:
        done = archive.withdraw(url, reason, at)
    print_result(done)
