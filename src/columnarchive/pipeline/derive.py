"""Captures to articles, revisions, changes and index: per site, in worker processes, whole or not at all."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import msgspec

from columnarchive import history, observations
from columnarchive.config import SiteSettings
from columnarchive.diff import ENGINE
from columnarchive.errors import ArchiveError, Containment, StoreError, UsageError, ignore
from columnarchive.extract import RULES
from columnarchive.pipeline.worker_pool import (
    TOO_COSTLY,
    WORKERS,
    CallFailed,
    ClusterPool,
    PageLimits,
    Worker,
    WorkerDied,
    WorkerPool,
)
from columnarchive.records import DerivedSite, FaultStep, PageFault, PageKind, SiteTemplate
from columnarchive.store import blobs, captures, copies, pictures, site_writer, sites, snapshot
from columnarchive.store.database import Database
from columnarchive.times import Clock, system_clock, to_text

DERIVATION = f"{RULES}/{ENGINE}/{observations.VERSION}/{history.VERSION}"
"""What a stored derivation must have been made with to be current."""


MAX_WORKERS = 1000
MAX_FATAL_PAGES = 100
"""Pages of one site that may end a worker before the site is given up."""


@dataclass(frozen=True, slots=True)
class SiteDerived:
    """One site's derivation as it was written; `error` says why when it could not be made."""

    site: str
    written: site_writer.Written
    error: ArchiveError | None = None
    faults: tuple[PageFault, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteTask:
    """A site to derive, and the faults that ended a worker meanwhile."""

    path: Path
    site_id: int
    name: str
    fatal: tuple[PageFault, ...] = ()
    anew: bool = False
    package: bytes = b""


Report = Callable[[SiteDerived, int, int], None]
Result = DerivedSite | ArchiveError


@contextlib.contextmanager
def workers(spec: str = "") -> Iterator[WorkerPool]:
    """Workers for several calls of `derive`: a number of processes, or a Dask cluster (dask://HOST:PORT)."""
    if spec and not spec.startswith("dask://") and not (spec.isdecimal() and 1 <= int(spec) <= MAX_WORKERS):
        raise UsageError("unknown_workers", text=spec[:60])
    with ClusterPool(spec) if spec.startswith("dask://") else WorkerPool(int(spec or WORKERS)) as pool:
        yield pool


def derive(
    db: Database,
    site_ids: Sequence[int] = (),
    *,
    force: bool = False,
    report: Report | None = None,
    clock: Clock = system_clock,
    pool: WorkerPool | None = None,
) -> list[SiteDerived]:
    """Bring derived tables up to their captures and the current rules; with `force`, all of them anew.

    Each site is written in one transaction, so an interruption leaves every site whole, old or new. `report` is called
    with each site as it is done, the number done and the number to do. `pool` is for callers with many calls to make.
    Copied passages are looked for at the end, unless only some sites are brought up to date.
    """
    chosen = sites.all_sites(db) if force else sites.stale_sites(db, DERIVATION)
    todo = [(site_id, name) for site_id, name in chosen if not site_ids or site_id in site_ids]
    anew = force and len(todo) == len(chosen)
    if anew:
        site_writer.start_rebuild(db)
    done = [] if force else _confirmed(db, todo, to_text(clock()))
    todo = [one for one in todo if one[1] not in {each.site for each in done}]
    if todo:
        from columnarchive.pipeline.pictures import examine

        examine(db)
        with contextlib.ExitStack() as stack:
            done += _written(db, pool or stack.enter_context(workers()), todo, report, clock, anew)
    if force or not site_ids:
        update_copies(db)
    return done


def _confirmed(db: Database, todo: Sequence[tuple[int, str]], at: str) -> list[SiteDerived]:
    """The sites whose new visits found nothing new, brought up to date without reading a page."""
    done = []
    for site_id, name in todo:
        with db.transaction() as conn:
            written = site_writer.confirm_site(conn, site_id, DERIVATION, at)
        if written:
            done.append(SiteDerived(name, written))
    return done


def update_copies(db: Database) -> None:
    """Look for copies of the passages that were written since the last time: once a run, for all sites together."""
    from columnarchive.diff import passage_fingerprints as passages

    with db.transaction() as conn:
        copies.settle(conn, passages)


def derive_sites(
    pool: WorkerPool, path: Path, todo: Sequence[tuple[int, str]], *, anew: bool = False
) -> Iterator[tuple[SiteTask, Result]]:
    """Derive sites in worker processes without writing; yield each, or the error that stopped it, as it is done.

    With `anew`, all ledgers are made, also those of articles that are stored as they are derived.
    """
    path = path.absolute()  # a worker may have been started in another folder
    tasks: Iterable[SiteTask] = (SiteTask(path, site_id, name, anew=anew) for site_id, name in todo)
    if isinstance(pool, ClusterPool):  # its machines do not have this disk
        tasks = (replace(task, package=snapshot.site_package(path, task.site_id)) for task in tasks)
    return pool.run(_derive_one, tasks)


def _derive_one(worker: Worker, task: SiteTask) -> tuple[SiteTask, Result]:
    """A site's derivation, from the site's package if it has one."""
    if not task.package:
        return _derive_here(worker, task)
    with tempfile.TemporaryDirectory() as folder:
        path = snapshot.open_package(task.package, Path(folder))
        return _derive_here(worker, replace(task, path=path, package=b""))


def _derive_here(worker: Worker, task: SiteTask) -> tuple[SiteTask, Result]:
    """A site's derivation; each page that ends the worker is left out, and the site tried again."""
    while True:
        try:
            return task, msgspec.msgpack.decode(worker.call(in_worker, task), type=DerivedSite)
        except ArchiveError as error:
            return task, error
        except CallFailed as failure:
            return task, _given_up(task, StoreError("fault_of_program", fault=failure))
        except WorkerDied as death:
            step, _, sha256 = death.at.partition(" ")
            fault = PageFault(sha256, cast(FaultStep, step), TOO_COSTLY)
            if not sha256 or fault in task.fatal or len(task.fatal) >= MAX_FATAL_PAGES:
                return task, _given_up(task, StoreError("pages_end_worker"))
            task = replace(task, fatal=(*task.fatal, fault))


def _given_up(task: SiteTask, why: StoreError) -> ArchiveError:
    return StoreError("not_derived", site=task.name, reason=why)


def _written(
    db: Database, pool: WorkerPool, todo: Sequence[tuple[int, str]], report: Report | None, clock: Clock, anew: bool
) -> list[SiteDerived]:
    done: list[SiteDerived] = []
    for task, result in derive_sites(pool, db.path, todo, anew=anew):
        at = to_text(clock())
        if isinstance(result, ArchiveError):
            with db.transaction() as conn:  # so that these pages need not end a worker again
                captures.remember_faults(conn, task.fatal, DERIVATION, at)
            done.append(SiteDerived(task.name, site_writer.Written(0, 0, 0, 0, 0), result, task.fatal))
        else:
            with db.transaction() as conn:
                written = site_writer.write_site(db, task.site_id, result, at, anew=anew)
                captures.remember_faults(conn, result.faults, DERIVATION, at)
            done.append(SiteDerived(task.name, written, faults=result.faults))
        if report:
            report(done[-1], len(done), len(todo))
    if anew:
        site_writer.finish_rebuild(db)
    return done


def in_worker(limits: PageLimits, task: SiteTask) -> bytes:
    """Derive a site, encoded for the parent: all that a worker process does."""
    with Database.open(task.path, create=False, write=False) as db:
        made = derive_site(db, task.site_id, limits.begin, task.fatal)
        limits.end()
        return msgspec.msgpack.encode(_made_ready(db, made, task.anew))


def derive_site(
    db: Database, site_id: int, begin: Callable[[str], None] = ignore, fatal: Sequence[PageFault] = ()
) -> DerivedSite:
    """Derive one site without writing. `begin` is called with each step and body, `fatal` ones are left out.

    When a page fails, the site is derived again without it, so that it leaves no trace in what others are read by.
    """
    known = captures.known_faults(db.conn, DERIVATION)
    faults = list(fatal)
    while True:
        containment = Containment(begin, {**known, **{(one.body_sha256, one.step): one.reason for one in faults}})
        found = _derived(db, site_id, containment)
        if not containment.faults:
            return replace(found, faults=tuple(faults))
        faults += containment.faults


def _derived(db: Database, site_id: int, containment: Containment) -> DerivedSite:
    # What reads and compares pages is loaded by workers only.
    from columnarchive.diff.pictures import NOTHING_READ, PictureReadings
    from columnarchive.extract.site_reader import read_site
    from columnarchive.history.article_identity import PictureVersions, versions
    from columnarchive.history.revisions import assemble

    name, settings = sites.settings(db.conn, site_id)
    pages = captures.visits(db, site_id)
    site = SiteSettings(name, kinds=cast(dict[str, PageKind], settings.get("kinds", {})))
    overrides = {page.url: kind for page in pages if (kind := site.kind_of(page.url))}
    template: list[SiteTemplate] = []
    read = read_site(
        [versions(page) for page in pages], partial(blobs.read, db), overrides, template.append, containment
    )
    files = captures.visits(db, site_id, resources=True)
    known = NOTHING_READ
    if files:
        known = PictureReadings(pictures.reencoded(db.conn), pictures.texts(db.conn, site_id))
    found = PictureVersions.of_pages(map(versions, files), known)
    verdicts, histories = assemble(pages, {page.url: page for page in read}, RULES, containment, found)
    newest = sites.newest_capture(db.conn, site_id)
    return DerivedSite(name, DERIVATION, newest, verdicts, histories, next(iter(template), None))


def _made_ready(db: Database, result: DerivedSite, anew: bool) -> DerivedSite:
    """Add digests, and ledgers of those articles that are not stored as they are derived."""
    digests = tuple(map(site_writer.history_digest, result.histories))
    stored = site_writer.digests(db.conn, result.site)
    new = [
        history
        for history, digest in zip(result.histories, digests, strict=True)
        if stored.get(history.article.url) != digest
    ]
    return replace(
        result,
        digests=digests,
        ledgers={
            history.article.url: observations.ledger_entries(history.revisions)
            for history in (result.histories if anew else new)
        },
    )
