"""Bodies at rest: each distinct one once, compressed against a sibling page or the version before it.

A first capture is coded against the nearest of its site's shallow bodies, a later version against the version before.
Each base below costs a read some 0.02 ms, so depth is bounded: past the limit a version is coded against an ancestor
half as deep, which costs far fewer bytes than starting again from a sibling.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from columnarchive.errors import NotFound, StoreError
from columnarchive.store import codec
from columnarchive.store.database import Database

MAX_DEPTH = 14
SIBLING_DEPTH = 3  # The deepest body that a sibling is coded against, so that histories have room above it.
SIBLINGS = 3  # How many of a site's newest bodies of each depth, and of a page's neighbours on each side, are tried.
# What a base may cost more for each base that it has less: shallow pages stay free to be bases of their own kind.
DEPTH_PRICE = 0.1
# A delta above this share of the body is no small edit but a redesign, which a sibling may have already.
POOR_DELTA = 0.08
# Below this share of the body, coding it alone is not tried: that takes 15 to 40 % of a real page.
WELL_BASED = 0.12

_CHAIN = f"""
with recursive line(sha256, codec, base_sha256, raw_size, data, level) as (
    select sha256, codec, base_sha256, raw_size, data, 0 from bodies where sha256 = ?
    union all
    select below.sha256, below.codec, below.base_sha256, below.raw_size, below.data, level + 1
    from line join bodies as below on below.sha256 = line.base_sha256
    where line.codec = 'zstd-base' and level < {codec.MAX_CHAIN}
)
select data, raw_size from line order by level desc
"""
_ANCESTORS = """
with recursive line(sha256, base_sha256, depth) as (
    select sha256, base_sha256, depth from bodies where sha256 = ?
    union all
    select below.sha256, below.base_sha256, below.depth
    from line join bodies as below on below.sha256 = line.base_sha256 where line.base_sha256 <> ''
)
select sha256, depth from line
"""


@dataclass(frozen=True, slots=True)
class Coded:
    """A body as it is stored: the frame, the body it builds on, and how many bases are below it."""

    data: bytes
    base_sha256: str
    depth: int


@dataclass(frozen=True, slots=True)
class Family:
    """What a body may be coded against: its site's bodies, the version before it, those of neighbouring pages."""

    site_id: int
    previous: str = ""
    near: tuple[str, ...] = ()


def connection(source: Database | sqlite3.Connection) -> sqlite3.Connection:
    """The SQLite connection of an archive, or the one given."""
    return source.conn if isinstance(source, Database) else source


def read(source: Database | sqlite3.Connection, sha256: str) -> bytes:
    """The body with this digest, verified; raise NotFound without it and StoreError when it is damaged.

    Works on any connection to the file, also a read-only one in another process.
    """
    frames = connection(source).execute(_CHAIN, (sha256,)).fetchall()
    if not frames:
        raise NotFound(f"The archive holds no body {sha256}.")
    body = codec.decompress_line(frames)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise StoreError(f"The stored body {sha256} is damaged; `archive check` says more.")
    return body


