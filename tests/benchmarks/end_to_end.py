#!/usr/bin/env python3
"""CPU per page of a whole crawl (fetch, extract, store, index) beside Scrapy + trafilatura + sqlite.

    end_to_end.py [--hosts 40] [--columns 49] [--rounds 3] [--corpus ../shared/corpus] [--peer-python PYTHON]
                  [--profile FOLDER]

A server in a process of its own plays made-up Japanese clinic sites (see clinics.py; with `--corpus`, sites with the
markup of real pages, see framed.py) on as many addresses of 127/8 (Linux). Both crawl them from `/column/` without a
delay and with robots.txt obeyed, as whole commands: `archive crawl` into an archive, and peer_spider.py, a CrawlSpider
with as many hosts at once and one request in flight per host, whose
items go through trafilatura into a table with an FTS5 trigram index. CPU is user and system time of the command and all
processes it started, the server's left out, an interpreter's start-up counted. What ours does and the peer does not:
discovery of listings, evidence (headers, digests, hash chain), compression, revisions, passages, sentences, copies.

Scrapy and trafilatura are looked for in the interpreter `--peer-python` (default: this one):
`python -m venv peer && peer/bin/pip install scrapy trafilatura lxml_html_clean`. Floor: at most 1/10; the aim is 1/16.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import multiprocessing
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from clinics import Clinic
from framed import Framed

FLOOR = 1 / 10
SPIDER = Path(__file__).with_name("peer_spider.py")


def address(number: int) -> str:
    """The loopback address of a host."""
    return f"127.2.{number // 200}.{number % 200 + 1}"


def serve(hosts: int, columns: int, corpus: Path | None, pipe: Connection) -> None:
    """Answer for all hosts until killed; sends the port."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        port = 0
        for number in range(hosts):
            answers: dict[bytes, bytes] = {}
            server = await loop.create_server(lambda answers=answers: _Answer(answers), address(number), port)
            port = server.sockets[0].getsockname()[1]
            origin = f"http://{address(number)}:{port}"
            site = Framed(number, origin, columns, corpus) if corpus else Clinic(number, origin, columns)
            for path, page in site.pages.items():
                answers[path.encode()] = _reply("200 OK", page)
        pipe.send(port)
        await asyncio.Event().wait()

    asyncio.run(run())


def _reply(status: str, page: str) -> bytes:
    packed = gzip.compress(page.encode())
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\n"
        f"Content-Length: {len(packed)}\r\n\r\n"
    ).encode() + packed


class _Answer(asyncio.Protocol):
    missing = _reply("404 Not Found", "<title>404</title>")

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self.answers = answers
        self.waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self.waiting = (self.waiting + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1]
            self.transport.write(self.answers.get(path, self.missing))  # type: ignore[attr-defined]


def spent(command: Sequence[str | Path], folder: Path) -> float:
    """Seconds of CPU that a command and the processes it started took; its output is shown when it fails."""
    with (folder / "output.txt").open("w+") as output:
        running = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if running.returncode:
            raise SystemExit(f"{command[:3]} ended with {running.returncode}:\n{output.read()[-3000:]}")
    return usage.ru_utime + usage.ru_stime


def count(path: Path, sql: str) -> int:
    """A number out of a database."""
    with sqlite3.connect(path) as conn:
        return int(conn.execute(sql).fetchone()[0])


def main() -> int:
    """Measure, print, and return 1 when the floor is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--columns", type=int, default=49, help="columns on each host, beside its listing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", type=Path, help="real pages whose markup the sites have")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--profile", type=Path, help="run ours once under cProfile and leave its figures here")
    options = parser.parse_args()
    pages = options.hosts * (options.columns + 1)
    here, there = multiprocessing.Pipe()
    arguments = (options.hosts, options.columns, options.corpus, there)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=arguments, daemon=True)
    server.start()
    port = here.recv()
    starts = [f"http://{address(number)}:{port}/column/" for number in range(options.hosts)]
    try:
        return measure(options, starts, pages)
    finally:
        server.kill()


def measure(options: argparse.Namespace, starts: list[str], pages: int) -> int:
    """Both commands in turn, and what came of it."""
    here = [sys.executable, "-m", "columnarchive"]
    peers = {"text alone": "", "with title and date": "metadata"}
    has_peer = subprocess.run(
        [options.peer_python, "-c", "import scrapy, trafilatura"], capture_output=True, check=False
    ).returncode == 0  # fmt: skip
    if not has_peer:
        print(f"Scrapy and trafilatura are not installed for {options.peer_python}, so ours is measured alone.")
        peers = {}
    taken: dict[str, list[float]] = {"ours": [], **{name: [] for name in peers}}
    for _ in range(1 if options.profile else options.rounds):
        with tempfile.TemporaryDirectory(prefix="columnarchive-") as name:
            folder = Path(name)
            if options.profile:
                here = [sys.executable, "-m", "cProfile", "-o", str(options.profile), "-m", "columnarchive"]
            archive = folder / "ours.db"
            crawl = [*here, "--db", archive, "crawl", *starts, "--allow-private", "--delay", "0"]
            taken["ours"].append(spent(crawl, folder) / pages * 1000)
            articles = count(archive, "select count(*) from articles")
            if articles != pages - options.hosts:
                raise SystemExit(f"Ours has {articles} articles, {pages - options.hosts} were served.")
            for peer, mode in () if options.profile else peers.items():
                path = folder / f"peer{mode}.db"
                taken[peer].append(spent([options.peer_python, SPIDER, path, mode, *starts], folder) / pages * 1000)
                stored = count(path, "select count(*) from pages where text <> ''")
                if stored < pages - options.hosts:
                    raise SystemExit(f"The peer has {stored} texts of {pages} pages.")
    found = {name: statistics.median(values) for name, values in taken.items() if values}
    for name, value in found.items():
        print(f"{'Scrapy + trafilatura, ' if name != 'ours' else ''}{name:20} {value:7.2f} ms CPU a page")
    for name in found.keys() - {"ours"}:
        print(f"ours to {name}: 1/{found[name] / found['ours']:.1f} (floor 1/{1 / FLOOR:.0f})")
    judged = found.get("with title and date")
    return 1 if judged and found["ours"] > FLOOR * judged else 0


if __name__ == "__main__":
    sys.exit(main())
