"""Columns on several pages, frames, and links that are no plain `<a href>`: each kind in several builds."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from deriving import crawl
from servers.site import Reply, Site

from columnarchive.config import Settings
from columnarchive.crawl.client import ClientOptions
from columnarchive.crawl.link_scoring import is_further_page, split_page_number
from columnarchive.pipeline.crawl import CrawlOptions, targets
from columnarchive.store.database import Database

TEXT = "ひざの痛みは年齢とともに増えます。治療の効果には個人差があり、費用は税込です。" * 5
MENU = (
    "<div id=gnav><ul><li><a href=/>ホーム</a><li><a href=/about/>院長紹介</a><li><a href=/price/>料金</a></ul></div>"
)
OTHERS = ("/", "/about/", "/price/")
Pages = dict[str, str | bytes | Reply]


def page(title: str, body: str, head: str = "") -> str:
    top = f"<html><head><meta charset=utf-8><title>{title}</title>{head}</head>"
    return f"{top}<body>{MENU}<div>{body}</div></body></html>"


def column(number: int, more: str = "", head: str = "") -> str:
    return page(f"記事{number}", f"<h1>再生医療の話その{number}</h1><p>{number}{TEXT}</p>{more}", head)


def visited(tmp_path: Path, pages: Pages, start: str = "/column/") -> set[str]:
    """The paths that a crawl from `start` was given a page at."""
    pages = {path: page(path, f"<h1>案内</h1>{TEXT}") for path in OTHERS} | pages
    with Site(pages) as site, Database.open(tmp_path / "archive.db") as db:
        options = CrawlOptions(allow_private=True, client=ClientOptions(delay=0.0))
        crawl(db, targets(db, [site.url + start], Settings()), options)
        return set(site.paths()) & pages.keys()


PAGED = {
    "link rel=next": ("/column/{0}/", "/column/{0}/{1}/", "", "<link rel=next href={0}>"),
    "numbers": ("/column/{0}/", "/column/{0}/{1}/", "<p class=page-links><a href={0}>2</a></p>", ""),
    "in words": ("/column/{0}.html", "/column/{0}_{1}.html", "<p><a href={0}>次のページ：費用の話</a></p>", ""),
    "by a query": ("/column/{0}.php", "/column/{0}.php?page={1}", "<p><a href='{0}'>続きを読む</a></p>", ""),
    "page in a folder": ("/column/{0}/", "/column/{0}/page/{1}/", "<p class=pager><a href={0}>次へ</a></p>", ""),
    "with a p": ("/column/k{0}.html", "/column/k{0}-p{1}.html", "<div><a href={0}>２ページ目へ</a></div>", ""),
}  # fmt: skip


@pytest.mark.parametrize("build", PAGED)
def test_all_pages_of_a_column_are_fetched(tmp_path: Path, build: str) -> None:
    first, further, link, head = PAGED[build]
    pages: Pages = {}
    for number in range(4):
        own = [first.format(number), *(further.format(number, at) for at in (2, 3))]
        after = [*own[1:], ""]
        for at, (path, following) in enumerate(zip(own, after, strict=True)):
            more, top = (link.format(following), head.format(following)) if following else ("", "")
            pages[path] = column(number * 10 + at, more, top)
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href={first.format(n)}>再生医療のお話の題名{n}</a></li>" for n in range(4)
    )
    pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    assert visited(tmp_path, pages) == set(pages), "and no other page"


@pytest.mark.parametrize(
    ("url", "own", "further"),
    [
        ("/column/knee/2/", "/column/knee/", True),
        ("/column/12/2/", "/column/12/", True),
        ("/column/13/", "/column/12/", False),
        ("/column/2/", "/column/1/", False),
        ("/column/knee/", "/column/knee/2/", False),
        ("/column/knee/2/", "/column/back/", False),
        ("/column/2024/", "/column/", False),
        ("/column/?p=1234", "/column/?p=1233", False),
        ("/column/99/", "/column/", False),
        ("/column/knee_2.html", "/column/knee.html", True),
        ("/column/knee.html?page=2", "/column/knee.html", True),
    ],
)
def test_what_is_a_further_page_of_a_text(url: str, own: str, further: bool) -> None:
    assert is_further_page("https://clinic.example" + url, "https://clinic.example" + own) == further


def test_a_number_is_a_page_where_that_is_known() -> None:
    own, third = "https://clinic.example/column/knee/2/", "https://clinic.example/column/knee/3/"
    assert not is_further_page(third, own)
    assert is_further_page(third, own, own_is_further=True)
    assert not is_further_page(own, third, own_is_further=True)
    assert split_page_number(third) == ("clinic.example/column/knee?", 3)


def columns() -> Pages:
    return {f"/column/{n}.html": column(n) for n in range(6)}


FRAMES = {
    "a frameset": "<html><title>コラム</title><frameset cols='1,*'><frame src=menu.html><frame src=0.html></frameset>",
    "frames in frames": "<frameset rows='1,*'><frame src=/about/><frameset cols='1'><frame src='menu.html'></frameset>",
    "an iframe": page("コラム", "<h1>コラム</h1><iframe src='./menu.html?a=1#x' width=600></iframe>"),
}  # fmt: skip


@pytest.mark.parametrize("build", FRAMES)
def test_the_content_of_frames_is_fetched(tmp_path: Path, build: str) -> None:
    pages = columns() | {"/column/": FRAMES[build]}
    items = "".join(f"<li><a href={n}.html>再生医療のお話の題名{n}</a></li>" for n in range(6))
    menu = "/column/menu.html" + ("?a=1" if "iframe" in build else "")
    pages[menu] = f"<html><meta charset=utf-8><title>目次</title><ul>{items}</ul></html>"
    assert set(pages) <= visited(tmp_path, pages)


def test_frames_of_other_sites_are_not_fetched(tmp_path: Path) -> None:
    with Site({"/": "<p>map"}) as elsewhere:
        frame = f"<iframe src='{elsewhere.url}/'></iframe><iframe src='https://maps.example/embed?pb=1'></iframe>"
        items = "".join(f"<li><a href={n}.html>再生医療のお話の題名{n}</a></li>" for n in range(6))
        pages = columns() | {"/column/": page("コラム", f"<ul>{items}</ul>{frame}")}
        assert set(pages) <= visited(tmp_path, pages)
    assert not elsewhere.asked


def cards(card: str) -> str:
    return "".join(card.replace("@", f"/column/{n}.html").replace("#", f"再生医療のお話の題名{n}") for n in range(6))


def data(value: object, kind: str = "type=application/ld+json") -> str:
    return f"<script {kind}>{json.dumps(value, ensure_ascii=False)}</script>"


LIST = [
    {"@type": "ListItem", "position": n, "url": f"/column/{n}.html", "name": f"再生医療の題名{n}"} for n in range(6)
]
ITEMS = [{"@type": "ListItem", "item": {"@id": f"/column/{n}.html", "name": f"再生医療の題名{n}"}} for n in range(6)]
PROPS = {"props": {"pageProps": {"posts": [{"slug": n, "href": f"/column/{n}.html", "x": "a/b"} for n in range(6)]}}}
NEXT = "id=__NEXT_DATA__ type=application/json"
ODD = {
    "a card that is clicked": cards("<li onclick=\"location.href='@'\">2025年4月1日 #</li>"),
    "a row that opens a window": "<table>" + cards("<tr onclick=window.open('@')><td>2025年4月1日<td>#</tr>"),
    "an anchor without an address": cards("<p><a onclick=\"window.location.assign('@'); return false\">#</a> 2025.4.1"),
    "an anchor to nowhere": cards("<p><a href='javascript:void(0)' onclick=\"location='@'\">#</a> 2025.4.1"),
    "an attribute": cards("<div class=card data-href='@'><h3>#</h3><time>2025年4月1日</time></div>"),
    "an image map": "<map>" + cards("<area href='@' alt='#'>") + "</map>",
    "shadow roots": cards("<x-card><template shadowrootmode=open><a href='@'>#</a> 2025年4月1日</template></x-card>"),
    "addresses over several lines": cards("<li><a href='@'>#</a> 2025年4月1日</li>").replace(
        "/column", "\n  /column\n  "
    ),
    "addresses with tabs": cards("<li><a href='\t@\r\n\t'>#</a> 2025年4月1日</li>"),
    "forms": cards("<form action='@'><p>#</p><input type=submit value=読む></form>"),
    "without scripts": "<noscript><ul>" + cards("<li><a href='@'>#</a> 2025年4月1日</li>") + "</ul></noscript>",
    "a list in JSON-LD": data({"@type": "ItemList", "itemListElement": LIST}),
    "items in a graph": data({"@graph": [{"mainEntity": {"itemListElement": ITEMS}}]}),
    "data of a script": "<div id=__next></div>" + data(PROPS, NEXT),
    "escaped data": data(PROPS, "type=application/json").replace("/column/", "\\/column\\/"),
}


@pytest.mark.parametrize("build", ODD)
def test_links_that_people_can_follow_are_found(tmp_path: Path, build: str) -> None:
    pages = columns() | {"/column/": page("コラム", f"<h1>コラム一覧</h1>{ODD[build]}")}
    assert visited(tmp_path, pages) == set(pages), "and no other page"


@pytest.mark.parametrize(
    "body",
    [
        cards("<!-- <a href='@'>#</a> -->"),
        cards("<template><a href='@'>#</a></template>"),
        cards("<li onclick=\"track('@')\">#</li>"),
        cards("<form action='@'><input name=q></form>"),
        cards("<form method=post action='@'><input type=submit></form>"),
    ],
)
def test_what_nobody_can_follow_is_not_followed(tmp_path: Path, body: str) -> None:
    pages = columns() | {"/column/": page("コラム", f"<h1>コラム一覧</h1>{body}")}
    assert visited(tmp_path, pages) == {"/column/"}


def front(body: str, head: str = "") -> str:
    return page("みほん医院", f"<h1>みほん医院</h1><p>{TEXT}</p>{body}", head)


def dated(paths: list[str]) -> str:
    return "".join(f"<li>2025年1月{n + 1}日<a href={path}>再生医療の題名{n}</a></li>" for n, path in enumerate(paths))


def listing(paths: list[str]) -> str:
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href={path}>再生医療のお話の題名{n}</a></li>" for n, path in enumerate(paths)
    )
    return page("コラム", f"<ul>{items}</ul>")


@pytest.mark.parametrize("address", ["/Pcat=3.html", "/c/", "/院長の話/", "/index2.php?cat=7"])
def test_a_section_that_only_the_front_page_names_is_found(tmp_path: Path, address: str) -> None:
    paths = [f"/k/{n}.html" for n in range(5)]
    pages: Pages = {path: column(n) for n, path in enumerate(paths)}
    pages[quote(address, safe="/=?")] = listing(paths)
    pages["/"] = front(f"<p><a href='{address}'>院長コラム</a></p>")
    assert visited(tmp_path, pages, "/") == set(pages)


@pytest.mark.parametrize("folder", ["/column/", "/blog/2025/", "/news/"])
def test_from_a_front_page_without_links_the_sitemap_tells_the_columns(tmp_path: Path, folder: str) -> None:
    paths = [f"{folder}{n}.html" for n in range(5)]
    pages: Pages = {path: column(n) for n, path in enumerate(paths)}
    urls = "".join(f"<url><loc>{{origin}}{path}</loc></url>" for path in (*paths, *OTHERS, "/staff/doctor.html"))
    pages |= {
        "/": front("<p>ようこそ</p>"),
        "/sitemap.xml": f"<urlset>{urls}</urlset>",
        "/staff/doctor.html": column(9),
    }
    assert visited(tmp_path, pages, "/") == set(pages) - {"/staff/doctor.html"}


@pytest.mark.parametrize("form", ["<rss><channel>{}</channel></rss>", "<feed>{}</feed>"])
def test_from_a_front_page_without_links_the_feed_tells_the_columns(tmp_path: Path, form: str) -> None:
    paths = [f"/archives/{n * 7}" for n in range(5)]
    pages: Pages = {path: column(n) for n, path in enumerate(paths)}
    rss = "rss" in form
    items = "".join(
        f"<item><link>{{origin}}{path}</link></item>" if rss else f"<entry><link href='{{origin}}{path}'/></entry>"
        for path in paths
    )
    kind = "application/rss+xml" if rss else "application/atom+xml"
    pages["/"] = front("<p>ようこそ</p>", f"<link rel=alternate type={kind} href=/feed.xml>")
    pages["/feed.xml"] = form.format(items)
    assert visited(tmp_path, pages, "/") == set(pages)


@pytest.mark.parametrize("index", ["index.html", "index.php", "index.htm"])
def test_a_folder_and_its_index_page_are_one_page(tmp_path: Path, index: str) -> None:
    paths = [f"/column/{n}/" for n in range(4)]
    pages: Pages = {}
    for number, path in enumerate(paths):
        pages[path] = pages[path + index] = column(number, f"<p><a href=/column/{index}>コラム一覧へ</a></p>")
    both = "".join(f"<li>2025年1月{n + 1}日<a href={path}>再生医療の題名{n}</a></li>" for n, path in enumerate(paths))
    both += "".join(
        f"<li>2025年1月{n + 1}日<a href={path}{index}>再生医療の題名{n}</a></li>" for n, path in enumerate(paths)
    )
    pages["/column/"] = pages["/column/" + index] = page("コラム", f"<ul>{both}</ul>")
    assert visited(tmp_path, pages) == {"/column/", *paths}


def gaps(tmp_path: Path, pages: Pages, start: str, again: Pages | None = None) -> dict[str, str]:
    """What a crawl says that it could not see, by path; with `again`, a later crawl of these pages."""
    with Site(pages) as site, Database.open(tmp_path / "archive.db") as db:
        options = CrawlOptions(allow_private=True, client=ClientOptions(delay=0.0), all=True)
        summary = crawl(db, targets(db, [site.url + start], Settings()), options)
        if again is not None:
            site.pages |= again
            summary = crawl(db, targets(db, [site.url + start], Settings()), options)
        assert {one.site for one in summary.report} <= {site.url.removeprefix("http://")}
        return {one.subject.removeprefix(site.url): one.outcome for one in summary.report}


EMPTY = page("コラム", "<h1>コラム一覧</h1><div id=list></div>")
SCRIPT = "<div id=root></div><script src=/app.js></script>"
BARREN = {
    "a front page that a script fills": ("/", front(SCRIPT), "script_only"),
    "a list that a script fills": ("/column/", EMPTY.replace("</div>", "</div><script>load()</script>"), "script_only"),
    "a list without links": (
        "/column/",
        page("一覧", cards("<li onclick=show(#)>#")),
        "no_columns",
    ),
    "a list without anything": ("/column/", EMPTY, "no_columns"),
    "a front page without columns": ("/", front("<p>ようこそ</p>"), "no_columns"),
}


@pytest.mark.parametrize("case", BARREN)
def test_a_start_that_leads_to_no_column_is_reported(tmp_path: Path, case: str) -> None:
    start, body, gap = BARREN[case]
    others = {path: page(path, "<h1>案内</h1>") for path in OTHERS}
    assert gaps(tmp_path, others | {start: body}, start)[start] == gap


@pytest.mark.parametrize(
    ("listing", "gap"),
    [
        (page("お知らせ", "<h1>お知らせ</h1>"), "empty_listing"),
        ("<title>お知らせ</title><script src=a.js></script>", "script_only"),
    ],
)
def test_a_section_that_names_no_column_is_reported(tmp_path: Path, listing: str, gap: str) -> None:
    more = "<a href=/column/>コラム</a> <a href=/news/>お知らせ</a>"
    pages = columns() | {"/": front(more), "/column/": listing_of_columns(), "/news/": listing}
    assert gaps(tmp_path, pages, "/") == {"/news/": gap}


def listing_of_columns() -> str:
    return listing([f"/column/{n}.html" for n in range(6)])


def test_a_gap_is_reported_until_it_closes(tmp_path: Path) -> None:
    pages = columns() | {"/column/": listing_of_columns(), "/sitemap.xml": "<urlset><url><loc>http://x"}
    assert gaps(tmp_path / "open", pages, "/column/", {}) == {"/sitemap.xml": "broken_list"}
    assert gaps(tmp_path / "closed", pages, "/column/", {"/sitemap.xml": "<urlset></urlset>"}) == {}


@pytest.mark.parametrize(
    "sitemap",
    ["<urlset><url><loc>{origin}/column/0.html</loc></url><url><loc>{ori", "<urlset><url><loc>{origin}/x</loc></url>"],
)
def test_a_list_that_breaks_off_is_reported(tmp_path: Path, sitemap: str) -> None:
    pages = columns() | {"/column/": listing([f"/column/{n}.html" for n in range(6)]), "/sitemap.xml": sitemap}
    assert gaps(tmp_path, pages, "/column/") == {"/sitemap.xml": "broken_list"}


def test_a_single_column_and_good_lists_are_not_reported(tmp_path: Path) -> None:
    assert gaps(tmp_path, {"/column/0.html": column(0)}, "/column/0.html") == {}
    pages = columns() | {"/column/": listing([f"/column/{n}.html" for n in range(6)])}
    assert gaps(tmp_path, pages | {"/sitemap.xml": "<urlset></urlset>"}, "/column/") == {}