def has(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether the body with this digest is stored."""
    return conn.execute("select 1 from bodies where sha256 = ?", (sha256,)).fetchone() is not None


def write(conn: sqlite3.Connection, body: bytes, site_id: int = 0, previous: str = "", near: Sequence[str] = ()) -> str:
    """Store a body unless it is there; return its digest.

    `previous` names the version of the page before it, `near` the bodies of pages with similar addresses.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    if not has(conn, sha256):
        _insert(conn, sha256, site_id, len(body), encode(conn, body, Family(site_id, previous, tuple(near))))
    return sha256


def encode(conn: sqlite3.Connection, body: bytes, family: Family, shun: frozenset[str] = frozenset()) -> Coded:
    """The shortest of the few encodings worth trying; `shun` names bodies that must not be built on."""
    best = None
    if len(body) <= codec.MAX_BASED_SIZE:
        if family.previous and family.previous not in shun:
            best = _against(conn, body, _base_within(conn, family.previous), None)
        if best is None or len(best.data) > POOR_DELTA * len(body):
            best = _nearest_sibling(conn, body, family, best, shun)
    if best is not None and len(best.data) <= WELL_BASED * len(body):
        return best
    alone = Coded(codec.compress(body), "", 0)
    return alone if best is None or len(alone.data) <= len(best.data) else best


def reencode(conn: sqlite3.Connection, sha256: str, shun: frozenset[str]) -> None:
    """Store a body anew without building on `shun`; the bodies built on it keep their bytes."""
    body = read(conn, sha256)
    site_id, old_depth = conn.execute("select site_id, depth from bodies where sha256 = ?", (sha256,)).fetchone()
    above = descendants(conn, sha256)
    ancestors = [name for name, _ in conn.execute(_ANCESTORS, (sha256,)) if name not in shun and name != sha256]
    family = Family(site_id, ancestors[0] if ancestors else "")
    coded = encode(conn, body, family, shun | above | {sha256})
    conn.execute(
        "update bodies set codec = ?, base_sha256 = ?, depth = ?, data = ?, data_sha256 = ? where sha256 = ?",
        (*_columns(coded), sha256),
    )
    conn.executemany(
        "update bodies set depth = depth + ? where sha256 = ?", [(coded.depth - old_depth, name) for name in above]
    )


def descendants(conn: sqlite3.Connection, sha256: str) -> frozenset[str]:
    """The digests of all bodies that cannot be read without this one."""
    rows = conn.execute(
        """with recursive above(sha256) as (
             select sha256 from bodies where base_sha256 = ?
             union select bodies.sha256 from above join bodies on bodies.base_sha256 = above.sha256
           ) select sha256 from above""",
        (sha256,),
    )
    return frozenset(row[0] for row in rows)


def _insert(conn: sqlite3.Connection, sha256: str, site_id: int, raw_size: int, coded: Coded) -> None:
    conn.execute(
        """insert into bodies(sha256, site_id, raw_size, codec, base_sha256, depth, data, data_sha256)
           values (?, ?, ?, ?, ?, ?, ?, ?)""",
        (sha256, site_id, raw_size, *_columns(coded)),
    )


def _columns(coded: Coded) -> tuple[str, str, int, bytes, str]:
    kind: codec.Codec = "zstd-base" if coded.base_sha256 else "zstd"
    return kind, coded.base_sha256, coded.depth, coded.data, hashlib.sha256(coded.data).hexdigest()


def _against(conn: sqlite3.Connection, body: bytes, base: tuple[str, int] | None, best: Coded | None) -> Coded | None:
    """`best`, or the body coded against `base` where that is shorter."""
    if base is None:
        return best
    sha256, depth = base
    data = codec.compress(body, read(conn, sha256))
    return Coded(data, sha256, depth + 1) if best is None or len(data) < len(best.data) else best


def _base_within(conn: sqlite3.Connection, previous: str) -> tuple[str, int] | None:
    """The version before, or its ancestor half as deep when it has reached the limit."""
    ancestors = list(conn.execute(_ANCESTORS, (previous,)))
    if not ancestors:
        return None
    if ancestors[0][1] < MAX_DEPTH:
        return ancestors[0][0], ancestors[0][1]
    return next((sha256, depth) for sha256, depth in ancestors if depth <= MAX_DEPTH // 2)


def _nearest_sibling(
    conn: sqlite3.Connection, body: bytes, family: Family, best: Coded | None, shun: frozenset[str]
) -> Coded | None:
    """`best`, or the body coded against the nearest sibling where that is shorter."""
    trials = []
    for sha256, depth in _siblings(conn, family):
        if sha256 not in shun:
            length = len(codec.compress(body, read(conn, sha256), codec.TRIAL_LEVEL))
            trials.append((length * (1 + DEPTH_PRICE * depth), sha256, depth))
    if not trials:
        return best
    _, sha256, depth = min(trials)
    return _against(conn, body, (sha256, depth), best)


def _siblings(conn: sqlite3.Connection, family: Family) -> list[tuple[str, int]]:
    """A few shallow bodies: the site's newest ones of each depth, and those of neighbouring pages."""
    found: list[tuple[str, int]] = []
    for depth in range(SIBLING_DEPTH + 1):
        found += conn.execute(
            "select sha256, depth from bodies where site_id = ? and depth = ? order by id desc limit ?",
            (family.site_id, depth, SIBLINGS),
        )
    for sha256 in family.near:
        found += conn.execute(
            "select sha256, depth from bodies where sha256 = ? and depth <= ?", (sha256, SIBLING_DEPTH)
        )
    return list(dict.fromkeys(found))
