"""Crawls and derivation as commands do them, in processes that all tests of a run share: starting takes longest."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from columnarchive.pipeline import crawl as crawling
from columnarchive.pipeline import derive as derivation
from columnarchive.pipeline import import_warc, integrity
from columnarchive.pipeline.worker_pool import Worker, WorkerPool
from columnarchive.store.database import Database

_POOLS: list[WorkerPool] = []


def workers() -> WorkerPool:
    """Return the worker processes of this run; others once an error has stopped them."""
    if not _POOLS or _POOLS[-1].idle._stopped:
        _POOLS.append(WorkerPool(1))
        atexit.register(_POOLS[-1].stop)
    return _POOLS[-1]


@contextlib.contextmanager
def lent(spec: str = "", own: Callable[[str], Any] = derivation.workers) -> Iterator[WorkerPool]:
    """Yield the worker processes of this run, or those that `spec` asks for, as `derive.workers` does."""
    with own(spec) if spec else contextlib.nullcontext(workers()) as pool:
        yield pool


@cache
def reader() -> Worker:
    """Return the process that reads links in this run."""
    worker = Worker()
    atexit.register(worker.close)
    return worker


def crawl(
    db: Database, sites: Sequence[crawling.Target], options: crawling.CrawlOptions, **more: Any
) -> crawling.CrawlSummary:
    """Crawl sites, and derive them if a pool is given."""
    return crawling.crawl(db, sites, options, reader=reader(), **more)


def import_files(db: Database, paths: Sequence[Path], *more: Any) -> import_warc.ImportSummary:
    """Import files of captures or other archives; `more` are a site, a report and a clock."""
    return import_warc.import_files(db, paths, *more, worker=reader())


def check(db: Database, head: str | None = None, *, full: bool = True) -> list[integrity.Problem]:
    """Verify an archive."""
    return integrity.check(db, head, full, lambda *_: None, pool=workers())


def check_file(path: Path, *, full: bool = True) -> list[integrity.Problem]:
    """Verify an archive that may be too damaged to open."""
    return integrity.check_file(path, None, full, lambda *_: None, pool=workers())


def derive(db: Database, site_ids: Sequence[int] = (), **options: Any) -> list[derivation.SiteDerived]:
    """Bring derived tables up to date."""
    return derivation.derive(db, site_ids, pool=workers(), **options)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the path of an archive that is made once for all processes of a run; it is only to be read."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            partial.mkdir()
            make(partial / "archive.db")
            partial.rename(folder)
    return folder / "archive.db"


def spread(values: Collection[Any], fast: int) -> list[Any]:
    """Return parameters of which only so many, evenly spread, run with the fast tests, and all with the slow ones."""
    chosen = {number * len(values) // fast for number in range(fast)}
    found = []
    for place, value in enumerate(values):
        marks = () if place in chosen else pytest.mark.slow
        found.append(pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=marks))
    return found
