"""Pictures in the text of columns, for sites that ask for it: fetched, opened, compared with what was there before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from columnarchive.extract import picture_files
from columnarchive.extract.charset import decode
from columnarchive.pipeline.worker_pool import CallFailed, PageLimits, Worker, WorkerDied, WorkerPool
from columnarchive.records import Capture, QueuedUrl
from columnarchive.store import blobs, pictures
from columnarchive.store.database import Database
from columnarchive.urls import is_below

if TYPE_CHECKING:  # workers that derive need no crawler
    from columnarchive.crawl.site_crawler import SiteCrawler
    from columnarchive.store.frontier import SiteFrontier

MAX_OF_ARTICLE = 40
LINK_SECONDS = 5.0
_ROUNDS = 3  # pages, their style sheets, and the sheets that these import
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
) -> None:
    """Fetch the pictures that the articles of a site have now and that are due."""
    known = pictures.wanted(queue.group.db.conn, queue.plan.name, MAX_OF_ARTICLE)
    for visit in queue.resources([url for url in known if is_below(url, hosts)]):
        crawler.may_continue()  # raises when the crawl was stopped
        capture = await crawler.fetch_resource(visit, hosts)
        if capture is None:
            break
        report(visit, capture)


async def fetch_requisites(
    crawler: SiteCrawler,
    queue: SiteFrontier,
    hosts: tuple[str, ...],
    report: Callable[[QueuedUrl, Capture], None],
) -> None:
    """Fetch what the pages of a site's articles need to look as they looked, and what their style sheets name."""
    db, worker = queue.group.db, Worker()
    sources = pictures.article_pages(db.conn, queue.site_id)
    try:
        for _ in range(_ROUNDS):
            known: list[str] = []
            for url, sha256 in sources:
                known += await asyncio.to_thread(_requisites, worker, blobs.read(db, sha256), url)
            known = [url for url in dict.fromkeys(known) if is_below(url, hosts)]
            for visit in queue.resources(known, "requisite"):
                crawler.may_continue()
                capture = await crawler.fetch_resource(visit, hosts, accepts=_is_no_page)
                if capture is None:
                    return
                report(visit, capture)
            sources = pictures.style_sheets(db.conn, known)
    finally:
        worker.close()


def _is_no_page(body: bytes) -> bool:
    head = body[:2048].lower()
    return b"<html" not in head and b"<!doctype html" not in head


def _requisites(worker: Worker, body: bytes, url: str) -> list[str]:
    try:
        return worker.call(requisites_in_worker, body, url)
    except (CallFailed, WorkerDied):
        return []


def requisites_in_worker(limits: PageLimits, body: bytes, url: str) -> list[str]:
    """Find what a page or a style sheet needs within its limits."""
    from columnarchive.extract import page_images

    limits.begin("requisites", LINK_SECONDS)
    if _is_no_page(body) and urlsplit(url).path.lower().endswith(".css"):
        return page_images.requisites_of_style_sheet(body.decode("utf-8", "replace"), url)
    return page_images.requisites_of_page(decode(body, "")[0], url)


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
        engine = picture_files.engine()
        unread = pictures.unread(db.conn, engine) if engine else []
        for (sha256,), boxes in pool.run(_read, (_job(db, sha256) for sha256 in unread)):
            with db.transaction() as conn:  # reading takes a second each
                pieces = json.dumps([asdict(one) for one in boxes], ensure_ascii=False)
                pictures.add_text(conn, sha256, picture_files.in_lines(boxes), pieces, engine)
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


def _read(worker: Worker, job: _Job) -> tuple[tuple[str, ...], tuple[picture_files.TextBox, ...]]:
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


def read_in_worker(limits: PageLimits, body: bytes) -> tuple[picture_files.TextBox, ...]:
    """Read the text in a picture within its limits."""
    limits.begin("picture", READING_SECONDS, READING_MEMORY)
    return picture_files.read(picture_files.decode(body))


def compare_in_worker(limits: PageLimits, old: bytes, new: bytes) -> bool:
    """Compare two pictures within their limits."""
    limits.begin("picture", SECONDS, MEMORY)
    return picture_files.is_reencoded(old, new)
