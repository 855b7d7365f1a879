"""Comparisons a reader would recognise: what moved, merged, came and went, its labels, and how it is shown."""

import json
import re
import sys
import time
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from columnarchive.diff.compare import compare, with_labels
from columnarchive.diff.normalization import comparison_key, differs_in_letters, nfkc_no_space
from columnarchive.diff.passage_fingerprints import keys_of, similarity
from columnarchive.diff.render_html import to_html
from columnarchive.diff.render_text import marked_lines, to_json, to_terminal, to_text
from columnarchive.diff.sentences import split
from columnarchive.history.revisions import Removed, blame
from columnarchive.records import Article, Block, BlockKind, Comparison

PRICE = "費用は98,000円です。"
DEARER = "費用は128,000円です。"
RISK = "効果には個人差があります。"
DOCTOR = "当院では院長が診察します。"
HOURS = "診療時間は10:00〜19:00です。"
LONG = "幹細胞は体のさまざまな組織のもとになる細胞です。"


def article(*texts: str, title: str = "題", **others: str) -> Article:
    return Article("https://a.example/", title, tuple(Block("paragraph", text) for text in texts), **others)


def blocks(*pairs: tuple[BlockKind, str]) -> Article:
    return Article("https://a.example/", "題", tuple(Block(kind, text) for kind, text in pairs))


def ops(comparison: Comparison) -> list[str]:
    return [edit.op for edit in comparison.edits]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("一つ。二つ！三つ？四つ", ["一つ。", "二つ！", "三つ？", "四つ"]),
        ("「痛い。」と言う。（本当。）です", ["「痛い。」と言う。", "（本当。）です"]),
        ("3.5倍です。Dr. Smith said so. It works.", ["3.5倍です。", "Dr. Smith said so.", "It works."]),
        ("詳しくはhttps://a.example/?q=1.html!を。次", ["詳しくはhttps://a.example/?q=1.html!", "を。", "次"]),
        ("開いたまま「です。次です。", ["開いたまま「です。", "次です。"]),
        ("一行目\n二行目\n", ["一行目", "二行目"]),
        ("本当ですか！？はい。", ["本当ですか！？", "はい。"]),
        ("みなも歯科！では、\n白い歯！！という話。", ["みなも歯科！では、", "白い歯！！という話。"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_a_price_is_one_edit_with_whole_numbers() -> None:
    comparison = compare(article(PRICE + RISK, DOCTOR), article(DEARER + RISK, DOCTOR))
    assert list(marked_lines(comparison)) == ["費用は[-98,000円-]{+128,000円+}です。"]
    assert (comparison.labels, comparison.level) == (("price",), 3)
    assert comparison.edits[0].evidence[0].new == "128000円"
    assert comparison.summary == "98,000円 → 128,000円"


@pytest.mark.parametrize(
    "marks",
    [
        "腫れは[-数日-]{+二週間ほど+}で引きます。",
        "回復まで[-数か月-]{+1〜2年+}かかります。",
        "まぶたは[-冷やすと楽になります-]{+あたためるとほぐれやすくなります+}。",
        "頭金として[-三十万円-]{+35万円+}を納めます。",
        "[-健診を受けると-]{+健診の前は+}、食事ができません。",
        "汗をかく日は、[-早めに拭き取る-]{+すぐに洗い流す+}ようにします。",
        "入れ歯は[-作り替えの必要がありません-]{+数年ごとに見直しが必要になります+}。",
        "朝は白湯{+や番茶+}を[-飲みます-]{+いただきます+}。",
    ],
)
def test_marks_keep_numbers_phrases_and_compound_verbs_whole(marks: str) -> None:
    old = re.sub(r"\{\+.*?\+\}|\[-|-\]", "", marks)
    new = re.sub(r"\[-.*?-\]|\{\+|\+\}", "", marks)
    assert list(marked_lines(compare(article(old), article(new)))) == [marks]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("この体操で肩が軽くなることがあります。", "この体操で肩が軽くなる場合がございます。"),
        ("治療後の腫れはほとんどありません。", "治療後の腫れはほぼございません。"),
        ("検査だけでも受けることができます。", "検査だけでも受けられます。"),
        ("患者様の痛みを和らげる治療を行います。", "患者さまの痛みを和らげる治療をおこないます。"),
    ],
)
def test_politeness_and_other_ways_to_say_the_same_are_wording(old: str, new: str) -> None:
    assert compare(article(old), article(new)).labels == ("wording",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "ものもらいは早めに診れば治ることの多い病気です。",
            "ものもらいは早く気づくことが肝心です。",
        ),  # an illness, and advice
        ("寝ちがいは自然に治ることが多いです。", "寝ちがいは自然に治ります。"),  # a natural course
        (
            "点眼のあと、まれにかすみ目になることがあります。",
            "点眼のあと、かすみ目になることがまれにあります。",
        ),  # a hedge moved
        ("かゆみの多くは乾燥から来ます。", "かゆみの多くは乾燥が原因で、何週間も続くことがあります。"),
        ("分割は10万円以上の方が対象です。", "分割は20万円以上の方が対象です。"),  # a threshold
        ("連載は3回の予定です。", "連載は4回の予定です。"),
        ("「一度で終わる」という宣伝には用心しましょう。", "「必ず治る」という宣伝には用心しましょう。"),
        ("借金がゼロになることがあります。", "借金は必ずゼロになります。"),
        ("ネットでの感想の掲載は広告規制で禁じられています。", "体験談の掲載は広告規制で禁じられています。"),
    ],
)
def test_what_is_said_of_no_treatment_has_no_label_of_level_3(old: str, new: str) -> None:
    assert compare(article(old), article(new)).level < 3


