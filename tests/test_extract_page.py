"""Single pages: blocks, metadata, outcomes, and any bytes at all."""

# ruff: noqa: E501 (pages are clearer with their lines whole)
from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columnarchive.extract.saved_pages import PageResult, read_pages
from columnarchive.records import OUTCOMES, Article, Block

LONG = "再生医療は、人体が本来持つ力を生かして、失われた組織の修復をめざす医療です。"


def result_of(
    html: str | bytes, content_type: str = "text/html", url: str = "https://clinic.example/column/1.html"
) -> PageResult:
    body = html if isinstance(html, bytes) else html.encode()
    return read_pages([(url, body, content_type)])[0]


def article_of(body: str, head: str = "<title>幹細胞のはなし</title>") -> Article:
    article = result_of(
        f'<!doctype html><html lang="ja"><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'
    ).article
    assert article is not None
    return article


def blocks_of(body: str) -> list[Block]:
    return list(article_of(f"<div class='entry-content'><p>{LONG}</p>{body}<p>{LONG}終わり。</p></div>").blocks[1:-1])


def test_tables_by_row() -> None:
    body = (
        "<table><tr><th>初回</th><td>5,500円<br>(税込)</td></tr><tr><th>二回目</th><td><p>3,300円</p></td></tr></table>"
    )
    assert blocks_of(body) == [Block("row", "初回\t5,500円 (税込)"), Block("row", "二回目\t3,300円")]


def test_layout_tables_are_no_rows() -> None:
    body = f"<table><tr><td><h3>見出し</h3><p>{LONG}</p></td><td><p>{LONG[::-1]}</p></td></tr></table>"
    assert [block.kind for block in blocks_of(body)] == ["heading", "paragraph", "paragraph"]


def test_definition_lists_and_details() -> None:
    body = (
        "<dl><dt>痛みは?</dt><dd>ありません。</dd></dl><details><summary>入院は?</summary><p>要りません。</p></details>"
    )
    assert blocks_of(body) == [
        Block("question", "痛みは?"),
        Block("answer", "ありません。"),
        Block("question", "入院は?"),
        Block("answer", "要りません。"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "<p>Q1. 痛みは?<br>A. ありません。</p><p>Q2. 入院は?<br>A. 要りません。</p>",
        "<h3>Q1. 痛みは?</h3><p>A. ありません。</p><h3>Q2. 入院は?</h3><p>A. 要りません。</p>",
        "<p>Q1. 痛みは?<br>A. ありません。<br><br>Q2. 入院は?<br>A. 要りません。</p>",
        "<ul><li>Q1. 痛みは?</li><li>A. ありません。</li><li>Q2. 入院は?</li><li>A. 要りません。</li></ul>",
    ],
)
def test_questions_by_their_letters(body: str) -> None:
    assert blocks_of(body) == [
        Block("question", "Q1. 痛みは?"),
        Block("answer", "A. ありません。"),
        Block("question", "Q2. 入院は?"),
        Block("answer", "A. 要りません。"),
    ]


def test_lists_quotes_captions_headings() -> None:
    body = (
        "<h2>見出し</h2><ul><li>一<ul><li>二</li></ul></li></ul><blockquote><p>引用です。</p></blockquote>"
        "<figure><img src=x><figcaption>図1</figcaption></figure>"
    )
    assert blocks_of(body) == [
        Block("heading", "見出し", 2),
        Block("item", "一", 1),
        Block("item", "二", 2),
        Block("quote", "引用です。"),
        Block("caption", "図1"),
    ]


def test_ruby_entities_and_breaks() -> None:
    body = (
        "<p><ruby>膵臓<rp>(</rp><rt>すいぞう</rt><rp>)</rp></ruby>は&#x81D3;&#22120;です。<br>A&amp;B &lt;5%\n以上</p>"
    )
    assert blocks_of(body) == [Block("paragraph", "膵臓は臓器です。\nA&B <5% 以上")]


def test_source_line_breaks_make_no_spaces_between_wide_characters() -> None:
    assert blocks_of("<p>再生\n   医療と\n MSC の話</p>") == [Block("paragraph", "再生医療と MSC の話")]


