"""Sitemaps, sitemap indexes, RSS, Atom, RDF, JSON Feed, lists of URLs and WordPress' list of posts.

All are read as lists of URLs with dates, as leniently as feed readers do: blanks and warnings before the XML
declaration, bare `&`, control characters, bytes of another encoding and HTML in descriptions do no harm. A file is
parsed as it arrives and never held as a whole. Entities are not expanded, and time and memory grow with its size at
most. What came before a break counts.
"""

from __future__ import annotations

import codecs
import email.utils
import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.entities import html5

from columnarchive.errors import UsageError
from columnarchive.times import to_text
from columnarchive.urls import canonical

MAX_BYTES = 50_000_000
MAX_JSON = 5_000_000
MAX_JSON_VALUES = 200_000  # objects and arrays: each takes more memory than its two brackets
MAX_ENTRIES = 50_000
MAX_TEXT = 12_000_000  # characters of all URLs together
MAX_URL = 4096
MAX_TAG = 65_536
MAX_DEPTH = 40
PIECE = 65_536
HEAD = 200  # bytes that tell the kind of a file

ITEMS = frozenset({"url", "sitemap", "item", "entry"})
DATES = frozenset({"lastmod", "pubdate", "updated", "modified", "date", "published"})
TAG = re.compile(r"<(/?)([A-Za-z_][\w.-]*:)?([\w.-]+)([^<>]*)>")
ATTRIBUTE = re.compile(r"(?<![\w:.-])([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
MAX_ENTITY = 33  # characters
ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]\w{0,30}));")
ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.I)
CODECS = {
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "euc-jp": "euc_jp", "x-euc-jp": "euc_jp", "iso-2022-jp": "iso2022_jp", "iso-8859-1": "cp1252", "utf-16": "utf-16",
}  # fmt: skip
ROOTS = frozenset({"urlset", "sitemapindex", "rss", "feed", "rdf"})
# Sections that hold no tags: how they begin and end, and whether they are text.
SECTIONS = (("<!--", "-->", False), ("<![CDATA[", "]]>", True), ("<?", ">", False))


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """A page that a list names, and when it says the page changed last (UTC; empty when it does not say)."""

    url: str
    lastmod: str = ""


@dataclass(frozen=True, slots=True)
class SitemapPage:
    """What a file lists: pages, and further files. `complete` is False when it breaks off or holds too much."""

    entries: tuple[SitemapEntry, ...] = ()
    files: tuple[str, ...] = ()
    complete: bool = True


def parse_url(text: str, base: str) -> str:
    """Return the canonical form of the URL that a text is, relative to `base`; empty if it is none."""
    text = text.strip()
    if not text or len(text) > MAX_URL or ENTITY.search(text):
        return ""
    try:
        return canonical(text, base)
    except UsageError:
        return ""


def parse_timestamp(text: str) -> str:
    """Return a W3C or RFC 822 date as UTC text; empty if it is none. A date without a time is read as 00:00 UTC."""
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return ""
    try:
        return to_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return ""


def parse_sitemap(body: bytes, url: str) -> SitemapPage:
    """Parse a sitemap or feed of any kind; anything else lists nothing. Never raises."""
    parser = SitemapParser(url)
    for start in range(0, len(body), PIECE):
        parser.feed(body[start : start + PIECE])
    return parser.close()


@dataclass(slots=True)
class _Entries:
    """The URLs found so far, within bounds."""

    base: str
    entries: list[SitemapEntry] = field(default_factory=list)
    files: dict[str, None] = field(default_factory=dict)
    size: int = 0
    full: bool = False

    def add(self, link: str, date: str = "") -> None:
        if url := self._bounded(link):
            self.entries.append(SitemapEntry(url, date))

    def add_file(self, link: str) -> None:
        if url := self._bounded(link):
            self.files.setdefault(url)

    def _bounded(self, link: str) -> str:
        url = parse_url(link, self.base)
        self.full = self.full or len(self.entries) >= MAX_ENTRIES or self.size + len(url) > MAX_TEXT
        self.size += len(url)
        return "" if self.full else url


