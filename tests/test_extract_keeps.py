"""What an article says stays: class words, tags, dates and headings are evidence for boilerplate, never proof."""

from __future__ import annotations

import pytest

from columnarchive.diff.compare import compare
from columnarchive.extract.saved_pages import read_pages
from columnarchive.extract.site_reader import read_site
from columnarchive.records import Article, PageVersions, Reading, Version

TOPICS = ["五十肩", "偏頭痛", "花粉症", "不眠", "腰椎の手術", "歯ぎしり", "乾燥肌"]


def prose(topic: str) -> str:
    return (
        f"<p>{topic}でお困りの方が当院にも多くいらっしゃいます。まず{topic}の原因をやさしく説明します。</p>"
        f"<p>診察では{topic}がいつからあるかを伺い、必要なら検査をします。結果は当日にお伝えします。</p>"
    )


def page(topic: str, inner: str, around: str = "{}") -> bytes:
    body = around.format(f"<h1>{topic}の話</h1>{inner}")
    return (
        f"<!doctype html><html lang=ja><title>{topic}の話 | あさがお医院</title><body>"
        "<nav><ul><li><a href=/>ホーム</a><li><a href=/column/>コラム</a></ul></nav>"
        f"{body}<footer><p>あさがお医院 受付</p><p>© 2025 あさがお医院</p></footer>"
    ).encode()


def readings(*versions: str, others: str = "") -> list[Reading]:
    """The readings of one page whose inside changes, among six others that say `others` too."""
    bodies: dict[str, bytes] = {}

    def version(key: str, body: bytes, day: int) -> Version:
        bodies[key] = body
        return Version(key, f"2025-05-{day:02}T00:00:00Z", f"2025-05-{day:02}T12:00:00Z", "text/html")

    pages = [
        PageVersions(
            f"https://asagao.example/column/{number}.html",
            (version(f"other{number}", page(topic, prose(topic) + others), 1),),
        )
        for number, topic in enumerate(TOPICS[1:], 1)
    ]
    own = tuple(version(f"own{day}", page(TOPICS[0], inner), day) for day, inner in enumerate(versions, 1))
    pages.append(PageVersions("https://asagao.example/column/0.html", own))
    found = {one.url: one.readings for one in read_site(pages, bodies.__getitem__, {})}
    return list(found["https://asagao.example/column/0.html"])


def article_of(reading: Reading) -> Article:
    assert reading.outcome == "ok"
    assert reading.article is not None
    return reading.article


@pytest.mark.parametrize(
    "around",
    [
        '<div class="layout right-sidebar">{}</div>',
        '<div id="sub"><div class="inner">{}</div></div>',
        '<div class="widget-page">{}</div>',
        '<div class="c-banner_x1"><section>{}</section></div>',
        '<div role="dialog"><div aria-hidden="true">{}</div></div>',
        '<div class="ads-margin related">{}</div>',
        '<footer class="copyright">{}</footer>',
        '<div class="modal-open search"><main>{}</main></div>',
        "<dialog open>{}</dialog>",
        "<noscript>{}</noscript>",
    ],
)
def test_wrapper_of_the_page_is_read_whatever_it_is_called(around: str) -> None:
    body = page("肩", prose("肩") * 2, around)
    [result] = read_pages([("https://asagao.example/1.html", body, "text/html")])
    assert result.outcome == "ok"
    assert result.article is not None
    assert "必要なら検査をします" in result.article.text
    assert "コラム" not in result.article.text


def test_parts_of_a_page_builder_are_read() -> None:
    def part(inner: str) -> str:
        return f'<div class="block widget widget-text"><div class="widget-body">{inner}</div></div>'

    body = page("肩", "".join(part(prose(topic)) for topic in TOPICS))
    [result] = read_pages([("https://asagao.example/1.html", body, "text/html")])
    assert result.article is not None
    assert all(f"{topic}の原因" in result.article.text for topic in TOPICS)