def test_questions_only_in_linked_data() -> None:
    data = '{"@type":"FAQPage","mainEntity":[{"@type":"Question","name":"何回?","acceptedAnswer":{"text":"<p>三回です。</p>"}}]}'
    article = article_of(f"<p>{LONG}</p><script type='application/ld+json'>{data}</script>")
    assert article.blocks[-2:] == (Block("question", "何回?"), Block("answer", "三回です。"))


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        (
            "<title>幹細胞のはなし | みらい医院</title>",
            "<h1><img alt=''></h1><h2>幹細胞のはなし</h2>",
            "幹細胞のはなし",
        ),
        ("<title>幹細胞のはなし｜みらい医院</title>", "<h1>みらい医院</h1><h3>幹細胞のはなし</h3>", "幹細胞のはなし"),
        (
            "<title>「幹細胞」のはなし</title>",
            "<h1 class='translated'>Original text</h1><h2>「幹細胞」のはなし</h2>",
            "「幹細胞」のはなし",
        ),
        (
            "<title>長い長い幹細胞のはなし - みらい医院</title>",
            "<p>長い長い幹細胞のはなし</p>",
            "長い長い幹細胞のはなし",
        ),
        ("", "<h1>幹細胞のはなし</h1>", "幹細胞のはなし"),
    ],
)
def test_titles(head: str, body: str, title: str) -> None:
    assert article_of(f"{body}<p>{LONG}</p><p>{LONG}</p>", head).title == title


@pytest.mark.parametrize(
    ("body", "published", "modified"),
    [
        ("<p>公開日：2025年10月18日</p><p>最終更新日：2025年11月2日</p>", "2025-10-18", "2025-11-02"),
        ("<p class='d'>令和7年10月18日</p>", "2025-10-18", ""),
        ("<p>R7.10.18</p>", "2025-10-18", ""),
        ("<p>２０２５年１０月１８日</p>", "2025-10-18", ""),
        ("<p>更新日: 2025年10月18日</p>", "", "2025-10-18"),
        ("<p>2025.10.18 lastupdate</p>", "", "2025-10-18"),
        ("<time datetime='2025-10-17T18:00:00Z'>新着</time>", "2025-10-18", ""),
        ("<p>11月8日</p>", "", ""),
        ("<p>© 2015 みらい医院</p>", "", ""),
        ("<p>平成11年8月に開院しました。</p>", "", ""),
        ("<p>休診日 2025年12月31日まで</p>", "", ""),
    ],
)
def test_dates(body: str, published: str, modified: str) -> None:
    article = article_of(f"<h1>幹細胞のはなし</h1>{body}<p>{LONG}</p><p>{LONG}</p><footer>© 2015 Clinic</footer>")
    assert (article.published_on, article.modified_on) == (published, modified)


@pytest.mark.parametrize(
    ("body", "author", "supervisor"),
    [
        ("<p>監修：山田 太郎（みらい医院 院長）</p>", "", "山田 太郎"),
        ("<p>文責 山田太郎</p>", "山田太郎", ""),
        ("<div><time>2025/07/04</time><span>文・原田 花</span></div>", "原田 花", ""),
        ("<p>2025年7月4日 文／原田 花</p>", "原田 花", ""),
        ("<p>文・写真：院内広報</p>", "院内広報", ""),
        ("<div><h3>執筆者</h3><p>山田 太郎</p><p>みらい医院 院長</p></div>", "山田 太郎", ""),
        ("<div><p>この記事の監修者</p><div><p>山田 太郎</p><p>日本整形外科学会専門医</p></div></div>", "", "山田 太郎"),
        ("<p>監修医師：山田太郎先生</p><p>ライター：佐藤花子</p>", "佐藤花子", "山田太郎"),
        ("<p>監視と監修の違いを説明します。</p>", "", ""),
        ("<p>【監修】山田太郎 先生</p>", "", "山田太郎"),
        ("<p>執筆者：佐藤花子 ／ 監修者：山田太郎</p>", "佐藤花子", "山田太郎"),
        ("<div><span>更新日：2025年5月</span> <span>執筆：みらい編集チーム</span></div>", "みらい編集チーム", ""),
        ("<p>監修：みらい整形外科クリニック　院長　山田 太郎</p>", "", "山田 太郎"),
        ("<p>Reviewed by Taro Yamada, MD</p>", "", "Taro Yamada"),
        ("<div><p>監修</p><p>理学療法士</p><p>山田 太郎</p></div>", "", "山田 太郎"),
        (
            "<div><span>Author</span><h4>この記事を書いた人</h4><div>山</div><div><p>山田 太郎</p><p>院長</p></div></div>",
            "山田 太郎",
            "",
        ),
        ("<div><h4>Writer Profile</h4><div><p>はなこ</p><p>看護師。三児の母。</p></div></div>", "はなこ", ""),
        ("<div><h4>Profile</h4><p>診療の案内をお届けします。</p></div>", "", ""),
        ("<p>投稿者：管理者</p>", "", ""),
        (
            '<script type="application/ld+json">{"@type":"BlogPosting","author":{"@type":"Person",'
            '"name":"Administrators"}}</script>',
            "",
            "",
        ),
    ],
)
def test_people(body: str, author: str, supervisor: str) -> None:
    article = article_of(f"<article><h1>幹細胞のはなし</h1><p>{LONG}</p><p>{LONG}</p>{body}</article>")
    assert (article.author, article.supervisor) == (author, supervisor)


