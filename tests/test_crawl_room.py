"""Memory that bodies in flight share: bounded, and no server that holds much of it keeps others waiting."""

from __future__ import annotations

import asyncio

import pytest

from columnarchive.crawl import limits
from columnarchive.crawl.client import Client, ClientOptions, FetchRequest
from columnarchive.records import Capture

PAGE = b"<meta charset=utf-8><h1>a</h1>" + b"<p>page</p>" * 2_000
LARGE = b"<meta charset=utf-8><h1>a</h1>" + b"<p>page</p>" * 80_000


async def greedy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send 11 MB at once, and then a byte a second for ever."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<p>x</p>" * 1_400_000)
    try:
        while True:
            await asyncio.sleep(1)
            writer.write(b"x")
            await writer.drain()
    except OSError:
        pass


def serving(body: bytes):  # type: ignore[no-untyped-def]
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass

    return serve


def _url(server: asyncio.Server) -> str:
    address, port = server.sockets[0].getsockname()
    return f"http://{address}:{port}/"


@pytest.mark.slow
def test_greedy_servers_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_WAIT", 0.5, raising=False)

    async def run() -> tuple[list[Capture], list[Capture], list[Capture]]:
        # Pace goes by address, so each server has one of its own.
        greeds = [await asyncio.start_server(greedy, f"127.3.0.{n}", 0) for n in range(1, 4)]
        others = [await asyncio.start_server(serving(body), f"127.3.1.{n}", 0) for n, body in ((1, PAGE), (2, LARGE))]
        bad, (small, large) = [_url(one) for one in greeds], [_url(one) for one in others]
        options = ClientOptions(allow_private=True, delay=0.0, deadline=20.0, attempts=1)
        async with Client(options) as client:
            waiting = [asyncio.create_task(client.fetch(FetchRequest(url))) for url in bad]
            await asyncio.sleep(1)
            async with asyncio.timeout(10):
                little = [await client.fetch(FetchRequest(f"{small}{n}")) for n in range(5)]
                much = [await client.fetch(FetchRequest(f"{large}{n}")) for n in range(3)]
            ended = await asyncio.gather(*waiting)
        for one in (*greeds, *others):
            one.close()
        return list(ended), little, much

    ended, little, much = asyncio.run(run())
    assert {one.outcome for one in little} == {"ok"}
    assert [len(one.body or b"") for one in much] == [len(LARGE)] * 3
    assert {one.outcome for one in ended} <= {"timeout", "truncated", "too_large"}
