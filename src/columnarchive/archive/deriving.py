"""Captures to articles, revisions, changes and index: per site, in worker processes, whole or not at all."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from columnarchive.archive.grouping import versions
from columnarchive.archive.histories import assemble
from columnarchive.diff.compare import ENGINE
from columnarchive.errors import ArchiveError, StoreError
from columnarchive.extract.derive import read_site
from columnarchive.extract.rules import RULES
from columnarchive.model import DerivedSite, PageKind
from columnarchive.store import bodies, captures, derived, sites
from columnarchive.store.database import Database
from columnarchive.times import Clock, system_clock, to_text

DERIVATION = f"{RULES}/{ENGINE}"  # what a stored derivation must have been made with to be kept
WORKERS = 2


@dataclass(frozen=True, slots=True)
class SiteDerived:
    """One site's derivation as it was written; `error` is a sentence when it could not be made."""

    site: str
    written: derived.Written
    error: str = ""


Report = Callable[[SiteDerived, int, int], None]


def derive(
    db: Database,
    site_ids: Sequence[int] = (),
    *,
    force: bool = False,
    report: Report | None = None,
    clock: Clock = system_clock,
) -> list[SiteDerived]:
    """Bring derived tables up to their captures and the current rules; with `force`, all of them anew.

    Each site is written in one transaction, so an interruption leaves every site whole, old or new. `report` is called
    with each site as it is done, the number done and the number to do.
    """
    chosen = sites.all_sites(db) if force else sites.stale_sites(db, DERIVATION)
    todo = [(site_id, name) for site_id, name in chosen if not site_ids or site_id in site_ids]
    done: list[SiteDerived] = []
    for site_id, name, result in _derived_in_workers(db.path, todo):
        if isinstance(result, ArchiveError):
            done.append(SiteDerived(name, derived.Written(0, 0, 0, 0, 0), str(result)))
        else:
            with db.transaction():
                written = derived.write_site(db, site_id, result, to_text(clock()))
            done.append(SiteDerived(name, written))
        if report:
            report(done[-1], len(done), len(todo))
    return done


def derive_site(path: Path, site_id: int) -> DerivedSite:
    """Derive one site from the archive at `path` without writing: the whole of what a worker process does."""
    with Database.open(path, create=False, write=False) as db:
        name, settings = sites.settings(db.conn, site_id)
        pages = captures.visits(db, site_id)
        overrides = cast(Mapping[str, PageKind], settings.get("kinds", {}))
        readings = {
            page.url: page
            for page in read_site([versions(page) for page in pages], lambda digest: bodies.read(db, digest), overrides)
        }
        verdicts, histories = assemble(pages, readings, RULES)
        return DerivedSite(name, DERIVATION, sites.newest_capture(db.conn, site_id), verdicts, histories)


Outcome = tuple[int, str, DerivedSite | ArchiveError]


def _derived_in_workers(path: Path, todo: Sequence[tuple[int, str]]) -> Iterator[Outcome]:
    """Results as they come; at most two a worker are under way, so memory stays flat however many sites there are."""
    waiting = iter(todo)
    running: dict[Future[DerivedSite], tuple[int, str]] = {}
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(WORKERS, max(1, len(todo))), mp_context=context)
    try:
        while True:
            while len(running) < WORKERS * 2 and (following := next(waiting, None)):
                running[pool.submit(derive_site, path, following[0])] = following
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                site_id, name = running.pop(future)
                yield site_id, name, _result(future, name)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[DerivedSite], name: str) -> DerivedSite | ArchiveError:
    try:
        return future.result()
    except BrokenProcessPool:
        return StoreError(f"The worker that derived {name} died; its captures are safe and its articles as before.")
    except ArchiveError as error:
        return error
