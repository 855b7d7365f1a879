"""The tour of `archive demo`: a fictional clinic crawled in three versions, then searched, compared and listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from columnarchive.cli.common import DEFAULT_DATABASE, console
from columnarchive.errors import StoreError

if TYPE_CHECKING:
    from columnarchive.pipeline.demo import Clinic
    from columnarchive.reader import Connection

DEMO_DATABASE = Path("data/demo.db")
WORD = "難病"
Run = Callable[[list[str]], object]


def demonstrate(path: Path, run: Run) -> None:
    """Make the tour on a fresh database: `path`, or data/demo.db when that is the default one.

    `run` runs the `archive` command with its arguments, so that the tour shows what the user would see.
    """
    from columnarchive import reader
    from columnarchive.pipeline import demo

    path = DEMO_DATABASE if path == DEFAULT_DATABASE else path
    shown = _shown(path)
    _make_room(path)
    with demo.Clinic() as clinic:
        _crawl(path, clinic, shown)
        _say(run, "What does it say?", shown, "search", WORD, "--limit", "3")
        _say(run, "What changed?", shown, "changes", "--level", "2", "--limit", "6")
        with reader.opened(path) as conn:
            url = _telling(conn)
        _say(run, "How exactly?", shown, "diff", url)
    out = console()
    out.print("Your turn:", style="bold")
    for line in (
        "status",
        "search 根治 --removed",
        f"history {url}",
        f"blame {url}",
        "changes --label price",
        "serve --open",
    ):
        out.print(f"  archive --db {shown} {line}", markup=False)


def _make_room(path: Path) -> None:
    """Start from nothing, but never at the cost of an archive that is no demo."""
    from columnarchive import reader

    if path.exists():
        with reader.opened(path) as conn:
            if not reader.is_demo(conn):
                raise StoreError(f"{path} is an archive of yours; name another file with --db for the demo.")
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _crawl(path: Path, clinic: Clinic, shown: str) -> None:
    from columnarchive.cli import crawling as showing
    from columnarchive.config import Sites
    from columnarchive.pipeline import crawl, demo, derive
    from columnarchive.store.database import Database

    start = clinic.url + demo.START
    with Database.open(path) as db:
        with db.transaction():
            db.set_meta("demo", "1")
        for site in demo.dated_sites():
            clinic.show(site.folder)
            console().print(f"\nA fictional clinic, as its site stood on {site.day}", style="bold")
            console().print(f"$ archive --db {shown} crawl {start}", style="dim", markup=False)
            chosen = crawl.targets(db, [start], Sites())
            options = crawl.CrawlOptions(delay=0.0, allow_private=True, clock=site.clock)
            showing.tell(showing.run(db, chosen, options))
        derive.derive(db)


def _shown(path: Path) -> str:
    """The path as the user would type it."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path)


def _say(run: Run, question: str, shown: str, *command: str) -> None:
    """Run a command of ours as the user would, with the question that it answers."""
    console().print(f"\n{question}", style="bold")
    console().print(f"$ archive --db {shown} {' '.join(command)}", style="dim", markup=False)
    run(["--db", shown, *command])


def _telling(conn: Connection) -> str:
    """An article to look at: a claim softened in few words, else the smallest change of the highest level."""
    from columnarchive import reader

    rows = [row for row in reader.changes(conn, reader.ChangeFilter(level=3)) if row.from_number < row.to_number]
    softened = [row for row in rows if "claim_softened" in row.labels]
    return min(softened or rows, key=lambda row: row.added_chars + row.removed_chars).url
