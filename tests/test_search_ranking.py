"""The order of hits that people agree with, scopes, filters, and what a hit tells."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from test_search_truth import Row, archive

from columnarchive.extract.saved_pages import read_pages
from columnarchive.search import parse
from columnarchive.search.snippets import word
from columnarchive.store import search


def order(conn: sqlite3.Connection, q: str, scope: search.Scope = "all", **narrow: str) -> list[int]:
    """The ids of the hits, best first."""
    result = search.search(conn, parse(q), scope, limit=10_000, **narrow)
    assert result.total == len(result.hits) == search.count(conn, parse(q), scope, **narrow)
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))
    return [int(hit.url.rsplit("/", 1)[1]) for hit in result.hits]


ROWS = [
    Row(1, "案内", "東京都の話。東京都、東京都、東京都。", "", "2025-01-01"),
    Row(2, "案内", "今は別の話。", "京都の話。", "2025-02-01"),
    Row(3, "案内", "京都の話。", "", "2023-01-01"),
    Row(4, "案内", "京都の話。", "", "2024-01-01"),
    Row(5, "京都の案内", "話。", "", "2022-01-01"),
    Row(6, "案内", "京都の話。京都と京都。", "", "2021-01-01"),
    Row(7, "東京都の案内", "話。", "", "2025-03-01"),
]
EXPECTED = [5, 6, 4, 3, 7, 1, 2]
CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "sites"


def test_title_then_whole_words_then_parts_then_removed() -> None:
    assert order(archive(ROWS), "京都") == EXPECTED


@pytest.mark.parametrize("others", [200, 1200, 3200])
def test_the_same_in_every_size_of_result(others: int) -> None:
    """A thousand articles about 東京都 do not push 京都 off the first page."""
    crowd = [Row(100 + n, "案内", f"東京都の話{n}。", "", f"2025-{1 + n % 12:02}-15") for n in range(others)]
    far = [Row(100 + others + n, "他", f"別の話{n}。", "", "2020-01-01") for n in range(others // 2)]
    conn = archive([*ROWS, *crowd, *far])
    found = order(conn, "京都")
    assert set(found[:4]) == {3, 4, 5, 6}
    assert found[0] == 5
    assert found[-1] == 2
    pages = [
        hit.url for at in range(0, 210, 30) for hit in search.search(conn, parse("京都"), limit=30, offset=at).hits
    ]
    assert [int(url.rsplit("/", 1)[1]) for url in pages] == found[:210]


def test_a_title_that_is_the_query_comes_first() -> None:
    titles = ["ユングの人生", "心理学とユング", "ユング", "スキナー"]
    conn = archive([Row(n, title, "ユング、ユング。" * (4 - n), "", "") for n, title in enumerate(titles, 1)])
    assert order(conn, "ユング")[:3] == [3, 1, 2]


def real_columns() -> list[tuple[str, Row]]:
    """The column pages of the real sites, by their file."""
    found: list[tuple[str, Row]] = []
    for site in sorted(CORPUS.iterdir()):
        files = [(path.relative_to(CORPUS).as_posix(), path.read_bytes(), "") for path in sorted(site.rglob("*.html"))]
        listed = json.loads((site / "manifest.json").read_text(encoding="utf-8"))["columns"]
        columns = {f"{site.name}/{file}" for file in listed}
        for page in read_pages(files, files):
            if page.url in columns and page.article:
                said = page.article
                found.append((page.url, Row(len(found) + 1, said.title, said.text, "", said.published_on)))
    return found


@pytest.mark.skipif(not CORPUS.exists(), reason="needs the real sites of ../shared/corpus")
def test_judged_queries_keep_their_first_hit() -> None:
    columns = real_columns()
    conn = archive([row for _, row in columns])
    files = {f"https://example.jp/{row.id}": file for file, row in columns}
    judged = json.loads((Path(__file__).parent / "gold" / "search_queries.json").read_text(encoding="utf-8"))
    first = {q: [files[hit.url] for hit in search.search(conn, parse(q), limit=1).hits] for q in judged}
    assert first == {q: [file] for q, file in judged.items()}
    assert len(judged) >= 60


def test_scopes() -> None:
    conn = archive(ROWS)
    assert order(conn, "京都", "current") == EXPECTED[:-1]
    assert order(conn, "京都", "removed") == [2]
    (hit,) = search.search(conn, parse("京都"), "removed").hits
    assert hit.removed
    assert (hit.snippet, hit.highlights) == ("京都の話。", ((0, 2),))
    assert order(conn, "今は -京都") == []
    assert order(conn, "今は -京都", "current") == [2]
    assert sorted(order(conn, "-京都")) == []
    assert sorted(order(conn, "-京都の話")) == [5, 7]
    assert order(conn, "-京都", "removed") == []


def test_sites_and_days() -> None:
    conn = archive([replace(row, published_on="" if row.id == 3 else row.published_on) for row in ROWS])
    conn.execute("insert into sites(name, start_url) values ('kyoto', 'https://www.kyoto.example/column/')")
    conn.execute("update articles set site = 'kyoto' where id in (4, 5)")
    conn.execute("update articles set first_seen_at = '2025-06-30T15:30:00Z' where id = 3")
    assert order(conn, "京都 site:kyoto") == order(conn, "京都 site:kyoto.example") == [5, 4]
    assert order(conn, "京都", site="Kyoto") == [5, 4]
    assert order(conn, "京都 -site:kyoto", "current") == [6, 3, 7, 1]
    assert order(conn, "京都 since:2025-07-01") == [3]  # first seen at half past midnight in Japan
    assert order(conn, "京都 until:2022") == [5, 6]
    assert order(conn, "京都", since="2024-01-01", until="2024-12-31") == [4]
    assert order(conn, "site:kyoto") == [4, 5]
    assert order(conn, "", site="kyoto") == [4, 5]


def test_a_hit_tells_since_when_and_until_when_it_was_said() -> None:
    conn = archive(ROWS)
    conn.executemany(
        """insert into sentences(article_id, position, text, since_at, since_revision, until_at, is_present)
           values (?, ?, ?, ?, ?, ?, ?)""",
        [
            (2, 0, "今は別の話。", "2025-01-02T00:00:00Z", 3, "", 1),
            (2, 0, "京都の話。", "2024-01-02T00:00:00Z", 2, "2024-12-31T00:00:00Z", 0),
        ],
    )
    (hit,) = search.search(conn, parse("京都"), "removed").hits
    assert (hit.revision, hit.said_from, hit.said_until) == (2, "2024-01-02T00:00:00Z", "2024-12-31T00:00:00Z")
    (hit,) = search.search(conn, parse("別の話")).hits
    assert (hit.revision, hit.said_from, hit.said_until) == (3, "2025-01-02T00:00:00Z", "")


def test_a_word_is_whole_beside_another_script_and_not_beside_a_compatibility_kanji() -> None:
    assert word("京都").wholeness("京都가") == 2
    assert word("京都").wholeness("京都\ufa10") == 1


def test_folds_find_other_spellings() -> None:
    conn = archive([Row(1, "", "がんの治療。サーバの話。", "", ""), Row(2, "", "齋藤先生", "", "")])
    assert order(conn, "ガン") == []
    assert [hit.url[-1] for hit in search.search(conn, parse("ガン サーバー", ("kana", "long_vowels"))).hits] == ["1"]
    (hit,) = search.search(conn, parse("斎藤", ("kanji",))).hits
    assert hit.highlights == ((0, 2),)


def test_a_common_character_in_many_articles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MANY", 100)
    rows = [Row(n, "題" if n % 50 == 0 else "他", f"題の話{n}。", "", f"20{10 + n % 10}-01-01") for n in range(1, 400)]
    conn = archive(rows)
    result = search.search(conn, parse("題"))
    assert not result.exact
    assert 300 <= result.total <= 399
    assert [hit.title for hit in result.hits] == ["題"] * 7 + ["他"] * 13
    assert search.count(conn, parse("題")) == 399
