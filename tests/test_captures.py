"""Captures as rows: stored once, read back equal, and the same whichever came first."""

from __future__ import annotations

import hashlib
import itertools
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from columnarchive.errors import NotFound, StoreError
from columnarchive.records import Capture, Hop, Outcome, Wire
from columnarchive.store import blobs, captures, hash_chain, sites
from columnarchive.store.database import Database

URL = "https://clinic.example/column/1"


def capture(at: str, body: str | None, outcome: Outcome = "ok", status: int = 200, url: str = URL) -> Capture:
    """A capture of made-up text at a short time such as `01`, a day of May."""
    return Capture(
        url=url,
        final_url=url,
        fetched_at=f"2026-05-{at}T00:00:00Z",
        status=status,
        headers=(("Content-Type", "text/html; charset=utf-8"), ("X-Odd", "caf\udce9")),
        body=None if body is None else body.encode(),
        outcome=outcome,
        wire=Wire(
            (("User-Agent", "test"),), (Hop(url + "?a", 301, (("Location", url),)),), "192.0.2.1", "TLS", 0.25, 5, "ab"
        ),
    )


def rows(db: Database) -> list[tuple[object, ...]]:
    """What SQL users see of captures and pages, without row ids."""
    seen = db.conn.execute(
        "select url, fetched_at, status, outcome, captures.body_sha256 from captures join pages on pages.id = page_id"
    ).fetchall()
    pages = db.conn.execute(
        "select url, state, first_seen_at, last_seen_at, body_sha256, last_outcome from pages"
    ).fetchall()
    return sorted(seen) + sorted(pages)


