"""The command `demo`: a fictional clinic crawled in three versions, then searched, compared and listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from columnarchive.cli import crawl
from columnarchive.cli.output import DEFAULT_DATABASE, Db, console, t
from columnarchive.errors import StoreError

if TYPE_CHECKING:
    from columnarchive.reader import Reader

DEMO_DATABASE = Path("data/demo.db")
WORD = "難病"
Run = Callable[[list[str]], object]


def demo(context: typer.Context, db: Db = DEFAULT_DATABASE) -> None:
    """Show everything on a fictional clinic: crawl three versions, search, see what changed."""
    from columnarchive.reader import Reader

    command = context.find_root().command
    path = DEMO_DATABASE if db == DEFAULT_DATABASE else db
    name = _typed(path)
    _remove_demo(path)
    _crawl(path, name)

    def run(question: str, *words: str) -> None:
        console().print(f"\n{t(question)}", style="bold")
        console().print(f"$ archive --db {name} {' '.join(words)}", style="dim", markup=False)
        command.main(["--db", name, *words], standalone_mode=False)

    run("demo_says", "search", WORD, "--limit", "3")
    run("demo_changed", "changes", "--level", "2", "--limit", "6")
    with Reader.open(path) as archive:
        url = _telling_change(archive)
    run("demo_exactly", "diff", url)
    out = console()
    out.print(t("demo_your_turn"), style="bold")
    for line in (
        "status",
        "search 根治 --removed",
        f"history {url}",
        f"blame {url}",
        "changes --label price",
        "serve --open",
    ):
        out.print(f"  archive --db {name} {line}", markup=False)


def _remove_demo(path: Path) -> None:
    """Delete an earlier demo, but no other archive."""
    from columnarchive.reader import Reader

    if path.exists():
        with Reader.open(path) as archive:
            if not archive.is_demo:
                raise StoreError("not_a_demo", path=path)
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _crawl(path: Path, name: str) -> None:
    from columnarchive.archive import START, Archive, Clinic, CrawlOptions, dated_sites, demo_settings

    with Clinic() as site, Archive.open(path) as archive:
        archive.mark_as_demo()
        start = site.url + START
        settings = demo_settings(start)
        for version in dated_sites():
            site.show(version)
            console().print(f"\n{t('demo_as_on', day=version.day)}", style="bold")
            console().print(f"$ archive --db {name} crawl {start}", style="dim", markup=False)
            options = CrawlOptions(delay=0.0, allow_private=True, clock=version.clock)
            crawl.print_summary(crawl.run(archive, archive.targets([start], settings), options))


def _typed(path: Path) -> str:
    """The path as the user would type it."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path)


def _telling_change(archive: Reader) -> str:
    """The address of an article to look at: a claim softened in few words, else the smallest change of level 3."""
    from columnarchive.reader import ChangeFilter

    rows = [row for row in archive.changes(ChangeFilter(level=3)) if row.from_number < row.to_number]
    softened = [row for row in rows if "claim_softened" in row.labels]
    return min(softened or rows, key=lambda row: row.added_chars + row.removed_chars).url
