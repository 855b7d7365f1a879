"""Commands that change the archive or serve it: crawl, rebuild, check, withdraw, serve, demo."""

from __future__ import annotations

from typing import Annotated

import typer

from columnarchive.cli.common import AsJson, Bar, database, json_lines, visible
from columnarchive.errors import UsageError
from columnarchive.text import count


def rebuild(context: typer.Context, site: Annotated[str, typer.Option(help="Only this site.")] = "") -> None:
    """Derive articles, revisions, changes and the index again from the captures.

    Example: archive rebuild
    """
    from columnarchive.pipeline import derive
    from columnarchive.store import sites
    from columnarchive.store.database import Database
    from columnarchive.store.writer_lock import writer_lock

    path = database(context)
    with Database.open(path, create=False) as db, writer_lock(path, "rebuild"), Bar("rebuild") as bar:
        chosen = [site_id for site_id, name in sites.all_sites(db) if name == site or not site]
        if site and not chosen:
            raise UsageError(f"There is no site {site}; `archive sites` lists them.")
        done = derive.derive(
            db, chosen, force=True, report=lambda one, number, todo: bar.update(number, todo, one.site)
        )
    for one in done:
        if one.error:
            typer.echo(f"archive: {one.error}", err=True)
    articles = sum(one.written.articles for one in done)
    differing = sum(one.written.added + one.written.rewritten + one.written.dropped for one in done)
    typer.echo(f"{len(done)} sites and {articles} articles derived again; {differing} differ from before.")
    if any(one.error for one in done):
        raise typer.Exit(1)


def check(
    context: typer.Context,
    head: Annotated[str, typer.Option(help="Compare the chain with a head kept elsewhere.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Derive every site again, not only a sample.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify every stored byte, the chain, the index and the derived tables.

    Example: archive check --head 3f2a…
    """
    from columnarchive.pipeline import integrity

    with Bar("check") as bar:
        problems = integrity.check_file(database(context), head or None, full, bar.update)
    if as_json:
        json_lines({"where": one.where, "what": one.what, "mend": one.mend} for one in problems)
    else:
        if said := integrity.passed_over(database(context)):
            typer.echo(said)
        for one in problems:
            typer.echo(visible(f"{one.where}: {one.what}" + (f" ({one.mend})" if one.mend else "")))
        typer.echo("No problem found." if not problems else f"{count(len(problems), 'problem')} found.")
    if problems:
        raise typer.Exit(1)


def withdraw(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The page to remove for good.", metavar="URL")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the archive.")],
    at: Annotated[str, typer.Option(help="Only the capture of this time (UTC).")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a page for good (personal data, a court's order); a tombstone with the reason stays.

    Example: archive withdraw https://clinic.example/column/voice/ --reason "request of the person named"
    """
    from columnarchive.pipeline import derive, withdrawal
    from columnarchive.store.database import Database

    if not yes:
        typer.confirm(f"Erase all that was kept of {url}? This cannot be undone.", abort=True)
    with Database.open(database(context), create=False) as db:
        done = withdrawal.withdraw(db, url, at, reason, lambda site_id: derive.derive(db, [site_id], force=True))
    typer.echo(done.sentence)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8001,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Also answer for this host name, as behind a proxy. Repeatable.")
    ] = None,
) -> None:
    """Open the archive in the browser, in Datasette with pages made for reading.

    Example: archive serve --open
    """
    from columnarchive.cli import serving

    serving.serve(database(context), host, port, open_browser, allow_host or ())


def demo(context: typer.Context) -> None:
    """Show the whole job on a fictional clinic: crawl three versions, search, see what changed.

    Example: archive demo
    """
    from columnarchive.cli import demonstrating

    command = context.find_root().command
    demonstrating.demonstrate(database(context), lambda words: command.main(words, standalone_mode=False))
