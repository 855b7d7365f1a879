"""The command `sites`: the sites that are monitored, a preview of a new one, and how a site's columns read."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from columnarchive.cli.crawl import contact_for
from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    DEFAULT_SETTINGS,
    AllowPrivate,
    AsJson,
    Bar,
    Contact,
    Db,
    Delay,
    SettingsFile,
    Yes,
    Zone,
    console,
    counted,
    json_lines,
    note,
    pass_database,
    say,
    shorten,
    t,
    table,
    visible,
)
from columnarchive.errors import UsageError
from columnarchive.times import DEFAULT_ZONE, day

if TYPE_CHECKING:
    from columnarchive.records import Article

LINE_WIDTH = 40  # characters of a line to show, most of them as wide as two


def sites(context: typer.Context, as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the monitored sites. `add` previews and adds one; `test` shows how its columns read."""
    pass_database(context, db)
    if not context.invoked_subcommand:
        list_sites(as_json, tz, db)


def list_sites(as_json: AsJson = False, tz: Zone = DEFAULT_ZONE, db: Db = DEFAULT_DATABASE) -> None:
    """List the monitored sites."""
    from columnarchive.reader import Reader

    with Reader.open(db) as archive:
        rows = archive.sites()
    if as_json:
        json_lines(asdict(row) for row in rows)
        return
    table(
        ("site", "articles", "changes", "failures", "last_crawl", "next_visit"),
        (
            (
                *(row.name, row.articles, row.changes, row.failures or ""),
                *(day(row.last_crawl_at, tz), day(row.next_visit_at, tz)),
            )
            for row in rows
        ),
        numbers=("articles", "changes", "failures"),
    )


def add(
    url: Annotated[str, typer.Argument(metavar="URL")],
    name: str = "",
    contact: Contact = "",
    delay: Delay = None,
    allow_private: AllowPrivate = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    yes: Yes = False,
) -> None:
    """Fetch about a dozen pages of a site, show what would be archived, and add it to the settings file."""
    from columnarchive.archive import Archive, CrawlOptions, follow_site

    options = CrawlOptions(delay=delay, allow_private=allow_private, contact=contact_for([url], contact, settings))
    with Bar("preview") as bar:
        found = Archive.preview_site(url, options, lambda progress: bar.update(progress.pages, None, progress.url))
    say("preview_robots", robots=found.robots)
    say("preview_found", counts=_counts(found.found_by, "found_by_"))
    say("preview_fetched", counts=counted(Counter(found.outcomes).most_common()))
    _print_articles(found.articles)
    chosen = replace(found.settings, name=name or found.settings.name, delay=delay)
    if not found.articles:
        say("preview_nothing")
        raise typer.Exit(1)
    typer.echo()
    if found.only_the_start:
        say("preview_only_start")
    if not yes:
        typer.confirm(t("confirm_site", name=chosen.name, url=chosen.start[0]), abort=True)
    follow_site(settings, chosen, options.contact)
    option = " --allow-private" if allow_private else ""
    quoted = f'"{chosen.name}"' if " " in chosen.name else chosen.name
    note("site_added", name=chosen.name, path=settings, command=f"archive crawl {quoted}{option}")


def _counts(counts: Mapping[str, int], prefix: str) -> str:
    """Return counts in words, the largest first: `12 linked from a listing, 1 named by you`."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(t("counted", number=number, what=t(prefix + key)) for key, number in ordered)


def show_samples(name: Annotated[str, typer.Argument(metavar="NAME")], db: Db = DEFAULT_DATABASE) -> None:
    """Show how five columns of a site read: title, dates, people, first and last lines."""
    from columnarchive.archive import Archive

    with Archive.open(db, create=False, write=False) as archive:
        _print_articles(archive.site_samples(name))


def _print_articles(articles: tuple[Article, ...]) -> None:
    out = console()
    for article in articles:
        supervisor = article.supervisor and f"{t('supervisor')} {article.supervisor}"
        facts = (article.published_on, article.author, supervisor)
        lines = article.text.split("\n")
        out.print(visible(f"\n{article.title}"), style="bold", markup=False)
        out.print(visible("  ".join(fact for fact in (*facts, article.url) if fact)), style="dim", markup=False)
        out.print(f"  {t('sample_size', lines=len(lines), characters=len(article.text))}", markup=False)
        out.print(f"  {t('sample_begins', line=shorten(lines[0], LINE_WIDTH))}", markup=False)
        if len(lines) > 1:
            out.print(f"  {t('sample_ends', line=shorten(lines[-1], LINE_WIDTH))}", markup=False)


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    settings: SettingsFile = DEFAULT_SETTINGS,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Stop following a site; what is stored of it stays."""
    from columnarchive.archive import Archive, load_settings

    with Archive.open(db, create=False) as archive:
        archive.unfollow_site(name)
        site_row = next((row for row in archive.sites() if row.name == name), None)
    captures, articles = (site_row.captures, site_row.articles) if site_row else (0, 0)
    typer.echo(t("site_removed", name=visible(name), captures=captures, articles=articles))
    if load_settings(settings).named(name):
        typer.echo(t("site_in_settings", name=visible(name), settings=settings))


def enable(name: Annotated[str, typer.Argument(metavar="NAME")], settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Visit a site again that was disabled."""
    _switch(name, settings, enabled=True)


def disable(name: Annotated[str, typer.Argument(metavar="NAME")], settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Leave a site out of crawls until it is enabled again."""
    _switch(name, settings, enabled=False)


def _switch(name: str, settings: Path, *, enabled: bool) -> None:
    from columnarchive.archive import enable_site

    enable_site(settings, name, enabled)
    note("site_enabled" if enabled else "site_disabled", name=name, path=settings)


def edit(settings: SettingsFile = DEFAULT_SETTINGS) -> None:
    """Open the settings file in an editor and check it afterwards."""
    from columnarchive.archive import load_settings

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    settings.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run([*shlex.split(editor, posix=os.name != "nt"), str(settings)], check=False)
    except OSError as error:
        raise UsageError("no_editor", editor=editor, reason=error.strerror) from error
    if done.returncode:
        raise UsageError("editor_failed", editor=editor)
    note("settings_sound", path=settings, sites=len(load_settings(settings).sites))


def shard(
    part: Annotated[str, typer.Argument(metavar="K/N")],
    settings: SettingsFile = DEFAULT_SETTINGS,
    as_json: AsJson = False,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Print the names of the sites that machine K of N crawls; sites that share a server stay together."""
    from columnarchive.archive import Archive, load_settings

    number, _, of = part.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) <= 10_000):
        raise UsageError("not_a_shard", text=part[:40])
    with Archive.open(db) as archive:
        chosen = archive.shard(load_settings(settings), int(number), int(of))
    if as_json:
        json_lines({"name": one.settings.name, "start": one.start} for one in chosen)
        return
    for one in chosen:
        typer.echo(visible(one.settings.name))
