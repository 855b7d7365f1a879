"""Compression of bodies: standard zstd frames, alone or with another body as raw dictionary. Pure functions.

A template's pages share most of their bytes, so a page costs least against siblings, and a later version of it against
the version before. The frames carry their size but no dictionary id: `zstd -d --patch-from=BASE` reads them as well.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import zstandard

from columnarchive.errors import NotFound, StoreError

if TYPE_CHECKING:
    from columnarchive.store.database import Database

Codec = Literal["zstd", "zstd-base", "zstd-line"]
"""A frame alone, against the body it names, or against that one and all below it, joined, the lowest first."""
Frame = tuple[bytes, int, str]
"""Stored bytes, the body's size, the codec."""
LEVEL = 10  # Level 11 saves half a percent against a small dictionary, and takes ten times as long.
READY_LEVEL = 11  # Against a dictionary made ready it takes no longer.
QUICK_LEVEL = 1  # For what is coded anew at once.
MAX_BASED_SIZE = 32 << 20  # Larger bodies stand alone, so that a frame's window stays within every decoder's default.
MAX_CHAIN = 64  # More bases than any body has, so that a damaged file cannot send a reader in circles.
_SMALLEST_WINDOW_LOG = 17
_SMALLEST_HASH_LOG = 6
_LARGEST_HASH_LOG = 20
_PAGE = 32 << 10  # bytes of the pages that a dictionary is made for
_HASH_LOG = 17  # of a dictionary of up to 2 ** _USUAL bytes: 18 doubles what it holds and saves half a percent
_USUAL = 18


def compress(body: bytes, base: bytes | None = None, level: int = LEVEL) -> bytes:
    """One zstd frame of `body`, with `base` as raw dictionary if given."""
    parameters = _parameters(level, len(body), len(base or b""))
    return zstandard.ZstdCompressor(dict_data=_dictionary(base), compression_params=parameters).compress(body)


class Dictionary:
    """Bodies joined and made ready, so that each of many is coded against them in a third of the time.

    What comes out is a frame like those of `compress`, read in the same way.
    """

    def __init__(self, content: bytes) -> None:
        self._made = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        bits = len(content).bit_length()
        hash_log = max(_SMALLEST_HASH_LOG, min(bits, _LARGEST_HASH_LOG) if bits > _USUAL else min(_HASH_LOG, bits + 1))
        parameters = _parameters(READY_LEVEL, _PAGE, len(content), hash_log=hash_log)
        self._made.precompute_compress(compression_params=parameters)
        self.size = len(content) + (5 << hash_log)
        """Bytes held."""

    @property
    def content(self) -> bytes:
        """The bodies, joined."""
        return self._made.as_bytes()

    def compress(self, body: bytes) -> bytes:
        """One zstd frame of `body` against the dictionary."""
        parameters = _parameters(READY_LEVEL, len(body), len(self._made))
        return zstandard.ZstdCompressor(dict_data=self._made, compression_params=parameters).compress(body)


def _parameters(level: int, size: int, dict_size: int, **more: int) -> zstandard.ZstdCompressionParameters:
    return zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=size,
        dict_size=dict_size,
        window_log=max(_SMALLEST_WINDOW_LOG, (size + dict_size).bit_length()),
        write_content_size=True,
        write_dict_id=False,
        write_checksum=False,  # The sha256 of body and frame are both kept beside the frame.
        **more,
    )


def decompress(data: bytes, raw_size: int, base: bytes | None = None) -> bytes:
    """The body of a frame; raise StoreError if it is damaged or not as long as `raw_size` says."""
    _check_size(data, raw_size)
    try:
        return zstandard.ZstdDecompressor(dict_data=_dictionary(base)).decompress(data)
    except zstandard.ZstdError as error:
        raise StoreError("damaged_frame", reason=error) from error


def decompress_all(frames: Sequence[Frame]) -> list[bytes]:
    """The bodies of a line of frames, the first of which stands alone and each other is coded against those before.

    Raises StoreError if one is damaged.
    """
    found: list[bytes] = []
    for data, raw_size, codec in frames:
        found.append(decompress(data, raw_size, dictionary(codec, found)))
    return found


