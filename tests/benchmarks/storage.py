"""Bytes a capture and time a read, on the measuring data; import, rebuild and check of 100,000 made-up captures.

python tests/benchmarks/storage.py bytes      one table: ours, WARC.gz, git packs, plain zstd
python tests/benchmarks/storage.py reads      CPU time of random reads, by depth
python tests/benchmarks/storage.py scale [N]  N captures over 200 sites: import, rebuild, check; memory held at once
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from columnarchive.store import blobs

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from evidence import at, capture, page  # noqa: E402

from columnarchive.exchange.warc_reader import read  # noqa: E402
from columnarchive.exchange.warc_writer import WarcEntry, write  # noqa: E402
from columnarchive.pipeline import derive, import_warc, integrity  # noqa: E402
from columnarchive.records import Capture  # noqa: E402
from columnarchive.store.database import Database  # noqa: E402

CORPUS = ROOT.parent / "shared/corpus"
EVIDENCE_TABLES = ("captures", "bodies", "pages", "chain", "withdrawals", "sites")


def quiet(*_: object) -> None:
    """A report that says nothing."""


@dataclass(frozen=True, slots=True)
class Set:
    """Some captures in order of time, and their WARC file."""

    name: str
    captures: list[Capture]
    warc: Path


def sets(folder: Path) -> Iterator[Set]:
    """The saved sites as first captures, and the real histories."""
    for site in sorted((CORPUS / "sites").iterdir()):
        files = sorted(path for path in site.rglob("*") if path.suffix in (".html", ".htm"))
        random.Random(1).shuffle(files)
        found = [
            capture(f"http://{site.name}/{path.relative_to(site)}", at(0, second), path.read_bytes())
            for second, path in enumerate(files)
        ]
        warc = folder / f"{site.name}.warc.gz"
        write(warc, [WarcEntry(each, each.body_sha256) for each in found], "benchmark")
        yield Set(f"{site.name}, first captures", found, warc)
    for warc in sorted((CORPUS / "revisions").glob("*.warc.gz")):
        found = sorted((item for item in read(warc) if isinstance(item, Capture)), key=lambda item: item.fetched_at)
        yield Set(f"{warc.name.split('.')[0]}, history", found, warc)


def ours(one: Set, folder: Path) -> tuple[int, int]:
    """Bytes of the stored frames, and of all tables and indexes that hold evidence."""
    with Database.open(folder / f"{one.warc.name}.db") as db:
        import_warc.import_files(db, [one.warc], None, quiet)
        (frames,) = db.conn.execute("select sum(length(data)) from bodies").fetchone()
        marks = ", ".join("?" * len(EVIDENCE_TABLES))
        (rows,) = db.conn.execute(
            f"select sum(pgsize - unused) from dbstat join sqlite_master using (name) where tbl_name in ({marks})",
            EVIDENCE_TABLES,
        ).fetchone()
    return frames, rows


def git_pack(one: Set, folder: Path) -> int:
    """Bytes of a git pack with one commit per time, packed as hard as usual advice has it."""
    repository = folder / f"{one.warc.name}.git"
    stream = bytearray()
    for number, each in enumerate(one.captures):
        body, name = each.body or b"", each.url.split("/", 3)[3].replace(" ", "_") or "index"
        stream += b"commit refs/heads/main\ncommitter a <a@b.example> %d +0000\ndata 0\n" % (1_700_000_000 + number)
        stream += b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(body), body)
    git = ["git", "-C", str(repository)]
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True)
    subprocess.run([*git, "fast-import", "--quiet"], input=bytes(stream), check=True)
    subprocess.run([*git, "gc", "-q", "--aggressive", "--prune=now"], check=True, capture_output=True)
    return sum(path.stat().st_size for path in (repository / "objects/pack").glob("*.pack"))


def measure_bytes() -> None:
    """Print the table of bytes a capture."""
    print(f"{'':38}{'captures':>9}{'WARC.gz':>9}{'zstd -9':>9}{'git':>7}{'frames':>8}{'rows':>7}{'WARC/frames':>13}")
    totals = {"first": [0, 0], "history": [0, 0]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in sets(folder):
            count, packer = len(one.captures), zstandard.ZstdCompressor(level=9)
            warc = one.warc.stat().st_size
            plain = sum(len(packer.compress(each.body or b"")) for each in one.captures)
            frames, rows = ours(one, folder)
            pack = git_pack(one, folder)
            total = totals["history" if one.name.endswith("history") else "first"]
            total[0] += warc
            total[1] += frames
            each = [f"{value / count:>{width}.0f}" for value, width in
                    ((warc, 9), (plain, 9), (pack, 7), (frames, 8), (rows, 7))]  # fmt: skip
            print(f"{one.name:38}{count:>9}{''.join(each)}{warc / frames:>12.1f}×")
    for kind, (warc, frames) in totals.items():
        print(f"{'all, ' + kind:38}{'':>49}{warc / frames:>12.1f}×")


READ = 0.5
"""The most milliseconds that a random read may take on average."""


def measure_reads() -> int:
    """Print the CPU time of random reads of the histories; 1 when it is more than it may be."""
    with tempfile.TemporaryDirectory() as name, Database.open(Path(name) / "a.db") as db:
        import_warc.import_files(db, sorted((CORPUS / "revisions").glob("*.warc.gz")), None, quiet)
        rows = db.conn.execute("select sha256, depth from bodies").fetchall() * 3
        random.Random(1).shuffle(rows)
        spent: list[tuple[float, int]] = []
        for sha256, depth in rows:
            begun = time.process_time_ns()
            blobs.read(db, sha256)
            spent.append(((time.process_time_ns() - begun) / 1e6, depth))
        every = sorted(one for one, _ in spent)
        mean = sum(every) / len(every)
        print(
            f"a read: mean {mean:.3f} ms, median {every[len(every) // 2]:.3f}, 95 % {every[len(every) * 95 // 100]:.3f}"
        )
        for low, high in ((0, 3), (4, 7), (8, 11), (12, 14)):
            part = sorted(one for one, depth in spent if low <= depth <= high)
            print(f"  with {low}–{high} bases: {len(part)} reads, median {part[len(part) // 2]:.3f} ms")
        return int(mean > READ)


def made_up(count: int) -> Iterator[WarcEntry]:
    """`count` captures over 200 sites of 100 pages, one visit to each page a day."""
    sites, pages = 200, 100
    for number in range(count):
        host, place, visit = f"clinic{number % sites}.example", number // sites % pages, number // (sites * pages)
        body = page(place, version_of(place, visit), host)
        one = capture(f"https://{host}/column/{place}/", at(visit, number // sites % 3600), body)
        yield WarcEntry(one, one.body_sha256)


def version_of(place: int, visit: int) -> int:
    """A tenth of the pages change at each visit."""
    return visit if place % 10 == 0 else 0


class Memory:
    """The most this process and its descendants held at once, in MB, while it runs: sampled by a thread of its own.

    `shared_once` counts a page that several hold once (PSS), `each` as often as it is held (RSS).
    """

    def __init__(self) -> None:
        self.shared_once = self.each = 0.0
        self.then: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> str:
        """End it; what it saw in a few words."""
        self._over.set()
        self._thread.join()
        parts = " + ".join(f"{one:.0f}" for one in self.then)
        return f"at once {self.shared_once:.0f} MB ({parts}), {self.each:.0f} with what is shared counted each time"

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            held = [one for pid in family() if (one := holding(pid))]
            if sum(pss for pss, _ in held) > self.shared_once:
                self.then = [pss for pss, _ in held]
                self.shared_once = sum(self.then)
            self.each = max(self.each, sum(rss for _, rss in held))


def family(pid: int = 0) -> list[int]:
    """A process, by default this one, and its descendants."""
    found = [pid or os.getpid()]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # It has ended.
                found += map(int, children.read_text().split())
    return found


def holding(pid: int) -> tuple[float, float] | None:
    """MB that a process holds, with its share of what others hold too, and with all of that; None when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return None
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    return sizes["Pss"], sizes["Rss"]


