"""One connection per origin, kept open between requests: what httpx needs as a transport, without its shared pool.

A site is visited one request at a time, so there is nothing to pool; a pool that scans all its connections at each
request costs more than the request.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import sys

import httpcore
import httpx

from columnarchive.crawl.network import Network
from columnarchive.crawl.stream import HEAD_SIZE, Stream
from columnarchive.urls import Address

KEEP_ALIVE = 75.0

# httpcore looks for sniffio at each new connection; looking in vain through all folders costs more than connecting.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # "halted", as the import system calls it


def tls_context() -> ssl.SSLContext:
    """The TLS settings that all connections share; making them is the larger part of a client's start."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


class OriginTransport(httpx.AsyncBaseTransport):
    """Requests to one origin over one connection; `reused` tells whether the last one went over an old connection."""

    def __init__(self, address: Address, tls: ssl.SSLContext, network: Network) -> None:
        self.origin = httpcore.Origin(address.scheme.encode(), address.host.encode("ascii"), address.port)
        self.host = address.host
        self.tls = tls
        self.network = network
        self.connection: httpcore.AsyncHTTP11Connection | None = None
        self.stream: Stream | None = None
        self.reused = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and return the answer with its body still to be streamed."""
        connection = await self._ready(request.extensions["connect"])
        target: bytes = request.extensions["target"]
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=self.origin.scheme, host=self.origin.host, port=self.origin.port, target=target),
            headers=request.headers.raw,
        )
        assert self.stream is not None
        self.stream.head_room = HEAD_SIZE
        answer = await connection.handle_async_request(asked)
        self.stream.head_room = None
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions, request=request
        )

    async def _ready(self, timeout: float) -> httpcore.AsyncHTTP11Connection:
        """The connection of the last request if it can still be used, or a new one."""
        old = self.connection
        self.reused = old is not None and old.is_available() and not old.has_expired()
        if old is not None and self.reused:
            return old
        await self.aclose()
        stream = await self.network.connect_tcp(self.host, self.origin.port, timeout)
        if self.origin.scheme == b"https":
            try:
                async with asyncio.timeout(timeout):
                    await stream.start_tls(self.tls, self.host.strip("[]"))
            except BaseException:
                await stream.aclose()
                raise
        self.stream = stream
        self.connection = httpcore.AsyncHTTP11Connection(self.origin, stream, KEEP_ALIVE)
        return self.connection

    async def aclose(self) -> None:
        """Drop the connection."""
        if self.connection is not None:
            await self.connection.aclose()
            self.connection = None


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self.answer = answer

    def __aiter__(self):  # type: ignore[no-untyped-def]  # httpcore types its stream loosely
        return self.answer.aiter_stream()

    async def aclose(self) -> None:
        await self.answer.aclose()
