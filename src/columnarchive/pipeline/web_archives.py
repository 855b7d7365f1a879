"""What is asked of web archives: captures that one has of a site (backfill), and new ones of what changed (witness).

Captures are taken over with their own dates, one request at a time. What the archive holds already is not fetched
again, so a run that was broken off is gone on with by the next. A capture that the web archive lists with the digest of
the one before is stored as a visit that found the same body.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import IO
from urllib.parse import urlsplit

from columnarchive import locale
from columnarchive.config import WitnessSettings
from columnarchive.content_encoding import SizeLimits
from columnarchive.crawl.client import FAILING, Client, FetchRequest
from columnarchive.crawl.responses import RETRIED_STATUS
from columnarchive.errors import ArchiveError, FetchError
from columnarchive.exchange import web_archives as cdx
from columnarchive.exchange.warc_reader import Skipped, outcome_of
from columnarchive.exchange.web_archives import ListedCapture, ListQuery
from columnarchive.pipeline.crawl_plan import CrawlOptions, Target
from columnarchive.pipeline.import_warc import Arrival, ImportSummary, add, robots_of
from columnarchive.pipeline.worker_pool import Worker
from columnarchive.records import Capture, Failure, Outcome
from columnarchive.store import captures, changes, tombstones
from columnarchive.store.changes import ChangeRow, Interest
from columnarchive.store.database import Database, writer_lock
from columnarchive.times import to_text
from columnarchive.urls import host_of, in_scope, page_key, site_key, trap

GROUP, GROUP_SECONDS = 50, 5.0  # captures that are committed together, and how long they may wait
MAX_FAILURES = 5  # requests in a row that a web archive may leave unanswered
LIST_SIZES = SizeLimits(wire=1 << 30, decoded=1 << 30)
# A web archive is slower than a clinic's server, and it may ask for pauses of minutes.
DEADLINE, HEAD_DEADLINE, LONGEST_WAIT = 300.0, 120.0, 900.0
Report = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class WebArchiveSpan:
    """Which captures are wanted: of the web archive at an address, in a span of time (UTC), both ends may be empty.

    With `exact`, those of the pages named alone, not those below them.
    """

    base: str = cdx.WAYBACK_MACHINE
    since: str = ""
    until: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a backfill did: captures of pages that the web archive lists, those that had to be fetched, and the rest.

    `years` counts those listed by year. `stopped` says why it ended early.
    """

    listed: int
    fetched: int
    years: tuple[tuple[str, int], ...]
    summary: ImportSummary
    stopped: FetchError | None = None
    dry_run: bool = False

    def sentence(self, lang: locale.Language) -> str:
        """Return the summary for people."""
        return locale.text(
            lang,
            "cli.backfill_planned" if self.dry_run else "cli.backfilled",
            listed=self.listed,
            years=", ".join(f"{year}: {number}" for year, number in self.years),
            known=self.summary.known,
            fetched=self.fetched,
            summary=self.summary,
        )


class _Stopped(Exception):
    """The web archive does not answer any more, or asks to be left alone."""


@dataclass(slots=True)
class _Run:
    """One backfill: what it works with, the captures that are not committed yet, and its counts."""

    db: Database
    client: Client
    target: Target
    span: WebArchiveSpan
    worker: Worker
    at: str
    report: Report
    pending: list[Arrival] = field(default_factory=list)
    pending_since: float = 0.0
    failures: int = 0
    fetched: int = 0
    years: Counter[str] = field(default_factory=Counter)
    summary: ImportSummary = field(default_factory=ImportSummary)

    @property
    def source(self) -> str:
        return cdx.source_of(urlsplit(self.span.base).netloc)

    def commit(self) -> None:
        """Store what was taken over."""
        pending, self.pending = self.pending, []
        if pending:
            add(self.db, pending, lambda _: self.target.settings.name, self.at, self.summary)

    def keep(self, capture: Capture, refers_to: str = "") -> None:
        """Take a capture over, with its neighbours."""
        if not self.pending:
            self.pending_since = time.monotonic()
        self.pending.append(Arrival(capture, self.source, refers_to))
        if len(self.pending) >= GROUP or time.monotonic() - self.pending_since >= GROUP_SECONDS:
            self.commit()

    async def request(self, url: str, sink: Callable[[bytes], object] | None = None) -> Capture:
        """Return the web archive's answer, which is not followed elsewhere; raise _Stopped when it gives none."""
        taken = (lambda _: sink) if sink else None
        sizes = LIST_SIZES if sink else None
        answer = await self.client.fetch(FetchRequest(url, pages_only=False, max_hops=0, sink=taken, sizes=sizes))
        refused = answer.outcome in FAILING or answer.status in RETRIED_STATUS
        is_replay = any(name.lower() == "memento-datetime" for name, _ in answer.headers)  # a page that failed then
        self.failures = self.failures + 1 if refused and not is_replay else 0
        if self.failures and (answer.status == 429 or self.failures >= MAX_FAILURES):
            raise _Stopped(answer.error or f"status {answer.status}")
        if answer.outcome == "private_address":
            raise FetchError("private_web_archive", host=urlsplit(self.span.base).netloc)
        return answer


