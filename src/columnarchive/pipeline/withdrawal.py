"""Remove a page, or one of its captures, for good: `archive withdraw`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from columnarchive import locale
from columnarchive.errors import NotFound, UsageError
from columnarchive.pipeline.worker_pool import links_of_capture
from columnarchive.records import Capture
from columnarchive.store import withdrawal as rows
from columnarchive.store.database import Database, writer_lock
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical

Derive = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What was removed, from which addresses, and which copies of the file still hold it."""

    captures: int
    bodies: int
    urls: tuple[str, ...]
    copies: tuple[str, ...]
    remnants: tuple[rows.Remnant, ...] = ()
    reason: str = ""

    def sentence(self, lang: locale.Language) -> str:
        """Return the withdrawal for people, with commands that withdraw what is left of it elsewhere."""
        urls = ", ".join(self.urls)
        key = "cli.withdrawn" if self.captures else "cli.withdrawn_before"
        text = locale.text(
            lang, key, captures=self.captures, bodies=self.bodies, urls=urls, copies=", ".join(self.copies)
        )
        lines = [text]
        if self.remnants:
            lines.append(locale.text(lang, "cli.withdrawn_remnants", number=len(self.remnants)))
        for one in self.remnants:
            words = ["archive", "withdraw", one.url, "--at", one.fetched_at, "--reason", self.reason]
            lines.append(f"{shlex.join(words)}  # {one.holds}")
        return "\n".join(lines)


def withdraw(db: Database, url: str, at: str, reason: str, derive: Derive, clock: Clock = system_clock) -> Withdrawal:
    """Erase the page at `url`, or the body it showed `at` a time (UTC, or its beginning), and all derived from it.

    `derive` is called with the id of each site touched. The page is not captured, imported or exported again; a
    tombstone with the reason stays, and the chain still verifies. Raises NotFound, UsageError, and StoreError while
    another command writes or when a process keeps the file open, after which the same command finishes the work.
    """
    if not reason.strip():
        raise UsageError("no_reason")
    known = url if rows.is_known(db, url) else canonical(url)
    if not rows.is_known(db, known):
        raise NotFound("unknown_page", url=url)
    with writer_lock(db.path, "withdrawal"):
        done = rows.erase(db, rows.Request(known, at, reason.strip(), to_text(clock()), _targets))
        for site_id in done.site_ids:
            derive(site_id)
        rows.scour(db)
    copies = sorted(str(path) for path in db.path.parent.glob(f"{db.path.name}.before-upgrade-*"))
    return Withdrawal(done.captures, done.bodies, done.urls, tuple(copies), done.remnants, reason.strip())


def _targets(capture: Capture) -> tuple[str, ...]:
    """Return the addresses that a captured page names as its own or its next one."""
    page = links_of_capture(capture, skim=True)
    return (page.canonical, page.refresh) if page else ()
