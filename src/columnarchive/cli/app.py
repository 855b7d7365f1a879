"""The `archive` command and the options that come before every subcommand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from columnarchive.cli import common
from columnarchive.cli.commands import Commands
from columnarchive.cli.main import main as main

app = typer.Typer(
    cls=Commands,
    name="archive",
    help="Keep the columns that clinics publish: crawl, search, and see what was changed or removed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    context: typer.Context,
    db: Annotated[
        Path, typer.Option("--db", envvar="ARCHIVE_DB", help="The database file.", show_default=True)
    ] = common.DEFAULT_DATABASE,
    _version: Annotated[
        bool, typer.Option("--version", callback=common.show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that come before every command."""
    context.obj = common.Settings(db)
