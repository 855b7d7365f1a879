"""The commands `diff` and `changes`: how a text changed, and what changed everywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, MOST, AsJson, Db, Zone, choose, console, json_lines, visible
from columnarchive.errors import UsageError
from columnarchive.times import DEFAULT_ZONE, day, interval, typed

if TYPE_CHECKING:
    from columnarchive.reader import ChangeRow
    from columnarchive.records import Article, Comparison

LAST = "last"
FORMATS = ("terminal", "text", "json", "html")


def diff(
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
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Compare two revisions sentence by sentence (by default the last two), or two saved files.

    Example: archive diff https://clinic.example/column/nanbyo/ 2025-10-20 2026-01-15
    """
    from columnarchive.reader import Pick, Reader

    wanted = "json" if as_json else format or ("terminal" if console().is_terminal else "text")
    choose("--format", wanted, FORMATS)
    if first and not second and "://" not in url and Path(url).is_file():
        from columnarchive.archive import compare_files

        comparison, old, new = compare_files(Path(url), Path(first))
        _print_comparison(RevisionPair(comparison, old, new, (url, first), (url, first)), wanted)
        return
    with Reader.open(db) as archive:
        row = archive.article(url)
        picks = [Pick.parse(text, tz) if text else None for text in (first, second)]
        found = archive.compare_revisions(row, *picks)
    numbers = (found.old.number, found.new.number)
    days = [day(one.first_seen_at, tz) for one in (found.old, found.new)]
    captions = (f"revision {numbers[0]} ({days[0]})", f"revision {numbers[1]} ({days[1]})")
    if wanted in ("terminal", "text"):
        typer.echo(f"{visible(row.title)}\n{' → '.join(captions)}")
    _print_comparison(RevisionPair(found.comparison, found.old.article, found.new.article, numbers, captions), wanted)


class RevisionPair(NamedTuple):
    """Two texts, how they differ, and their names in JSON and for people."""

    comparison: Comparison
    old: Article
    new: Article
    names: tuple[int | str, int | str]
    captions: tuple[str, str]


def _print_comparison(pair: RevisionPair, format: str) -> None:
    from columnarchive.diff import render_html, render_text

    if format == "json":
        json_lines([render_text.to_json(pair.comparison, *pair.names)])
    elif format == "html":
        typer.echo(render_html.to_html(pair.comparison, pair.old, pair.new, captions=pair.captions))
    elif format == "text":
        typer.echo(render_text.to_text(pair.comparison, pair.old, pair.new))
    else:
        console().print(render_text.to_terminal(pair.comparison, pair.old, pair.new, "rich"), highlight=False)


def changes(
    since: Annotated[
        str, typer.Option(help="Seen on this day or later; `last`: not yet shown by `--since last`.")
    ] = "",
    until: Annotated[str, typer.Option(help="Seen on this day or before.")] = "",
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    level: Annotated[
        int, typer.Option(min=0, max=3, help="At least this level: 0 cosmetic … 3 claims, prices, risks.")
    ] = 0,
    label: Annotated[str, typer.Option(help="Only changes with this label, such as claim_softened.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most this many.")] = 50,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List changes on all sites, newest first. `--since last` lists all that it has not listed before.

    Example: archive changes --since 2026-01-01 --level 2
    """
    from columnarchive.config import did_you_mean
    from columnarchive.diff.labels import LEVELS
    from columnarchive.reader import ChangeFilter, Reader

    if label and label not in LEVELS:
        raise UsageError("unknown_label", label=label[:40], hint=did_you_mean(label, LEVELS))
    chosen = ChangeFilter(
        site=site,
        level=level,
        label=label,
        since=typed(since, tz) if since and since != LAST else "",
        until=typed(until, tz, end=True) if until else "",
    )
    if since == LAST:
        _print_new_changes(db, chosen, tz, as_json=as_json)
        return
    with Reader.open(db) as archive:
        rows = archive.changes(chosen, limit if as_json else -1)
        if site and not rows:
            archive.require_site(site)
    _print_changes(rows, limit, tz, as_json=as_json)


def _print_new_changes(db: Path, chosen: Any, tz: str, *, as_json: bool) -> None:
    from columnarchive.archive import Archive, Interest

    if chosen.until:
        raise UsageError("until_with_last")
    labels, sites = (tuple(one for one in (name,) if one) for name in (chosen.label, chosen.site))
    with (
        Archive.open(db, create=False) as archive,
        archive.changes_since_last(Interest(labels=labels, level=chosen.level, sites=sites)) as rows,
    ):
        # All of them, since they count as shown; and nothing at all without any, or cron would mail it.
        if rows or sys.stdout.isatty():
            _print_changes(rows[::-1], len(rows), tz, as_json=as_json)


def _print_changes(rows: list[ChangeRow], limit: int, tz: str, *, as_json: bool) -> None:
    from columnarchive.reader import group_changes

    if as_json:
        json_lines(_change_json(row) for row in rows)
        return
    groups = group_changes(rows)
    out = console()
    for group in groups[:limit]:
        change = group.change
        style = {3: "bold red", 2: "yellow"}.get(change.level, "dim")
        when = interval(change.after_at, change.seen_at, "en", tz)
        out.print(f"{when}  {', '.join(change.labels)}", style=style, markup=False)
        out.print(f"  {visible(change.title)}  {visible(change.url)}", markup=False)
        if group.others:
            out.print(f"  and the same on {len(group.others)} more pages of {visible(change.site)}", style="dim")
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
        "after_at": row.after_at,
        "seen_at": row.seen_at,
        "level": row.level,
        "labels": list(row.labels),
        "added_chars": row.added_chars,
        "removed_chars": row.removed_chars,
        "summary": row.summary,
    }