class Stage:
    """Time, CPU of this process and its workers, and memory of one part of the work, told at its end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._memory = Memory()
        self._begun = time.monotonic()
        self._spent = cpu()

    def done(self, number: int, unit: str, more: str = "") -> None:
        """Print what `number` units took; the load says how much of the machine was others'."""
        wall = time.monotonic() - self._begun
        own, workers = (now - before for now, before in zip(cpu(), self._spent, strict=True))
        print(
            f"{self._name}: {number / wall:.0f} {unit}/s; CPU ms each {own / number * 1e3:.2f} here,",
            f"{workers / number * 1e3:.2f} in workers; load {os.getloadavg()[0]:.1f}; {self._memory.stop()}{more}",
            flush=True,
        )


def cpu() -> tuple[float, float]:
    """Seconds of CPU so far, of this process and of its children that have ended."""
    return tuple(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # type: ignore[return-value]


def measure_scale(count: int) -> None:
    """Import, rebuild and check a large made-up archive."""
    with tempfile.TemporaryDirectory() as name:
        warc, path = Path(name) / "all.warc.gz", Path(name) / "archive.db"
        write(warc, made_up(count), "benchmark")
        print(f"{count} captures made, {warc.stat().st_size / 1e6:.0f} MB of WARC.gz", flush=True)
        with Database.open(path) as db:
            stage = Stage("import")
            summary = import_warc.import_files(db, [warc], None, quiet)
            stage.done(summary.added, "captures")
            stage = Stage("rebuild")
            derive.derive(db, force=True)
            (pages,) = db.conn.execute("select count(*) from pages").fetchone()
            (found,) = db.conn.execute("select count(*) from bodies").fetchone()
            stage.done(found, "versions", f"; {pages} pages")
        with Database.open(path, write=False) as db:
            stage = Stage("check")
            problems = integrity.check(db, None, False, quiet)
            stage.done(count, "captures", f"; {len(problems)} problems")
        print(f"file {path.stat().st_size / 1e6:.0f} MB")


def main() -> int:
    """Run the part that is named; 1 when a floor is not met."""
    what = sys.argv[1] if len(sys.argv) > 1 else "bytes"
    if what == "scale":
        measure_scale(int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
    elif what == "reads":
        return measure_reads()
    else:
        measure_bytes()
    return 0


if __name__ == "__main__":
    sys.exit(main())
