"""Everything verified: `archive check`. Says what is wrong, where, and what `archive rebuild` can mend.

Trusted authorities stamp the head of the hash chain, and their timestamps are verified as well.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from columnarchive import locale
from columnarchive.config import TimestampAuthority
from columnarchive.crawl.post import post_request
from columnarchive.diff import passage_fingerprints as copies
from columnarchive.errors import ArchiveError, ExchangeError, StoreError, UsageError
from columnarchive.exchange import rfc3161
from columnarchive.locale import Message
from columnarchive.pipeline import derive
from columnarchive.pipeline.worker_pool import WorkerPool
from columnarchive.store import database, fulltext, hash_chain, integrity, schema, sites, snapshot
from columnarchive.store.articles import Connection
from columnarchive.store.database import Database
from columnarchive.store.hash_chain import Timestamp
from columnarchive.store.schema import REBUILD, Problem, problem
from columnarchive.times import Clock, from_text, system_clock, to_text

SAMPLE = 3  # sites derived again when not all are

WITHOUT_BODIES = Message("cli.check_without_bodies")

Report = Callable[[int, int, str], None]


def checked(path: Path) -> list[Message]:
    """Return what a check of an archive leaves out and how much it verifies; nothing for a damaged one."""
    try:
        with Database.open(path, create=False, write=False) as db:
            captures, links, stamps = hash_chain.counts(db.conn)
            done = Message("cli.checked", {"captures": captures, "links": links, "timestamps": stamps})
            return [WITHOUT_BODIES, done] if snapshot.is_without_bodies(db.conn) else [done]
    except StoreError:
        return []


def check_file(
    path: Path,
    head: str | None,
    full: bool,
    report: Report,
    certificates: str = "",
    pool: WorkerPool | None = None,
) -> list[Problem]:
    """The same as `check` for the archive at `path`, also when it is too damaged to be opened.

    Raises StoreError for what is no damage: no such file, another kind of database, a newer schema.
    """
    try:
        db = Database.open(path, create=False, write=False)
    except StoreError:
        report(0, 0, "file")
        if found := integrity.unopened(path):
            return [replace(found[0], remedy=_mended_by(path)), *found[1:]]
        raise
    with db:
        return check(db, head, full, report, certificates, pool)


def check(
    db: Database,
    head: str | None,
    full: bool,
    report: Report,
    certificates: str = "",
    pool: WorkerPool | None = None,
) -> list[Problem]:
    """Verify file, bodies, references, chain, index and derived tables; an empty list when all is well.

    `head` is a head of the chain kept elsewhere. With `full` every site is derived again, otherwise a few. `report` is
    called with how much is done, how much there is, and the part at hand. A `pool` is for callers with many calls.
    """
    report(0, 0, "file")
    shape = schema.differences(db.conn)
    found = integrity.file(db.conn) + shape + list(schema.damaged_values(db.conn))
    found += integrity.all_bodies(db.conn, lambda done, total: report(done, total, "bodies"))
    report(0, 0, "references")
    partial = not found and snapshot.is_without_bodies(db.conn)
    found += integrity.references(db.conn, without_bodies=partial)
    if any(one.where == "file" for one in found):
        # What SQLite itself cannot read would only bring the same news again in worse words.
        return found
    damaged = bool(found)
    report(0, 0, "chain")
    try:
        found += hash_chain.verify(db.conn)
        found += verify_timestamps(db.conn, certificates)
        if head and not hash_chain.holds(db.conn, head):
            found.append(problem("chain", "head_unknown", head=head))
        report(0, 0, "index")
        return found + _index(db) + _derived(db, full, report, partial, pool)
    except (ArchiveError, *database.FILE_ERRORS):
        # A table that is missing or holds what cannot be read is named above; the rest is checked once it is mended.
        if damaged:
            return found
        raise


def _mended_by(path: Path) -> Message:
    """What may stand in for a file that cannot be opened."""
    copies = ", ".join(sorted(str(copy) for copy in path.parent.glob(f"{path.name}.before-upgrade-????")))
    return Message("problem.mended_by_copy", {"copies": copies})


def _index(db: Database) -> list[Problem]:
    if not fulltext.is_current(db.conn):
        return [problem("index", "index_version", REBUILD)]
    codes = {"missing": "index_lacks", "stale": "index_stale", "different": "index_differs"}
    return [problem(f"article {each.rowid}", codes[each.kind], REBUILD) for each in fulltext.verify(db.conn)]


def _derived(db: Database, full: bool, report: Report, partial: bool, pool: WorkerPool | None) -> list[Problem]:
    """Sites derived again and compared with what is stored; those that await a derivation are passed over.

    Nothing can be derived again of a copy without bodies (`partial`).
    """
    stale = {site_id for site_id, _ in sites.stale_sites(db, derive.DERIVATION)}
    current = [(site_id, name) for site_id, name in sites.all_sites(db) if site_id not in stale]
    if not full and len(current) > SAMPLE:
        # The head moves with each crawl, so that in time every site has its turn.
        current = random.Random(hash_chain.head(db.conn)).sample(current, SAMPLE)
    again: dict[int, list[Problem]] = {}
    if not partial and current:
        # In workers, as when it was derived: a page that is too much for one was left out then and is now.
        with contextlib.ExitStack() as stack:
            given = pool or stack.enter_context(derive.workers())
            for task, result in derive.derive_sites(given, db.path, current):
                report(len(again), len(current), task.name)
                again[task.site_id] = (
                    [problem(f"site {task.name}", "not_derivable", error=result)]
                    if isinstance(result, ArchiveError)
                    else integrity.derived_differences(db.conn, task.site_id, result)
                )
    found = []
    for site_id, name in current:
        found += again.get(site_id, [])
        found += integrity.copy_differences(db.conn, name, copies)
    return found


MAX_SKEW = timedelta(minutes=10)  # between an authority's clock and ours


@dataclass(frozen=True, slots=True)
class Stamped:
    """What an authority did: the time it stated, or why there is none."""

    authority: str
    stamped_at: str = ""
    error: ArchiveError | None = None

    def sentence(self, lang: locale.Language) -> str:
        """Return what came of it, for people."""
        if self.error:
            return locale.text(lang, "cli.not_stamped", authority=self.authority, reason=self.error)
        return locale.text(lang, "cli.stamped", authority=self.authority, at=self.stamped_at)


def stamp(
    db: Database,
    authorities: Sequence[TimestampAuthority],
    *,
    allow_private: bool = False,
    clock: Clock = system_clock,
) -> list[Stamped]:
    """Have every authority stamp the chain's head, unless it has done so; one that fails delays no other.

    Returns what each did; nothing for an empty archive.
    """
    head = hash_chain.head(db.conn)
    if not head:
        return []
    had = {one.authority for one in hash_chain.all_timestamps(db.conn, head)}
    return [_stamp(db, one, head, allow_private, clock) for one in authorities if one.url not in had]


def _stamp(db: Database, authority: TimestampAuthority, head: str, allow_private: bool, clock: Clock) -> Stamped:
    try:
        certificates = read_certificates(Path(authority.certificate)) if authority.certificate else ""
        request, now = rfc3161.create_request(head.encode()), clock()
        response = post_request(authority.url, request.data, allow_private=allow_private)
        stamped_at = rfc3161.verify_response(response, head.encode(), certificates, request.nonce)
        if abs(from_text(stamped_at) - now) > MAX_SKEW:
            raise ExchangeError("clocks_differ", at=stamped_at)
    except ArchiveError as error:
        return Stamped(authority.url, error=error)
    with db.transaction() as conn:
        hash_chain.add_timestamp(conn, Timestamp(head, authority.url, to_text(now), stamped_at, response, certificates))
    return Stamped(authority.url, stamped_at)


def read_certificates(path: Path) -> str:
    """Return the certificates in a PEM file; raise UsageError when there is none."""
    try:
        text = path.read_text(encoding="ascii")
        rfc3161.check_certificates(text)
    except OSError as error:
        raise UsageError("unreadable_file", path=path, reason=error.strerror) from error
    except (ValueError, ExchangeError) as error:
        raise UsageError("not_pem", path=path) from error
    return text


def verify_timestamps(conn: Connection, certificates: str = "") -> list[Problem]:
    """Verify every timestamp offline, with the roots stored beside it, or with `certificates` (PEM) alone."""
    problems = []
    for one in hash_chain.all_timestamps(conn):
        where = f"timestamp {one.stamped_at} of {one.authority}"
        if not hash_chain.holds(conn, one.link_sha256):
            problems.append(problem(where, "timestamp_of_no_link"))
            continue
        try:
            stated = rfc3161.verify_response(one.token, one.link_sha256.encode(), certificates or one.certificates)
        except ExchangeError as error:
            problems.append(Problem(where, locale.Message(f"error.{error.code}", error.parameters)))
            continue
        if stated != one.stamped_at:
            problems.append(problem(where, "timestamp_differs", stated=stated))
    return problems
