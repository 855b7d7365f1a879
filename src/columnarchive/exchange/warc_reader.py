"""WARC in: the HTML pages of any crawler's files as captures with their own dates.

Taken are answers with HTML, and redirects and refusals (404, 410 and other errors) of addresses that look like pages.
Images, scripts, robots.txt and the like are passed over in silence; what should have been a page and cannot be read is
a Failure. Writing is in `warc_out`.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import brotlicffi
import zstandard
from warcio.bufferedreaders import ChunkedDataReader, DecompressingBufferedReader

from columnarchive.errors import ExchangeError
from columnarchive.exchange.warc_fields import FIELD, HOP_FIELD, from_field, unmark
from columnarchive.exchange.warc_records import BROKEN, Record, records
from columnarchive.exchange.warc_requests import Requests
from columnarchive.records import Capture, Failure, Headers, Outcome, Wire

MAX_BODY = 64 << 20
HTML_TYPES = ("text/html", "application/xhtml+xml")
LOOKS_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL)
# Last parts of addresses that are no pages, whatever a server answers there: its error pages are HTML as well.
NO_PAGE = re.compile(
    r"\.(?:css|js|mjs|map|json|xml|rss|atom|txt|pdf|zip|gz|jpe?g|png|gif|webp|avif|svg|ico|bmp|mp[34]|webm|mov|woff2?"
    r"|ttf|otf|eot|wasm|webmanifest|docx?|xlsx?|pptx?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Revisit:
    """A visit that found a body seen before: the capture without it, and what its record says of where that one is.

    `body_sha256` is known in files of ours, `refers_url` and `refers_at` in most others; all may be empty.
    """

    capture: Capture
    where: str
    body_sha256: str = ""
    refers_url: str = ""
    refers_at: str = ""


def read(path: Path) -> Iterator[Capture | Revisit | Failure]:
    """The pages in a WARC or ARC file, gzipped or not; raise ExchangeError when it is none."""
    requests = Requests()
    held: tuple[Record, Capture | Revisit] | None = None  # until the next one, since its request may come after it
    for item in records(path):
        if isinstance(item, Record) and item.type == "request":
            requests.add(item)
            held = (held[0], _beside(requests, *held)) if held else None
            continue
        found = item if isinstance(item, Failure) else _taken(item)
        if found is None:
            continue
        if held:
            yield held[1]
            held = None
        if isinstance(item, Failure) or isinstance(found, Failure):
            yield found
        else:
            held = (item, _beside(requests, item, found))
    if held:
        yield held[1]


def _beside(requests: Requests, record: Record, found: Capture | Revisit) -> Capture | Revisit:
    if isinstance(found, Capture):
        return requests.beside(record, found)
    return replace(found, capture=requests.beside(record, found.capture))


def _taken(record: Record) -> Capture | Revisit | Failure | None:
    """What a record holds for us; a Failure when it should have been a page and cannot be read."""
    try:
        return _page(record)
    except ExchangeError as error:
        subject, reason = record.field("WARC-Target-URI") or "a record", str(error)
    except BROKEN as error:
        subject, reason = record.field("WARC-Target-URI"), f"The record cannot be read: {str(error)[:200]}."
    return Failure(f"{subject} ({record.where})", "protocol_error", reason)


def _page(record: Record) -> Capture | Revisit | Failure | None:
    if record.field(HOP_FIELD) or record.type not in ("response", "revisit", "resource", "metadata"):
        return None
    ours = record.field(FIELD)
    if ours:
        return _our_page(record, ours)
    url = record.field("WARC-Target-URI").strip("<> ")
    if record.type == "metadata" or not url.lower().startswith(("http://", "https://")):
        return None
    if record.type == "resource":
        content_type = record.field("Content-Type")
        return _answer(record, url, 200, (("Content-Type", content_type),)) if _is_html(content_type, b"") else None
    status = str(record.http.get_statuscode()) if record.http else ""
    if record.type == "revisit" or status == "304":
        # Some crawlers keep "not modified" as a plain answer: it says the same of the page as a revisit.
        return _revisit(record, url, int(status) if status.isdigit() else 200)
    if not re.fullmatch(r"[1-5]\d\d", status):
        raise ExchangeError("Its answer has no HTTP status line.")
    return _answer(record, url, int(status), _http_headers(record))


def _answer(record: Record, url: str, status: int, headers: Headers) -> Capture | None:
    """A foreign answer as a capture; None when it is no page."""
    if status >= 300 and NO_PAGE.search(urlsplit(url).path):
        return None
    at = moment(record.field("WARC-Date"))
    wire = Wire(peer=record.field("WARC-IP-Address"), length=len(record.payload), sha256=_sha256(record.payload))
    if 300 <= status < 400:
        to = _header(headers, "location")
        if not to:
            return None
        return Capture(url, urljoin(url, to), at, status, headers, None, "redirected", wire=wire)
    content_type = _header(headers, "content-type")
    if content_type and not _is_html(content_type, b""):
        return None
    body = decoded(record.payload, headers)
    if not _is_html(content_type, body):
        return None
    outcome: Outcome = "truncated" if record.field("WARC-Truncated") or status == 206 else _outcome(status)
    return Capture(url, url, at, status, headers, body, outcome, wire=wire)


def _revisit(record: Record, url: str, status: int) -> Revisit | None:
    headers = _http_headers(record)
    content_type = _header(headers, "content-type")
    if (content_type and not _is_html(content_type, b"")) or NO_PAGE.search(urlsplit(url).path):
        return None
    at, refers_at = moment(record.field("WARC-Date")), record.field("WARC-Refers-To-Date")
    wire = Wire(peer=record.field("WARC-IP-Address"))
    return Revisit(
        Capture(url, url, at, status, headers, None, "unchanged", wire=wire),
        record.where,
        refers_url=record.field("WARC-Refers-To-Target-URI").strip("<> "),
        refers_at=moment(refers_at) if refers_at else "",
    )


def _our_page(record: Record, said: str) -> Capture | Revisit:
    headers = unmark(_http_headers(record))
    capture, body_sha256 = from_field(said, moment(record.field("WARC-Date")), headers)
    if record.type == "revisit" or capture.status == 304:
        return Revisit(capture, record.where, body_sha256=body_sha256)
    if not body_sha256:
        return capture
    if _sha256(record.payload) != body_sha256:
        raise ExchangeError("Its body is not the one that was written.")
    return replace(capture, body=record.payload)


def moment(text: str) -> str:
    """A WARC-Date as the archive writes times, to the second; raise ExchangeError for none."""
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ExchangeError(f"Its date {text[:40]!r} is none.") from error
    aware = given if given.tzinfo else given.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decoded(payload: bytes, headers: Headers) -> bytes:
    """A payload without transfer and content codings; raise ExchangeError when it cannot be decoded.

    Crawlers often keep the header lines and store the body decoded, so a coding that is not there is passed over.
    """
    stream: Any = io.BytesIO(payload)
    if "chunked" in _header(headers, "transfer-encoding").lower():
        stream = ChunkedDataReader(stream)
    for coding in reversed([part.strip() for part in _header(headers, "content-encoding").lower().split(",")]):
        if coding in ("", "identity"):
            continue
        kind = coding.removeprefix("x-")
        if kind == "zstd":
            stream = zstandard.ZstdDecompressor().stream_reader(stream)
        elif kind == "br":  # warcio knows it only where another binding is installed
            stream = io.BytesIO(_unbrotlied(_all_of(stream)))
        elif kind in DecompressingBufferedReader.get_supported_decompressors():
            stream = DecompressingBufferedReader(stream, decomp_type=kind)
        else:
            raise ExchangeError(f"Its content coding {coding!r} is unknown here.")
    try:
        return _all_of(stream)
    except zstandard.ZstdError as error:
        raise ExchangeError("Its zstd body cannot be decoded.") from error


def _all_of(stream: Any) -> bytes:
    body = bytearray()
    while chunk := stream.read(1 << 16):
        body += chunk
        _check_size(body)
    return bytes(body)


def _unbrotlied(payload: bytes) -> bytes:
    """The payload decoded, or as it is where it is not brotli from its start."""
    stream, body = brotlicffi.Decompressor(), bytearray()
    try:
        body += stream.process(payload, output_buffer_limit=1 << 16)
        while not stream.can_accept_more_data():
            body += stream.process(b"", output_buffer_limit=1 << 16)
            _check_size(body)
    except brotlicffi.error as error:
        if not body:
            return payload
        raise ExchangeError("Its br body cannot be decoded.") from error
    if payload and not stream.is_finished():
        raise ExchangeError("Its br body ends early.")
    return bytes(body)


def _check_size(body: bytearray) -> None:
    if len(body) > MAX_BODY:
        raise ExchangeError(f"Its body is larger than {MAX_BODY >> 20} MB.")


def _http_headers(record: Record) -> Headers:
    return tuple((str(name), str(value)) for name, value in record.http.headers) if record.http else ()


def _header(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name), "")


def _is_html(content_type: str, body: bytes) -> bool:
    kind = content_type.split(";")[0].strip().lower()
    return kind in HTML_TYPES or (not kind and LOOKS_HTML.match(body[:4096]) is not None)


def _outcome(status: int) -> Outcome:
    if status < 300:
        return "ok"
    refusals: dict[int, Outcome] = {404: "missing", 410: "gone"}
    return refusals.get(status, "http_error")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
