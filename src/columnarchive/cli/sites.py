"""The command `sites`: the sites that are monitored, a preview of a new one, and how a site's columns read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from columnarchive.cli.crawl import SETTINGS, SettingsFile, contact_for
from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    MOST,
    AsJson,
    Bar,
    Db,
    Zone,
    console,
    json_lines,
    pass_database,
    table,
    visible,
)
from columnarchive.times import DEFAULT_ZONE, day

if TYPE_CHECKING:
    from columnarchive.records import Article

LINE_WIDTH = 40  # characters of a line to show, most of them as wide as two
FOUND_BY = {
    "start": "named by you", "item": "linked from a listing", "related": "linked from other columns",
    "sitemap": "in the sitemap", "feed": "in a feed", "pagination": "further pages of a listing",
    "page": "further pages of a column", "frame": "frames",
    "archive": "archives by date", "category": "categories", "section": "listings", "probe": "links to try",
}  # fmt: skip

app = typer.Typer()


@app.callback(invoke_without_command=True)
def sites(context: typer.Context, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the monitored sites. `add` previews and adds one; `test` shows how its columns read.

    Example: archive sites add https://clinic.example/column/
    """
    pass_database(context, db)
    if not context.invoked_subcommand:
        list_sites(as_json, tz, db)


@app.command("list")
def list_sites(as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the monitored sites.

    Example: archive sites list
    """
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        rows = archive.sites()
    if as_json:
        json_lines(asdict(row) for row in rows)
        return
    columns = ("site", "articles", "pages", "captures", "changes", "last crawl", "next visit", "failures")
    table(
        columns,
        (
            (
                row.name,
                row.articles,
                row.pages,
                row.captures,
                row.changes,
                day(row.last_crawl_at, tz),
                day(row.next_visit_at, tz),
                row.failures or "",
            )
            for row in rows
        ),
        right=("articles", "pages", "captures", "changes", "failures"),
    )


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Address of a listing of columns, or of a column.", metavar="URL")],
    name: Annotated[str, typer.Option(help="Name of the site; by default its host.")] = "",
    contact: Annotated[str, typer.Option(envvar="ARCHIVE_CONTACT", help="How the site can reach you.")] = "",
    delay: Annotated[float | None, typer.Option(min=0, max=MOST, help="Seconds between requests.")] = None,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Also addresses in private networks.")] = False,
    settings: SettingsFile = SETTINGS,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Fetch about a dozen pages of a site, show what would be archived, and add it to the settings file.

    Example: archive sites add https://clinic.example/column/
    """
    from columnarchive.archive import Archive, CrawlOptions, follow_site

    options = CrawlOptions(delay=delay, allow_private=allow_private, contact=contact_for([url], contact, settings))
    with Bar("preview") as bar:
        found = Archive.preview_site(url, options, lambda progress: bar.update(progress.pages, None, progress.url))
    out = console()
    out.print(visible(f"robots.txt: {found.robots}"), markup=False)
    out.print(f"pages found so far: {_counted(found.found_by, FOUND_BY)}", markup=False)
    out.print(f"pages fetched: {_counted(found.outcomes)}", markup=False)
    _print_articles(found.articles)
    chosen = replace(found.settings, name=name or found.settings.name, delay=delay)
    if not found.articles:
        out.print("None of these pages reads as a column; check the address.")
        raise typer.Exit(1)
    out.print()
    if found.only_the_start:
        out.print("Only the page you named reads as a column, and no other was found from it. Is the address right?")
    if not yes:
        typer.confirm(f"Monitor {chosen.name} from {chosen.start[0]}?", abort=True)
    follow_site(settings, chosen, options.contact)
    option = " --allow-private" if allow_private else ""
    quoted = f'"{chosen.name}"' if " " in chosen.name else chosen.name
    out.print(visible(f"Added {chosen.name} to {settings}. `archive crawl {quoted}{option}` fetches it."), markup=False)


def _counted(counts: Mapping[str, int], names: Mapping[str, str] | None = None) -> str:
    """Counts in words, the largest first: `12 linked from a listing, 1 named by you`."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {(names or {}).get(key, key)}" for key, count in ordered)


@app.command("test")
def show_samples(
    name: Annotated[str, typer.Argument(help="Name of the site.", metavar="NAME")], db: Db = DEFAULT_DATABASE
) -> None:
    """Show how five columns of a site read: title, dates, people, first and last lines.

    Example: archive sites test clinic.example
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        _print_articles(archive.site_samples(name))


def _print_articles(articles: tuple[Article, ...]) -> None:
    out = console()
    for article in articles:
        facts = (article.published_on, article.author, article.supervisor and f"監修 {article.supervisor}")
        lines = article.text.split("\n")
        out.print(visible(f"\n{article.title}"), style="bold", markup=False)
        out.print(visible("  ".join(fact for fact in (*facts, article.url) if fact)), style="dim", markup=False)
        out.print(visible(f"  {len(lines)} lines, {len(article.text)} characters"), markup=False)
        out.print(visible(f"  begins: {_shorten(lines[0])}"), markup=False)
        if len(lines) > 1:
            out.print(visible(f"  ends:   {_shorten(lines[-1])}"), markup=False)


def _shorten(line: str) -> str:
    return line if len(line) <= LINE_WIDTH else line[:LINE_WIDTH] + "…"
