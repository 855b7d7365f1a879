"""The command `search`: ranked hits with highlights, in what stands and in what was removed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from columnarchive.cli.common import MOST, AsJson, Zone, console, database, json_lines, visible
from columnarchive.errors import UsageError
from columnarchive.text import count as count_of
from columnarchive.times import DEFAULT_ZONE, day, typed

if TYPE_CHECKING:
    from columnarchive.reader import Wanted
    from columnarchive.records import Hit
    from columnarchive.search.spelling_variants import Fold


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help='Words (all must occur), a "phrase", -word, OR, title:, site:, since:.')],
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    since: Annotated[str, typer.Option(help="Published (or first seen) on this day or later.")] = "",
    until: Annotated[str, typer.Option(help="Published (or first seen) on this day or before.")] = "",
    current: Annotated[bool, typer.Option("--current", help="Only what stands now.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="Only what was taken out since.")] = False,
    fold: Annotated[
        list[str] | None,
        typer.Option(
            help="Also find other spellings: kana, long_vowels (サーバ, サーバー), kanji (齋, 斎). Repeatable."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many hits.")] = 20,
    count: Annotated[bool, typer.Option("--count", help="Only how many.")] = False,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
) -> None:
    """Find any phrase, in what stands now and in what was removed.

    Example: archive search 根本治療 --since 2025-01-01
    """
    from columnarchive import reader

    if current and removed:
        raise UsageError("--current and --removed exclude each other; leave both out to search everything.")
    scope: Literal["all", "current", "removed"] = "current" if current else "removed" if removed else "all"
    wanted = reader.Wanted(query, scope, site, _day(since, tz), _day(until, tz), limit, folds=_folds(fold or []))
    with reader.opened(database(context)) as conn:
        if site:
            reader.need_site(conn, site, or_host=True)
        if count:
            typer.echo(str(reader.search_count(conn, wanted)))
            return
        result = reader.search(conn, wanted)
        if as_json:
            json_lines(_hit_json(hit) for hit in result.hits)
        else:
            _print_hits(result.hits, wanted, reader.totals(conn).articles, tz)
            _print_total(len(result.hits), result.total, exact=result.exact)


def _folds(names: list[str]) -> tuple[Fold, ...]:
    from columnarchive.search.spelling_variants import FOLDS

    for name in names:
        if name not in FOLDS:
            raise UsageError(f"--fold {name} is unknown; choose from {', '.join(FOLDS)}.")
    return tuple(fold for fold in FOLDS if fold in names)


def _day(text: str, tz: str) -> str:
    return day(typed(text, tz), tz) if text else ""


def _hit_json(hit: Hit) -> dict[str, Any]:
    row = asdict(hit)
    row["highlights"] = [list(pair) for pair in hit.highlights]
    return row


def _print_hits(hits: tuple[Hit, ...], wanted: Wanted, articles: int, tz: str) -> None:
    from rich.text import Text

    out = console()
    if not hits:
        where = {"all": "current and removed text", "current": "current text", "removed": "removed text"}[wanted.scope]
        typer.echo(f"No article among {articles} has {visible(wanted.query)} ({where} searched).")
        return
    for hit in hits:
        head = Text(visible(hit.title) or hit.url, style="bold")
        if hit.removed:
            head.append("  removed", style="red")
        out.print(head)
        out.print(Text("  ".join(part for part in (hit.published_on, visible(hit.url)) if part), style="dim"))
        snippet = Text(visible(hit.snippet))
        for start, end in hit.highlights:
            snippet.stylize("bold yellow", start, end)
        if out.no_color:
            snippet = Text(_marked(hit))
        out.print(Text("  ").append_text(snippet))
        if hit.removed and hit.said_from:
            out.print(Text(f"  {_seen(day(hit.said_from, tz), day(hit.said_until, tz))}", style="dim"))
        out.print()


def _seen(first: str, last: str) -> str:
    """Removed text stood at least from its first to its last sight; when it went in the gap after, nobody saw."""
    return f"seen from {first} to {last}, gone at the next visit" if first != last else f"seen on {first}, then gone"


def _print_total(shown: int, total: int, *, exact: bool) -> None:
    if shown:
        least = "" if exact else "more than "
        typer.echo(f"{shown} of {least}{total} articles" if shown < total else count_of(total, "article"))


def _marked(hit: Hit) -> str:
    """The snippet with its highlights between 【 and 】, for output without colour."""
    pieces, at = [], 0
    text = visible(hit.snippet)
    for start, end in hit.highlights:
        pieces += [text[at:start], "【", text[start:end], "】"]
        at = end
    return "".join([*pieces, text[at:]])
