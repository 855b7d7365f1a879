"""A large archive in practice: what commands, searches, exports and a crawl cost on it.

    python tests/benchmarks/scale.py [ARTICLES] [--archive FILE] [--only PART ...]

Makes an archive of a million articles (as `browsing.py` makes it: real sentences, several revisions, observations) or
takes the one that --archive names, and prints

    open      milliseconds of CPU to open the file and to read one article
    commands  CPU beyond `archive --version`, and peak memory, of commands in processes of their own
    search    CPU milliseconds of a query, by kinds of queries
    crawl     CPU a page of a crawl of new sites into this archive and into an empty one, alternated
    exports   CPU and peak memory of each format, in a process of its own
    check     the same of `archive check`

Pages of the browser: `browsing.py --keep FILE`. The archive is changed by `crawl`, which adds the crawled sites.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import browsing
from end_to_end import address, count, serve, spent
from search import classes, measure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from test_search_truth import Row

from columnarchive import Reader

ARCHIVE = [sys.executable, "-m", "columnarchive"]
WITH_PEAK = """
import atexit, re, sys
from columnarchive.cli.main import main
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr))
main()
"""
FORMATS = ("jsonl", "csv", "parquet", "atom", "markdown", "sqlite", "warc")
COMMANDS = (
    ["status"],
    ["sites"],
    ["changes", "--since", "WEEK"],
    ["changes", "--site", "clinic7-1.example"],
    ["history", "https://clinic7-1.example/column/00007/"],
    ["show", "https://clinic7-1.example/column/00007/"],
    ["search", "幹細胞"],
    ["observations", "--missing", "risks", "--json"],
    ["observations", "clinic7-1.example"],
    ["copies", "--limit", "20"],
)
COLUMNS = 49


def usage(*words: str | Path) -> tuple[float, float]:
    """Seconds of CPU of `archive WORDS` with the processes it started, and the peak megabytes of itself (Linux)."""
    command = [sys.executable, "-c", WITH_PEAK, *map(str, words)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert running.stderr
    *complaint, peak = running.stderr.read().splitlines() or ["0"]
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode not in (0, 1) or not peak.isdecimal():
        raise SystemExit(f"{words} ended with {running.returncode}:\n{complaint[-20:]} {peak}")
    return used.ru_utime + used.ru_stime, int(peak) / 1024


def measure_open(path: Path) -> None:
    """CPU of opening the file, and of reading one article."""
    times: dict[str, list[float]] = {"open": [], "and one article": []}
    for _ in range(9):
        begun = time.process_time()
        with Reader.open(path) as reader:
            opened = time.process_time()
            reader.article("https://clinic7-1.example/column/00007/")
            times["and one article"].append((time.process_time() - begun) * 1000)
        times["open"].append((opened - begun) * 1000)
    for name, found in times.items():
        print(f"{name:50} {statistics.median(found):8.1f} ms CPU", flush=True)


def measure_commands(path: Path) -> None:
    """CPU beyond `archive --version` and peak memory of each command: medians of three; WEEK is the newest one."""
    with sqlite3.connect(path) as conn:
        (week,) = conn.execute("select date(max(seen_at), '-7 days') from changes").fetchone()
    nothing = statistics.median(usage("--version")[0] for _ in range(5))
    for command in COMMANDS:
        words = [week if word == "WEEK" else word for word in command]
        runs = [usage("--db", path, *words) for _ in range(3)]
        seconds, peak = (statistics.median(one) for one in zip(*runs, strict=True))
        print(f"{' '.join(command):50} {(seconds - nothing) * 1000:8.0f} ms CPU {peak:6.0f} MB", flush=True)


def measure_search(path: Path) -> None:
    """CPU of ranked searches by kinds of queries, as `search.py` makes them of some of the articles."""
    with sqlite3.connect(path) as conn:
        (last,) = conn.execute("select max(id) from articles").fetchone()
        sql = "select id, title, text, removed_text, published_on from articles where id >= ? limit 1"
        found = [conn.execute(sql, (random.Random(n).randrange(last),)).fetchone() for n in range(300)]
    rows = [Row(*one) for one in found]
    with Reader.open(path) as reader:
        for name, queries in classes(rows).items():
            figures = measure(queries, reader.search)
            print("{:50} {:8.1f} ms CPU, p95 {:.1f}, worst {:.1f}".format(f"search, {name}", *figures), flush=True)


def measure_crawl(path: Path) -> None:
    """CPU a page of crawling two new sites into this archive and into an empty one, three times each."""
    hosts = 6
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(hosts, COLUMNS, None, there), daemon=True)
    server.start()
    port = here.recv()
    taken: dict[str, list[float]] = {"this archive": [], "an empty archive": []}
    try:
        with tempfile.TemporaryDirectory() as name:
            for round in range(3):
                starts = [f"http://{address(round * 2 + number)}:{port}/column/" for number in range(2)]
                for kind, archive in (("this archive", path), ("an empty archive", Path(name) / f"{round}.db")):
                    crawl = [*ARCHIVE, "--db", archive, "crawl", *starts, "--allow-private", "--delay", "0"]
                    taken[kind].append(spent(crawl, Path(name)) / (2 * (COLUMNS + 1)) * 1000)
    finally:
        server.kill()
    for kind, found in taken.items():
        print(f"{'crawl into ' + kind:50} {statistics.median(found):8.1f} ms CPU a page", flush=True)


def measure_exports(path: Path) -> None:
    """CPU and peak memory of each format."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for format in FORMATS:
            out = Path(folder) / f"out-{format}"
            seconds, peak = usage("--db", path, "export", format, out)
            print(f"{'export ' + format:50} {seconds:8.1f} s CPU {peak:6.0f} MB", flush=True)
            shutil.rmtree(out, ignore_errors=True)
            out.unlink(missing_ok=True)


def measure_check(path: Path) -> None:
    """CPU and peak memory of `archive check`."""
    seconds, peak = usage("--db", path, "check")
    print(f"{'check':50} {seconds:8.1f} s CPU {peak:6.0f} MB", flush=True)


PARTS = {
    "open": measure_open,
    "commands": measure_commands,
    "search": measure_search,
    "exports": measure_exports,
    "check": measure_check,
    "crawl": measure_crawl,
}


def main() -> None:
    """Make the archive and measure the parts."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("articles", nargs="?", type=int, default=1_000_000)
    options.add_argument("--archive", type=Path, help="where the archive is, or is to be left")
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.archive or Path(folder) / "archive.db"
        if not path.exists():
            begun = time.monotonic()
            browsing.make(path, given.articles)
            cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            print(f"made in {time.monotonic() - begun:.0f} s, {cpu:.0f} s of CPU")
        articles = count(path, "select count(*) from articles")
        print(f"{articles} articles, {path.stat().st_size / 1e9:.1f} GB, load {os.getloadavg()[0]:.1f}", flush=True)
        for part in given.only:
            PARTS[part](path)


if __name__ == "__main__":
    main()
