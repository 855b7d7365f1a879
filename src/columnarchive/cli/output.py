"""What all commands share: texts in the user's language, common options, JSON lines, tables and the progress bar."""

from __future__ import annotations

import logging
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive import locale
from columnarchive.errors import UsageError
from columnarchive.text import json_line
from columnarchive.text import visible as visible

if TYPE_CHECKING:
    from rich.console import Console

    from columnarchive.records import Failure

DEFAULT_DATABASE = Path("data/archive.db")
DEFAULT_SETTINGS = Path("data/sites.toml")
MOST = 1_000_000_000  # the largest number an option takes; SQLite counts to 2 ** 63

Db = Annotated[Path, typer.Option("--db")]
SettingsFile = Annotated[Path, typer.Option("--sites")]
AsJson = Annotated[bool, typer.Option("--json")]
AllowPrivate = Annotated[bool, typer.Option("--allow-private")]
Yes = Annotated[bool, typer.Option("--yes")]
Zone = Annotated[str, typer.Option("--tz")]
Contact = Annotated[str, typer.Option(envvar="ARCHIVE_CONTACT")]
Delay = Annotated[float | None, typer.Option(min=0, max=MOST)]
DryRun = Annotated[bool, typer.Option("--dry-run")]
Limit = Annotated[int, typer.Option(min=1, max=MOST)]
Url = Annotated[str, typer.Argument(metavar="URL")]


def lang() -> locale.Language:
    """Return the language of whoever runs the command."""
    return locale.user_language()


def t(key: str, /, **values: object) -> str:
    """Return a text of the command line in the user's language, safe for a terminal."""
    return visible(locale.text(lang(), f"cli.{key}", **values))


def say(key: str, /, **values: object) -> None:
    """Print a text of the command line."""
    typer.echo(t(key, **values))


def note(key: str, /, **values: object) -> None:
    """Print a text that `--quiet` leaves out."""
    if not is_quiet():
        say(key, **values)


def print_result(done: Any) -> None:
    """Print what an operation did, which knows its sentence; `--quiet` leaves it out."""
    if not is_quiet():
        typer.echo(visible(done.sentence(lang())))


def be_quiet(wanted: bool) -> None:
    """Print errors and results only."""
    if wanted:
        logging.getLogger("columnarchive").setLevel(logging.ERROR)


def be_verbose(wanted: bool) -> None:
    """Name each page as it is done, on stderr."""
    if wanted:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("columnarchive").setLevel(logging.INFO)


def is_quiet() -> bool:
    """Whether `--quiet` was given."""
    return logging.getLogger("columnarchive").level >= logging.ERROR


def warn(message: object) -> None:
    """Print an error or a message to stderr, marked as ours."""
    sentence = message.sentence(lang()) if hasattr(message, "sentence") else str(message)
    typer.echo(f"archive: {visible(sentence)}", err=True)


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
        sys.stdout.write(json_line(row) + "\n")
    sys.stdout.flush()


def picked(record: object, *names: str) -> dict[str, Any]:
    """Return some fields of a record, as JSON has them."""
    return {name: getattr(record, name) for name in names}


def choose(option: str, text: str, choices: Sequence[str]) -> str:
    """Return the text if it is one of the choices; UsageError otherwise."""
    if text not in choices:
        raise UsageError("unknown_choice", option=option, text=text[:40], choices=", ".join(choices))
    return text


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Print a table for people: columns by the keys of their headings, `numbers` aligned right.

    Only the last column is wrapped, so that no date and no name is broken.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for key in columns:
        made.add_column(
            t(key), justify="right" if key in numbers else "left", overflow="fold", no_wrap=key != columns[-1]
        )
    for row in rows:
        made.add_row(*(Text(visible(str(cell))) for cell in row))
    console().print(made)


def shorten(text: str, width: int) -> str:
    """Return a text of at most so many characters; the end of an address says more than its middle."""
    if len(text) <= width:
        return text
    head, _, last = text.rpartition("  ")
    rest = width - len(head) - 3
    return f"{head}  …{last[-rest:]}" if head and rest >= 8 else text[: width - 1] + "…"


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
            disable=not sys.stderr.isatty() or is_quiet(),
        )
        self._task = self._progress.add_task(locale.name(lang(), "progress", title), total=None, note="")

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """Show the progress of the work."""
        note = locale.name(lang(), "progress", note)
        logging.getLogger("columnarchive").info("%s", visible(note))
        self._progress.update(self._task, completed=done, total=total, note=shorten(visible(note), self._width))

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def counted(counts: Iterable[tuple[str, int]]) -> str:
    """Return counts by outcome in words: `ok 3, gone 1`."""
    return ", ".join(f"{outcome_name(key)} {number}" for key, number in counts)


def outcome_name(key: str) -> str:
    """Return the name of an outcome; in English its key, by which README lists it and JSON has it."""
    return key if lang() == "en" else locale.name(lang(), "outcome", key)


def fault_text(outcome: str, reason: str = "") -> str:
    """Return why a page was not seen: what its capture says, or else what its outcome means."""
    return locale.translated(lang(), reason) if reason else locale.catalogue(lang())["unread"].get(outcome, "")


def report_lines(found: Iterable[Failure], most: int) -> Iterator[str]:
    """Yield what could not be seen of each site, at most so many pages of an outcome, and what to do about each."""
    for site, of_site in groupby(found, key=lambda one: one.site):
        if site:
            yield t("not_seen", site=site)
        by_outcome: dict[str, list[Failure]] = {}
        for one in of_site:
            by_outcome.setdefault(one.outcome, []).append(one)
        for outcome, same in by_outcome.items():
            for one in same[:most]:
                yield f"{outcome_name(outcome)}  {one.subject}  {fault_text(one.outcome, one.reason)}".rstrip()
            if len(same) > most:
                yield t("more_of_these", number=len(same) - most, outcome=outcome_name(outcome))
            if step := locale.catalogue(lang())["next_step"].get(outcome):
                yield f"  → {step}"


def dated_lines(lines: Iterable[tuple[str, str, str]]) -> None:
    """Print lines of a day, a text and a style: on a terminal, long texts go on beside the day, not below it."""
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - 13 if is_terminal else MOST
    for start, text, style in lines:
        for at, line in enumerate(wrapped(visible(text), width)):
            head = "" if at else start
            padded = head + " " * (12 - text_width(head)) + line
            colour = None if style in ("", "dim") else style
            typer.echo(typer.style(padded, fg=colour, dim=style == "dim") if is_terminal else padded)


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: a full-width sign takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of so many columns: words stay whole, and no line begins with a closing mark."""
    lines, line, used = [], "", 0
    for piece in _PIECE.findall(text):
        size = text_width(piece)
        if used + size > width and line.strip():
            lines.append(line.rstrip())
            line, used = "", 0
        if line or not piece.isspace() or not lines:
            line, used = line + piece, used + size
    return [*lines, line.rstrip()]


_PIECE = re.compile(r"[!-~]+|\s+|[^\s!-~][、。，．：；・？！…」』）】〉》ー〜]*")
