"""Damaged, crafted and aliased databases: one writer a file, one sentence a fault, all derived rows mended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from evidence import archive

from columnarchive.errors import StoreError
from columnarchive.store.database import Database
from columnarchive.store.writer_lock import writer_lock


@pytest.mark.parametrize("name", ["link.db", "second.db", "folder/archive.db", "sub/../link.db", "./archive.db"])
def test_the_lock_is_on_the_file_whatever_leads_to_it(tmp_path: Path, name: str) -> None:
    archive(tmp_path, pages=1, versions=1).close()
    (tmp_path / "link.db").symlink_to(tmp_path / "archive.db")
    (tmp_path / "second.db").symlink_to("link.db")
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "sub").mkdir()
    one, other = tmp_path / "archive.db", Path(f"{tmp_path}/{name}")
    for first, second in ((one, other), (other, one)):
        with writer_lock(first, "crawl"), pytest.raises(StoreError, match=r"Another crawl of .* is running"):
            writer_lock(second, "import").__enter__()


@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_that_is_a_symbolic_link_is_not_followed(tmp_path: Path, exists: bool) -> None:
    archive(tmp_path, pages=1, versions=1).close()
    target = tmp_path / "precious.txt"
    if exists:
        target.write_text("precious")
    lock = tmp_path / "archive.db.lock"
    lock.unlink(missing_ok=True)
    lock.symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"), writer_lock(tmp_path / "archive.db", "crawl"):
        pass
    assert target.exists() == exists
    assert not exists or target.read_text() == "precious"


def test_a_lock_that_is_a_folder_or_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    archive(tmp_path, pages=1, versions=1).close()
    lock = tmp_path / "archive.db.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(StoreError, match=r"The lock .* cannot be made") as caught:
        writer_lock(tmp_path / "archive.db", "crawl").__enter__()
    assert "\n" not in str(caught.value)


def test_the_copy_before_an_upgrade_does_not_follow_a_link(tmp_path: Path) -> None:
    import schemas

    path = schemas.unpacked("0003", tmp_path / "archive.db")
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    os.symlink(target, tmp_path / "archive.db.before-upgrade-0003.partial")
    Database.open(path).close()
    assert target.read_text() == "precious"
    assert (tmp_path / "archive.db.before-upgrade-0003").stat().st_size > 10_000
