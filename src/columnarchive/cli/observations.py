"""The command `observations`: what columns state, since when, and which lack a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, AsJson, Db, Zone, choose, console, json_lines, visible
from columnarchive.plain_text import count
from columnarchive.times import DEFAULT_ZONE, day, typed

if TYPE_CHECKING:
    from columnarchive.reader import Disclosure, Reader

_NOTE = "Words found by rules, with known error rates; no judgement."
_UNKNOWN = {"template": "only in the site's template", "unknown": "the page was not read, or only in part"}


def observations(
    where: Annotated[
        list[str] | None,
        typer.Argument(help="Sites or addresses of columns; all when none is named.", metavar="[SITE|URL ...]"),
    ] = None,
    kind: Annotated[str, typer.Option(help="Only this kind.")] = "",
    missing: Annotated[str, typer.Option(help="Columns that offer a treatment and do not state this kind.")] = "",
    at: Annotated[str, typer.Option("--at", help="As it stood at the end of this day, or at this time.")] = "",
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="Write columns by kinds as CSV.", metavar="OUT")] = None,
    xlsx: Annotated[
        Path | None, typer.Option(help="Write a coding sheet with the sentences and a codebook.", metavar="OUT")
    ] = None,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List what columns state (cost, risks, approval, patients' voices …), since when, and by which words.

    Example: archive observations clinic.example --missing risks
    """
    from columnarchive.observations import KINDS
    from columnarchive.reader import LedgerFilter, Reader

    for option, name in (("--kind", kind), ("--missing", missing)):
        if name:
            choose(option, name, KINDS)
    with Reader.open(db) as archive:
        names = set(archive.site_names())
        sites = tuple(name for name in where or () if name in names)
        urls = tuple(archive.article(name).url for name in where or () if name not in names)
        chosen = LedgerFilter(sites, urls, missing or kind, typed(at, tz, end=True) if at else "")
        if csv or xlsx:
            _write(archive, chosen, csv, xlsx, tz)
            return
        found = archive.missing_disclosures(chosen) if missing else archive.disclosures(chosen)
    if as_json:
        json_lines(asdict(one) for one in found)
        return
    _print(found, tz)


def _print(found: Sequence[Disclosure], tz: str) -> None:
    from rich.text import Text

    out = console()
    url = ""
    for one in found:
        if one.url != url:
            url = one.url
            out.print(Text(f"{visible(one.title)}  {visible(one.url)}", style="bold"))
        out.print(Text(f"  {one.kind:22}{_state(one, tz)}"))
        for each in one.evidence[:3]:
            out.print(Text(f"      {visible(each.text)[:100]}", style="dim"))
    out.print(f"{count(len(found), 'observation')}. {_NOTE}")


def _state(one: Disclosure, tz: str) -> str:
    if one.stands:
        return f"✓ since {day(one.since_at, tz)}"
    ended = f"– until {day(one.until_at, tz)}" if one.until_at else "–"
    return " ".join(filter(None, (ended, _UNKNOWN.get(one.where, ""))))


def _write(archive: Reader, chosen: object, csv: Path | None, xlsx: Path | None, tz: str) -> None:
    from columnarchive.exchange.coding_sheet import Code, CodingSheet, write_coding_csv, write_coding_xlsx
    from columnarchive.observations import KINDS, VERSION, codebook
    from columnarchive.reader import LedgerFilter

    assert isinstance(chosen, LedgerFilter)
    codes: dict[str, dict[str, Code]] = {}
    for one in archive.disclosures(chosen):
        if one.stands:
            sentences = tuple(each.text for each in one.evidence)
            codes.setdefault(one.url, {})[one.kind] = Code(day(one.since_at, tz), sentences)
    rows = [((each.url, each.site, each.title), codes.get(each.url, {})) for each in archive.ledger_columns(chosen)]
    facts = {"head of the chain": archive.status().head, "rules": VERSION, "as of": chosen.at or "now", "note": _NOTE}
    sheet = CodingSheet((chosen.kind,) if chosen.kind else KINDS, rows, codebook(), facts)
    if csv:
        write_coding_csv(csv, sheet)
    if xlsx:
        write_coding_xlsx(xlsx, sheet)
    typer.echo(f"{count(len(rows), 'column')} written.", err=True)
