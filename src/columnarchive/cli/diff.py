"""Commands about changes: diff, changes, evidence."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from columnarchive import locale
from columnarchive.cli.crawl import contact_for
from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    DEFAULT_SETTINGS,
    MOST,
    AllowPrivate,
    AsJson,
    Contact,
    Db,
    Limit,
    SettingsFile,
    Url,
    Zone,
    choose,
    console,
    json_lines,
    lang,
    picked,
    say,
    t,
    visible,
)
from columnarchive.errors import NotFound, UsageError
from columnarchive.times import DEFAULT_ZONE, day, interval, typed

if TYPE_CHECKING:
    from columnarchive.reader import ChangeRow, Review
    from columnarchive.records import Article, Comparison

LAST = "last"
FORMATS = ("terminal", "text", "json", "html")


def diff(
    url: Annotated[str, typer.Argument(metavar="URL|OLD_FILE")],
    first: Annotated[str, typer.Argument(metavar="[FROM|NEW_FILE]")] = "",
    second: Annotated[str, typer.Argument(metavar="[TO]")] = "",
    format: Annotated[str, typer.Option("--format", "-f")] = "",
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Compare two revisions sentence by sentence (by default the last two), or two saved files."""
    from columnarchive.reader import Pick, Reader

    wanted = "json" if as_json else format or ("terminal" if console().is_terminal else "text")
    choose("--format", wanted, FORMATS)
    if first and not second and "://" not in url and Path(url).is_file():
        from columnarchive.archive import compare_files

        comparison, old, new = compare_files(Path(url), Path(first))
        _print_comparison(RevisionPair(comparison, old, new, (url, first), (url, first)), wanted)
        return
    with Reader.open(db) as archive:
        row = archive.article(archive.resolve(url))
        picks = [Pick.parse(text, tz) if text else None for text in (first, second)]
        found = archive.compare_revisions(row, *picks)
    numbers = (found.old.number, found.new.number)
    days = [day(one.first_seen_at, tz) for one in (found.old, found.new)]
    captions = tuple(t("revision_of", n=n, day=day) for n, day in zip(numbers, days, strict=True))
    if wanted in ("terminal", "text"):
        typer.echo(f"{visible(row.title)}\n{' → '.join(captions)}")
    pair = RevisionPair(found.comparison, found.old.article, found.new.article, numbers, (captions[0], captions[1]))
    _print_comparison(pair, wanted)


class RevisionPair(NamedTuple):
    """Two texts, how they differ, and their names in JSON and for people."""

    comparison: Comparison
    old: Article
    new: Article
    names: tuple[int | str, int | str]
    captions: tuple[str, str]


def _print_comparison(pair: RevisionPair, format: str) -> None:
    from columnarchive.reader import to_html, to_json, to_terminal

    if format == "json":
        json_lines([to_json(pair.comparison, *pair.names)])
    elif format == "html":
        typer.echo(to_html(pair.comparison, pair.old, pair.new, captions=pair.captions))
    elif format == "text":
        typer.echo(to_terminal(pair.comparison, pair.old, pair.new, "plain", lang()))
    else:
        console().print(to_terminal(pair.comparison, pair.old, pair.new, "rich", lang()), highlight=False)


