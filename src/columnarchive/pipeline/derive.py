"""Captures to articles, revisions, changes and index: per site, in worker processes, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from columnarchive.config import SiteSettings
from columnarchive.diff import passage_fingerprints as passages
from columnarchive.diff.levels import ENGINE
from columnarchive.errors import ArchiveError
from columnarchive.extract.rules import RULES
from columnarchive.extract.site_reader import read_site
from columnarchive.history.article_identity import versions
from columnarchive.history.revisions import assemble
from columnarchive.pipeline.worker_pool import Task, Workers, page_limit
from columnarchive.records import DerivedSite, PageKind, PageReadings, SiteTemplate
from columnarchive.store import blobs, captures, copies, site_writer, sites
from columnarchive.store.database import Database
from columnarchive.times import Clock, system_clock, to_text

DERIVATION = f"{RULES}/{ENGINE}"  # what a stored derivation must have been made with to be kept


@dataclass(frozen=True, slots=True)
class SiteDerived:
    """One site's derivation as it was written; `error` is a sentence when it could not be made."""

    site: str
    written: site_writer.Written
    error: str = ""


Report = Callable[[SiteDerived, int, int], None]


@contextmanager
def workers() -> Iterator[Workers]:
    """Worker processes for several calls of `derive`; they start when they are first needed."""
    with Workers(in_worker) as pool:
        yield pool


def derive(
    db: Database,
    site_ids: Sequence[int] = (),
    *,
    force: bool = False,
    report: Report | None = None,
    clock: Clock = system_clock,
    pool: Workers | None = None,
) -> list[SiteDerived]:
    """Bring derived tables up to their captures and the current rules; with `force`, all of them anew.

    Each site is written in one transaction, so an interruption leaves every site whole, old or new. `report` is called
    with each site as it is done, the number done and the number to do. `pool` is for callers with many calls to make.
    """
    chosen = sites.all_sites(db) if force else sites.stale_sites(db, DERIVATION)
    todo = [(site_id, name) for site_id, name in chosen if not site_ids or site_id in site_ids]
    if not todo:
        return []
    if pool is None:
        with workers() as own:
            return _written(db, own, todo, report, clock, force)
    return _written(db, pool, todo, report, clock, force)


def _written(
    db: Database, pool: Workers, todo: Sequence[tuple[int, str]], report: Report | None, clock: Clock, force: bool
) -> list[SiteDerived]:
    done: list[SiteDerived] = []
    for task, result in pool.derived(db.path, todo):
        if isinstance(result, ArchiveError):
            done.append(SiteDerived(task.name, site_writer.Written(0, 0, 0, 0, 0), str(result)))
        else:
            with db.transaction():
                written = site_writer.write_site(db, task.site_id, result, to_text(clock()))
                if force:
                    copies.requeue(db.conn, passages, result.site)
                copies.settle(db.conn, _Known(result.keys))
            done.append(SiteDerived(task.name, written))
        if report:
            report(done[-1], len(done), len(todo))
    return done


def in_worker(task: Task) -> DerivedSite:
    """Derive a site: the whole of what a worker process does."""
    with page_limit(task.note) as begin:
        return _made_ready(task.path, derive_site(task.path, task.site_id, begin, task.poisoned))


def derive_site(
    path: Path,
    site_id: int,
    begin: Callable[[str], None] = lambda _: None,
    poisoned: frozenset[str] = frozenset(),
) -> DerivedSite:
    """Derive one site without writing. `begin` is called with each body before it is read, `poisoned` are left out."""
    with Database.open(path, create=False, write=False) as db:
        name, settings = sites.settings(db.conn, site_id)
        pages = captures.visits(db, site_id)
        kinds = cast(Mapping[str, PageKind], settings.get("kinds", {}))
        site = SiteSettings(name, kinds=tuple(kinds.items()))
        overrides = {page.url: kind for page in pages if (kind := site.kind_of(page.url))}

        def body(digest: str) -> bytes:
            begin(digest)
            return b"" if digest in poisoned else blobs.read(db, digest)

        template: list[SiteTemplate] = []
        read = read_site([versions(page) for page in pages], body, overrides, template.append)
        readings = {page.url: _without(page, poisoned) for page in read}
        verdicts, histories = assemble(pages, readings, RULES)
        newest = sites.newest_capture(db.conn, site_id)
        return DerivedSite(name, DERIVATION, newest, verdicts, histories, next(iter(template), None))


def _made_ready(path: Path, result: DerivedSite) -> DerivedSite:
    """A derivation with the digests of its articles, and the keys of passages of those that are not stored so."""
    digests = tuple(map(site_writer.history_digest, result.histories))
    with Database.open(path, create=False, write=False) as db:
        stored = site_writer.digests(db.conn, result.site)
    texts = {
        block.text
        for history, digest in zip(result.histories, digests, strict=True)
        if stored.get(history.article.url) != digest
        for revision in history.revisions
        for block in revision.article.blocks
    }
    return replace(result, digests=digests, keys={text: passages.keys_of(text) for text in texts})


@dataclass(frozen=True, slots=True)
class _Known:
    """`diff.copies`, for passages whose keys may have been made in a worker."""

    keys: Mapping[str, tuple[int, ...]]
    KEYS: str = passages.KEYS

    def keys_of(self, passage: str) -> tuple[int, ...]:
        found = self.keys.get(passage)
        return passages.keys_of(passage) if found is None else found

    def similarity(self, one: str, other: str) -> float:
        return passages.similarity(one, other)


def _without(page: PageReadings, poisoned: frozenset[str]) -> PageReadings:
    """A page whose poisoned versions say that they were too large to be read."""
    if not poisoned:
        return page
    readings = tuple(
        replace(one, outcome="too_large", article=None, is_revision=False)
        if one.version.body_sha256 in poisoned
        else one
        for one in page.readings
    )
    return replace(page, readings=readings)
