"""Search with absurd input: an answer in time that grows with the input, never an error of SQLite or Python."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from evidence import archive

from columnarchive import reader
from columnarchive.pipeline import derive
from columnarchive.search.query import MAX_ITEMS, Scope, parse
from columnarchive.search.snippets import highlights, snippet
from columnarchive.search.spelling_variants import FOLDS
from columnarchive.search.sql_functions import FUNCTIONS, MAX_TEXT
from columnarchive.store.search import search

UNITS = ["痛み", "0", "2025年", "令和", "Q1.", "（", ",", "ｶﾞ", "e\u0301", "\u3099", "𠮷", "\u200b"]
QUERIES = [
    "site:a " * 600, "site:" + "a" * 60_000, "OR " * 5000, '"' * 9999, "-" * 9999, "a -" * 3000, "title:" * 2000,
    "since:0000 until:9999-99-99", "since:99999", "\ud800" * 50, "\x00" * 50, "(" * 4000, "*" * 50, "斎" * 3000,
    'NEAR("a" "b", 99999999)', "text : x AND {title} : y", "\U0010ffff\ufffe" * 20, "痛み OR " * 400,
]  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A derived archive."""
    with archive(tmp_path_factory.mktemp("search"), pages=4, versions=1) as db:
        derive.derive(db)
        return db.path


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("scope", ["all", "current", "removed"])
def test_every_query_is_answered(path: Path, query: str, scope: Scope) -> None:
    with reader.opened(path) as conn:
        assert search(conn, parse(query, FOLDS), scope).total >= 0
    assert len(parse(query).terms) <= MAX_ITEMS


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("work", [highlights, snippet, lambda text, _: parse(text)])
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
