"""Read WARC and ARC files: the HTML pages of any crawler's files as captures with their own dates.

Accepted are responses with HTML, and redirects and errors (404, 410 and others) of addresses that look like pages. What
should have been a page and cannot be read is a Failure; every other response is Skipped, with its reason.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from columnarchive.errors import ExchangeError, UsageError
from columnarchive.exchange.warc_http import FIELD, HOP_FIELD, MAX_BODY, decode_body, from_field, header_value, unmark
from columnarchive.exchange.warc_records import BROKEN, Record, records, records_of
from columnarchive.records import Capture, Failure, Headers, Outcome, Wire
from columnarchive.times import Clock, system_clock, to_text
from columnarchive.urls import canonical

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # the first web page
HTML_TYPES = ("text/html", "application/xhtml+xml")
# Types under which servers send HTML too, and under which browsers and the crawler look at the body.
UNCLEAR_TYPES = (
    "", "text/plain", "text/xml", "application/xml", "application/octet-stream", "binary/octet-stream",
    "unknown/unknown", "application/unknown", "*/*",
)  # fmt: skip
LOOKS_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title)\b",
    re.IGNORECASE | re.DOTALL,
)
# Endings of addresses that are not pages, whatever a server sends there: its error pages are HTML as well.
NOT_A_PAGE = re.compile(
    r"\.(?:css|js|mjs|map|json|xml|rss|atom|txt|pdf|zip|gz|jpe?g|png|gif|webp|avif|svg|ico|bmp|mp[34]|webm|mov|woff2?"
    r"|ttf|otf|eot|wasm|webmanifest|docx?|xlsx?|pptx?)$",
    re.IGNORECASE,
)
PENDING_REQUESTS = 64  # requests remembered for a response to come: writers put the two next to each other
_ID, _CONCURRENT = "WARC-Record-ID", "WARC-Concurrent-To"


@dataclass(frozen=True, slots=True)
class Revisit:
    """A visit that found a body seen before: the capture without it, and what its record says of that body.

    `body_sha256` is known in files of ours, `refers_url` and `refers_at` in most others; all may be empty.
    """

    capture: Capture
    where: str
    body_sha256: str = ""
    refers_url: str = ""
    refers_at: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that holds no page, with its reason; records of one reason are counted together."""

    reason: str


Item = Capture | Revisit | Failure | Skipped


def read(path: Path, clock: Clock = system_clock) -> Iterator[Item]:
    """Read the pages in a WARC or ARC file, gzipped or not; raise ExchangeError when it is neither."""
    return _with_requests(records(path), clock)


def read_stream(file: IO[bytes], name: str, clock: Clock = system_clock) -> Iterator[Item]:
    """Read the pages in an open WARC or ARC file that can seek."""
    return _with_requests(records_of(file, name), clock)


def _with_requests(found: Iterator[Record | Failure], clock: Clock) -> Iterator[Item]:
    """Interpret records, and add to each capture the header lines of its request."""
    requests = _Requests()
    latest = clock() + timedelta(days=1)
    pending: tuple[Record, Capture | Revisit] | None = None  # until the next one: its request may follow it
    for record in found:
        if isinstance(record, Record) and record.type == "request":
            requests.add(record)
            pending = (pending[0], requests.joined(*pending)) if pending else None
            continue
        item = record if isinstance(record, Failure) else _interpret(record, latest)
        if item is None:
            continue
        if pending:
            yield pending[1]
            pending = None
        if isinstance(record, Record) and isinstance(item, Capture | Revisit):
            pending = (record, requests.joined(record, item))
        else:
            yield item
    if pending:
        yield pending[1]


@dataclass(slots=True)
class _Requests:
    """The last requests of a file: WARC stores them apart from their responses, before or after them."""

    _lines: OrderedDict[str, Headers] = field(default_factory=OrderedDict)

    def add(self, record: Record) -> None:
        lines = _http_headers(record)
        for name in (_ID, _CONCURRENT):
            if lines and (record_id := record.field(name)):
                self._lines[record_id] = lines
        while len(self._lines) > 2 * PENDING_REQUESTS:
            self._lines.popitem(last=False)

    def joined(self, record: Record, item: Capture | Revisit) -> Capture | Revisit:
        """The item with the header lines of its request, where the file has them and it has none."""
        capture = item.capture if isinstance(item, Revisit) else item
        if capture.wire.request_headers:
            return item
        for name in (_ID, _CONCURRENT):
            if lines := self._lines.get(record.field(name)):
                capture = replace(capture, wire=replace(capture.wire, request_headers=lines))
                return replace(item, capture=capture) if isinstance(item, Revisit) else capture
        return item


def _interpret(record: Record, latest: datetime) -> Item | None:
    """What a record holds; None for records that describe others. Whatever one record holds, it costs no other."""
    try:
        return _page(record, latest)
    except (ExchangeError, UsageError) as error:
        reason = str(error)
    except BROKEN:
        reason = "The record cannot be read."
    subject = record.field("WARC-Target-URI")[:500] or "a record"
    return Failure(f"{subject} ({record.where})", "protocol_error", reason)


