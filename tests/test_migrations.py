"""Schemas: an older archive opens and upgrades after a copy, whatever happens meanwhile; a newer one is refused."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import deriving
import pytest
import schemas
from reading import opened

from columnarchive import reader
from columnarchive.errors import StoreError
from columnarchive.store import captures, database
from columnarchive.store.database import Database

NAMES = database.known_migrations(database.MIGRATIONS)
LATER = "9001_later"
ADDED = "alter table sites add column nickname text not null default ''; create table added(value text not null);"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """An archive as the first schema left it."""
    return schemas.unpacked("0001", tmp_path / "archive.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations there are, and one that only this test knows."""
    return _folder(tmp_path / "migrations", ADDED)


def _folder(folder: Path, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / f"{name}.sql").write_text((database.MIGRATIONS / f"{name}.sql").read_text("utf-8"), "utf-8")
    (folder / f"{LATER}.sql").write_text(script, "utf-8")
    return folder


def evidence(db: Database) -> list[object]:
    """Every capture with its body."""
    return [captures.load(db, capture_id) for capture_id in captures.ids(db)]


def test_each_schema_has_its_fixture() -> None:
    assert [name for name in NAMES if not schemas.fixture(name).exists()] == [], "run `python tests/schemas.py`"
    assert all(path.stat().st_size < 200_000 for path in schemas.FOLDER.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_the_fixture_is_what_its_schema_makes(tmp_path: Path, name: str) -> None:
    made, kept = tmp_path / "made.db", schemas.unpacked(name, tmp_path / "kept.db")
    schemas.make(made, name)
    assert schemas.described(kept) == schemas.described(made), f"run `python tests/schemas.py {name}`"


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_of_each_schema_opens_and_is_whole(tmp_path: Path, name: str) -> None:
    path = schemas.unpacked(name, tmp_path / "archive.db")
    with opened(path) as conn:
        assert reader.Reader(conn).totals.articles == schemas.PAGES
        assert reader.Reader(conn).search("難病").total > 0
        assert database.applied_migrations(conn) == NAMES
    with Database.open(path) as db:
        assert len(evidence(db)) == schemas.PAGES * 2
        problems = deriving.check(db, full=False)
        # Rules move on and derive anew; what was captured stays sound.
        assert [one for one in problems if "rebuild" not in one.mend] == []
    copy = path.with_name(f"archive.db.before-upgrade-{NAMES.index(name) + 1:04d}")
    assert copy.exists() == (name != NAMES[-1])


def test_changes_from_before_are_marked_like_those_written_now(tmp_path: Path) -> None:
    marks = """select url, from_number, mark, change_marks.seen_at, change_marks.level from change_marks
               join changes on changes.id = change_id join articles on articles.id = article_id order by 1, 2, 3"""
    upgraded, written = (schemas.unpacked(name, tmp_path / f"{name}.db") for name in ("0003", "0004"))
    with opened(upgraded) as conn, opened(written) as other:
        found = conn.execute(marks).fetchall()
        assert found == other.execute(marks).fetchall()
        assert {mark.split()[0] for _, _, mark, _, _ in found} == {"label", "level", "site"}


def test_an_upgrade_leaves_a_copy_of_what_was(first: Path, folder: Path) -> None:
    before = sqlite3.connect(first).execute("select sql from sqlite_master order by name").fetchall()
    with Database.open(first, migrations=folder) as db:
        kept = evidence(db)
        db.conn.execute("insert into added values ('x')")
        assert db.conn.execute("select distinct nickname from sites").fetchall() == [("",)]
        assert database.applied_migrations(db.conn) == [*NAMES, LATER]
    (copy,) = first.parent.glob("*.before-upgrade-*")
    assert copy.name == "archive.db.before-upgrade-0001"
    assert sqlite3.connect(copy).execute("select sql from sqlite_master order by name").fetchall() == before
    with Database.open(copy) as db:
        assert evidence(db) == kept
    with Database.open(first, migrations=folder):
        assert len(list(first.parent.glob("archive.db.before-upgrade-000?"))) == 1
    with pytest.raises(StoreError, match=r"written by a newer columnarchive; `pip install -U columnarchive` first\.$"):
        Database.open(first)


def test_a_reader_upgrades_as_well(first: Path, folder: Path) -> None:
    with Database.open(first, write=False, migrations=folder) as db:
        assert database.applied_migrations(db.conn)[-1] == LATER
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.conn.execute("insert into added values ('x')")


def test_a_failing_migration_is_undone_and_stays_pending(first: Path, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "migrations", ADDED + "insert into no_such_table values (1);")
    with Database.open(first) as db:
        kept = evidence(db)
    with pytest.raises(StoreError, match=r"could not be upgraded \(no such table.*before-upgrade-") as caught:
        Database.open(first, migrations=folder)
    assert len(str(caught.value).splitlines()) == 1
    with Database.open(first) as db:
        assert database.applied_migrations(db.conn) == NAMES
        assert evidence(db) == kept
        assert db.conn.execute("select 1 from sqlite_master where name = 'added'").fetchone() is None
    with Database.open(first, migrations=_folder(folder, ADDED)) as db:
        assert database.applied_migrations(db.conn)[-1] == LATER
        assert evidence(db) == kept


@pytest.fixture
def dying(first: Path, tmp_path: Path) -> Path:
    """An archive whose upgrade was killed in the middle of its last migration: all of them are one transaction."""
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n) insert into added select max(x) from n;"
    folder = _folder(tmp_path / "migrations", ADDED + endless)
    program = "import sys; from pathlib import Path; from columnarchive.store.database import Database; "
    program += "Database.open(Path(sys.argv[1]), migrations=Path(sys.argv[2]))"
    source = str(schemas.FOLDER.parents[1] / "src")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(first), str(folder)], env={**os.environ, "PYTHONPATH": source}
    ) as child:
        until = time.monotonic() + 30
        while not _is_upgrading(first) and time.monotonic() < until and child.poll() is None:
            time.sleep(0.01)
        with pytest.raises(StoreError, match=r"Another upgrade of .* is running"):
            Database.open(first, migrations=folder)
        child.send_signal(signal.SIGKILL)
    return first


def _is_upgrading(path: Path) -> bool:
    if not path.with_name("archive.db.before-upgrade-0001").exists():
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as conn:
        try:
            conn.execute("begin immediate")
        except sqlite3.OperationalError:
            return True
    return False


def test_a_killed_upgrade_goes_on(dying: Path, folder: Path) -> None:
    with Database.open(dying) as db:
        assert database.applied_migrations(db.conn) == NAMES
        kept = evidence(db)
    with Database.open(dying, migrations=_folder(folder, ADDED)) as db:
        assert database.applied_migrations(db.conn)[-1] == LATER
        assert evidence(db) == kept


def test_a_killed_making_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    conn = sqlite3.connect(path)
    conn.execute(f"pragma application_id = {database.APPLICATION_ID}")
    conn.close()
    with pytest.raises(StoreError, match="is empty, not yet an archive"):
        Database.open(path, write=False)
    with Database.open(path) as db:
        assert database.applied_migrations(db.conn) == NAMES
    assert list(tmp_path.glob("*before-upgrade*")) == []


def test_the_rest_of_a_killed_copy_is_replaced(first: Path, folder: Path) -> None:
    partial = first.with_name("archive.db.before-upgrade-0001.partial")
    partial.write_bytes(b"half a file")
    with Database.open(first, migrations=folder):
        assert not partial.exists()
        assert first.with_name("archive.db.before-upgrade-0001").exists()