def test_a_moved_block_costs_no_characters() -> None:
    comparison = compare(article(PRICE + RISK, DOCTOR + LONG, HOURS), article(DOCTOR + LONG, HOURS, PRICE + RISK))
    assert ops(comparison) == ["moved"]
    assert (comparison.added_chars, comparison.removed_chars, comparison.level) == (0, 0, 1)


def test_merged_and_split() -> None:
    two, one = "採血をします。その後に結果をお伝えします。", "採血をし、その後に結果をお伝えします。"
    for old, new in ((two, one), (one, two)):
        comparison = compare(article(PRICE, old), article(PRICE, new))
        assert ops(comparison) == ["edited"]
        assert "split_or_merged" in comparison.labels


LINES = ["朝の散歩は血の", "めぐりを助けると", "いわれています。", "無理のない歩幅で", "続けてください。"]
REWRAPPED = ["朝の散歩は", "血のめぐりを助けるといわれて", "います。無理の", "ない歩幅で続けてください。"]


@pytest.mark.parametrize("joiner", ["\n", None])
def test_lines_wrapped_anew_are_level_0(joiner: str | None) -> None:
    one, other = ([joiner.join(lines)] if joiner else lines for lines in (LINES, REWRAPPED))
    assert compare(article(DOCTOR, *one, PRICE), article(DOCTOR, *other, PRICE)).level == 0


@pytest.mark.parametrize(
    ("out", "put"), [("続けて", "つづけて"), ("無理", "むり"), ("血の", "血液の"), ("ください", "みましょう")]
)
def test_one_change_within_lines_wrapped_anew_is_one_edit(out: str, put: str) -> None:
    changed = [line.replace(out, put) for line in REWRAPPED]
    assert changed != REWRAPPED
    comparison = compare(article(DOCTOR, *LINES, PRICE), article(DOCTOR, *changed, PRICE))
    assert [edit.level > 0 for edit in comparison.edits] == [True]


@pytest.mark.parametrize("sign", ["\u200b", "\xad", "\u200e", "\u2060", "\ufe0f", "\U000e0100", "\u061c", "\ufeff"])
def test_invisible_characters_are_no_change_of_the_text(sign: str) -> None:
    for text in (PRICE, RISK, DOCTOR, LONG):
        for at in range(1, len(text)):
            assert compare(article(text), article(text[:at] + sign + text[at:])).level == 0, (text, at)


