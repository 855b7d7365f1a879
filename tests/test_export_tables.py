"""Exported tables, read back by csv, pandas, DuckDB and a spreadsheet's rules, equal the database."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import clinic_archive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import opened

from columnarchive.errors import ExchangeError, NotFound, UsageError
from columnarchive.exchange import tables
from columnarchive.exchange.tables import Column, Table
from columnarchive.pipeline.export import ExportRequest
from columnarchive.pipeline.export import export as publish
from columnarchive.store.database import Database

Rows = list[dict[str, Any]]
TABLES = ("articles", "revisions", "changes", "edits")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clinic_archive.path(tmp_path_factory)


def export(db: Path, **wanted: Any) -> str:
    with opened(db) as conn:
        return str(publish(conn, ExportRequest(**wanted)))


def stored(db: Path, table: str) -> Rows:
    """What plain sqlite3 finds, by the names that exports use."""
    conn = sqlite3.connect(db)
    conn.row_factory = sqlite3.Row
    queries = {
        "articles": "select * from articles order by url",
        "revisions": """select a.url as url, a.site, r.*, 'crawl' as source, (
                select group_concat(text, char(10)) from (select text from revision_passages join passages
                on passages.id = passage_id where revision_id = r.id order by position)) as text
            from revisions r join articles a on a.id = article_id order by a.url, number""",
        "changes": """select a.url, a.site, a.title, from_number as "from", to_number as "to", c.after_at, c.seen_at,
                c.level, c.labels, added_chars, removed_chars, summary, '' as review, '' as note, '' as initials
            from changes c join articles a on a.id = article_id order by seen_at, url, to_number""",
        "edits": """select a.url, a.site, from_number as "from", to_number as "to", c.seen_at, e.position, e.op,
                e.old_text as old, e.new_text as new, e.level, e.labels
            from edits e join changes c on c.id = change_id join articles a on a.id = article_id
            order by seen_at, url, to_number, position""",
    }
    rows = [dict(row) for row in conn.execute(queries[table])]
    for row in rows:
        if "labels" in row:
            row["labels"] = json.loads(row["labels"])
    return rows


def documented(table: str) -> list[str]:
    """A table's columns as README names them."""
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
    section = readme.split("Columns of the tables: ")[1].split("For SQL")[0]
    if table == "changes":  # the keys of `changes --json`
        section = readme.split("### JSON keys")[1]
        return re.findall(r"\w+", section.split("- `changes`: `")[1].split("`")[0])
    return re.findall(r"\w+", section.split(f"`{table}`")[1].split("`")[1])


def same(found: Rows, expected: Rows, table: str) -> None:
    """Every row and every documented column equals the stored one, and there is no other."""
    named = documented(table)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert list(one) == named
        assert one == {key: other[key] for key in named}


@pytest.mark.parametrize("table", TABLES)
def test_json_lines_equal_the_database(db: Path, tmp_path: Path, table: str) -> None:
    said = export(db, format="jsonl", out=tmp_path / "all")
    assert f"{len(stored(db, 'articles'))} articles" in said
    lines = (tmp_path / "all" / f"{table}.jsonl").read_bytes().decode("utf-8").split("\n")
    same([json.loads(line) for line in lines if line], stored(db, table), table)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("raw", [False, True])
def test_csv_equals_the_database(db: Path, tmp_path: Path, table: str, raw: bool) -> None:
    export(db, format="csv", out=tmp_path / "x.CSV", table=table, raw=raw)
    data = (tmp_path / "x.CSV").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") is not raw
    assert data.count(b"\r\n") >= 2
    csv.field_size_limit(10_000_000)
    found = list(csv.DictReader((tmp_path / "x.CSV").open(encoding="utf-8-sig", newline="")))
    expected = [
        {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in row.items()}
        for row in stored(db, table)
    ]
    if not raw:
        for row in expected:
            row |= {key: "'" + value for key, value in row.items() if value[:1] in tuple("=+-@\t\r\n＝＋－＠")}
    same(list(found), expected, table)


