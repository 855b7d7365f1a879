"""The command `watch`: saved searches, and what is new for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from columnarchive.cli.common import AsJson, console, database, json_lines, visible
from columnarchive.text import count
from columnarchive.times import system_clock, to_text

NEWS = {
    "new_article": "new article",
    "newly_said": "newly said",
    "newly_removed": "newly removed",
    "restored": "said again",
}

app = typer.Typer(no_args_is_help=False, add_completion=False)


@app.callback(invoke_without_command=True)
def watch(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Look without counting it as a look.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what is new for saved searches since the last look: said in a new article, newly said, newly removed.

    Example: archive watch add claims "完治 OR 根治"
    """
    if context.invoked_subcommand:
        return
    from columnarchive.pipeline import saved_searches
    from columnarchive.store import saved_searches as store_saved_searches
    from columnarchive.store.database import Database

    with Database.open(database(context), create=False) as db:
        saved = store_saved_searches.every(db.conn)
        found = saved_searches.look(db, to_text(system_clock()), keep=keep)
    if as_json:
        json_lines({"watch": one.watch, "query": one.query, "news": one.news, **asdict(one.hit)} for one in found)
        return
    out = console()
    for one in saved:
        own = [each for each in found if each.watch == one.name]
        out.print(visible(f"{one.name}  {one.query}"), style="bold", markup=False)
        for each in own:
            out.print(visible(f"  {NEWS[each.news]}: {each.hit.title}  {each.hit.url}"), markup=False)
            out.print(visible(f"    {each.hit.snippet}"), style="dim", markup=False)
        if not own:
            out.print(f"  nothing new since {one.looked_at}", style="dim")
    if not saved:
        out.print("No search is saved yet; `archive watch add NAME QUERY` saves one.")


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A short name.", metavar="NAME")],
    query: Annotated[str, typer.Argument(help="What to look for, as in `archive search`.", metavar="QUERY")],
) -> None:
    """Save a search; what it finds now counts as known.

    Example: archive watch add claims "完治 OR 根治"
    """
    from columnarchive.pipeline import saved_searches
    from columnarchive.store.database import Database

    with Database.open(database(context), create=False) as db:
        known = saved_searches.add(db, name, query, to_text(system_clock()))
    typer.echo(f"{visible(name)} is saved; it finds {count(known, 'article')} now.")


@app.command()
def remove(
    context: typer.Context, name: Annotated[str, typer.Argument(help="The name it was saved under.", metavar="NAME")]
) -> None:
    """Forget a saved search.

    Example: archive watch remove claims
    """
    from columnarchive.store import saved_searches as store_saved_searches
    from columnarchive.store.database import Database

    with Database.open(database(context), create=False) as db, db.transaction():
        store_saved_searches.remove(db.conn, name)
    typer.echo(f"{visible(name)} is forgotten.")
