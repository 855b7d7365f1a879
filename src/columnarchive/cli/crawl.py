"""The command `crawl`: which sites to visit, who is asking, progress, and a summary at the end."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from columnarchive.cli.output import DEFAULT_DATABASE, MOST, WITHOUT_COLUMN, Bar, Db, console, table, visible
from columnarchive.errors import ArchiveError, FetchError, UsageError
from columnarchive.plain_text import count
from columnarchive.times import system_clock, to_text

if TYPE_CHECKING:
    from columnarchive.archive import Archive, CrawlOptions, CrawlSummary, Hook, Planned, Progress, Target

SETTINGS = Path("data/sites.toml")
SettingsFile = Annotated[Path, typer.Option("--sites", help="The file of monitored sites.")]
NAMED = 20  # pages without a column that are named one by one


def crawl(
    sites: Annotated[
        list[str] | None,
        typer.Argument(help="Names of sites, or addresses of a listing or a column.", metavar="[SITE or URL ...]"),
    ] = None,
    max_pages: Annotated[int, typer.Option(min=0, max=MOST, help="Stop after this many pages; 0 means no limit.")] = 0,
    delay: Annotated[
        float | None, typer.Option(min=0, max=MOST, help="Seconds between requests to a host (default 2).")
    ] = None,
    all_pages: Annotated[bool, typer.Option("--all", help="Visit every page, also those not yet due.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be fetched and why; fetch nothing.")
    ] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also visit addresses in private networks.")
    ] = False,
    contact: Annotated[
        str,
        typer.Option(envvar="ARCHIVE_CONTACT", help="How the sites can reach you: an e-mail address or a web page."),
    ] = "",
    proxy: Annotated[
        str, typer.Option(help="Fetch through this proxy, http://host:port; environment variables are ignored.")
    ] = "",
    settings: SettingsFile = SETTINGS,
    db: Db = DEFAULT_DATABASE,
) -> None:
    """Visit sites: fetch new columns and check known ones for changes. Without names, all sites that are due.

    Example: archive crawl https://clinic.example/column/
    """
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
            stamped = archive.stamp(known.timestamps, allow_private=allow_private)
        print_summary(summary, dated)
        if called.saved or called.left:
            stream = sys.stderr if called.error else sys.stdout
            typer.echo(dated(visible(called.sentence), stream), err=bool(called.error))
        for one in stamped:
            typer.echo(dated(visible(one.sentence), sys.stderr if one.error else sys.stdout), err=bool(one.error))
    if summary.interrupted:
        raise KeyboardInterrupt


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
            typer.echo(dated("ended by an error:", sys.stdout))
        raise


def run(archive: Archive, targets: Sequence[Target], options: CrawlOptions, hooks: Sequence[Hook] = ()) -> CrawlSummary:
    """Crawl with a progress bar."""
    with Bar("crawl") as bar:

        def report(progress: Progress) -> None:
            rate = progress.pages / max(progress.seconds, 0.001)
            parts = [f"{rate:.1f}/s", count(progress.sites_left, "site")]
            parts += [f"{progress.failures} failed"] if progress.failures else []
            parts += [f"next {progress.upcoming}" if progress.upcoming else progress.url]
            bar.update(progress.pages, progress.pages + progress.queued, "  ".join(parts))

        return archive.crawl(targets, options, hooks, report)


def _print_plan(planned: Sequence[Planned]) -> None:
    if not planned:
        console().print("Nothing would be fetched now: no page is due, or its host is paused or forbids it.")
        return

    def found_on(one: Planned) -> str:
        origin = "/".join(one.url.split("/")[:3])
        return one.found_on.removeprefix(origin) if one.found_on.startswith(origin + "/") else one.found_on

    table(("why", "page", "found on"), ((one.reason, one.url, found_on(one)) for one in planned))
    console().print(f"{count(len(planned), 'page')} would be fetched.", highlight=False)


def print_summary(summary: CrawlSummary, line: Callable[[str, TextIO], str] = lambda text, _: text) -> None:
    """Print what a crawl did, failures to stderr; FetchError when nothing could be fetched.

    `line` changes each line on its way to a stream.
    """

    def out(text: str) -> None:
        console().print(line(visible(text), sys.stdout), markup=False)

    def err(text: str) -> None:
        typer.echo(line(visible(text), sys.stderr), err=True)

    good = sum(summary.outcomes.get(name, 0) for name in ("ok", "unchanged", "redirected"))
    if summary.failures and not good and not summary.interrupted:
        failure = summary.failures[0]
        is_private = failure.outcome == "private_address"
        raise FetchError(
            "private_address" if is_private else "nothing_fetched", url=failure.subject, reason=failure.reason
        )
    for failure in summary.failures:
        err(f"{failure.outcome}  {failure.subject}  {failure.reason}")
    for page in summary.unread[:NAMED]:
        err(f"{page.outcome}  {page.url}  {WITHOUT_COLUMN[page.outcome]}")
    for each in summary.derived:
        if each.error:
            err(each.error)
    if sys.stdout.isatty() and summary.outcomes:
        table(("outcome", "pages"), summary.outcomes.items(), right=("pages",))
    counts = ", ".join(f"{name} {number}" for name, number in summary.outcomes.items())
    counts = counts or ("nothing was visited" if summary.ended_early else "nothing was due")
    pages, sites = count(summary.pages, "page"), count(summary.sites, "site")
    out(f"{pages} of {sites} in {summary.seconds:.0f} s: {counts}{_derived(summary)}")
    if summary.unread:
        kinds = Counter(page.outcome for page in summary.unread).most_common()
        named = ", ".join(f"{name} {number}" for name, number in kinds)
        out(f"{count(len(summary.unread), 'page')} fetched without a readable column: {named}")
    for site, why in summary.ended_early:
        out(f"{site} ended early: {why}")
    if summary.left:
        out(f"{count(summary.left, 'page')} left; run it again to continue.")
    for delivery in summary.notified:
        if delivery.error:
            err(f"archive: {delivery.error}")


def _derived(summary: CrawlSummary) -> str:
    added = sum(one.written.added for one in summary.derived)
    revised = sum(one.written.revised for one in summary.derived)
    parts = [
        f"{count(added, 'new article')}" if added else "",
        f"{count(revised, 'article')} changed" if revised else "",
    ]
    found = ", ".join(part for part in parts if part)
    return f"; {found}" if found else "; no article is new or changed" if summary.derived else ""


def contact_for(urls: Sequence[str], given: str, settings: Path, archive: Archive | None = None) -> str:
    """Return who is asking: as given, from the settings or the archive, or asked for now; not needed for localhost."""
    from columnarchive.archive import load_settings

    known = given or load_settings(settings).contact or (archive.contact if archive else "")
    if known or all(is_loopback(url) for url in urls):
        return known
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("no_contact", settings=settings)
    typer.echo("The sites you visit should know how to reach you; this is sent with every request.", err=True)
    answer: str = typer.prompt("Your e-mail address or web page", err=True).strip()
    if not answer:
        raise UsageError("contact_needed")
    if archive:
        archive.contact = answer
    return answer


def is_loopback(url: str) -> bool:
    """Return whether an address names this machine literally; what a name resolves to is checked when connecting."""
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or host.startswith("127.") or host == "::1"
