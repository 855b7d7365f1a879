"""Bodies erased for good: those that cannot be read without them are coded anew first, and nothing else is touched.

A body depends on the one it is coded against, and with `zstd-line` on all below it: when one of these is coded anew,
what its line joins is another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from columnarchive.store import blobs, codec
from columnarchive.store.nearness import Lately


@dataclass(frozen=True, slots=True)
class _Above:
    """A body that stands on an erased one, whether it must be coded anew, and the version that it may build on."""

    sha256: str
    site_id: int
    base_sha256: str
    must: bool
    previous: str


def erase(conn: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Delete these bodies, in the caller's transaction; all others read the same."""
    going, lately = frozenset(digests), Lately()
    # Looking up what is coded against a body is needed here only, so the file does not carry an index for it.
    conn.execute("create index bodies_base on bodies(base_sha256)")
    above = _above(conn, going)
    # From the top, so that what is below a body is as it was while it is read; alone, so that no line is in its way.
    for one in reversed(above):
        if one.must:
            alone = codec.compress(blobs.read(conn, one.sha256), level=codec.QUICK_LEVEL)
            _store(conn, one.sha256, blobs.Coded(alone))
    # And from the bottom, building on what is settled already.
    unsettled = {*going, *(one.sha256 for one in above)}
    for one in above:
        depth = 0 if one.must else _depth(conn, one.base_sha256) + 1
        if one.must or depth > blobs.MAX_DEPTH:
            new = blobs.Incoming(blobs.read(conn, one.sha256), one.sha256, one.site_id, one.previous)
            _store(conn, one.sha256, blobs.encode(conn, new, lately, frozenset(unsettled)))
        else:
            conn.execute("update bodies set depth = ? where sha256 = ?", (depth, one.sha256))
        unsettled.remove(one.sha256)
    conn.executemany("delete from bodies where sha256 = ?", ((sha256,) for sha256 in going))
    conn.execute("drop index bodies_base")


def _above(conn: sqlite3.Connection, going: frozenset[str]) -> list[_Above]:
    """All that stands on erased bodies and stays, each after what it stands on."""
    found: dict[str, tuple[int, _Above]] = {}
    level = sorted(going)
    while level:
        rows = [
            row
            for below in level
            for row in conn.execute(
                "select sha256, site_id, codec, base_sha256, depth from bodies where base_sha256 = ?", (below,)
            )
            if row[0] not in going and row[0] not in found
        ]
        for sha256, site_id, kind, base, depth in rows:
            must = base in going or kind == "zstd-line"
            previous = _staying(conn, base, going) if kind == "zstd-base" else ""
            found[sha256] = depth, _Above(sha256, site_id, base, must, previous)
        level = [row[0] for row in rows]
    return [one for _, one in sorted(found.values(), key=lambda each: (each[0], each[1].sha256))]


def _staying(conn: sqlite3.Connection, sha256: str, going: frozenset[str]) -> str:
    """The body, or the first one below it that is not erased; empty without one."""
    return next((name for name, _ in conn.execute(blobs.ANCESTORS, (sha256,)) if name not in going), "")


def _depth(conn: sqlite3.Connection, sha256: str) -> int:
    (depth,) = conn.execute("select depth from bodies where sha256 = ?", (sha256,)).fetchone()
    return int(depth)


def _store(conn: sqlite3.Connection, sha256: str, coded: blobs.Coded) -> None:
    conn.execute(
        "update bodies set codec = ?, base_sha256 = ?, depth = ?, data = ?, data_sha256 = ? where sha256 = ?",
        (*coded.columns, sha256),
    )
