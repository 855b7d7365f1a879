"""Walls served with status 200 over known columns are kept and never shown as edits; short articles are no walls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import clinic
import clinic_archive
import deriving
import pytest

from columnarchive.extract.site_reader import read_site
from columnarchive.history.article_identity import versions
from columnarchive.records import Capture, PageVersions, Reading, Version
from columnarchive.store import blobs, captures
from columnarchive.store.database import Database

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def manifest(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((FIXTURES / name / "manifest.json").read_text(encoding="utf-8"))
    return rows


def first_visit() -> list[Capture]:
    return [one for one in clinic.captured() if one.fetched_at < "2026"]


def over(pages: list[Capture], name: str) -> list[tuple[dict[str, Any], Capture]]:
    """The pages of a fixture folder as what known columns show on later days, one column a page while there are any."""
    columns = [one for one in pages if "/column/" in one.url and not one.url.endswith(("/column/", "/page/2/"))]
    rows = manifest(name)
    return [
        (
            row,
            replace(
                columns[at % len(columns)],
                fetched_at=f"2025-11-{1 + at // len(columns):02}T01:00:{at % len(columns):02}Z",
                body=(FIXTURES / name / row["file"]).read_bytes(),
            ),
        )
        for at, row in enumerate(rows)
    ]


def readings(db: Database) -> dict[tuple[str, str], Reading]:
    """What each version says, by URL and digest."""
    pages = captures.visits(db, 1)
    read = read_site([versions(page) for page in pages], lambda digest: blobs.read(db, digest), {})
    return {(page.url, one.version.body_sha256): one for page in read for one in page.readings}


def test_walls_over_known_columns_are_suspect_and_make_no_revision(tmp_path: Path) -> None:
    pages = first_visit()
    walls = over(pages, "walls")
    assert len(walls) >= 20
    with Database.open(tmp_path / "a.db") as db:
        clinic.add(db, pages + [capture for _, capture in walls])
        deriving.derive(db)
        found = readings(db)
        told = {row["file"]: found[capture.url, capture.body_sha256] for row, capture in walls}
        wrong = {
            row["file"]: told[row["file"]].outcome
            for row, _ in walls
            if told[row["file"]].outcome not in row["outcomes"]
        }
        assert wrong == {}
        assert not any(one.is_revision or one.article for one in told.values())
        revisions = dict(db.conn.execute("select url, revisions from articles"))
        assert all(revisions[capture.url] == 1 for _, capture in walls)
        assert db.conn.execute("select count(*) from changes").fetchone() == (0,)


def test_short_and_rewritten_articles_are_no_walls() -> None:
    """Each on a site of its own, some after the page that stood there before."""
    wrong: dict[str, object] = {}
    for row in manifest("short"):
        folder = FIXTURES / "short"
        files = [name for name in (row.get("before"), row["file"]) if name]
        versions_of = tuple(
            Version(name, f"2025-11-0{at + 1}T01:00:00Z", f"2025-11-0{at + 1}T01:00:00Z")
            for at, name in enumerate(files)
        )
        pages = [PageVersions(clinic.HOST + "/column/1/", versions_of)]
        (page,) = read_site(pages, lambda name, folder=folder: (folder / name).read_bytes(), {})
        last = page.readings[-1]
        if last.outcome != "ok" or not last.is_revision or last.article is None or last.article.title != row["title"]:
            wrong[row["file"]] = (last.outcome, last.article and last.article.title)
    assert wrong == {}
    assert len(manifest("short")) >= 20


def test_a_column_that_became_a_notice_inside_its_site_is_no_wall(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The bundled clinic replaced a column by one line, in the template of its redesign."""
    with Database.open(clinic_archive.path(tmp_path_factory), write=False) as db:
        rows = db.conn.execute("select url, revisions, state from articles where url like '%gan-meneki%'").fetchall()
        labels = [row[0] for row in db.conn.execute("select labels from changes where labels like '%replaced%'")]
    assert [(revisions, state) for _, revisions, state in rows] == [(2, "live")]
    assert len(labels) == 1
