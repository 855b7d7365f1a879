#!/usr/bin/env python3
"""CPU and bytes of a visit that finds nothing new, beside urlwatch and changedetection.io.

    revisit.py [--hosts 20] [--columns 50] [--rounds 3] [--peer-python PYTHON]

A server in a process of its own plays made-up clinic sites on as many addresses of 127/8 (Linux), with an ETag for each
page, and answers 304 to who asks for it. All visit all pages once; then again, nothing having changed, and the CPU of
that run (user and system, with all processes it started) beyond start-up is divided by the columns. Start-up is the
same command over a site of one column. The runs alternate; medians count. urlwatch, a list of addresses with a text
filter, and changedetection.io, a folder of watches for its own workers (`peer_changedetection.py`), are looked for in
the interpreter `--peer-python` (extra `peers`). Bytes: what a visit adds to the archive's file.

Aim: at most 1.2 times the cheaper peer, 5 ms a column, 400 bytes a 304.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import multiprocessing
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from clinics import Clinic
from end_to_end import address, spent


class _Answer(asyncio.Protocol):
    """Pages with an ETag; 304 to whoever has it."""

    def __init__(self, pages: dict[bytes, tuple[bytes, bytes]]) -> None:
        self.pages = pages
        self.waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self.waiting = (self.waiting + data).split(b"\r\n\r\n")
        for request in requests:
            tag, page = self.pages.get(request.split(b" ", 2)[1], (b"", b""))
            if not page:
                answer = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"
            elif tag in request:
                answer = b"HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nETag: " + tag + b"\r\n\r\n"
            else:
                answer = (
                    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\n"
                    b"Content-Encoding: gzip\r\nETag: %b\r\nContent-Length: %d\r\n\r\n%b" % (tag, len(page), page)
                )
            self.transport.write(answer)  # type: ignore[attr-defined]


def serve(hosts: int, columns: int, pipe: Connection) -> None:
    """Answer for all hosts, and one more of a single column, until killed; send the port and the hosts' addresses."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        port, urls = 0, []
        for number in range(hosts + 1):
            pages: dict[bytes, tuple[bytes, bytes]] = {}
            server = await loop.create_server(lambda pages=pages: _Answer(pages), address(number), port)
            port = server.sockets[0].getsockname()[1]
            origin = f"http://{address(number)}:{port}"
            for path, page in Clinic(number, origin, columns if number < hosts else 1).pages.items():
                tag = f'"{hashlib.sha256(page.encode()).hexdigest()[:24]}"'.encode()
                pages[path.encode()] = tag, gzip.compress(page.encode())
                urls += [origin + path] if number < hosts else []
        pipe.send((port, urls))
        await asyncio.Event().wait()

    asyncio.run(run())


class Ours:
    """`archive crawl` over all sites."""

    def __init__(self, folder: Path, starts: Sequence[str], single: str) -> None:
        self.folder, self.archive = folder, folder / "archive.db"
        self.starts, self.single = starts, single
        self.bytes: list[float] = []
        self.start_up()
        self._crawl(self.archive, starts)

    def _crawl(self, archive: Path, starts: Sequence[str]) -> float:
        command = [sys.executable, "-m", "columnarchive", "--db", archive, "crawl", *starts]
        return spent([*command, "--allow-private", "--delay", "0", "--all"], self.folder)

    def start_up(self) -> float:
        """Seconds of CPU of a crawl of one column."""
        return self._crawl(self.folder / "single.db", [self.single])

    def visit(self) -> float:
        """Seconds of CPU of a crawl; the bytes a 304 adds are noted."""
        before = self._counts()
        seconds = self._crawl(self.archive, self.starts)
        after = self._counts()
        self.bytes.append((after[0] - before[0]) / (after[1] - before[1]))
        return seconds

    def _counts(self) -> tuple[int, int]:
        with sqlite3.connect(self.archive) as conn:
            conn.execute("pragma wal_checkpoint(truncate)")
            pages = conn.execute("select page_count * page_size from pragma_page_count, pragma_page_size").fetchone()[0]
            return pages, conn.execute("select count(*) from captures").fetchone()[0]