FEE = "<p>一回あたり{}円（税込）で、保険はききません。</p>"
BOXES = [
    '<div class="side-note">{}</div>',
    '<section class="promo-area">{}</section>',
    '<div class="recommend">{}</div>',
    '<div class="staff__comment">{}</div>',
    '<aside class="cta">{}</aside>',
    '<div aria-hidden="true">{}</div>',
    '<div role="alertdialog">{}</div>',
    "<dialog open>{}</dialog>",
    "<menu><li>{}</menu>",
    "<noscript>{}</noscript>",
    '<x-fee><template shadowrootmode="open">{}</template></x-fee>',
    "<footer>{}</footer>",
    "<h2>関連情報</h2>{}",
    "<h3>コメント</h3>{}",
    "<h2>人気記事</h2>{}",
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_fee_in_a_box_is_compared(box: str, everywhere: bool) -> None:
    start, end = prose(TOPICS[0]), f"<p>最後に、{TOPICS[0]}は早めのご相談が大切です。</p>"
    old, new = (start + box.format(FEE.format(fee)) + end for fee in ("33,000", "36,000"))
    first, second = readings(old, new, others=box.format(FEE.format("33,000")) if everywhere else "")
    assert "33,000円" in article_of(first).text
    assert "36,000円" in article_of(second).text
    assert second.is_revision


@pytest.mark.parametrize(
    "line",
    [
        "<p>2024年7月1日から一回{}円になります。</p>",
        "<p>2024年7月1日 症例数{}件</p>",
        "<ul><li>令和6年7月1日時点で{}名に投与</ul>",
        "<table><tr><td>2024.7.1<td>未承認薬（届出{}号）</table>",
        "<p>※2024年7月1日をもって販売終了（{}）</p>",
    ],
)
@pytest.mark.parametrize("at_end", [False, True])
def test_a_dated_line_that_says_more_stays(line: str, at_end: bool) -> None:
    end = "" if at_end else f"<p>最後に、{TOPICS[0]}は早めのご相談が大切です。</p>"
    first, second = readings(*(prose(TOPICS[0]) + line.format(number) + end for number in (41, 47)))
    assert "41" in article_of(first).text
    assert second.is_revision


@pytest.mark.parametrize("line", ["公開日：2024年7月1日", "2024.7.1 更新", "投稿日 令和6年7月1日（月） 10:00"])
def test_a_line_of_publication_dates_goes(line: str) -> None:
    [reading] = readings(f"<p>{line}</p>{prose(TOPICS[0])}")
    assert "7月1日" not in article_of(reading).text
    assert "2024" not in article_of(reading).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<p>この記事は{}回読まれました</p>", (120, 131)),
        ("<p>{} likes</p>", (7, 9)),
        ("<p>{}日前に更新</p>", (2, 3)),
        ("<p>今月の残り枠：あと{}名</p>", (8, 3)),
        ("<p>役に立った：参考になった{}人</p>", (8, 9)),
    ],
)
def test_counters_make_no_revision(old: str, new: tuple[int, int]) -> None:
    for lines in (lambda text: text + prose(TOPICS[0]), lambda text: prose(TOPICS[0]) + text):
        _, second = readings(*(lines(old.format(number)) for number in new))
        assert not second.is_revision


@pytest.mark.parametrize(
    "line", ["<p>本日の費用は{}円です。</p>", "<p>残り{}mgを投与します。</p>", "<p>副作用は{}例でした。</p>"]
)
def test_figures_that_are_claims_make_one(line: str) -> None:
    _, second = readings(*(prose(TOPICS[0]) + line.format(number) for number in (5, 6)))
    assert second.is_revision


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("細胞を3×10<sup>6</sup>個入れます。", "3×10^6個"),
        ("費用は<del>50,000円</del>40,000円です。", "~~50,000円~~ 40,000円"),
        ("<s>必ず治ります。</s>", "~~必ず治ります。~~"),
        ('<span style="text-decoration: line-through">絶対に安全</span>な方法', "~~絶対に安全~~ な方法"),
        ("効果<sup>1)</sup>が報告されています。", "効果1)が"),
        ("H<sub>2</sub>Oを使います。", "H2Oを"),
        ("当院では<q>絶対に安全</q>とは申しません。", "「絶対に安全」とは"),
    ],
)
def test_marks_in_a_line(markup: str, text: str) -> None:
    [reading] = readings(f"{prose(TOPICS[0])}<p>{markup}</p>")
    assert text in article_of(reading).text


def test_lines_of_preformatted_text_stay_lines() -> None:
    [reading] = readings(f"{prose(TOPICS[0])}<pre>初診 2,800円\n再診 900円</pre><p>以上がおもな費用です。</p>")
    assert "初診 2,800円\n再診 900円" in article_of(reading).text


@pytest.mark.parametrize(
    "button", ["<h3><button>{}</button></h3>", "<div><button>{}</button></div>", "<dt><button>{}</button>"]
)
def test_a_question_on_a_button_is_read(button: str) -> None:
    [reading] = readings(f"{prose(TOPICS[0])}{button.format('手術のあとは入院しますか？')}<p>いいえ、日帰りです。</p>")
    assert "手術のあとは入院しますか" in article_of(reading).text


