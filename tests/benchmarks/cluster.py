"""Derivation on a Dask cluster of loopback beside local worker processes: the same rows, and how fast.

    python tests/benchmarks/cluster.py [PAGES] [--workers 3] [--kill-every 20]

Makes an archive of the measuring data's sites and histories and of PAGES made-up pages (20,000), derives it with local
processes, on a cluster, and on a cluster of which a worker is killed every so many seconds, and compares all derived
rows by natural keys. Extra `dask`. Floors: no row differs; the cluster's throughput is at least 0.8 of the local one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import clinic
import distributed
from storage import made_up, quiet, sets

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


def derived(path: Path, spec: str) -> tuple[str, float]:
    """Derive everything again: a digest of the rows, and seconds."""
    with Database.open(path) as db:
        begun = time.monotonic()
        with workers(spec) as pool:
            done = derive(db, force=True, pool=pool)
        taken = time.monotonic() - begun
        failed = [one for one in done if one.error]
        if failed:
            raise SystemExit(f"not derived: {failed[:3]}")
        return hashlib.sha256(clinic.as_text(clinic.state(db)).encode()).hexdigest(), taken


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
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.db"
        versions = make(source, given.pages, folder)
        print(f"{versions} versions of pages", flush=True)
        found: dict[str, tuple[str, float]] = {}

        def run(kind: str, spec: str) -> None:
            path = folder / "copy.db"
            shutil.copy(source, path)
            found[kind] = derived(path, spec)
            print(f"{kind:28} {versions / found[kind][1]:6.0f} versions/s", flush=True)

        run("local processes", str(given.workers))
        with distributed.LocalCluster(
            n_workers=given.workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster:
            spec = str(cluster.scheduler_address).replace("tcp://", "dask://")
            run("cluster", spec)
            ended, killed = threading.Event(), list[int]()
            killer = threading.Thread(target=kill_workers, args=(cluster, given.kill_every, ended, killed))
            killer.start()
            run("cluster, workers killed", spec)
            ended.set()
            killer.join()
            print(f"{len(killed)} workers killed")
    differ = [kind for kind, (digest, _) in found.items() if digest != found["local processes"][0]]
    ratio = found["local processes"][1] / found["cluster"][1]
    print(f"rows that differ: {', '.join(differ) or 'none'}; cluster to local {ratio:.2f} (floor {FLOOR})")
    return int(bool(differ) or ratio < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