class Urlwatch:
    """`urlwatch` over a list of addresses."""

    def __init__(self, folder: Path, python: str, urls: Sequence[str], single: str) -> None:
        self.folder, self.python = folder, python
        for name, wanted in (("urls.yaml", urls), ("single.yaml", [single])):
            jobs = [json.dumps({"url": url, "filter": ["html2text"]}) for url in wanted]
            (folder / name).write_text("\n---\n".join(jobs))
        (folder / "urlwatch.yaml").write_text("report: {stdout: {enabled: false}}\n")
        self.start_up()
        self.visit()

    def _run(self, urls: str, cache: str) -> float:
        files = {"urls": urls, "cache": cache, "config": "urlwatch.yaml", "hooks": "no-hooks.py"}
        given = [word for name, file in files.items() for word in (f"--{name}", self.folder / file)]
        return spent([self.python, "-c", "from urlwatch.cli import main; main()", *given], self.folder)

    def start_up(self) -> float:
        """Seconds of CPU with one column to visit."""
        return self._run("single.yaml", "single.db")

    def visit(self) -> float:
        """Seconds of CPU of a run over all addresses."""
        return self._run("urls.yaml", "cache.db")


class ChangeDetection:
    """The workers of changedetection.io over a folder of watches."""

    def __init__(self, folder: Path, python: str, urls: Sequence[str], single: str) -> None:
        self.folder, self.python = folder, python
        self.urls, self.single = urls, single
        self.start_up()
        self.visit()

    def _run(self, store: str, urls: Sequence[str]) -> float:
        script = Path(__file__).with_name("peer_changedetection.py")
        return spent([self.python, script, self.folder / store, *urls], self.folder)

    def start_up(self) -> float:
        """Seconds of CPU with one column to visit."""
        return self._run("single", [self.single])

    def visit(self) -> float:
        """Seconds of CPU of a run over all watches."""
        return self._run("store", self.urls)


PEERS = {"urlwatch": Urlwatch, "changedetectionio": ChangeDetection}
"""What visits the same pages, by the name of its package."""


def main() -> int:
    """Measure, print, and return 1 when the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--columns", type=int, default=50, help="columns on each host, beside its listings")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable)
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    arguments = (options.hosts, options.columns, there)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=arguments, daemon=True)
    server.start()
    port, urls = here.recv()
    try:
        with tempfile.TemporaryDirectory(prefix="columnarchive-") as name:
            return measure(options, port, urls, Path(name))
    finally:
        server.kill()


def measure(options: argparse.Namespace, port: int, urls: Sequence[str], folder: Path) -> int:
    """All programs in turn, and what came of it."""
    *starts, single = [f"http://{address(number)}:{port}/column/" for number in range(options.hosts + 1)]
    for name in ("ours", *PEERS):
        (folder / name).mkdir()
    ours = Ours(folder / "ours", starts, single)
    programs: dict[str, Ours | Urlwatch | ChangeDetection] = {"ours": ours}
    for name, peer in PEERS.items():
        imported = subprocess.run([options.peer_python, "-c", f"import {name}"], capture_output=True, check=False)
        if imported.returncode == 0:
            programs[name] = peer(folder / name, options.peer_python, urls, single)
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(options.rounds):
        for name, program in programs.items():
            start_up = program.start_up()
            taken[name].append((program.visit() - start_up) / (options.hosts * options.columns) * 1000)
            print(f"{name}: start-up {start_up:.2f} s, then {taken[name][-1]:.2f} ms CPU a column")
    medians = {name: statistics.median(found) for name, found in taken.items()}
    size = statistics.median(ours.bytes)
    print(", ".join(f"{name} {found:.2f} ms a column" for name, found in medians.items()))
    print(f"ours: {size:.0f} bytes a 304 on {len(urls)} pages")
    cheaper = min((found for name, found in medians.items() if name != "ours"), default=5.0)
    return int(medians["ours"] > min(5.0, 1.2 * cheaper) or size > 400)


if __name__ == "__main__":
    sys.exit(main())
