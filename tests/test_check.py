"""`archive check`: nothing wrong is passed over, nothing right is called wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import deriving
import pytest
from evidence import archive, at, capture, fill, page, site

from columnarchive.pipeline import derive, integrity
from columnarchive.store import fulltext, hash_chain, snapshot
from columnarchive.store import integrity as store_integrity
from columnarchive.store.database import Database
from columnarchive.store.schema import Problem

FLIPS = 1000


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An archive with captures only."""
    with archive(tmp_path, pages=10, versions=6) as db:
        yield db


@pytest.fixture(scope="module")
def derived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of an archive whose sites are derived."""
    with archive(tmp_path_factory.mktemp("derived"), pages=7, versions=2) as db:
        deriving.derive(db)
        with db.transaction() as conn:
            fulltext.ensure_current(conn)
        return db.path


def check(db: Database, head: str | None = None, full: bool = True) -> list[Problem]:
    """All problems, without progress."""
    return deriving.check(db, head, full=full)


def bodies_named(problems: list[Problem]) -> set[str]:
    """The bodies whose stored bytes are said to be wrong."""
    return {each.where.removeprefix("body ") for each in problems if "stored bytes" in each.what}


def test_a_sound_archive_has_no_problem(derived: Path) -> None:
    with Database.open(derived, write=False) as db:
        assert check(db) == []
        assert check(db, hash_chain.head(db.conn), full=False) == []


def test_a_thousand_flipped_bytes_are_all_found(db: Database) -> None:
    rng = random.Random(11)
    rows = db.conn.execute("select sha256, data from bodies order by sha256").fetchall()
    flipped = 0
    while flipped < FLIPS:
        chosen = rng.sample(rows, 40)
        db.conn.execute("begin")
        for sha256, data in chosen:
            damaged = bytearray(data)
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            db.conn.execute("update bodies set data = ? where sha256 = ?", (bytes(damaged), sha256))
        found = bodies_named(store_integrity.all_bodies(db.conn, lambda *_: None))
        assert found == {sha256 for sha256, _ in chosen}
        db.conn.execute("rollback")
        flipped += len(chosen)
    assert store_integrity.all_bodies(db.conn, lambda *_: None) == []


def test_bytes_flipped_in_the_file_are_found(db: Database) -> None:
    (data,) = db.conn.execute("select data from bodies where codec = 'zstd' order by id limit 1").fetchone()
    db.conn.execute("pragma wal_checkpoint(truncate)")
    db.close()
    whole = bytearray(db.path.read_bytes())
    place = whole.index(data[40:80])
    whole[place + 3] ^= 4
    db.path.write_bytes(whole)
    with Database.open(db.path, write=False) as damaged:
        problems = check(damaged)
    assert any("stored bytes" in each.what for each in problems)
    assert any("cannot be decoded" in each.what or "another body" in each.what for each in problems)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("delete from bodies where id = (select max(id) from bodies)", "is missing"),
        ("delete from bodies where depth = 0", "coded against is missing"),
        ("update bodies set codec = 'brotli' where id = 2", "codec 'brotli' is unknown"),
        ("update bodies set raw_size = raw_size + 1 where id = 2", "another size"),
        ("update bodies set depth = 9 where id = 1", "depth does not follow"),
        ("update bodies set base_sha256 = sha256, codec = 'zstd-base' where id = 1", "too long a line"),
        ("update bodies set sha256 = replace(sha256, substr(sha256, 1, 4), '0000') where id = 3", "No capture shows"),
        ("delete from captures where id = 5", "No capture shows"),
        ("update captures set page_id = 999 where id = 5", "not there"),
        ("update captures set withdrawal_id = 5 where id = 5", "no tombstone"),
        ("update pages set state = 'withdrawn' where id = 1", "but not this capture"),
        ("update pages set last_seen_at = '2030-01-01T00:00:00Z' where id = 2", "first or last visit"),
        ("update captures set link_id = null where id = 3", "in no link"),
        ("update captures set fetched_at = '2025-01-01T00:00:00Z' where id = 3", "were altered"),
        ("update chain set at = '2020-01-01T00:00:00Z' where id = 1", "does not follow"),
        ("delete from chain where id = 1", "which the chain does not have"),
    ],
)
def test_damaged_rows_are_named(db: Database, damage: str, said: str) -> None:
    db.conn.execute("pragma foreign_keys = off")
    db.conn.execute(damage)
    problems = check(db)
    assert any(said in each.what for each in problems), problems
    assert all(each.what.endswith(".") for each in problems)


def test_a_head_kept_elsewhere_tells_a_shorter_chain(db: Database) -> None:
    fill(db, [capture("https://clinic.example/column/0/", at(20), page(0, 9))])
    head = hash_chain.head(db.conn)
    assert not [each for each in check(db, head) if each.where == "chain"]
    with db.transaction() as conn:
        conn.execute("delete from captures where link_id = 2")
        conn.execute("delete from chain where id = 2")
    assert [each for each in check(db, head) if "no link of this archive" in each.what]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("update articles set title = title || '!' where id = 1", "articles of"),
        ("update passages set text = text || '!' where id = 3", "passages of"),
        ("delete from sentences where id = 3", "sentences of"),
        ("update revisions set characters = 1 where id = 2", "revisions of"),
        ("update changes set summary = 'x' where id = 1", "changes of"),
        ("update edits set level = 3 - level where id = 1", "edits of"),
        ("update revision_passages set passage_id = passage_id + 1 where position = 0", "revision_passages of"),
        ("update pages set kind = 'listing' where id = 1", "page https://"),
    ],
)
def test_derived_rows_that_do_not_follow_are_named(derived: Path, damage: str, said: str) -> None:
    with Database.open(derived) as db:
        again = derive.derive_site(db, 1)

        assert store_integrity.derived_differences(db.conn, 1, again) == []
        db.conn.execute("begin")
        db.conn.execute(damage)
        problems = store_integrity.derived_differences(db.conn, 1, again)
        assert [each for each in problems if said in each.where], problems
        assert all("rebuild" in each.mend for each in problems)
        db.conn.execute("rollback")


def test_a_stale_row_in_the_index_is_found(derived: Path) -> None:
    with Database.open(derived) as db:
        db.conn.execute("begin")
        fulltext.insert(db.conn, 4711, "古い題", "消えた本文", "")
        problems = check(db, full=False)
        assert [each.where for each in problems] == ["article 4711"]
        assert "rebuild" in problems[0].mend
        db.conn.execute("rollback")


@pytest.mark.parametrize("seed", range(6))
def test_pages_of_the_file_that_were_lost_are_told_in_sentences(tmp_path: Path, seed: int) -> None:
    with archive(tmp_path, pages=30, versions=2) as db:
        db.conn.execute("pragma wal_checkpoint(truncate)")
        (used,) = db.conn.execute(
            "select group_concat(pageno) from dbstat where name in ('bodies', 'captures')"
        ).fetchone()
    data = bytearray(db.path.read_bytes())
    start = (int(random.Random(seed).choice(used.split(","))) - 1) * 4096
    data[start : start + 4096] = bytes(4096)
    db.path.write_bytes(data)
    with Database.open(db.path, write=False) as damaged:
        problems = check(damaged)
    assert problems
    assert all(each.what.endswith(".") for each in problems)


def test_a_copy_without_bodies_is_sound_and_says_so(derived: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with Database.open(derived, write=False) as db:
        snapshot.copy(db.conn, copy, bodies=False)
        head = hash_chain.head(db.conn)
    assert integrity.WITHOUT_BODIES not in integrity.checked(derived)
    assert integrity.WITHOUT_BODIES in integrity.checked(copy)
    with Database.open(copy) as db:
        assert check(db, head) == []
        db.conn.execute("delete from meta where key = ?", (snapshot.WITHOUT_BODIES,))
        assert any("is missing" in each.what for each in check(db, full=False))


def test_a_copy_that_lost_pages_is_none_without_bodies(derived: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with Database.open(derived, write=False) as db:
        snapshot.copy(db.conn, copy)
    with Database.open(copy) as db:
        db.conn.execute("insert into meta values (?, '1')", (snapshot.WITHOUT_BODIES,))
        db.conn.execute("delete from bodies where id = 2")
        assert integrity.WITHOUT_BODIES not in integrity.checked(copy)
        assert any("is missing" in each.what for each in check(db, full=False))


def test_captures_that_came_out_of_order_are_sound(tmp_path: Path) -> None:
    many = list(site(6, 5))
    random.Random(3).shuffle(many)
    with Database.open(tmp_path / "a.db") as db:
        for start in range(0, len(many), 7):
            fill(db, many[start : start + 7])
        assert check(db) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("delete from bodies where id = (select max(id) from bodies)", "の本体がありません。"),
        ("update captures set link_id = null where id = 3", "改ざん検知の記録に含まれない"),
        ("update pages set state = 'alive' || cast(x'ff' as text) where id = 1", "UTF-8 ではありません。"),
    ],
)
def test_problems_are_also_in_japanese(db: Database, damage: str, said: str) -> None:
    db.conn.execute("pragma foreign_keys = off")
    db.conn.execute(damage)
    lines = [each.sentence("ja") for each in check(db)]
    assert any(said in line for line in lines), lines
    assert all(line.rstrip("）)").endswith(("。", "できます", "直せます", "ください")) for line in lines), lines
