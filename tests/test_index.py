"""The index in step with the articles: written, taken out, checked, rebuilt; safe from other tools."""

from __future__ import annotations

import sqlite3

import pytest
import sqlite_utils
from test_search_truth import Row, archive

from columnarchive.search import parse, to_fts
from columnarchive.store import fulltext
from columnarchive.store.fulltext import Mismatch

ROWS = [
    Row(1, "京都の再生医療", "ｲﾝｽﾘﾝ注射は98,000円です。\nIL-10とTGF-β。", "根本治療できます。", "2024-05-01"),
    Row(2, "東京都の案内", "東京都です。iPS細胞 根本治療", "", "2025-05-01"),
]


@pytest.fixture
def conn() -> sqlite3.Connection:
    return archive(ROWS)


def found(conn: sqlite3.Connection, q: str) -> list[int]:
    """The rows that plain sqlite3 finds."""
    return [row[0] for row in conn.execute("select rowid from articles_fts(?) order by rowid", (to_fts(parse(q)),))]


def test_a_row_taken_out_is_found_no_more(conn: sqlite3.Connection) -> None:
    assert found(conn, "根本治療") == [1, 2]
    fulltext.delete(conn, 1, ROWS[0].title, ROWS[0].text, ROWS[0].removed_text)
    assert found(conn, "根本治療") == [2]
    assert fulltext.verify(conn) == [Mismatch(1, "missing")]
    fulltext.insert(conn, 1, ROWS[0].title, ROWS[0].text, ROWS[0].removed_text)
    assert fulltext.verify(conn) == []


def test_verify_finds_what_the_integrity_check_of_sqlite_does_not(conn: sqlite3.Connection) -> None:
    fulltext.insert(conn, 9, "幽霊", "もう無い記事", "")
    conn.execute("update articles set text = replace(text, '東京都です', '京東都です') where id = 2")
    conn.execute("insert into articles_fts(articles_fts) values ('integrity-check')")
    assert fulltext.verify(conn) == [Mismatch(2, "different"), Mismatch(9, "stale")]


def test_the_column_of_a_token_counts(conn: sqlite3.Connection) -> None:
    fulltext.delete(conn, 2, ROWS[1].title, ROWS[1].text, "")
    fulltext.insert(conn, 2, ROWS[1].text, ROWS[1].title, "")
    assert fulltext.verify(conn) == [Mismatch(2, "different")]


def test_another_token_version_is_rebuilt_whole(conn: sqlite3.Connection) -> None:
    assert not fulltext.is_current(conn)
    assert fulltext.ensure_current(conn)
    assert not fulltext.ensure_current(conn)
    conn.execute("update meta set value = 'older' where key = ?", (fulltext.VERSION_KEY,))
    fulltext.insert(conn, 9, "幽霊", "もう無い記事", "")
    assert fulltext.ensure_current(conn)
    assert fulltext.verify(conn) == []
    assert found(conn, "98,000円") == [1]


def test_a_new_archive_needs_no_rebuilding() -> None:
    conn = archive([])
    assert fulltext.is_current(conn)
    assert not fulltext.ensure_current(conn)


def test_one_transaction_holds_article_and_index(conn: sqlite3.Connection) -> None:
    conn.execute("begin")
    conn.execute("delete from articles where id = 1")
    fulltext.delete(conn, 1, ROWS[0].title, ROWS[0].text, ROWS[0].removed_text)
    conn.execute("rollback")
    assert fulltext.verify(conn) == []


def test_plain_sqlite_can_use_it(conn: sqlite3.Connection) -> None:
    hits = conn.execute(
        "select a.title from articles a join articles_fts f on f.rowid = a.id where articles_fts match ?",
        ('"根本 本治"',),
    )
    assert len(hits.fetchall()) == 2


def test_sqlite_utils_sees_the_index_and_cannot_break_it(conn: sqlite3.Connection) -> None:
    table = sqlite_utils.Database(conn)["articles"]
    assert table.detect_fts() == "articles_fts"  # type: ignore[union-attr]
    with pytest.raises(sqlite3.DatabaseError):
        table.rebuild_fts()  # type: ignore[union-attr]
    table.optimize()  # type: ignore[union-attr]
    assert fulltext.verify(conn) == []


def test_verify_on_a_read_only_connection(tmp_path: pytest.TempPathFactory) -> None:
    path = f"{tmp_path}/archive.db"
    archive(ROWS, path).close()
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    conn.execute("pragma query_only = on")
    assert fulltext.verify(conn) == []
    assert conn.execute("pragma query_only").fetchone() == (1,)
