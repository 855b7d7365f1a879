"""Import files of captures: one site per host, committed and sealed in groups, the same in any order of files.

Revisit records come last, since what they refer to may be in a later file.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from columnarchive import locale
from columnarchive.errors import ArchiveError, ExchangeError, StoreError, UsageError
from columnarchive.exchange.capture_files import format_of, read_captures, source_of
from columnarchive.exchange.warc_reader import Revisit, Skipped
from columnarchive.exchange.web_archives import original
from columnarchive.pipeline.worker_pool import CallFailed, Worker, WorkerDied, robots_in_worker
from columnarchive.records import Capture, Failure
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database, writer_lock
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical, host_of, site_key, validated

GROUP = 200  # captures a commit
MAX_FAILURES = 1000  # named in a summary; further ones are only counted
MAX_REASONS = 50  # counted apart

Report = Callable[[int, str], None]
T = TypeVar("T")


@dataclass(slots=True)
class ImportSummary:
    """What an import did.

    Args:
        added: captures that are new.
        known: captures that were there already or were withdrawn.
        elsewhere: captures of other hosts than the one asked for.
        failed: the number of all failures.
        site_names: the sites that got new captures.
        failures: records that should have been pages and cannot be read; only the first MAX_FAILURES.
        reasons: why records hold no page, with the number of records for each reason.
    """

    added: int = 0
    known: int = 0
    elsewhere: int = 0
    failed: int = 0
    site_names: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def fail(self, failure: Failure) -> None:
        """Count a record that cannot be read."""
        self.failed += 1
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(failure)

    def skip(self, reason: str) -> None:
        """Count a record that holds no page."""
        self.reasons[reason if len(self.reasons) < MAX_REASONS else "of other kinds"] += 1

    @property
    def sites(self) -> tuple[str, ...]:
        """The sites that got new captures, by name."""
        return tuple(sorted(self.site_names))

    @property
    def skipped(self) -> tuple[tuple[str, int], ...]:
        """Why records hold no page, the most frequent reason first."""
        return tuple(self.reasons.most_common())

    def sentence(self, lang: locale.Language) -> str:
        """Return the summary for people."""
        skipped = [f"{number} {reason}" for reason, number in self.skipped[:5]]
        if rest := sum(number for _, number in self.skipped[5:]):
            skipped.append(locale.text(lang, "cli.others", number=rest))
        return locale.text(
            lang,
            "cli.imported",
            added=self.added,
            sites=len(self.sites),
            known=self.known,
            elsewhere=self.elsewhere,
            failed=locale.text(lang, "cli.records", number=self.failed) if self.failed else "",
            skipped=", ".join(skipped),
        )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A capture on its way in, where it came from, and the body that it found again, if it is a revisit."""

    capture: Capture
    source: str
    refers_to: str = ""


@dataclass(slots=True)
class Import:
    """One import under way: what it reads with, what it has done, and the revisits, which are resolved last."""

    clock: Clock
    worker: Worker
    summary: ImportSummary = field(default_factory=ImportSummary)
    revisits: list[tuple[Revisit, str]] = field(default_factory=list)


def import_files(
    db: Database,
    paths: Sequence[Path],
    site: str | None,
    report: Report,
    clock: Clock = system_clock,
    worker: Worker | None = None,
) -> ImportSummary:
    """Add the captures in files of captures or other archives; the caller derives the sites afterwards.

    Args:
        site: a name with a dot is a host and restricts; any other text names the one site that all pages go to.
        report: called with the number of captures read and the current file.
        worker: reads pages; without one, the import has one of its own.

    A file that cannot be read at all is a failure, unless it is the only one: then ExchangeError is raised. StoreError
    while another command writes.
    """
    with writer_lock(db.path, "import"), contextlib.ExitStack() as stack:
        worker = worker or stack.enter_context(contextlib.closing(Worker()))
        work, done, at = Import(clock, worker), 0, to_text(clock())
        name_of = partial(_site_name, site=site)
        for path in paths:
            try:
                if format_of(path) == "sqlite":
                    _merge(db, path, site, at, work, report)
                    continue
                for group in _groups(_arrivals(path, work)):
                    add(db, group, name_of, at, work.summary)
                    done += len(group)
                    report(done, path.name)
            except ExchangeError as error:
                if len(paths) == 1:
                    raise
                work.summary.fail(Failure(path.name, "protocol_error", str(error)))
        for revisits in _groups(iter(work.revisits)):
            add(db, list(_resolved(db, revisits, work)), name_of, at, work.summary)
            done += len(revisits)
            report(done, "revisits")
        return work.summary


