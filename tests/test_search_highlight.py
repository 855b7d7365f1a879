"""Folding with offsets, highlights and snippets: what is marked is what was matched."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_search_query import TEXT

from columnarchive.search import parse
from columnarchive.search.fold import clusters, fold, fold_with_offsets, variants
from columnarchive.search.snippets import highlights, needles, snippet, word


@given(TEXT)
@settings(max_examples=500)
def test_offsets_give_the_same_fold_and_cover_the_text(text: str) -> None:
    folded = fold_with_offsets(text)
    assert folded.text == fold(text)
    assert len(folded.starts) == len(folded.ends) == len(folded.text)
    assert "".join(text[start:end] for start, end in clusters(text)) == text
    assert list(folded.starts) == sorted(folded.starts)


def test_every_character_folds_alone_as_in_a_text() -> None:
    """Each character after a letter, a kana and a Hangul syllable: clusters join whatever normalising may join."""
    characters = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co", "Lo")]
    characters += [chr(c) for c in (*range(0x1100, 0x1200), *range(0x3041, 0x3100), *range(0xFF61, 0xFFDD))]
    for before in "aか가ᄀ":
        for character in characters:
            text = before + character
            if fold_with_offsets(text).text != fold(text):
                pytest.fail(f"{text!r}")


@given(TEXT, st.integers(0, 30), st.integers(1, 20), TEXT)
@settings(max_examples=300)
def test_highlights_lie_on_what_matches(text: str, at: int, length: int, other: str) -> None:
    piece = text[at : at + length].split("\n")[0]
    for q in (f'"{piece}"', other):
        query = parse(q)
        wanted = needles(query)
        spans = highlights(text, query)
        assert all(any(needle in fold(text[start:end]) for needle in wanted) for start, end in spans)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        shown = snippet(text, query)
        assert "\n" not in shown.text
        assert all(0 <= start < end <= len(shown.text) for start, end in shown.highlights)
        if any(needle in line for needle in wanted for line in fold(text).split("\n") if needle):
            assert spans
            assert shown.highlights


@pytest.mark.parametrize(
    ("text", "q", "marked"),
    [
        ("ｲﾝｽﾘﾝ注射", "インスリン", ["ｲﾝｽﾘﾝ"]),
        ("㈱再生は株を", "株", ["㈱", "株"]),
        ("ＩＬ－１０とIL-10", "il-10", ["ＩＬ－１０", "IL-10"]),
        ("ｶﾞﾝ治療", "ガン", ["ｶﾞﾝ"]),
        ("か\u3099ん", "がん", ["か\u3099ん"]),
        ("ああああ", "あああ", ["ああああ"]),
        ("再生医療", "再生 医療", ["再生", "医療"]),
        ("再生\n医療", "再生医療", ["再生\n医療"]),
        ("再\u200b生\xad医療\ufe00法", "再生医療法", ["再\u200b生\xad医療\ufe00法"]),
        ("IL\u201110と10\u22125", "il-10 10-5", ["IL\u201110", "10\u22125"]),
        ("院\u2ed1\uf9a8", "院長令", ["院\u2ed1\uf9a8"]),
        ("stem\ncell", '"stem cell"', ["stem\ncell"]),
        ("東京都", "-京都", []),
        ("Straße", "STRASSE", ["Straße"]),
    ],
)
def test_marks(text: str, q: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in highlights(text, parse(q))] == marked


def test_the_best_passage_has_most_words_and_is_cut_around_them() -> None:
    text = "再生だけの行。\n" + "前置き。" * 60 + "再生医療と免疫の話。" + "後書き。" * 60 + "\n免疫だけ。"
    shown = snippet(text, parse("免疫 再生"), width=40)
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")
    assert [shown.text[start:end] for start, end in shown.highlights] == ["再生", "免疫"]
    assert len(shown.text) <= 42
    assert snippet("一行目\n二行目", parse("ない")).text == "一行目"


@pytest.mark.parametrize(
    ("name", "term", "expected"),
    [
        ("kana", "がん", {"ガン"}),
        ("kana", "ガン治療", {"がん治療"}),
        ("long_vowels", "サーバー", {"サーバ"}),
        ("long_vowels", "サーバ", {"サーバー"}),
        ("long_vowels", "コンピューター管理", {"コンピュータ管理"}),
        ("long_vowels", "ガン", set()),
        ("kanji", "斎藤", {"齋藤", "斉藤", "齊藤"}),
        ("kanji", "髙島", {"高島", "髙嶋", "高嶋", "髙嶌", "高嶌"}),
        ("kanji", "免疫", set()),
    ],
)
def test_folds_that_widen(name: str, term: str, expected: set[str]) -> None:
    assert set(variants(term, (name,))) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sought", "text", "wholeness"),
    [
        ("京都", "京都の", 2),
        ("京都", "京都府", 1),
        ("京都", "東京都", 0),
        ("京都", "東京都と京都。", 2),
        ("art", "smart", 0),
        ("art", "state of art", 2),
        ("98,000", "198,000円", 0),
        ("000", "98,000", 0),
        ("98", "98.5%", 1),
        ("ライン", "オンライン", 0),
    ],
)
def test_whole_words(sought: str, text: str, wholeness: int) -> None:
    assert word(sought).wholeness(text) == wholeness
