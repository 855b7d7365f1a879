"""The crawl as a use case: which sites, their queues, many at once, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from columnarchive.crawl.client import Client
from columnarchive.crawl.clock import Timer
from columnarchive.crawl.frontier import Visit
from columnarchive.crawl.memory_budget import give_back_at_once
from columnarchive.crawl.site_crawler import Interrupted, SiteCrawl
from columnarchive.errors import ArchiveError, StoreError
from columnarchive.pipeline.crawl_plan import CrawlOptions, Planned, Target, plan, planned, targets
from columnarchive.pipeline.derive import DERIVATION, SiteDerived, derive
from columnarchive.pipeline.link_reader import LinkReader
from columnarchive.pipeline.notifications import Delivery
from columnarchive.pipeline.store_frontier import Group, SiteFrontier, open_frontier
from columnarchive.pipeline.worker_pool import WorkerPool, WorkerStopped
from columnarchive.records import Capture, Failure, Outcome, PageFault
from columnarchive.store import frontier, page_faults
from columnarchive.store.database import Database
from columnarchive.store.overview import Trouble
from columnarchive.store.writer_lock import writer_lock
from columnarchive.times import to_text

__all__ = ["CrawlOptions", "CrawlSummary", "Planned", "Progress", "Target", "crawl", "targets"]
FAILURES_KEPT = 200
GRACE = 1.5  # seconds to finish what is in flight after Ctrl-C
GOOD: frozenset[Outcome] = frozenset({"ok", "unchanged", "redirected"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a crawl is, told after each visit; `upcoming` is the site's next address, if that is known yet."""

    site: str
    url: str
    outcome: Outcome
    pages: int
    queued: int
    failures: int
    sites_left: int
    seconds: float
    upcoming: str = ""


@dataclass(frozen=True, slots=True)
class CrawlSummary:
    """What a crawl did: visits by outcome, what is left to be visited, why sites were left early, and failures.

    `derived` tells what was derived of each site, `notified` what was sent to webhooks, `unread` which pages visited
    show no column; `planned` is filled by a dry run only.
    """

    outcomes: dict[Outcome, int]
    pages: int
    sites: int
    left: int
    seconds: float
    ended_early: tuple[tuple[str, str], ...] = ()
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False
    derived: tuple[SiteDerived, ...] = ()
    planned: tuple[Planned, ...] = ()
    requests: int = 0
    notified: tuple[Delivery, ...] = ()
    unread: tuple[Trouble, ...] = ()


Report = Callable[[Progress], None]


def crawl(
    db: Database, sites: Sequence[Target], options: CrawlOptions, report: Report, pool: WorkerPool | None = None
) -> CrawlSummary:
    """Crawl the sites until nothing is left, the number of pages is reached, or Ctrl-C.

    With a `pool`, each site is derived in it when its crawl has ended. Nothing that a site does raises; StoreError
    does, when the database cannot be written or another crawl of it is running.
    """
    with writer_lock(db.path, "crawl"):
        if options.dry_run:
            pages = planned(db, sites, options)
            return CrawlSummary({}, 0, len(sites), len(pages), 0.0, planned=pages)
        give_back_at_once()
        return asyncio.run(_Crawl(db, options, report, pool).run(sites))