def changes(
    since: str = "",
    until: str = "",
    site: str = "",
    level: Annotated[int, typer.Option(min=0, max=3)] = 0,
    label: str = "",
    limit: Limit = 50,
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """List changes on all sites, newest first. `--since last` lists all that it has not listed before."""
    from columnarchive.reader import ChangeFilter, Reader

    chosen = ChangeFilter(
        site=site,
        level=level,
        label=_label(label) if label else "",
        since=typed(since, tz) if since and since != LAST else "",
        until=typed(until, tz, end=True) if until else "",
    )
    if since == LAST:
        _print_new_changes(db, chosen, tz, as_json=as_json)
        return
    with Reader.open(db) as archive:
        rows = archive.changes(chosen, limit if as_json else -1)
        noted = archive.reviews()
        if site and not rows:
            archive.require_site(site)
    _print_changes(rows, limit, tz, noted, as_json=as_json)


def _label(text: str) -> str:
    """Return a label by its key or by its name in either language."""
    from columnarchive.config import did_you_mean

    keys = {name: key for one in ("en", "ja") for key, name in locale.catalogue(one)["label"].items()}
    found = keys.get(text, text)
    if found not in locale.catalogue("en")["label"]:
        raise UsageError("unknown_label", label=text[:40], hint=did_you_mean(text, locale.catalogue("en")["label"]))
    return found


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
            _print_changes(rows[::-1], len(rows), tz, archive.reviews(), as_json=as_json)


def _print_changes(rows: list[ChangeRow], limit: int, tz: str, noted: Mapping[int, Review], *, as_json: bool) -> None:
    from columnarchive.reader import group_changes

    if as_json:
        json_lines(_change_json(row, noted.get(row.id)) for row in rows)
        return
    groups = group_changes(rows)
    out = console()
    for group in groups[:limit]:
        change = group.change
        style = {3: "bold red", 2: "yellow"}.get(change.level, "dim")
        when = interval(change.after_at, change.seen_at, lang(), tz)
        out.print(f"{when}  {locale.label_names(change.labels, lang())}", style=style, markup=False)
        out.print(f"  {visible(change.title)}  {visible(change.url)}", markup=False)
        if group.others:
            out.print(f"  {t('and_the_same', number=len(group.others), site=change.site)}", style="dim")
        out.print(f"  {visible(change.summary_in(lang()))}", style="dim", markup=False)
    if not groups:
        say("no_change")
    elif len(groups) > limit:
        say("limit_shows_more", number=limit, total=len(groups))


def _change_json(row: ChangeRow, review: Review | None) -> dict[str, Any]:
    return {
        **picked(row, "url", "site", "title"),
        "from": row.from_number,
        "to": row.to_number,
        **picked(row, "after_at", "seen_at", "level", "labels", "added_chars", "removed_chars", "summary"),
        "review": review.mark if review else "",
        "note": review.note if review else "",
        "initials": review.initials if review else "",
    }


def review(
    url: Annotated[str, typer.Argument(metavar="[URL]")] = "",
    which: Annotated[str, typer.Argument(metavar="[TO]")] = "",
    mark: str = "",
    note: str = "",
    initials: str = "",
    as_json: AsJson = False,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Mark a change as reviewed, to follow up or not relevant; without a mark, list what was noted."""
    from columnarchive.archive import Archive
    from columnarchive.reader import MARKS, ChangeFilter, Pick

    if mark:
        choose("--mark", mark, (*MARKS, "none"))
    with Archive.open(db, create=False, write=bool(mark)) as archive:
        rows = archive.changes(ChangeFilter(url=url and archive.resolve(url)))
        noted = archive.reviews()
        if mark:
            article = archive.article(archive.resolve(url))
            number = archive.revision(article, Pick.parse(which, tz)).number if which else 0
            chosen = next((row for row in rows if not number or row.to_number == number), None)
            if chosen is None:
                raise NotFound("no_such_change", url=url)
            archive.review(chosen, None if mark == "none" else mark, note, initials)  # type: ignore[arg-type]
            say("noted", title=chosen.title, mark=t(f"mark_{mark}"))
            return
    if as_json:
        json_lines({**asdict(noted[row.id]), "url": row.url} for row in rows if row.id in noted)
        return
    for row in rows:
        if one := noted.get(row.id):
            when = interval(row.after_at, row.seen_at, lang(), tz)
            typer.echo(f"{when}  {t(f'mark_{one.mark}')}  {visible(row.title)}  {visible(row.url)}")
            if one.note or one.initials:
                typer.echo(visible(f"  {one.note}  {one.initials}".rstrip()))
    say("unread", number=sum(row.id not in noted for row in rows))


def cite(
    url: Url,
    first: Annotated[str, typer.Argument(metavar="[FROM]")] = "",
    second: Annotated[str, typer.Argument(metavar="[TO]")] = "",
    edit: Annotated[int, typer.Option(min=1, max=MOST)] = 1,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Print how an edit is cited: both sentences, address, interval, digests and link, in Japanese and English."""
    from columnarchive.reader import Reader

    address, _, number = url.partition("#")
    if number:  # as the page of the difference names it: #edit-3, or in short #3
        edit = int(number.removeprefix("edit-")) if number.removeprefix("edit-").isdecimal() else 0
    with Reader.open(db) as archive:
        found = archive.citation(archive.resolve(address), edit, first, second)
    typer.echo(visible("\n\n".join(found.text(one) for one in ("ja", "en"))))


def evidence(
    url: Url,
    first: Annotated[str, typer.Argument(metavar="[FROM]")] = "",
    second: Annotated[str, typer.Argument(metavar="[TO]")] = "",
    out: Path = Path(),
    as_zip: Annotated[Path | None, typer.Option("--zip")] = None,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Write an evidence sheet: one HTML file with texts, difference, times and digests, and its WARC records."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        if as_zip:
            archive.write_evidence_zip(archive.resolve(url), as_zip, first, second)
            typer.echo(as_zip)
            return
        written = archive.write_evidence(archive.resolve(url), first, second, out)
    typer.echo(f"{written.sheet}\n{written.records}")


def witness(
    url: Url,
    base: Annotated[str, typer.Option("--from", metavar="BASE")] = "",
    allow_private: AllowPrivate = False,
    contact: Contact = "",
    as_json: AsJson = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Compare what third parties captured of a column with our own captures of the same time."""
    from columnarchive.archive import Archive, CrawlOptions
    from columnarchive.reader import to_terminal

    with Archive.open(db, create=False, write=bool(base)) as archive:
        if base:
            options = CrawlOptions(allow_private=allow_private, contact=contact_for([base], contact, settings, archive))
            if stopped := archive.take_over_around(url, base, options).stopped:
                raise stopped
        row = archive.article(archive.resolve(url))
        found = archive.witnesses(row)
        pairs = [archive.compare_witness(row, one) if one.verdict == "differs" else None for one in found]
    if as_json:
        json_lines(map(asdict, found))
        return
    for one, pair in zip(found, pairs, strict=True):
        say(
            "witness_beside" if one.own_at else "witness_without",
            at=one.at,
            source=locale.source_name(lang(), one.source),
            verdict=t(f"verdict_{one.verdict}"),
            own=one.own_at,
        )
        if pair:
            typer.echo(to_terminal(pair.comparison, pair.old.article, pair.new.article, "plain", lang()))
    if not found:
        say("witness_none")
