"""Columns that move, go and come back, crawled day by day from a real server: one article, one history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import deriving
import pytest
from deriving import crawl, spread
from fake_clock import FakeClock
from servers.site import Reply, Site

from columnarchive.config import Settings
from columnarchive.pipeline.crawl import CrawlOptions, targets
from columnarchive.store.database import Database

AT = datetime(2026, 1, 5, 1, tzinfo=UTC)
PARTS = ("ひざ", "腰", "肩", "首", "足首", "股関節", "ひじ", "手首")
MENU = "<header><nav><ul><li><a href=/>ホーム</a><li><a href=/column/>コラム</a></ul></nav></header>"


def page(title: str, body: str, head: str = "") -> str:
    top = f"<html lang=ja><head><meta charset=utf-8><title>{title}｜青空整形</title>{head}</head><body>{MENU}"
    return f"{top}<main>{body}</main><footer>青空整形外科 電話 03-0000-0000</footer></body></html>"


def column(number: int, head: str = "", price: str = "98,000") -> str:
    """A column like no other of the site."""
    part = PARTS[number]
    said = "".join(
        f"<p>{part}の痛みが{k}か月続くときは、{part}の検査を{k + 1}回おすすめします。</p>" for k in range(1, 9)
    )
    return page(
        f"{part}の再生医療",
        f"<h1>{part}の再生医療</h1><p>2025年1月{number + 1}日</p>{said}<p>費用は{price}円です。</p>",
        head,
    )


def at(number: int) -> str:
    return f"/column/{number}.html"


@dataclass
class Followed:
    """A site that is crawled and derived once a day."""

    site: Site
    db: Database
    day: int = 0

    def come_back(self, days: int = 40) -> None:
        """Crawl all that is due and derive it; all pages are due after 40 days."""
        self.day += days
        clock = lambda: AT + timedelta(days=self.day)  # noqa: E731
        chosen = targets(self.db, [self.site.url + "/column/"], Settings())
        crawl(self.db, chosen, CrawlOptions(allow_private=True, clock=clock, timer=FakeClock().timer()))
        deriving.derive(self.db)

    def lists(self, *paths: str) -> None:
        """What the listing links to."""
        items = "".join(
            f"<li>2025年1月{n + 1}日 <a href={path}>{PARTS[n % 8]}の再生医療</a></li>" for n, path in enumerate(paths)
        )
        self.site.pages["/column/"] = page("コラム", f"<h1>コラム</h1><ul>{items}</ul>")

    def articles(self) -> dict[str, tuple[str, int, str]]:
        """Articles by path: title, number of revisions, state."""
        rows = self.db.conn.execute("select url, title, revisions, state, text from articles order by url")
        found = {url.removeprefix(self.site.url): tuple(said) for url, *said in rows}
        for title, *_, text in found.values():
            if part := title.removesuffix("の再生医療"):
                assert title == part or [text.count(f"{part}の検査を{k}回") for k in range(2, 10)] == [1] * 8, text
        return {path: said[:3] for path, said in found.items()}

    def article_of(self, path: str) -> str:
        """The path of the article that a page is part of; empty for none."""
        found = self.db.conn.execute(
            "select articles.url from pages join articles on articles.id = article_id where pages.url = ?",
            (self.site.url + path,),
        ).fetchone()
        return found[0].removeprefix(self.site.url) if found else ""

    def labels(self, path: str) -> list[str]:
        """What happened to an article, in order."""
        rows = self.db.conn.execute(
            """select changes.labels from changes join articles on articles.id = article_id where url = ?
               order by seen_at, to_number""",
            (self.site.url + path,),
        )
        return [label for (labels,) in rows for label in json.loads(labels)]


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    with Site({at(n): column(n) for n in range(8)}) as site, Database.open(tmp_path / "a.db") as db:
        site.pages |= {"/": page("青空整形", "<h1>ようこそ</h1><p>当院の診療は予約制です。</p>" * 3)}
        one = Followed(site, db)
        one.lists(*(at(n) for n in range(8)))
        one.come_back(0)
        assert len(one.articles()) == 8
        yield one


NEW = "/column/hiza-saisei.html"
NEWER = "/column/hiza-2026.html"


def moved(to: str, status: int = 301) -> Reply:
    return Reply(status, b"", {"Location": to})


@pytest.mark.parametrize("listed", [NEW, at(0)])
@pytest.mark.parametrize("status", spread([301, 302, 308], 1))
def test_a_redirect_to_the_same_text_joins_the_history(followed: Followed, status: int, listed: str) -> None:
    followed.site.pages |= {at(0): moved(NEW, status), NEW: column(0)}
    followed.lists(listed, *(at(n) for n in range(1, 8)))
    followed.come_back()
    assert followed.articles()[NEW] == ("ひざの再生医療", 1, "live")
    assert followed.article_of(at(0)) == NEW
    assert len(followed.articles()) == 8
    assert followed.labels(NEW) == []


def test_a_change_made_while_moving_is_an_edit(followed: Followed) -> None:
    followed.site.pages |= {at(0): moved(NEW), NEW: column(0, price="128,000")}
    followed.lists(NEW, *(at(n) for n in range(1, 8)))
    followed.come_back()
    assert followed.articles()[NEW] == ("ひざの再生医療", 2, "live")
    assert "price" in followed.labels(NEW)
    assert len(followed.articles()) == 8


def test_a_canonical_link_to_the_old_address_joins_it(followed: Followed) -> None:
    followed.site.pages[NEW] = column(0, f"<link rel=Canonical href={at(0)}>")
    followed.lists(NEW, *(at(n) for n in range(8)))
    followed.come_back()
    assert followed.article_of(NEW) == at(0)
    assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "live")
    assert len(followed.articles()) == 8


def test_a_canonical_link_to_the_new_address_joins_it(followed: Followed) -> None:
    head = f"<link rel=canonical href={NEW}>"
    followed.site.pages |= {at(0): column(0, head), NEW: column(0, head)}
    followed.come_back()
    assert followed.article_of(at(0)) == followed.article_of(NEW) == NEW
    assert len(followed.articles()) == 8


def test_moved_and_moved_on(followed: Followed) -> None:
    followed.site.pages |= {at(0): moved(NEW), NEW: column(0)}
    followed.lists(NEW, *(at(n) for n in range(1, 8)))
    followed.come_back()
    followed.site.pages |= {NEW: moved(NEWER), NEWER: column(0, price="128,000")}
    followed.lists(NEWER, *(at(n) for n in range(1, 8)))
    followed.come_back()
    assert {followed.article_of(path) for path in (at(0), NEW, NEWER)} == {NEWER}
    assert followed.articles()[NEWER] == ("ひざの再生医療", 2, "live")
    assert len(followed.articles()) == 8


def test_moved_and_back_again(followed: Followed) -> None:
    followed.site.pages |= {at(0): moved(NEW), NEW: column(0)}
    followed.lists(NEW, *(at(n) for n in range(1, 8)))
    followed.come_back()
    followed.site.pages |= {NEW: moved(at(0)), at(0): column(0)}
    followed.lists(*(at(n) for n in range(8)))
    followed.come_back()
    assert followed.article_of(at(0)) == followed.article_of(NEW) == at(0)
    assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "live")
    assert len(followed.articles()) == 8


@pytest.mark.parametrize("place", ["/column/", "/"])
@pytest.mark.parametrize("status", spread([301, 302], 1))
def test_columns_that_redirect_to_a_listing_are_gone_and_not_one(followed: Followed, place: str, status: int) -> None:
    followed.site.pages |= {at(0): moved(place, status), at(1): moved(place, status)}
    followed.lists(*(at(n) for n in range(2, 8)))
    followed.come_back()
    found = followed.articles()
    assert found[at(0)] == ("ひざの再生医療", 1, "gone")
    assert found[at(1)] == ("腰の再生医療", 1, "gone")
    assert followed.labels(at(0)) == followed.labels(at(1)) == ["gone"]
    assert len([path for path in found if path.startswith("/column/")]) == 8
    followed.site.pages |= {at(0): column(0), at(1): column(1)}
    followed.come_back()
    assert followed.labels(at(0)) == ["gone", "returned"]
    assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "live")


@pytest.mark.parametrize("place", ["/", "/column/", at(7)])
def test_a_canonical_link_that_all_pages_give_is_ignored(followed: Followed, place: str) -> None:
    head = f"<link rel=canonical href={place}>"
    followed.site.pages |= {at(n): column(n, head) for n in range(8)}
    followed.come_back()
    assert {followed.article_of(at(n)) for n in range(8)} == {at(n) for n in range(8)}
    assert all(said[1:] == (1, "live") for path, said in followed.articles().items() if path != "/")


def test_gone_twice_and_returned_twice(followed: Followed) -> None:
    for _ in range(2):
        followed.site.pages[at(0)] = Reply(404, "<title>404</title>見つかりません".encode())
        followed.come_back()
        followed.come_back(2)
        assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "gone")
        followed.site.pages[at(0)] = column(0)
        followed.come_back()
        assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "live")
    assert followed.labels(at(0)) == ["gone", "returned", "gone", "returned"]


def notice(to: str, seconds: int = 5) -> str:
    head = f"<meta http-equiv=Refresh content='{seconds}; URL={to}'>"
    said = "<h1>移転しました</h1><p>このページは移転しました。5秒後に新しいページへ移動します。</p>"
    return page("移転のお知らせ", said, head)


@pytest.mark.parametrize("bare", [False, True])
def test_a_notice_that_sends_readers_on_is_no_edit(followed: Followed, bare: bool) -> None:
    said = notice(NEW)
    followed.site.pages |= {at(0): said.replace(MENU, "").partition("<footer>")[0] if bare else said, NEW: column(0)}
    followed.come_back()
    assert followed.article_of(at(0)) == NEW
    assert followed.articles()[NEW] == ("ひざの再生医療", 1, "live")
    assert followed.labels(NEW) == []
    assert len(followed.articles()) == 8


@pytest.mark.parametrize("to", ["/column/", at(7)])
def test_a_notice_that_sends_readers_elsewhere_says_that_the_column_is_gone(followed: Followed, to: str) -> None:
    followed.site.pages[at(0)] = notice(to)
    followed.come_back()
    assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "gone")
    assert followed.labels(at(0)) == ["gone"]
    followed.site.pages[at(0)] = column(0)
    followed.come_back()
    assert followed.labels(at(0)) == ["gone", "returned"]


@pytest.mark.parametrize("to", spread([at(0) + "?token=1", "/check/"], 1))
def test_a_notice_that_may_be_a_wall_says_nothing(followed: Followed, to: str) -> None:
    followed.site.pages |= {at(0): notice(to), "/check/": page("確認", "<p>認証中</p>")}
    followed.come_back()
    assert followed.articles()[at(0)] == ("ひざの再生医療", 1, "suspect")
    assert followed.labels(at(0)) == []


def test_a_notice_that_names_an_address_elsewhere_is_a_change_to_that(followed: Followed) -> None:
    followed.site.pages[at(0)] = notice("https://other.example/new.html")
    followed.come_back()
    assert followed.articles()[at(0)] == ("移転しました", 2, "live")
    assert "rewritten" in followed.labels(at(0)) or "replaced" in followed.labels(at(0))
    shown = followed.db.conn.execute("select text from articles where title = '移転しました'").fetchone()[0]
    assert shown.endswith("https://other.example/new.html")


@pytest.mark.parametrize("head", [
    "<noscript><meta http-equiv=refresh content='0; url=?noscript=1'></noscript>",
    "<meta http-equiv=refresh content='600; url=/'>",
    "<meta http-equiv=refresh content='5'>",
])  # fmt: skip
def test_a_column_that_only_names_another_page_stays_a_column(followed: Followed, head: str) -> None:
    followed.site.pages[at(0)] = column(0, head, price="128,000")
    followed.come_back()
    assert followed.articles()[at(0)] == ("ひざの再生医療", 2, "live")
    assert "price" in followed.labels(at(0))
