"""Write captures as WARC records, which other players replay and we read back equal.

Responses are request, response and revisit records, pages as a browser drew them conversion records.

Bodies are written decoded, with headers that match them. The same captures give the same bytes: record ids are derived
from the content of the records. A WACZ 1.1.1 is a zip file with a WARC file, its index, a list of pages, and digests of
all of them; its members are stored uncompressed, so that players read single records from the file.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from columnarchive.errors import ExchangeError
from columnarchive.exchange import atomic_files
from columnarchive.exchange.warc_http import FIELD, HOP_FIELD, mark, to_field
from columnarchive.records import Capture, Headers

PROFILE = "http://netpreserve.org/warc/1.1/revisit/"
Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class WarcEntry:
    """A capture to write, the digest of its body, its own or the one that it confirms, and a third party's source."""

    capture: Capture
    body_sha256: str
    source: str = ""


def write(path: Path, captures: Iterable[WarcEntry], software: str) -> int:
    """Write captures, given in order of time, to `path` (gzipped by record if it ends in .gz); return the records.

    The file is replaced only when it is complete. Raises ExchangeError when it cannot be written.
    """
    if not path.parent.is_dir():
        raise ExchangeError("no_parent_folder", path=path, folder=path.parent)
    with atomic_files() as claim, claim(path).open("wb") as file:
        out = WarcWriter(file, packed=path.suffix == ".gz")
        out.info(path.name, software)
        for entry in captures:
            out.capture(entry)
    return out.records


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record is in its file, and what an index says about it."""

    kind: str
    url: str
    at: str
    status: int
    media_type: str
    payload_digest: str
    offset: int
    length: int


class Output(Protocol):
    """What records are written to."""

    def write(self, data: bytes, /) -> int:
        """Write some bytes."""


@dataclass(slots=True)
class WarcWriter:
    """Writes records to an open file; `on_record` is called with the place of each response and revisit."""

    file: Output
    packed: bool
    on_record: Callable[[RecordPlace], None] = lambda _: None
    records: int = 0
    position: int = 0
    # Address and time of each body in this file, by its digest: what revisits refer to.
    written: dict[str, tuple[str, str]] = field(default_factory=dict)
    # The last response of each address in this file: what pages that a browser drew are conversions of.
    responses: dict[str, str] = field(default_factory=dict)

    def info(self, name: str, software: str) -> None:
        """Write the record that describes the file."""
        block = f"software: {software}\r\nformat: WARC File Format 1.1\r\n".encode()
        # A fixed date, so that the same captures give the same file.
        at = "1970-01-01T00:00:00Z"
        fields = [("WARC-Filename", name), ("Content-Type", "application/warc-fields")]
        self._record("warcinfo", at, fields, block)

    def capture(self, entry: WarcEntry) -> None:
        """Write the records of a capture."""
        capture = entry.capture
        if not capture.status:
            self._without_answer(entry)
            return
        if entry.source == "rendered" and capture.body:
            self._conversion(entry, capture.body)
            return
        for hop in capture.wire.hops:
            fields = [("WARC-Target-URI", _address(hop.url)), (HOP_FIELD, _ascii(capture.url))]
            self._response(capture, fields, _http(hop.status, hop.headers, b""), b"", status=hop.status)
        self._request(capture, self._answer(entry))

    def _answer(self, entry: WarcEntry) -> str:
        """Write the response, or a revisit where the file has its body already; return the record's id."""
        capture = entry.capture
        before = self.written.get(entry.body_sha256)
        if before and (capture.body is None or capture.outcome == "unchanged"):
            return self._revisit(entry, before)
        fields = [
            ("WARC-Target-URI", target_address(capture)),
            (FIELD, to_field(capture, entry.body_sha256, entry.source)),
        ]
        body = capture.body or b""
        size = None if capture.status in (204, 304) else len(body)
        record = self._response(capture, fields, _http(capture.status, mark(capture.headers, size), body), body)
        if capture.body:
            self.written.setdefault(entry.body_sha256, (target_address(capture), capture.fetched_at))
            self.responses[target_address(capture)] = record
        return record

    def _conversion(self, entry: WarcEntry, body: bytes) -> None:
        """Write a page as a browser drew it: no server sent it, so it is no response."""
        capture, place = entry.capture, target_address(entry.capture)
        fields = [
            ("WARC-Target-URI", place),
            (FIELD, to_field(capture, entry.body_sha256, entry.source, with_headers=True)),
            ("WARC-Payload-Digest", "sha256:" + entry.body_sha256),
        ]
        if original := self.responses.get(place):
            fields.append(("WARC-Refers-To", original))
        begin = self.position
        self._record("conversion", capture.fetched_at, fields, body, capture.header("content-type"))
        self._place("conversion", capture, fields, capture.status, begin)

    def _revisit(self, entry: WarcEntry, before: tuple[str, str]) -> str:
        capture, unmodified = entry.capture, entry.capture.status == 304
        fields = [
            ("WARC-Target-URI", target_address(capture)),
            (FIELD, to_field(capture, entry.body_sha256, entry.source, with_headers=unmodified)),
            ("WARC-Profile", PROFILE + ("server-not-modified" if unmodified else "identical-payload-digest")),
            ("WARC-Refers-To-Target-URI", before[0]),
            ("WARC-Refers-To-Date", before[1]),
            ("WARC-Payload-Digest", "sha256:" + entry.body_sha256),
        ]
        # Players show a revisit under its own status and lines, and a 304 as an empty page. Without a block they take
        # those of the answer that it confirms; status and lines of the 304 travel in our field.
        block = b"" if unmodified else _http(capture.status, mark(capture.headers, len(capture.body or b"")), b"")
        begin = self.position
        record = self._record("revisit", capture.fetched_at, _with_peer(fields, capture), block, HTTP_RESPONSE)
        self._place("revisit", capture, fields, capture.status, begin)
        return record

    def _response(self, capture: Capture, fields: Fields, block: bytes, body: bytes, status: int = 0) -> str:
        fields = [*_with_peer(fields, capture), ("WARC-Payload-Digest", "sha256:" + hashlib.sha256(body).hexdigest())]
        begin = self.position
        record = self._record("response", capture.fetched_at, fields, block, HTTP_RESPONSE)
        self._place("response", capture, fields, status or capture.status, begin)
        return record

    def _place(self, kind: str, capture: Capture, fields: Fields, status: int, begin: int) -> None:
        named = dict(fields)
        media_type = capture.header("content-type").split(";")[0].strip().lower()
        digest, url = named["WARC-Payload-Digest"], named["WARC-Target-URI"]
        length = self.position - begin
        self.on_record(RecordPlace(kind, url, capture.fetched_at, status, media_type, digest, begin, length))

    def _request(self, capture: Capture, answer: str) -> None:
        if not capture.wire.request_headers:
            return
        parts = urlsplit(target_address(capture))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        block = _head(f"GET {path} HTTP/1.1", capture.wire.request_headers)
        fields = [("WARC-Target-URI", target_address(capture)), ("WARC-Concurrent-To", answer)]
        self._record("request", capture.fetched_at, fields, block, "application/http; msgtype=request")

    def _without_answer(self, entry: WarcEntry) -> None:
        """Write a visit that got no response as a metadata record: WARC has no other place for it."""
        capture = entry.capture
        fields = [
            ("WARC-Target-URI", _address(capture.url)),
            (FIELD, to_field(capture, entry.body_sha256, entry.source)),
        ]
        block = f"outcome: {capture.outcome}\r\n".encode()
        self._record("metadata", capture.fetched_at, fields, block, "application/warc-fields")

    def _record(self, kind: str, at: str, fields: Fields, block: bytes, content_type: str = "") -> str:
        digest = hashlib.sha256(block).hexdigest()
        name = f"{kind} {at} {fields} {digest}"
        record_id = f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"
        head = [("WARC-Type", kind), ("WARC-Record-ID", record_id), ("WARC-Date", at), *fields]
        head += [("Content-Type", content_type)] if content_type else []
        head += [("WARC-Block-Digest", "sha256:" + digest), ("Content-Length", str(len(block)))]
        lines = "".join(f"{key}: {value}\r\n" for key, value in head)
        data = f"WARC/1.1\r\n{lines}\r\n".encode() + block + b"\r\n\r\n"
        if self.packed:
            packer = zlib.compressobj(6, zlib.DEFLATED, 31)
            data = packer.compress(data) + packer.flush()
        self.file.write(data)
        self.position += len(data)
        self.records += 1
        return record_id


