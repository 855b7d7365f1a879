"""What of a capture a WARC record has no place for, and how it travels: one named field with JSON, marked header lines.

A capture's body is written decoded, so the lines that described how it travelled get a prefix; reading takes it off.
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
_PLAIN_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN_VALUE = re.compile(r"(?:[!-~](?:[ -~\t]*[!-~])?)?")


def mark(headers: Headers, size: int | None) -> Headers:
    """Received lines as they are written beside a decoded body of `size` bytes; None where there is none."""
    lines = tuple((PREFIX + name if _is_marked(name) else name, value) for name, value in headers)
    return lines if size is None else (*lines, ("Content-Length", str(size)))


def unmark(headers: Headers) -> Headers:
    """The lines as received: what `mark` added goes."""
    return tuple(
        (name[len(PREFIX) :] if name.lower().startswith(PREFIX.lower()) else name, value)
        for name, value in headers
        if name.lower() != "content-length"
    )


def is_plain(headers: Headers) -> bool:
    """Whether lines come back equal from a file; others also travel in the field."""
    return all(_PLAIN_NAME.fullmatch(name) and _PLAIN_VALUE.fullmatch(value) for name, value in headers)


def to_field(capture: Capture, body_sha256: str, *, with_headers: bool = False) -> str:
    """The field's value: one line of ASCII. `with_headers` where the record itself does not carry the lines."""
    wire = capture.wire
    said: dict[str, Any] = {
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
    }
    if with_headers or not is_plain(capture.headers):
        said["headers"] = capture.headers
    return json.dumps({key: value for key, value in said.items() if value}, separators=(",", ":"))


def from_field(text: str, fetched_at: str, headers: Headers) -> tuple[Capture, str]:
    """A capture without its body, and that body's digest; raise ExchangeError for a field that is not ours."""
    try:
        said = json.loads(text)
        hops = tuple(Hop(str(url), int(status), _lines(lines)) for url, status, lines in said.get("hops", []))
        wire = Wire(
            _lines(said.get("request_headers", [])),
            hops,
            str(said.get("peer", "")),
            str(said.get("tls", "")),
            float(said.get("seconds", 0)),
            int(said.get("wire_length", 0)),
            str(said.get("wire_sha256", "")),
        )
        if said["outcome"] not in OUTCOMES:
            raise ExchangeError(f"Its field {FIELD} gives the unknown outcome {said['outcome']!r}.")
        capture = Capture(
            url=str(said["url"]),
            final_url=str(said.get("final_url", "")),
            fetched_at=fetched_at,
            status=int(said.get("status", 0)),
            headers=_lines(said["headers"]) if "headers" in said else headers,
            body=None,
            outcome=said["outcome"],
            error=str(said.get("error", "")),
            wire=wire,
        )
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ExchangeError(f"Its field {FIELD} cannot be read.") from error
    return capture, str(said.get("body_sha256", ""))


def _is_marked(name: str) -> bool:
    low = name.lower()
    return low in MARKED or low.startswith(PREFIX.lower())


def _lines(pairs: Any) -> Headers:
    return tuple((str(name), str(value)) for name, value in pairs)
