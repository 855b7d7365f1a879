"""The `archive` command: its options, and how errors reach the user."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from columnarchive.cli import common
from columnarchive.cli.commands import Commands
from columnarchive.errors import ArchiveError

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


def main() -> None:
    """Run the command; an expected error is one sentence on stderr and exit 1, an interruption exit 130."""
    _use_utf8()
    try:
        app()
    except ArchiveError as error:
        typer.echo(f"archive: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("archive: stopped; what was committed is kept.", err=True)
        # Not sys.exit: worker processes must not be waited for once the user has said stop.
        os._exit(130)


def _use_utf8() -> None:
    """Japanese must come out whatever the locale says, as in cron, where it is C."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
