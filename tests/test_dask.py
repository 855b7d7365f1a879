"""The example for Dask: two workers write what one process writes, and what the archive holds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import clinic
import clinic_archive
import pytest

from columnarchive.exchange.warc_writer import WarcEntry, write
from columnarchive.records import Capture

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "dask_warc.py"
OTHER = "https://midori-clinic.example"


def moved(capture: Capture, host: str) -> Capture:
    """The same answer of another host."""
    body = capture.body.replace(clinic.HOST.encode(), host.encode()) if capture.body is not None else None
    url = capture.url.replace(clinic.HOST, host)
    return replace(capture, url=url, final_url=url, body=body)


@pytest.mark.slow
def test_two_workers_write_what_one_process_writes(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("dask.distributed", reason="needs the extra `dask`")
    pyarrow = pytest.importorskip("pyarrow.parquet", reason="needs the extra `dask`")
    found = list(clinic.captured())
    every = sorted([*found, *(moved(one, OTHER) for one in found)], key=lambda one: one.fetched_at)
    files = []
    for number in (0, 1):
        files.append(tmp_path / f"{number}.warc.gz")
        write(files[-1], [WarcEntry(one, one.body_sha256) for one in every[number::2]], "test")
    for workers in ("0", "2"):
        subprocess.run(
            [sys.executable, str(EXAMPLE), str(tmp_path / workers), *map(str, files), "--workers", workers],
            check=True,
            capture_output=True,
        )
    names = {f"{clinic.SITE}.parquet", "midori-clinic.example.parquet"}
    for workers in ("0", "2"):
        assert {path.name for path in (tmp_path / workers).iterdir()} == names
    for name in names:
        assert pyarrow.read_table(tmp_path / "0" / name).equals(pyarrow.read_table(tmp_path / "2" / name))
    rows = pyarrow.read_table(tmp_path / "2" / f"{clinic.SITE}.parquet").to_pylist()
    stored = sqlite3.connect(clinic_archive.path(tmp_path_factory)).execute(
        """select a.url, number, r.first_seen_at, r.last_seen_at, r.title, characters
           from revisions r join articles a on a.id = article_id order by a.url, number"""
    )
    assert [
        (row["url"], row["number"], row["first_seen_at"], row["last_seen_at"], row["title"], len(row["text"]))
        for row in rows
    ] == stored.fetchall()
