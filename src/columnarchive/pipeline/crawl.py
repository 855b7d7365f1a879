"""The crawl: sites are fetched, their columns discovered and stored, articles derived, and webhooks notified."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from columnarchive import locale
from columnarchive.crawl.client import Client
from columnarchive.crawl.limits import Timer
from columnarchive.crawl.renderer import Renderer
from columnarchive.crawl.site_crawler import Interrupted, SiteCrawler
from columnarchive.errors import ArchiveError, StoreError
from columnarchive.pipeline import pictures
from columnarchive.pipeline.crawl_plan import CrawlOptions, Planned, Target, plan, planned, targets
from columnarchive.pipeline.derive import DERIVATION, SiteDerived, derive
from columnarchive.pipeline.notifications import Delivery, Hook, notify
from columnarchive.pipeline.worker_pool import LinkReader, Worker, WorkerPool, WorkerStopped
from columnarchive.records import Capture, Failure, Outcome, PageFault, QueuedUrl
from columnarchive.store import captures, frontier
from columnarchive.store import sites as site_rows
from columnarchive.store.database import Database, writer_lock
from columnarchive.store.frontier import Group, SiteFrontier, open_frontier
from columnarchive.store.sites import Trouble
from columnarchive.times import to_text

__all__ = ["CrawlOptions", "CrawlSummary", "Planned", "Progress", "Target", "crawl", "planned", "targets"]
MAX_FAILURES = 200
"""Failures that a summary names."""
GRACE = 1.5
"""Seconds to finish what is in flight after Ctrl-C."""
GOOD: frozenset[Outcome] = frozenset({"ok", "unchanged", "redirected"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a crawl is after a visit; `upcoming` is the site's next address, if it is known yet."""

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
    """What a crawl did: visits by outcome, pages left to visit, sites left early with the reason, and failures.

    `derived` lists the sites derived, `notified` what was sent to webhooks, `troubles` what could not be seen of the
    sites, such as pages that were visited and show no column, `pictures` counts those that were asked for by outcome,
    `gone` columns that are no longer there. `can_render` says whether pages that a script draws could be read.
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
    requests: int = 0
    notified: tuple[Delivery, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    pictures: dict[Outcome, int] = field(default_factory=dict)
    pictures_compared: bool = True
    gone: int = 0
    can_render: bool = True

    @property
    def unread(self) -> list[Trouble]:
        """The pages that were visited, answered, and show no column where one was to be expected."""
        answered = [one for one in self.troubles if one.state != "failed" or one.outcome == "unreadable"]
        return [one for one in answered if one.outcome in site_rows.UNREAD]

    @property
    def report(self) -> list[Failure]:
        """What the crawl could not see, by site: failures first, `reason` empty where the outcome says it."""
        failed = {one.subject for one in self.failures}
        others = [one for one in self.troubles if one.url not in failed]
        return sorted(
            [*self.failures, *(Failure(one.url, one.outcome, one.error, one.site) for one in others)],
            key=lambda one: one.site,
        )


Report = Callable[[Progress], None]


@dataclass(slots=True)
class CrawlRun:
    """One crawl over many sites: what its sites share, and what has come of it so far.

    Without a `pool`, sites are fetched and neither derived nor notified of. Without a `reader`, the crawl has a process
    of its own that reads links.
    """

    db: Database
    options: CrawlOptions
    report: Report
    pool: WorkerPool | None = None
    hooks: Sequence[Hook] = ()
    reader: Worker | None = None
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    pictures: Counter[Outcome] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    ended_early: list[tuple[str, str]] = field(default_factory=list)
    derived: list[SiteDerived] = field(default_factory=list)
    notified: dict[str, Delivery] = field(default_factory=dict)
    pages: int = 0
    left: int = 0
    sites_left: int = 0
    started: float = field(default_factory=time.monotonic)
    group: Group = field(init=False)
    links: LinkReader = field(init=False)
    renderer: Renderer | None = None
    client: Client = field(init=False)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    derive_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    deriving: Database | None = None

    def __post_init__(self) -> None:
        self.group = Group(self.db, self.options.clock)
        self.renderer = Renderer(self.options.clock) if Renderer.is_available() else None
        self.links = LinkReader(captures.known_faults(self.db.conn, DERIVATION), self._record_fault, self.reader)

    def _record_fault(self, fault: PageFault) -> None:
        self.group.begin()
        captures.remember_faults(self.db.conn, [fault], DERIVATION, to_text(self.options.clock()))

    def may_continue(self) -> bool:
        """Return whether another page may be fetched; raise Interrupted when the crawl was stopped."""
        if self.stop.is_set():
            raise Interrupted
        return not self.options.max_pages or self.pages < self.options.max_pages

    def record_visit(self, site: str, queue: SiteFrontier, capture: Capture, visit: QueuedUrl) -> None:
        """Count a visit and report it."""
        self.pages += 1
        self.outcomes[capture.outcome] += 1
        # Each page of a host without a name fails for the same reason, which is given once.
        repeated = capture.outcome == "unresolved" and self.failures and self.failures[-1].reason == capture.error
        # "redirected" with an error: the page has moved to where it may not be followed.
        failed = capture.outcome not in GOOD or (capture.outcome != "unchanged" and capture.error)
        if failed and not repeated and len(self.failures) < MAX_FAILURES:
            self._record_failure(site, visit, capture)
        self.report(
            Progress(
                site,
                visit.url,
                capture.outcome,
                self.pages,
                queue.remaining(),
                sum(count for outcome, count in self.outcomes.items() if outcome not in GOOD),
                self.sites_left,
                time.monotonic() - self.started,
                queue.upcoming,
            )
        )

    def record_picture(self, site: str, visit: QueuedUrl, capture: Capture) -> None:
        """Count a picture that was asked for."""
        self.pictures[capture.outcome] += 1
        if capture.outcome not in GOOD and len(self.failures) < MAX_FAILURES:
            self._record_failure(site, visit, capture)

    def _record_failure(self, site: str, visit: QueuedUrl, capture: Capture) -> None:
        reason = capture.error or locale.fault("status", status=capture.status)
        self.failures.append(Failure(visit.url, capture.outcome, reason, site))

    def derive_and_notify(self, pool: WorkerPool, site_ids: Sequence[int]) -> None:
        """Derive sites and send their changes to the webhooks; a webhook that failed is not tried again."""
        with self.db.beside() as own:
            self.deriving = own
            try:
                self.derived += derive(own, site_ids, clock=self.options.clock, pool=pool)
                working = [hook for hook in self.hooks if not self.notified.get(hook.url, Delivery(hook, 0)).error]
                for sent in notify(own, working):
                    before = self.notified.get(sent.hook.url, Delivery(sent.hook, 0))
                    self.notified[sent.hook.url] = replace(sent, changes=before.changes + sent.changes)
            finally:
                self.deriving = None


def crawl(
    db: Database,
    sites: Sequence[Target],
    options: CrawlOptions,
    report: Report = lambda _: None,
    *,
    pool: WorkerPool | None = None,
    hooks: Sequence[Hook] = (),
    reader: Worker | None = None,
) -> CrawlSummary:
    """Crawl sites until nothing is left, the number of pages is reached, or Ctrl-C.

    Nothing that a site does raises. StoreError is raised when the database cannot be written or another command writes.
    """
    began = to_text(options.clock())
    names = [one.settings.name for one in sites]
    gone = site_rows.gone(db.conn, names)
    with writer_lock(db.path, "crawl"):
        run = CrawlRun(db, options, report, pool, hooks, reader)
        with db.transaction() as conn:
            run.group.crawl = frontier.open_crawl(conn, names)
        asyncio.run(crawl_sites(run, sites))
        if not run.stop.is_set():
            with db.transaction() as conn:
                frontier.close_crawl(conn)
        if pool is not None and not run.stop.is_set():
            run.derive_and_notify(pool, ())  # also what an earlier run was killed before
    return CrawlSummary(
        dict(run.outcomes.most_common()),
        run.pages,
        len(sites),
        run.left,
        time.monotonic() - run.started,
        tuple(run.ended_early),
        tuple(run.failures),
        run.stop.is_set(),
        tuple(run.derived),
        run.client.requests,
        tuple(run.notified.values()),
        tuple(one for name in names for one in site_rows.troubles(db.conn, name, began)),
        dict(run.pictures.most_common()),
        pictures.can_compare(),
        len(site_rows.gone(db.conn, names) - gone),
        run.renderer is not None,
    )


async def crawl_sites(run: CrawlRun, sites: Sequence[Target]) -> None:
    """Crawl many sites at once, each by `crawl_site`."""
    run.sites_left = len(sites)
    timer = Timer(run.options.timer.seconds, partial(_sleep, run))
    waiting = iter(sites)
    helpers = [asyncio.create_task(_commit_regularly(run.group))]
    try:
        with _on_interrupt(run.stop.set):
            async with Client(run.options.client_options(), run.options.clock, timer) as run.client:
                at_once = min(run.options.sites_at_once, len(sites))
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(_crawl_waiting(run, waiting, len(sites))) for _ in range(at_once)]
                    helpers.append(asyncio.create_task(_stop_in_time(run, tasks)))
        run.group.commit()
    except* ArchiveError as problems:
        raise problems.exceptions[0] from None  # the first is the cause of the others
    finally:
        for helper in helpers:
            helper.cancel()
        run.links.close()
        if run.renderer is not None:
            await run.renderer.close()
        run.group.drop()


async def _crawl_waiting(run: CrawlRun, waiting: Iterator[Target], sites: int) -> None:
    for target in waiting:
        if not run.stop.is_set():
            await crawl_site(run, target, is_only_site=sites == 1)
        run.sites_left -= 1


async def crawl_site(run: CrawlRun, target: Target, *, is_only_site: bool = False) -> None:
    """Crawl one site: fetch its pages, discover and store its columns, derive its articles, notify of their changes."""
    name = target.settings.name
    site = plan(target, run.options, frontier.starts_of(run.db.conn, name))
    queue = open_frontier(run.group, site, target.settings.revisit_days, run.options.all or target.named)
    if run.options.allow_private:
        # Only the hosts and ports that were asked for: a redirect or a link must not reach further inside.
        for scheme, host in itertools.product(("http", "https"), (*site.hosts, *target.settings.picture_hosts)):
            run.client.guard.trust(f"{scheme}://{host}/")

    report = partial(run.record_visit, name, queue)
    gaps = site_rows.gaps(run.db.conn, queue.site_id)
    crawler = SiteCrawler(
        *(run.client, site, queue, run.links, report, run.may_continue, is_only_site, run.renderer, gaps)
    )
    try:
        await crawler.run()  # fetches, discovers, and stores through the queue
    except (Interrupted, asyncio.CancelledError):  # see _stop_in_time
        crawler.ended = locale.fault("stopped")
    queue.save_settings(target.settings.stored())
    run.left += queue.remaining()
    queue.save_gaps(crawler.gaps)
    if crawler.ended:
        run.ended_early.append((name, crawler.ended))
    if not run.stop.is_set() and not frontier.was_seen(run.db.conn, queue.site_id):
        frontier.unfollow(run.db.conn, queue.site_id)  # a mistyped address is not visited for ever
    await _derive(run, queue.site_id if crawler.visits else 0)
    record_picture = partial(run.record_picture, name)
    if target.settings.pictures and run.pool is not None and not run.stop.is_set():
        hosts = (*site.hosts, *target.settings.picture_hosts)
        with contextlib.suppress(Interrupted, asyncio.CancelledError):
            await pictures.fetch(crawler, queue, hosts, record_picture)
        await _derive(run, queue.site_id)
    if target.settings.requisites and not run.stop.is_set():
        hosts = (*site.hosts, *target.settings.picture_hosts)
        with contextlib.suppress(Interrupted, asyncio.CancelledError):
            await pictures.fetch_requisites(crawler, queue, hosts, record_picture)
        run.group.commit()
    await run.client.release(site.hosts)


async def _derive(run: CrawlRun, site_id: int) -> None:
    """Derive a site that was visited, and notify of its changes."""
    if site_id and run.pool is not None:
        run.group.commit()
        async with run.derive_turn:
            try:
                await asyncio.to_thread(run.derive_and_notify, run.pool, [site_id])
            except (WorkerStopped, StoreError):
                if not run.stop.is_set():
                    raise  # else: the next run derives it


async def _commit_regularly(group: Group) -> None:
    while True:
        await asyncio.sleep(0.25)
        group.tick()


async def _sleep(run: CrawlRun, seconds: float) -> None:
    """Wait; raise Interrupted when the crawl is stopped meanwhile."""
    sleeping: asyncio.Future[None] = asyncio.ensure_future(_as_coroutine(run.options.timer.sleep(seconds)))
    stopping = asyncio.ensure_future(run.stop.wait())
    try:
        await asyncio.wait((sleeping, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        stopping.cancel()
    if run.stop.is_set():
        raise Interrupted


async def _as_coroutine(waited: Awaitable[None]) -> None:
    await waited


async def _stop_in_time(run: CrawlRun, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Once the crawl is to stop, give what is in flight a moment, then end it."""
    await run.stop.wait()
    if run.pool is not None:
        run.pool.stop()
    await asyncio.sleep(GRACE)
    run.links.close()
    for task in tasks:
        task.cancel()
    while (own := run.deriving) is not None:  # an interrupt counts only while a statement runs
        own.interrupt()
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def _on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C; a second one raises KeyboardInterrupt. Only in the main thread."""
    loop = asyncio.get_running_loop()

    def once() -> None:
        stop()
        loop.remove_signal_handler(signal.SIGINT)

    try:
        loop.add_signal_handler(signal.SIGINT, once)
    except (NotImplementedError, RuntimeError, ValueError):
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
