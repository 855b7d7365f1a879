"""Sitemaps, sitemap indexes, RSS, Atom, RDF and WordPress' list of posts, read as lists of addresses with dates.

XML is read by expat piece by piece; entities are not declared, external ones never fetched, and a file that breaks off
gives what came before the break.
"""

from __future__ import annotations

import contextlib
import email.utils
import gzip
import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.parsers import expat

from columnarchive.errors import UsageError
from columnarchive.times import to_text
from columnarchive.urls import canonical

MAX_BYTES = 50_000_000
MAX_ENTRIES = 50_000
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
    body = _unpacked(body)
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:200]
    if head.startswith((b"[", b"{")):
        return _from_json(body, url)
    if head.startswith(b"<") or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _from_xml(body, url)
    return _from_text(body, url)


def _unpacked(body: bytes) -> bytes:
    """The file without gzip around it, as far as it can be unpacked within bounds."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(31)
    try:
        return unpacker.decompress(body, MAX_BYTES)
    except (zlib.error, gzip.BadGzipFile):
        return b""


def _from_text(body: bytes, url: str) -> Listing:
    text = body[:MAX_BYTES].decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines()[: MAX_ENTRIES * 2]]
    found = (_address(line, url) for line in lines if re.match(r"https?://\S+$", line, re.I))
    return Listing(tuple(Entry(one) for one in found if one)[:MAX_ENTRIES])


def _from_json(body: bytes, url: str) -> Listing:
    """JSON Feed, or posts as WordPress lists them."""
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


def _from_xml(body: bytes, url: str) -> Listing:
    reader = _Reader(url)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters

    def no_entities(*_: object) -> None:
        raise _Stop  # a list of addresses has no use for them, a bomb does

    parser.EntityDeclHandler = no_entities
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    # What came before a break counts.
    with contextlib.suppress(expat.ExpatError, _Stop, ValueError, LookupError):
        parser.Parse(body[:MAX_BYTES], True)
    return reader.listing()
