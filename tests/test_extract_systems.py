"""Pages as content systems write them: tabs, accordions, side columns, tables for layout, lines of dates."""

from __future__ import annotations

import pytest

from columnarchive.extract.saved_pages import PageResult, read_pages
from columnarchive.records import Article

TOPICS = ["むくみ", "寝違え", "飛蚊症", "虫歯", "冷え"]
MENU = "<ul class=m><li><a href=/>ホーム</a><li><a href=/blog/>読みもの</a><li><a href=/fee/>料金表</a></ul>"


def text_of(topic: str) -> str:
    return (
        f"<p>{topic}が気になる方へ、原因と受診の目安をまとめました。毎日の過ごし方でも変わります。</p>"
        f"<p>{topic}が二週間続くときは、ほかの病気が隠れていないか診察で確かめましょう。</p>"
    )


def page(topic: str, body: str, head: str = "") -> bytes:
    return (
        f"<!doctype html><html lang=ja><head><title>{topic}の話 | つばき診療所</title>{head}</head><body>"
        f"<div class=top>{MENU}</div>{body}<div class=end><p>つばき診療所 受付</p></div></body></html>"
    ).encode()


def results(pages: list[bytes], *, alone: bool = False) -> list[PageResult]:
    files = [(f"https://tsubaki.example/blog/{number}.html", one, "text/html") for number, one in enumerate(pages)]
    return read_pages(files[:1]) if alone else read_pages(files, files)


def first(pages: list[bytes], *, alone: bool = False) -> Article:
    article = results(pages, alone=alone)[0].article
    assert article is not None
    return article


@pytest.mark.parametrize("alone", [True, False])
def test_closed_tabs_and_questions_in_buttons_are_text(alone: bool) -> None:
    def tabs(topic: str) -> str:
        panel = '<div {} class="pane fade {}"><h2>{}</h2>{}</div>'
        return (
            f"<main-area><h1>{topic}の話</h1>"
            + panel.format("role=tabpanel", "show active", "はじめに", text_of(topic))
            + panel.format("role=tabpanel hidden", "", "治療", f"<p>{topic}の治療は一回4,400円で、三十分ほどです。</p>")
            + '<div class=accordion-item><h3 class=accordion-header><button type=button class="b collapsed">'
            f"{topic}は保険で診てもらえますか</button></h3><div class=accordion-body>"
            f"<p>{topic}の診察は保険で受けられます。</p></div></div></main-area>"
        )

    found = first([page(topic, tabs(topic)) for topic in TOPICS], alone=alone).text
    assert "むくみの治療は一回4,400円で、三十分ほどです。" in found
    assert "むくみは保険で診てもらえますか" in found


def test_hidden_sibling_of_an_open_box_is_text() -> None:
    body = "<h1>虫歯の話</h1><div class=sheet>{}</div><div class=sheet aria-hidden=true><p>{}</p></div>"
    second = "治療の翌日は硬い物を避け、痛みが強まるときはお電話ください。詰め物は七年ほどもちます。"
    assert second in first([page("虫歯", body.format(text_of("虫歯"), second))], alone=True).text


def test_paragraph_of_invisible_characters_is_none() -> None:
    body = f"<h1>冷えの話</h1>{text_of('冷え')}<p><span>\u200b</span></p><p>\ufeff</p>{text_of('足の冷え')}"
    article = first([page("冷え", body)], alone=True)
    assert all(block.text.strip("\u200b\ufeff") for block in article.blocks)


def test_sentence_that_only_names_another_page_is_template() -> None:
    def about(topic: str, number: int) -> str:
        return (
            f"<div class=post><h1>{topic}の話</h1>{text_of(topic)}</div><div class=beside><h3>この文章について</h3>"
            f"<p>この文章は2025年{number + 1}月1{number}日 9:00に公開されたものです。</p>"
            f"<p>これより前に書いた文章は「<a href=/blog/{number}>{TOPICS[number - 1]}の話</a>」です。</p></div>"
        )

    found = first([page(topic, about(topic, number)) for number, topic in enumerate(TOPICS)]).text
    assert "診察で確かめましょう" in found
    assert "これより前" not in found
    assert "公開された" not in found


def test_fee_of_one_page_stays_in_a_side_column() -> None:
    def beside(topic: str, fee: str) -> str:
        box = f"<dl><div><dt>{topic}の検査</dt><dd>{fee}</dd></div><div><dt>初診</dt><dd>2,800円</dd></div></dl>"
        return f"<div class=grid__main><h1>{topic}の話</h1>{text_of(topic)}</div><div class=grid__side>{box}</div>"

    fees = ["5,500円", "6,600円", "7,700円", "8,800円", "9,900円"]
    found = first([page(topic, beside(topic, fee)) for topic, fee in zip(TOPICS, fees, strict=True)]).text
    assert "むくみの検査\n5,500円" in found


def test_rights_line_is_no_text_in_a_page_laid_out_by_a_table() -> None:
    rights = "Copyright(C) 2004 つばき診療所 All rights reserved."
    body = f"<table><tr><td>{{}}</td></tr><tr><td>{rights}</td></tr></table>"
    found = first([page(topic, body.format(f"<h1>{topic}の話</h1>{text_of(topic)}")) for topic in TOPICS]).text
    assert "reserved" not in found


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("<div>3月 14, 2025 · <a href=/c>からだ</a></div>", "2025-03-14"),
        (
            "<div>by 院長 on 2025年3月14日 10:00 | <a href=#c>コメント(0)</a> | <a href=#t>トラックバック(0)</a></div>",
            "2025-03-14",
        ),
        ("", "2025-02-01"),
    ],
)
def test_date_of_the_article_and_not_of_other_posts(line: str, published: str) -> None:
    others = "<div class=more><h4><a href=/blog/8>寝違えの話</a></h4><div>2024年1月5日</div></div>"
    head = '<meta property="article:published_time" content="2025-02-01T09:00:00+09:00">' if not line else ""
    body = f"<div class=post><h1>むくみの話</h1>{line}{text_of('むくみ')}</div>{others}"
    assert first([page("むくみ", body, head)], alone=True).published_on == published


