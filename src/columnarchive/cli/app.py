"""The `archive` command: its subcommands in the order of `archive --help`, and the options that come before them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from columnarchive import __version__
from columnarchive.cli import (
    copies,
    crawl,
    demo,
    diff,
    maintenance,
    observations,
    search,
    serve,
    show,
    sites,
    transfer,
    watch,
)
from columnarchive.cli.main import main as main
from columnarchive.cli.output import DEFAULT_DATABASE, pass_database

app = typer.Typer(
    name="archive",
    help="Archive the columns that clinics publish: crawl, search, and see what was changed or removed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "crawl": crawl.crawl,
    "search": search.search,
    "show": show.show,
    "history": show.history,
    "diff": diff.diff,
    "changes": diff.changes,
    "copies": copies.copies,
    "observations": observations.observations,
    "blame": show.blame,
    "pictures": show.pictures,
    "captures": show.captures,
    "evidence": transfer.evidence,
    "status": show.status,
    "extract": transfer.extract,
    "import": transfer.import_,
    "backfill": transfer.backfill,
    "witness": transfer.witness,
    "export": transfer.export,
    "rebuild": maintenance.rebuild,
    "check": maintenance.check,
    "stamp": maintenance.stamp,
    "withdraw": maintenance.withdraw,
    "serve": serve.serve,
    "demo": demo.demo,
}
for name, function in COMMANDS.items():
    app.command(name)(function)
app.add_typer(sites.app, name="sites")
app.add_typer(watch.app, name="watch")


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"columnarchive {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    db: Annotated[Path, typer.Option("--db", envvar="ARCHIVE_DB", help="The database file.")] = DEFAULT_DATABASE,
    _version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that come before every command."""
    pass_database(context, db)