@pytest.mark.parametrize(
    "box",
    [
        '<div class="module m-header"><h2>{}</h2></div><div class="module"><p>{}</p></div>',
        '<div class="doctor-comment"><h5>{}</h5><p>{}</p></div>',
    ],
)
def test_a_heading_stays_with_the_text_it_leads(box: str) -> None:
    heading, text = "再診までの過ごし方", "三日のあいだは湯船につからず、シャワーで済ませてください。"
    inner = prose(TOPICS[0]) + box.format(heading, text) + "<p>ご家族にもお読みいただければと思います。</p>"
    [alone] = read_pages([("a.html", page(TOPICS[0], inner), "")])
    assert alone.article is not None
    assert f"{heading}\n{text}" in alone.article.text


def test_headings_of_other_boxes_still_go() -> None:
    teasers = "<aside class=popular><h3>よく読まれる話題</h3><h4>足のむくみ</h4></aside>"
    text = f"{prose(TOPICS[0])}{teasers}<p>つらいときは、早めに{TOPICS[0]}の診察をお受けください。</p>"
    [alone] = read_pages([("a.html", page(TOPICS[0], text), "")])
    assert alone.article is not None
    assert "むくみ" not in alone.article.text
    assert "早めに" in alone.article.text


@pytest.mark.parametrize(
    ("box", "text"),
    [
        (
            "<div class=side-effects><h4>{}</h4><p>{}</p></div>",
            "まれに発疹が出るほか、副作用として眠気が続くことがあります。",
        ),
        (
            "<div class=accordion><div role=button>{}</div><div style='visibility:hidden'><div>{}</div></div></div>",
            "受付でお渡しする用紙に、前の日までにご記入ください。",
        ),
    ],
)
def test_what_ends_a_page_in_a_box_stays(box: str, text: str) -> None:
    [alone] = read_pages(
        [("a.html", page(TOPICS[0], prose(TOPICS[0]) + box.format("問診票はいつ書きますか", text)), "")]
    )
    assert alone.article is not None
    assert alone.article.text.endswith(f"問診票はいつ書きますか\n{text}")


@pytest.mark.parametrize("opener", ["<h3><a href=''>{}</a></h3>", "<dt><a href='#'>{}</a>"])
def test_a_question_that_a_script_opens_is_no_link(opener: str) -> None:
    question = "点滴は何分かかりますか"
    [reading] = readings(f"{prose(TOPICS[0])}{opener.format(question)}<p>薬によりますが、四十分ほどです。</p>")
    assert question in article_of(reading).text


def test_what_all_pages_have_stays_with_the_text_it_leads() -> None:
    fees = (
        "<h2>ひとことで言うと</h2><p>たまにある{0}の相談です。</p><h2>かかる費用</h2>"
        "<table><caption>総額でのお支払い</caption><tr><th>検査</th><td>33,000円</td></tr>"
        "<tr><th>{0}の処置</th><td>{1}円</td></tr></table>"
        "<ul><li>{0}のときは腫れが三日ほど続きます。</li><li>処置のあとは車の運転ができません。</li></ul>"
    )
    files = [
        (f"{at}.html", page(topic, prose(topic) + fees.format(topic, f"{at + 4}2,000")), "")
        for at, topic in enumerate(TOPICS)
    ]
    for result in read_pages(files, files):
        assert result.article is not None
        assert "ひとことで言うと\nたまにある" in result.article.text
        assert "かかる費用\n総額でのお支払い\n検査\t33,000円" in result.article.text
        assert "運転ができません" in result.article.text


def test_the_address_for_trackbacks_goes() -> None:
    box = "<div class=trackbacks><h2>トラックバック(0)</h2><p>トラックバックURL: http://asagao.example/tb/{}</p></div>"
    text = prose(TOPICS[0]) + box
    [reading] = readings(text.format(0), others=box.format(1))
    assert "トラックバック" not in article_of(reading).text


def test_a_lone_number_at_the_end_goes_and_a_sentence_with_one_stays() -> None:
    box = "<div><p>お電話でのお問い合わせ</p><p>03-0000-0000</p><p>受付時間 9:00〜17:00（日曜休診）</p></div>"
    stays = "<p>夜間に熱が出たときは、お電話（03-0000-1111）でご相談ください。</p>"
    [called] = read_pages([("a.html", page(TOPICS[0], prose(TOPICS[0]) + stays + box), "")])
    assert called.article is not None
    assert called.article.text.endswith("ご相談ください。")


def test_a_name_and_an_office_set_apart_by_style_are_two() -> None:
    names = "<span class=b__name>青空 花子</span><span class=b__position>あさがお医院 院長</span>"
    [reading] = readings(f"{prose(TOPICS[0])}<h2>この記事を書いた人</h2><div>{names}</div>")
    assert article_of(reading).author == "青空 花子"


