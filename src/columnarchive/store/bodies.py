"""Bodies at rest: each distinct one once, compressed against a sibling page or the version before it.

A first capture is coded against the nearest of its site's shallow bodies and all that one is coded against, which a
read needs anyway; a later version against the version before. Each body below costs a read some 0.02 ms, so depth is
bounded: past the limit a version is coded against an ancestor half as deep, which costs far fewer bytes than starting
again from a sibling.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from columnarchive.errors import NotFound, StoreError
from columnarchive.store import codec, nearness
from columnarchive.store.database import Database

MAX_DEPTH = 20
SIBLING_DEPTH = 10  # The deepest body that a sibling is coded against, so that histories have room above it.
MAX_LINE = 512 << 10  # Bytes of a line of bodies past which only the nearest is used: loading more takes too long.
SIBLINGS = 8  # How many of a site's newest bodies of each depth, and of a page's neighbours on each side, are tried.
# What a base may cost more for each base that it has less: shallow pages stay free to be bases of their own kind.
DEPTH_PRICE = 0.003
# A delta above this share of the body is no small edit but a redesign, which a sibling may have already.
POOR_DELTA = 0.08
# Below this share of the body, coding it alone is not tried: that takes 15 to 40 % of a real page.
WELL_BASED = 0.12
TRIED = 3  # How many of the siblings that leave the least new are tried in earnest.

_LINE = f"""
with recursive line(sha256, codec, base_sha256, raw_size, data, level) as (
    select sha256, codec, base_sha256, raw_size, data, 0 from bodies where sha256 = ?
    union all
    select below.sha256, below.codec, below.base_sha256, below.raw_size, below.data, level + 1
    from line join bodies as below on below.sha256 = line.base_sha256
    where line.codec <> 'zstd' and level < {codec.MAX_CHAIN}
)
select data, raw_size, codec from line
"""
# The body and those below it, the nearest first.
ANCESTORS = """
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
    """A body as it is stored: the frame, its codec, the body it builds on, and how many are below it."""

    data: bytes
    codec: codec.Codec = "zstd"
    base_sha256: str = ""
    depth: int = 0

    @property
    def columns(self) -> tuple[str, str, int, bytes, str]:
        """The values of `codec, base_sha256, depth, data, data_sha256`."""
        return self.codec, self.base_sha256, self.depth, self.data, hashlib.sha256(self.data).hexdigest()


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
    frames = connection(source).execute(_LINE, (sha256,)).fetchall()[::-1]
    if not frames:
        raise NotFound(f"The archive holds no body {sha256}.")
    body = codec.decompress_last(frames)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise StoreError(f"The stored body {sha256} is damaged; `archive check` says more.")
    return body


def has(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether the body with this digest is stored."""
    return conn.execute("select 1 from bodies where sha256 = ?", (sha256,)).fetchone() is not None


def write(db: Database, body: bytes, site_id: int = 0, previous: str = "", near: Sequence[str] = ()) -> str:
    """Store a body unless it is there; return its digest.

    `previous` names the version of the page before it, `near` the bodies of pages with similar addresses.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    if not has(db.conn, sha256):
        coded = encode(db.conn, body, Family(site_id, previous, tuple(near)), db.lately)
        db.conn.execute(
            """insert into bodies(sha256, site_id, raw_size, codec, base_sha256, depth, data, data_sha256)
               values (?, ?, ?, ?, ?, ?, ?, ?)""",
            (sha256, site_id, len(body), *coded.columns),
        )
    return sha256


def encode(
    conn: sqlite3.Connection,
    body: bytes,
    family: Family,
    lately: nearness.Lately,
    shun: frozenset[str] = frozenset(),
) -> Coded:
    """The shortest of the few encodings worth trying; `shun` names bodies that must not be built on."""
    best = None
    if len(body) <= codec.MAX_BASED_SIZE:
        if family.previous and family.previous not in shun:
            best = _after(conn, body, family.previous)
        if best is None or len(best.data) > POOR_DELTA * len(body):
            best = min(
                (each for each in (best, _beside(conn, body, family, lately, shun)) if each),
                key=lambda each: len(each.data),
                default=None,
            )
    if best is not None and len(best.data) <= WELL_BASED * len(body):
        return best
    alone = Coded(codec.compress(body, level=codec.FIRST_LEVEL))
    return alone if best is None or len(alone.data) <= len(best.data) else best


def _after(conn: sqlite3.Connection, body: bytes, previous: str) -> Coded | None:
    """The body against the version before, or its ancestor half as deep when it has reached the limit."""
    ancestors = list(conn.execute(ANCESTORS, (previous,)))
    if not ancestors:
        return None
    base, depth = ancestors[0]
    if depth >= MAX_DEPTH:
        base, depth = next((sha256, depth) for sha256, depth in ancestors if depth <= MAX_DEPTH // 2)
    return Coded(codec.compress(body, read(conn, base)), "zstd-base", base, depth + 1)


def _beside(
    conn: sqlite3.Connection, body: bytes, family: Family, lately: nearness.Lately, shun: frozenset[str]
) -> Coded | None:
    """The body against the line of the sibling that serves it best: of those that leave the least new, the shortest."""
    own = nearness.marks(body)
    rated: list[tuple[float, int, str, int]] = []
    for sha256, depth in _siblings(conn, family):
        if sha256 not in shun:
            left = (own & ~lately.line(sha256, partial(_with_base, conn))).bit_count()
            rated.append((left * (1 + DEPTH_PRICE * depth), len(rated), sha256, depth))
    trials = []
    for _, place, sha256, depth in sorted(rated)[:TRIED]:
        kind, raw = _base(conn, sha256)
        length = len(codec.compress(body, raw, codec.TRIAL_LEVEL))
        trials.append((length * (1 + DEPTH_PRICE * depth), place, sha256, depth, kind, raw))
    if not trials:
        return None
    _, _, sha256, depth, kind, raw = min(trials)
    return Coded(codec.compress(body, raw, codec.FIRST_LEVEL), kind, sha256, depth + 1)


def _base(conn: sqlite3.Connection, sha256: str) -> tuple[codec.Codec, bytes]:
    """What to code against when building on this body: all of its line unless that is too much."""
    found = codec.decompress_all(conn.execute(_LINE, (sha256,)).fetchall()[::-1])
    if len(found) > 1 and sum(map(len, found)) <= MAX_LINE:
        return "zstd-line", b"".join(found)
    return "zstd-base", found[-1]


def _with_base(conn: sqlite3.Connection, sha256: str) -> tuple[bytes, str]:
    """A body, and the digest of the one that it is coded against."""
    (base,) = conn.execute("select base_sha256 from bodies where sha256 = ?", (sha256,)).fetchone()
    return read(conn, sha256), base


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
