"""Reviews of changes: kept by address and interval through a rebuild, an export and an import; erased with the page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import clinic
import clinic_archive
import httpx
import pytest

from columnarchive.archive import Archive, ExportRequest
from columnarchive.cli.serve import prepared
from columnarchive.reader import ChangeFilter, ChangeRow, Reader

NANBYO = clinic.HOST + "/column/nanbyo-kansaibou/"


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = clinic_archive.copy(tmp_path_factory)
    with Archive.open(found) as archive:
        archive.review(newest(archive), "follow_up", "院長に確かめる", "TY")
    return found


def newest(archive: Reader) -> ChangeRow:
    return archive.changes(ChangeFilter(url=NANBYO))[0]


def noted(path: Path) -> list[tuple[str, str, str]]:
    with Reader.open(path) as archive:
        row = newest(archive)
        return [(one.mark, one.note, one.initials) for key, one in archive.reviews().items() if key == row.id]


NOTE = [("follow_up", "院長に確かめる", "TY")]


def test_a_review_survives_a_rebuild_and_an_import_into_another_archive(path: Path, tmp_path: Path) -> None:
    with Archive.open(path) as archive:
        archive.rebuild()
    assert noted(path) == NOTE
    with Archive.open(path, write=False) as archive:
        archive.export(ExportRequest("sqlite", tmp_path / "copy.db"))
    other = tmp_path / "other.db"
    with Archive.open(other) as archive:
        archive.import_warc([tmp_path / "copy.db"])
    assert noted(tmp_path / "copy.db") == noted(other) == NOTE


def test_a_newer_review_replaces_an_older_one_and_none_forgets_it(path: Path) -> None:
    with Archive.open(path) as archive:
        archive.review(newest(archive), "reviewed")
        assert [one.mark for one in archive.reviews().values()] == ["reviewed"]
        archive.review(newest(archive), None)
        assert archive.reviews() == {}


def test_reviews_are_exported_with_changes(path: Path, tmp_path: Path) -> None:
    with Archive.open(path, write=False) as archive:
        archive.export(ExportRequest("csv", tmp_path / "changes.csv", table="changes"))
    lines = [line for line in (tmp_path / "changes.csv").read_text("utf-8-sig").splitlines() if "follow_up" in line]
    assert len(lines) == 1
    assert "院長に確かめる" in lines[0]


def test_a_withdrawal_of_the_page_erases_the_note(path: Path, tmp_path: Path) -> None:
    with Archive.open(path, write=False) as archive:
        archive.export(ExportRequest("sqlite", tmp_path / "before.db"))
    with Archive.open(path) as archive:
        archive.withdraw(NANBYO, "request of the person named")
        assert archive.reviews() == {}
        # Nor does an import of a copy from before bring it back.
        archive.import_warc([tmp_path / "before.db"])
    assert "院長に確かめる".encode() not in path.read_bytes()


async def posted(path: Path, *, review: bool, token: bool = True, **changed: str) -> tuple[int, str]:
    """Post the form of the home page; return the status and the mark that the change has now."""
    datasette = prepared(path, review=review)
    await datasette.invoke_startup()
    with Reader.open(path) as archive:
        row = newest(archive)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=datasette.app()), base_url="http://localhost"
    ) as web:
        page = (await web.get("/-/archive")).text
        assert ('form class="review"' in page) == review == ("keys.js" in page)
        form = {"url": row.url, "after": row.after_at, "seen": row.seen_at, "mark": "reviewed", "back": "/-/archive"}
        form |= {"csrftoken": web.cookies.get("ds_csrftoken", "")} if token else {}
        answer = await web.post("/-/archive/review", data=form | changed)
    marks = noted(path)
    return answer.status_code, marks[0][0] if marks else ""


def test_the_form_writes_for_whoever_may_review_and_for_nobody_else(path: Path) -> None:
    assert asyncio.run(posted(path, review=False)) == (403, "follow_up")
    assert asyncio.run(posted(path, review=True, token=False)) == (403, "follow_up")
    assert asyncio.run(posted(path, review=True, mark="nonsense")) == (400, "follow_up")
    assert asyncio.run(posted(path, review=True)) == (303, "reviewed")
    assert asyncio.run(posted(path, review=True, mark="none")) == (303, "")
