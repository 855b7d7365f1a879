"""One request and its answer, whatever happens: raw streaming within bounds and a deadline, errors as outcomes."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

import h11
import httpcore
import httpx

from columnarchive.crawl import outcomes
from columnarchive.crawl.content_encoding import BadCoding, Caps, Decoder, TooLarge, Truncated, codings_of
from columnarchive.crawl.memory_budget import Room
from columnarchive.records import Headers, Outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """One hop's answer: `status` 0 when there was none; `body` None when it was not read to its end."""

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
        """The first value of a header, by its name in any case; empty when absent."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one request: seconds in all and until the answer begins, sizes, only pages or any file, a head that is
    enough, and who takes the body as it comes, if it need not be kept."""

    deadline: float
    head: float
    caps: Caps
    room: Room
    pages_only: bool = True
    keep_head: int = 0
    into: Callable[[bytes], None] | None = None


@dataclass(slots=True)
class _Reading:
    """What is known of an answer so far, so that a failure half-way can still tell it."""

    status: int = 0
    headers: Headers = ()
    peer: str = ""
    tls: str = ""
    wire: hashlib._Hash = field(default_factory=hashlib.sha256)
    length: int = 0
    limit: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    ends_at: float = 0.0  # by the event loop's clock

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name]


ERRORS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.ProxyError,
          httpcore.UnsupportedProtocol, httpx.TransportError, h11.ProtocolError, OSError, TimeoutError)  # fmt: skip
FRAMING = 1_000_000  # bytes around a body's own that are no reason to look
STALE = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError, httpx.RemoteProtocolError,
         httpx.ReadError, httpx.WriteError)  # fmt: skip


async def attempt(transport: httpx.AsyncBaseTransport, request: httpx.Request, bounds: Bounds) -> Answer:
    """Send one request and read its answer; never raises for what the other side does.

    A kept connection that the server has closed meanwhile is replaced once, within the same deadline.
    """
    got = _Reading(ends_at=asyncio.get_running_loop().time() + bounds.deadline)
    try:
        async with asyncio.timeout(bounds.head) as got.limit:
            try:
                return await _exchange(transport, request, bounds, got)
            except STALE:
                if got.status or not getattr(transport, "reused", False):
                    raise
                await transport.aclose()
                return await _exchange(transport, request, bounds, got)
    except TooLarge as problem:
        error = (
            str(problem) or f"The body is larger than {bounds.caps.decoded // 1_000_000} MB or unfolds suspiciously."
        )
        return _failed(got, "too_large", error)
    except Truncated:
        return _failed(got, "truncated", "The compressed body ends before its own end mark.")
    except BadCoding as problem:
        return _failed(got, "bad_encoding", f"The body cannot be decoded: {problem}.")
    except ERRORS as problem:
        await transport.aclose()
        outcome, error = outcomes.of_error(problem)
        if got.status and outcome == "unreachable":
            outcome, error = "truncated", "The connection broke before the body was complete."
        return _failed(got, outcome, error)


def _failed(got: _Reading, outcome: Outcome, error: str) -> Answer:
    sha256 = got.wire.hexdigest() if got.length else ""
    return Answer(outcome, error, got.status, got.headers, None, got.length, sha256, got.peer, got.tls)


async def _exchange(
    transport: httpx.AsyncBaseTransport, request: httpx.Request, bounds: Bounds, got: _Reading
) -> Answer:
    response = await transport.handle_async_request(request)
    got.limit.reschedule(got.ends_at)
    try:
        got.status = response.status_code
        got.headers = tuple((_text(name), _text(value)) for name, value in response.headers.raw)
        got.peer, got.tls = _connection_of(response)
        outcome = outcomes.by_status(got.status)
        kind = ", ".join(got.values("content-type"))
        if outcome == "ok" and bounds.pages_only and not outcomes.is_page_type(kind):
            return _failed(got, "not_html", f"The answer is {kind[:60]}, not a page.")
        body = await _body(response, bounds, got)
    finally:
        await response.stream.aclose()  # type: ignore[union-attr]
    if outcome == "ok" and bounds.pages_only:
        if outcomes.takes_too_much(body):
            return _failed(got, "too_large", "The page holds more text or elements than any real one.")
        if outcomes.looks_binary(body):
            outcome = "not_html"
    error = "The bytes are those of a binary file, whatever the type says." if outcome == "not_html" else ""
    kept = body if outcome in ("ok", "missing", "gone", "http_error") else None
    return Answer(outcome, error, got.status, got.headers, kept, got.length, got.wire.hexdigest(), got.peer, got.tls)


async def _body(response: httpx.Response, bounds: Bounds, got: _Reading) -> bytes:
    """The decoded body; counts and digests what was on the wire."""
    decoder = Decoder(codings_of(got.values("content-encoding")), bounds.caps)
    length = next(iter(got.values("content-length")), "")
    if length.isascii() and length.isdigit() and int(length) > bounds.caps.wire and not bounds.keep_head:
        raise TooLarge
    kept = io.BytesIO()  # gives its bytes away without copying them
    share = bounds.room.share(got.limit)
    taken = _taken(response)
    before = taken()
    try:
        async for chunk in response.stream:  # type: ignore[union-attr]
            got.wire.update(chunk)
            got.length += len(chunk)
            # Chunks of one byte with long extensions would otherwise fill the line until the deadline.
            if taken() - before > max(FRAMING, 2 * got.length):
                raise TooLarge("Most of what comes frames the body instead of being it.")
            piece = decoder.feed(chunk)
            if bounds.into is not None:
                bounds.into(piece)
                continue
            await share.grow(len(piece))
            kept.write(piece)
            if bounds.keep_head and decoder.size > bounds.keep_head:
                return kept.getvalue()
    finally:
        share.release()
    if got.length:  # a 304 or an empty page may still name a coding
        decoder.close()
    return kept.getvalue()


def _taken(response: httpx.Response) -> Callable[[], int]:
    """A function that tells how many bytes were read from the connection so far; 0 through a proxy."""
    stream = response.extensions.get("network_stream")
    return lambda: (stream.get_extra_info("taken") or 0) if stream is not None else 0


def _connection_of(response: httpx.Response) -> tuple[str, str]:
    """The peer's address and, over TLS, protocol and cipher."""
    stream = response.extensions.get("network_stream")
    if stream is None:
        return "", ""
    peer = stream.get_extra_info("peer") or stream.get_extra_info("server_addr")
    cipher = getattr(stream.get_extra_info("ssl_object"), "cipher", lambda: None)()
    return (f"{peer[0]}:{peer[1]}" if peer else ""), (f"{cipher[1]} {cipher[0]}" if cipher else "")


def _text(raw: bytes) -> str:
    """A header's bytes as text that gives the same bytes back: Latin-1, as HTTP has it."""
    return raw.decode("latin-1")
