"""A digest after each crawl: one message with the changes of the run and what failed, by mail or chat (apprise)."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from columnarchive import locale
from columnarchive.config import DigestSettings
from columnarchive.diff.labels import priority
from columnarchive.errors import ArchiveError, FetchError, UsageError
from columnarchive.locale import label_names, text
from columnarchive.plain_text import printable
from columnarchive.records import Failure
from columnarchive.store import changes
from columnarchive.store.changes import ChangeRow, Interest
from columnarchive.store.database import Database
from columnarchive.times import Clock, interval, system_clock, to_text

MOST = 200  # changes in one message; the rest come with the next run
FAILURES = 20  # named in one message


@dataclass(frozen=True, slots=True)
class Digest:
    """How many changes a digest had, and why it was not delivered; `scheme` is the kind of its address."""

    scheme: str
    changes: int = 0
    error: ArchiveError | None = None

    def sentence(self, lang: locale.Language) -> str:
        """Return what came of it, for people."""
        if self.error:
            return self.error.sentence(lang)
        return text(lang, "cli.digest_sent", scheme=self.scheme, changes=self.changes)


def send_digests(
    db: Database,
    digests: Sequence[DigestSettings],
    failures: Sequence[Failure] = (),
    *,
    environment: Mapping[str, str] = os.environ,
    clock: Clock = system_clock,
) -> list[Digest]:
    """Send each digest the changes that it has not had yet, in one message; nothing where there is nothing to say.

    A digest that cannot be delivered is sent again, with what came since, after the next crawl.
    """
    return [done for one in digests if (done := _send(db, one, failures, environment, clock))]


def _send(
    db: Database, digest: DigestSettings, failures: Sequence[Failure], environment: Mapping[str, str], clock: Clock
) -> Digest | None:
    name = digest.url.removeprefix("env:")
    url = environment.get(name, "") if digest.url.startswith("env:") else digest.url
    scheme = url.partition("://")[0]
    if not url:
        return Digest("", error=UsageError("no_digest_address", variable=name))
    channel = "digest " + hashlib.sha256(url.encode()).hexdigest()[:16]
    interest = Interest(digest.level, digest.labels, digest.sites)
    rows = changes.pending(db.conn, channel, interest, MOST)
    if not rows and not failures:
        return None
    lang = digest.language
    try:
        _deliver(url, scheme, text(lang, "digest.title", changes=len(rows)), body(db, rows, failures, lang))
    except ArchiveError as error:
        return Digest(scheme, error=error)
    with db.transaction() as conn:
        changes.mark_sent(conn, channel, rows, to_text(clock()))
    return Digest(scheme, len(rows))


def body(db: Database, rows: Sequence[ChangeRow], failures: Sequence[Failure], lang: locale.Language) -> str:
    """Return the message: each change with its interval, its weightiest sentence before and after, and its address."""
    details = changes.change_details(db.conn, [row.id for row in rows], priority, 1) if rows else {}
    parts = []
    for row in sorted(rows, key=lambda row: -priority(row.labels)):
        when = interval(row.after_at, row.seen_at, lang)
        lines = [row.title or row.url, f"{when}  {label_names(row.labels, lang, words=True)}"]
        for edit in details[row.id].edits if row.id in details else ():
            sides = {"old": edit.old, "new": edit.new}
            lines += [text(lang, f"cite.{side}", **{side: stated}) for side, stated in sides.items() if stated]
        parts.append("\n".join([*lines, row.url]))
    if failures:
        named = [
            f"{locale.name(lang, 'outcome', one.outcome)}  {one.subject}  {one.reason}" for one in failures[:FAILURES]
        ]
        parts.append("\n".join([text(lang, "digest.failures", number=len(failures)), *named]))
    return printable("\n\n".join(parts))


def _deliver(url: str, scheme: str, title: str, message: str) -> None:
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise UsageError("needs_apprise") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold addresses with passwords
    sender = apprise.Apprise()
    if not sender.add(url):
        raise UsageError("not_a_digest_address", scheme=scheme[:20])
    if not sender.notify(title=title, body=message, body_format=apprise.NotifyFormat.TEXT):
        raise FetchError("digest_failed", scheme=scheme)
