"""The command `watch`: saved searches, and what is new for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, AsJson, Db, console, json_lines, pass_database, visible
from columnarchive.plain_text import count

NEWS = {
    "new_article": "new article",
    "newly_said": "new in the text",
    "newly_removed": "removed from the text",
    "restored": "back in the text",
}

app = typer.Typer()
Name = Annotated[str, typer.Argument(help="A short name.", metavar="NAME")]


@app.callback(invoke_without_command=True)
def watch(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Show what is new and leave it new.")] = False,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Show what is new for saved searches since the last time: new articles, added text, removed text.

    Example: archive watch add claims "完治 OR 根治"
    """
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
            out.print(visible(f"  {NEWS[each.news]}: {each.hit.title}  {each.hit.url}"), markup=False)
            out.print(visible(f"    {each.hit.snippet}"), style="dim", markup=False)
        if not own:
            out.print(f"  nothing new since {one.looked_at}", style="dim")
    if not saved:
        out.print("No search is saved yet; `archive watch add NAME QUERY` saves one.")


@app.command("list")
def list_searches(as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """List the saved searches.

    Example: archive watch list
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        saved = archive.saved_searches()
    if as_json:
        json_lines(asdict(one) for one in saved)
        return
    for one in saved:
        typer.echo(visible(f"{one.name}  {one.query}"))


@app.command()
def add(
    name: Name,
    query: Annotated[str, typer.Argument(help="What to look for, as in `archive search`.", metavar="QUERY")],
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Save a search; articles that match now count as known.

    Example: archive watch add claims "完治 OR 根治"
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        known = archive.save_search(name, query)
    typer.echo(f"Saved {visible(name)}; it matches {count(known, 'article')} now.")


@app.command()
def remove(name: Name, db: Db = DEFAULT_DATABASE) -> None:
    """Delete a saved search.

    Example: archive watch remove claims
    """
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        archive.remove_search(name)
    typer.echo(f"Deleted {visible(name)}.")
