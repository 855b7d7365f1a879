"""Write captures as WACZ 1.1.1: a zip file with a WARC file, its index, a list of pages, and digests of all of them.

Members are stored uncompressed, so that players read single records from the file.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from columnarchive.exchange.atomic_files import atomic_files
from columnarchive.exchange.warc_writer import RecordPlace, WarcEntry, WarcWriter

WARC_NAME = "data.warc.gz"
_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same captures give the same file


@dataclass(frozen=True, slots=True)
class WaczPage:
    """A page that players list: its address, the time of a capture of it, and its title."""

    url: str
    at: str
    title: str


@dataclass(slots=True)
class _Member:
    """A member of the zip while it is written, with the length and digest of what was written."""

    file: IO[bytes]
    length: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> int:
        self.length += len(data)
        self.digest.update(data)
        return self.file.write(data)


def write(path: Path, captures: Iterable[WarcEntry], pages: Iterable[WaczPage], software: str) -> int:
    """Write captures, given in order of time, to `path`; return the number of WARC records.

    The file is replaced only when it is complete. Raises ExchangeError when it cannot be written.
    """
    places: list[RecordPlace] = []
    resources: list[dict[str, object]] = []
    with atomic_files() as claim, zipfile.ZipFile(claim(path), "w", zipfile.ZIP_STORED) as archive:
        with _member(archive, f"archive/{WARC_NAME}", resources) as member:
            warc = WarcWriter(member, packed=True, on_record=places.append)
            warc.info(WARC_NAME, software)
            newest = ""
            for entry in captures:
                warc.capture(entry)
                newest = max(newest, entry.capture.fetched_at)
        with _member(archive, "indexes/index.cdx", resources) as member:
            for line in sorted(_cdxj_line(place) for place in places if place.kind in ("response", "revisit")):
                member.write(line.encode() + b"\n")
        with _member(archive, "pages/pages.jsonl", resources) as member:
            for line in _page_lines(pages):
                member.write(line.encode() + b"\n")
        package = {
            "profile": "data-package",
            "wacz_version": "1.1.1",
            "software": software,
            "created": newest or "1970-01-01T00:00:00Z",
            "resources": resources,
        }
        text = json.dumps(package, indent=2).encode()
        archive.writestr(_info("datapackage.json"), text)
        digest = {"path": "datapackage.json", "hash": "sha256:" + hashlib.sha256(text).hexdigest()}
        archive.writestr(_info("datapackage-digest.json"), json.dumps(digest))
    return warc.records


@contextmanager
def _member(archive: zipfile.ZipFile, name: str, resources: list[dict[str, object]]) -> Iterator[_Member]:
    """Write a member of the zip, and list it as a resource of the package."""
    with archive.open(_info(name), "w", force_zip64=True) as file:
        member = _Member(file)
        yield member
    resources.append(
        {
            "name": name.rpartition("/")[2],
            "path": name,
            "hash": "sha256:" + member.digest.hexdigest(),
            "bytes": member.length,
        }
    )


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = 0o644 << 16
    return info


def _cdxj_line(place: RecordPlace) -> str:
    """A line of the index: sortable address, 14-digit time, and where the record is."""
    values = {
        "url": place.url,
        "mime": "warc/revisit" if place.kind == "revisit" else place.media_type or "unk",
        "status": str(place.status),
        "digest": place.payload_digest,
        "length": str(place.length),
        "offset": str(place.offset),
        "filename": WARC_NAME,
    }
    return f"{sortable_address(place.url)} {''.join(filter(str.isdigit, place.at))} {json.dumps(values)}"


def sortable_address(url: str) -> str:
    """Return an address in the form by which web archives sort and look up (SURT).

    >>> sortable_address("https://www.clinic.example:8080/Column/?b=2&a=1")
    'example,clinic:8080)/column?a=1&b=2'
    """
    parts = urlsplit(url.lower())
    labels = re.sub(r"^www\d*\.", "", parts.hostname or "").split(".")
    port = f":{parts.port}" if parts.port and parts.port not in (80, 443) else ""
    path = re.sub(r"//+", "/", parts.path).rstrip("/") or "/"
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    return f"{','.join(reversed(labels))}{port}){path}{'?' + query if query else ''}"


def _page_lines(pages: Iterable[WaczPage]) -> Iterator[str]:
    yield json.dumps({"format": "json-pages-1.0", "id": "pages", "title": "Columns"})
    for page in pages:
        key = hashlib.sha256(f"{page.url} {page.at}".encode()).hexdigest()[:22]
        yield json.dumps({"id": key, "url": page.url, "ts": page.at, "title": page.title})
