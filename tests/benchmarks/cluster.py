"""Derivation on a Dask cluster of loopback beside local worker processes: the same rows, and how fast.

    python tests/benchmarks/cluster.py [PAGES] [--workers 3] [--kill-every 20]

Makes an archive of the measuring data's sites and histories and of PAGES made-up pages (20,000), derives it with local
processes, on a cluster, and on a cluster of which a worker is killed every so many seconds, and compares all derived
rows by natural keys. Local and cluster runs alternate. Extra `dask`. Floors: no row differs; a version costs the
cluster, with its scheduler and what it sends, at most 1 / 0.8 of the CPU that it costs local processes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import distributed
import psutil
from storage import made_up, quiet, sets

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import clinic

from columnarchive.exchange.warc_writer import write
from columnarchive.pipeline import import_warc
from columnarchive.pipeline.derive import derive, workers
from columnarchive.store.database import Database

FLOOR = 0.8


def make(path: Path, pages: int, folder: Path) -> int:
    """Write the archive; return its number of versions."""
    warc = folder / "pages.warc.gz"
    write(warc, made_up(pages), "benchmark")
    with Database.open(path) as db:
        import_warc.import_files(db, [warc, *(one.warc for one in sets(folder))], None, quiet)
        return int(db.conn.execute("select count(*) from bodies").fetchone()[0])


def cpu() -> float:
    """Seconds of CPU of this process and of all that it started."""
    own = psutil.Process()
    return sum(sum(one.cpu_times()[:4]) for one in (own, *own.children(recursive=True)))


def derived(path: Path, spec: str) -> tuple[str, float, float]:
    """Derive everything again: a digest of the rows, seconds, and seconds of CPU."""
    with Database.open(path) as db:
        begun, before = time.monotonic(), cpu()
        with workers(spec) as pool:
            done = derive(db, force=True, pool=pool)
            spent = cpu() - before
        taken = time.monotonic() - begun
        failed = [one for one in done if one.error]
        if failed:
            raise SystemExit(f"not derived: {failed[:3]}")
        return hashlib.sha256(clinic.as_text(clinic.state(db)).encode()).hexdigest(), taken, spent


def cluster(size: int) -> Any:
    """A scheduler and so many worker processes on loopback."""
    return distributed.LocalCluster(
        n_workers=size, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    )


def spec_of(members: Any) -> str:
    """What `--workers` takes."""
    return str(members.scheduler_address).replace("tcp://", "dask://")


def kill_workers(cluster: Any, every: float, ended: threading.Event, killed: list[int]) -> None:
    """Kill a random worker every so many seconds; its nanny starts another."""
    while not ended.wait(every):
        pid = random.choice([one.pid for one in cluster.workers.values() if one.pid])
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)


def main() -> int:
    """Run all three, print, and return 1 when a floor is not met."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pages", nargs="?", type=int, default=20_000)
    options.add_argument("--workers", type=int, default=3)
    options.add_argument("--kill-every", type=float, default=20.0)
    options.add_argument("--rounds", type=int, default=2, help="of local and cluster runs")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.db"
        versions = make(source, given.pages, folder)
        print(f"{versions} versions of pages", flush=True)
        digests: dict[str, set[str]] = {}
        costs: dict[str, list[float]] = {}

        def run(kind: str, spec: str) -> None:
            path = folder / "copy.db"
            shutil.copy(source, path)
            digest, taken, spent = derived(path, spec)
            digests.setdefault(kind, set()).add(digest)
            costs.setdefault(kind, []).append(spent / versions * 1000)
            print(f"{kind:28} {versions / taken:6.0f} versions/s, {costs[kind][-1]:.1f} ms CPU each", flush=True)

        # Idle members of a cluster poll: it runs only while it is measured.
        for _ in range(given.rounds):
            run("local processes", str(given.workers))
            with cluster(given.workers) as members:
                run("cluster", spec_of(members))
        with cluster(given.workers) as members:
            ended, killed = threading.Event(), list[int]()
            killer = threading.Thread(target=kill_workers, args=(members, given.kill_every, ended, killed))
            killer.start()
            run("cluster, workers killed", spec_of(members))
            ended.set()
            killer.join()
            print(f"{len(killed)} workers killed")
    differ = [kind for kind, found in digests.items() if found != digests["local processes"]]
    ratio = statistics.median(costs["local processes"]) / statistics.median(costs["cluster"])
    print(f"rows that differ: {', '.join(differ) or 'none'}; cluster to local {ratio:.2f} (floor {FLOOR})")
    return int(bool(differ) or len(digests["local processes"]) > 1 or ratio < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
