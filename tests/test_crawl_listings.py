"""How listings lead to their further pages: every way of turning pages that sites are built with."""
# ruff: noqa: ARG005 - what pages say is given all there is to say it from

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from deriving import spread
from servers.site import Reply, Site
from test_crawl_discovery import MENU, OTHERS, SAID, crawled, page, post

PAGES = 4
EACH = 4


@dataclass(frozen=True)
class Turning:
    """How a listing is turned: the address of page n, and what page n says of the others.

    `body` and `head` get the page's number, the addresses of all pages, and whether it is the last one.
    """

    address: Callable[[int], str]
    body: Callable[[int, list[str]], str] = lambda n, at: ""
    head: Callable[[int, list[str]], str] = lambda n, at: ""
    headers: Callable[[int, list[str]], dict[str, str]] = lambda n, at: {}
    post: str = "/column/{}.html"


def query(name: str, step: int = 1, first: int = 1) -> Callable[[int], str]:
    """Pages by a parameter: `?name=2`, or `?name=10` for lists that count what they skip."""
    return lambda n: "/column/" if not n else f"/column/?{name}={first + n * step}"


def path(form: str) -> Callable[[int], str]:
    """Pages by a path, of which the first is the listing itself."""
    return lambda n: "/column/" if not n else form.format(n + 1)


def after(text: str, wrap: str = "<p>{}</p>", more: str = "") -> Callable[[int, list[str]], str]:
    """A link to the next page with this text."""
    return lambda n, at: wrap.format(f"<a href='{at[n + 1]}'{more}>{text}</a>") if n + 1 < PAGES else ""


def numbers(wrap: str = "<div class=pager>{}</div>") -> Callable[[int, list[str]], str]:
    """The numbers of all pages, of which the page's own is no link."""
    return lambda n, at: wrap.format(
        " ".join(f"<b>{k + 1}</b>" if k == n else f"<a href='{one}'>{k + 1}</a>" for k, one in enumerate(at))
    )


