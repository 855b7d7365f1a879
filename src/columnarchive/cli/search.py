"""Commands that look through all columns: search, copies, observations; and `watch`: saved searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from columnarchive import locale
from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    AsJson,
    Db,
    Limit,
    Zone,
    choose,
    console,
    json_lines,
    lang,
    note,
    pass_database,
    say,
    t,
    table,
    visible,
)
from columnarchive.errors import UsageError
from columnarchive.times import DEFAULT_ZONE, day, typed

if TYPE_CHECKING:
    from columnarchive.reader import Copied, Disclosure, Reader
    from columnarchive.records import Hit


def search(
    query: str,
    site: str = "",
    since: str = "",
    until: str = "",
    current: Annotated[bool, typer.Option("--current")] = False,
    removed: Annotated[bool, typer.Option("--removed")] = False,
    fold: Annotated[list[str] | None, typer.Option()] = None,
    limit: Limit = 20,
    count: Annotated[bool, typer.Option("--count")] = False,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Find any phrase, in current and in removed text."""
    from columnarchive.reader import FOLDS, Reader, SearchOptions

    if current and removed:
        raise UsageError("current_and_removed")
    scope: Literal["all", "current", "removed"] = "current" if current else "removed" if removed else "all"
    for name in fold or []:
        choose("--fold", name, FOLDS)
    options = SearchOptions(
        scope=scope,
        site=site,
        since=_day(since, tz),
        until=_day(until, tz, end=True),
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
        numbers = {} if as_json else {hit.url: archive.article(hit.url).id for hit in result.hits}
    if as_json:
        json_lines({**asdict(hit), "highlights": [list(pair) for pair in hit.highlights]} for hit in result.hits)
        return
    if not result.hits:
        say("no_hits", articles=articles, query=query, scope=t(f"searched_{scope}"))
        return
    for hit in result.hits:
        _print_hit(hit, numbers[hit.url], tz)
    if len(result.hits) < result.total:
        say("some_hits" if result.exact else "some_hits_of_more", number=len(result.hits), total=result.total)
    else:
        say("all_hits", number=result.total)


def _day(text: str, tz: str, *, end: bool = False) -> str:
    return day(typed(text, tz, end=end), tz) if text else ""


def _print_hit(hit: Hit, number: int, tz: str) -> None:
    from rich.text import Text

    out = console()
    head = Text(visible(hit.title) or hit.url, style="bold")
    head.append(f"  [{number}]", style="dim")
    if hit.removed:
        head.append(f"  {t('removed')}", style="red")
    if hit.in_picture:
        head.append(f"  {t('in_a_picture')}", style="yellow")
    out.print(head)
    out.print(Text("  ".join(part for part in (hit.published_on, visible(hit.url)) if part), style="dim"))
    snippet, at = Text("  "), 0
    for start, end in hit.highlights:
        found = visible(hit.snippet[start:end])
        snippet.append(visible(hit.snippet[at:start]))
        snippet.append(f"【{found}】" if out.no_color else found, style="bold yellow")
        at = end
    out.print(snippet.append(visible(hit.snippet[at:])))
    if hit.removed and hit.said_from:
        # When removed text was there, for certain: from its first to its last capture.
        first, last = day(hit.said_from, tz), day(hit.said_until, tz)
        seen = t("seen_once_then_gone", day=first) if first == last else t("seen_then_gone", first=first, last=last)
        out.print(Text(f"  {seen}", style="dim"))
    out.print()


def copies(
    url: Annotated[str, typer.Argument(metavar="[URL]")] = "",
    site: str = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List passages that are the same, or nearly, in more than one column, and which column had each first."""
    from columnarchive.reader import Reader, together

    with Reader.open(db) as archive:
        if site:
            archive.require_site(site)
        found = together(archive.copies(url and archive.resolve(url), site))
    if as_json:
        json_lines(asdict(copy) for one in found[:limit] for copy in one.copies)
        return
    for one in found[:limit]:
        _print_copies(one, tz)
    if len(found) > limit:
        say("some_passages", number=limit, total=len(found))
    else:
        say("all_passages" if found else "no_passage", number=len(found))


def _print_copies(one: Copied, tz: str) -> None:
    from rich.text import Text

    out = console()
    top = one.standing[0].text
    out.print(Text(_line(top), style="bold"))
    for each in one.standing:
        times = [t("seen_on", day=day(each.first_at, tz))]
        times += [t("published_on", day=each.published_on)] if each.published_on else []
        mark = f"{t('first')} " if each.url == one.first else ""
        out.print(Text(f"  {mark}{'  '.join(times)}  {visible(each.title)}  {visible(each.url)}"))
        if each.text != top:
            out.print(Text(f"{'':8}{_line(each.text)}", style="dim"))
    if not one.first:
        out.print(Text(f"  {t('first_unknown')}", style="dim"))
    out.print()


def _line(text: str) -> str:
    return visible(text).replace("\n", " ")


def observations(
    where: Annotated[list[str] | None, typer.Argument(metavar="[SITE|URL ...]")] = None,
    kind: str = "",
    missing: str = "",
    at: str = "",
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(metavar="OUT")] = None,
    xlsx: Annotated[Path | None, typer.Option(metavar="OUT")] = None,
    seed: int = 1,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List what columns state, since when, and by which words."""
    from columnarchive.reader import LedgerFilter, Reader

    for option, name in (("--kind", kind), ("--missing", missing)):
        if name:
            choose(option, name, Reader.observation_kinds())
    with Reader.open(db) as archive:
        if where and where[0] == "sample":
            _draw_sample(archive, where[1:], seed, csv)
        elif where and where[0] == "agreement":
            _print_agreement(archive, where[1:], as_json)
        else:
            names = set(archive.site_names())
            sites = tuple(name for name in where or () if name in names)
            urls = tuple(archive.article(name).url for name in where or () if name not in names)
            chosen = LedgerFilter(sites, urls, missing or kind, typed(at, tz, end=True) if at else "", bool(missing))
            if csv or xlsx:
                _write_sheet(archive, chosen, csv, xlsx, tz)
            elif as_json:
                json_lines(
                    {**one._asdict(), "evidence": [asdict(each) for each in one.evidence]}
                    for one in archive.disclosures(chosen)
                )
            else:
                _print_disclosures(archive.disclosures(chosen), tz)


def _draw_sample(archive: Reader, arguments: Sequence[str], seed: int, csv: Path | None) -> None:
    from columnarchive.archive import write_sample

    if len(arguments) != 1 or not arguments[0].isdecimal() or csv is None:
        raise UsageError("bad_sample")
    note("columns_written", number=write_sample(archive, int(arguments[0]), seed, csv))


def _print_agreement(archive: Reader, arguments: Sequence[str], as_json: bool) -> None:
    from columnarchive.archive import coder_agreement

    if len(arguments) != 1:
        raise UsageError("bad_agreement")
    names = ("kind", "columns", "both", "only_software", "only_coder", "neither", "precision", "recall", "kappa")
    rows = [[getattr(one, name) for name in names] for one in coder_agreement(archive, Path(arguments[0]))]
    if as_json:
        json_lines(dict(zip(names, row, strict=True)) for row in rows)
        return
    table(names, ([_figure(cell) for cell in row] for row in rows), numbers=names[1:])


def _figure(cell: object) -> str:
    return "–" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def _print_disclosures(found: Sequence[Disclosure], tz: str) -> None:
    from rich.cells import set_cell_size
    from rich.text import Text

    out = console()
    url = ""
    for one in found:
        if one.url != url:
            url = one.url
            out.print(Text(f"{visible(one.title)}  {visible(one.url)}", style="bold"))
        named = f"{locale.text(lang(), f'observation.{one.kind}')} ({one.kind})"
        out.print(Text(f"  {set_cell_size(named, 44)}  {_state(one, tz)}"))
        for each in one.evidence[:3]:
            out.print(Text(f"      {visible(each.text)[:100]}", style="dim"))
    say("observations_found", number=len(found))


def _state(one: Disclosure, tz: str) -> str:
    if one.stands:
        return f"✓ {t('since', day=day(one.since_at, tz))}"
    why = {"template": "only_in_template", "picture": "perhaps_in_picture", "unknown": "not_read"}.get(one.where)
    ended = t("until", day=day(one.until_at, tz)) if one.until_at else ""
    return " ".join(filter(None, ("–", ended, t(why) if why else "")))


def _write_sheet(archive: Reader, chosen: Any, csv: Path | None, xlsx: Path | None, tz: str) -> None:
    from columnarchive.archive import write_coding_sheet

    rows = write_coding_sheet(archive, chosen, csv, xlsx, tz)
    note("columns_written", number=rows)


Name = Annotated[str, typer.Argument(metavar="NAME")]


def watch(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep")] = False,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Show what is new for saved searches since the last time: new articles, added text, removed text."""
    pass_database(context, db)
    if context.invoked_subcommand:
        return
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        saved = archive.saved_searches()
        found = archive.run_searches(keep=keep)
    if as_json:
        json_lines({"watch": one.watch, "query": one.query, "news": one.news, **asdict(one.hit)} for one in found)
        return
    out = console()
    for one in saved:
        own = [each for each in found if each.watch == one.name]
        out.print(visible(f"{one.name}  {one.query}"), style="bold", markup=False)
        for each in own:
            out.print(visible(f"  {t(each.news)}: {each.hit.title}  {each.hit.url}"), markup=False)
            out.print(visible(f"    {each.hit.snippet}"), style="dim", markup=False)
        if not own:
            out.print(f"  {t('nothing_new', at=one.looked_at)}", style="dim")
    if not saved:
        say("no_watch")


def list_searches(as_json: AsJson = False, db: Db = DEFAULT_DATABASE) -> None:
    """List the saved searches."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        saved = archive.saved_searches()
    if as_json:
        json_lines(asdict(one) for one in saved)
        return
    for one in saved:
        typer.echo(visible(f"{one.name}  {one.query}"))


def add_search(name: Name, query: Annotated[str, typer.Argument(metavar="QUERY")], db: Db = DEFAULT_DATABASE) -> None:
    """Save a search; articles that match now count as known."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        known = archive.save_search(name, query)
    note("watch_saved", name=name, known=known)


def remove_search(name: Name, db: Db = DEFAULT_DATABASE) -> None:
    """Delete a saved search."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False) as archive:
        archive.remove_search(name)
    note("watch_deleted", name=name)
