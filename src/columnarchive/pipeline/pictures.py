"""Pictures in the text of columns, for sites that ask for it: fetched, opened, compared with what was there before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from columnarchive.extract import picture_files, picture_text
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
READING_SECONDS, READING_MEMORY = 60.0, 1_500_000_000
"""The same for reading the text in a picture; the models alone take 300 MB."""
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


def examine(db: Database) -> None:
    """Open pictures that are new, read their text, and compare those that followed each other; what is known stays.

    The workers are not those that derive: what reads text takes hundreds of megabytes, and they end with it.
    """
    if not picture_files.is_installed():
        return
    with WorkerPool() as pool:
        opened = list(pool.run(_inspect, (_job(db, sha256) for sha256 in pictures.unexamined(db.conn))))
        if opened:
            with db.transaction() as conn:
                for (sha256,), found in opened:
                    pictures.add_file(conn, sha256, found.outcome, found.format, (found.width, found.height))
        engine = picture_text.engine()
        unread = pictures.unread(db.conn, engine) if engine else []
        for (sha256,), boxes in pool.run(_read, (_job(db, sha256) for sha256 in unread)):
            with db.transaction() as conn:  # reading takes a second each
                pieces = json.dumps([asdict(one) for one in boxes], ensure_ascii=False)
                pictures.add_text(conn, sha256, picture_text.in_lines(boxes), pieces, engine)
        pairs = pictures.uncompared(db.conn, picture_files.ENGINE)
        jobs = (_job(db, *pair) for pair in pairs if pictures.are_ok(db.conn, pair))
        compared = list(pool.run(_compare, jobs))
        if compared:
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


def _read(worker: Worker, job: _Job) -> tuple[tuple[str, ...], tuple[picture_text.TextBox, ...]]:
    try:
        return job[0], worker.call(read_in_worker, *job[1])
    except (CallFailed, WorkerDied):
        return job[0], ()


def _compare(worker: Worker, job: _Job) -> tuple[tuple[str, ...], bool]:
    try:
        return job[0], worker.call(compare_in_worker, *job[1])
    except (CallFailed, WorkerDied):
        return job[0], False


def inspect_in_worker(limits: PageLimits, body: bytes) -> picture_files.PictureFile:
    """Open a picture within its limits."""
    limits.begin("picture", SECONDS, MEMORY)
    return picture_files.inspect(body)


def read_in_worker(limits: PageLimits, body: bytes) -> tuple[picture_text.TextBox, ...]:
    """Read the text in a picture within its limits."""
    limits.begin("picture", READING_SECONDS, READING_MEMORY)
    return picture_text.read(picture_files.decode(body))


def compare_in_worker(limits: PageLimits, old: bytes, new: bytes) -> bool:
    """Compare two pictures within their limits."""
    limits.begin("picture", SECONDS, MEMORY)
    return picture_files.is_reencoded(old, new)
