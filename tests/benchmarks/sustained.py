"""A crawl of many hosts with real delays, killed half-way and started again: pace, CPU and memory over time (Linux).

    python tests/benchmarks/sustained.py [--hosts 2000] [--columns 28] [--minutes 30] [--delay 2]

A server answers for every host of 127/8 with made-up sites; `archive crawl` visits them all, is killed (SIGKILL) after
half of the time, and the same command goes on. Every ten seconds the memory and CPU of the crawl's processes are noted.
The pace that politeness allows is 64 sites at once, one page each per delay. Floors: 0.9 of that pace, and memory in
the last quarter at most 10 % above that of the second.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from storage import family, holding, page

from columnarchive.pipeline.crawl_plan import SITES_AT_ONCE

TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 10.0


def address(number: int) -> str:
    """The loopback address of a host."""
    return f"127.3.{number // 200}.{number % 200 + 1}"


class Site(asyncio.Protocol):
    """Answers for whatever host is asked: a listing, columns below it, and no other page."""

    columns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        *requests, self.waiting = (self.waiting + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].decode()
            host = self.transport.get_extra_info("sockname")[0]
            found = self._page(host, path)
            status = "200 OK" if found else "404 Not Found"
            head = (
                f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(found)}\r\n\r\n"
            )
            self.transport.write(head.encode() + found)  # type: ignore[attr-defined]

    def _page(self, host: str, path: str) -> bytes:
        name = path.removeprefix("/column/").strip("/")
        if path == "/column/":
            items = "".join(
                f'<li><time>2026年5月{1 + n % 28}日</time><a href="/column/{n}/">{host}のコラム{n}</a></li>'
                for n in range(self.columns)
            )
            return f"<title>コラム</title><h1>コラム</h1><ul>{items}</ul>".encode()
        return page(int(name), 0, host) if path.startswith("/column/") and name.isdecimal() else b""


def serve(columns: int, pipe: Connection) -> None:
    """Answer on all addresses until killed; send the port."""

    async def run() -> None:
        Site.columns = columns
        server = await asyncio.get_running_loop().create_server(Site, "0.0.0.0", 0, backlog=1000)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Sample:
    """What the crawl's processes held and had used at a time."""

    seconds: float
    megabytes: float
    cpu: float


def sample(pid: int, begun: float) -> Sample:
    """Note memory (shared pages counted once) and CPU seconds of a process and its descendants."""
    members = family(pid)
    held = [one for member in members if (one := holding(member))]
    used = 0.0
    for member in members:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        used += sum(map(int, fields[11:13])) / TICKS
    return Sample(time.monotonic() - begun, sum(pss for pss, _ in held), used)


def crawl(command: Sequence[str], seconds: float, log: Path) -> list[Sample]:
    """Run the crawl for so long, then kill it; return the samples."""
    with log.open("ab") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
        begun = time.monotonic()
        found = []
        while time.monotonic() - begun < seconds and running.poll() is None:
            time.sleep(EVERY)
            if running.poll() is None:
                found.append(sample(running.pid, begun))
        running.send_signal(signal.SIGKILL)
        running.wait()
    return found


def captured(path: Path) -> int:
    """Pages that have a capture."""
    with sqlite3.connect(path) as conn:
        return int(conn.execute("select count(distinct page_id) from captures").fetchone()[0])


def main() -> int:
    """Crawl twice, print, and return 1 when a floor is not met."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hosts", type=int, default=2000)
    options.add_argument("--columns", type=int, default=28)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--delay", type=float, default=2.0)
    given = options.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(given.columns, there), daemon=True)
    server.start()
    port = here.recv()
    starts = [f"http://{address(number)}:{port}/column/" for number in range(given.hosts)]
    allowed = SITES_AT_ONCE / given.delay
    print(f"{given.hosts} hosts, {given.columns + 1} pages each; politeness allows {allowed:.0f} pages/s", flush=True)
    missed = False
    try:
        with tempfile.TemporaryDirectory() as name:
            path, log = Path(name) / "archive.db", Path(name) / "crawl.log"
            command = [sys.executable, "-m", "columnarchive", "--db", str(path), "crawl", *starts]
            command += ["--allow-private", "--delay", str(given.delay)]
            before = 0
            for part in ("first half", "after the kill"):
                found = crawl(command, given.minutes * 30, log)
                if len(found) < 4:
                    raise SystemExit(f"The crawl ended at once:\n{log.read_text()[-2000:]}")
                pages = captured(path) - before
                before += pages
                quarter = len(found) // 4
                early, late = (
                    statistics.median(one.megabytes for one in some)
                    for some in (found[quarter : 2 * quarter], found[-quarter:])
                )
                pace, share = pages / found[-1].seconds, found[-1].cpu / found[-1].seconds
                print(
                    f"{part:15} {pace:5.1f} pages/s, {pace / allowed:.2f} of what politeness allows; "
                    f"{share:.2f} of a core; memory {early:.0f} MB, {late:.0f} MB in the last quarter",
                    flush=True,
                )
                missed |= pace < 0.9 * allowed or late > 1.1 * early
            with sqlite3.connect(path) as conn:
                twice = "select count(*) from (select 1 from captures group by page_id having count(*) > 1)"
                print(f"{before} pages captured, {conn.execute(twice).fetchone()[0]} of them twice")
    finally:
        server.kill()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
