"""`archive export wacz`: valid by its own tools, replayed by pywb, and equal when it comes back."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import clinic_archive
import pytest
from deriving import import_files
from evidence import archive, fill
from test_warc import all_captures, odd_captures, visible

from columnarchive.errors import NotFound, UsageError
from columnarchive.exchange.warc_writer import sortable_address
from columnarchive.pipeline import export
from columnarchive.store.database import Database


def quiet(*_: object) -> None:
    """A report that says nothing."""


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """An archive with captures of every kind, and its WACZ."""
    with archive(tmp_path, pages=6, versions=3) as db:
        fill(db, odd_captures())
        clinic_archive.derive_here(db)
        export.export_wacz(db, tmp_path / "out.wacz", None, quiet)
        return db.path, tmp_path / "out.wacz"


def test_every_member_has_its_digest_and_the_index_finds_every_record(made: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(made[1]) as wacz:
        assert wacz.testzip() is None
        assert {info.compress_type for info in wacz.infolist()} == {zipfile.ZIP_STORED}
        package = json.loads(wacz.read("datapackage.json"))
        for resource in package["resources"]:
            data = wacz.read(resource["path"])
            assert (len(data), "sha256:" + hashlib.sha256(data).hexdigest()) == (resource["bytes"], resource["hash"])
        sealed = json.loads(wacz.read("datapackage-digest.json"))
        assert sealed["hash"] == "sha256:" + hashlib.sha256(wacz.read("datapackage.json")).hexdigest()
        warc, lines = wacz.read("archive/data.warc.gz"), wacz.read("indexes/index.cdx").decode().splitlines()
        assert lines == sorted(lines)
        for line in lines:
            key, stamp, text = line.split(" ", 2)
            entry = json.loads(text)
            begin = int(entry["offset"])
            record = gzip.decompress(warc[begin : begin + int(entry["length"])]).decode("utf-8", "replace")
            assert record.startswith("WARC/1.1\r\n")
            assert f"WARC-Target-URI: {entry['url']}\r\n" in record
            assert key == sortable_address(entry["url"])
            assert stamp in "".join(filter(str.isdigit, record.split("WARC-Date: ", 1)[1][:20]))
        head, *pages = map(json.loads, wacz.read("pages/pages.jsonl").decode().splitlines())
        assert head["format"] == "json-pages-1.0"
        assert {page["url"] for page in pages} <= {json.loads(line.split(" ", 2)[2])["url"] for line in lines}
        assert len(pages) >= 5
        assert all(page["title"] for page in pages)


def test_it_comes_back_equal_and_is_the_same_twice(made: tuple[Path, Path], tmp_path: Path) -> None:
    path, wacz = made
    with Database.open(path) as db:
        given, seen = all_captures(db), visible(db)
        export.export_wacz(db, tmp_path / "again.wacz", None, quiet)
    assert (tmp_path / "again.wacz").read_bytes() == wacz.read_bytes()
    with Database.open(tmp_path / "b.db") as db:
        summary = import_files(db, [wacz], None, quiet)
        assert summary.failures == []
        assert all_captures(db) == given
        assert visible(db) == seen


def test_one_site_alone_and_targets_that_cannot_be(made: tuple[Path, Path], tmp_path: Path) -> None:
    with Database.open(made[0]) as db:
        export.export_wacz(db, tmp_path / "one.wacz", "clinic.example", quiet)
        with pytest.raises(NotFound):
            export.export_wacz(db, tmp_path / "none.wacz", "nowhere.example", quiet)
        for out in (tmp_path, db.path):
            with pytest.raises(UsageError):
                export.export_wacz(db, out, None, quiet)
    assert not (tmp_path / "none.wacz").exists()


ADDRESSES = {
    "https://www.clinic.example/": "example,clinic)/",
    "http://clinic.example:80/Column/": "example,clinic)/column",
    "https://clinic.example:8443/a?b=2&a=1": "example,clinic:8443)/a?a=1&b=2",
    "http://192.0.2.7/x": "7,2,0,192)/x",
    "https://www2.clinic.example//a//b/": "example,clinic)/a/b",
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_addresses_are_sorted_as_web_archives_sort_them(url: str) -> None:
    assert sortable_address(url) == ADDRESSES[url]


@pytest.mark.replay
def test_the_tools_of_others_take_it(made: tuple[Path, Path], tmp_path: Path) -> None:
    validator, manager = shutil.which("wacz"), shutil.which("wb-manager")
    if not validator or not manager:
        pytest.skip("needs wacz and pywb on the PATH: pip install 'columnarchive[replay]'")
    done = subprocess.run([validator, "validate", "-f", str(made[1])], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([manager, "init", "ours"], cwd=tmp_path, check=True, capture_output=True)
    add = [manager, "add", "--unpack-wacz", "ours", str(made[1])]
    subprocess.run(add, cwd=tmp_path, check=True, capture_output=True)
    index = "".join(path.read_text() for path in (tmp_path / "collections/ours/indexes").glob("*.cdxj"))
    theirs = {tuple(line.split(" ", 2)[:2]) for line in index.splitlines()}
    with zipfile.ZipFile(made[1]) as wacz:
        ours = {tuple(line.split(" ", 2)[:2]) for line in wacz.read("indexes/index.cdx").decode().splitlines()}
    assert theirs == ours
