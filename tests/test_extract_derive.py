"""A site's captures → readings: revisions are changes of articles, never of pages."""

# ruff: noqa: E501 (pages are clearer with their lines whole)
from __future__ import annotations

import hashlib
import pickle
import random
from collections.abc import Mapping, Sequence

import pytest

from columnarchive.diff.compare import compare
from columnarchive.extract.site_reader import read_site
from columnarchive.records import PageKind, PageReadings, PageVersions, Version

TOPICS = ("膝", "腰", "肩", "首", "足首", "手首", "睡眠", "食事")
NOTICE = "※治療の効果には個人差があります。自由診療のため公的医療保険は使えません。"


def design_one(title: str, body: str, stamp: str = "1") -> str:
    return f"""<!doctype html><html lang="ja"><head><title>{title}｜みどり整体院</title></head><body>
<div id="header"><p class="logo"><a href="/">みどり整体院</a></p><p>TEL 03-0000-1111</p><p>受付 9:00〜18:00</p>
<ul><li><a href="/">ホーム</a></li><li><a href="/column/">コラム</a></li><li><a href="/price/">料金</a></li></ul></div>
<div id="main"><h1>{title}</h1><p class="date">2025年4月1日</p><div class="body">{body}</div></div>
<div id="footer"><p>東京都緑区1-1</p><p>v{stamp} build</p><p>© 2025 みどり整体院</p></div></body></html>"""


def design_two(title: str, body: str, stamp: str = "1") -> str:
    return f"""<!doctype html><html lang="ja"><head><title>{title} - みどり整体院 公式サイト</title></head><body>
<header class="global"><div><a href="/">みどり整体院 公式サイト</a></div><p>土日も診療しています。ご予約はお電話で。</p>
<nav><a href="/">トップ</a><a href="/column/">読みもの</a><a href="/access/">アクセス</a></nav></header>
<main><article><h1>{title}</h1><time datetime="2025-04-01">2025.04.01</time><section class="post">{body}</section>
<aside class="campaign"><h2>春のキャンペーン</h2><p>はじめての方は検査料が無料になります。この機会にどうぞ。</p></aside></article></main>
<footer><p>〒100-0000 東京都緑区1-1</p><p>{stamp}</p><p>Copyright 2026 みどり整体院</p></footer></body></html>"""


def body_of(topic: str, price: str = "5,500円") -> str:
    return (
        f"<p>{topic}の痛みが長く続くときは、まず動かし方を見直すことが大切です。</p>"
        f"<h2>{topic}の仕組み</h2><p>{topic}のまわりの筋肉は、毎日の姿勢に大きく影響されます。</p>"
        f"<table><tr><th>{topic}の検査</th><td>{price}</td></tr></table>"
        f"<p class='note'>{NOTICE}</p><p>{topic}についてのご質問は、診察のときにお話しください。</p>"
    )


