"""Pictures in the text of columns, for sites that ask for it: fetched, opened, compared with what was there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from columnarchive.extract import picture_files
from columnarchive.pipeline.worker_pool import CallFailed, PageLimits, Worker, WorkerDied, WorkerPool
from columnarchive.records import Capture
from columnarchive.store import blobs, pictures
from columnarchive.store.database import Database
from columnarchive.urls import is_below

if TYPE_CHECKING:  # workers that derive need no crawler
    from columnarchive.crawl.frontier import QueuedUrl
    from columnarchive.crawl.site_crawler import SiteCrawler
    from columnarchive.pipeline.store_frontier import SiteFrontier

MAX_OF_ARTICLE = 40
SECONDS = 30.0
"""CPU seconds to open a picture, or to compare two."""
MEMORY = 500_000_000
"""Bytes that this may take."""
_Job = tuple[tuple[str, ...], tuple[bytes, ...]]


async def fetch(
    crawler: SiteCrawler,
    queue: SiteFrontier,
    hosts: tuple[str, ...],
    report: Callable[[QueuedUrl, Capture], None],
) -> int:
    """Fetch the pictures that the articles of a site have now and that are due; return how many were asked for."""
    conn = queue.group.db.conn
    known = pictures.wanted(conn, queue.plan.name, MAX_OF_ARTICLE)
    asked = 0
    for visit in queue.resources([url for url in known if is_below(url, hosts)]):
        crawler.may_continue()  # raises when the crawl was stopped
        capture = await crawler.fetch_picture(visit, hosts)
        if capture is None:
            break
        asked += 1
        report(visit, capture)
    return asked


def can_compare() -> bool:
    """Whether pictures can be opened and compared here."""
    return picture_files.is_installed()


def examine(db: Database, pool: WorkerPool) -> None:
    """Open pictures that are new, and compare those that followed each other; what was found before is kept."""
    if not picture_files.is_installed():
        return
    opened = list(pool.run(_inspect, (_job(db, sha256) for sha256 in pictures.unexamined(db.conn))))
    with db.transaction() as conn:
        for (sha256,), found in opened:
            pictures.add_file(conn, sha256, found.outcome, found.format, (found.width, found.height))
    pairs = pictures.uncompared(db.conn, picture_files.ENGINE)
    compared = list(pool.run(_compare, (_job(db, *pair) for pair in pairs if pictures.are_ok(db.conn, pair))))
    with db.transaction() as conn:
        for (old, new), same in compared:
            pictures.add_pair(conn, (old, new), same, picture_files.ENGINE)


def _job(db: Database, *digests: str) -> _Job:
    return digests, tuple(blobs.read(db, one) for one in digests)


def _inspect(worker: Worker, job: _Job) -> tuple[tuple[str, ...], picture_files.PictureFile]:
    try:
        return job[0], worker.call(inspect_in_worker, *job[1])
    except (CallFailed, WorkerDied):
        return job[0], picture_files.PictureFile("unreadable")


def _compare(worker: Worker, job: _Job) -> tuple[tuple[str, ...], bool]:
    try:
        return job[0], worker.call(compare_in_worker, *job[1])
    except (CallFailed, WorkerDied):
        return job[0], False


def inspect_in_worker(limits: PageLimits, body: bytes) -> picture_files.PictureFile:
    """Open a picture within its limits."""
    limits.begin("picture", SECONDS, MEMORY)
    return picture_files.inspect(body)


def compare_in_worker(limits: PageLimits, old: bytes, new: bytes) -> bool:
    """Compare two pictures within their limits."""
    limits.begin("picture", SECONDS, MEMORY)
    return picture_files.is_reencoded(old, new)
