"""HTTP in WARC records: codings undone within bounds of size, and the parts of a capture that WARC has no place for,
in a header field with JSON and in marked header lines.

A capture's body is written decoded, so the header lines that described its transfer get a prefix; reading removes it.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any

from warcio.bufferedreaders import ChunkedDataReader

from columnarchive.content_encoding import (
    ContentDecoder,
    InvalidEncoding,
    SizeLimits,
    TooLarge,
    Truncated,
    parse_content_encoding,
)
from columnarchive.errors import ExchangeError
from columnarchive.records import OUTCOMES, Capture, Headers, Hop, Wire

FIELD = "Columnarchive-Capture"  # on records that hold a capture of ours
HOP_FIELD = "Columnarchive-Hop"  # on records of redirects that belong to a capture's record
PREFIX = "X-Archive-Orig-"
MARKED = ("content-encoding", "transfer-encoding", "content-length")
MAX_INTEGER = (1 << 63) - 1  # what SQLite stores
_SHA256 = re.compile(r"(?:[0-9a-f]{64})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN_VALUE = re.compile(r"(?:[!-~](?:[ -~\t]*[!-~])?)?")


def mark(headers: Headers, size: int | None) -> Headers:
    """Return received header lines as they are written beside a decoded body of `size` bytes; None without a body."""
    lines = tuple((PREFIX + name if _is_marked(name) else name, value) for name, value in headers)
    return lines if size is None else (*lines, ("Content-Length", str(size)))


def unmark(headers: Headers) -> Headers:
    """Return the header lines as received, without what `mark` added."""
    return tuple(
        (name[len(PREFIX) :] if name.lower().startswith(PREFIX.lower()) else name, value)
        for name, value in headers
        if name.lower() != "content-length"
    )


def is_plain(headers: Headers) -> bool:
    """Return whether a file gives header lines back equal; others are also written to the field."""
    return all(_PLAIN_NAME.fullmatch(name) and _PLAIN_VALUE.fullmatch(value) for name, value in headers)


def to_field(capture: Capture, body_sha256: str, source: str = "", *, with_headers: bool = False) -> str:
    """Return the field's value, one line of ASCII. `with_headers` where the record itself has no header lines."""
    wire = capture.wire
    values: dict[str, Any] = {
        "url": capture.url,
        "final_url": capture.final_url,
        "status": capture.status,
        "outcome": capture.outcome,
        "error": capture.error,
        "body_sha256": body_sha256,
        "request_headers": wire.request_headers,
        "hops": [[hop.url, hop.status, hop.headers] for hop in wire.hops],
        "peer": wire.peer,
        "tls": wire.tls,
        "seconds": wire.seconds,
        "wire_length": wire.length,
        "wire_sha256": wire.sha256,
        "source": source,
    }
    if with_headers or not is_plain(capture.headers):
        values["headers"] = capture.headers
    return json.dumps({key: value for key, value in values.items() if value}, separators=(",", ":"))


def from_field(text: str, fetched_at: str, headers: Headers) -> tuple[Capture, str]:
    """Return a capture without its body, and the body's digest; raise ExchangeError for a field that is not ours."""
    try:
        values = json.loads(text, parse_constant=_refuse)
        if values["outcome"] not in OUTCOMES:
            raise ExchangeError("field_outcome", field=FIELD)
        hops = tuple(
            Hop(_address(url), _bounded(status, 999), _lines(lines)) for url, status, lines in values.get("hops", [])
        )
        wire = Wire(
            _lines(values.get("request_headers", [])),
            hops,
            _storable(values.get("peer", "")),
            _storable(values.get("tls", "")),
            _seconds(values.get("seconds", 0)),
            _bounded(values.get("wire_length", 0), MAX_INTEGER),
            _digest(values.get("wire_sha256", "")),
        )
        capture = Capture(
            url=str(values["url"]),
            final_url=_address(values.get("final_url", "")),
            fetched_at=fetched_at,
            status=_bounded(values.get("status", 0), 999),
            headers=_lines(values["headers"]) if "headers" in values else headers,
            body=None,
            outcome=values["outcome"],
            error=_storable(values.get("error", "")),
            wire=wire,
            source="rendered" if values.get("source") == "rendered" else "crawl",
        )
        return capture, _digest(values.get("body_sha256", ""))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ExchangeError("field_unreadable", field=FIELD) from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON.")


def _bounded(value: Any, maximum: int) -> int:
    if type(value) is not int or not 0 <= value <= maximum:
        raise ValueError("Not a whole number within its bounds.")
    return value


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e9:
        raise ValueError("Not a time in seconds.")
    return float(value)


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("Not a sha256.")
    return value


def _address(value: Any) -> str:
    if not isinstance(value, str) or _CONTROL.search(value):
        raise ValueError("Not an address.")
    return _storable(value)


def _storable(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Not a text.")
    return value.encode("utf-8", "replace").decode("utf-8")


def _is_marked(name: str) -> bool:
    low = name.lower()
    return low in MARKED or low.startswith(PREFIX.lower())


def _lines(pairs: Any) -> Headers:
    return tuple((str(name), str(value)) for name, value in pairs)


MAX_BODY = 64 << 20  # bytes after decoding
MAX_CODINGS = 5
_BEGINS: dict[str, bytes] = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_CONTROL_BYTES = bytes((*range(9), *range(14, 32)))


def decode_body(payload: bytes, headers: Headers) -> bytes:
    """Return a payload without transfer and content codings; raise ExchangeError when it cannot be decoded.

    Crawlers often store the body decoded and keep the header lines as received, so a coding that is not there is
    ignored.
    """
    if "chunked" in header_value(headers, "transfer-encoding").lower():
        payload = _dechunked(payload)
    codings = parse_content_encoding([header_value(headers, "content-encoding")])
    if len(codings) > MAX_CODINGS:
        raise ExchangeError("too_many_codings", number=len(codings), most=MAX_CODINGS)
    for coding in reversed(codings):
        payload = _decoded(payload, coding.removeprefix("x-"))
    return payload


def header_value(headers: Headers, name: str) -> str:
    """Return the first value of a header, by its name in lower case; empty when absent."""
    return next((value for key, value in headers if key.lower() == name), "")


def _dechunked(payload: bytes) -> bytes:
    body, stream = bytearray(), ChunkedDataReader(io.BytesIO(payload))
    while chunk := stream.read(1 << 16):
        body += chunk
        if len(body) > MAX_BODY:
            raise ExchangeError("body_too_large", size=MAX_BODY >> 20)
    return bytes(body)


def _decoded(payload: bytes, coding: str) -> bytes:
    """Undo a content coding; return the payload as it is where it does not have it."""
    if not payload.startswith(_BEGINS.get(coding, b"")) or (coding == "deflate" and payload.lstrip().startswith(b"<")):
        return payload
    limits = SizeLimits(wire=1 << 40, decoded=MAX_BODY, free=MAX_BODY)
    try:
        decoder = ContentDecoder((coding,), limits)
    except InvalidEncoding as error:
        raise ExchangeError("unknown_coding", coding=coding[:40]) from error
    try:
        body = decoder.feed(payload)
        decoder.close()
        return body
    except TooLarge as error:
        raise ExchangeError("body_too_large", size=MAX_BODY >> 20) from error
    except Truncated as error:
        raise ExchangeError("short_body") from error
    except InvalidEncoding as error:
        if coding == "br" and payload == payload.translate(None, _CONTROL_BYTES):  # plain text: brotli has no mark
            return payload
        raise ExchangeError("damaged_coding", coding=coding) from error