class Store:
    """Bodies by digest, and pages made of them."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def page(self, url: str, versions: Sequence[tuple[str, str]]) -> PageVersions:
        made: list[Version] = []
        for at, html in versions:
            body = html.encode()
            digest = hashlib.sha256(body).hexdigest()
            self.bodies[digest] = body
            made.append(Version(digest, at, at, "text/html; charset=utf-8"))
        return PageVersions(url, tuple(made))

    def read(
        self, pages: Sequence[PageVersions], overrides: Mapping[str, PageKind] | None = None
    ) -> dict[str, PageReadings]:
        return {page.url: page for page in read_site(pages, self.bodies.__getitem__, overrides or {})}


def url_of(topic: str) -> str:
    return f"https://midori.example/column/{TOPICS.index(topic)}.html"


def revisions(page: PageReadings) -> list[int]:
    return [number for number, reading in enumerate(page.readings) if reading.is_revision]


def test_article_of_every_page_and_repeated_notice_stays() -> None:
    store = Store()
    pages = [
        store.page(url_of(topic), [("2025-04-02T00:00:00Z", design_one(f"{topic}の話", body_of(topic)))])
        for topic in TOPICS
    ]
    for topic, (_, page) in zip(TOPICS, store.read(pages).items(), strict=True):
        (reading,) = page.readings
        assert (reading.kind, reading.outcome, reading.is_revision) == ("article", "ok", True)
        assert reading.article is not None
        assert reading.article.title == f"{topic}の話"
        assert reading.article.published_on == "2025-04-01"
        assert reading.article.text.split("\n") == [
            f"{topic}の痛みが長く続くときは、まず動かし方を見直すことが大切です。",
            f"{topic}の仕組み",
            f"{topic}のまわりの筋肉は、毎日の姿勢に大きく影響されます。",
            f"{topic}の検査\t5,500円",
            NOTICE,
            f"{topic}についてのご質問は、診察のときにお話しください。",
        ]


def redesigned(store: Store, count: int = len(TOPICS)) -> list[PageVersions]:
    """A site whose second crawl, over minutes, falls into a redesign: half of the pages before it, all after."""
    pages: list[PageVersions] = []
    for number, topic in enumerate(TOPICS[:count]):
        title = f"{topic}の話"
        versions = [(f"2025-04-02T00:0{number}:00Z", design_one(title, body_of(topic), "1"))]
        second = design_two if number >= count // 2 else design_one
        versions.append((f"2025-05-02T00:0{number}:00Z", second(title, body_of(topic), "2")))
        versions.append((f"2025-06-02T00:0{number}:00Z", design_two(title, body_of(topic), "3")))
        pages.append(store.page(url_of(topic), versions))
    return pages


@pytest.mark.parametrize("count", [2, 3, 4, 8])
def test_redesign_in_the_middle_of_a_crawl_makes_no_revision(count: int) -> None:
    store = Store()
    for page in store.read(redesigned(store, count)).values():
        assert revisions(page) == [0], page.url


def test_one_digit_in_the_middle_of_a_redesign_makes_exactly_one() -> None:
    store = Store()
    pages = redesigned(store)
    topic = TOPICS[6]
    changed = store.page(
        "x", [("2025-05-02T00:06:00Z", design_two(f"{topic}の話", body_of(topic, "6,500円"), "2"))]
    ).versions[0]
    pages[6] = PageVersions(pages[6].url, (pages[6].versions[0], changed))
    read = store.read(pages)
    assert revisions(read[url_of(topic)]) == [0, 1]
    assert all(revisions(page) == [0] for url, page in read.items() if url != url_of(topic))


@pytest.mark.parametrize(
    ("old", "new", "labels"),
    [
        ("<p>久世 直人</p><p>院長。整形外科専門医。</p>", "<p>牧野 遥</p><p>院長。整形外科専門医。</p>", ("person",)),
        ("<p>久世 直人</p><p>院長。整形外科専門医。</p>", "<p>久世 直人</p><p>院長。整形外科医。</p>", ("credential",)),
        ("<p>久世 直人</p><p>院長。登山が趣味。</p>", "<p>久世 直人</p><p>院長。畑が趣味。</p>", ("wording",)),
        ("<p>久世 直人</p><p>院長。</p>", "<p>久世直人</p><p>院長。</p>", None),
    ],
)
def test_who_answers_for_a_page_is_compared(old: str, new: str, labels: tuple[str, ...] | None) -> None:
    store = Store()
    box = '<div class="sv"><h3>監修医師</h3>{}</div>'
    pages = [
        store.page(
            url_of(topic),
            [
                (f"2025-04-0{day}T00:00:00Z", design_one(f"{topic}の話", body_of(topic) + box.format(shown)))
                for day, shown in ((1, old), (2, new if topic == TOPICS[0] else old))
            ],
        )
        for topic in TOPICS[:4]
    ]
    read = store.read(pages)
    readings = read[url_of(TOPICS[0])].readings
    assert [one.is_revision for one in readings] == [True, labels is not None]
    first, second = (one.article for one in readings)
    assert first is not None
    assert second is not None
    assert compare(first, second).labels == (labels or ())
    assert all(revisions(read[url_of(topic)]) == [0] for topic in TOPICS[1:4])


def test_order_of_arrival_plays_no_part() -> None:
    store = Store()
    pages = redesigned(store)
    expected = store.read(pages)
    for seed in range(3):
        shuffled = list(pages)
        random.Random(seed).shuffle(shuffled)
        assert store.read(shuffled) == expected


def test_more_siblings_make_no_revision() -> None:
    store = Store()
    pages = [
        store.page(
            url_of(topic),
            [(f"2025-0{4 + number // 3}-02T00:00:00Z", design_one(f"{topic}の話", body_of(topic), str(number)))],
        )
        for number, topic in enumerate(TOPICS)
    ]
    first = TOPICS[0]
    versions = [
        (f"2025-0{month}-02T00:00:00Z", design_one(f"{first}の話", body_of(first), f"b{month}"))
        for month in range(4, 9)
    ]
    pages[0] = store.page(url_of(first), versions)
    assert revisions(store.read(pages)[url_of(first)]) == [0]


WALLS = (
    "<html><head><title>Just a moment...</title></head><body><p>Checking your browser before accessing.</p></body></html>",
    "<html><head><title>メンテナンス中</title></head><body><p>ただいまメンテナンス中です。しばらくお待ちください。</p></body></html>",
    "<html><head><title>ページが見つかりません</title></head><body><p>お探しのページは見つかりませんでした。</p></body></html>",
    "<html><head><title>x</title></head><body><div id='root'></div><script>render()</script></body></html>",
    "<html><head><title>みどり整体院</title></head><body></body></html>",
)


@pytest.mark.parametrize("wall", WALLS)
def test_a_wall_is_never_an_edit(wall: str) -> None:
    store = Store()
    pages = [
        store.page(url_of(topic), [("2025-04-02T00:00:00Z", design_one(f"{topic}の話", body_of(topic)))])
        for topic in TOPICS
    ]
    good = design_one("膝の話", body_of("膝"))
    pages[0] = store.page(
        pages[0].url,
        [("2025-04-02T00:00:00Z", good), ("2025-05-02T00:00:00Z", wall), ("2025-06-02T00:00:00Z", good + "<!-- -->")],
    )
    readings = store.read(pages)[pages[0].url].readings
    assert [reading.is_revision for reading in readings] == [True, False, False]
    assert readings[1].article is None
    assert readings[1].outcome in ("suspect", "no_article", "needs_javascript")


def test_listing_pages_and_overrides() -> None:
    store = Store()
    pages = [
        store.page(url_of(topic), [("2025-04-02T00:00:00Z", design_one(f"{topic}の話", body_of(topic)))])
        for topic in TOPICS
    ]
    whole = "".join(f"<h2><a href='{url_of(topic)}'>{topic}の話</a></h2>{body_of(topic)}" for topic in TOPICS[:3])
    cards = "".join(
        f"<li><p>2025.04.0{number}</p><a href='{url_of(topic)}'>{topic}の話</a><p>{topic}の痛みが長く続くときは、まず動かし方を…</p></li>"
        for number, topic in enumerate(TOPICS, 1)
    )
    pages.append(store.page("https://midori.example/column/", [("2025-04-02T00:00:00Z", design_one("コラム", whole))]))
    pages.append(
        store.page(
            "https://midori.example/column/all.html",
            [("2025-04-02T00:00:00Z", design_one("一覧", f"<ul>{cards}</ul>"))],
        )
    )
    read = store.read(pages, {"https://midori.example/column/7.html": "other"})
    kinds = {url: page.readings[0].kind for url, page in read.items()}
    assert kinds["https://midori.example/column/"] == "listing"
    assert kinds["https://midori.example/column/all.html"] == "listing"
    assert kinds.pop(url_of(TOPICS[7])) == "other"
    assert all(kinds[url_of(topic)] == "article" for topic in TOPICS[:7])
    assert read["https://midori.example/column/"].readings[0].article is None


def test_canonical_is_resolved_and_readings_pickle() -> None:
    store = Store()
    html = design_one("膝の話", body_of("膝")).replace(
        "<title>", '<link rel="canonical" href="/column/knee.html"><title>'
    )
    page = store.page(url_of("膝"), [("2025-04-02T00:00:00Z", html)])
    read = store.read([page])
    assert read[page.url].readings[0].canonical == "https://midori.example/column/knee.html"
    assert pickle.loads(pickle.dumps(read)) == read


def test_each_body_is_opened_once() -> None:
    store = Store()
    pages = redesigned(store)
    asked: list[str] = []

    def body(sha256: str) -> bytes:
        asked.append(sha256)
        return store.bodies[sha256]

    list(read_site(pages, body, {}))
    assert sorted(asked) == sorted(set(asked))


@pytest.mark.parametrize("position", range(0, 100, 9))
def test_one_character_inside_is_always_seen_and_one_outside_never(position: int) -> None:
    store = Store()
    pages = [
        store.page(url_of(topic), [("2025-04-02T00:00:00Z", design_one(f"{topic}の話", body_of(topic)))])
        for topic in TOPICS
    ]
    title, body = f"{TOPICS[2]}の話", body_of(TOPICS[2])
    inside = [at for at, char in enumerate(body) if char not in "<>/" and _is_text(body, at)]
    at = inside[position * len(inside) // 100]
    edited = body[:at] + ("変" if body[at] != "変" else "化") + body[at + 1 :]
    before = design_one(title, body)
    for after, expected in (
        (design_one(title, edited), [0, 1]),
        (before.replace("v1 build", "v2 build"), [0]),
        (before.replace("受付 9:00", "受付 8:00"), [0]),
        (before.replace("東京都緑区1-1", "東京都緑区1-2"), [0]),
        (before.replace("© 2025", "© 2026"), [0]),
        (before.replace(">料金<", ">料金表<"), [0]),
    ):
        assert after != before
        changed = [*pages]
        changed[2] = store.page(url_of(TOPICS[2]), [("2025-04-02T00:00:00Z", before), ("2025-05-02T00:00:00Z", after)])
        assert revisions(store.read(changed)[url_of(TOPICS[2])]) == expected


def _is_text(html: str, at: int) -> bool:
    return html.rfind(">", 0, at) > html.rfind("<", 0, at)
