"""The command `copies`: passages found in more than one column, and which column had each first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, MOST, AsJson, Db, Zone, console, json_lines, visible
from columnarchive.plain_text import count
from columnarchive.times import DEFAULT_ZONE, day

if TYPE_CHECKING:
    from columnarchive.reader import Copied


def copies(
    url: Annotated[str, typer.Argument(help="Only passages of this column.", metavar="[URL]")] = "",
    site: Annotated[str, typer.Option(help="Only passages of this site.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most this many passages.")] = 50,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List passages that are the same, or nearly, in more than one column, and which column had each first.

    Example: archive copies https://clinic.example/column/nanbyo/
    """
    from columnarchive.reader import Reader, together

    with Reader.open(db) as archive:
        if site:
            archive.require_site(site)
        found = together(archive.copies(url, site))
    if as_json:
        json_lines(asdict(copy) for one in found[:limit] for copy in one.copies)
        return
    out = console()
    for one in found[:limit]:
        _print(one, tz)
        out.print()
    number = count(len(found), "passage") if len(found) <= limit else f"{limit} of {len(found)} passages"
    out.print(number if found else "No passage of 40 characters or more is in more than one column.")


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
        out.print(Text("  It is not known which column had it first.", style="dim"))


def _line(text: str) -> str:
    return visible(text).replace("\n", " ")