def _page(record: Record, latest: datetime) -> Item | None:
    if record.field(HOP_FIELD) or record.type not in ("response", "revisit", "resource", "conversion", "metadata"):
        return None
    field_of_ours = record.field(FIELD)
    if record.type == "metadata" and not field_of_ours:
        return None
    url = record.field("WARC-Target-URI").strip("<> ")
    if not field_of_ours and not url.lower().startswith(("http://", "https://")):
        return Skipped("not an address of the web")
    at = parse_date(record.field("WARC-Date"), latest)
    if field_of_ours:
        return _our_capture(record, field_of_ours, at)
    url = canonical(url)
    if record.type in ("resource", "conversion"):
        return _response(record, url, at, 200, (("Content-Type", record.field("Content-Type")),))
    status = str(record.http.get_statuscode()) if record.http else ""
    if record.type == "revisit" or status == "304":
        # Some crawlers store "not modified" as a plain response: it says the same of the page as a revisit.
        return _revisit(record, url, at, int(status) if re.fullmatch(r"[1-5]\d\d", status) else 200)
    if not re.fullmatch(r"[1-5]\d\d", status):
        raise ExchangeError("no_status_line")
    return _response(record, url, at, int(status), _http_headers(record))


def _response(record: Record, url: str, at: str, status: int, headers: Headers) -> Capture | Skipped:
    """A response that other software recorded, as a capture where it is a page."""
    if record.is_oversize and not 300 <= status < 400:
        kind = _media_type(headers)
        if kind in HTML_TYPES:
            raise ExchangeError("body_too_large", size=MAX_BODY >> 20)
        return Skipped(f"not HTML ({kind[:60] or 'no type'})")
    wire = Wire(peer=_peer(record), length=len(record.payload), sha256=sha256_hex(record.payload))
    found = page_capture(url, at, status, headers, record.payload, wire)
    is_partial = record.field("WARC-Truncated") and isinstance(found, Capture) and found.outcome != "redirected"
    return replace(found, outcome="truncated") if is_partial and isinstance(found, Capture) else found


def page_capture(url: str, at: str, status: int, headers: Headers, payload: bytes, wire: Wire) -> Capture | Skipped:
    """Return a response of another program as a capture where it is a page, a redirect, or the lack of a page.

    Raises ExchangeError when its body cannot be decoded.
    """
    if status >= 300 and NOT_A_PAGE.search(urlsplit(url).path):
        return Skipped(f"status {status} of a file that is not a page")
    if 300 <= status < 400:
        location = header_value(headers, "location")
        if not location:
            return Skipped("a redirect that leads nowhere")
        return Capture(url, _redirect_target(location, url), at, status, headers, None, "redirected", wire=wire)
    kind = _media_type(headers)
    if "/" in kind and kind not in (*HTML_TYPES, *UNCLEAR_TYPES):
        return Skipped(f"not HTML ({kind[:60]})")
    body = decode_body(payload, headers)
    if kind not in HTML_TYPES and not LOOKS_HTML.match(body[:4096]):
        return Skipped(f"not HTML ({kind or 'no type'})")
    outcome: Outcome = "truncated" if status == 206 else outcome_of(status)
    return Capture(url, url, at, status, headers, body, outcome, wire=wire)


def _revisit(record: Record, url: str, at: str, status: int) -> Revisit | Skipped:
    headers = _http_headers(record)
    kind = _media_type(headers)
    if kind not in (*HTML_TYPES, "") or NOT_A_PAGE.search(urlsplit(url).path):
        return Skipped("a revisit of what is not HTML")
    refers_url, refers_at = record.field("WARC-Refers-To-Target-URI").strip("<> "), record.field("WARC-Refers-To-Date")
    wire = Wire(peer=_peer(record))
    return Revisit(
        Capture(url, url, at, status, headers, None, "unchanged", wire=wire),
        record.where,
        refers_url=canonical(refers_url) if refers_url else "",
        refers_at=parse_date(refers_at, datetime.max.replace(tzinfo=UTC)) if refers_at else "",
    )


def _our_capture(record: Record, field_of_ours: str, at: str) -> Capture | Revisit:
    headers = unmark(_http_headers(record))
    capture, body_sha256 = from_field(field_of_ours, at, headers)
    if record.type == "revisit" or capture.status == 304:
        return Revisit(capture, record.where, body_sha256=body_sha256)
    if not body_sha256:
        return capture
    if sha256_hex(record.payload) != body_sha256:
        raise ExchangeError("other_body")
    return replace(capture, body=record.payload)


def parse_date(text: str, latest: datetime) -> str:
    """Return a WARC-Date as the archive writes times, to the second.

    Raises ExchangeError for what is not a date, and for a date before 1990 or after `latest`.
    """
    given = text.strip()
    if re.fullmatch(r"\d{14}", given):  # the form of CDX files and of ARC
        given = f"{given[:8]}T{given[8:]}"
    try:
        found = datetime.fromisoformat(given)
        utc = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ExchangeError("date_unreadable", text=text[:40]) from error
    if not EARLIEST <= utc <= latest:
        raise ExchangeError("date_implausible", text=text[:40])
    return to_text(utc)


def _redirect_target(location: str, url: str) -> str:
    """Where a redirect leads; the page itself where that is not a web address."""
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


def _media_type(headers: Headers) -> str:
    return header_value(headers, "content-type").split(";")[0].strip(" \t'\"").lower()


def outcome_of(status: int) -> Outcome:
    """Return what the status of another program's record amounts to."""
    if status < 300:
        return "ok"
    refusals: dict[int, Outcome] = {404: "missing", 410: "gone"}
    return refusals.get(status, "http_error")


def sha256_hex(data: bytes) -> str:
    """Return the hex sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()