def dictionary(codec: str, below: Sequence[bytes]) -> bytes | None:
    """What a frame of this codec is coded against, of the bodies below it, the lowest first."""
    if codec == "zstd" or not below:
        return None
    return b"".join(below) if codec == "zstd-line" else below[-1]


def _check_size(data: bytes, raw_size: int) -> None:
    """Asked before decoding, so that a damaged frame cannot make us allocate what it claims."""
    try:
        stated_size = zstandard.frame_content_size(data)
    except (zstandard.ZstdError, TypeError) as error:
        raise StoreError("damaged_frame", reason=error) from error
    if stated_size != raw_size:
        raise StoreError("frame_size")


def _dictionary(base: bytes | memoryview | None) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None


MAX_DEPTH = 20  # bodies below one
POOR_DELTA = 0.08  # share of a body above which a delta is a redesign, which the dictionary may have already
FOREIGN = 0.25  # share of a body above which coding it alone is tried, which takes 15 to 40 % of a real page
DICTIONARY_PAGES = 10
NOVEL = 0.07  # share of a page that is new, from which on it is worth a place in the dictionary
DICTIONARY_BYTES = 288 << 10
MISSES = 3  # pages in a row that a dictionary does not serve: then the site was redesigned, and a new one begins
CACHED_SITES = 24  # dictionaries held ready, some 1 MB each
_LINE = f"""
with recursive line(sha256, codec, base_sha256, raw_size, data, level) as (
    select sha256, codec, base_sha256, raw_size, data, 0 from bodies where sha256 = ?
    union all
    select below.sha256, below.codec, below.base_sha256, below.raw_size, below.data, level + 1
    from line join bodies as below on below.sha256 = line.base_sha256
    where line.codec <> 'zstd' and level < {MAX_CHAIN}
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
select sha256, depth from line limit {MAX_CHAIN + 1}
"""
# The bodies that need any of these, each after those below it.
_ABOVE = """
with recursive above(sha256) as (
    select sha256 from bodies where base_sha256 in (select value from json_each(?))
    union select bodies.sha256 from above join bodies on bodies.base_sha256 = above.sha256
)
select sha256, site_id, codec, base_sha256 from above join bodies using (sha256) order by depth, sha256
"""


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """A body as it is stored: the frame, its codec, the body it builds on, and how many are below it."""

    data: bytes
    codec: Codec = "zstd"
    base_sha256: str = ""
    depth: int = 0

    @property
    def columns(self) -> tuple[str, str, int, bytes, str]:
        """The values of `codec, base_sha256, depth, data, data_sha256`."""
        return self.codec, self.base_sha256, self.depth, self.data, hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class NewBody:
    """A body to be stored: its digest, its site, and the version before it if there is one."""

    body: bytes
    sha256: str
    site_id: int = 0
    previous: str = ""


def connection(source: Database | sqlite3.Connection) -> sqlite3.Connection:
    """Return the SQLite connection of an archive, or the one given."""
    return source if isinstance(source, sqlite3.Connection) else source.conn


def read(source: Database | sqlite3.Connection, sha256: str) -> bytes:
    """Return the body with this digest, verified; raise NotFound without it and StoreError when it is damaged.

    Works on any connection to the file, also a read-only one in another process.
    """
    frames = connection(source).execute(_LINE, (sha256,)).fetchall()[::-1]
    if not frames:
        raise NotFound("no_body", sha256=sha256)
    body = decompress_all(frames)[-1]
    if hashlib.sha256(body).hexdigest() != sha256:
        raise StoreError("damaged_body", sha256=sha256)
    return body


def has(conn: sqlite3.Connection, sha256: str) -> bool:
    """Whether the body with this digest is stored."""
    return conn.execute("select 1 from bodies where sha256 = ?", (sha256,)).fetchone() is not None


