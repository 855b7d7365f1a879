"""The command `sites`: which sites are followed, a first look at a new one, and how a site's columns read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from columnarchive.cli.common import MOST, AsJson, Bar, Zone, console, database, json_lines, table, visible
from columnarchive.cli.crawling import SETTINGS, contact_for
from columnarchive.times import DEFAULT_ZONE, day

if TYPE_CHECKING:
    from columnarchive.records import Article

WIDTH = 40  # characters of a line shown, most of them as wide as two
WAYS = {
    "start": "named by you", "item": "linked from a listing", "related": "linked from other columns",
    "sitemap": "in the sitemap", "feed": "in a feed", "pagination": "further pages of a listing",
    "archive": "archives by date", "category": "categories", "section": "listings", "probe": "links to be tried",
}  # fmt: skip

app = typer.Typer(no_args_is_help=False, add_completion=False)


@app.callback(invoke_without_command=True)
def sites(context: typer.Context, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE) -> None:
    """List the sites followed; `add` looks at a new one and follows it, `test` shows how a site's columns read.

    Example: archive sites add https://clinic.example/column/
    """
    if context.invoked_subcommand:
        return
    from columnarchive import reader

    with reader.opened(database(context)) as conn:
        rows = reader.sites(conn)
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
    name: Annotated[str, typer.Option(help="What to call the site; its host otherwise.")] = "",
    contact: Annotated[str, typer.Option(envvar="ARCHIVE_CONTACT", help="How the site can reach you.")] = "",
    delay: Annotated[float | None, typer.Option(min=0, max=MOST, help="Seconds between requests.")] = None,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Also addresses in private networks.")] = False,
    settings: Annotated[Path, typer.Option("--sites", help="The file of sites to follow.")] = SETTINGS,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Look at a site (a dozen pages), show what would be followed, and add it to the file of sites.

    Example: archive sites add https://clinic.example/column/
    """
    from columnarchive.pipeline import crawl, site_preview

    options = crawl.CrawlOptions(
        max_pages=site_preview.SAMPLE,
        delay=delay,
        allow_private=allow_private,
        contact=contact_for([url], contact, settings),
    )
    with Bar("look") as bar:
        found = site_preview.probe(url, options, lambda told: bar.update(told.pages, site_preview.SAMPLE, told.url))
    out = console()
    out.print(visible(f"robots.txt: {found.robots}"), markup=False)
    out.print(f"pages found so far: {_listed(found.found_by, WAYS)}", markup=False)
    out.print(f"pages looked at: {_listed(found.outcomes)}", markup=False)
    _show(found.articles)
    chosen = replace(found.settings, name=name or found.settings.name)
    if not found.articles:
        out.print("None of these pages reads as a column; look at the address again.")
        raise typer.Exit(1)
    out.print()
    if found.only_the_start:
        out.print("Only the page you named reads as a column, and no other was found from it; is the address right?")
    if not yes:
        typer.confirm(f"Follow {chosen.name} from {chosen.start[0]}?", abort=True)
    site_preview.follow(settings, chosen)
    option = " --allow-private" if allow_private else ""
    quoted = f'"{chosen.name}"' if " " in chosen.name else chosen.name
    after = f"`archive crawl {quoted}{option}` fetches it."
    out.print(visible(f"{chosen.name} stands in {settings}; {after}"), markup=False)


def _listed(counts: Mapping[str, int], names: Mapping[str, str] | None = None) -> str:
    """Counts in words, the largest first: `12 linked from the listing, 1 named by you`."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {(names or {}).get(key, key)}" for key, count in ordered)


@app.command()
def test(
    context: typer.Context, name: Annotated[str, typer.Argument(help="Name of the site.", metavar="NAME")]
) -> None:
    """Show how five columns of a site read: title, dates, people, first and last lines.

    Example: archive sites test clinic.example
    """
    from columnarchive.pipeline import site_preview
    from columnarchive.store.database import Database

    with Database.open(database(context), create=False, write=False) as db:
        _show(site_preview.samples(db, name))


def _show(articles: tuple[Article, ...]) -> None:
    out = console()
    for article in articles:
        facts = (article.published_on, article.author, article.supervisor and f"監修 {article.supervisor}")
        lines = article.text.split("\n")
        out.print(visible(f"\n{article.title}"), style="bold", markup=False)
        out.print(visible("  ".join(fact for fact in (*facts, article.url) if fact)), style="dim", markup=False)
        out.print(visible(f"  {len(lines)} lines, {len(article.text)} characters"), markup=False)
        out.print(visible(f"  begins: {_cut(lines[0])}"), markup=False)
        if len(lines) > 1:
            out.print(visible(f"  ends:   {_cut(lines[-1])}"), markup=False)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[:WIDTH] + "…"
