"""`archive import OTHER.db`: two archives of overlapping sites become the one that had crawled all of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import clinic
import clinic_archive
import deriving
import pytest
from deriving import import_files, spread
from evidence import at, capture, fill, page
from reading import opened

from columnarchive.errors import ExchangeError, StoreError, UsageError
from columnarchive.pipeline import export, import_warc, withdrawal
from columnarchive.records import Capture, Wire
from columnarchive.store import captures, hash_chain
from columnarchive.store.database import Database

REASON = "request of the person named"


def now() -> datetime:
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def visits(pages: Iterable[int], versions: Iterable[int], host: str = "clinic.example") -> list[Capture]:
    """What a crawl of one site brings, with a 304 a day after each version."""
    found = []
    for version in versions:
        for number in pages:
            url = f"https://{host}/column/{number}/"
            found.append(capture(url, at(2 * version, number), page(number, version, host)))
            found.append(capture(url, at(2 * version + 1, number), None, 304, "unchanged", headers=(("ETag", '"x"'),)))
    return found


def made(path: Path, *groups: list[Capture]) -> Path:
    with Database.open(path) as db:
        for group in groups:
            for host in sorted({one.url.split("/")[2] for one in group}):
                fill(db, [one for one in group if f"//{host}/" in one.url], host)
    return path


def merged(target: Path, *others: Path) -> import_warc.ImportSummary:
    with Database.open(target) as db:
        for other in others:
            summary = import_files(db, [other], None, lambda *_: None, now)
        clinic_archive.derive_here(db)
    return summary


def state(path: Path) -> str:
    with Database.open(path) as db:
        return clinic.as_text(clinic.state(db))


def problems(path: Path) -> list[object]:
    with Database.open(path) as db:
        return list(deriving.check(db))


def heads(path: Path) -> list[str]:
    with sqlite3.connect(path) as conn:
        return [row[0] for row in conn.execute("select link_sha256 from chain order by id")]


@pytest.fixture(scope="module")
def three_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with archives A and B of overlapping pages, times and sites, and one that holds what both hold."""
    folder = tmp_path_factory.mktemp("three")
    first = [visits(range(5), (0, 2)), visits(range(3), (0, 1), "b.example")]
    second = [visits(range(2, 8), (1, 2, 3)), visits(range(2), (0,), "c.example")]
    every = {(one.url, one.fetched_at, one.status): one for group in (*first, *second) for one in group}
    made(folder / "a.db", *first)
    made(folder / "b.db", *second)
    with Database.open(made(folder / "all.db", sorted(every.values(), key=lambda one: one.fetched_at))) as db:
        clinic_archive.derive_here(db)
    return folder


