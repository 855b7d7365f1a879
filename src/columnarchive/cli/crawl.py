"""Commands that fetch: `crawl`, with who is asking, progress and a summary at the end; `backfill`; and `demo`, a
fictional clinic crawled in three versions, then searched, compared and listed.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from columnarchive import locale
from columnarchive.cli.output import (
    DEFAULT_DATABASE,
    DEFAULT_SETTINGS,
    MOST,
    AllowPrivate,
    AsJson,
    Bar,
    Contact,
    Db,
    Delay,
    DryRun,
    SettingsFile,
    Zone,
    console,
    counted,
    is_quiet,
    json_lines,
    lang,
    picked,
    print_result,
    report_lines,
    say,
    t,
    table,
    visible,
)
from columnarchive.errors import ArchiveError, FetchError, StoreError, UsageError
from columnarchive.times import DEFAULT_ZONE, system_clock, to_text, typed

if TYPE_CHECKING:
    from columnarchive.archive import (
        Archive,
        CrawlOptions,
        CrawlSummary,
        Hook,
        Planned,
        Progress,
        Target,
    )
    from columnarchive.reader import Reader


CONTACT = re.compile(r"(?:[\w.!#$%&'*+/=?^`{|}~-]+@|https?://)(?:[\w-]+\.)+[\w-]{2,}(?:[/:?#][!-~]*)?", re.ASCII)
NAMED = 20  # pages of one outcome of a site that are named one by one


def crawl(
    sites: Annotated[list[str] | None, typer.Argument(metavar="[SITE|URL ...]")] = None,
    max_pages: Annotated[int, typer.Option(min=0, max=MOST)] = 0,
    delay: Delay = None,
    all_pages: Annotated[bool, typer.Option("--all")] = False,
    dry_run: DryRun = False,
    allow_private: AllowPrivate = False,
    contact: Contact = "",
    proxy: str = "",
    as_json: AsJson = False,
    settings: SettingsFile = DEFAULT_SETTINGS,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Visit sites: fetch new columns and check known ones for changes. Without names, all sites that are due."""
    from columnarchive.archive import Archive, CrawlOptions, load_hooks, load_settings

    with logged():
        known = load_settings(settings)
        hooks = load_hooks(known)
        with Archive.open(db) as archive:
            targets = archive.targets(sites or [], known)
            if not targets:
                raise UsageError("no_sites", path=settings)
            options = CrawlOptions(
                max_pages=max_pages,
                delay=delay,
                all=all_pages,
                allow_private=allow_private,
                proxy=proxy,
                contact=contact_for([url for one in targets for url in one.start], contact, settings, archive),
            )
            if dry_run:
                _print_plan(archive.plan_crawl(targets, options))
                return
            summary = run(archive, targets, options, hooks)
            called = archive.call_witness(known.witness, replace(options, delay=None))
            sent: list[Any] = [called] if called.saved or called.left else []
            sent += archive.send_digests(known, summary.report)
            sent += archive.stamp(known.timestamps, allow_private=allow_private)
        if as_json:
            _raise_if_nothing_came(summary)
            json_lines([_summary_json(summary)])
        else:
            print_summary(summary, dated)
        for one in sent:
            if one.error or not (as_json or is_quiet()):
                sentence = visible(one.sentence(lang()))
                typer.echo(dated(sentence, sys.stderr if one.error else sys.stdout), err=bool(one.error))
    if summary.interrupted:
        raise KeyboardInterrupt