def write(db: Database, body: bytes, site_id: int = 0, previous: str = "") -> str:
    """Store a body unless it is there; return its digest.

    `previous` names the version of the page before it. Without a site it is coded alone, as pictures are.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    if not has(db.conn, sha256):
        if site_id:
            encoded = encode(db.conn, NewBody(body, sha256, site_id, previous), db.dictionaries)
        else:
            encoded = EncodedBody(compress(body, level=QUICK_LEVEL))
        db.conn.execute(
            """insert into bodies(sha256, site_id, raw_size, codec, base_sha256, depth, data, data_sha256)
               values (?, ?, ?, ?, ?, ?, ?, ?)""",
            (sha256, site_id, len(body), *encoded.columns),
        )
    return sha256


def encode(conn: sqlite3.Connection, new: NewBody, cache: DictionaryCache) -> EncodedBody:
    """Return the shortest of the few encodings worth trying: against the version before, the dictionary, or alone."""
    size = len(new.body)
    delta = None
    if size <= MAX_BASED_SIZE and new.previous:
        delta = _delta(conn, new.body, new.previous)
        if delta and len(delta.data) <= POOR_DELTA * size:
            return delta
    shared = cache.encode(conn, new)
    if delta and len(delta.data) <= len(shared.data):
        return delta
    cache.take_in(conn, new, shared)
    return shared


def _delta(conn: sqlite3.Connection, body: bytes, previous: str) -> EncodedBody | None:
    """Encode a body against the version before, or its ancestor half as deep when it has reached the limit."""
    ancestors = list(conn.execute(ANCESTORS, (previous,)))
    if not ancestors:
        return None
    base, depth = ancestors[0]
    if depth >= MAX_DEPTH:
        base, depth = next((sha256, depth) for sha256, depth in ancestors if depth <= MAX_DEPTH // 2)
    return EncodedBody(compress(body, read(conn, base)), "zstd-base", base, depth + 1)


@dataclass(slots=True)
class SiteDictionary:
    """The first pages of a site, joined; `names` are their digests, the last page first.

    `misses` counts the pages in a row that it does not serve.
    """

    names: tuple[str, ...] = ()
    content: bytes = b""
    misses: int = 0
    is_used: bool = False
    ready: Dictionary | None = None

    @property
    def top(self) -> str:
        """The digest of the last page, against which and those below it others are coded; empty without any."""
        return self.names[0] if self.names else ""

    @property
    def is_full(self) -> bool:
        """Whether no further page is taken in."""
        return len(self.names) >= DICTIONARY_PAGES or len(self.content) >= DICTIONARY_BYTES

    def encode(self, body: bytes) -> EncodedBody | None:
        """Encode a body against the pages; None without any."""
        if not self.top:
            return None
        if self.is_used and self.ready is None:
            self.ready = Dictionary(self.content)
        # Making a dictionary ready takes as long as coding a few bodies, so the first one is coded without.
        data = self.ready.compress(body) if self.ready else compress(body, self.content)
        self.is_used = True
        return EncodedBody(data, "zstd-line" if len(self.names) > 1 else "zstd-base", self.top, len(self.names))


class DictionaryCache:
    """The dictionaries of the sites that were written to last. The archive names each one's top, so that what was
    rolled back, erased or written by another process is never built on.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[int, SiteDictionary] = OrderedDict()

    def __len__(self) -> int:
        """How many dictionaries are held."""
        return len(self._held)

    def clear(self) -> None:
        """Forget all, so that no text of theirs stays in memory."""
        self._held.clear()

    def encode(self, conn: sqlite3.Connection, new: NewBody) -> EncodedBody:
        """Encode a body against its site's dictionary, or alone."""
        held = self._of_site(conn, new.site_id)
        encoded = held.encode(new.body) if len(new.body) <= MAX_BASED_SIZE else None
        is_foreign = encoded is None or len(encoded.data) > FOREIGN * len(new.body)
        held.misses = held.misses + 1 if is_foreign else 0
        if encoded is None or is_foreign:
            alone = EncodedBody(compress(new.body))
            encoded = alone if encoded is None or len(alone.data) <= len(encoded.data) else encoded
        return encoded

    def take_in(self, conn: sqlite3.Connection, new: NewBody, stored: EncodedBody) -> None:
        """Make a body that is stored so a page of its site's dictionary, or the first one of a new dictionary."""
        held = self._of_site(conn, new.site_id)
        is_novel = len(new.body) <= DICTIONARY_BYTES and len(stored.data) > NOVEL * len(new.body)
        if is_novel and not held.is_full and stored.base_sha256 == held.top:
            self._keep(conn, new, SiteDictionary((new.sha256, *held.names), held.content + new.body))
        elif held.misses >= MISSES and not stored.base_sha256:
            self._keep(conn, new, SiteDictionary((new.sha256,), new.body))

    def _of_site(self, conn: sqlite3.Connection, site_id: int) -> SiteDictionary:
        row = conn.execute("select value from meta where key = ?", (_key(site_id),)).fetchone()
        top = row[0] if row else _first_body(conn, site_id)
        names = tuple(name for name, _ in conn.execute(ANCESTORS, (top,)))
        held = self._held.get(site_id)
        if held is None or held.names != names:
            frames = conn.execute(_LINE, (top,)).fetchall()[::-1]
            held = SiteDictionary(names, b"".join(decompress_all(frames)))
            self._hold(site_id, held)
        self._held.move_to_end(site_id)
        return held

    def _keep(self, conn: sqlite3.Connection, new: NewBody, dictionary: SiteDictionary) -> None:
        conn.execute("insert or replace into meta(key, value) values (?, ?)", (_key(new.site_id), new.sha256))
        self._hold(new.site_id, dictionary)

    def _hold(self, site_id: int, dictionary: SiteDictionary) -> None:
        self._held[site_id] = dictionary
        while len(self._held) > CACHED_SITES:
            self._held.popitem(last=False)