def backfill(
    db: Database,
    target: Target,
    span: WebArchiveSpan,
    options: CrawlOptions,
    report: Report = lambda *_: None,
    *,
    dry_run: bool = False,
) -> Backfilled:
    """Take over what a web archive has of a site, or of the pages at the address named; the caller derives them.

    With `dry_run`, only count. Raises FetchError when the web archive gives no list, StoreError while another command
    writes.
    """
    span = replace(span, base=cdx.check_base(span.base))
    lock = contextlib.nullcontext() if dry_run else writer_lock(db.path, "backfill")
    with lock, contextlib.closing(Worker()) as worker, tempfile.TemporaryFile("w+", encoding="ascii") as spool:
        return asyncio.run(_backfill(db, target, span, options, worker, spool, report, dry_run))


async def _backfill(
    db: Database, target: Target, span: WebArchiveSpan, options: CrawlOptions, worker: Worker, spool: IO[str],
    report: Report, dry_run: bool,
) -> Backfilled:  # fmt: skip
    patient = replace(
        options.client_options(), deadline=DEADLINE, head_deadline=HEAD_DEADLINE, longest_wait=LONGEST_WAIT
    )
    async with Client(patient, options.clock, options.timer) as client:
        if options.allow_private:
            client.guard.trust(span.base)
        run = _Run(db, client, target, span, worker, to_text(options.clock()), report)
        stopped: FetchError | None = None
        try:
            listed = await _list(run, spool)
            spool.seek(0)
            await _take_over(run, _read(spool), listed, dry_run)
        except _Stopped as reason:
            stopped = FetchError("web_archive_stopped", host=urlsplit(span.base).netloc, reason=str(reason).rstrip("."))
            listed = sum(run.years.values())
        finally:
            run.commit()
    return Backfilled(listed, run.fetched, tuple(sorted(run.years.items())), run.summary, stopped, dry_run)


async def _list(run: _Run, spool: IO[str]) -> int:
    """Write the captures of the target's pages that the web archive lists to `spool`; return how many."""

    def take(found: ListedCapture) -> None:
        if not found.may_be_page or (run.span.since and found.at < run.span.since):
            return
        if _is_wanted(run.target, found.url, run.span.exact) and not (run.span.until and found.at > run.span.until):
            run.years[found.at[:4]] += 1
            spool.write(json.dumps(asdict(found)) + "\n")

    for query in _queries(run.target, run.span):
        await _list_one(run, query, take)
    return sum(run.years.values())


async def _list_one(run: _Run, query: ListQuery, take: Callable[[ListedCapture], None]) -> None:
    """Read the whole list for a query, at the first address where the web archive has one."""
    problem = ""
    for index in cdx.index_addresses(run.span.base):
        resume_key, pages = "", 0
        while resume_key or not pages:
            with tempfile.SpooledTemporaryFile(1 << 22) as page:
                answer = await run.request(query.address(index, resume_key), page.write)
                problem = "" if answer.outcome == "ok" else answer.error or f"status {answer.status}"
                if problem:
                    break
                page.seek(0)
                resume_key, pages = cdx.read_list(page, take), pages + 1
                run.report(sum(run.years.values()), None, query.url)
        if not problem:
            return
        if pages or answer.outcome not in ("missing", "gone", "http_error"):
            break
    raise FetchError("no_capture_list", host=urlsplit(run.span.base).netloc, reason=problem.rstrip("."))


def _queries(target: Target, span: WebArchiveSpan) -> Iterator[ListQuery]:
    """A list for each address that was named, or for each host of a site."""
    if target.named:
        for url in target.start:
            # Lists know addresses without their last slash, so what is not below is sorted out by `_is_wanted`.
            yield ListQuery(
                url.rstrip("/"), "prefix" if url.endswith("/") and not span.exact else "exact", span.since, span.until
            )
        return
    for host in dict.fromkeys(map(site_key, _hosts(target))):
        yield ListQuery(host, "host", span.since, span.until)


def _hosts(target: Target) -> tuple[str, ...]:
    return (*target.settings.hosts, *map(host_of, target.start))


def _is_wanted(target: Target, url: str, exact: bool) -> bool:
    try:
        page = target.settings.canonical(url)
    except ArchiveError:
        return False
    named = tuple(map(page_key, target.start))
    if target.named and (page_key(page) not in named if exact else not page_key(page).startswith(named)):
        return False
    wanted = in_scope(page, _hosts(target), target.settings.under) and not trap(page)
    return wanted and target.settings.kind_of(page) != "other"


