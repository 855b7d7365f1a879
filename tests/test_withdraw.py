"""`archive withdraw`: gone from the file's bytes, and never back; all else as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import deriving
import pytest
from evidence import archive, at, capture, fill, page

from columnarchive.errors import NotFound, StoreError, UsageError
from columnarchive.pipeline import export, import_warc, withdrawal
from columnarchive.store import blobs, captures, fulltext, hash_chain, sites
from columnarchive.store.database import Database

URL = "https://clinic.example/column/2/"
NAME = "架空山 花子さんの体験談"
PLACE = 2


def secret(number: int, version: int) -> bytes:
    """A page that tells a name, in its headers' and its own words."""
    return page(number, version).replace(b"</h1>", f"</h1><p>{NAME}と仮名で話した{version}日。</p>".encode())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An archive in which one page tells a name in three versions, the first page captured of its site."""
    with Database.open(tmp_path / "archive.db") as db:
        for version in range(3):
            headers = (("Content-Type", "text/html"), ("X-Title", NAME))
            fill(db, [capture(URL, at(version), secret(PLACE, version), headers=headers, error=NAME)])
            others = [n for n in range(7) if n != PLACE]
            fill(
                db,
                [capture(f"https://clinic.example/column/{n}/", at(version, n), page(n, version)) for n in others],
            )
        yield db


def withdraw(db: Database, at: str = "", url: str = URL) -> withdrawal.Withdrawal:
    """Withdraw without deriving."""
    return withdrawal.withdraw(db, url, at, "request of the person named", lambda _: None)


def file_bytes(path: Path) -> bytes:
    """Everything SQLite keeps on disk for an archive."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(path.name + "*")))


def stored_texts(db: Database) -> bytes:
    """Every body, decoded."""
    rows = db.conn.execute("select sha256 from bodies").fetchall()
    return b"".join(blobs.read(db, sha256) for (sha256,) in rows)


def problems(db: Database) -> list[object]:
    """What a check finds."""
    return list(deriving.check(db))


def test_a_page_is_gone_from_bytes_and_export_and_stays_away(db: Database, tmp_path: Path) -> None:
    head = hash_chain.head(db.conn)
    (depended,) = db.conn.execute(
        "select count(*) from bodies where base_sha256 = (select body_sha256 from captures where id = 1)"
    ).fetchone()
    assert depended, "the page should be what others are coded against"
    export.export_warc(db, tmp_path / "before.warc", None, lambda _: None)
    kept = {sha256 for (sha256,) in db.conn.execute("select body_sha256 from captures where page_id <> 1")}

    assert db.dictionaries

    done = withdraw(db)

    assert not db.dictionaries
    assert (done.captures, done.bodies, done.urls) == (3, 3, (URL,))
    assert NAME.encode() not in file_bytes(db.path)
    assert NAME.encode() not in stored_texts(db)
    assert {sha256 for (sha256,) in db.conn.execute("select sha256 from bodies")} == kept
    assert problems(db) == []
    assert hash_chain.holds(db.conn, head)
    assert hash_chain.head(db.conn) != head
    rows = captures.of_page(db, URL)
    assert [(row.withdrawn, row.fetched_at, row.final_url) for row in rows] == [(True, at(n), "") for n in range(3)]
    told = db.conn.execute("select at from withdrawals").fetchone()[0]
    assert {(row.withdrawn_at, row.withdrawn_reason) for row in rows} == {(told, "request of the person named")}
    with pytest.raises(StoreError, match="withdrawn"):
        captures.load(db, rows[0].id)
    assert all(each.url != URL for each in captures.visits(db, 1))

    export.export_warc(db, tmp_path / "after.warc", None, lambda _: None)
    assert NAME.encode() not in (tmp_path / "after.warc").read_bytes()
    assert URL.encode() not in (tmp_path / "after.warc").read_bytes()
    again = import_warc.import_files(db, [tmp_path / "before.warc"], None, lambda *_: None)
    assert again.added == 0
    assert fill(db, [capture(URL, at(9), page(PLACE, 9))]) == [None]
    assert fill(db, [capture("https://clinic.example/elsewhere/", at(9), secret(PLACE, 1))]) == [None]
    assert NAME.encode() not in file_bytes(db.path)