def erase(conn: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Delete these bodies, in the caller's transaction; what was coded against them is coded anew and reads the same.

    That is everything above them: a body depends on the one it is coded against, and with `zstd-line` on all below it.
    The dictionary of a site goes with any of its pages, so the site is coded anew.
    """
    going = frozenset(digests)
    # Looking up what is coded against a body is needed here only, so the file does not carry an index for it.
    conn.execute("create index bodies_base on bodies(base_sha256)")
    dependent = [
        (sha256, site_id, _remaining(conn, base, going) if codec == "zstd-base" else "")
        for sha256, site_id, codec, base in conn.execute(_ABOVE, (json.dumps(sorted(going)),)).fetchall()
        if sha256 not in going
    ]
    # First from the top, so that what is below a body is as it was while it is read; then from the bottom.
    for sha256, _, _ in reversed(dependent):
        _replace(conn, sha256, EncodedBody(compress(read(conn, sha256), level=QUICK_LEVEL)))
    conn.executemany("delete from bodies where sha256 = ?", ((sha256,) for sha256 in going))
    lost = going | {sha256 for sha256, _, _ in dependent}
    for key, top in conn.execute("select key, value from meta where key like 'dictionary of site %'").fetchall():
        if top in lost:
            conn.execute("update meta set value = '' where key = ?", (key,))
    for _, site_id, _ in dependent:
        # Without a dictionary a new one begins with the first body coded anew, never with one that is not yet.
        conn.execute("insert or ignore into meta(key, value) values (?, '')", (_key(site_id),))
    cache = DictionaryCache()
    for sha256, site_id, previous in dependent:
        _replace(conn, sha256, encode(conn, NewBody(read(conn, sha256), sha256, site_id, previous), cache))
    conn.execute("drop index bodies_base")


def _remaining(conn: sqlite3.Connection, sha256: str, going: frozenset[str]) -> str:
    """Return the body, or the first one below it that is not erased; empty without one."""
    return next((name for name, _ in conn.execute(ANCESTORS, (sha256,)) if name not in going), "")


def _replace(conn: sqlite3.Connection, sha256: str, encoded: EncodedBody) -> None:
    conn.execute(
        "update bodies set codec = ?, base_sha256 = ?, depth = ?, data = ?, data_sha256 = ? where sha256 = ?",
        (*encoded.columns, sha256),
    )


def _key(site_id: int) -> str:
    return f"dictionary of site {site_id}"


def _first_body(conn: sqlite3.Connection, site_id: int) -> str:
    """Return the site's first body that is stored alone, with which a dictionary begins; empty without one."""
    row = conn.execute("select sha256 from bodies where site_id = ? and depth = 0 order by id limit 1", (site_id,))
    return next((sha256 for (sha256,) in row), "")