WAYS: dict[str, Turning] = {
    "link rel=next": Turning(
        path("/column/list-{}.html"), head=lambda n, at: f"<link rel=next href='{at[n + 1]}'>" if n + 1 < PAGES else ""
    ),
    "a rel=next": Turning(query("page"), after("<img src=/next.png>", more=" rel=next")),
    "Link: rel=next": Turning(
        query("page"),
        headers=lambda n, at: {"Link": f'<{at[n + 1]}>; rel="next", </>; rel="up"'} if n + 1 < PAGES else {},
    ),
    "?page=2 by numbers": Turning(query("page"), numbers()),
    "?p=2 by numbers without a name": Turning(query("p"), numbers("<p>{} …</p>")),
    "?paged=2": Turning(query("paged"), after("次へ")),
    "?pg=2 as a list": Turning(query("pg"), numbers("<ul class=num>{}</ul>")),
    "?currentPage=2": Turning(query("currentPage"), after("次へ")),
    "?pageNo=2": Turning(query("pageNo"), numbers()),
    "?start=10": Turning(query("start", 10, 0), after("次の10件")),
    "?offset=10": Turning(query("offset", 10, 0), after("次の10件を表示")),
    "?limit=10&offset=10": Turning(lambda n: f"/column/?limit=10&offset={n * 10}" if n else "/column/", after("次へ")),
    "?year=2025&page=2": Turning(lambda n: f"/column/?cat=3&page={n + 1}" if n else "/column/", numbers()),
    "/page/2/": Turning(path("/column/page/{}/"), after("次のページ")),
    "/page2/": Turning(path("/column/page{}/"), after("次のページへ")),
    "/2/": Turning(path("/column/{}/"), after("次のページ »"), post="/column/hiza-{}/"),
    "/p2/": Turning(path("/column/p{}/"), numbers()),
    "index2.html": Turning(path("/column/index{}.html"), after("次へ ＞")),
    "index_2.html": Turning(path("/column/index_{}.html"), after("&gt;&gt;")),
    "list_2.html": Turning(path("/column/list_{}.html"), after("次へ")),
    "list2.html": Turning(path("/column/list{}.html"), after("次へ")),
    "2.html": Turning(path("/column/{}.html"), numbers(), post="/column/hiza-{}.html"),
    "/index/2": Turning(path("/column/index/{}"), numbers()),
    "/index/page:2": Turning(path("/column/index/page:{}"), after("次へ")),
    "»": Turning(query("page"), after("»")),
    ">": Turning(query("page"), after("&gt;")),
    "›": Turning(query("page"), after("›")),
    "次へ»": Turning(query("page"), after("次へ»")),
    "次へ>": Turning(query("page"), after("次へ&gt;")),
    ">>次へ": Turning(query("page"), after("&gt;&gt; 次へ")),
    "次ページ": Turning(query("page"), after("次ページ")),
    "次の一覧": Turning(query("page"), after("次の一覧へ")),
    "次の5件へ進む": Turning(query("page"), after("次の5件へ進む")),
    "次の記事一覧": Turning(query("page"), after("次の記事一覧")),
    "NEXT": Turning(query("page"), after("NEXT")),
    "Next Page →": Turning(query("page"), after("Next Page →")),
    "Older posts": Turning(path("/column/page/{}"), after("<span>←</span> Older posts")),
    "もっと見る": Turning(query("page"), after("もっと見る", "<div class=more-btn>{}</div>")),
    "さらに表示": Turning(query("page"), after("さらに表示", "<div>{}</div>")),
    "もっと読み込む": Turning(query("page"), after("もっと読み込む", "<div>{}</div>")),
    "VIEW MORE": Turning(query("page"), after("VIEW MORE", "<div>{}</div>")),
    "Load more": Turning(query("page"), after("Load more", "<div>{}</div>")),
    "古い記事": Turning(query("page"), after("古い記事へ")),
    "過去の記事": Turning(query("page"), after("過去の記事を見る")),
    "← 過去の投稿": Turning(query("page"), after("← 過去の投稿")),
    "以前の記事": Turning(query("page"), after("« 以前の記事")),
    "前のページ": Turning(query("page"), after("前のページ", "<div>{}</div>")),
    "canonical of all pages is the first": Turning(
        query("page"), numbers(), head=lambda n, at: "<link rel=canonical href=/column/>"
    ),
    "canonical of all pages is the first, by path": Turning(
        path("/column/page/{}/"), numbers(), head=lambda n, at: "<link rel=canonical href=/column/>"
    ),
    "canonical of all pages is the home page": Turning(
        query("page"), numbers(), head=lambda n, at: "<link rel=canonical href=/>"
    ),
    "base href": Turning(
        path("/column/page/{}/"),
        lambda n, at: numbers()(n, [one.lstrip("/") for one in at]),
        head=lambda n, at: "<base href=/>",
    ),
    "a menu of pages": Turning(
        query("page"),
        lambda n, at: (
            "<select>" + "".join(f"<option value='{one}'>{k + 1}</option>" for k, one in enumerate(at)) + "</select>"
        ),
    ),
}


BUILDS = {
    "dated": "<h1>コラム</h1><ul>{items}</ul>{turn}",
    "bare": "<h1>コラム</h1><div><div><ul>{items}</ul></div></div><section><div><div>{turn}</div></div></section>",
}


# Each way in one of the builds, by turns; with the slow tests in both.
CASES = [(way, build) for number, way in enumerate(WAYS) for build in sorted(BUILDS, reverse=number % 2 == 1)]


@pytest.mark.parametrize(("way", "build"), spread(CASES, len(WAYS)))
def test_all_pages_of_a_listing_are_turned(tmp_path: Path, way: str, build: str) -> None:
    turning = WAYS[way]
    at = [turning.address(n) for n in range(PAGES)]
    posts = [turning.post.format(n + 101) for n in range(PAGES * EACH)]
    with Site({one: page(one, "<h1>案内</h1>" + SAID) for one in OTHERS}) as site:
        site.pages |= {one: post(n) for n, one in enumerate(posts)}
        for n in range(PAGES):
            items = "".join(
                f"<li>{f'2025年1月{k + 1}日 ' * (build == 'dated')}<a href={one}>再生医療のお話の題名{k}</a></li>"
                for k, one in enumerate(posts[n * EACH : n * EACH + EACH], n * EACH)
            )
            body = BUILDS[build].format(items=items, turn=turning.body(n, at))
            html = page("コラム", body, MENU, turning.head(n, at))
            site.pages[at[n]] = Reply(200, html.encode(), turning.headers(n, at))
        _, shown = crawled(tmp_path, site, "/column/")
    assert set(posts) <= shown
    assert not shown & OTHERS
    assert len(shown) <= len(posts) + PAGES + 1
