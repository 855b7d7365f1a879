"""What all commands share: settings, the shape of output, JSON lines, tables and the progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive import __version__
from columnarchive.plain_text import json_line
from columnarchive.plain_text import visible as visible

if TYPE_CHECKING:
    from rich.console import Console

DEFAULT_DATABASE = Path("data/archive.db")
MOST = 1_000_000_000  # the largest number an option takes; SQLite counts to 2 ** 63

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Zone = Annotated[str, typer.Option("--tz", help="Time zone of the days typed and shown.")]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options before the command said."""

    db: Path


def database(context: typer.Context) -> Path:
    """The database that the user named."""
    settings: Settings = context.obj
    return settings.db


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"columnarchive {__version__}")
        raise typer.Exit


def console() -> Console:
    """Where tables and colour go: plain and unwrapped when stdout is no terminal."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, no_color=True, width=200, soft_wrap=True)


def is_terminal() -> bool:
    """Whether a person is looking at stderr, where progress goes."""
    return sys.stderr.isatty()


def json_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, Japanese as it is."""
    for row in rows:
        typer.echo(json_line(row))


UNREAD = {
    "suspect": "It shows a wall, a captcha or an error page; that is kept, and never shown as an edit.",
    "needs_javascript": "A script draws its text, and scripts are not run.",
    "no_article": "It holds no text that reads as a column.",
    "unreadable": "Reading it failed or took too much time or memory; the next version of the rules tries again.",
}
"""What keeps a page that was shown from being read as a column."""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table for people; columns named in `right` are set flush right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(visible(str(cell))) for cell in row))
    console().print(shown)


def _cut(note: str, room: int) -> str:
    """A note of at most so many characters; what comes last, as the end of an address, tells more than its middle."""
    if len(note) <= room:
        return note
    head, _, last = note.rpartition("  ")
    rest = room - len(head) - 3
    return f"{head}  …{last[-rest:]}" if head and rest >= 8 else note[: room - 1] + "…"


class Bar:
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._title = title
        self._plain = not is_terminal()
        out = Console(stderr=True)
        self._room = max(20, min(60, out.width - 40))
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24 if out.width >= 110 else 10),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=out,
            disable=self._plain,
        )
        self._task = self._progress.add_task(title, total=None, note="")
        self._note = ""

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """Show how far the work has come."""
        self._progress.update(self._task, completed=done, total=total, note=_cut(visible(note), self._room))
        self._note = note

    def line(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self._plain:
            typer.echo(visible(text), err=True)
        else:
            self._progress.console.print(visible(text), markup=False, highlight=False)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