@pytest.mark.parametrize("table", TABLES)
def test_parquet_equals_the_database_in_pandas_and_duckdb(db: Path, tmp_path: Path, table: str) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `formats`")
    pandas = pytest.importorskip("pandas", reason="pandas not installed, as one of the readers")
    duckdb = pytest.importorskip("duckdb", reason="DuckDB not installed, as one of the readers")
    export(db, format="parquet", out=tmp_path, table="")
    path = tmp_path / f"{table}.parquet"
    frame = pandas.read_parquet(path)
    rows = [
        {key: list(value) if key == "labels" else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]
    same(rows, stored(db, table), table)
    relation = duckdb.connect().execute("select * from read_parquet(?)", [str(path)])
    names = [column[0] for column in relation.description]
    same([dict(zip(names, row, strict=True)) for row in relation.fetchall()], stored(db, table), table)


def test_duckdb_reads_json_lines(db: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB not installed, as one of the readers")
    export(db, format="jsonl", out=tmp_path / "changes.jsonl", table="changes")
    (count,) = (
        duckdb.connect()
        .execute(
            "select count(*) from read_json(?) where list_contains(labels, 'price')", [str(tmp_path / "changes.jsonl")]
        )
        .fetchone()
    )
    assert count == sum("price" in row["labels"] for row in stored(db, "changes")) > 0


@given(st.text())
def test_no_cell_begins_like_a_formula(text: str) -> None:
    safe = tables.harmless(text)
    assert not safe or safe[0] not in "=+-@\t\r\n＝＋－＠"
    assert safe.removeprefix("'") == text.removeprefix("'") or safe == text


@pytest.mark.parametrize("sign", ["あ", "a", "\U0001f600"])
def test_a_cell_too_long_for_excel_says_so_and_raw_keeps_it(tmp_path: Path, sign: str) -> None:
    text = sign * 40_000
    path = tmp_path / "x.csv"

    def table() -> Table:
        return Table("x", (Column("text"),), [(text,), ("=1+1",)])

    assert tables.write_csv(path, table()) == tables.Written(2, 1)
    _, (cell,), (formula,) = csv.reader(path.open(encoding="utf-8-sig", newline=""))
    assert len(cell.encode("utf-16-le")) // 2 <= 32_767
    assert cell.endswith(tables.CUT)
    assert text.startswith(cell.removesuffix(tables.CUT))
    assert formula == "'=1+1"
    assert tables.write_csv(path, table(), raw=True) == tables.Written(2, 0)
    assert list(csv.reader(path.open(encoding="utf-8", newline="")))[1:] == [[text], ["=1+1"]]


def test_a_site_alone_and_unknown_names(db: Path, tmp_path: Path) -> None:
    export(db, format="jsonl", out=tmp_path / "x.jsonl", site="aozora-clinic.example")
    assert len((tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()) == len(stored(db, "articles"))
    with pytest.raises(NotFound, match="no site"):
        export(db, format="jsonl", out=tmp_path / "y.jsonl", site="other")
    for wrong in (
        {"format": "pdf"},
        {"format": "csv", "table": "bodies"},
        {"format": "atom", "table": "changes"},
        {"format": "jsonl", "raw": True},
        {"format": "csv", "without_bodies": True},
        {"format": "sqlite", "site": "aozora-clinic.example"},
    ):
        with pytest.raises(UsageError):
            export(db, out=tmp_path / "y", **wrong)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl"]


def test_memory_stays_flat_however_much_is_exported(tmp_path: Path) -> None:
    """60 MB of text go out within a few MB."""
    path = tmp_path / "a.db"
    with Database.open(path) as db, db.transaction():
        db.conn.execute("insert into sites(name) values ('s')")
        for number in range(1_500):
            db.conn.execute(
                "insert into articles(id, site, url, text, revisions) values (?, 's', ?, ?, 1)",
                (number + 1, f"https://s/{number:05}", f"{number}免疫" * 3_000),
            )
    for wanted in (ExportRequest("jsonl", tmp_path / "x.jsonl"), ExportRequest("csv", tmp_path / "x.csv")):
        with opened(path) as conn:
            tracemalloc.start()
            publish(conn, wanted)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert wanted.out.stat().st_size > 1_500 * 18_000
        assert peak < 3_000_000


def test_an_export_sees_one_moment(db: Path, tmp_path: Path) -> None:
    """What a crawl commits while an export runs is in none of its tables."""
    path = clinic_archive.copied(db, tmp_path / "a.db")

    def remove(done: int, _table: str) -> None:
        if done == 1:
            other = sqlite3.connect(path)
            other.execute("delete from edits")
            other.commit()
            other.close()

    with opened(path) as conn:
        publish(conn, ExportRequest("jsonl", tmp_path / "out"), remove)
    assert len((tmp_path / "out" / "edits.jsonl").read_text(encoding="utf-8").splitlines()) == len(stored(db, "edits"))


def test_a_folder_or_a_missing_library_is_said_in_a_sentence(db: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(ExchangeError, match="is a folder"):
        export(db, format="csv", out=tmp_path / "x.csv")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExchangeError, match="cannot be written"):
        export(db, format="csv", out=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
