#!/usr/bin/env python3
"""CPU per page for fetching: our client against bare httpx with one transport per origin, in alternated runs.

    fetching.py [--pages 2000] [--rounds 15]

Serves a Japanese page of about 20 kB from many addresses of 127/8 (Linux), fetches it again and again from 40 and from
400 hosts, and prints medians and ratios. Floors: at most 0.95 of httpx; and the ratio of 400 hosts to 40 at most 1.15
times that of httpx. A ratio is the median of the ratios within each round, whose runs follow one another, the two
numbers of hosts in turns first: a busy machine slows them alike. Each run waits until the servers have seen the last
one's connections close.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import gzip
import multiprocessing
import random
import statistics
import sys
import time
from multiprocessing.connection import Connection

import httpx

from columnarchive.crawl.client import Client, ClientOptions, FetchRequest

FLOOR = 0.95
FLOOR_HOSTS = 1.15
SETTLED = 0.2  # seconds in which a server drops hundreds of connections; while it does, it slows its neighbour


def body() -> bytes:
    """A page of about 20 kB that compresses as real ones do."""
    chance = random.Random(1)
    words = ["ひざの痛み", "再生医療", "個人差があります", "治療", "費用は税込", "ご相談ください", "関節", "細胞"]
    text = "".join(f"<p>{''.join(chance.choices(words, k=20))}</p>" for _ in range(60))
    return f"<html><head><meta charset=utf-8><title>コラム</title></head><body>{text}</body></html>".encode()


def serve(hosts: int, pipe: Connection) -> None:
    """Answer every request with the page, from `hosts` addresses."""
    packed = gzip.compress(body())
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    )
    reply = head.encode() + packed

    class Answer(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            for _ in range(data.count(b"\r\n\r\n")):
                self.transport.write(reply)  # type: ignore[attr-defined]

    async def run() -> None:
        loop = asyncio.get_running_loop()
        port = 0
        for number in range(hosts):
            address = f"127.1.{number // 200}.{number % 200 + 1}"
            server = await loop.create_server(Answer, address, port)
            port = server.sockets[0].getsockname()[1]
        pipe.send(port)
        await asyncio.Event().wait()

    asyncio.run(run())


def urls(hosts: int, port: int, pages: int) -> list[list[str]]:
    """The addresses to fetch, by host."""
    each = max(1, pages // hosts)
    return [
        [f"http://127.1.{number // 200}.{number % 200 + 1}:{port}/column/{page}.html" for page in range(each)]
        for number in range(hosts)
    ]


async def ours(by_host: list[list[str]]) -> int:
    """Fetch with the crawler's client."""
    async with Client(ClientOptions(allow_private=True, delay=0.0)) as client:

        async def one(addresses: list[str]) -> int:
            return sum([(await client.fetch(FetchRequest(url))).outcome == "ok" for url in addresses])

        return sum(await asyncio.gather(*map(one, by_host)))


async def bare(by_host: list[list[str]]) -> int:
    """Fetch with httpx alone."""
    tls = httpx.create_ssl_context()

    async def one(addresses: list[str]) -> int:
        transport = httpx.AsyncHTTPTransport(verify=tls)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return sum([(await client.get(url)).status_code == 200 for url in addresses])

    return sum(await asyncio.gather(*map(one, by_host)))


def measure(fetch: object, by_host: list[list[str]]) -> float:
    """Milliseconds of CPU a page."""
    gc.collect()  # what the run before left, here and at the servers, is not to be charged to this one
    time.sleep(SETTLED)
    began = time.process_time()
    done = asyncio.run(fetch(by_host))  # type: ignore[operator]
    taken = time.process_time() - began
    assert done == sum(map(len, by_host)), f"{done} of {sum(map(len, by_host))} fetched"
    return taken / done * 1000


def ratio_of(these: list[float], those: list[float]) -> float:
    """The median of what one run costs of another of the same round."""
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


def main() -> int:
    """Measure, print, and return 1 when a floor is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    taken: dict[tuple[str, int], list[float]] = {}
    servers, by_host = [], {}
    for hosts in (40, 400):
        here, there = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(hosts, there), daemon=True)
        server.start()
        servers.append(server)
        by_host[hosts] = urls(hosts, here.recv(), options.pages)
    for number in range(options.rounds + 1):
        for name, fetch in (("httpx", bare), ("ours", ours)):
            for hosts in (40, 400) if number % 2 else (400, 40):
                cost = measure(fetch, by_host[hosts])
                if number:  # the first round warms up
                    taken.setdefault((name, hosts), []).append(cost)
    for server in servers:
        server.kill()
    for (name, hosts), costs in sorted(taken.items()):
        print(f"{name:6} {hosts:4} hosts  {statistics.median(costs):.2f} ms CPU a page")
    ratio = max(ratio_of(taken["ours", hosts], taken["httpx", hosts]) for hosts in (40, 400))
    spread = ratio_of(taken["ours", 400], taken["ours", 40])
    bare_spread = ratio_of(taken["httpx", 400], taken["httpx", 40])
    print(
        f"of httpx: {ratio:.2f} (floor {FLOOR}), 400 hosts of 40: {spread:.2f} (floor {FLOOR_HOSTS};"
        f" httpx has {bare_spread:.2f})"
    )
    return 0 if ratio <= FLOOR and spread <= FLOOR_HOSTS * bare_spread else 1


if __name__ == "__main__":
    sys.exit(main())
