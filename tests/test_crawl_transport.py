"""Connections: reuse, bounded memory, encryption, and bytes that nobody asked for."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fake_clock import FakeClock

from columnarchive.crawl import transport
from columnarchive.crawl.client import Client, ClientOptions, FetchRequest
from columnarchive.records import Capture

PEM = Path(__file__).parent / "servers/selfsigned.pem"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
PAGE = HEAD + b"Content-Length: 7\r\n\r\n<p>body"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


def fetched(serve: Serve, times: int = 1) -> list[Capture]:
    """A page fetched so many times from a server that does this."""

    async def run() -> list[Capture]:
        options = ClientOptions(delay=0, allow_private=True, attempts=1, deadline=10)
        async with (
            await asyncio.start_server(serve, "127.0.0.1", 0) as server,
            Client(options, timer=FakeClock().timer()) as client,
        ):
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/column/"
            return [await client.fetch(FetchRequest(url)) for _ in range(times)]

    return asyncio.run(run())


class Answering:
    """A server that answers each request with these bytes; it counts its connections and keeps what was asked."""

    def __init__(self, *responses: bytes, closes: bool = False) -> None:
        self.responses = list(responses)
        self.closes = closes
        self.connections = 0
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.responses:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.responses.pop(0))
                await writer.drain()
                if self.closes:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()


def test_the_next_request_goes_over_the_same_connection() -> None:
    server = Answering(PAGE, PAGE, PAGE)
    assert [one.body for one in fetched(server, 3)] == [b"<p>body"] * 3
    assert server.connections == 1
    assert server.asked[0].startswith(b"GET /column/ HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    "response",
    [
        HEAD.replace(b"1.1", b"1.0") + b"\r\n<p>body",
        PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        HEAD + b"\r\n<p>body",
    ],
)
def test_a_connection_that_ends_with_its_response_is_not_used_again(response: bytes) -> None:
    server = Answering(response, response, closes=True)
    assert [one.body for one in fetched(server, 2)] == [b"<p>body"] * 2
    assert server.connections == 2


def test_a_response_not_read_to_its_end_ends_the_connection() -> None:
    image = HEAD.replace(b"text/html", b"image/png") + b"Content-Length: 100000\r\n\r\n" + bytes(100_000)
    server = Answering(image, PAGE)
    assert [one.outcome for one in fetched(server, 2)] == ["not_html", "ok"]
    assert server.connections == 2


@pytest.mark.parametrize("before", [HINTS, HINTS * 3, b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS])
def test_interim_responses_are_skipped(before: bytes) -> None:
    assert fetched(Answering(before + PAGE))[0].body == b"<p>body"


def test_a_response_given_before_the_request_was_read_counts() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read(1)
        writer.close()

    assert fetched(early)[0].status == 503


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (b"", "unreachable"),
        (b"HTTP/1.1 200 OK\r\n", "unreachable"),
        (b"no HTTP at all\r\n\r\n", "protocol_error"),
        (PAGE[:-1], "truncated"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n7\r\n<p>bo", "truncated"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nseven\r\n<p>body", "protocol_error"),
        (HEAD + b"X: " + b"a" * 120_000 + b"\r\n\r\n", "too_large"),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n<p>", "protocol_error"),
    ],
)
def test_what_is_no_complete_response_has_its_outcome(response: bytes, outcome: str) -> None:
    (capture,) = fetched(Answering(response, closes=True))
    assert (capture.outcome, capture.body) == (outcome, None), capture.error
    assert capture.error.endswith(".")


def test_a_server_faster_than_its_reader_is_made_to_wait() -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        writer.write(HEAD + b"\r\n")
        try:
            while sent < 300_000_000:
                writer.write(bytes(50_000))
                await writer.drain()
                sent += 50_000
        except OSError:
            pass
        finally:
            writer.close()

    (capture,) = fetched(pour)
    assert capture.outcome == "too_large"
    assert sent < 40_000_000, "the rest stays with the system and the server"


def test_what_was_not_asked_for_is_no_response() -> None:
    connections = 0

    async def speaks_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PAGE)
        await writer.drain()
        writer.write(PAGE.replace(b"body", b"fake"))
        await writer.drain()
        await reader.read()
        writer.close()

    found = fetched(speaks_on, 3)
    assert b"<p>fake" not in [one.body for one in found]
    assert connections >= 2


def test_what_comes_before_encryption_is_no_response() -> None:
    async def speaks_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(PAGE)
        await writer.drain()
        await reader.read()
        writer.close()

    async def run() -> Capture:
        options = ClientOptions(delay=0, allow_private=True, attempts=1, deadline=10)
        async with (
            await asyncio.start_server(speaks_first, "127.0.0.1", 0) as server,
            Client(options, timer=FakeClock().timer()) as client,
        ):
            port = server.sockets[0].getsockname()[1]
            return await client.fetch(FetchRequest(f"https://127.0.0.1:{port}/"))

    capture = asyncio.run(run())
    assert (capture.outcome, capture.body) == ("tls_error", None)


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
            Client(ClientOptions(delay=0, allow_private=True), timer=FakeClock().timer()) as client,
        ):
            if trusted:
                client.tls = transport.create_tls_context.__wrapped__()  # its own, as it is changed here
                client.tls.load_verify_locations(PEM)
                client.tls.check_hostname = named
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return await client.fetch(FetchRequest(url)), await client.fetch(FetchRequest(url))

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
            Client(ClientOptions(delay=0, allow_private=True), timer=FakeClock().timer()) as client,
        ):
            client.tls = transport.create_tls_context.__wrapped__()  # its own, as it is changed here
            client.tls.load_verify_locations(PEM)
            client.tls.check_hostname = False
            ports |= {"https": secure.sockets[0].getsockname()[1], "http": plain.sockets[0].getsockname()[1]}
            return await client.fetch(FetchRequest(f"https://127.0.0.1:{ports['https']}/column/"))

    capture = asyncio.run(run())
    assert capture.outcome == "redirect_loop"
    assert [hop.status for hop in capture.wire.hops] == [301, 301]
    assert asked == ["http", "https"]
