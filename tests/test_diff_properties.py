"""What holds for any two texts: spans rebuild both sides, each sentence is used once, nothing is cut inside a word."""

import re
import unicodedata
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from columnarchive.diff.compare import compare
from columnarchive.diff.normalization import comparison_key
from columnarchive.diff.sentences import sentences_of, split
from columnarchive.diff.spans import spans_between
from columnarchive.history.revisions import blame
from columnarchive.records import Article, Block

PIECES = [
    "費用", "は", "98,000円", "128,000円", "です", "。", "、", "治療", "幹細胞", "効果", "期待できます",
    "可能性があります", "「", "」", "（", "）", "3.5", "１０：００", "〜", "19時", "MRI", "iPS",
    "https://a.example/b?c=1", "！", "？", "ヒアルロン酸", "Dr.", "𠮷野", "👨\u200d👩\u200d👧", "か\u3099",
    "2名", "No.1", "再生", "痛み", "が", "を", "軽減する", "しません", "-", "/", ".", "!", "?", " ", "\u3000",
    "\n",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40)
ARTICLES = st.builds(
    lambda blocks: Article("https://a.example/", "題", tuple(Block("paragraph", text) for text in blocks)),
    st.lists(TEXTS, max_size=8),
)
WHOLE = re.compile(r"https?://[!-~]*[A-Za-z0-9/]|[0-9]+(?:[,.][0-9]+)*|[A-Za-z]+|[\ud800-\udbff][\udc00-\udfff]")

# Word lists are compiled when they are first needed, which no single example should be charged for.
compare(*(Article("", "", (Block("paragraph", f"院長の森田 {name}です。"),)) for name in ("遥", "結")))


def bare(text: str) -> str:
    return "".join(text.split())


@given(TEXTS)
def test_sentences_are_the_text_but_for_white_space(text: str) -> None:
    sentences = split(text)
    assert bare("".join(sentences)) == bare(text)
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@given(TEXTS, TEXTS)
def test_spans_rebuild_both_sides_and_deletions_stand_first(old: str, new: str) -> None:
    spans = spans_between(old, new)
    assert "".join(span.text for span in spans if span.op != "insert") == old
    assert "".join(span.text for span in spans if span.op != "delete") == new
    ops = [span.op for span in spans]
    assert all(span.text for span in spans)
    assert ("insert", "delete") not in list(pairwise(ops))
    assert all(a != b for a, b in pairwise(ops))


@given(TEXTS, TEXTS)
@example("MRI98,000円", "Dr.98,000円")
@example("1", "3.5https://a.example/b?c=1")
@example("MRI://", "MRIhttps://a.example/b?c=1")
def test_no_boundary_inside_a_number_word_or_address(old: str, new: str) -> None:
    for side, other in ((old, "insert"), (new, "delete")):
        at = 0
        inside = {at for found in WHOLE.finditer(side) for at in range(found.start() + 1, found.end())}
        for span in spans_between(old, new):
            if span.op != other:
                assert at == 0 or at not in inside, (at, side)
                at += len(span.text)


@settings(max_examples=200)
@given(ARTICLES, ARTICLES)
def test_every_sentence_is_used_once(old: Article, new: Article) -> None:
    before, after = sentences_of(old), sentences_of(new)
    comparison = compare(old, new)
    olds: list[int] = []
    news: list[int] = []
    for edit in comparison.edits:
        assert "".join(span.text for span in edit.spans if span.op != "insert") == edit.old
        assert "".join(span.text for span in edit.spans if span.op != "delete") == edit.new
        if edit.old_at >= 0:
            olds.extend(range(edit.old_at, before.reach(edit.old_at, edit.old)))
        if edit.new_at >= 0:
            news.extend(range(edit.new_at, after.reach(edit.new_at, edit.new)))
    assert len(set(olds)) == len(olds)
    assert len(set(news)) == len(news)
    stayed = [text for at, text in enumerate(before.texts) if at not in set(olds)]
    assert stayed == [text for at, text in enumerate(after.texts) if at not in set(news)]


@given(ARTICLES)
def test_nothing_differs_from_itself(article: Article) -> None:
    comparison = compare(article, article)
    assert (comparison.edits, comparison.labels, comparison.level, comparison.summary) == ((), (), 0, "")


@given(st.lists(st.sampled_from([piece for piece in PIECES if piece.strip()]), min_size=1, max_size=25).map("".join))
@example("3.5、!98,000円")
@example("3.5、！98,000円")
@example("1!3")
def test_width_and_space_are_level_0(text: str) -> None:
    wide = "".join(chr(ord(sign) + 0xFEE0) if "0" <= sign <= "9" or "A" <= sign <= "z" else sign for sign in text)
    spaced = "　".join(unicodedata.normalize("NFC", text))
    for changed in (wide, spaced):
        one = Article("https://a.example/", "題", (Block("paragraph", text),))
        other = Article("https://a.example/", "題", (Block("paragraph", changed),))
        assert compare(one, other).level == 0, (text, changed)


def test_a_long_text_in_another_width_is_not_rewritten() -> None:
    old = "費用" * 8 + "https://a.example/b?c=1" * 8
    new = "".join(chr(ord(sign) + 0xFEE0) if sign.isascii() and sign.isalnum() else sign for sign in old)
    sides = [Article("https://a.example/", "題", (Block("paragraph", text),)) for text in (old, new)]
    assert compare(*sides).labels == ("cosmetic",)


@settings(max_examples=100)
@given(st.lists(ARTICLES, min_size=1, max_size=5))
def test_blame_tells_the_newest_text_and_true_ages(articles: list[Article]) -> None:
    steps = [compare(old, new) for old, new in pairwise(articles)]
    found = blame(articles, steps)
    assert tuple(one.text for one in found.standing) == sentences_of(articles[-1]).texts
    for one in found.standing:
        # What is only set or cut otherwise keeps its age, so it is what a sentence says that has stood since then.
        said = ("".join(map(comparison_key, sentences_of(article).texts)) for article in articles[one.since :])
        assert all(comparison_key(one.text) in whole for whole in said)
    for gone in found.removed:
        assert gone.text in sentences_of(articles[gone.last]).texts
        assert gone.text not in sentences_of(articles[-1]).texts
