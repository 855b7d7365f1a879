"""Derivation on a Dask cluster of loopback: the rows of a local run, also when workers are lost or cannot be had."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import clinic
import evidence
import pytest

from columnarchive.errors import UsageError
from columnarchive.pipeline.derive import derive, workers
from columnarchive.store.database import Database

distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
dask = pytest.importorskip("dask")
SITES = 6


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


def filled(path: Path) -> Database:
    """An archive of several sites, of which one has a page that ends each process that reads it."""
    db = Database.open(path)
    for number in range(SITES):
        host = f"clinic{number}.example"
        found = [
            replace(
                one,
                url=one.url.replace("clinic.example", host),
                final_url=one.final_url.replace("clinic.example", host),
            )
            for one in evidence.site(4, 3)
        ]
        evidence.fill(db, found, host)
    clinic.add(db, list(clinic.captured()))
    return db


def derived(path: Path, spec: str, meanwhile: threading.Timer | None = None) -> str:
    with filled(path) as db, workers(spec) as pool:
        if meanwhile:
            meanwhile.start()
        done = derive(db, force=True, pool=pool)
        assert [one.error for one in done] == [None] * (SITES + 1)
        return clinic.as_text(clinic.state(db))


@pytest.mark.slow
def test_a_cluster_derives_what_local_processes_derive(tmp_path: Path, cluster: Any) -> None:
    address = cluster.scheduler_address.replace("tcp://", "dask://")
    local = derived(tmp_path / "local.db", "1")
    assert derived(tmp_path / "cluster.db", address) == local

    def lose_one() -> None:
        pids = [one.pid for one in cluster.workers.values()]
        os.kill(pids[0], signal.SIGKILL)

    assert derived(tmp_path / "lost.db", address, threading.Timer(2.0, lose_one)) == local


@pytest.mark.parametrize("spec", ["0", "many", "dask://127.0.0.1:1", "-1", "1001"])
def test_workers_that_cannot_be_had_are_one_sentence(spec: str) -> None:
    timeout = dask.config.set({"distributed.comm.timeouts.connect": "2s"})
    with timeout, pytest.raises(UsageError), workers(spec):
        pass
