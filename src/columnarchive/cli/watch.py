"""The command `watch`: saved searches, and what is new for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    AsJson,
    Db,
    console,
    json_lines,
    note,
    pass_database,
    say,
    t,
    visible,
)

Name = Annotated[str, typer.Argument(metavar="NAME")]


def watch(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep")] = False,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Show what is new for saved searches since the last time: new articles, added text, removed text."""
    pass_database(context, db)
    if context.invoked_subcommand:
        return
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        saved = archive.saved_searches()
        found = archive.run_searches(keep=keep)
    if as_json:
        json_lines({"watch": one.watch, "query": one.query, "news": one.news, **asdict(one.hit)} for one in found)
        return
    out = console()
    for one in saved:
        own = [each for each in found if each.watch == one.name]
        out.print(visible(f"{one.name}  {one.query}"), style="bold", markup=False)
        for each in own:
            out.print(visible(f"  {t(each.news)}: {each.hit.title}  {each.hit.url}"), markup=False)
            out.print(visible(f"    {each.hit.snippet}"), style="dim", markup=False)
        if not own:
            out.print(f"  {t('nothing_new', at=one.looked_at)}", style="dim")
    if not saved:
        say("no_watch")


def list_searches(as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """List the saved searches."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        saved = archive.saved_searches()
    if as_json:
        json_lines(asdict(one) for one in saved)
        return
    for one in saved:
        typer.echo(visible(f"{one.name}  {one.query}"))


def add(name: Name, query: Annotated[str, typer.Argument(metavar="QUERY")], db: Db = DEFAULT_DATABASE) -> None:
    """Save a search; articles that match now count as known."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        known = archive.save_search(name, query)
    note("watch_saved", name=name, known=known)


def remove(name: Name, db: Db = DEFAULT_DATABASE) -> None:
    """Delete a saved search."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        archive.remove_search(name)
    note("watch_deleted", name=name)
