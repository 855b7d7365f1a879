"""Search with absurd input: an answer in time that grows with the input, never an error of SQLite or Python."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import deriving
import pytest
from evidence import archive, at, capture, fill, page
from reading import opened

from columnarchive.archive import Archive
from columnarchive.errors import NotFound
from columnarchive.search import MAX_ITEMS, Scope, parse
from columnarchive.search.fold import FOLDS, fold
from columnarchive.search.snippets import FUNCTIONS, MAX_TEXT, highlights, snippet
from columnarchive.store.search import search

UNITS = ["痛み", "み\n", "a\n", "0", "2025年", "令和", "Q1.", "（", ",", "ｶﾞ", "e\u0301", "\u3099", "𠮷", "\u200b"]
QUERIES = [
    "site:a " * 600, "site:" + "a" * 60_000, "OR " * 5000, '"' * 9999, "-" * 9999, "a -" * 3000, "title:" * 2000,
    "since:0000 until:9999-99-99", "since:99999", "\ud800" * 50, "\x00" * 50, "(" * 4000, "*" * 50, "斎" * 3000,
    'NEAR("a" "b", 99999999)', "text : x AND {title} : y", "\U0010ffff\ufffe" * 20, "痛み OR " * 400,
]  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A derived archive."""
    with archive(tmp_path_factory.mktemp("search"), pages=4, versions=1) as db:
        deriving.derive(db)
        return db.path


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("scope", ["all", "current", "removed"])
def test_every_query_is_answered(path: Path, query: str, scope: Scope) -> None:
    with opened(path) as conn:
        assert search(conn, parse(query, FOLDS), scope).total >= 0
    assert len(parse(query).terms) <= MAX_ITEMS


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("work", [highlights, snippet, lambda text, _: parse(text)])
@pytest.mark.slow
def test_work_grows_with_the_text(unit: str, work: Callable[..., object]) -> None:
    query = parse(f'{unit} "{unit}{unit}" "{unit * 30}" x')

    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        begin = time.process_time()
        work(text, query)
        return time.process_time() - begin

    cost(1000)
    assert cost(160_000) < 40 * cost(20_000) + 0.2


@pytest.mark.parametrize("unit", ["00", "6161", "E38182", "F09F9982"])
def test_sql_functions_bound_what_a_statement_hands_in(path: Path, unit: str) -> None:
    conn = sqlite3.connect(path)
    for entry in FUNCTIONS:
        conn.create_function(*entry, deterministic=True)
    begin = time.process_time()
    text = f"replace(hex(zeroblob(3000000)), '00', cast(x'{unit}' as text))"
    conn.execute(f"select ja_snippet({text}, '0'), length(ja_highlight({text}, 'a')), ja_query(substr({text}, 1, 99))")
    (marked, plain) = conn.execute(f"select length(ja_highlight({text}, '\u3042')), length({text})").fetchone()
    assert plain <= marked <= plain + 2 * MAX_TEXT
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("query", ["肩 site:nowhere.example", "site:nowhere", "肩 -site:b.example", 'site:"no where"'])
def test_a_site_that_is_not_followed_is_an_error(path: Path, query: str) -> None:
    with Archive.open(path) as opened, pytest.raises(NotFound, match="no site"):
        opened.search(query)


@pytest.mark.parametrize("query", ["肩 site:clinic.example", "肩 site:CLINIC.example", "site:ｃｌｉｎｉｃ.example"])
def test_a_site_is_named_in_any_case_and_width(path: Path, query: str) -> None:
    with Archive.open(path) as opened:
        assert opened.search(query).total


# Cut where two lines meet, with what no reader sees, and in other forms of the same characters.
@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("椎間板<br>ヘルニアの話です", "椎間板ヘルニア"),
        ("stem<br>cell の話です", '"stem cell"'),
        ("椎\u200b間&shy;板\ufeffヘルニアの話です", "椎間板ヘルニア"),
        ("ビタミン\u2011Dの話です", "ビタミン-d"),
        ("体温は\u22122度の話です", "-2度の話"),
        ("葛\U000e0100根湯の話です", "葛根湯"),
        ("\u2ed1\u671f\u306e\u2f9dの話です", "長期の身"),
        ("\uf9a8和の話です", "令和"),
    ],
)
def test_what_a_reader_sees_is_found_and_marked_whole(tmp_path: Path, body: str, query: str) -> None:
    with archive(tmp_path, pages=4, versions=1) as db:
        text = page(9).replace(b"</h1>", f"</h1><p>{body}、と院長が書きました。</p>".encode())
        fill(db, [capture("https://clinic.example/column/9/", at(1), text)])
        deriving.derive(db)
        (hit,) = search(db.conn, parse(f'"{query}"' if query.startswith("-") else query)).hits
    assert hit.url.endswith("/9/")
    ((start, end),) = hit.highlights
    assert fold(hit.snippet[start:end]) == fold(query.strip('"'))
    assert "\ufffd" not in hit.snippet


@pytest.mark.parametrize("length", [3, 40, 130, 400])
@pytest.mark.parametrize("place", [0, 60, 119, 500])
def test_a_snippet_never_cuts_a_match(length: int, place: int) -> None:
    needle = "免疫" * length
    text = "あ" * place + needle + "い" * 70 + needle + "う" * 300
    shown = snippet(text, parse(needle))
    assert shown.highlights
    assert all(shown.text[start:end] == needle for start, end in shown.highlights)
    assert shown.text.count("免") == length * len(shown.highlights)
