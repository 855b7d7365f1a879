"""One request and its response, whatever happens: streamed within bounds and a deadline; and the outcome.

An outcome follows from the status, headers and first bytes of a response. The table ERRORS is the only place where
exceptions of other libraries become outcomes.
"""

from __future__ import annotations

import asyncio
import email.utils
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpcore

from columnarchive.content_encoding import (
    ContentDecoder,
    InvalidEncoding,
    SizeLimits,
    TooLarge,
    Truncated,
    parse_content_encoding,
)
from columnarchive.crawl.limits import MemoryBudget
from columnarchive.crawl.transport import NameNotFound, OriginTransport, PrivateAddress, ResolutionError, TLSError
from columnarchive.locale import fault
from columnarchive.records import Headers, Outcome
from columnarchive.urls import Address

REDIRECTS = frozenset({301, 302, 303, 307, 308})
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
# A request that met its deadline is not repeated: what hangs once would hold up its site again.
RETRIED: frozenset[Outcome] = frozenset({"unreachable", "truncated"})
PROXY_AUTHENTICATION = 407
# Types that are certainly no page; anything else is judged by its bytes.
NOT_PAGES = ("image/", "audio/", "video/", "font/", "multipart/", "application/pdf", "application/zip",
             "application/msword", "application/vnd.", "application/javascript", "application/json", "text/css",
             "text/javascript", "text/csv", "text/calendar", "application/x-shockwave")  # fmt: skip
MAGIC = (b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"RIFF", b"\x1f\x8b", b"BZh", b"Rar!",
         b"\xd0\xcf\x11\xe0", b"7z\xbc\xaf", b"\x7fELF", b"MZ\x90", b"ID3", b"OggS", b"\x00\x00\x00", b"wOF",
         b"SQLite format 3")  # fmt: skip


# What reading a page takes in memory, measured on pages of nothing but text and of nothing but links.
PER_BYTE = 6
PER_TAG = 600
MAX_MEMORY = 70_000_000

MAX_REASON = 200  # characters of another library's message, which may quote what a server sent
HEADER_FIELDS_TOO_LARGE = 431
# The first kind that fits gives the outcome and the key of the sentence; without one, the error has the sentence.
_Entry = tuple[tuple[type[BaseException], ...], Outcome, str]
ERRORS: tuple[_Entry, ...] = (
    ((PrivateAddress,), "private_address", ""),
    ((TLSError,), "tls_error", "tls"),
    ((NameNotFound,), "unresolved", ""),
    ((ResolutionError,), "unreachable", ""),
    ((TimeoutError, httpcore.TimeoutException), "timeout", "timeout"),
    ((httpcore.ConnectError, httpcore.ProxyError), "unreachable", "no_connection"),
    ((httpcore.ProtocolError,), "protocol_error", "not_http"),
    ((httpcore.NetworkError, OSError), "unreachable", "connection_broke"),
)
NETWORK_ERRORS = tuple(kind for kinds, _, _ in ERRORS for kind in kinds)
FALLBACK: _Entry = ((), "protocol_error", "request_failed")