HTTP_RESPONSE = "application/http; msgtype=response"


def target_address(capture: Capture) -> str:
    """The address that gave the answer: for a redirect stored by itself the one asked, else the final one."""
    is_redirect = 300 <= capture.status < 400 and capture.status != 304
    return _address(capture.url if is_redirect else capture.final_url or capture.url)


def _http(status: int, headers: Headers, body: bytes) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    return _head(f"HTTP/1.1 {status} {phrase}", headers) + body


def _head(first: str, headers: Headers) -> bytes:
    lines = [first, *(f"{_one_line(name)}: {_one_line(value)}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _one_line(text: str) -> str:
    return text.translate({0: " ", 10: " ", 13: " "})


def _address(url: str) -> str:
    return _ascii(url).replace(" ", "%20")


def _ascii(url: str) -> str:
    return "".join(
        sign
        if "!" <= sign <= "~" or sign == " "
        else "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "replace"))
        for sign in url
    )


def _with_peer(fields: Fields, capture: Capture) -> Fields:
    """The fields with the peer's address, where it is one."""
    try:
        peer = ipaddress.ip_address(capture.wire.peer)
    except ValueError:
        return fields
    return [*fields, ("WARC-IP-Address", str(peer))]


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


def write_wacz(path: Path, captures: Iterable[WarcEntry], pages: Iterable[WaczPage], software: str) -> int:
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
            for line in sorted(
                _cdxj_line(place) for place in places if place.kind in ("response", "revisit", "conversion")
            ):
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
