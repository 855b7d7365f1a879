"""A column on several pages is one article, whatever its pages are called and whichever of them changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deriving import spread
from servers.site import Reply, Site

from columnarchive.archive import Archive, CrawlOptions, Target
from columnarchive.config import SiteSettings
from columnarchive.reader import ChangeFilter, Pick

AT = datetime(2026, 3, 1, 3, tzinfo=UTC)
TOPICS = ("膝の注射", "肩の運動", "腰の装具", "首の体操", "足の靴選び")


def page(topic: str, title: str, *lines: str, foot: str = "") -> str:
    """A page of a column."""
    text = "".join(f"<p>{line}</p>" for line in lines)
    return (
        f"<!doctype html><html lang=ja><meta charset=utf-8><title>{title}｜見本整形外科</title>"
        f"<header>見本整形外科 代表電話</header><main><h1>{topic}について</h1>{text}{foot}</main><footer>院</footer>"
    )


def columns(further: str, link: str) -> dict[str, str | bytes]:
    """Five columns, each with a second page; `further` is its address after `/column/aN`, `link` the way to it."""
    pages: dict[str, str | bytes] = {}
    for number, topic in enumerate(TOPICS):
        ending = ".html" if further.startswith((".", "-", "_")) or ".html" in further else "/"
        own = f"/column/a{number}{ending}"
        there = f"/column/a{number}{further}"
        foot = link.replace("URL", there)
        pages[own] = page(
            topic, f"{topic}について", f"{topic}の一頁目で流れを述べます。", f"{topic}は週に二回です。", foot=foot
        )
        title = f"{topic}について - ページ 2"
        pages[there] = page(
            topic, title, f"{topic}の二頁目で副作用を述べます。", f"{topic}の費用は4{number},000円です。"
        )
    items = "".join(f"<li><a href='{url}'>{TOPICS[n]}について</a></li>" for n, url in enumerate([*pages][::2]))
    pages["/column/"] = f"<meta charset=utf-8><title>コラム</title><h1>コラム一覧</h1><ul>{items}</ul>"
    return pages


WAYS = {
    "rel next": ("/2/", "<link rel=next href='URL'>"),
    "numbers": ("/2/", "<div class=page-links>ページ: <span>1</span> <a href='URL'>2</a></div>"),
    "query": ("/?page=2", "<p><a href='URL'>次のページ</a></p>"),
    "file": ("-2.html", "<p><a href='URL'>次のページ</a></p>"),
    "read on": ("_2.html", "<p><a href='URL'>続きを読む</a></p>"),
}


class Watched:
    """A site that is crawled once a day."""

    def __init__(self, archive: Archive, site: Site) -> None:
        self.archive = archive
        self.site = site
        self.day = 0

    def crawl(self) -> None:
        self.day += 1
        now = AT + timedelta(days=self.day)
        options = CrawlOptions(delay=0, allow_private=True, all=True, clock=lambda: now)
        start = self.site.url + "/column/"
        self.archive.crawl([Target(SiteSettings("paged", (start,)), (start,))], options)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(tmp_path / "archive.db") as archive:
        yield archive


@pytest.mark.parametrize("way", spread(WAYS, 2))
def test_all_pages_of_a_column_are_one_article(archive: Archive, way: str) -> None:
    further, link = WAYS[way]
    with Site(columns(further, link)) as site:
        watched = Watched(archive, site)
        watched.crawl()
        rows = archive.articles()
        assert len(rows) == len(TOPICS)
        for row in rows:
            text = archive.current_article(row).text
            assert text.index("一頁目") < text.index("二頁目")
            assert row.revisions == 1
        (first,) = [row for row in rows if "/a0" in row.url]
        there = f"/column/a0{further}"
        site.pages[there] = str(site.pages[there]).replace("40,000円", "48,000円")
        watched.crawl()
        (change,) = archive.changes(ChangeFilter())
        assert change.url == first.url
        assert "price" in change.labels
        assert "一頁目" in archive.revision(first, Pick(2)).article.text
        watched.crawl()
        assert len(archive.changes(ChangeFilter())) == 1


def test_a_page_that_is_added_or_taken_away_later_is_a_change(archive: Archive) -> None:
    pages = columns(*WAYS["numbers"])
    later = pages.pop("/column/a1/2/")
    linked = str(pages["/column/a1/"])
    pages["/column/a1/"] = linked.replace("<div class=page-links>", "<!--").replace("2</a></div>", "-->")
    with Site(pages) as site:
        watched = Watched(archive, site)
        watched.crawl()
        watched.crawl()
        assert archive.changes(ChangeFilter()) == []
        site.pages |= {"/column/a1/": linked, "/column/a1/2/": later}
        watched.crawl()
        (change,) = archive.changes(ChangeFilter())
        assert "/a1/" in change.url
        assert "risk_added" in change.labels or change.added_chars > 10


@pytest.mark.slow
def test_a_page_that_goes_takes_its_text_with_it(archive: Archive) -> None:
    pages = columns(*WAYS["numbers"])
    linked = str(pages["/column/a1/"])
    with Site(pages) as site:
        watched = Watched(archive, site)
        watched.crawl()
        site.pages["/column/a1/"] = linked.replace("<div class=page-links>", "<!--").replace("2</a></div>", "-->")
        site.pages["/column/a1/2/"] = Reply(410)
        watched.crawl()
        (change,) = archive.changes(ChangeFilter())
        assert change.removed_chars > 20
        assert change.added_chars == 0
        row = archive.article(site.url + "/column/a1/")
        assert row.state == "live"
        assert [sentence.text for sentence in archive.removed_sentences(row)] == [
            "肩の運動の二頁目で副作用を述べます。",
            "肩の運動の費用は41,000円です。",
        ]
        watched.crawl()
        assert len(archive.changes(ChangeFilter())) == 1


def test_pages_with_other_titles_are_other_articles(archive: Archive) -> None:
    pages = columns(*WAYS["numbers"])
    pages["/column/a2/2/"] = page("まったく別の話", "まったく別の話", "別の話を述べます。", "別の話は続きます。")
    with Site(pages) as site:
        Watched(archive, site).crawl()
        assert len(archive.articles()) == len(TOPICS) + 1


def test_numbered_columns_with_one_title_stay_apart(archive: Archive) -> None:
    names = [f"/column/{number}.html" for number in range(1, 7)]
    pages: dict[str, str | bytes] = {
        name: page("院長コラム", "院長コラム", f"{TOPICS[n % 5]}を{n}番目に述べます。", f"{n}週ごとに通います。")
        for n, name in enumerate(names)
    }
    items = "".join(f"<li><a href='{name}'>院長コラム 第{n}回</a></li>" for n, name in enumerate(names))
    pages["/column/"] = f"<meta charset=utf-8><title>一覧</title><h1>一覧</h1><ul>{items}</ul>"
    with Site(pages) as site:
        Watched(archive, site).crawl()
        assert len(archive.articles()) == len(names)


CANONICAL = [
    "ashiyase/",
    "/column/nobody-fetched-this/",
    "{origin}/column/a3/",  # was fetched, and says something else
    "{origin}:443/column/a0/",
]


@pytest.mark.parametrize("canonical", spread(CANONICAL, 2))
def test_a_canonical_link_is_believed_only_if_its_target_agrees(archive: Archive, canonical: str) -> None:
    pages = columns(*WAYS["numbers"])
    head = f"<link rel=canonical href='{canonical}'>"
    own = str(pages["/column/a0/"])
    with Site(pages) as site:
        watched = Watched(archive, site)
        watched.crawl()
        site.pages["/column/a0/"] = own.replace("<header>", head.replace("{origin}", site.url) + "<header>")
        watched.crawl()
        assert {row.url.removeprefix(site.url) for row in archive.articles()} == {f"/column/a{n}/" for n in range(5)}
        assert archive.changes(ChangeFilter()) == []
        assert archive.captures(site.url + "/column/a0/")
        assert archive.capture(site.url + "/column/a0/").body_sha256


def test_the_stored_page_of_a_day_is_the_one_captured_then(archive: Archive) -> None:
    pages = columns(*WAYS["numbers"])
    with Site(pages) as site:
        watched = Watched(archive, site)
        watched.crawl()
        site.pages["/column/a0/"] = str(pages["/column/a0/"]).replace("<header>", "<!-- 地図 --><header>")
        watched.crawl()
        row = archive.article(site.url + "/column/a0/")
        assert row.revisions == 1
        assert "地図" not in archive.page_body(row, Pick(at="2026-03-02T23:00:00Z")).decode()
        assert "地図" in archive.page_body(row, Pick(at="2026-03-03T23:00:00Z")).decode()
        assert "地図" not in archive.page_body(row).decode()


def framed(middle: str, frame: dict[str, str]) -> dict[str, str | bytes]:
    """Five columns with frames, and all of them with the frame of an advertisement."""
    pages: dict[str, str | bytes] = {
        "/column/ad.html": page("広告", "広告", "五月は検診が割引になります。", "お早めにどうぞ。")
    }
    for number, topic in enumerate(TOPICS):
        body = middle.replace("URL", f"/column/a{number}").replace("TOPIC", topic)
        text = f"</p>{body}<p>{topic}の終わりに、家での過ごし方を述べます。</p><iframe src=/column/ad.html></iframe><p>"
        pages[f"/column/a{number}.html"] = page(topic, topic, f"{topic}の初めに流れを述べます。", text)
        for name, line in frame.items():
            pages[f"/column/a{number}{name}.html"] = page(
                f"{topic}の{name}", f"{topic}の{name}", line.format(topic=topic), f"{topic}の{name}は個人差があります。"
            )
    items = "".join(f"<li><a href='/column/a{n}.html'>{topic}について</a></li>" for n, topic in enumerate(TOPICS))
    pages["/column/"] = f"<meta charset=utf-8><title>コラム</title><h1>コラム一覧</h1><ul>{items}</ul>"
    return pages


FRAMES = {
    "one": ("<iframe src=URLcost.html></iframe>", {"cost": "{topic}の費用は4,000円です。"}),
    "in a box": ("<div><iframe width=600 src='URLcost.html'></iframe></div>", {"cost": "{topic}の費用は4,000円です。"}),
    "two": (
        "<iframe src=URLrisk.html></iframe><p>TOPICの費用は次のとおりです。</p><iframe src=URLcost.html></iframe>",
        {"risk": "{topic}のあとに腫れることがあります。", "cost": "{topic}の費用は4,000円です。"},
    ),
}


@pytest.mark.parametrize("way", FRAMES)
def test_what_a_column_frames_is_part_of_it_in_its_place(archive: Archive, way: str) -> None:
    middle, frames = FRAMES[way]
    with Site(framed(middle, frames)) as site:
        watched = Watched(archive, site)
        watched.crawl()
        row = archive.article(f"{site.url}/column/a1.html")
        lines = archive.revision(row, Pick()).article.text.split("\n")
        order = [next(n for n, line in enumerate(lines) if mark in line) for mark in ("初めに", *frames, "終わりに")]
        assert order == sorted(order), lines
        assert not any("割引" in line for line in lines)
        urls = [url for (url,) in archive.conn.execute("select url from articles where url like '%/column/a_%.html'")]
        assert len([url for url in urls if "cost" in url or "risk" in url]) == 0, urls
        before = str(site.pages["/column/a1cost.html"])
        site.pages["/column/a1cost.html"] = before.replace("4,000円", "6,000円")
        watched.crawl()
        changes = archive.changes(ChangeFilter(url=f"{site.url}/column/a1.html"))
        assert [change.labels for change in changes] == [("price",)]
        assert len(archive.changes(ChangeFilter())) == 1