class SitemapParser:
    """Parses a sitemap or feed as its bytes arrive; gzip around it is removed. Never raises."""

    def __init__(self, url: str) -> None:
        self.found = _Entries(url)
        self.remaining = MAX_BYTES
        self.head = b""
        self.gzip: zlib._Decompress | None = None
        self.format: _Xml | _Lines | _Json | None = None
        self.broken = False

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        if self.gzip is None and self.format is None:
            self.head += data
            if len(self.head) < HEAD:
                return
            data, self.head = self.head, b""
            self._detect_gzip(data)
        self._unpack(data)

    def _detect_gzip(self, data: bytes) -> None:
        if data.startswith(b"\x1f\x8b"):
            self.gzip = zlib.decompressobj(31)

    def _unpack(self, data: bytes) -> None:
        if self.gzip is None:
            self._parse(data)
        while self.gzip is not None and data and self.remaining > 0 and not self.gzip.eof:
            try:
                piece = self.gzip.decompress(data, PIECE)
            except zlib.error:
                self.remaining = 0
                self.broken = True
                return
            data = self.gzip.unconsumed_tail
            self._parse(piece)

    def _parse(self, data: bytes) -> None:
        if self.format is None:
            self.head += data
            if len(self.head) < HEAD:
                return
            data = self._detect_format()
        self.broken = self.broken or len(data) > self.remaining
        data = data[: max(0, self.remaining)]
        self.remaining -= len(data)
        assert self.format is not None
        if not self.found.full:
            self.format.feed(data)

    def _detect_format(self) -> bytes:
        data, self.head = self.head, b""
        head = data.lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith((b"[", b"{")):
            self.format = _Json(self.found)
        elif b"<" not in data or re.match(rb"https?://\S+\s*$", head, re.I | re.M):
            self.format = _Lines(self.found)
        else:
            self.format = _Xml(self.found, _encoding_of(data))
        return data

    def close(self) -> SitemapPage:
        """Return what the file lists, now that it has ended."""
        if self.format is None:
            # Shorter than what a file is recognised by; gzip may be around it all the same.
            if self.gzip is None:
                data, self.head = self.head, b""
                self._detect_gzip(data)
                self._unpack(data)
            self._parse(b" " * HEAD)
        assert self.format is not None
        complete = self.format.close() and not self.broken and not self.found.full
        complete = complete and (self.gzip is None or self.gzip.eof)
        return SitemapPage(tuple(self.found.entries), tuple(self.found.files), complete)


