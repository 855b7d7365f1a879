"""Connections: bounded memory, encryption, and bytes that nobody asked for."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpcore
import pytest

from columnarchive.crawl.address_guard import Network
from columnarchive.crawl.client import Ask, Client, ClientOptions
from columnarchive.crawl.clock import Simulated
from columnarchive.crawl.stream import READ_SIZE, Stream
from columnarchive.crawl.transport import tls_context
from columnarchive.records import Capture

PEM = Path(__file__).parent / "servers/selfsigned.pem"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def connected(serve: Serve, use: Callable[[Stream], Awaitable[None]]) -> None:
    """Use a connection to a server that does this."""

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            stream = await Network(allow_private=True).connect_tcp("127.0.0.1", port, 5.0)
            async with asyncio.timeout(10):
                await use(stream)
            await stream.aclose()

    asyncio.run(run())


def test_a_server_faster_than_its_reader_is_made_to_wait() -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        nonlocal sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        try:
            while sent < 300_000_000:
                writer.write(bytes(50_000))
                await writer.drain()
                sent += 50_000
        finally:
            writer.close()

    async def use(stream: Stream) -> None:
        assert await stream.read(1) == b"\0"
        while not stream.paused:
            await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert len(stream.held) <= 2 * READ_SIZE
        assert sent < 30_000_000, "the rest stays with the system and the server"
        got = 1
        while got < 10_000_000:
            got += len(await stream.read(READ_SIZE))
        assert len(stream.held) <= 2 * READ_SIZE

    connected(pour, use)


def test_what_came_before_a_connection_broke_is_read_first() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"abc")
        await writer.drain()
        await reader.read(1)
        writer.transport.abort()

    async def use(stream: Stream) -> None:
        while not stream.held:
            await asyncio.sleep(0)
        await stream.write(b"x")
        while not stream.ended:
            await asyncio.sleep(0)
        assert await stream.read(2) == b"ab"
        assert await stream.read(2) == b"c"
        assert stream.get_extra_info("is_readable")
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"more")

    connected(break_off, use)


def test_what_was_not_asked_for_makes_a_connection_unusable() -> None:
    async def speak_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake")
        await reader.read()
        writer.close()

    async def use(stream: Stream) -> None:
        while not stream.held:
            await asyncio.sleep(0)
        assert stream.get_extra_info("is_readable")
        with pytest.raises(httpcore.ConnectError, match="before the connection is encrypted"):
            await stream.start_tls(tls_context(), "clinic.example")

    connected(speak_first, use)


def over_tls(body: bytes, *, trusted: bool, named: bool = False) -> tuple[Capture, Capture]:
    """Two visits to a page over TLS, whose certificate is trusted or not, and must be this host's or not."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).startswith(b"GET "):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        writer.close()

    async def run() -> tuple[Capture, Capture]:
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(PEM)
        async with (
            await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own) as server,
            Client(ClientOptions(delay=0, allow_private=True), timer=Simulated().timer()) as client,
        ):
            if trusted:
                client.tls.load_verify_locations(PEM)
                client.tls.check_hostname = named
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return await client.fetch(Ask(url)), await client.fetch(Ask(url))

    return asyncio.run(run())


def test_pages_over_tls_arrive_whole_and_say_how() -> None:
    body = "<p>ひざの痛み</p>".encode() * 40_000
    for capture in over_tls(body, trusted=True):
        assert (capture.outcome, capture.body) == ("ok", body)
        assert capture.wire.tls.startswith("TLSv1.3 ")
        assert capture.wire.peer.startswith("127.0.0.1:")


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    for capture in over_tls(b"never seen", trusted=False):
        assert (capture.outcome, capture.body) == ("tls_error", None)
        assert "self-signed" in capture.error


def test_a_certificate_for_another_host_is_refused() -> None:
    for capture in over_tls(b"never seen", trusted=True, named=True):
        assert (capture.outcome, capture.body) == ("tls_error", None)
        assert "not valid for '127.0.0.1'" in capture.error


def test_redirects_between_http_and_https_come_to_an_end() -> None:
    asked: list[str] = []

    async def run() -> Capture:
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(PEM)
        ports: dict[str, int] = {}

        def sends_to(other: str) -> Serve:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                while line := await reader.readline():
                    asked.append(other)
                    await reader.readuntil(b"\r\n\r\n")
                    path = line.split()[1].decode()
                    place = f"{other}://127.0.0.1:{ports[other]}{path}"
                    writer.write(f"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: {place}\r\n\r\n".encode())
                    await writer.drain()
                writer.close()

            return serve

        async with (
            await asyncio.start_server(sends_to("http"), "127.0.0.1", 0, ssl=own) as secure,
            await asyncio.start_server(sends_to("https"), "127.0.0.1", 0) as plain,
            Client(ClientOptions(delay=0, allow_private=True), timer=Simulated().timer()) as client,
        ):
            client.tls.load_verify_locations(PEM)
            client.tls.check_hostname = False
            ports |= {"https": secure.sockets[0].getsockname()[1], "http": plain.sockets[0].getsockname()[1]}
            return await client.fetch(Ask(f"https://127.0.0.1:{ports['https']}/column/"))

    capture = asyncio.run(run())
    assert capture.outcome == "redirect_loop"
    assert [hop.status for hop in capture.wire.hops] == [301, 301]
    assert asked == ["http", "https"]
