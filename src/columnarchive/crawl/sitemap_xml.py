"""Sitemaps, sitemap indexes, RSS, Atom and RDF: expat reads them piece by piece, whatever namespaces they use.

Entities are not declared, external ones never fetched, and a file that breaks off gives what came before the break.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from columnarchive.crawl.sitemap_entries import LONGEST_LINE, MAX_ENTRIES, Entry, Listing, address_in, moment

DATES = frozenset({"lastmod", "pubdate", "updated", "modified", "date"})


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
            elif parent in ("feed", "channel") and rel == "next":
                self.files.append(address_in(said["href"], self.base))

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
            self.files.append(address_in(self.link, self.base))
        elif name in ("url", "item", "entry") and self.link:
            self._add(self.link, self.date)
        if self.path:
            self.path.pop()
        self.text.clear()

    def characters(self, data: str) -> None:
        if len(self.text) < 2000 and len(data) <= LONGEST_LINE:  # no address or date is in longer ones
            self.text.append(data)

    def _add(self, link: str, date: str) -> None:
        url = address_in(link, self.base)
        if url:
            self.entries.append(Entry(url, date))
        if len(self.entries) >= MAX_ENTRIES:
            raise _Stop

    def listing(self) -> Listing:
        return Listing(tuple(self.entries), tuple(one for one in dict.fromkeys(self.files) if one))


class Xml:
    """A list in XML, as its bytes come."""

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
