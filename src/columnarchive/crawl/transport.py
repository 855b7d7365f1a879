"""One kept connection per origin, whose reads are metered: httpcore speaks HTTP/1.1, this bounds what it reads."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any

import certifi
import httpcore

from columnarchive.crawl.content_encoding import TooLarge
from columnarchive.locale import fault
from columnarchive.records import Headers
from columnarchive.urls import Address

KEEP_ALIVE = 75.0  # seconds
MAX_READ = 1 << 20  # more than the event loop receives at once
HEAD_BYTES = 400_000  # of header lines, interim responses before them, and what comes in the same reads
FRAMING_BYTES = 1_000_000  # around a body's own bytes; and at most as many again as the body has


class TLSError(httpcore.ConnectError):
    """The server's certificate or its TLS cannot be accepted."""


@cache
def create_tls_context() -> ssl.SSLContext:
    """Create, once, the TLS settings that all connections share; they take most of a client's time to start."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Meter:
    """Counts the bytes read for one response, and ends it when too many of them are not its body."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with a new response."""
        self.received = 0
        self.allowed = HEAD_BYTES
        self.ended = False
        self.in_body = False

    def allow_body(self, length: int) -> None:
        """Allow what a body needs of which `length` bytes have come."""
        self.in_body = True
        self.allowed = HEAD_BYTES + max(FRAMING_BYTES, 2 * length) + length

    def count(self, data: bytes) -> None:
        """Count bytes; raise TooLarge when there are more than allowed."""
        self.received += len(data)
        self.ended = not data
        if self.received > self.allowed:
            if self.in_body:
                raise TooLarge(fault("mostly_framing"))
            raise TooLarge(fault("large_preamble"))


class _MeteredStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._info: dict[str, Any] = {}

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # All that has come: what stays behind in a buffer would be taken for the beginning of the next response.
        data = await self._stream.read(max(max_bytes, MAX_READ), timeout)
        self._meter.count(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except (httpcore.ConnectError, OSError) as error:
            reason = next((getattr(wrapped, "verify_message", "") for wrapped in error.args), "") or str(error)
            raise TLSError(reason or "the connection broke while it was being encrypted") from error
        return _MeteredStream(stream, self._meter)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._stream.get_extra_info(info)
        if info not in self._info:
            self._info[info] = self._stream.get_extra_info(info)
        return self._info[info]


class OriginTransport(httpcore.AsyncNetworkBackend):
    """Requests to one origin over one connection, direct or through a proxy.

    A site is visited one request at a time, so a pool of one connection is enough; one that is shared by all origins
    looks at all of its connections at each request, which costs more than the request.
    """

    def __init__(self, tls: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend, proxy: str = "") -> None:
        self.meter = Meter()
        self.connections = 0
        """How many were opened so far."""
        self._backend = backend
        self._pool = httpcore.AsyncConnectionPool(
            tls,
            _proxy(proxy, tls) if proxy else None,
            max_connections=1,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=self,
        )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect for the pool, and meter what is read."""
        self.connections += 1
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _MeteredStream(stream, self.meter)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)

    async def send(self, place: Address, headers: Headers, timeout: float) -> httpcore.Response:
        """Send a GET request and return the response, its body still to be read.

        Args:
            place: an address at this origin.
            headers: the lines to send, `Host` included; their characters are bytes (Latin-1).
            timeout: seconds to connect.
        """
        self.meter.start()
        port = place.port if place.authority != place.host else None
        url = httpcore.URL(
            scheme=place.scheme, host=place.host.strip("[]"), port=port, target=place.target.encode("ascii")
        )
        lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
        request = httpcore.Request("GET", url, headers=lines, extensions={"timeout": {"connect": timeout}})
        response = await self._pool.handle_async_request(request)
        if not self.meter.received:
            await response.aclose()
            raise httpcore.RemoteProtocolError("the server sent a response before it was asked")
        return response

    async def aclose(self) -> None:
        """Close the connection."""
        await self._pool.aclose()


def _proxy(url: str, tls: ssl.SSLContext) -> httpcore.Proxy:
    import httpx  # takes long to load, and few crawls have a proxy

    proxy = httpx.Proxy(url)
    encrypted = tls if proxy.url.scheme == "https" else None
    return httpcore.Proxy(str(proxy.url.copy_with(userinfo=b"")), proxy.raw_auth, ssl_context=encrypted)