def _encoding_of(head: bytes) -> str:
    """Return the codec of an XML file, by its mark or declaration."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    declared = ENCODING.search(head)
    return CODECS.get(declared[1].decode("ascii").lower(), "utf-8") if declared else "utf-8"


class _Xml:
    """Sitemaps and feeds in XML, whatever namespaces they use; markup need not be well-formed."""

    def __init__(self, found: _Entries, encoding: str) -> None:
        self.found = found
        self.decoder = codecs.getincrementaldecoder(encoding)("replace")
        self.rest = ""
        self.section: tuple[str, str, bool] | None = None
        self.path: list[str] = []
        self.text: list[str] = []
        self.link = ""
        self.date = ""
        self.ended = False

    def feed(self, data: bytes) -> None:
        text, self.rest = self.rest + self.decoder.decode(data), ""
        at = 0
        while at < len(text) and not self.found.full and not self.ended:
            at = self._skip_section(text, at) if self.section else self._next(text, at)

    def _next(self, text: str, at: int) -> int:
        """Read text up to the next tag, and the tag; return where to go on."""
        start = text.find("<", at)
        if start < 0:
            # An entity may lie across two pieces.
            stop = text.rfind("&", max(at, len(text) - MAX_ENTITY))
            stop = stop if stop >= 0 and ";" not in text[stop:] else len(text)
            self._characters(text[at:stop])
            self.rest = text[stop:]
            return len(text)
        self._characters(text[at:start])
        for section in SECTIONS:
            if text.startswith(section[0], start):
                self.section = section
                return start + len(section[0])
        ahead = text[start : start + len("<![CDATA[")]
        if not ahead[1:2].isalpha() and ahead[1:2] not in ("", "/", "!", "?", "_"):
            return start + 1  # a sign for "less than"
        end = text.find(">", start)
        if end < 0 or any(mark.startswith(ahead) for mark, _, _ in SECTIONS):
            self.rest = text[start:] if len(text) - start <= MAX_TAG else ""
            return len(text)
        if tag := TAG.match(text, start, end + 1):
            closing, _, name, attributes = tag.groups()
            name = name.lower()
            if closing:
                self._end(name)
            else:
                self._start(name, attributes)
                if attributes.endswith("/"):
                    self._end(name)
        return end + 1

    def _skip_section(self, text: str, at: int) -> int:
        assert self.section is not None
        _, mark, counts = self.section
        end = text.find(mark, at)
        stop = end if end >= 0 else max(at, len(text) - len(mark) + 1)  # the mark may lie across two pieces
        if counts:
            self._characters(text[at:stop], raw=True)
        if end < 0:
            self.rest = text[stop:]
            return len(text)
        self.section = None
        return end + len(mark)

    def _characters(self, data: str, *, raw: bool = False) -> None:
        if data and len(data) <= MAX_URL and len(self.text) < 100:  # no URL or date is in longer ones
            self.text.append(data if raw or "&" not in data else ENTITY.sub(_character, data))

    def _start(self, name: str, attributes: str) -> None:
        self.text.clear()
        parent = self.path[-1] if self.path else ""
        if len(self.path) < MAX_DEPTH:
            self.path.append(name)
        if name in ITEMS:
            given = _attributes(attributes)
            self.link, self.date = given.get("rdf:about", "") if name == "item" else "", ""
        elif name == "link" and "href" in attributes.lower():
            given = _attributes(attributes)
            href, rel = given.get("href", ""), given.get("rel", "alternate")
            if parent == "entry" and rel == "alternate" and not self.link:
                self.link = href
            elif parent == "url" and rel == "alternate":  # hreflang: the page in other languages
                self.found.add(href)
            elif parent in ("feed", "channel") and rel == "next":
                self.found.add_file(href)

    def _end(self, name: str) -> None:
        if name not in self.path:
            return
        text = "".join(self.text).strip()
        self.text.clear()
        while self.path.pop() != name:  # elements that were never closed, as <br> in a description
            pass
        parent = self.path[-1] if self.path else ""
        if parent in ITEMS:
            is_link = name == "loc" or (name == "link" and parent == "item")
            if (is_link and text) or (name == "guid" and not self.link and text.startswith("http")):
                self.link = text
            elif name in DATES and not (name == "published" and self.date):
                self.date = parse_timestamp(text) or self.date
        if name in ("sitemap", "url") and not self.link and text.startswith("http"):
            self.link = text  # some write the address without <loc>
        if name == "sitemap":
            self.found.add_file(self.link)
        elif name in ITEMS and self.link:
            self.found.add(self.link, self.date)
        self.ended = name in ROOTS

    def close(self) -> bool:
        """Return whether the file was closed where it ended."""
        return self.ended or (not self.path and not self.section)


def _attributes(text: str) -> dict[str, str]:
    found = ATTRIBUTE.findall(text)
    return {name.lower(): ENTITY.sub(_character, double or single) for name, double, single in found}


def _character(entity: re.Match[str]) -> str:
    """Return the character that a reference stands for; an entity that HTML does not know stays as it is."""
    decimal, hexadecimal, name = entity.groups()
    if name:
        return html5.get(f"{name};", entity[0])
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


class _Lines:
    """A URL a line; a line that is longer than any URL is none."""

    def __init__(self, found: _Entries) -> None:
        self.found = found
        self.rest = b""

    def feed(self, data: bytes) -> None:
        lines = (self.rest + data).splitlines(keepends=True)
        rest = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        self.rest = rest if len(rest) < MAX_URL else b""
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8-sig", "replace").strip()
        if re.match(r"https?://\S+$", text, re.I):
            self.found.add(text)

    def close(self) -> bool:
        self._take(self.rest)
        return True


class _Json:
    """JSON Feed, or posts as WordPress lists them."""

    def __init__(self, found: _Entries) -> None:
        self.found = found
        self.body = bytearray()

    def feed(self, data: bytes) -> None:
        if len(self.body) <= MAX_JSON:
            self.body += data

    def close(self) -> bool:
        if len(self.body) > MAX_JSON or self.body.count(b"[") + self.body.count(b"{") > MAX_JSON_VALUES:
            return False
        try:
            data = json.loads(self.body)
        except (ValueError, RecursionError):
            return False
        items = data.get("items", []) if isinstance(data, dict) else data
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                date = item.get("modified_gmt") or item.get("date_modified") or item.get("date_published") or ""
                self.found.add(str(item.get("link") or item.get("url") or ""), parse_timestamp(str(date)))
        return True