def test_related_links_still_go() -> None:
    links = "".join(
        f"<li><a href=/{number}>{topic}のコラム</a> 2024年7月{number}日" for number, topic in enumerate(TOPICS, 1)
    )
    [reading] = readings(f"{prose(TOPICS[0])}<h2>おすすめ記事</h2><ul>{links}</ul>")
    assert "おすすめ" not in article_of(reading).text
    assert "コラム" not in article_of(reading).text


@pytest.mark.parametrize(
    "box",
    ["<div><p>監修</p><p>青空 花子（院長）</p></div>", "<p>監修医師</p><p>青空 花子</p>", "<p>監修：青空 花子</p>"],
)
@pytest.mark.parametrize("at_top", [True, False])
def test_a_supervisor_takes_no_prose_along(box: str, at_top: bool) -> None:
    text = prose(TOPICS[0]) + "<p>※自由診療です。費用は22,000円です。</p>"
    [reading] = readings(
        box + text if at_top else prose(TOPICS[0]) + box + "<p>※自由診療です。費用は22,000円です。</p>"
    )
    article = article_of(reading)
    assert "".join(article.supervisor.split()) == "青空花子"
    assert "22,000円" in article.text
    assert "必要なら検査をします" in article.text


@pytest.mark.parametrize(
    "wall", ["会員ログインはこちらです。", "メンテナンス中の機器があります。", "画像認証を導入しました。"]
)
def test_a_word_of_a_wall_does_not_hide_known_text(wall: str) -> None:
    _, second = readings(prose(TOPICS[0]), prose(TOPICS[0]) + f"<p>{wall}</p>")
    assert wall in article_of(second).text
    assert second.is_revision


@pytest.mark.parametrize(
    "line",
    [
        "2014年11月25日に法律が変わりました。",
        "次回の講座は2025年9月9日です",
        "2025年8月8日（金）は休診します",
        "山田ほか、学会誌、2019年3月1日",
    ],
)
def test_a_date_in_a_sentence_is_not_when_it_was_published(line: str) -> None:
    [reading] = readings(f"<p>{line}</p>{prose(TOPICS[0])}")
    assert article_of(reading).published_on == ""


def test_pages_read_together_do_not_change_each_other() -> None:
    plain = '<div class="{} layout"><div class="text 1">{}</div></div>'
    pages = [
        (f"https://asagao.example/{number}.html", page("肩", prose(topic) * 2, plain.format(word, "{}")), "")
        for number, (word, topic) in enumerate(
            zip(["sub", "hidden", "no-sub", "2 article", "widget"], TOPICS, strict=False)
        )
    ]
    together = read_pages(pages)
    assert [result.article for result in together] == [read_pages([one])[0].article for one in pages]
    assert together == list(reversed(read_pages(pages[::-1])))


def test_a_text_that_repeats_the_article_and_slides_of_other_pages_go() -> None:
    paragraphs = [
        f"{part}の痛みが続くときは、検査の結果と暮らしのようすを合わせて、治療の進め方を一緒に決めていきます。" * 4
        for part in ("膝", "腰", "肩", "首")
    ]
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    echo = f"<div><div>2025-04-01T09:00:00+09:00</div><div>{' '.join(paragraphs)}</div></div>"
    slides = "<div class='swiper-wrapper'>" + "<div class='swiper-slide'>ほかの記事の見出し</div>" * 4 + "</div>"
    page = f"<main><h1>痛みの話</h1>{body}{echo}</main>{slides}"
    article = read_pages([("https://a.example/x", f"<title>痛みの話</title><body>{page}".encode(), "text/html")])[
        0
    ].article
    assert article is not None
    assert [block.text for block in article.blocks] == paragraphs


def test_lines_laid_out_as_paragraphs_come_and_go_with_no_revision() -> None:
    lines = ["駐車場は建物の裏にございます", "入口は南側です"]
    named = [f"<p>{'<br>'.join(lines)}</p>", "".join(f"<p>{line}</p>" for line in lines)]
    first, wrapped, later = readings(
        *(f"{prose(TOPICS[0])}{one}" for one in (*named, named[1] + "<p>満車の日もあります。</p>"))
    )
    assert not wrapped.is_revision
    assert later.is_revision
    assert set(article_of(first).text.split("\n")) < set(article_of(later).text.split("\n"))


def test_what_a_box_says_of_a_person_stands_line_by_line() -> None:
    box = "<div><p>この記事を書いた人</p><p>青空 花子</p><p>{}</p><p>休日は庭にいます</p></div>"
    old, new = (
        article_of(one)
        for one in readings(
            *(prose(TOPICS[0]) + box.format(post) for post in ("あさがお医院 副院長", "あさがお医院 院長"))
        )
    )
    [edit] = compare(old, new).edits
    assert (edit.old, edit.new) == ("あさがお医院 副院長", "あさがお医院 院長")
