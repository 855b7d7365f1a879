"""Have the head of the hash chain stamped by trusted authorities, and verify their timestamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from columnarchive import locale
from columnarchive.config import TimestampAuthority
from columnarchive.crawl.timestamp_client import post_request
from columnarchive.errors import ArchiveError, ExchangeError, UsageError
from columnarchive.exchange import rfc3161
from columnarchive.store import hash_chain
from columnarchive.store.articles import Connection
from columnarchive.store.database import Database
from columnarchive.store.hash_chain import Timestamp
from columnarchive.store.schema import Problem, problem
from columnarchive.times import Clock, from_text, system_clock, to_text

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


def verify(conn: Connection, certificates: str = "") -> list[Problem]:
    """Verify every timestamp offline, with the roots stored beside it, or with `certificates` (PEM) alone."""
    problems = []
    for one in hash_chain.all_timestamps(conn):
        where = f"timestamp {one.stamped_at} of {one.authority}"
        if not hash_chain.holds(conn, one.link_sha256) and not hash_chain.merged_holds(conn, one.link_sha256):
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
