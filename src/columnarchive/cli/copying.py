"""The command `copies`: passages that stand in more than one column, and who had each first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from columnarchive.cli.common import MOST, AsJson, Zone, console, database, json_lines, visible
from columnarchive.text import count
from columnarchive.times import DEFAULT_ZONE, day

if TYPE_CHECKING:
    from columnarchive.reader import Copied


def copies(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Only passages of this column.", metavar="[URL]")] = "",
    site: Annotated[str, typer.Option(help="Only passages that this site has.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many passages.")] = 50,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
) -> None:
    """List passages that stand in more than one column, the same or nearly, and who had each first.

    Example: archive copies https://clinic.example/column/nanbyo/
    """
    from columnarchive import reader

    with reader.opened(database(context)) as conn:
        if site:
            reader.need_site(conn, site)
        found = reader.together(reader.copies(conn, url, site))
    if as_json:
        json_lines(asdict(copy) for one in found[:limit] for copy in one.copies)
        return
    out = console()
    for one in found[:limit]:
        _print(one, tz)
        out.print()
    shown = count(len(found), "passage") if len(found) <= limit else f"{limit} of {len(found)} passages"
    out.print(shown if found else "No passage of 40 characters or more stands in another column too.")


def _print(one: Copied, tz: str) -> None:
    from rich.text import Text

    out = console()
    top = one.standing[0].text
    out.print(Text(_line(top), style="bold"))
    for each in one.standing:
        times = [f"seen {day(each.first_at, tz)}", f"published {each.published_on}" if each.published_on else ""]
        mark = "first" if each.url == one.first else ""
        out.print(Text(f"  {mark:6}{'  '.join(filter(None, times))}  {visible(each.title)}  {visible(each.url)}"))
        if each.text != top:
            out.print(Text(f"{'':8}{_line(each.text)}", style="dim"))
    if not one.first:
        out.print(Text("  Who had it first cannot be told.", style="dim"))


def _line(text: str) -> str:
    return visible(text).replace("\n", " ")
