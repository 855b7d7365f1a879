"""Sitemaps, sitemap indexes, RSS, Atom, RDF and WordPress' list of posts, read as lists of addresses with dates.

XML is read by expat piece by piece; entities are not declared, external ones never fetched, and a file that breaks off
gives what came before the break.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.parsers import expat

from columnarchive.errors import UsageError
from columnarchive.times import to_text
from columnarchive.urls import canonical

MAX_BYTES = 50_000_000
MAX_ENTRIES = 50_000
MAX_JSON = 5_000_000
PIECE = 262_144
HEAD = 200  # bytes that tell the kind of a file
LONGEST_LINE = 4096
DATES = frozenset({"lastmod", "pubdate", "updated", "modified", "date"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that a list names, and when it says the page changed last (UTC; empty when it does not say)."""

    url: str
    lastmod: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a file lists: pages, and further files."""

    entries: tuple[Entry, ...] = ()
    files: tuple[str, ...] = ()


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
        self.kind: _Xml | _Text | _Json | None = None

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
            self.kind = _Xml(self.url)
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
            if re.match(r"https?://\S+$", text, re.I) and (link := _address(text, self.url)):
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
            link = _address(str(item.get("link") or item.get("url") or ""), url)
            if link:
                said = item.get("modified_gmt") or item.get("date_modified") or item.get("date_published") or ""
                found.append(Entry(link, moment(str(said))))
    return Listing(tuple(found))


def _address(text: str, base: str) -> str:
    try:
        return canonical(text.strip(), base) if text.strip() else ""
    except UsageError:
        return ""


def moment(text: str) -> str:
    """A W3C or RFC 822 date as UTC text; empty for none. A date without a time is the end of no day: midnight UTC."""
    text = text.strip()
    try:
        given = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            given = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return ""
    try:
        return to_text(given if given.tzinfo else given.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return ""


class _Stop(Exception):
    """Enough was read."""


@dataclass(slots=True)
class _Reader:
    """Collects addresses and dates from the elements as they come, whatever namespace they are in."""

    base: str
    path: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    link: str = ""
    date: str = ""
    entries: list[Entry] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def start(self, name: str, said: dict[str, str]) -> None:
        name = name.rpartition(" ")[2].lower()
        if len(self.path) > 40:
            raise _Stop
        self.path.append(name)
        self.text.clear()
        if name in ("url", "sitemap", "item", "entry"):
            self.link = self.date = ""
            if name == "item" and said.get("http://www.w3.org/1999/02/22-rdf-syntax-ns# about"):
                self.link = said["http://www.w3.org/1999/02/22-rdf-syntax-ns# about"]
        parent = self.path[-2] if len(self.path) > 1 else ""
        if name == "link" and said.get("href"):
            rel = said.get("rel", "alternate")
            if parent == "entry" and rel == "alternate" and not self.link:
                self.link = said["href"]
            elif parent == "url" and rel == "alternate":  # hreflang: the page in other languages
                self._add(said["href"], "")
            elif parent == "feed" and rel == "next":
                self.files.append(_address(said["href"], self.base))

    def end(self, name: str) -> None:
        name = name.rpartition(" ")[2].lower()
        said = "".join(self.text).strip()
        parent = self.path[-2] if len(self.path) > 1 else ""
        if parent in ("url", "sitemap", "item", "entry"):
            is_link = name == "loc" or (name == "link" and parent == "item")
            if (is_link and said) or (name == "guid" and not self.link and said.startswith("http")):
                self.link = said
            elif name in DATES or (name == "published" and not self.date):
                self.date = moment(said) or self.date
        if name in ("sitemap", "url") and not self.link and said.startswith("http"):
            self.link = said  # some write the address without <loc>
        if name == "sitemap":
            self.files.append(_address(self.link, self.base))
        elif name in ("url", "item", "entry") and self.link:
            self._add(self.link, self.date)
        if self.path:
            self.path.pop()
        self.text.clear()

    def characters(self, data: str) -> None:
        if len(self.text) < 2000:
            self.text.append(data)

    def _add(self, link: str, date: str) -> None:
        url = _address(link, self.base)
        if url:
            self.entries.append(Entry(url, date))
        if len(self.entries) >= MAX_ENTRIES:
            raise _Stop

    def listing(self) -> Listing:
        return Listing(tuple(self.entries), tuple(one for one in dict.fromkeys(self.files) if one))


class _Xml:
    def __init__(self, url: str) -> None:
        self.reader = _Reader(url)
        self.ended = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.reader.start
        self.parser.EndElementHandler = self.reader.end
        self.parser.CharacterDataHandler = self.reader.characters
        self.parser.EntityDeclHandler = _no_entities
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def feed(self, data: bytes, last: bool = False) -> None:
        if self.ended:
            return
        try:
            self.parser.Parse(data, last)
        except (expat.ExpatError, _Stop, ValueError, LookupError):
            self.ended = True  # what came before a break counts

    def listing(self) -> Listing:
        self.feed(b"", last=True)
        return self.reader.listing()


def _no_entities(*_: object) -> None:
    raise _Stop  # a list of addresses has no use for them, a bomb does
