"""One request and its response, whatever happens: streamed within bounds and a deadline, errors as outcomes."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

import httpcore

from columnarchive.crawl import outcomes
from columnarchive.crawl.content_encoding import (
    ContentDecoder,
    InvalidEncoding,
    SizeLimits,
    TooLarge,
    Truncated,
    parse_content_encoding,
)
from columnarchive.crawl.memory_budget import MemoryBudget
from columnarchive.crawl.transport import OriginTransport
from columnarchive.locale import fault
from columnarchive.records import Headers, Outcome
from columnarchive.urls import Address

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
        return partial.failed("too_large", str(problem) or outcomes.too_large(limits.sizes.decoded))
    except Truncated:
        return partial.failed("truncated", fault("compressed_broke_off"))
    except InvalidEncoding as problem:
        return partial.failed("bad_encoding", fault("not_decoded", reason=problem))
    except outcomes.NETWORK_ERRORS as problem:
        await transport.aclose()
        ended = transport.meter.ended
        return partial.failed(*outcomes.classify_error(problem, outcomes.Progress(partial.status, ended)))


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
        outcome = outcomes.classify_status(response.status)
        content_type = ", ".join(partial.values("content-type"))
        if outcome == "ok" and limits.pages_only and not outcomes.is_page_type(content_type):
            return partial.failed("not_html", fault("not_page", type=content_type[:60]))
        body = await _read_body(response, transport, limits, partial)
    finally:
        await response.aclose()
    if outcome == "ok" and limits.pages_only:
        if outcomes.takes_too_much(body):
            return partial.failed("too_large", fault("large_page"))
        if outcomes.looks_binary(body):
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
