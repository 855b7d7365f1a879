"""Write captures as WARC request, response and revisit records, which other players replay and we read back equal.

Bodies are written decoded, with headers that match them. The same captures give the same bytes: record ids are derived
from the content of the records.
"""

from __future__ import annotations

import hashlib
import ipaddress
import uuid
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from columnarchive.errors import ExchangeError
from columnarchive.exchange.atomic_files import atomic_files
from columnarchive.exchange.warc_fields import FIELD, HOP_FIELD, mark, to_field
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
        return record

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