@pytest.mark.parametrize(
    "lead", ["<p>当日の様子は、次の方々も書いてくださいました。順不同です。</p>", "<h2>相互リンク</h2>"]
)
def test_links_to_other_hosts_stay_where_a_sentence_introduces_them(lead: str) -> None:
    entries = "".join(f"<li><a href=https://{n}.example/walk/>歩く会の報告 {n}</a> ({n}さんのページ)" for n in "abcde")
    body = f"<div class=entry><h1>歩く会の話</h1>{text_of('歩く会') * 3}{lead}<ul>{entries}</ul></div>"
    [result] = read_pages([("https://own.example/1.html", page("歩く会", body), "")])
    assert result.article is not None
    assert ("(cさんのページ)" in result.article.text) == lead.startswith("<p>")


def test_cells_of_a_layout_table_are_told_apart_by_their_colours() -> None:
    def laid_out(topic: str) -> str:
        hours = "<table border=1><tr><td>診療時間</td></tr><tr><td>午前9時から正午まで</td></tr></table>"
        column = f"<table width=600><tr><td><font size=5>{topic}の話</font><hr>{text_of(topic)}</td></tr></table>"
        return (
            "<table width=780><tr><td colspan=2 bgcolor=#336633>海沿いの町の小さな診療所です</td></tr>"
            f"<tr><td width=160 bgcolor=#e8f0d8>{hours}いつも清潔な待合室</td>"
            f"<td width=620>{column}</td></tr>"
            "<tr><td colspan=2 bgcolor=#336633>つばき町二丁目 つばき診療所</td></tr></table>"
        )

    found = first([page(topic, laid_out(topic)) for topic in TOPICS]).text
    assert "二週間続くときは" in found
    for line in ("海沿い", "診療時間", "午前9時", "待合室", "二丁目"):
        assert line not in found


def test_cards_of_related_posts_go_with_their_excerpts() -> None:
    excerpt = "{}で受診する人に多い質問を、看護師が一つずつまとめました。"
    card = "<li class='post post-{0}'><h3><a href=/blog/{0}>{1}の話</a></h3><p>{2}</p></li>"
    cards = "".join(card.format(number, topic, excerpt.format(topic)) for number, topic in enumerate(TOPICS[1:]))
    advice = "<h2>おすすめの過ごし方</h2><ul><li><p>足を高くして休み、塩分を控えた食事を続けてください。</p></li></ul>"
    body = f"<main><h1>むくみの話</h1>{text_of('むくみ')}{advice}<h2>おすすめの記事</h2><ul>{cards}</ul></main>"
    found = first([page("むくみ", body)], alone=True).text
    assert "看護師が一つずつ" not in found
    assert "塩分を控えた食事" in found


SYSTEMS = {
    "cocoon": (
        '<div id=content class="content cf"><main class=main><article class="post hentry">'
        '<div class="entry-content cf">{}<div class="blank-box comment-box">{}</div></div></article></main></div>'
        "<div id=sidebar class=sidebar><p>受付 9時</p></div>"
    ),
    "elementor": (
        '<div class="elementor elementor-9 has-sidebar"><section class="elementor-section"><div>{}</div>'
        '</section><section class="elementor-section promo"><div class=elementor-widget>{}</div></section>'
        '<section class="elementor-section"><div>{}</div></section></div>'
    ),
    "jimdo": (
        '<div id=cc-inner class="cc-content-parent j-has-shop"><div id=content_area><div class="j-module n j-text">{}'
        '</div><div class="j-module n j-header"><h2>費用</h2></div><div class="j-module n j-text">{}</div></div></div>'
    ),
    "divi": (
        '<div class="et_pb_section et_section_regular"><div class=et_pb_row><div class="et_pb_module et_pb_text">{}'
        '</div><div class="et_pb_module et_pb_promo"><div class=et_pb_promo_description>{}</div></div>'
        '<div class="et_pb_module et_pb_text">{}</div></div></div>'
    ),
    "swell": (
        "<div id=body_wrap class=-sidebar-on><main class=l-mainContent><div class=post_content>{}"
        '<div class="swell-block-capbox cap_box"><div class=cap_box_content>{}</div></div></div></main></div>'
    ),
    "hashed": (
        '<div class="Layout_side__a1"><div class="css-1k2 recommend">{}</div>'
        '<div class="css-9z"><div>{}</div></div></div>'
    ),
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("alone", [True, False])
def test_all_boxes_of_posts_by_site_builders_are_text(system: str, alone: bool) -> None:
    fees = [f"{topic}の検査は一回{at},000円で、結果は一週間後にお伝えします。" for at, topic in enumerate(TOPICS, 4)]
    end = "<p>{}のことで迷ったら、遠慮なくお尋ねください。検査だけの受診もできます。</p>"
    pages = [
        page(topic, f"<h1>{topic}の話</h1>{SYSTEMS[system].format(text_of(topic), f'<p>{own}</p>', end.format(topic))}")
        for topic, own in zip(TOPICS, fees, strict=True)
    ]
    text = first(pages, alone=alone).text
    assert text.startswith(f"{TOPICS[0]}が気になる方へ")
    assert fees[0] in text
    assert "9時" not in text