def test_one_body_is_gone_and_the_page_stays(db: Database) -> None:
    fill(db, [capture(URL, at(1, 30), secret(PLACE, 1)), capture(URL, at(5), None, 304, "unchanged")])
    done = withdraw(db, at(1))
    assert (done.captures, done.bodies) == (2, 1)
    assert f"{NAME}と仮名で話した1日。".encode() not in stored_texts(db)
    assert f"{NAME}と仮名で話した2日。".encode() in stored_texts(db)
    assert problems(db) == []
    assert fill(db, [capture(URL, at(8), secret(PLACE, 1))]) == [None]
    assert fill(db, [capture(URL, at(9), page(PLACE, 5))]) != [None]
    (state,) = db.conn.execute("select state from pages where url = ?", (URL,)).fetchone()
    assert state == "live"


def test_the_same_body_at_another_address_goes_too(db: Database) -> None:
    twin = "https://clinic.example/sp/column/2/"
    fill(db, [capture(twin, at(6), secret(PLACE, 1))])
    done = withdraw(db)
    assert done.urls == (URL, twin)
    assert NAME.encode() not in stored_texts(db)
    assert twin in done.sentence("en")
    assert problems(db) == []


def test_derived_text_and_index_go_with_it(tmp_path: Path) -> None:
    with archive(tmp_path, pages=6, versions=1) as db:
        fill(db, [capture(URL, at(3), secret(PLACE, 3))])
        deriving.derive(db)
        with db.transaction() as conn:
            fulltext.ensure_current(conn)
        (told,) = db.conn.execute("select count(*) from articles where text like ?", (f"%{NAME}%",)).fetchone()
        assert told == 1
        assert NAME.encode() in file_bytes(db.path)
        withdrawal.withdraw(db, URL, "", "a court's order", lambda site_id: deriving.derive(db, [site_id], force=True))
        assert NAME.encode() not in file_bytes(db.path)
        assert problems(db) == []
        (articles,) = db.conn.execute("select count(*) from articles").fetchone()
        assert articles == 5


def test_again_finishes_what_another_reader_held_up(db: Database) -> None:
    reader = sqlite3.connect(db.path)
    reader.execute("begin")
    reader.execute("select count(*) from captures").fetchone()
    db.conn.execute("pragma busy_timeout = 50")
    with pytest.raises(StoreError, match="another process"):
        withdraw(db)
    reader.close()
    done = withdraw(db)
    assert "before" in done.sentence("en")
    assert NAME.encode() not in file_bytes(db.path)


def test_wrong_usage_is_told_in_a_sentence(db: Database) -> None:
    with pytest.raises(NotFound, match="does not know"):
        withdraw(db, url="https://clinic.example/none/")
    with pytest.raises(NotFound, match="no capture"):
        withdraw(db, "2020-01-01T00:00:00Z")
    with pytest.raises(UsageError, match="name one"):
        withdraw(db, "2026-05")
    with pytest.raises(UsageError, match="reason"):
        withdrawal.withdraw(db, URL, "", " ", lambda _: None)
    assert problems(db) == []
    assert len(captures.of_page(db, URL)) == 3


def test_a_withdrawn_page_is_not_named_among_what_could_not_be_seen(db: Database) -> None:
    (site_id,) = db.conn.execute("select id from sites").fetchone()
    other = "https://clinic.example/column/1/"
    with db.transaction() as conn:
        sites.save_gaps(conn, site_id, {URL: "no_columns", other: "script_only"})
        conn.execute("update pages set last_outcome = 'suspect', state = 'suspect' where url in (?, ?)", (URL, other))
    assert {one.url for one in sites.troubles(db.conn)} == {URL, other}
    withdrawal.withdraw(db, URL, "", "asked", lambda _: None)
    assert {one.url for one in sites.troubles(db.conn)} == {other}
