"""The client alone: where it may connect, what it says, and what it makes of answers."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from servers.site import Reply, Site

from columnarchive.content_encoding import ContentDecoder, InvalidEncoding, SizeLimits, TooLarge, Truncated
from columnarchive.crawl import transport
from columnarchive.crawl.client import Client, ClientOptions, FetchRequest
from columnarchive.crawl.responses import parse_retry_after
from columnarchive.crawl.transport import is_public
from columnarchive.records import Capture

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "192.0.2.1", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:101::", "ff02::1", "2001:db8::1",
]  # fmt: skip

LOOP = asyncio.ProactorEventLoop if sys.platform == "win32" else asyncio.SelectorEventLoop


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.104.209.71", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine and whatever arrives there."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                got.append(b"connected")
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], got


def fetch(*urls: str, trusted: str = "", options: ClientOptions | None = None) -> list[Capture]:
    """Captures of these addresses with a client that may reach no private host but the trusted one."""

    async def run() -> list[Capture]:
        async with Client(options or ClientOptions(delay=0), timer=FakeClock().timer()) as client:
            if trusted:
                client.guard.trust(trusted)
            return [await client.fetch(FetchRequest(url)) for url in urls]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0177.0.0.1"]
)
def test_a_private_address_receives_nothing_however_it_is_written(host: str) -> None:
    with listening() as (port, got):
        (capture,) = fetch(f"http://{host}:{port}/")
    assert capture.outcome == "private_address"
    assert capture.error.endswith("so nothing was sent to it.")
    assert not got


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "http://192.168.257/", "http://localhost/"]
)
def test_a_redirect_inside_is_refused(target: str) -> None:
    with Site({"/": Reply(302, b"", {"Location": target})}) as site:
        (capture,) = fetch(site.url + "/", trusted=site.url)
    assert capture.outcome == "private_address"
    assert [hop.status for hop in capture.wire.hops] == [302]


def test_a_name_that_changes_its_address_is_judged_and_connected_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["203.0.113.9"], ["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001
        asked.append(host)
        return next(answers)

    monkeypatch.setattr(transport, "resolve", resolve)
    monkeypatch.setattr(transport, "is_public", lambda address: address == "203.0.113.9")
    opened: list[str] = []

    async def connect(loop: object, sock: socket.socket, place: tuple[str, int]) -> None:  # noqa: ARG001
        opened.append(place[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(LOOP, "sock_connect", connect)
    (capture,) = fetch("http://rebinding.example/", options=ClientOptions(delay=0, attempts=1))
    assert capture.outcome == "unreachable"
    assert opened == ["203.0.113.9"]
    assert asked == ["rebinding.example"]


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> list[str]:  # noqa: ARG001
        return ["8.8.8.8", "10.0.0.1"]

    monkeypatch.setattr(transport, "resolve", resolve)
    assert fetch("http://mixed.example/")[0].outcome == "private_address"


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (port, got), Site({"/": "<p>x"}) as site:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert fetch(site.url + "/", trusted=site.url)[0].outcome == "ok"
    assert not got


def test_a_proxy_that_was_asked_for_is_used() -> None:
    with Site({"http://clinic.example/": "<p>through the proxy"}) as proxy:
        options = ClientOptions(delay=0, proxy=proxy.url, allow_private=True)
        (capture,) = fetch("http://clinic.example/", options=options)
    assert capture.outcome == "ok"
    assert capture.body == b"<p>through the proxy"


def test_evidence_of_an_answer() -> None:
    with Site({"/a": Reply(301, b"", {"Location": "/b"}), "/b": "<p>ここ"}) as site:
        (capture,) = fetch(site.url + "/a", trusted=site.url)
    assert (capture.outcome, capture.status, capture.final_url) == ("redirected", 200, site.url + "/b")
    assert capture.header("content-type") == "text/html; charset=utf-8"
    assert capture.wire.length == len("<p>ここ".encode())
    assert capture.wire.sha256 == capture.body_sha256
    assert capture.wire.peer == site.url.removeprefix("http://")
    assert dict(capture.wire.request_headers)["Accept-Language"].startswith("ja")


def test_unknown_hosts_and_closed_ports_are_unreachable() -> None:
    with listening() as (port, _):
        pass
    found = fetch(f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/", trusted=f"http://127.0.0.1:{port}")
    assert found[0].outcome == "unreachable"
    # A resolver says that there is no such name, or, on a machine without one, nothing.
    assert found[1].outcome in ("unresolved", "unreachable")
    assert all(one.error.endswith(".") for one in found)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "zstd", "br", "x-gzip"]))
def test_any_bytes_under_any_coding(body: bytes, coding: str) -> None:
    try:
        decoder = ContentDecoder((coding,), SizeLimits())
        decoder.feed(body)
        decoder.close()
    except (InvalidEncoding, TooLarge, Truncated):
        pass


def test_an_etag_in_any_bytes_is_sent_back_as_it_came() -> None:
    with Site({"/": Reply(200, b"<p>x", {"ETag": '"\u00e9\u00ff"'})}) as site:
        (first,) = fetch(site.url + "/", trusted=site.url)
        etag = first.header("etag")

        async def again() -> Capture:
            async with Client(ClientOptions(delay=0, allow_private=True)) as client:
                return await client.fetch(FetchRequest(site.url + "/", etag=etag))

        assert asyncio.run(again()).outcome == "ok"
        assert site.asked[-1][2]["If-None-Match"] == etag


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        ("Sat, 28 Nov 2026 10:00:30 GMT", 30.0),
        ("Sat, 28 Nov 1026", 0.0),
        ("9" * 5000, 30 * 86_400.0),
        ("\u00b2", 0.0),
        ("soon", 0.0),
    ],
)
def test_both_forms_of_retry_after_and_none_of_them(said: str, seconds: float) -> None:
    assert parse_retry_after((("Retry-After", said),), datetime(2026, 11, 28, 10, tzinfo=UTC)) == seconds
