"""The command `search`: ranked hits with highlights, in current and removed text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, MOST, AsJson, Db, Zone, choose, console, json_lines, visible
from columnarchive.errors import UsageError
from columnarchive.plain_text import count as count_of
from columnarchive.times import DEFAULT_ZONE, day, typed

if TYPE_CHECKING:
    from columnarchive.records import Hit

SEARCHED = {"all": "current and removed text", "current": "current text", "removed": "removed text"}


def search(
    query: Annotated[str, typer.Argument(help='Words (all must match), a "phrase", -word, OR, title:, site:, since:.')],
    site: Annotated[str, typer.Option(help="Only this site.")] = "",
    since: Annotated[str, typer.Option(help="Published (or first seen) on this day or later.")] = "",
    until: Annotated[str, typer.Option(help="Published (or first seen) on this day or before.")] = "",
    current: Annotated[bool, typer.Option("--current", help="Only current text.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="Only removed text.")] = False,
    fold: Annotated[
        list[str] | None,
        typer.Option(
            help="Also find other spellings: kana, long_vowels (サーバ, サーバー), kanji (齋, 斎). Repeatable."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most this many hits.")] = 20,
    count: Annotated[bool, typer.Option("--count", help="Print only the number of hits.")] = False,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Find any phrase, in current and in removed text.

    Example: archive search 根本治療 --since 2025-01-01
    """
    from columnarchive.reader import Reader, SearchOptions
    from columnarchive.search.spelling_variants import FOLDS

    if current and removed:
        raise UsageError("current_and_removed")
    scope: Literal["all", "current", "removed"] = "current" if current else "removed" if removed else "all"
    for name in fold or []:
        choose("--fold", name, FOLDS)
    options = SearchOptions(
        scope=scope,
        site=site,
        since=_day(since, tz),
        until=_day(until, tz),
        limit=limit,
        folds=tuple(name for name in FOLDS if name in (fold or [])),
    )
    with Reader.open(db) as archive:
        if site:
            archive.require_site(site, or_host=True)
        if count:
            typer.echo(str(archive.count(query, options)))
            return
        result = archive.search(query, options)
        articles = archive.totals.articles
    if as_json:
        json_lines({**asdict(hit), "highlights": [list(pair) for pair in hit.highlights]} for hit in result.hits)
        return
    if not result.hits:
        typer.echo(f"No article among {articles} has {visible(query)} ({SEARCHED[scope]} searched).")
        return
    for hit in result.hits:
        _print_hit(hit, tz)
    least = "" if result.exact else "more than "
    number = len(result.hits)
    typer.echo(f"{number} of {least}{result.total} articles" if number < result.total else count_of(number, "article"))


def _day(text: str, tz: str) -> str:
    return day(typed(text, tz), tz) if text else ""


def _print_hit(hit: Hit, tz: str) -> None:
    from rich.text import Text

    out = console()
    head = Text(visible(hit.title) or hit.url, style="bold")
    if hit.removed:
        head.append("  removed", style="red")
    out.print(head)
    out.print(Text("  ".join(part for part in (hit.published_on, visible(hit.url)) if part), style="dim"))
    snippet: Any = Text(_marked(hit) if out.no_color else visible(hit.snippet))
    for start, end in () if out.no_color else hit.highlights:
        snippet.stylize("bold yellow", start, end)
    out.print(Text("  ").append_text(snippet))
    if hit.removed and hit.said_from:
        out.print(Text(f"  {_seen(day(hit.said_from, tz), day(hit.said_until, tz))}", style="dim"))
    out.print()


def _seen(first: str, last: str) -> str:
    """When removed text was there, for certain: from its first to its last capture."""
    return f"seen from {first} to {last}, gone at the next visit" if first != last else f"seen on {first}, then gone"


def _marked(hit: Hit) -> str:
    """The snippet with its highlights between 【 and 】, for output without colour."""
    pieces, at = [], 0
    text = visible(hit.snippet)
    for start, end in hit.highlights:
        pieces += [text[at:start], "【", text[start:end], "】"]
        at = end
    return "".join([*pieces, text[at:]])
