"""One connection's bytes, in and out: an asyncio protocol that httpcore reads from, with bounded memory.

asyncio's own streams do the same with a reader, a writer and a protocol for each connection, and ask for memory anew
at each read; where hundreds of hosts are visited for a few pages each, that costs as much as fetching.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpcore

READ_SIZE = 65_536
HEAD_SIZE = 400_000  # header lines may be 100 kB; hints before them and a body after them may come in the same reads


class TLSError(httpcore.ConnectError):
    """The server's certificate or its TLS cannot be accepted."""


class Stream(asyncio.BufferedProtocol, httpcore.AsyncNetworkStream):
    """A connection as httpcore wants it. Deadlines are the caller's: one for the whole request.

    What has come and is not yet read is `held`; the other side is made to wait while that is more than a read takes.
    `space` is where bytes arrive before they are held; all streams of one event loop may share it.
    """

    def __init__(self, space: memoryview) -> None:
        self.space = space
        self.transport: asyncio.Transport | None = None
        self.taken = 0  # bytes that were read, of all answers
        self.head_room: int | None = None  # bytes that may still come before an answer begins; None: it has begun
        self.held = b""
        self.paused = False
        self.ended = False
        self.broken: Exception | None = None
        self.waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Where to put what comes next."""
        return self.space

    def buffer_updated(self, nbytes: int) -> None:
        """Hold what came, and let no more come while it is much."""
        self.held += self.space[:nbytes]
        if len(self.held) > READ_SIZE and not self.paused and self.transport is not None:
            self.paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; with an error when it broke."""
        self.ended = True
        self.broken = exc
        self._wake()

    def _wake(self) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """What has come, at least one byte; empty at the end."""
        while not self.held:
            if self.broken is not None:
                raise httpcore.ReadError(str(self.broken)) from self.broken
            if self.ended:
                return b""
            self.waiting = asyncio.get_running_loop().create_future()
            await self.waiting
        data, self.held = self.held[:max_bytes], self.held[max_bytes:]
        self.taken += len(data)
        if self.head_room is not None:
            self.head_room -= len(data)
            if self.head_room < 0:  # 1xx answers without end would keep us reading until the deadline
                raise httpcore.RemoteProtocolError("what comes before the answer is too large")
        if self.paused and not self.held and self.transport is not None:
            self.paused = False
            self.transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send all of it; requests are small, so nothing waits for the other side to take them."""
        if self.transport is None or self.transport.is_closing():
            raise httpcore.WriteError(str(self.broken or "the connection is closed"))
        self.transport.write(buffer)

    async def aclose(self) -> None:
        """Drop the connection without waiting for the other side to agree."""
        if self.transport is not None:
            self.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted and with the server's certificate verified."""
        try:
            if self.held or self.transport is None:
                # Kept, these bytes would be read as the beginning of an answer that nobody has signed.
                raise TLSError("the server speaks before the connection is encrypted")
            loop = asyncio.get_running_loop()
            self.transport = await loop.start_tls(self.transport, self, ssl_context, server_hostname=server_hostname)
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise TLSError(getattr(error, "verify_message", "") or str(error)) from error
        except (OSError, EOFError, RuntimeError) as error:
            raise TLSError(f"the connection broke while it was being encrypted: {error}") from error
        return self

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks for, and the peer's address."""
        if info == "is_readable":  # also what nobody has asked for, which must not become the next answer
            return self.ended or bool(self.held) or self.transport is None or self.transport.is_closing()
        if info == "taken":
            return self.taken
        if self.transport is None:
            return None
        return self.transport.get_extra_info("peername" if info == "peer" else info)
