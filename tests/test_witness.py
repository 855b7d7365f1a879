"""Whose captures an archive shows: its own, and those of a third party, on pages, sheets, exports and commands."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from urllib.parse import quote

import clinic_archive
import evidence
import pytest
from datasette.app import Datasette
from typer.testing import CliRunner

from columnarchive.archive import Archive, ExportRequest
from columnarchive.cli.app import app
from columnarchive.store import captures, hash_chain, sites
from columnarchive.store.database import Database

URL, OWN = "https://clinic.example/column/1/", "https://clinic.example/column/2/"
THIRD = "wayback:web.archive.org"


def add(db: Database, url: str, at: str, body: bytes, source: str) -> None:
    with db.transaction() as conn:
        page = sites.ensure_page(db, sites.ensure_site(db, "clinic.example", ""), url)
        new = captures.add(db, page, evidence.capture(url, at, body), source)
        hash_chain.seal(conn, at, "import", [new or 0])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two columns: one whose first two revisions a web archive captured, one of our own."""
    path = tmp_path_factory.mktemp("sources") / "archive.db"
    with Database.open(path) as db:
        for year, version, source in ((2019, 0, THIRD), (2021, 1, THIRD), (2026, 2, "crawl")):
            add(db, URL, f"{year}-05-01T00:00:00Z", evidence.page(1, version), source)
            add(db, OWN, f"{year}-05-01T00:00:00Z", evidence.page(2, version), "crawl")
        clinic_archive.derive_here(db)
    return path


def pages(path: Path, *wanted: str) -> list[str]:
    async def run() -> list[str]:
        datasette = Datasette([str(path)])
        await datasette.invoke_startup()
        return [(await datasette.client.get(f"/-/archive/{one}")).text for one in wanted]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("lang", "name"), [("en", "web.archive.org, a web archive"), ("ja", "ウェブアーカイブ web.archive.org")]
)
def test_pages_name_the_third_party_that_captured(path: Path, lang: str, name: str) -> None:
    at = "&at=2019-05-01T00:00:00Z"
    found = pages(path, *(f"{page}?lang={lang}&url={quote(URL)}" for page in ("article", "captures", "diff")))
    assert [one.count(name) for one in found] == [2, 2, 1]
    (capture,) = pages(path, f"capture?lang={lang}&url={quote(URL)}{at}")
    assert name in capture
    for page in pages(path, *(f"{page}?lang={lang}&url={quote(OWN)}" for page in ("article", "captures", "diff"))):
        assert "web.archive.org" not in page


def test_sheets_and_exports_name_it(path: Path, tmp_path: Path) -> None:
    with Archive.open(path, write=False) as archive:
        sheet = archive.write_evidence(URL, "1", "3", tmp_path).sheet.read_text()
        archive.export(ExportRequest("jsonl", tmp_path / "r.jsonl", table="revisions"))
        archive.export(ExportRequest("warc", tmp_path / "all.warc.gz"))
    assert sheet.count("web.archive.org, a web archive") == 1
    assert sheet.count("このアーカイブ · This archive") == 1
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows if row["url"] == URL] == [THIRD, THIRD, "crawl"]
    assert gzip.decompress((tmp_path / "all.warc.gz").read_bytes()).count(THIRD.encode()) == 2


def test_commands_name_it(path: Path) -> None:
    def said(*arguments: str) -> str:
        return CliRunner().invoke(app, ["--db", str(path), *arguments]).output

    assert said("history", URL).count("captured by web.archive.org") == 2
    assert said("captures", URL).count("captured by web.archive.org") == 2
    assert [json.loads(line)["source"] for line in said("history", URL, "--json").splitlines()] == [
        THIRD,
        THIRD,
        "crawl",
    ]
    assert "captured by" not in said("history", OWN) + said("captures", OWN)