class _Crawl:
    """One run over many sites."""

    def __init__(self, db: Database, options: CrawlOptions, report: Report, pool: WorkerPool | None) -> None:
        self.db = db
        self.options = options
        self.tell = report
        self.pool = pool
        self.deriving: Database | None = None
        self.group = Group(db, options.clock)
        self.links = LinkReader(page_faults.known(db.conn, DERIVATION), self._record_fault)
        self.outcomes: Counter[Outcome] = Counter()
        self.failures: list[Failure] = []
        self.ended: list[tuple[str, str]] = []
        self.derived: list[SiteDerived] = []
        self.left = 0
        self.sites_left = 0
        self.pages = 0
        self.requests = 0
        self.started = time.monotonic()

    async def run(self, sites: Sequence[Target]) -> CrawlSummary:
        self.stop = asyncio.Event()
        self.turn_to_derive = asyncio.Lock()
        self.sites = self.sites_left = len(sites)
        timer = Timer(self.options.timer.seconds, self._interruptible)
        waiting = iter(sites)
        committing = asyncio.create_task(self._commit_now_and_then())
        stopping: asyncio.Task[None] | None = None
        try:
            with _on_interrupt(self.stop.set):
                async with Client(self.options.client_options(), self.options.clock, timer) as client:
                    at_once = min(self.options.sites_at_once, len(sites))
                    async with asyncio.TaskGroup() as group:
                        tasks = [group.create_task(self._work(client, waiting)) for _ in range(at_once)]
                        stopping = asyncio.create_task(self._stop_in_time(tasks))
                    self.requests = client.requests
            self.group.commit()
        except* ArchiveError as problems:
            raise problems.exceptions[0] from None  # the first says what happened; the rest follow from it
        finally:
            committing.cancel()
            if stopping is not None:
                stopping.cancel()
            self.links.close()
            self.group.drop()
        return self._summary(len(sites))

    def _summary(self, sites: int) -> CrawlSummary:
        return CrawlSummary(
            dict(self.outcomes.most_common()), self.pages, sites, self.left, time.monotonic() - self.started,
            tuple(self.ended), tuple(self.failures), self.stop.is_set(), tuple(self.derived), requests=self.requests,
        )  # fmt: skip

    async def _work(self, client: Client, waiting: Iterator[Target]) -> None:
        for target in waiting:
            await self._site(client, target)
            self.sites_left -= 1

    async def _site(self, client: Client, target: Target) -> None:
        if self.stop.is_set():
            return
        start = frontier.starts_of(self.db.conn, target.settings.name)
        site = plan(target, self.options, start)
        queue = open_frontier(self.group, site, target.settings.revisit_days, self.options.all or target.named)
        if self.options.allow_private:
            # Only the hosts and ports that were asked for: a redirect or a link must not reach further inside.
            for scheme, host in itertools.product(("http", "https"), site.hosts):
                client.network.trust(f"{scheme}://{host}/")
        report = self._reporter(target.settings.name, queue)
        one = SiteCrawl(client, site, queue, self.links, report, self._wanted, alone=self.sites == 1)
        try:
            await one.run()
        except (Interrupted, asyncio.CancelledError):  # see _stop_in_time
            one.ended = "the crawl was stopped"
        queue.keep_settings(target.settings.stored())
        self.left += queue.left()
        if one.ended:
            self.ended.append((target.settings.name, one.ended))
        await client.release(site.hosts)
        if one.visits and self.pool is not None:
            self.group.commit()
            async with self.turn_to_derive:
                try:
                    self.derived += await asyncio.to_thread(self._derive, self.pool, queue.site_id)
                except (WorkerStopped, StoreError):
                    if not self.stop.is_set():
                        raise  # else: the next run derives it

    def _derive(self, pool: WorkerPool, site_id: int) -> list[SiteDerived]:
        with Database.open(self.db.path, create=False) as own:
            self.deriving = own
            try:
                return derive(own, [site_id], clock=self.options.clock, pool=pool)
            finally:
                self.deriving = None

    def _record_fault(self, fault: PageFault) -> None:
        self.group.begin()
        page_faults.remember(self.db.conn, [fault], DERIVATION, to_text(self.options.clock()))

    async def _stop_in_time(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Once the crawl is to stop, give what is in flight a moment, then end it."""
        await self.stop.wait()
        if self.pool is not None:
            self.pool.stop()
        await asyncio.sleep(GRACE)
        self.links.close()
        for task in tasks:
            task.cancel()
        while (own := self.deriving) is not None:  # an interrupt counts only while a statement runs
            own.interrupt()
            await asyncio.sleep(0.02)

    def _wanted(self) -> bool:
        if self.stop.is_set():
            raise Interrupted
        return not self.options.max_pages or self.pages < self.options.max_pages

    def _reporter(self, site: str, queue: SiteFrontier) -> Callable[[Capture, Visit], None]:
        def report(capture: Capture, visit: Visit) -> None:
            self.pages += 1
            self.outcomes[capture.outcome] += 1
            repeated = capture.outcome == "unresolved" and self.failures and self.failures[-1].reason == capture.error
            failed_at = capture.outcome not in GOOD or (capture.outcome == "ok" and capture.error)
            if failed_at and len(self.failures) < FAILURES_KEPT and not repeated:
                self.failures.append(Failure(visit.url, capture.outcome, capture.error or f"Status {capture.status}."))
            failed = sum(count for outcome, count in self.outcomes.items() if outcome not in GOOD)
            seconds = time.monotonic() - self.started
            told = Progress(
                site, visit.url, capture.outcome, self.pages, queue.left(), failed, self.sites_left, seconds
            )
            self.tell(replace(told, upcoming=queue.upcoming))

        return report

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self.group.tick()

    async def _interruptible(self, seconds: float) -> None:
        """Wait, unless the crawl is stopped meanwhile: only what is in flight is finished."""
        sleeping: asyncio.Future[None] = asyncio.ensure_future(_as_coroutine(self.options.timer.sleep(seconds)))
        stopping = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
        if self.stop.is_set():
            raise Interrupted


async def _as_coroutine(waited: Awaitable[None]) -> None:
    await waited


@contextlib.contextmanager
def _on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C asks the crawl to stop; a second one stops it at once. Outside the main thread nothing is changed."""
    loop = asyncio.get_running_loop()
    # Not loop.add_signal_handler: it would take the process's wake-up descriptor, which the command line watches.
    previous = signal.getsignal(signal.SIGINT)

    def once(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, previous)
        loop.call_soon_threadsafe(stop)

    try:
        signal.signal(signal.SIGINT, once)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