def test_the_same_value_written_otherwise_is_cosmetic() -> None:
    comparison = compare(article(PRICE), article("費用は、9.8万円です。"))
    assert (comparison.labels, comparison.level) == (("cosmetic",), 0)


def test_sections_and_questions() -> None:
    head: tuple[BlockKind, str] = ("heading", "費用について")
    body: tuple[BlockKind, str] = ("paragraph", LONG)
    asked: tuple[BlockKind, str] = ("question", "痛みはありますか？")
    answered: tuple[BlockKind, str] = ("answer", "麻酔をします。")
    full, short = blocks(body, head, ("paragraph", PRICE), asked, answered), blocks(body)
    assert {"section_removed", "faq_removed"} <= set(compare(full, short).labels)
    assert {"section_added", "faq_added"} <= set(compare(short, full).labels)
    changed = compare(blocks(body, asked, answered), blocks(body, asked, ("answer", "麻酔をするので少しだけです。")))
    assert "faq_changed" in changed.labels


def test_labels_of_the_whole() -> None:
    first, second = article(LONG * 9 + PRICE), article("このコラムは移動しました。")
    assert "replaced" in compare(first, second).labels
    back = compare(second, first, earlier=(first.fingerprint,))
    assert "restored" in back.labels
    assert with_labels(back, "returned").level == 3
    author = compare(article(LONG, author="高瀬 直人"), article(LONG, author="三枝 由香"))
    assert (author.labels, author.edits[0].new_at) == (("person",), -1)


@pytest.mark.parametrize(
    "notice",
    [
        ["このページは移動しました。", "新しいページはこちらです。"],
        ["ただいまメンテナンスを行っています。", "しばらくしてから、もう一度お越しください。"],
        ["準備中"],
        [""],
        [],
    ],
)
def test_a_page_behind_a_notice_or_without_text_claims_nothing_more_strongly(notice: list[str]) -> None:
    limit, side_effect = "進んだ関節症を根治できる治療ではありません。", "注射のあと、膝が腫れることがあります。"
    page = article("膝の注射についてのページです。", limit, side_effect, "ご予約は受付へどうぞ。")
    comparison = compare(page, article(*notice, title="移動のお知らせ"))
    assert "claim_strengthened" not in comparison.labels
    labels = {edit.old: edit.labels for edit in comparison.edits if edit.op == "removed"}
    assert labels[limit] == ("sentence_removed",)
    assert [old for old, of_edit in labels.items() if "risk_removed" in of_edit] == [side_effect]
    kept = compare(page, article("膝の注射についてのページです。", side_effect, "ご予約は受付へどうぞ。"))
    assert "claim_strengthened" in kept.labels


def test_blame_through_a_change_and_back() -> None:
    articles = [article(PRICE, RISK, LONG), article(DEARER, LONG), article(LONG, DEARER)]
    steps = [compare(articles[0], articles[1]), compare(articles[1], articles[2])]
    found = blame(articles, steps)
    assert [(one.text, one.since, one.before) for one in found.standing] == [(LONG, 0, ""), (DEARER, 1, PRICE)]
    assert found.removed == (Removed(PRICE, 0, 0), Removed(RISK, 0, 0))


def test_a_sentence_only_set_otherwise_keeps_its_age() -> None:
    two = "採血をします。結果は後日です。"
    articles = [
        article(PRICE, two),
        article(DEARER, two),
        article("費用は、１２８，０００円です。", two),
        article("費用は、１２８，０００円です。", "採血をします、結果は後日です。"),
    ]
    found = blame(articles, [compare(one, other) for one, other in pairwise(articles)])
    assert [(one.since, one.before) for one in found.standing] == [(1, PRICE), (0, "")]


