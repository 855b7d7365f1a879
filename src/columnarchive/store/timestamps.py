"""Trusted timestamps of the chain's head as rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An authority's response for a link of the chain; `certificates` is PEM, empty for the system's roots."""

    link_sha256: str
    authority: str
    requested_at: str
    stamped_at: str
    token: bytes
    certificates: str = ""


def add(conn: sqlite3.Connection, one: Timestamp) -> None:
    """Store a timestamp within the caller's transaction."""
    conn.execute(
        """insert into timestamps(link_sha256, authority, requested_at, stamped_at, token, certificates)
           values (?, ?, ?, ?, ?, ?)""",
        (one.link_sha256, one.authority, one.requested_at, one.stamped_at, one.token, one.certificates),
    )


def every(conn: sqlite3.Connection, link: str = "") -> list[Timestamp]:
    """Return all timestamps, or those of one link, oldest first."""
    rows = conn.execute(
        """select link_sha256, authority, requested_at, stamped_at, token, certificates from timestamps
           where ? in ('', link_sha256) order by stamped_at, id""",
        (link,),
    )
    return [Timestamp(*row) for row in rows]


def newest(conn: sqlite3.Connection) -> str:
    """Return the time of the newest timestamp; empty without any."""
    return str(conn.execute("select coalesce(max(stamped_at), '') from timestamps").fetchone()[0])