@pytest.mark.parametrize(
    ("body", "content_type", "outcome"),
    [
        (b"%PDF-1.7 \x00\x01", "application/pdf", "not_html"),
        (b"%PDF-1.7 \x00\x01", "", "not_html"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "", "not_html"),
        (b"", "text/html", "no_article"),
        (b"<html><body></body></html>", "text/html", "no_article"),
        (b"<html><body><div id=app></div><script src=a.js></script></body></html>", "text/html", "needs_javascript"),
        (b"<div>" * 5000, "text/html", "too_deep"),
        ("<title>404 Not Found</title><p>お探しのページは見つかりませんでした。</p>".encode(), "text/html", "suspect"),
        ("<title>コラム一覧</title><main><h1>コラム</h1><h2>全て</h2></main>".encode(), "text/html", "no_article"),
        ("<title>案内</title><p>アクセスが集中しています。captcha</p>".encode(), "text/html", "suspect"),
    ],
)
def test_outcomes(body: bytes, content_type: str, outcome: str) -> None:
    result = result_of(body, content_type)
    assert (result.outcome, result.article) == (outcome, None)


@pytest.mark.parametrize(
    "body",
    [
        b"<div>" * 200_000,
        b"<b><p>" * 50_000,
        b"<table><tr><td>" * 30_000,
        b"<a href=x>" * 50_000 + b"x",
        b"<ul><li>" * 40_000,
        b"<p>x" * 100_000,
        b"<!--" * 100_000,
        b"<" * 300_000,
        b"&#x" * 100_000,
        ("<p>" + "あ" * 300_000).encode(),
        ("<p>" + "監修" * 100_000).encode(),
        ("<p>" + "2025." * 60_000).encode(),
        ("<title>" + "| " * 100_000).encode(),
    ],
)
def test_hostile_pages_are_bounded(body: bytes) -> None:
    started = time.process_time()
    result = result_of(body)
    assert result.outcome in OUTCOMES
    assert time.process_time() - started < 5


_TAGS = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<div>",
        "</div>",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<ul>",
        "<li>",
        "<dl>",
        "<dt>",
        "<dd>",
        "<a",
        "href='/x'>",
        "</a>",
        "<br>",
        "<h1>",
        "</h1>",
        "<h2>",
        "<rt>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<template>",
        "<svg>",
        "<select>",
        "<details>",
        "<summary>",
        "<p<b",
        "<?php",
        "<![CDATA[",
        "&",
        "&#0;",
        "&amp;",
        '"',
        "'",
        "=",
        ">",
        "監修：",
        "執筆者",
        "Q1.",
        "A.",
        "2025.10.18",
    ]
)


@settings(max_examples=150)
@given(st.lists(st.one_of(_TAGS, st.text(max_size=12)), max_size=60), st.booleans())
def test_any_markup_is_an_article_or_an_outcome(parts: list[str], alone: bool) -> None:
    page = ("https://a.example/1", "".join(parts).encode("utf-8", "surrogatepass"), "text/html")
    other = ("https://a.example/2", b"<p>x</p>", "text/html")
    for result in read_pages([page], [] if alone else [page, other]):
        assert result.outcome in OUTCOMES
        assert (result.article is not None) == (result.outcome == "ok")


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_an_article_or_an_outcome(body: bytes) -> None:
    result = result_of(body, "")
    assert (result.article is not None) == (result.outcome == "ok")