def sha256_of(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


@pytest.fixture
def db(tmp_path: Path) -> Database:
    """An empty archive with one site."""
    db = Database.open(tmp_path / "archive.db")
    sites.ensure_site(db, "clinic.example", "2026-05-01T00:00:00Z")
    return db


def add_all(db: Database, many: list[Capture]) -> list[int | None]:
    """Add captures in one sealed group."""
    with db.transaction() as conn:
        found = [captures.add(db, sites.ensure_page(db, 1, each.url), each) for each in many]
        hash_chain.seal(conn, "2026-06-01T00:00:00Z", "crawl", [each for each in found if each is not None])
    return found


def test_a_capture_comes_back_equal(db: Database) -> None:
    given = capture("01", "<p>one</p>")
    (capture_id,) = add_all(db, [given])
    assert capture_id is not None
    assert captures.load(db, capture_id) == given


def test_the_same_capture_twice_is_stored_once(db: Database) -> None:
    given = capture("01", "<p>one</p>")
    assert add_all(db, [given, given])[1] is None
    assert add_all(db, [given]) == [None]
    assert len(captures.of_page(db, URL)) == 1


def test_order_of_arrival_plays_no_part(tmp_path: Path) -> None:
    history = [
        capture("01", "A"), capture("02", "A"), capture("03", "B"), capture("04", None, "timeout", 0),
        capture("05", "A"), capture("06", "gone", "gone", 410), capture("07", "A"),
    ]  # fmt: skip
    expected = None
    for number, order in enumerate(random.Random(7).sample(list(itertools.permutations(history)), 12)):
        with Database.open(tmp_path / f"{number}.db") as db:
            sites.ensure_site(db, "clinic.example", "2026-05-01T00:00:00Z")
            for each in order:
                add_all(db, [each])
            expected = expected or rows(db)
            assert rows(db) == expected
            (page,) = captures.visits(db, 1)
            assert [visit.outcome for visit in page.visits] == [
                "ok", "unchanged", "ok", "timeout", "ok", "gone", "unchanged",
            ]  # fmt: skip
            assert hash_chain.verify(db.conn) == []


def test_not_modified_refers_to_the_body_before(db: Database) -> None:
    add_all(db, [capture("01", "A"), capture("02", None, "http_error", 503), capture("03", None, "unchanged", 304)])
    (page,) = captures.visits(db, 1)
    assert page.visits[2].body_sha256 == page.visits[0].body_sha256 != ""
    assert page.visits[2].content_type == page.visits[0].content_type
    assert captures.load(db, 3).body is None


@pytest.mark.parametrize(("before", "after"), [("A", "B"), ("B", "A")])
def test_not_modified_comes_before_a_change_seen_in_the_same_second(db: Database, before: str, after: str) -> None:
    for given in (capture("01", before), capture("02", None, "unchanged", 304), capture("02", after)):
        add_all(db, [given])
    (page,) = captures.visits(db, 1)
    assert [visit.body_sha256 for visit in page.visits] == [sha256_of(before), sha256_of(before), sha256_of(after)]
    assert captures.body_at(db.conn, URL, capture("02", after).fetched_at) == sha256_of(after)
    assert db.conn.execute("select body_sha256 from pages").fetchall() == [(sha256_of(after),)]
    assert [one.body_sha256 for one in captures.of_page(db, URL)][-1] == sha256_of(after)


def test_page_state_follows_the_newest_telling_capture(db: Database) -> None:
    def state() -> str:
        return str(db.conn.execute("select state from pages").fetchone()[0])

    add_all(db, [capture("02", None, "timeout", 0)])
    assert state() == "failed"
    add_all(db, [capture("03", "A")])
    assert state() == "live"
    add_all(db, [capture("04", None, "timeout", 0)])
    assert state() == "live"
    add_all(db, [capture("05", None, "missing", 404)])
    assert state() == "gone"
    add_all(db, [capture("01", "B")])
    assert state() == "gone"


def test_reading_works_on_a_plain_read_only_connection(db: Database) -> None:
    add_all(db, [capture("01", "A" * 500), capture("02", "A" * 500 + "B")])
    conn = sqlite3.connect(f"{db.path.as_uri()}?mode=ro", uri=True)
    for (sha256,) in conn.execute("select sha256 from bodies").fetchall():
        assert blobs.read(conn, sha256).startswith(b"AAA")
    conn.close()


def test_unknown_things_are_said_so(db: Database) -> None:
    assert captures.of_page(db, "https://nowhere.example/") == []
    with pytest.raises(NotFound, match="no capture 9"):
        captures.load(db, 9)
    with pytest.raises(NotFound, match="no body"):
        blobs.read(db, "00")


def test_a_damaged_body_is_refused(db: Database) -> None:
    add_all(db, [capture("01", "A long enough text to be worth compressing, and then some more of it. " * 9)])
    db.conn.execute("update bodies set data = cast(substr(data, 1, 20) || x'00' || substr(data, 22) as blob)")
    (sha256,) = db.conn.execute("select sha256 from bodies").fetchone()
    with pytest.raises(StoreError, match="damaged"):
        blobs.read(db, sha256)


def test_the_chain_tells_any_change(db: Database) -> None:
    add_all(db, [capture("01", "A"), capture("02", "B")])
    first = hash_chain.head(db.conn)
    add_all(db, [capture("03", "C")])
    assert hash_chain.holds(db.conn, first)
    assert hash_chain.head(db.conn) != first
    assert hash_chain.verify(db.conn) == []
    for column, value in [
        ("fetched_at", "2026-05-01T00:00:01Z"), ("status", 201), ("final_url", "x"), ("headers", "[]"), ("error", "x"),
        ("body_sha256", "00"), ("outcome", "suspect"), ("peer", "x"), ("wire_sha256", "x"), ("seconds", 1.5),
    ]:  # fmt: skip
        db.conn.execute("begin")
        db.conn.execute(f"update captures set {column} = ? where id = 1", (value,))
        assert "altered" in hash_chain.verify(db.conn)[0].what, column
        db.conn.execute("rollback")
    db.conn.execute("delete from captures where id = 2")
    assert "1 of 2" in hash_chain.verify(db.conn)[0].what


def test_the_request_lines_that_visits_have_in_common_are_stored_once(db: Database) -> None:
    common = (("Host", "clinic.example"), ("User-Agent", "test"))
    asked = [common, (*common, ("If-None-Match", '"a"')), (*common, ("If-None-Match", '"b"')), ()]
    ids = add_all(db, [
        replace(capture(f"{day:02}", "text"), wire=Wire(lines)) for day, lines in enumerate(asked, start=1)
    ])  # fmt: skip
    assert [captures.load(db, each or 0).wire.request_headers for each in ids] == asked
    shared = db.conn.execute("select lines from shared_headers").fetchall()
    assert [captures.headers_of(lines) for (lines,) in shared] == [common]
    seen = db.conn.execute("select lines from sent_headers order by capture_id").fetchall()
    assert [captures.headers_of(lines) for (lines,) in seen] == asked