def backfill(
    site: Annotated[str, typer.Argument(metavar="SITE|URL")],
    since: str = "",
    until: str = "",
    base: Annotated[str, typer.Option("--from", metavar="BASE")] = "https://web.archive.org/web",
    dry_run: DryRun = False,
    delay: Delay = None,
    allow_private: AllowPrivate = False,
    contact: Contact = "",
    settings: SettingsFile = DEFAULT_SETTINGS,
    tz: Zone = DEFAULT_ZONE,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Take over what a web archive (Wayback Machine, pywb) has of a site from before it was followed."""
    from columnarchive.archive import Archive, CrawlOptions, WebArchiveSpan, load_settings

    span = WebArchiveSpan(base, typed(since, tz) if since else "", typed(until, tz, end=True) if until else "")
    with Archive.open(db) as archive, Bar("backfill") as bar:
        (target,) = archive.targets([site], load_settings(settings))
        contact = contact_for([base], contact, settings, archive)
        options = CrawlOptions(delay=delay, allow_private=allow_private, contact=contact)
        done = archive.backfill(replace(target, named="://" in site), span, options, bar.update, dry_run=dry_run)
    for failure in done.summary.failures:
        typer.echo(t("not_taken_over", subject=failure.subject, reason=failure.reason), err=True)
    print_result(done)
    if done.stopped:
        raise done.stopped


def dated(line: str, stream: TextIO) -> str:
    """Return a line with the time (UTC) before it if it goes to a log, and unchanged for a terminal."""
    return line if stream.isatty() else f"{to_text(system_clock())}  {line}"


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """Note in a log when an error ended the run; the error itself goes to stderr, which cron mails."""
    try:
        yield
    except ArchiveError:
        if not sys.stdout.isatty():
            typer.echo(dated(t("ended_by_error"), sys.stdout))
        raise


def run(archive: Archive, targets: Sequence[Target], options: CrawlOptions, hooks: Sequence[Hook] = ()) -> CrawlSummary:
    """Crawl with a progress bar."""
    with Bar("crawl") as bar:

        def report(progress: Progress) -> None:
            rate = progress.pages / max(progress.seconds, 0.001)
            parts = [f"{rate:.1f}/s", t("sites_left", number=progress.sites_left)]
            parts += [t("failed_so_far", number=progress.failures)] if progress.failures else []
            parts += [t("next_page", url=progress.upcoming) if progress.upcoming else progress.url]
            bar.update(progress.pages, progress.pages + progress.queued, "  ".join(parts))

        return archive.crawl(targets, options, hooks, report)


def _print_plan(planned: Sequence[Planned]) -> None:
    if not planned:
        say("nothing_planned")
        return

    def found_on(one: Planned) -> str:
        origin = "/".join(one.url.split("/")[:3])
        return one.found_on.removeprefix(origin) if one.found_on.startswith(origin + "/") else one.found_on

    table(("why", "found_on", "page"), ((one.reason, found_on(one), one.url) for one in planned))
    say("planned", number=len(planned))


def print_summary(summary: CrawlSummary, line: Callable[[str, TextIO], str] = lambda text, _: text) -> None:
    """Print what a crawl did, failures to stderr; FetchError when nothing could be fetched.

    `line` changes each line on its way to a stream.
    """

    def out(text: str) -> None:
        if not is_quiet():
            typer.echo(line(visible(text), sys.stdout))

    def err(text: str) -> None:
        typer.echo(line(visible(text), sys.stderr), err=True)

    _raise_if_nothing_came(summary)
    for text in report_lines(summary.report, NAMED):
        err(text)
    for each in summary.derived:
        if each.error:
            err(each.error.sentence(lang()))
    counts = counted(summary.outcomes.items())
    out(
        t(
            "crawled",
            pages=summary.pages,
            sites=summary.sites,
            seconds=summary.seconds,
            counts=counts or t("nothing_visited" if summary.ended_early else "nothing_due"),
            found=_derived(summary),
        )
    )
    if summary.unread:
        kinds = counted(Counter(page.outcome for page in summary.unread).most_common())
        out(t("without_column", number=len(summary.unread), kinds=kinds))
    if summary.pictures:
        out(t("pictures_asked", number=sum(summary.pictures.values()), counts=counted(summary.pictures.items())))
    if summary.pictures and not summary.pictures_compared:
        err(t("pictures_extra"))
    for site, why in summary.ended_early:
        out(t("ended_early", site=site, reason=locale.translated(lang(), why)))
    if summary.left:
        out(t("pages_left", number=summary.left))
    for delivery in summary.notified:
        if delivery.error:
            err(f"archive: {delivery.error.sentence(lang())}")


def _raise_if_nothing_came(summary: CrawlSummary) -> None:
    good = sum(summary.outcomes.get(name, 0) for name in ("ok", "unchanged", "redirected"))
    if summary.failures and not good and not summary.interrupted:
        failure = summary.failures[0]
        is_private = failure.outcome == "private_address"
        raise FetchError(
            "private_address" if is_private else "nothing_fetched", url=failure.subject, reason=failure.reason
        )


def _summary_json(summary: CrawlSummary) -> dict[str, Any]:
    return {
        **picked(summary, "pages", "sites"),
        "seconds": round(summary.seconds, 1),
        **picked(summary, "outcomes", "pictures"),
        "new_articles": sum(one.written.added for one in summary.derived),
        "changed_articles": sum(one.written.revised for one in summary.derived),
        "gone_articles": summary.gone,
        "left": summary.left,
        "failures": [asdict(failure) for failure in summary.failures],
        "unread": [picked(page, "url", "outcome") for page in summary.unread],
        "ended_early": [{"site": site, "reason": why} for site, why in summary.ended_early],
    }


def _derived(summary: CrawlSummary) -> str:
    added = sum(one.written.added for one in summary.derived)
    revised = sum(one.written.revised for one in summary.derived)
    parts = [t("new_articles", number=added)] if added else []
    parts += [t("articles_changed", number=revised)] if revised else []
    parts += [t("articles_gone", number=summary.gone)] if summary.gone else []
    return t("found", what=", ".join(parts)) if parts else t("found_nothing") if summary.derived else ""


def contact_for(urls: Sequence[str], given: str, settings: Path, archive: Archive | None = None) -> str:
    """Return who is asking: as given, from the settings or the archive, or asked for now; not needed for localhost."""
    from columnarchive.archive import load_settings
    from columnarchive.urls import is_loopback

    known = given or load_settings(settings).contact or (archive.contact if archive else "")
    is_needed = not known and not all(is_loopback(url) for url in urls)
    if is_needed:
        if not sys.stdin or not sys.stdin.isatty():
            raise UsageError("no_contact", settings=settings)
        typer.echo(t("contact_why"), err=True)
        known = typer.prompt(t("contact_prompt"), err=True).strip()
        if archive and CONTACT.fullmatch(known):
            archive.contact = known
    if (known or is_needed) and not CONTACT.fullmatch(known):
        raise UsageError("contact_unusable", text=known[:80])
    return known


DEMO_DATABASE = Path("data/demo.db")
WORD = "難病"
Run = Callable[[list[str]], object]


def demo(context: typer.Context, db: Db = DEFAULT_DATABASE) -> None:
    """Show everything on a fictional clinic: crawl three versions, search, see what changed."""
    from columnarchive.reader import Reader

    command = context.find_root().command
    path = DEMO_DATABASE if db == DEFAULT_DATABASE else db
    name = _typed(path)
    _remove_demo(path)
    _crawl(path, name)

    def run(question: str, *words: str) -> None:
        console().print(f"\n{t(question)}", style="bold")
        console().print(f"$ archive --db {name} {' '.join(words)}", style="dim", markup=False)
        command.main(["--db", name, *words], standalone_mode=False)

    run("demo_says", "search", WORD, "--limit", "3")
    run("demo_changed", "changes", "--level", "2", "--limit", "6")
    with Reader.open(path) as archive:
        url = _telling_change(archive)
    run("demo_exactly", "diff", url)
    out = console()
    out.print(t("demo_your_turn"), style="bold")
    for line in (
        "status",
        "search 根治 --removed",
        f"history {url}",
        f"blame {url}",
        "changes --label price",
        "serve --open",
    ):
        out.print(f"  archive --db {name} {line}", markup=False)


def _remove_demo(path: Path) -> None:
    """Delete an earlier demo, but no other archive."""
    from columnarchive.reader import Reader

    if path.exists():
        with Reader.open(path) as archive:
            if not archive.is_demo:
                raise StoreError("not_a_demo", path=path)
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _crawl(path: Path, name: str) -> None:
    from columnarchive.archive import START, Archive, Clinic, CrawlOptions, dated_sites, demo_settings

    with Clinic() as site, Archive.open(path) as archive:
        archive.mark_as_demo()
        start = site.url + START
        settings = demo_settings(start)
        for version in dated_sites():
            site.show(version)
            console().print(f"\n{t('demo_as_on', day=version.day)}", style="bold")
            console().print(f"$ archive --db {name} crawl {start}", style="dim", markup=False)
            options = CrawlOptions(delay=0.0, allow_private=True, clock=version.clock)
            print_summary(run(archive, archive.targets([start], settings), options))


def _typed(path: Path) -> str:
    """The path as the user would type it."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path)


def _telling_change(archive: Reader) -> str:
    """The address of an article to look at: a claim softened in few words, else the smallest change of level 3."""
    from columnarchive.reader import ChangeFilter

    rows = [row for row in archive.changes(ChangeFilter(level=3)) if row.from_number < row.to_number]
    softened = [row for row in rows if "claim_softened" in row.labels]
    return min(softened or rows, key=lambda row: row.added_chars + row.removed_chars).url
