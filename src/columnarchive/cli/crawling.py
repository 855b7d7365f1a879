"""The command `crawl`: whom to visit, who is asking, progress while it runs, and what came of it."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from columnarchive.cli.common import MOST, UNREAD, Bar, console, database, table, visible
from columnarchive.errors import ArchiveError, FetchError, UsageError
from columnarchive.text import count
from columnarchive.times import system_clock, to_text

if TYPE_CHECKING:
    from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, Planned, Progress, Target
    from columnarchive.pipeline.notifications import Hook
    from columnarchive.store.database import Database
    from columnarchive.store.overview import Trouble

SETTINGS = Path("data/sites.toml")
SHOWN = 20  # pages without a column that are named one by one
HINTS = {"private_address": " --allow-private allows such addresses."}


def crawl(
    context: typer.Context,
    sites: Annotated[
        list[str] | None,
        typer.Argument(help="Names of sites, or addresses of a listing or a column.", metavar="[SITE or URL ...]"),
    ] = None,
    max_pages: Annotated[int, typer.Option(min=0, max=MOST, help="Stop after so many pages; 0 means no limit.")] = 0,
    delay: Annotated[
        float | None, typer.Option(min=0, max=MOST, help="Seconds between requests to a host (default 2).")
    ] = None,
    all_pages: Annotated[bool, typer.Option("--all", help="Visit every page, also those not due yet.")] = False,
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
        str, typer.Option(help="Fetch through this proxy, http://host:port; those of the environment are ignored.")
    ] = "",
    settings: Annotated[Path, typer.Option("--sites", help="The file of sites to follow.")] = SETTINGS,
) -> None:
    """Follow sites: fetch their columns and come back for changes. All that are due when none is named.

    Example: archive crawl https://clinic.example/column/
    """
    from columnarchive.config import load
    from columnarchive.pipeline import crawl as crawling
    from columnarchive.pipeline import notifications
    from columnarchive.store.database import Database

    with logged():
        known = load(settings)
        hooks = notifications.hooks(settings)
        with Database.open(database(context)) as db:
            chosen = crawling.targets(db, sites or [], known)
            if not chosen:
                why = f"No site is followed yet; name one, like `archive crawl URL`, or add it to {settings}."
                raise UsageError(why)
            options = crawling.CrawlOptions(
                max_pages=max_pages,
                delay=delay,
                all=all_pages,
                allow_private=allow_private,
                proxy=proxy,
                contact=contact_for([url for one in chosen for url in one.start], contact, settings, db),
            )
            if dry_run:
                _tell_plan(crawling.planned(db, chosen, options))
                return
            summary = run(db, chosen, options, hooks)
            if summary.interrupted:
                tell(summary, dated)
                raise KeyboardInterrupt
        tell(summary, dated, summary.unread)
    for sent in summary.notified:
        if sent.error:
            typer.echo(dated(f"archive: {visible(sent.error)}", sys.stderr), err=True)


def dated(line: str, stream: TextIO) -> str:
    """A line with the time (UTC) before it when it goes to a log, and as it is when a person looks on."""
    return line if stream.isatty() else f"{to_text(system_clock())}  {line}"


@contextlib.contextmanager
def logged() -> Iterator[None]:
    """Tells a log when an error ended the run; the error itself stays one sentence, for the mail that cron sends."""
    try:
        yield
    except ArchiveError:
        if not sys.stdout.isatty():
            typer.echo(dated("ended by an error:", sys.stdout))
        raise


def run(db: Database, chosen: list[Target], options: CrawlOptions, hooks: Sequence[Hook] = ()) -> CrawlSummary:
    """Crawl with a progress bar on a terminal, a line for each failure elsewhere, and derive each site as it closes."""
    from columnarchive.pipeline import crawl as crawling
    from columnarchive.pipeline import derive as deriving

    with Bar("crawl") as bar, deriving.workers() as pool:

        def report(progress: Progress) -> None:
            rate = progress.pages / max(progress.seconds, 0.001)
            parts = [f"{rate:.1f}/s", count(progress.sites_left, "site")]
            parts += [f"{progress.failures} failed"] if progress.failures else []
            parts += [f"next {progress.upcoming}" if progress.upcoming else progress.url]
            bar.update(progress.pages, progress.pages + progress.queued, "  ".join(parts))

        return crawling.crawl(db, chosen, options, report, pool=pool, hooks=hooks)


def _tell_plan(planned: Sequence[Planned]) -> None:
    """What would be fetched, why, and on which page it was found."""
    if not planned:
        console().print("Nothing would be fetched now: no page is due, or its host rests or forbids it.")
        return

    def found_on(one: Planned) -> str:
        origin = "/".join(one.url.split("/")[:3])
        return one.found_on.removeprefix(origin) if one.found_on.startswith(origin + "/") else one.found_on

    table(("why", "page", "found on"), ((one.reason, one.url, found_on(one)) for one in planned))
    console().print(f"{count(len(planned), 'page')} would be fetched.", highlight=False)


def tell(
    summary: CrawlSummary,
    line: Callable[[str, TextIO], str] = lambda text, _: text,
    unread: Sequence[Trouble] = (),
) -> None:
    """What a crawl did, with a table by outcome on a terminal; FetchError when nothing could be fetched.

    `line` is what becomes of each line on its way to a stream, `unread` the pages that showed no column.
    """

    def say(text: str) -> None:
        console().print(line(text, sys.stdout), markup=False)

    good = sum(summary.outcomes.get(name, 0) for name in ("ok", "unchanged", "redirected"))
    if summary.failures and not good and not summary.interrupted:
        failure = summary.failures[0]
        hint = HINTS.get(failure.outcome, "")
        raise FetchError(f"Nothing could be fetched: {visible(failure.subject)}: {visible(failure.reason)}{hint}")
    for failure in summary.failures:
        said = visible(f"{failure.outcome}  {failure.subject}  {failure.reason}")
        typer.echo(line(said, sys.stderr), err=True)
    for page in unread[:SHOWN]:
        said = visible(f"{page.outcome}  {page.url}  {UNREAD[page.outcome]}")
        typer.echo(line(said, sys.stderr), err=True)
    if sys.stdout.isatty() and summary.outcomes:
        table(("outcome", "pages"), summary.outcomes.items(), right=("pages",))
    counts = ", ".join(f"{name} {count}" for name, count in summary.outcomes.items())
    counts = counts or ("nothing was visited" if summary.ended_early else "nothing was due")
    pages, sites = count(summary.pages, "page"), count(summary.sites, "site")
    say(f"{pages} of {sites} in {summary.seconds:.0f} s: {counts}{_derived(summary)}")
    if unread:
        kinds = Counter(page.outcome for page in unread)
        said = ", ".join(f"{name} {number}" for name, number in kinds.most_common())
        say(f"{count(len(unread), 'page')} fetched but without a column to read: {said}")
    for each in summary.derived:
        if each.error:
            typer.echo(line(visible(each.error), sys.stderr), err=True)
    for site, why in summary.ended_early:
        say(visible(f"{site} was left early: {why}"))
    if summary.left:
        say(f"{count(summary.left, 'page')} left; run it again to go on.")


def _derived(summary: CrawlSummary) -> str:
    sites = summary.derived
    added = sum(one.written.added for one in sites)
    revised = sum(one.written.revised for one in sites)
    parts = [
        f"{count(added, 'new article')}" if added else "",
        f"{count(revised, 'article')} changed" if revised else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"; {said}" if said else "; no article is new or changed" if sites else ""


def contact_for(urls: Sequence[str], given: str, settings: Path, db: Database | None = None) -> str:
    """Who is asking: as given, as in the settings or the archive, or asked for now. One's own machine needs none."""
    from columnarchive.config import load

    kept = db.get_meta("contact") if db else ""
    if known := given or load(settings).contact or kept:
        return known
    if all(is_loopback(url) for url in urls):
        return ""
    if not sys.stdin.isatty():
        raise UsageError(f"Say how the sites can reach you: --contact, $ARCHIVE_CONTACT, or `contact` in {settings}.")
    typer.echo("The sites you visit should know how to reach you; this goes with every request.", err=True)
    answer: str = typer.prompt("Your e-mail address or web page", err=True).strip()
    if not answer:
        raise UsageError("A contact is needed; it is told to the sites only.")
    if db:
        with db.transaction():
            db.set_meta("contact", answer)
    return answer


def is_loopback(url: str) -> bool:
    """Whether an address names this machine in plain words; what it resolves to is judged when connecting."""
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"
