"""Sitemaps, sitemap indexes, RSS, Atom, RDF and WordPress' list of posts, read as lists of addresses with dates.

A file is read as it arrives and never held whole; one that breaks off gives what came before the break.
"""

from __future__ import annotations

import contextlib
import json
import re
import zlib
from collections.abc import Iterable

from columnarchive.crawl.sitemap_entries import LONGEST_LINE, MAX_ENTRIES, Entry, Listing, address_in, moment
from columnarchive.crawl.sitemap_xml import Xml

MAX_BYTES = 50_000_000
MAX_JSON = 5_000_000
PIECE = 262_144
HEAD = 200  # bytes that tell the kind of a file


def read(body: bytes, url: str) -> Listing:
    """The list in a sitemap or feed of any kind; an empty one for anything else. Never raises."""
    reader = Reader(url)
    for start in range(0, len(body), PIECE):
        reader.feed(body[start : start + PIECE])
    return reader.listing()


class Reader:
    """Reads a sitemap or feed as it arrives, gzip around it undone, so that none is ever held whole. Never raises."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.room = MAX_BYTES
        self.head = b""
        self.unpacker: zlib._Decompress | None = None
        self.kind: Xml | _Text | _Json | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self.unpacker is None and self.kind is None:
            self.head += data
            if len(self.head) < HEAD:
                return
            data, self.head = self.head, b""
            if data.startswith(b"\x1f\x8b"):
                self.unpacker = zlib.decompressobj(31)
        if self.unpacker is None:
            self._plain(data)
        while self.unpacker is not None and data and self.room > 0 and not self.unpacker.eof:
            try:
                piece = self.unpacker.decompress(data, PIECE)
            except zlib.error:
                self.room = 0
                return
            data = self.unpacker.unconsumed_tail
            self._plain(piece)

    def _plain(self, data: bytes) -> None:
        if self.kind is None:
            self.head += data
            if len(self.head) < HEAD:
                return
            data = self._begin()
        data = data[: max(0, self.room)]
        self.room -= len(data)
        assert self.kind is not None
        self.kind.feed(data)

    def _begin(self) -> bytes:
        """Tell the kind of file by how it begins."""
        data, self.head = self.head, b""
        head = data.lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith((b"[", b"{")):
            self.kind = _Json(self.url)
        elif head.startswith(b"<") or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self.kind = Xml(self.url)
        else:
            self.kind = _Text(self.url)
        return data

    def listing(self) -> Listing:
        """What the file lists, now that it has ended."""
        if self.kind is None:
            # Shorter than what a file is told by; gzip may stand around it all the same.
            data, self.head = self.head, b""
            if self.unpacker is None and data.startswith(b"\x1f\x8b"):
                with contextlib.suppress(zlib.error):
                    data = zlib.decompressobj(31).decompress(data, MAX_BYTES)
            self.head = data
            data = self._begin()
            assert self.kind is not None
            self.kind.feed(data)
        return self.kind.listing()


class _Text:
    """An address a line; a line that no address is as long as is none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rest = b""
        self.found: list[Entry] = []

    def feed(self, data: bytes) -> None:
        if len(self.found) >= MAX_ENTRIES:
            return
        lines = (self.rest + data).splitlines(keepends=True)
        rest = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        self.rest = rest if len(rest) < LONGEST_LINE else b""
        self._take(lines)

    def _take(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8-sig", "replace").strip()
            if re.match(r"https?://\S+$", text, re.I) and (link := address_in(text, self.url)):
                self.found.append(Entry(link))

    def listing(self) -> Listing:
        self._take([self.rest])
        return Listing(tuple(self.found[:MAX_ENTRIES]))


class _Json:
    """JSON Feed, or posts as WordPress lists them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.body = bytearray()

    def feed(self, data: bytes) -> None:
        if len(self.body) <= MAX_JSON:
            self.body += data

    def listing(self) -> Listing:
        return _from_json(bytes(self.body), self.url)


def _from_json(body: bytes, url: str) -> Listing:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return Listing()
    items = data.get("items", []) if isinstance(data, dict) else data
    found = []
    for item in items[:MAX_ENTRIES] if isinstance(items, list) else []:
        if isinstance(item, dict):
            link = address_in(str(item.get("link") or item.get("url") or ""), url)
            if link:
                said = item.get("modified_gmt") or item.get("date_modified") or item.get("date_published") or ""
                found.append(Entry(link, moment(str(said))))
    return Listing(tuple(found))
