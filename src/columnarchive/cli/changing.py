"""The commands `diff` and `changes`: what became of a text, and what changed everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from columnarchive.cli.common import MOST, AsJson, Zone, console, database, json_lines, visible
from columnarchive.errors import UsageError
from columnarchive.times import DEFAULT_ZONE, day, typed

if TYPE_CHECKING:
    from columnarchive.reader import ChangeFilter
    from columnarchive.store.reads import ChangeRow

LAST = "last"


def diff(
    context: typer.Context,
    url: Annotated[
        str, typer.Argument(help="Address of the column, or the older of two saved pages.", metavar="URL|OLD_FILE")
    ],
    first: Annotated[
        str, typer.Argument(help="Revision number or day, or the newer file.", metavar="[FROM|NEW_FILE]")
    ] = "",
    second: Annotated[str, typer.Argument(help="Revision number or day.", metavar="[TO]")] = "",
    format: Annotated[str, typer.Option("--format", "-f", help="terminal, text, json or html.")] = "",
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
) -> None:
    """Compare two revisions sentence by sentence (the last two unless told otherwise), or two saved files.

    Example: archive diff https://clinic.example/column/nanbyo/ 2025-10-20 2026-01-15
    """
    from columnarchive import reader
    from columnarchive.cli.common import console
    from columnarchive.diff import render_text

    chosen = "json" if as_json else format or ("terminal" if console().is_terminal else "text")
    if chosen not in ("terminal", "text", "json", "html"):
        raise UsageError(f"--format {chosen} is unknown; choose terminal, text, json or html.")
    old_name: int | str
    new_name: int | str
    captions = (url, first)
    if first and not second and Path(url).is_file() and "://" not in url:
        from columnarchive.diff.compare import compare
        from columnarchive.pipeline import saved_pages

        old, new = saved_pages.article(Path(url)), saved_pages.article(Path(first))
        comparison, old_name, new_name = compare(old, new), url, first
    else:
        with reader.opened(database(context)) as conn:
            row = reader.article(conn, url)
            picks = [reader.picked(text, tz) if text else None for text in (first, second)]
            found = reader.compared(conn, row, *picks)
        comparison, old, new = found.comparison, found.old.article, found.new.article
        old_name, new_name = found.old.number, found.new.number
        old_day, new_day = day(found.old.first_seen_at, tz), day(found.new.first_seen_at, tz)
        captions = (f"revision {old_name} ({old_day})", f"revision {new_name} ({new_day})")
        if chosen in ("terminal", "text"):
            typer.echo(f"{visible(row.title)}\n{' → '.join(captions)}")
    if chosen == "json":
        typer.echo(render_text.to_json_line(comparison, old_name, new_name))
    elif chosen == "html":
        typer.echo(render_text.to_html(comparison, old, new, captions=captions))
    elif chosen == "text":
        typer.echo(render_text.to_text(comparison, old, new))
    else:
        console().print(render_text.to_terminal(comparison, old, new, "rich"), highlight=False)


def changes(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(help="Seen on this day or later; `last`: not shown by `--since last` before.")
    ] = "",
    until: Annotated[str, typer.Option(help="Seen on this day or before.")] = "",
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    level: Annotated[
        int, typer.Option(min=0, max=3, help="At least this level: 0 cosmetic … 3 claims, prices, risks.")
    ] = 0,
    label: Annotated[str, typer.Option(help="Only changes with this label, like claim_softened.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 50,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
) -> None:
    """List what changed everywhere, newest first. `--since last` shows each change once, and all that are new.

    Example: archive changes --since 2026-01-01 --level 2
    """
    from columnarchive import reader
    from columnarchive.diff.labels import LEVELS
    from columnarchive.settings import meant

    if label and label not in LEVELS:
        raise UsageError(f"There is no label {label!r}{meant(label, LEVELS)}.")
    chosen = reader.ChangeFilter(
        site=site,
        level=level,
        label=label,
        since=typed(since, tz) if since and since != LAST else "",
        until=typed(until, tz, end=True) if until else "",
    )
    if since == LAST:
        if chosen.until:
            raise UsageError("--until does not go with --since last, which shows all that is new.")
        with _untold(context, chosen) as rows:
            # All of them, since they count as shown; and not a word without any, or cron would mail it.
            if rows or sys.stdout.isatty():
                _print_changes(rows, len(rows), tz, as_json=as_json)
    else:
        with reader.opened(database(context)) as conn:
            rows = reader.changes(conn, chosen, limit if as_json else -1)
            if site and not rows:
                reader.need_site(conn, site)
        _print_changes(rows, limit, tz, as_json=as_json)


@contextmanager
def _untold(context: typer.Context, chosen: ChangeFilter) -> Iterator[list[ChangeRow]]:
    """Changes not shown by `--since last` before; shown from now on, once they were printed."""
    from columnarchive.pipeline.notifications import since_last
    from columnarchive.store.database import Database
    from columnarchive.store.notifications import Interest

    labels, sites = (tuple(one for one in (name,) if one) for name in (chosen.label, chosen.site))
    with (
        Database.open(database(context), create=False) as db,
        since_last(db, Interest(labels=labels, level=chosen.level, sites=sites)) as rows,
    ):
        yield rows[::-1]


def _print_changes(rows: list[ChangeRow], limit: int, tz: str, *, as_json: bool) -> None:
    from columnarchive import reader

    if as_json:
        json_lines(_change_json(row) for row in rows)
        return
    groups = reader.grouped(rows)
    out = console()
    for group in groups[:limit]:
        change = group.change
        style = {3: "bold red", 2: "yellow"}.get(change.level, "dim")
        out.print(f"{day(change.seen_at, tz)}  {', '.join(change.labels)}", style=style, markup=False)
        out.print(f"  {visible(change.title)}  {visible(change.url)}", markup=False)
        if group.others:
            out.print(f"  and the same on {len(group.others)} more pages of {change.site}", style="dim")
        out.print(f"  {visible(change.summary)}", style="dim", markup=False)
    if not groups:
        out.print("No change matches.")
    elif len(groups) > limit:
        out.print(f"{limit} of {len(groups)}; --limit shows more.")


def _change_json(row: ChangeRow) -> dict[str, Any]:
    return {
        "url": row.url,
        "site": row.site,
        "title": row.title,
        "from": row.from_number,
        "to": row.to_number,
        "seen_at": row.seen_at,
        "level": row.level,
        "labels": list(row.labels),
        "added_chars": row.added_chars,
        "removed_chars": row.removed_chars,
        "summary": row.summary,
    }
