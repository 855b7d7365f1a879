"""Bodies that reading, comparing or following them failed for: remembered per version of the rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from columnarchive.records import FaultStep, PageFault


def known(conn: sqlite3.Connection, rules: str) -> dict[tuple[str, FaultStep], str]:
    """The reasons of all faults met under these rules, by body and step."""
    rows = conn.execute("select body_sha256, step, reason from page_faults where rules = ?", (rules,))
    return {(sha256, step): reason for sha256, step, reason in rows}


def remember(conn: sqlite3.Connection, faults: Iterable[PageFault], rules: str, at: str) -> None:
    """Record faults; those met under other rules are forgotten, as their bodies are tried again."""
    conn.execute("delete from page_faults where rules <> ?", (rules,))
    conn.executemany(
        "insert or ignore into page_faults values (?, ?, ?, ?, ?)",
        ((fault.body_sha256, fault.step, rules, fault.reason, at) for fault in faults),
    )


@dataclass(frozen=True, slots=True)
class UnreadablePage:
    """A page whose newest body could not be read, compared or searched for links, and why."""

    url: str
    step: FaultStep
    reason: str


def unreadable_pages(conn: sqlite3.Connection, url: str = "") -> list[UnreadablePage]:
    """The pages whose newest body met a fault; only the one at `url` if it is given."""
    rows = conn.execute(
        """select url, step, reason from page_faults join pages using (body_sha256)
           where url = :url or :url = '' order by url, step""",
        {"url": url},
    )
    return [UnreadablePage(*row) for row in rows]