def test_terminal_reads_without_colour_and_takes_no_orders() -> None:
    old, new = article(LONG, PRICE, DOCTOR), article(LONG, "費用は\x1b[31m[red]です。", DOCTOR)
    comparison = compare(old, new)
    text = to_text(comparison, old, new)
    assert LONG in text
    assert DOCTOR in text
    assert "[-98,000円-]" in text
    assert "\x1b" not in text + to_terminal(comparison, old, new, "rich")
    assert "\\[red]" in to_terminal(comparison, old, new, "rich")
    assert "\x1b[32m" in to_terminal(comparison, old, new, "ansi")
    assert to_text(compare(old, old), old, old) == "no change\n"


def test_what_changed_in_a_row_is_read_in_a_row_with_its_context_once() -> None:
    old = article("一つ目の文です。二つ目の文です。三つ目の文です。", LONG, PRICE, DOCTOR, title="前の題")
    new = article("一つ目の文です。", LONG, "費用は128,000円(税込)です。", DOCTOR, title="後の題")
    text = to_text(compare(old, new), old, new)
    assert "wording (title)\n" in text
    assert (
        "    一つ目の文です。\n  - sentence_removed\n    [-二つ目の文です。-]\n    [-三つ目の文です。-]\n    " + LONG
        in text
    )
    assert text.count(LONG) == 1


def test_html_is_one_page_with_both_views_and_nothing_from_outside() -> None:
    old = article(PRICE + RISK, LONG, DOCTOR, title="<b>題")
    new = article("費用は<script>です。", DOCTOR, LONG, HOURS, title="<b>題")
    page = to_html(compare(old, new), old, new, captions=("2025-01-01", "2025-02-01"))
    assert "2025-01-01 → 2025-02-01" in page
    assert "<ins>" in page
    assert "<del>" in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "http" not in page.replace("https://a.example/", "")
    tags: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, _attrs: object) -> None:
            if tag not in ("meta", "input", "br"):
                tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert tags.pop() == tag

    Parser().feed(page)
    assert tags == []


def test_json_keeps_its_contract() -> None:
    comparison = compare(article(PRICE), article(DEARER))
    told = json.loads(json.dumps(to_json(comparison, 1, 2)))
    assert list(told) == ["from", "to", "level", "labels", "edits"]
    assert list(told["edits"][0]) == ["op", "old", "new", "spans", "labels", "level"]
    assert told["edits"][0]["spans"][1] == {"op": "delete", "text": "98,000円"}


def test_copies_are_found_under_a_swapped_name_and_a_dropped_sentence() -> None:
    passage = (
        "変形性膝関節症の治療では、幹細胞が炎症を抑え、傷んだ組織の修復を助けると考えられています。"
        "変形性膝関節症でお悩みの方は、120件以上の実績がある当院へご相談ください。通院は3回ほどです。"
    )
    swapped = passage.replace("変形性膝関節症", "関節リウマチ").replace("120件", "80件")
    shortened = swapped.replace("通院は3回ほどです。", "")
    other = "免疫細胞は体をめぐり、外から入ったものを見分けて取り除くはたらきをしています。年齢とともに数は減ります。"
    for copy in (swapped, shortened):
        assert len(set(keys_of(passage)) & set(keys_of(copy))) >= 2
        assert 0.7 < similarity(passage, copy) < 1
        assert similarity(copy, other) == 0
    assert similarity(passage, other) == 0
    assert similarity(passage, passage) == 1
    assert keys_of("短い文です。") == ()


def test_a_total_rewrite_is_bounded_and_says_so() -> None:
    old = article(*(f"甲の{number}番目の行はここにあります。" for number in range(3000)))
    new = article(*(f"乙{number}という別のことが書いてある文です。" for number in range(3000)))
    started = time.process_time()
    comparison = compare(old, new)
    assert time.process_time() - started < 5
    assert comparison.capped
    assert "rewritten" in comparison.labels


def test_signs_that_become_kana_or_kanji_are_never_taken_for_other_letters() -> None:
    for code in range(sys.maxunicode):
        sign = chr(code)
        plain = nfkc_no_space(sign)
        if sign != plain:
            assert comparison_key(sign) != comparison_key(plain) or not differs_in_letters(sign, plain), hex(code)