def _merge(db: Database, path: Path, site: str | None, at: str, work: Import, report: Report) -> None:
    """Merge another archive; what it withdrew is erased here as well."""
    from columnarchive.store import merging, withdrawal

    if site:
        raise UsageError("site_with_archive")
    if path.resolve() == db.path.resolve():
        raise UsageError("is_this_archive", path=path)
    try:
        opened = Database.open(path, create=False, write=False)
    except StoreError as error:
        raise ExchangeError(error.code, **error.parameters) from error
    with opened as other:
        merged = merging.merge(db, other, at, lambda done: report(done, path.name))
    if merged.withdrawn:
        withdrawal.scour(db)
    work.summary.added += merged.added
    work.summary.known += merged.known
    work.summary.site_names |= merged.sites


def _arrivals(path: Path, work: Import) -> Iterator[Arrival]:
    """The captures of one file under canonical addresses; what else it holds is counted."""
    source = source_of(path)
    for item in read_captures(path, work.clock):
        if isinstance(item, Failure):
            work.summary.fail(item)
        elif isinstance(item, Skipped):
            work.summary.skip(item.reason)
        elif arrival := _arrival(item, source, path, work):
            yield arrival


def _arrival(item: Capture | Revisit, source: str, path: Path, work: Import) -> Arrival | None:
    """The capture to add now; None for a revisit, which waits, and for what cannot be added."""
    try:
        found = original(item.capture if isinstance(item, Revisit) else item, work.clock)
        if isinstance(found, Skipped):
            work.summary.skip(found.reason)
            return None
        capture, web_archive = found
        if capture.final_url:
            validated(capture.final_url)
        capture = replace(capture, url=canonical(validated(capture.url)), robots=robots_of(capture, work.worker))
    except ArchiveError as error:  # an address or a page that cannot be read
        work.summary.fail(Failure(path.name, "protocol_error", str(error)))
        return None
    source = web_archive or (source if capture.source == "crawl" else capture.source)
    if isinstance(item, Revisit):
        work.revisits.append((replace(item, capture=capture), source))
        return None
    return Arrival(capture, source)


def robots_of(capture: Capture, worker: Worker) -> str:
    """Return what the page asks of robots; nothing where it cannot be read, which derivation reports."""
    try:
        return worker.call(robots_in_worker, capture)
    except (WorkerDied, CallFailed):
        return ""


def _resolved(db: Database, revisits: Iterable[tuple[Revisit, str]], work: Import) -> Iterator[Arrival]:
    """Revisits with the digest of the body they found again; a failure for each whose body is not in the archive."""
    for revisit, source in revisits:
        url, at = revisit.refers_url or revisit.capture.url, revisit.refers_at or revisit.capture.fetched_at
        sha256 = revisit.body_sha256 or captures.body_at(db.conn, url, at)
        if captures.knows_body(db.conn, sha256):
            yield Arrival(revisit.capture, source, sha256)
        else:
            reason = "It repeats a body that the archive does not hold; import the file with the original as well."
            work.summary.fail(Failure(f"{revisit.capture.url} ({revisit.where})", "protocol_error", reason))


def add(db: Database, group: Sequence[Arrival], name_of: Callable[[str], str], at: str, summary: ImportSummary) -> None:
    """Commit captures, and the link of the hash chain over them; `name_of` gives the site of an address, or nothing."""
    with db.transaction() as conn:
        added = []
        for arrival in group:
            name = name_of(arrival.capture.url)
            if not name:
                summary.elsewhere += 1
                continue
            site_id = sites.ensure_site(db, name, at)
            page_id = sites.ensure_page(db, site_id, arrival.capture.url, found_by="import")
            capture_id = captures.add(db, page_id, arrival.capture, arrival.source, arrival.refers_to)
            if capture_id is None:
                summary.known += 1
            else:
                added.append(capture_id)
                summary.site_names.add(name)
        hash_chain.seal(conn, at, "import", added)
        summary.added += len(added)


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