CONTROL = bytes((*range(9), *range(14, 27)))  # but for escape, which begins ISO-2022-JP


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a response had come when its request failed: its status, and whether the server had closed."""

    status: int = 0
    ended: bool = False


NOTHING = Progress()


def classify_status(status: int) -> Outcome:
    """Return the outcome that a final status alone gives."""
    if 200 <= status < 300 and status not in (204, 205, 206):
        return "ok"
    return {304: "unchanged", 404: "missing", 410: "gone"}.get(status, "http_error")  # type: ignore[return-value]


def is_page_type(content_type: str) -> bool:
    """Return whether a Content-Type may be a page; an unknown or missing one may."""
    return not content_type.strip().lower().startswith(NOT_PAGES)


def looks_binary(body: bytes) -> bool:
    """Return whether the first bytes are no text: a known magic number, or zero bytes outside UTF-16 and UTF-32."""
    head = body[:1024]
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return False
    if head.startswith(MAGIC):
        return True
    zeros = head.count(0)
    if zeros and 0.3 < zeros / len(head) < 0.6:  # UTF-16 without its mark: every other byte
        return False
    control = len(head) - len(head.translate(None, CONTROL))
    return zeros > 4 or control > len(head) // 10


def takes_too_much(body: bytes) -> bool:
    """Return whether parsing a page would take more memory than any real one; a few bytes make an element."""
    if len(body) * (PER_BYTE + PER_TAG / 3) <= MAX_MEMORY:  # even if it were nothing but <a>
        return False
    tags = body.count(b"<") - body.count(b"</")
    return len(body) * PER_BYTE + tags * PER_TAG > MAX_MEMORY


def classify_error(error: BaseException, progress: Progress = NOTHING) -> tuple[Outcome, str]:
    """Return a failed request as outcome and sentence."""
    reason = str(error).strip().rstrip(".")[:MAX_REASON] or type(error).__name__
    if progress.ended and isinstance(error, httpcore.RemoteProtocolError):
        if progress.status:
            return "truncated", fault("short_body", reason=reason)
        return "unreachable", fault("no_response")
    # httpcore wraps the error of h11, which gives the status with which a server would answer such a request.
    if any(getattr(wrapped, "error_status_hint", 0) == HEADER_FIELDS_TOO_LARGE for wrapped in error.args):
        return "too_large", fault("large_header")
    _, outcome, key = next((entry for entry in ERRORS if isinstance(error, entry[0])), FALLBACK)
    if progress.status and outcome == "unreachable":
        return "truncated", fault("body_broke_off")
    return outcome, fault(key, reason=reason) if key else str(error)


def too_large(limit: int) -> str:
    """Return the sentence for a body that is larger than a number of bytes."""
    return fault("large_body", limit=limit // 1_000_000)


def parse_retry_after(headers: Headers, now: datetime) -> float:
    """Return the seconds that a Retry-After line asks to wait, given as a number or a date; 0 without one."""
    value = next((value.strip() for name, value in headers if name.lower() == "retry-after"), "")
    if value.isascii() and value.isdigit():
        return float(min(int(value[:9]), 30 * 86_400))
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), 30 * 86_400.0)


def looks_like_picture(body: bytes) -> bool:
    """Whether bytes begin as a picture does, whatever their server calls them."""
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1"))
        or (head[:1] == b"<" and b"<svg" in head.lower() and b"<html" not in head.lower())
    )


MAX_HEADERS = 100 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Response:
    """The response of one hop: `status` is 0 when there was none, `body` None when it was not read to its end."""

    outcome: Outcome
    error: str = ""
    status: int = 0
    headers: Headers = ()
    body: bytes | None = None
    length: int = 0
    sha256: str = ""
    peer: str = ""
    tls: str = ""

    def header(self, name: str) -> str:
        """Return the first value of a header, by its name in lower case; empty when absent."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of one request.

    Attributes:
        deadline: seconds in all.
        head_deadline: seconds until the response begins, connecting included.
        pages_only: whether a response that is no page is refused.
        enough: decoded bytes after which reading stops, keeping them; 0 for the whole body.
        sink: takes the body as it comes, instead of it being kept.
    """

    deadline: float
    head_deadline: float
    sizes: SizeLimits
    budget: MemoryBudget
    pages_only: bool = True
    enough: int = 0
    sink: Callable[[bytes], object] | None = None


@dataclass(slots=True)
class _PartialResponse:
    """What is known of a response so far, so that a failure half-way can be reported with it."""

    ends_at: float  # by the event loop's clock
    timeout: asyncio.Timeout
    status: int = 0
    headers: Headers = ()
    peer: str = ""
    tls: str = ""
    wire: hashlib._Hash = field(default_factory=hashlib.sha256)
    length: int = 0

    def values(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for key, value in self.headers if key.lower() == name]

    def failed(self, outcome: Outcome, error: str) -> Response:
        """Return the response as far as it came."""
        sha256 = self.wire.hexdigest() if self.length else ""
        return Response(outcome, error, self.status, self.headers, None, self.length, sha256, self.peer, self.tls)


async def send_request(transport: OriginTransport, place: Address, headers: Headers, limits: RequestLimits) -> Response:
    """Send one request and read its response; never raise for what the other side does.

    A kept connection that the server has closed meanwhile is replaced once, within the same deadline.
    """
    now = asyncio.get_running_loop().time()
    partial = _PartialResponse(now + limits.deadline, asyncio.timeout(limits.head_deadline))
    try:
        async with partial.timeout:
            opened = transport.connections
            try:
                return await _exchange(transport, place, headers, limits, partial)
            except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
                if partial.status or transport.connections > opened:
                    raise
                return await _exchange(transport, place, headers, limits, partial)
    except TooLarge as problem:
        return partial.failed("too_large", str(problem) or too_large(limits.sizes.decoded))
    except Truncated:
        return partial.failed("truncated", fault("compressed_broke_off"))
    except InvalidEncoding as problem:
        return partial.failed("bad_encoding", fault("not_decoded", reason=problem))
    except NETWORK_ERRORS as problem:
        await transport.aclose()
        ended = transport.meter.ended
        return partial.failed(*classify_error(problem, Progress(partial.status, ended)))


async def _exchange(
    transport: OriginTransport, place: Address, headers: Headers, limits: RequestLimits, partial: _PartialResponse
) -> Response:
    response = await transport.send(place, headers, limits.head_deadline)
    partial.timeout.reschedule(partial.ends_at)
    try:
        partial.status = response.status
        partial.headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        if sum(len(name) + len(value) for name, value in response.headers) > MAX_HEADERS:
            raise TooLarge(fault("large_header"))
        partial.peer, partial.tls = _connection_of(response)
        outcome = classify_status(response.status)
        content_type = ", ".join(partial.values("content-type"))
        if outcome == "ok" and limits.pages_only and not is_page_type(content_type):
            return partial.failed("not_html", fault("not_page", type=content_type[:60]))
        body = await _read_body(response, transport, limits, partial)
    finally:
        await response.aclose()
    if outcome == "ok" and limits.pages_only:
        if takes_too_much(body):
            return partial.failed("too_large", fault("large_page"))
        if looks_binary(body):
            return partial.failed("not_html", fault("binary"))
    stored = body if outcome in ("ok", "missing", "gone", "http_error") else None
    sha256 = partial.wire.hexdigest() if partial.length else ""
    return Response(
        outcome, "", partial.status, partial.headers, stored, partial.length, sha256, partial.peer, partial.tls
    )


async def _read_body(
    response: httpcore.Response, transport: OriginTransport, limits: RequestLimits, partial: _PartialResponse
) -> bytes:
    """Return the decoded body; count and digest what was on the wire."""
    decoder = ContentDecoder(parse_content_encoding(partial.values("content-encoding")), limits.sizes)
    announced = next(iter(partial.values("content-length")), "")
    if announced.isascii() and announced.isdigit() and int(announced[:12]) > limits.sizes.wire and not limits.enough:
        raise TooLarge
    body = io.BytesIO()  # gives its bytes away without copying them
    reservation = limits.budget.reserve(partial.timeout)
    transport.meter.allow_body(0)
    try:
        async for chunk in response.aiter_stream():
            partial.wire.update(chunk)
            partial.length += len(chunk)
            transport.meter.allow_body(partial.length)
            piece = decoder.feed(chunk)
            if limits.sink is not None:
                limits.sink(piece)
                continue
            await reservation.grow(len(piece))
            body.write(piece)
            if limits.enough and decoder.size > limits.enough:
                return body.getvalue()
    finally:
        reservation.release()
    if partial.length:  # a 304 or an empty page may still name a coding
        decoder.close()
    return body.getvalue()


def _connection_of(response: httpcore.Response) -> tuple[str, str]:
    """Return the peer's address and, over TLS, protocol and cipher."""
    stream = response.extensions["network_stream"]
    peer = stream.get_extra_info("server_addr")
    cipher = getattr(stream.get_extra_info("ssl_object"), "cipher", lambda: None)()
    return (f"{peer[0]}:{peer[1]}" if peer else ""), (f"{cipher[1]} {cipher[0]}" if cipher else "")
