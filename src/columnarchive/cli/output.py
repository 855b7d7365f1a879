"""What all commands share: common options, JSON lines, tables and the progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.errors import UsageError
from columnarchive.plain_text import json_line
from columnarchive.plain_text import visible as visible

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_DATABASE = Path("data/archive.db")
MOST = 1_000_000_000  # the largest number an option takes; SQLite counts to 2 ** 63

Db = Annotated[Path, typer.Option("--db", help="The database file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Zone = Annotated[str, typer.Option("--tz", help="Time zone of the days typed and shown.")]
Url = Annotated[str, typer.Argument(help="Address of the column.", metavar="URL")]


WITHOUT_COLUMN = {
    "suspect": "It shows a bot check, a captcha or an error page; it is archived, but never shown as an edit.",
    "needs_javascript": "A script inserts its text, and scripts are not run.",
    "no_article": "It has no text that reads as a column.",
    "unreadable": "Reading it failed or took too much time or memory; the next version of the rules tries again.",
}
"""Why a page that answered has no column."""


def pass_database(context: typer.Context, db: Path) -> None:
    """Make the database named before a subcommand the default of the subcommand's own `--db`."""
    commands = getattr(context.command, "commands", {})
    context.default_map = {name: {"db": str(db)} for name in commands}


def console() -> Console:
    """Return where tables and colour go: plain and not wrapped when stdout is not a terminal."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, no_color=True, width=200, soft_wrap=True)


def json_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON object per line, Japanese as it is."""
    for row in rows:
        typer.echo(json_line(row))


def choose(option: str, text: str, choices: Sequence[str]) -> str:
    """Return the text if it is one of the choices; UsageError otherwise."""
    if text not in choices:
        raise UsageError("unknown_choice", option=option, text=text[:40], choices=", ".join(choices))
    return text


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table for people; columns named in `right` are aligned right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(visible(str(cell))) for cell in row))
    console().print(made)


def _shorten(note: str, width: int) -> str:
    """Return a note of at most so many characters; the end of an address says more than its middle."""
    if len(note) <= width:
        return note
    head, _, last = note.rpartition("  ")
    rest = width - len(head) - 3
    return f"{head}  …{last[-rest:]}" if head and rest >= 8 else note[: width - 1] + "…"


class Bar:
    """A progress bar on a terminal; nothing elsewhere."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        out = Console(stderr=True)
        self._width = max(20, min(60, out.width - 40))
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24 if out.width >= 110 else 10),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=out,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task(title, total=None, note="")

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """Show the progress of the work."""
        self._progress.update(self._task, completed=done, total=total, note=_shorten(visible(note), self._width))

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
