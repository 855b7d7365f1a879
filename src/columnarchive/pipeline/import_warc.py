"""WARC files into captures: one site per host, committed and sealed in groups, the same whatever the order of files.

Revisit records come last of all, since what they refer to may stand in a later file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from columnarchive.errors import ArchiveError, ExchangeError
from columnarchive.exchange.warc_reader import Revisit, read
from columnarchive.pipeline.link_reader import robots_in_worker
from columnarchive.pipeline.worker_pool import CallFailed, Worker, WorkerDied
from columnarchive.records import Capture, Failure
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database
from columnarchive.store.writer_lock import writer_lock
from columnarchive.text import count
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical, host_of, site_key, validated

GROUP = 200  # captures a commit
MAX_FAILURES = 1000  # named in a summary; further ones are only counted

Report = Callable[[int, str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did: captures added, known or withdrawn, of other hosts; the sites touched; what was skipped."""

    added: int
    known: int
    elsewhere: int
    sites: tuple[str, ...]
    failures: tuple[Failure, ...]
    failed: int

    @property
    def sentence(self) -> str:
        """The summary for people."""
        told = f"{count(self.added, 'capture')} of {count(len(self.sites), 'site')} imported"
        if self.known:
            told += f", {self.known} were there already or had been withdrawn"
        if self.elsewhere:
            told += f", {self.elsewhere} of other hosts passed over"
        return told + (f"; {count(self.failed, 'record')} could not be read." if self.failed else ".")


@dataclass(slots=True)
class _Count:
    """A running tally of one import."""

    added: int = 0
    known: int = 0
    elsewhere: int = 0
    failed: int = 0
    sites: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    revisits: list[Revisit] = field(default_factory=list)

    def fail(self, failure: Failure) -> None:
        self.failed += 1
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(failure)


def import_files(
    db: Database, paths: Sequence[Path], site: str | None, report: Report, clock: Clock = system_clock
) -> ImportSummary:
    """Add the pages of WARC files as captures; the caller derives the sites afterwards.

    `site` with a dot in it is a host and restricts; any other text names the one site that all pages go to. `report` is
    called with the number of captures read and the file at hand. A file that cannot be read at all is a failure, unless
    it is the only one: then ExchangeError is raised. StoreError while another command writes.
    """
    with writer_lock(db.path, "import"), contextlib.closing(Worker()) as worker:
        return _imported(db, paths, site, report, clock, worker)


def _imported(
    db: Database, paths: Sequence[Path], site: str | None, report: Report, clock: Clock, worker: Worker
) -> ImportSummary:
    at = to_text(clock())
    count, seen = _Count(), 0
    for path in paths:
        for group in _groups(_captures(path, count, clock, worker, single=len(paths) == 1)):
            _add(db, [(capture, "") for capture in group], site, at, count)
            seen += len(group)
            report(seen, path.name)
    for revisits in _groups(iter(count.revisits)):
        _add(db, list(_resolved(db, revisits, count)), site, at, count)
        seen += len(revisits)
        report(seen, "revisits")
    return ImportSummary(
        count.added, count.known, count.elsewhere, tuple(sorted(count.sites)), tuple(count.failures), count.failed
    )


def _captures(path: Path, count: _Count, clock: Clock, worker: Worker, *, single: bool) -> Iterator[Capture]:
    """The captures of one file under canonical addresses; what else it holds goes to `count`."""
    try:
        for item in read(path, clock):
            try:
                if isinstance(item, Failure):
                    count.fail(item)
                elif isinstance(item, Revisit):
                    count.revisits.append(replace(item, capture=_canonical(item.capture, worker)))
                else:
                    yield _canonical(item, worker)
            except ArchiveError as error:  # an address or a page that cannot be read
                count.fail(Failure(path.name, "protocol_error", str(error)))
    except ExchangeError as error:
        if single:
            raise
        count.fail(Failure(path.name, "protocol_error", str(error)))


def _canonical(capture: Capture, worker: Worker) -> Capture:
    if capture.final_url:
        validated(capture.final_url)
    try:
        robots = worker.call(robots_in_worker, capture)
    except (WorkerDied, CallFailed):
        robots = ""  # derivation reports a page that cannot be read
    return replace(capture, url=canonical(validated(capture.url)), robots=robots)


def _resolved(db: Database, revisits: Iterable[Revisit], count: _Count) -> Iterator[tuple[Capture, str]]:
    """Revisits with the digest of the body they found again; a failure for each whose body is not in the archive."""
    for revisit in revisits:
        refers_url, refers_at = (
            revisit.refers_url or revisit.capture.url,
            revisit.refers_at or revisit.capture.fetched_at,
        )
        sha256 = revisit.body_sha256 or captures.body_at(db.conn, refers_url, refers_at)
        if captures.knows_body(db.conn, sha256):
            yield revisit.capture, sha256
        else:
            reason = "It repeats a body that the archive does not hold; import the file with the original as well."
            count.fail(Failure(f"{revisit.capture.url} ({revisit.where})", "protocol_error", reason))


def _add(db: Database, group: list[tuple[Capture, str]], site: str | None, at: str, count: _Count) -> None:
    """One commit: the captures, and the link of the chain over them."""
    with db.transaction() as conn:
        added = []
        for capture, refers_to in group:
            name = _site_name(capture.url, site)
            if not name:
                count.elsewhere += 1
                continue
            site_id = sites.ensure_site(db, name, at)
            page_id = sites.ensure_page(db, site_id, capture.url, found_by="import")
            capture_id = captures.add(db, page_id, capture, "import", refers_to)
            if capture_id is None:
                count.known += 1
            else:
                added.append(capture_id)
                count.sites.add(name)
        hash_chain.seal(conn, at, "import", added)
        count.added += len(added)


def _site_name(url: str, site: str | None) -> str:
    """The site a page goes to; empty for a page of another host than the one wanted."""
    host = host_of(url)
    if not site:
        return host
    if "." not in site:
        return site
    wanted = (host_of(site) if "://" in site else site).lower()
    return host if site_key(host) == site_key(wanted) else ""


def _groups(items: Iterable[T]) -> Iterator[list[T]]:
    """`items` in lists of the size of a commit."""
    rest = iter(items)
    while group := list(islice(rest, GROUP)):
        yield group
