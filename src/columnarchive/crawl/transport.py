"""One connection per origin, kept open between requests: what httpx needs as a transport, without its shared pool.

A site is visited one request at a time, so there is nothing to pool; a pool that scans all its connections at each
request costs more than the request.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ssl
import sys

import httpx

from columnarchive.crawl.address_guard import Network
from columnarchive.crawl.http11 import Connection
from columnarchive.urls import Address

# Through a proxy httpcore's connections are used, which look for sniffio at each request; looking in vain through all
# folders costs as much as the request.
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
        self.address = address
        self.tls = tls
        self.network = network
        self.connection: Connection | None = None
        self.reused = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and return the answer with its body still to be streamed."""
        connection = await self._ready(request.extensions["connect"])
        target: bytes = request.extensions["target"]
        answer = await connection.ask(request.method.encode("ascii"), target, request.headers.raw)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers.raw_items(),
            stream=connection,
            extensions={"network_stream": connection.stream},
            request=request,
        )

    async def _ready(self, timeout: float) -> Connection:
        """The connection of the last request if it can still be used, or a new one."""
        old = self.connection
        self.reused = old is not None and old.is_usable()
        if old is not None and self.reused:
            return old
        await self.aclose()
        stream = await self.network.connect_tcp(self.address.host, self.address.port, timeout)
        if self.address.scheme == "https":
            try:
                async with asyncio.timeout(timeout):
                    await stream.start_tls(self.tls, self.address.host.strip("[]"))
            except BaseException:
                await stream.aclose()
                raise
        self.connection = Connection(stream)
        return self.connection

    async def aclose(self) -> None:
        """Drop the connection."""
        if self.connection is not None:
            await self.connection.give_up()
            self.connection = None
