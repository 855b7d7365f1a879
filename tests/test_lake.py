"""The partitioned dataset, and the example that asks it with three engines: what SQL on the archive gives."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import clinic
import clinic_archive
import pytest
from reading import opened

from columnarchive.errors import UsageError
from columnarchive.pipeline import withdrawal
from columnarchive.pipeline.export import ExportRequest, export
from columnarchive.records import Capture
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database

pytest.importorskip("pyarrow", reason="needs the extra `formats`")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "lake.py"
OTHER = "https://midori-clinic.example:8443"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clinics with the same columns, of which one has a port in its name."""
    path = tmp_path_factory.mktemp("lake") / "archive.db"
    with Database.open(path) as db:
        found = list(clinic.captured())
        clinic.add(db, found)
        with db.transaction() as conn:
            site = sites.ensure_site(db, OTHER.removeprefix("https://"), "")
            moved = [moved_to_other(one) for one in found if "/column/" in one.url]
            ids = [captures.add(db, sites.ensure_page(db, site, one.url), one) for one in moved]
            hash_chain.seal(conn, found[-1].fetched_at, "crawl", [one for one in ids if one])
        clinic_archive.derive_here(db)
    return path


def moved_to_other(capture: Capture) -> Capture:
    body = capture.body.replace(clinic.HOST.encode(), OTHER.encode()) if capture.body is not None else None
    url = capture.url.replace(clinic.HOST, OTHER)
    return replace(capture, url=url, final_url=url, body=body)


def exported(path: Path, out: Path, **more: object) -> dict[str, object]:
    with opened(path) as conn:
        return dict(export(conn, ExportRequest("parquet", out, partitioned=True, **more)).values)  # type: ignore[arg-type]


def expected(path: Path) -> str:
    """The lines of the example, by SQL on the archive."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        labels = conn.execute(
            """select substr(seen_at, 1, 7), value, count(*) from changes, json_each(labels)
               group by 1, 2 order by 1, 2"""
        ).fetchall()
        copies = conn.execute(
            """select new_text, count(distinct site) as n from edits join changes on changes.id = change_id
               join articles on articles.id = article_id where op = 'added' group by 1 having n > 1 order by 1"""
        ).fetchall()
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [("month", "label", "changes"), *labels, ("added", "sites"), *copies]
    )
    assert len(labels) > 10
    assert len(copies) > 3
    return out.getvalue()


@pytest.mark.parametrize("engine", ["duckdb", "polars", "dask"])
def test_each_engine_gives_what_sql_on_the_archive_gives(path: Path, tmp_path: Path, engine: str) -> None:
    pytest.importorskip({"dask": "dask.dataframe"}.get(engine, engine))
    exported(path, tmp_path / "lake")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path / "lake"), engine], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected(path)


def test_only_what_differs_is_written_and_what_is_gone_is_removed(path: Path, tmp_path: Path) -> None:
    mine, lake = clinic_archive.copied(path, tmp_path / "a.db"), tmp_path / "lake"
    first = exported(mine, lake)
    assert first["written"] == first["files"] > 10
    assert {one.name for one in (lake / "changes").iterdir()} == {
        f"site={clinic.SITE}", "site=midori-clinic.example%3A8443"
    }  # fmt: skip
    before = {one: one.stat().st_mtime_ns for one in lake.rglob("*.parquet")}
    again = exported(mine, lake)
    assert (again["written"], again["removed"], again["rows"]) == (0, 0, first["rows"])
    note = lake / "changes" / "notes.txt"
    note.write_text("a note of somebody")
    with Database.open(mine) as db:
        url = db.conn.execute("select url from articles where site like 'midori%' and revisions = 2").fetchone()[0]
        withdrawal.withdraw(db, url, "", "request of the person named", lambda _: clinic_archive.derive_here(db))
    third = exported(mine, lake)
    assert 0 < third["written"] + third["removed"] < first["files"]  # type: ignore[operator]
    after = {one: one.stat().st_mtime_ns for one in lake.rglob("*.parquet")}
    same = [one for one in after if before.get(one) == after[one]]
    assert any(clinic.SITE in str(one) for one in same)
    assert all(clinic.SITE in str(one) or "midori" in str(one) for one in same)
    text = json.dumps([str(path) for path in after])
    assert "month=" in text
    assert note.exists()
    shutil.rmtree(tmp_path / "lake")
    alone = exported(mine, lake, site=clinic.SITE)
    assert not list(lake.glob("*/site=midori*"))
    assert alone["files"] == len(list(lake.rglob("*.parquet")))


def test_other_formats_are_not_partitioned(path: Path, tmp_path: Path) -> None:
    with opened(path) as conn, pytest.raises(UsageError, match="parquet"):
        export(conn, ExportRequest("csv", tmp_path / "x", partitioned=True))
