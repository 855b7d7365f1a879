"""Bodies at rest: each distinct one once, compressed against pages of its site or the version before it.

A first capture is coded against one of its site's newest bodies and all that one is coded against, which a read needs
anyway: the writer holds a few such lines made ready, so that a page costs no more than its own compression. A later
version is coded against the version before. Each body below costs a read some 0.02 ms, so depth is bounded: past the
limit a version is coded against an ancestor half as deep, which costs far fewer bytes than starting again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from columnarchive.errors import NotFound, StoreError
from columnarchive.store import codec
from columnarchive.store.database import Database
from columnarchive.store.nearness import LONGEST, Lately, Line, marks

MAX_DEPTH = 20
# A delta above this share of the body is no small edit but a redesign, which a sibling may have already.
POOR_DELTA = 0.08
WELL_BASED = 0.11  # Below this share of the body, the line at hand is enough; above, the nearest is tried too.
TRIED = 2
FOREIGN = 0.25  # Above this share, coding it alone is tried: that takes 15 to 40 % of a real page.
# How many of a site's newest bodies of each depth are looked at, and taken, when none of its lines are held.
NEWEST = 2
TAKEN = 8

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
ANCESTORS = f"""
with recursive line(sha256, base_sha256, depth) as (
    select sha256, base_sha256, depth from bodies where sha256 = ?
    union all
    select below.sha256, below.base_sha256, below.depth
    from line join bodies as below on below.sha256 = line.base_sha256 where line.base_sha256 <> ''
)
select sha256, depth from line limit {codec.MAX_CHAIN + 1}
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
class Incoming:
    """A body to be stored: its digest, its site, and the version before it if there is one."""

    body: bytes
    sha256: str
    site_id: int = 0
    previous: str = ""


def connection(source: Database | sqlite3.Connection) -> sqlite3.Connection:
    """The SQLite connection of an archive, or the one given."""
    return source.conn if isinstance(source, Database) else source


def read(source: Database | sqlite3.Connection, sha256: str) -> bytes:
    """The body with this digest, verified; raise NotFound without it and StoreError when it is damaged.

    Works on any connection to the file, also a read-only one in another process.
    """
    frames = connection(source).execute(_LINE, (sha256,)).fetchall()[::-1]
    if not frames:
        raise NotFound("no_body", sha256=sha256)
    body = codec.decompress_last(frames)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise StoreError("damaged_body", sha256=sha256)
    return body


def has(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether the body with this digest is stored."""
    return conn.execute("select 1 from bodies where sha256 = ?", (sha256,)).fetchone() is not None


def write(db: Database, body: bytes, site_id: int = 0, previous: str = "") -> str:
    """Store a body unless it is there; return its digest. `previous` names the version of the page before it."""
    sha256 = hashlib.sha256(body).hexdigest()
    if not has(db.conn, sha256):
        coded = encode(db.conn, Incoming(body, sha256, site_id, previous), db.lately)
        db.conn.execute(
            """insert into bodies(sha256, site_id, raw_size, codec, base_sha256, depth, data, data_sha256)
               values (?, ?, ?, ?, ?, ?, ?, ?)""",
            (sha256, site_id, len(body), *coded.columns),
        )
    return sha256


def encode(conn: sqlite3.Connection, new: Incoming, lately: Lately, shun: frozenset[str] = frozenset()) -> Coded:
    """The shortest of the few encodings worth trying; `shun` names bodies that must not be built on."""
    size = len(new.body)
    after = None
    if size <= codec.MAX_BASED_SIZE and new.previous and new.previous not in shun:
        after = _after(conn, new.body, new.previous)
        if after and len(after.data) <= POOR_DELTA * size:
            return after
    beside, line = _beside(conn, new, lately, shun)
    if after and len(after.data) <= len(beside.data):
        return after
    lately.keep(new.site_id, line)
    return beside


def _after(conn: sqlite3.Connection, body: bytes, previous: str) -> Coded | None:
    """The body against the version before, or its ancestor half as deep when it has reached the limit."""
    ancestors = list(conn.execute(ANCESTORS, (previous,)))
    if not ancestors:
        return None
    base, depth = ancestors[0]
    if depth >= MAX_DEPTH:
        base, depth = next((sha256, depth) for sha256, depth in ancestors if depth <= MAX_DEPTH // 2)
    return Coded(codec.compress(body, read(conn, base)), "zstd-base", base, depth + 1)


def _beside(conn: sqlite3.Connection, new: Incoming, lately: Lately, shun: frozenset[str]) -> tuple[Coded, Line]:
    """The body against the line of its site that serves it best, or alone; and the line that it makes itself."""
    own = marks(new.body)
    if not lately.knows(new.site_id):
        for line in _lines(conn, new.site_id):
            lately.keep(new.site_id, line)
    best, under = None, Line()
    lines = (line for line in lately.nearest(new.site_id, own) if shun.isdisjoint(line.names))
    for line in islice(lines, TRIED):
        if not _stands(conn, line):
            lately.forget()
            return _beside(conn, new, lately, shun)
        data = lately.dictionary(line, partial(_joined, conn, line, lately)).compress(new.body)
        if best is None or len(data) < len(best):
            best, under = data, line
        if len(best) <= WELL_BASED * len(new.body):
            break
    if best is None or len(best) > FOREIGN * len(new.body):
        alone = codec.compress(new.body, level=codec.FIRST_LEVEL)
        if best is None or len(alone) <= len(best):
            return Coded(alone), Line().below(new.sha256, len(new.body), own)
    depth = len(under.names)
    kind: codec.Codec = "zstd-line" if depth > 1 else "zstd-base"
    return Coded(best, kind, under.names[0], depth), under.below(new.sha256, len(new.body), own)


def _stands(conn: sqlite3.Connection, line: Line) -> bool:
    """Whether the archive says the same of a line: it may have been taken back, erased or coded anew meanwhile."""
    return line.names == tuple([name for name, _ in conn.execute(ANCESTORS, line.names[:1])])


def _joined(conn: sqlite3.Connection, line: Line, lately: Lately) -> bytes:
    """The bodies of a line, the lowest first; of one that grew by a page, that page alone is read."""
    below = lately.ready.get(line.names[1:])
    frames = conn.execute(_LINE, (line.names[0],)).fetchall()
    data, raw_size, kind = frames[0]
    if below and kind == "zstd-line":
        return below.content + codec.decompress(data, raw_size, below.content)
    return b"".join(codec.decompress_all(frames[::-1]))


def _lines(conn: sqlite3.Connection, site_id: int) -> Iterator[Line]:
    """A few lines of a site, as they are stored: those of its newest bodies, of any depth."""
    found = [
        row
        for depth in range(LONGEST)
        for row in conn.execute(
            "select id, sha256 from bodies where site_id = ? and depth = ? order by id desc limit ?",
            (site_id, depth, NEWEST),
        )
    ]
    for _, sha256 in sorted(sorted(found)[-TAKEN:]):
        line = Line()
        names = [name for name, _ in conn.execute(ANCESTORS, (sha256,))]
        bodies = codec.decompress_all(conn.execute(_LINE, (sha256,)).fetchall()[::-1])
        for name, body in zip(reversed(names), bodies, strict=True):
            line = line.below(name, len(body), marks(body))
        yield line