@pytest.fixture
def three(three_made: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Copies of these archives to write to."""
    a, b, every = (Path(shutil.copy(three_made / name, tmp_path)) for name in ("a.db", "b.db", "all.db"))
    return a, b, every


@pytest.fixture(scope="module")
def merged_once(three_made: Path) -> Path:
    """A with B merged into it; only to be read."""
    target = Path(shutil.copy(three_made / "a.db", three_made / "merged.db"))
    other = Path(shutil.copy(three_made / "b.db", three_made / "other.db"))
    merged(target, made(other, visits(range(9, 10), (0,))))
    return target


@pytest.mark.parametrize("order", spread(["a+b", "b+a", "new+b+a+b", "new+a+b"], 2))
def test_merging_in_any_order_equals_one_archive_of_all(
    three: tuple[Path, Path, Path], tmp_path: Path, order: str
) -> None:
    a, b, every = three
    known = [*heads(a), *heads(b)]
    names = order.split("+")
    target = tmp_path / "target.db"
    if names[0] != "new":
        shutil.copy({"a": a, "b": b}[names[0]], target)
    merged(target, *({"a": a, "b": b}[name] for name in names[1:]))
    assert state(target) == state(every)
    assert problems(target) == []
    with Database.open(target) as db:
        for head in known:
            assert hash_chain.holds(db.conn, head)
        before = db.conn.execute("select count(*) from merged_entries").fetchone()
    summary = merged(target, a, b)
    assert summary.added == 0
    with Database.open(target) as db:
        assert db.conn.execute("select count(*) from merged_entries").fetchone() == before


def test_sources_come_along_and_the_other_file_is_not_changed(three: tuple[Path, Path, Path], tmp_path: Path) -> None:
    a, b, _ = three
    with Database.open(b) as db:
        export.export_warc(db, tmp_path / "b.warc.gz", None, lambda _: None)
    with Database.open(tmp_path / "imported.db") as db:
        import_files(db, [tmp_path / "b.warc.gz"], None, lambda *_: None, now)
    before = (tmp_path / "imported.db").read_bytes()
    merged(a, tmp_path / "imported.db")
    assert (tmp_path / "imported.db").read_bytes() == before
    with Database.open(a) as db:
        sources = dict(db.conn.execute("select source, count(*) from captures group by source").fetchall())
    assert set(sources) == {"crawl", "import"}
    assert problems(a) == []


def test_the_same_response_with_other_wire_data_is_stored_once_and_both_chains_verify(tmp_path: Path) -> None:
    one = capture("https://clinic.example/column/1/", at(1), page(1))
    twin = capture("https://clinic.example/column/1/", at(1), page(1), wire=Wire(peer="198.51.100.1", seconds=2.0))
    a, b = made(tmp_path / "a.db", [one]), made(tmp_path / "b.db", [twin])
    assert merged(a, b).added == 0
    assert problems(a) == []
    with Database.open(a) as db:
        (evidence,) = db.conn.execute("select evidence from merged_entries").fetchone()
        assert "198.51.100.1" in evidence
        withdrawal.withdraw(db, one.url, "", REASON, lambda _: None)
        assert db.conn.execute("select evidence from merged_entries").fetchall() == [("",)]
    assert b"198.51.100.1" not in a.read_bytes()
    assert problems(a) == []


@pytest.mark.parametrize("where", spread(["both", "here", "there"], 1))
@pytest.mark.parametrize("what", spread(["page", "capture"], 1))
def test_what_either_archive_withdrew_is_gone_from_both(
    three: tuple[Path, Path, Path], tmp_path: Path, where: str, what: str
) -> None:
    a, b, _ = three
    url, moment = "https://clinic.example/column/3/", at(4, 3)
    for path, names in ((a, ("here", "both")), (b, ("there", "both"))):
        if where in names:
            with Database.open(path) as db:
                clinic_archive.derive_here(db)
                withdrawal.withdraw(db, url, "" if what == "page" else moment, REASON, lambda _: None)
    for order in ((a, b), (b, a)):
        target = tmp_path / f"{order[0].stem}.merged.db"
        shutil.copy(order[0], target)
        for log in order[0].parent.glob(order[0].name + "-*"):
            shutil.copy(log, target.with_name(target.name + log.name[len(order[0].name) :]))
        merged(target, order[1])
        assert problems(target) == []
        with Database.open(target) as db:
            rows = captures.of_page(db, url)
            assert rows
            assert all(row.withdrawn for row in rows if what == "page" or row.fetched_at == moment)
            lost = db.conn.execute(
                "select 1 from bodies where sha256 = ?", (capture(url, moment, page(3, 2)).body_sha256,)
            )
            assert lost.fetchone() is None
            assert REASON in {row.withdrawn_reason for row in rows}


@pytest.mark.parametrize("target", ["a", "b"])
def test_a_withdrawn_text_is_gone_under_another_address_too(tmp_path: Path, target: str) -> None:
    a = made(tmp_path / "a.db", visits(range(4), (0,)))
    copy = "https://clinic.example/old/3.html"
    b = made(
        tmp_path / "b.db", [*visits(range(3), (0,)), capture(copy, at(9), page(3).replace(b"build 0.3", b"build 7.7"))]
    )
    with Database.open(a) as db:
        clinic_archive.derive_here(db)
        withdrawal.withdraw(db, "https://clinic.example/column/3/", "", REASON, lambda _: None)
    path, other = (a, b) if target == "a" else (b, a)
    merged(path, other)
    assert problems(path) == []
    with Database.open(path) as db:
        assert all(row.withdrawn for row in captures.of_page(db, copy))
        assert not [row for row in captures.of_page(db, "https://clinic.example/column/3/") if not row.withdrawn]
        assert len(captures.of_page(db, "https://clinic.example/column/1/")) == 2


@pytest.mark.slow
def test_chains_survive_merging_twice_over(three: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """C takes B, which took A: A's head is still verified in C, and A takes C back without anything new."""
    a, b, every = three
    merged(b, a)
    c = tmp_path / "c.db"
    merged(c, b)
    assert state(c) == state(every)
    assert problems(c) == []
    with Database.open(c) as db:
        assert all(hash_chain.holds(db.conn, head) for head in (heads(a)[-1], heads(b)[0]))
    merged(a, c)
    assert problems(a) == []
    assert state(a) == state(every)


def test_an_archive_that_grew_adds_what_is_new(tmp_path: Path) -> None:
    a, b = made(tmp_path / "a.db", visits(range(2), (0,))), made(tmp_path / "b.db", visits(range(3), (1,)))
    merged(a, b)
    made(b, visits(range(4), (2,)))
    merged(a, b)
    with Database.open(a) as db:
        assert db.conn.execute("select count(*) from merged_chains").fetchone() == (1,)
        assert db.conn.execute("select count(*) from merged_links").fetchone() == (2,)
    assert problems(a) == []


ALTERATIONS = [
    "update merged_links set at = '2020-01-01T00:00:00Z' where number = 1",
    "update merged_links set entries = entries + 1 where number = 1",
    "update merged_entries set digest = replace(digest, substr(digest, 1, 1), 'x') where id = 1",
    "delete from merged_entries where id = 2",
    "update captures set status = 404 where source = 'crawl' and id = (select max(capture_id) from merged_entries)",
    "delete from merged_links where number = 1",
]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_merged_chain_is_found(merged_once: Path, tmp_path: Path, alteration: str) -> None:
    a = Path(shutil.copy(merged_once, tmp_path))
    with sqlite3.connect(a) as conn:
        conn.execute("pragma foreign_keys = off")
        conn.execute(alteration)
    assert problems(a)


@pytest.mark.parametrize("kind", ["itself", "link to itself", "other database", "altered", "without bodies", "text"])
def test_what_cannot_be_merged_is_one_sentence(three: tuple[Path, Path, Path], tmp_path: Path, kind: str) -> None:
    a, b, _ = three
    other = {"itself": a, "altered": b}.get(kind, tmp_path / "other.db")
    if kind == "link to itself":
        other.symlink_to(a)
    elif kind == "other database":
        with sqlite3.connect(other) as conn:
            conn.execute("create table notes(text)")
    elif kind == "altered":
        with sqlite3.connect(b) as conn:
            conn.execute("update captures set status = 500 where id = 1")
    elif kind == "without bodies":
        from columnarchive.pipeline.export import ExportRequest, export

        with opened(b) as conn:
            export(conn, ExportRequest("sqlite", other, without_bodies=True))
    elif kind == "text":
        other.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with Database.open(a) as db:
        before = hash_chain.head(db.conn)
        with pytest.raises((UsageError, StoreError, ExchangeError)):
            import_files(db, [other], None, lambda *_: None, now)
        assert hash_chain.head(db.conn) == before
