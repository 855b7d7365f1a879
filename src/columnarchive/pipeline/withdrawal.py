"""Removing a page, or one of its captures, for good: `archive withdraw`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from columnarchive.errors import NotFound, UsageError
from columnarchive.store import withdrawal as rows
from columnarchive.store.database import Database
from columnarchive.store.writer_lock import writer_lock
from columnarchive.text import count
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical

Derive = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What was removed, from which addresses, and which copies of the file were not touched."""

    captures: int
    bodies: int
    urls: tuple[str, ...]
    copies: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The withdrawal for people."""
        if not self.captures:
            told = f"{self.urls[0]} had been withdrawn before; the file was rewritten without traces of it."
        else:
            bodies = "1 body" if self.bodies == 1 else f"{self.bodies} bodies"
            told = (
                f"{count(self.captures, 'capture')} and {bodies} erased for good, of "
                + ", ".join(self.urls)
                + ". What other pages quote of them stays: search for it."
            )
        if self.copies:
            told += f" Older copies of the file still hold them: {', '.join(self.copies)}."
        return told


def withdraw(db: Database, url: str, at: str, reason: str, derive: Derive, clock: Clock = system_clock) -> Withdrawal:
    """Erase the page at `url`, or the body it showed `at` a time (UTC, or its beginning), and all derived from it.

    `derive` is called with the id of each site touched. The page is not captured, imported or exported again; a
    tombstone with the reason stays, and the chain still verifies. Raises NotFound, UsageError, and StoreError while
    another command writes or when a process keeps the file open, after which the same command finishes the work.
    """
    if not reason.strip():
        raise UsageError("A withdrawal needs a reason; it stays in the archive.")
    known = url if rows.is_known(db, url) else canonical(url)
    if not rows.is_known(db, known):
        raise NotFound(f"The archive does not know {url}.")
    with writer_lock(db.path, "withdrawal"):
        done = rows.erase(db, known, at, reason.strip(), to_text(clock()))
        for site_id in done.site_ids:
            derive(site_id)
        rows.scour(db)
    copies = sorted(str(path) for path in db.path.parent.glob(f"{db.path.name}.before-upgrade-*"))
    return Withdrawal(done.captures, done.bodies, done.urls, tuple(copies))
