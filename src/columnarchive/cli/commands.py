"""Which commands there are, in the order of `archive --help`, and where each is written.

The list needs a line for each command and no more; a command's module is loaded when it is run, completed or asked for
help. So `archive --help` starts as fast as if it had one command.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

COMMANDS: dict[str, tuple[str, str]] = {
    "crawl": (
        "crawling.crawl",
        "Follow sites: fetch their columns and come back for changes. All that are due when none is named.",
    ),
    "search": ("searching.search", "Find any phrase, in what stands now and in what was removed."),
    "show": ("reading.show", "Print a column as it stands, or as it stood."),
    "history": ("reading.history", "List the revisions of a column: when each was first and last seen."),
    "diff": (
        "changing.diff",
        "Compare two revisions sentence by sentence (the last two unless told otherwise), or two saved files.",
    ),
    "changes": (
        "changing.changes",
        "List what changed everywhere, newest first. `--since last` shows each change once, and all that are new.",
    ),
    "copies": (
        "copying.copies",
        "List passages that stand in more than one column, the same or nearly, and who had each first.",
    ),
    "blame": ("reading.blame", "Show each sentence of a column with the day since which it has stood so."),
    "captures": ("reading.captures", "List every capture of a page with its outcome."),
    "evidence": (
        "proving.evidence",
        "Write an evidence sheet: one HTML file with texts, difference, times and digests, and WARC records beside it.",
    ),
    "status": ("reading.status", "Tell what the archive holds, how its last visits ended, and what is due."),
    "extract": ("moving.extract", "Print the articles of saved pages, without any database."),
    "import": (
        "moving.import_",
        "Take the pages of WARC files as captures with their own dates, and derive their articles.",
    ),
    "export": ("moving.export", "Write the archive in a free format; nothing half-written ever stands at OUT."),
    "rebuild": ("writing.rebuild", "Derive articles, revisions, changes and the index again from the captures."),
    "check": ("writing.check", "Verify every stored byte, the chain, the index and the derived tables."),
    "withdraw": (
        "writing.withdraw",
        "Erase a page for good (personal data, a court's order); a tombstone with the reason stays.",
    ),
    "serve": ("writing.serve", "Open the archive in the browser, in Datasette with pages made for reading."),
    "demo": (
        "writing.demo",
        "Show the whole job on a fictional clinic: crawl three versions, search, see what changed.",
    ),
    "sites": (
        "following.app",
        "List the sites followed; `add` looks at a new one and follows it, `test` shows how a site's columns read.",
    ),
    "watch": (
        "watching.app",
        "Tell what is new for saved searches since the last look: said in a new article, newly said, newly removed.",
    ),
}
"""Where a command is written, and the first paragraph of its help, word for word.

A function is the command; a `typer.Typer` has commands of its own.
"""


class Commands(TyperGroup):
    """A group whose commands are only names and lines until one is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, says) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=says)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is run or completed, now itself."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = loaded(args[0])
        return super().resolve_command(ctx, args)


def loaded(name: str) -> Any:
    """A command with its options and its whole help, as typer makes it."""
    module, target_name = COMMANDS[name][0].split(".")
    target = getattr(import_module(f"columnarchive.cli.{module}"), target_name)
    if not isinstance(target, typer.Typer):
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
        alone.command(name)(target)
        target = alone
    command = get_command(target)
    command.name = name
    return command
