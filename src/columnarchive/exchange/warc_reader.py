"""WARC in: the HTML pages of any crawler's files as captures with their own dates.

Taken are answers with HTML, and redirects and refusals (404, 410 and other errors) of addresses that look like pages.
Images, scripts, robots.txt and the like are passed over in silence; what should have been a page and cannot be read is
a Failure. Writing is in `warc_out`.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import brotlicffi
import zstandard
from warcio.bufferedreaders import ChunkedDataReader

from columnarchive.errors import ExchangeError, UsageError
from columnarchive.exchange.warc_fields import FIELD, HOP_FIELD, from_field, unmark
from columnarchive.exchange.warc_records import BROKEN, MAX_PAYLOAD, Record, records
from columnarchive.exchange.warc_requests import Requests
from columnarchive.records import Capture, Failure, Headers, Outcome, Wire
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical

MAX_BODY = MAX_PAYLOAD
MAX_CODINGS = 5
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # the first web page
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


def read(path: Path, clock: Clock = system_clock) -> Iterator[Capture | Revisit | Failure]:
    """The pages in a WARC or ARC file, gzipped or not; raise ExchangeError when it is none."""
    requests = Requests()
    latest = clock() + timedelta(days=1)
    held: tuple[Record, Capture | Revisit] | None = None  # until the next one, since its request may come after it
    for item in records(path):
        if isinstance(item, Record) and item.type == "request":
            requests.add(item)
            held = (held[0], _beside(requests, *held)) if held else None
            continue
        found = item if isinstance(item, Failure) else _taken(item, latest)
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


def _taken(record: Record, latest: datetime) -> Capture | Revisit | Failure | None:
    """What a record holds for us; a Failure when it should have been a page and cannot be read."""
    try:
        return _page(record, latest)
    except (ExchangeError, UsageError) as error:
        reason = str(error)
    except BROKEN:
        reason = "The record cannot be read."
    subject = record.field("WARC-Target-URI")[:500] or "a record"
    return Failure(f"{subject} ({record.where})", "protocol_error", reason)


def _page(record: Record, latest: datetime) -> Capture | Revisit | Failure | None:
    if record.field(HOP_FIELD) or record.type not in ("response", "revisit", "resource", "metadata"):
        return None
    ours = record.field(FIELD)
    url = record.field("WARC-Target-URI").strip("<> ")
    if not ours and (record.type == "metadata" or not url.lower().startswith(("http://", "https://"))):
        return None
    at = moment(record.field("WARC-Date"), latest)
    if ours:
        return _our_page(record, ours, at)
    url = canonical(url)
    if record.type == "resource":
        content_type = record.field("Content-Type")
        return _answer(record, url, at, 200, (("Content-Type", content_type),)) if _is_html(content_type, b"") else None
    status = str(record.http.get_statuscode()) if record.http else ""
    if record.type == "revisit" or status == "304":
        # Some crawlers keep "not modified" as a plain answer: it says the same of the page as a revisit.
        return _revisit(record, url, at, int(status) if re.fullmatch(r"[1-5]\d\d", status) else 200)
    if not re.fullmatch(r"[1-5]\d\d", status):
        raise ExchangeError("Its answer has no HTTP status line.")
    return _answer(record, url, at, int(status), _http_headers(record))


def _answer(record: Record, url: str, at: str, status: int, headers: Headers) -> Capture | None:
    """A foreign answer as a capture; None when it is no page."""
    if status >= 300 and NO_PAGE.search(urlsplit(url).path):
        return None
    wire = Wire(peer=_peer(record), length=len(record.payload), sha256=_sha256(record.payload))
    if 300 <= status < 400:
        to = _header(headers, "location")
        if not to:
            return None
        return Capture(url, _target(to, url), at, status, headers, None, "redirected", wire=wire)
    content_type = _header(headers, "content-type")
    if content_type and not _is_html(content_type, b""):
        return None
    if record.is_oversize:
        raise ExchangeError(f"Its body is larger than {MAX_BODY >> 20} MB.")
    body = decoded(record.payload, headers)
    if not _is_html(content_type, body):
        return None
    outcome: Outcome = "truncated" if record.field("WARC-Truncated") or status == 206 else _outcome(status)
    return Capture(url, url, at, status, headers, body, outcome, wire=wire)


def _revisit(record: Record, url: str, at: str, status: int) -> Revisit | None:
    headers = _http_headers(record)
    content_type = _header(headers, "content-type")
    if (content_type and not _is_html(content_type, b"")) or NO_PAGE.search(urlsplit(url).path):
        return None
    refers_url, refers_at = record.field("WARC-Refers-To-Target-URI").strip("<> "), record.field("WARC-Refers-To-Date")
    wire = Wire(peer=_peer(record))
    return Revisit(
        Capture(url, url, at, status, headers, None, "unchanged", wire=wire),
        record.where,
        refers_url=canonical(refers_url) if refers_url else "",
        refers_at=moment(refers_at, datetime.max.replace(tzinfo=UTC)) if refers_at else "",
    )


def _our_page(record: Record, said: str, at: str) -> Capture | Revisit:
    headers = unmark(_http_headers(record))
    capture, body_sha256 = from_field(said, at, headers)
    if record.type == "revisit" or capture.status == 304:
        return Revisit(capture, record.where, body_sha256=body_sha256)
    if not body_sha256:
        return capture
    if _sha256(record.payload) != body_sha256:
        raise ExchangeError("Its body is not the one that was written.")
    return replace(capture, body=record.payload)


def moment(text: str, latest: datetime) -> str:
    """Return a WARC-Date as the archive writes times, to the second.

    Raises ExchangeError for what is no date, and for a date before 1990 or after `latest`.
    """
    given = text.strip()
    if re.fullmatch(r"\d{14}", given):  # the form of CDX files and of ARC
        given = f"{given[:8]}T{given[8:]}"
    try:
        found = datetime.fromisoformat(given)
        utc = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ExchangeError(f"Its date {text[:40]!r} is not a date.") from error
    if not EARLIEST <= utc <= latest:
        raise ExchangeError(f"Its date {text[:40]!r} is not between 1990 and tomorrow.")
    return to_text(utc)


def decoded(payload: bytes, headers: Headers) -> bytes:
    """A payload without transfer and content codings; raise ExchangeError when it cannot be decoded.

    Crawlers often store the body decoded and keep the header lines as received, so a coding that is not there is
    ignored.
    """
    if "chunked" in _header(headers, "transfer-encoding").lower():
        payload = _read(ChunkedDataReader(io.BytesIO(payload)))
    named = [part.strip() for part in _header(headers, "content-encoding").lower().split(",")]
    codings = [coding.removeprefix("x-") for coding in named if coding not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise ExchangeError(f"It names {len(codings)} content codings; at most {MAX_CODINGS} are undone.")
    for coding in reversed(codings):
        if coding not in _DECODERS:
            raise ExchangeError(f"Its content coding {coding[:40]!r} is unknown here.")
        payload = _DECODERS[coding](payload)
    return payload


def _read(stream: Any) -> bytes:
    body = bytearray()
    while chunk := stream.read(1 << 16):
        body += chunk
        _check_size(body)
    return bytes(body)


def _gunzipped(payload: bytes) -> bytes:
    """The payload decoded, member by member, or as it is where it does not begin with gzip."""
    return _inflated(payload, 31) if payload.startswith(b"\x1f\x8b") else payload


def _undeflated(payload: bytes) -> bytes:
    """The payload decoded, with the zlib wrapper or without, or as it is."""
    for bits in (15, -15):
        try:
            return _inflated(payload, bits)
        except ExchangeError:
            continue
    return payload


def _inflated(payload: bytes, bits: int) -> bytes:
    body = bytearray()
    while True:
        stream = zlib.decompressobj(bits)
        rest = payload
        try:
            while rest and not stream.eof:
                body += stream.decompress(rest, 1 << 20)
                _check_size(body)
                rest = stream.unconsumed_tail
        except zlib.error as error:
            raise ExchangeError("Its body cannot be decompressed.") from error
        if not stream.eof:
            raise ExchangeError("Its compressed body ends early.")
        payload = stream.unused_data
        if bits != 31 or not payload.startswith(b"\x1f\x8b"):
            return bytes(body)


def _unzstd(payload: bytes) -> bytes:
    if not payload.startswith(b"\x28\xb5\x2f\xfd"):
        return payload
    try:
        stream = zstandard.ZstdDecompressor(max_window_size=8 << 20)  # RFC 9659
        return _read(stream.stream_reader(io.BytesIO(payload)))
    except zstandard.ZstdError as error:
        raise ExchangeError("Its zstd body cannot be decoded.") from error


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


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzipped, "deflate": _undeflated, "br": _unbrotlied, "zstd": _unzstd,
}  # fmt: skip


def _check_size(body: bytearray) -> None:
    if len(body) > MAX_BODY:
        raise ExchangeError(f"Its body is larger than {MAX_BODY >> 20} MB.")


def _target(location: str, url: str) -> str:
    """Where a redirect leads; the page itself where that is no web address."""
    try:
        return canonical(location, url)
    except UsageError:
        return url


def _peer(record: Record) -> str:
    """The server's address; empty when the field holds none."""
    try:
        return str(ipaddress.ip_address(record.field("WARC-IP-Address").strip()))
    except ValueError:
        return ""


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