def _read(spool: IO[str]) -> Iterator[ListedCapture]:
    for line in spool:
        yield ListedCapture(**json.loads(line))


async def _take_over(run: _Run, found: Iterator[ListedCapture], total: int, dry_run: bool) -> None:
    conn, key = run.db.conn, ""
    seen: dict[str, tuple[int, str]] = {}  # status and body of each digest, of one page at a time
    for done, listed in enumerate(found, 1):
        url = run.target.settings.canonical(listed.url)
        run.report(done, total, url)
        if listed.key != key:
            key, seen = listed.key, {}
        known = captures.status_at(conn, url, listed.at)
        if known is not None or tombstones.is_withdrawn(conn, [url]):
            run.summary.known += 1
            seen.setdefault(listed.digest, (known or 0, captures.body_at(conn, url, listed.at)))
            continue
        status, body = seen.get(listed.digest, (0, ""))
        if listed.status in (0, status) and (status >= 400 or (body and status < 300)):
            outcome: Outcome = "unchanged" if status < 300 else outcome_of(status)
            if not dry_run:
                run.keep(Capture(url, url, listed.at, status, (), None, outcome), body if status < 300 else "")
            continue
        run.fetched += 1
        if dry_run:
            seen[listed.digest] = (listed.status or 200, "listed")
        elif capture := await _fetch(run, listed, url):
            seen[listed.digest] = (capture.status, capture.body_sha256)
            run.keep(capture)


async def _fetch(run: _Run, listed: ListedCapture, url: str) -> Capture | None:
    """Fetch one capture as it was; None, counted, when the web archive does not give it or it is no page."""
    answer = await run.request(cdx.replay_address(run.span.base, listed))
    try:
        found = cdx.replayed(listed, url, answer)
    except ArchiveError as error:
        run.summary.fail(Failure(f"{listed.url} ({listed.at})", answer.outcome, str(error)))
        return None
    if isinstance(found, Skipped):
        run.summary.skip(found.reason)
        return None
    if not found.headers:
        return found
    # Judged by the page's own header lines, stored with all that the web archive sent.
    return replace(found, headers=answer.headers, robots=robots_of(found, run.worker))


CHANNEL = "witness"
LEVEL = 3
RECENT = timedelta(days=2)  # an older change shows nothing of its time any more
AT_MOST = 30  # requests after one crawl; the rest follow after the next
SAVE_DELAY, SAVE_DEADLINE = 10.0, 180.0  # seconds between requests, and for one: saving a page takes its time


@dataclass(frozen=True, slots=True)
class WitnessCalls:
    """What came of asking a web archive to capture pages: those it took, those left for later, and why."""

    host: str
    saved: tuple[str, ...] = ()
    left: int = 0
    error: str = ""

    def sentence(self, lang: locale.Language) -> str:
        """Return the calls for people."""
        why = self.error.rstrip(".") if self.left else ""
        return locale.text(
            lang, "cli.witness_asked", host=self.host, pages=len(self.saved), left=self.left or "", why=why
        )


def call_witness(db: Database, settings: WitnessSettings, options: CrawlOptions) -> WitnessCalls:
    """Ask for a capture of each page with a change of level 3 in the last days that was not asked for yet."""
    since = to_text(options.clock() - RECENT)
    found = changes.pending(db.conn, CHANNEL, Interest(LEVEL, since=since))
    rows = [row for row in found if "gone" not in row.labels] if settings.save else []
    return asyncio.run(_call(db, settings, options, rows)) if rows else WitnessCalls(host_of(settings.url))


async def _call(
    db: Database, settings: WitnessSettings, options: CrawlOptions, rows: Sequence[ChangeRow]
) -> WitnessCalls:
    urls = list(dict.fromkeys(row.url for row in rows))
    delay = SAVE_DELAY if options.delay is None else options.delay
    saved: list[str] = []
    error = ""
    client_options = replace(options.client_options(), delay=delay, deadline=SAVE_DEADLINE, head_deadline=SAVE_DEADLINE)
    async with Client(client_options, options.clock, options.timer) as client:
        if options.allow_private:
            client.guard.trust(settings.url)
        for url in urls[:AT_MOST]:
            answer = await client.fetch(FetchRequest(settings.url + url, pages_only=False, max_hops=0))
            if not 200 <= answer.status < 400:
                error = answer.error or f"status {answer.status}"
                break
            saved.append(url)
            with db.transaction() as conn:
                own = [row for row in rows if row.url == url]
                changes.mark_sent(conn, CHANNEL, own, to_text(options.clock()))
    return WitnessCalls(host_of(settings.url), tuple(saved), len(urls) - len(saved), error)
