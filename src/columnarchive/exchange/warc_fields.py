"""The parts of a capture that WARC has no place for: a header field with JSON, and marked HTTP header lines.

A capture's body is written decoded, so the header lines that described its transfer get a prefix; reading removes it.
"""

from __future__ import annotations

import json
import re
from typing import Any

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
