"""The query language, its FTS expressions, and that no input is an error."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_search_truth import Row, archive, fold_by_definition

from columnarchive.search import Query, Term, parse, to_fts
from columnarchive.search.fold import FOLDS, index_tokens
from columnarchive.search.snippets import FUNCTIONS, escape_fts, ja_highlight, ja_query, ja_snippet
from columnarchive.store import search


def texts(query: Query) -> list[list[str]]:
    """The terms of each group."""
    return [[("title:" if term.in_title else "") + term.text for term in group] for group in query.groups]


@pytest.mark.parametrize(
    ("q", "groups"),
    [
        ("再生医療 iPS細胞", [["再生医療"], ["ips細胞"]]),
        ("再生医療　ＩＬ－１０", [["再生医療"], ["il-10"]]),
        ('"再生 医療"', [["再生 医療"]]),
        ("“再生 医療”", [["再生 医療"]]),
        ('"再生 医療', [["再生 医療"]]),
        ('5" 管', [['5"'], ["管"]]),
        ('"', [['"']]),
        ('""', []),
        ('" "', [[" "]]),
        ("a OR b c", [["a", "b"], ["c"]]),
        ("a b OR c OR d", [["a"], ["b", "c", "d"]]),
        ("OR a OR", [["or"], ["a"], ["or"]]),
        ("a OR -b", [["a"], ["or"]]),
        ("a or b", [["a"], ["or"], ["b"]]),
        ("a AND b", [["a"], ["and"], ["b"]]),
        ("title:免疫 title：療法", [["title:免疫"], ["title:療法"]]),
        ('TITLE:"免疫 療法" x', [["title:免疫 療法"], ["x"]]),
        ("title:", [["title:"]]),
        ("since:明日 until:", [["since:明日"], ["until:"]]),
        ("https://example.jp/?a=1", [["https://example.jp/?a=1"]]),
        ("(a) NEAR b* ^c {d}", [["(a)"], ["near"], ["b*"], ["^c"], ["{d}"]]),
        ("-", [["-"]]),
        ("a -", [["a"], ["-"]]),
        ("", []),
        ("　\n", []),
    ],
)
def test_words_phrases_and_text(q: str, groups: list[list[str]]) -> None:
    assert texts(parse(q)) == groups


def test_exclusions_sites_and_days() -> None:
    query = parse('免疫 -広告 -"再生 医療" －title:癌 site:a.example -site:B.example since:2024 until:2025-02')
    assert texts(query) == [["免疫"]]
    assert [term.text for term in query.excluded] == ["広告", "再生 医療", "癌"]
    assert query.excluded[2].in_title
    assert (query.sites, query.excluded_sites) == (("a.example",), ("b.example",))
    assert (query.since, query.until) == ("2024-01-01", "2025-02-28")
    assert (parse("since:2024年4月1日").since, parse("until:2024/4").until) == ("2024-04-01", "2024-04-30")
    assert parse("since:2024-13").since == parse("since:2024-02-30").since == ""


def test_what_is_empty() -> None:
    assert parse(' "" ').is_empty
    assert not parse("-広告").is_empty
    assert not parse("site:a").is_empty
    assert to_fts(parse("-広告 site:a")) == ""
    assert ja_query("-広告") == ja_query("") == ja_query(None) == '""'  # an FTS5 expression that matches nothing


def test_expressions() -> None:
    assert to_fts(parse("再生医療")) == '("再生 生医 医療")'
    assert to_fts(parse("癌 a OR title:bc -医療")) == '(("癌" *) AND ("a" * OR title : "bc")) NOT ("医療")'
    assert to_fts(parse("医療"), "current") == '{text title} : (("医療"))'
    assert to_fts(parse("医療"), "removed") == '(("医療")) NOT ({text title} : (("医療")))'


ROWS = [
    Row(
        1, "京都の再生医療", 'ｲﾝｽﾘﾝ注射は98,000円です。\nIL-10とTGF-β。「効果」 a"b', "根本治療できます。", "2024-05-01"
    ),
    Row(2, "東京都の案内", "東京都です。iPS細胞 根本治療\n再生\n医療", "", "2025-05-01"),
    Row(3, "", "", "", ""),
]
CONN = archive(ROWS)
TEXT = st.text(
    st.one_of(
        st.sampled_from("\"“”＂-－ 　:：()*^{}+/\\'%_\n\t\0東京都再生医療ガカｶﾞﾞﾟ㍿ﬃİß゙ͅ\ufdd0\uffff"), st.characters()
    )
)
WORDS = st.lists(st.one_of(TEXT, st.sampled_from(["OR", "-", "title:", "site:", "since:2024", '"', "再生", "円"])))


@given(WORDS.map(" ".join), st.sets(st.sampled_from(FOLDS)), st.sampled_from(["all", "current", "removed"]))
@settings(max_examples=400)
def test_no_string_is_an_error(q: str, folds: set[str], scope: search.Scope) -> None:
    query = parse(q, sorted(folds))  # type: ignore[arg-type]
    result = search.search(CONN, query, scope, limit=5)
    assert result.total == search.count(CONN, query, scope) >= len(result.hits)
    assert isinstance(escape_fts(q), str)
    assert ja_highlight(ROWS[0].text, q, "", "") == ROWS[0].text
    assert isinstance(ja_snippet(ROWS[0].text, q), str)


@given(TEXT, TEXT)
@settings(max_examples=300)
def test_the_index_agrees_with_the_definition_on_odd_text(text: str, piece: str) -> None:
    text, piece = (s.encode("utf-8", "replace").decode() for s in (text, piece))
    said, wanted = fold_by_definition(text), fold_by_definition(piece)
    conn = sqlite3.connect(":memory:")
    conn.execute("create virtual table t using fts5(x, content='', columnsize=0, tokenize='ascii')")
    conn.execute("insert into t(rowid, x) values (1, ?)", (index_tokens(text),))
    for sought in {wanted, wanted[:1], *(said[i : i + 3] for i in range(0, len(said), 2))} - {""}:
        if any(0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE or c == "\ufffd" for c in sought):
            continue  # noncharacters are no text: all of them are taken for U+FFFD
        (found,) = conn.execute("select count(*) from t(?)", (to_fts(Query(groups=((Term(sought),),))),)).fetchone()
        assert found == any(sought in line for line in said.split("\n"))


def test_sql_functions() -> None:
    conn = archive(ROWS)
    for name, arguments, function in FUNCTIONS:
        conn.create_function(name, arguments, function, deterministic=True)
    ask = "select rowid from articles_fts where articles_fts match escape_fts(?) order by rowid"
    assert conn.execute(ask, ("根本治療",)).fetchall() == [(1,), (2,)]
    assert conn.execute(ask, ("",)).fetchall() == []
    assert (
        conn.execute("select ja_highlight(text, ?) from articles where id = 1", ("インスリン",))
        .fetchone()[0]
        .startswith("【ｲﾝｽﾘﾝ】注射")
    )
    assert conn.execute("select ja_highlight(null, 'a'), ja_highlight(5, 5, '<', '>')").fetchone() == ("", "<5>")
