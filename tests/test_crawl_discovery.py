"""Which pages a crawl finds: listings of many builds, single columns, archives, sitemaps, feeds; and which not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from deriving import crawl, spread
from servers.site import Reply, Site

from columnarchive.config import Settings, parse
from columnarchive.crawl.client import ClientOptions
from columnarchive.pipeline.crawl import CrawlOptions, CrawlSummary, targets
from columnarchive.store import captures
from columnarchive.store.database import Database

SAID = "ひざの痛みは年齢とともに増えます。治療の効果には個人差があり、費用は税込です。" * 5
MENU = (
    "<div id=gnav><ul><li><a href=/>ホーム</a><li><a href=/about/>院長紹介</a><li><a href=/menu/>診療案内</a>"
    "<li><a href=/price/>料金</a><li><a href=/column/>コラム</a><li><a href=/access/>アクセス</a></ul></div>"
)
BARE_MENU = MENU.replace("<div id=gnav>", "<div>")
OTHERS = {"/", "/about/", "/menu/", "/price/", "/access/"}


def page(title: str, body: str, menu: str = MENU, head: str = "") -> str:
    top = f"<html><head><meta charset=utf-8><title>{title}</title>{head}</head>"
    return f"{top}<body>{menu}<div>{body}</div></body></html>"


def post(number: int, menu: str = MENU, more: str = "", head: str = "") -> str:
    return page(f"記事{number}", f"<h1>再生医療の話その{number}</h1><p>{number}{SAID}</p>{more}", menu, head)


def crawled(
    tmp_path: Path, site: Site, *start: str, sites: str = "", **options: object
) -> tuple[CrawlSummary, set[str]]:
    """Crawl a site from these paths; the summary and the paths that were shown."""
    with Database.open(tmp_path / "archive.db") as db:
        names = [site.url + path for path in start]
        known = parse(sites.replace("{origin}", site.url)) if sites else Settings()
        chosen = CrawlOptions(allow_private=True, client=ClientOptions(delay=0.0, backoff=0.01), **options)  # type: ignore[arg-type]
        summary = crawl(db, targets(db, names, known), chosen)
        shown = {
            url.removeprefix(site.url)
            for (url,) in db.conn.execute(
                "select url from pages where last_outcome in ('ok', 'unchanged', 'redirected')"
            )
        }
    return summary, shown


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({path: page(path, "<h1>案内</h1>" + SAID) for path in OTHERS}) as served:
        yield served


def posts(site: Site, paths: list[str], menu: str = MENU) -> set[str]:
    site.pages.update({path: post(number, menu) for number, path in enumerate(paths)})
    return set(paths)


def test_cards_with_dates_and_pages_by_path(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{word}/" for word in "abcdefghijklmno"])
    for number in range(3):
        cards = "".join(
            f"<article class='post-{n}'><time>2025.10.{n + 1:02}</time>"
            f"<h2><a href='{path}'>記事{n}の長めの題名です</a></h2><p>{SAID[:60]}</p></article>"
            for n, path in enumerate(sorted(wanted)[number * 5 : number * 5 + 5])
        )
        pager = "<div class='pagination'>" + "".join(f"<a href=/column/page/{n}/>{n}</a>" for n in (2, 3)) + "</div>"
        path = "/column/" if not number else f"/column/page/{number + 1}/"
        site.pages[path] = page("コラム", f"<div class=posts>{cards}</div>{pager}")
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & OTHERS


def test_a_bare_list_of_titles_beside_a_menu_without_names(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/c{n}.html" for n in range(8)], BARE_MENU)
    items = "".join(f"<li><a href=/c{n}.html>膝の再生医療について知っておきたいこと{n}</a></li>" for n in range(8))
    site.pages["/column/"] = page("コラム", f"<h1>コラム</h1><ul>{items}</ul>", BARE_MENU)
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & OTHERS


def test_short_titles_in_a_bare_list_are_told_from_the_menu_by_other_pages(site: Site, tmp_path: Path) -> None:
    menu = BARE_MENU.replace("/column/", "/list.html")
    wanted = posts(site, [f"/c{n}.html" for n in range(4)], menu)
    items = "".join(f"<li><a href=/c{n}.html>膝痛その{n}</a></li>" for n in range(4))
    site.pages["/list.html"] = page("コラム", f"<h1>コラム</h1><ol>{items}</ol>", menu)
    _, shown = crawled(tmp_path, site, "/list.html")
    assert wanted <= shown
    assert len(shown & OTHERS) <= 2


def test_pages_by_query_and_next_in_words(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/blog.php?id={n}" for n in range(1, 9)])
    for number in range(1, 5):
        items = "".join(
            f"<dl><dt>2025年3月{n}日</dt><dd><a href='/blog.php?id={n}'>今月のお話{n}</a></dd></dl>"
            for n in (number * 2 - 1, number * 2)
        )
        after = f"<p><a href='/list.php?pg={number + 1}'>次へ</a></p>" if number < 4 else ""
        path = "/list.php" if number == 1 else f"/list.php?pg={number}"
        site.pages[path] = page("ブログ", items + after)
    _, shown = crawled(tmp_path, site, "/list.php")
    assert wanted <= shown
    assert not shown & OTHERS


def test_from_a_single_column_by_its_crumbs(site: Site, tmp_path: Path) -> None:
    wanted = {f"/news/2025/{n}.html" for n in range(6)}
    crumbs = "<ol class=breadcrumb><li><a href=/>ホーム</a><li><a href=/news/>お知らせ</a></ol>"
    site.pages.update({path: post(n, more=crumbs) for n, path in enumerate(sorted(wanted))})
    items = "".join(
        f"<li>2025/01/0{n + 1} <a href={path}>お知らせの題名その{n}</a></li>" for n, path in enumerate(sorted(wanted))
    )
    site.pages["/news/"] = page("お知らせ", f"<ul>{items}</ul>")
    _, shown = crawled(tmp_path, site, "/news/2025/3.html")
    assert wanted <= shown
    assert not shown & OTHERS


def test_from_a_single_column_by_the_ones_before_and_after(site: Site, tmp_path: Path) -> None:
    for n in range(6):
        links = f"<link rel=prev href=/archives/{n - 1}.html>" if n else ""
        links += f"<link rel=next href=/archives/{n + 1}.html>" if n < 5 else ""
        site.pages[f"/archives/{n}.html"] = post(n, head=links)
    _, shown = crawled(tmp_path, site, "/archives/3.html")
    assert {f"/archives/{n}.html" for n in range(6)} <= shown


def test_the_posts_before_and_after_may_be_of_another_kind(site: Site, tmp_path: Path) -> None:
    wanted = {f"/column/{n}/" for n in range(5)}
    news = posts(site, [f"/news/{n}/" for n in range(6)])
    for n, path in enumerate(sorted(wanted)):
        after = f"<a rel=prev href=/news/{n}/>前の記事</a><a rel=next href=/news/{n + 1}/>次の記事</a>"
        recent = "<div class=recent>" + "".join(f"<a href={one}>題名{one}</a>" for one in sorted(wanted)) + "</div>"
        site.pages[path] = post(
            n, more=f"<div class=nav-links>{after}</div>{recent}", head=f"<link rel=next href=/news/{n + 1}/>"
        )
    items = "".join(f"<li>2025年1月{n + 1}日<a href=/column/{n}/>再生医療のお話の題名{n}</a></li>" for n in range(5))
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & (OTHERS | news)


def test_from_the_front_page(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{n}.html" for n in range(5)])
    items = "".join(f"<li><a href={path}>再生医療のお話の題名{path}</a></li>" for path in sorted(wanted))
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    _, shown = crawled(tmp_path, site, "/")
    assert wanted <= shown
    assert not shown & (OTHERS - {"/"})


def test_monthly_archives_and_a_calendar_without_end(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/blog/2025/{month:02}/p{month}.html" for month in range(1, 7)])
    months = "<div id=monthly><ul>" + "".join(
        f"<li><a href=/blog/2025/{month:02}/>2025年{month}月 (1)</a></li>" for month in range(1, 7)
    ) + "</ul></div>"  # fmt: skip
    entry = (
        "<div class=entry><p>2025年{0}月3日</p><h3><a href=/blog/2025/{0:02}/p{0}.html>今月の話{0}</a></h3>{1}</div>"
    )
    for month in range(1, 7):
        days = (f"<a href=/blog/2026/{later:02}/>翌月</a>" for later in (month, month + 1))
        after = f"<div class=calendar>{''.join(days)}</div>"
        body = entry.format(month, SAID) * 2 + months + after
        site.pages[f"/blog/2025/{month:02}/"] = page("月別", body)
    for month in range(1, 12):
        site.pages[f"/blog/2026/{month:02}/"] = page(
            "月別", f"<div class=calendar><a href=/blog/2026/{month + 1:02}/>翌月</a></div>"
        )
    site.pages["/blog/"] = page("ブログ", entry.format(6, SAID) * 2 + months)
    _, shown = crawled(tmp_path, site, "/blog/")
    assert wanted <= shown
    assert not shown & OTHERS
    assert sum(path.startswith("/blog/2026/") for path in site.paths()) <= 8


def test_a_sitemap_adds_what_looks_like_a_column(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{n}.html" for n in range(9)])
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in range(4)
    )
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /private/\nSitemap: /maps.xml\n"
    urls = "".join(f"<url><loc>{{origin}}{path}</loc></url>" for path in sorted(wanted | OTHERS))
    site.pages["/maps.xml"] = "<sitemapindex><sitemap><loc>{origin}/map1.xml</loc></sitemap></sitemapindex>"
    site.pages["/map1.xml"] = f"<urlset>{urls}</urlset>"
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & OTHERS


def test_columns_at_the_root_by_the_sitemap_that_holds_them(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/hiza-{word}/" for word in "abcdefgh"])
    items = "".join(
        f"<article><time>2025-01-01</time><h2><a href={path}>題名{path}</a></h2></article>"
        for path in sorted(wanted)[:5]
    )
    site.pages["/column/"] = page("コラム", items)
    site.pages["/sitemap.xml"] = (
        "<sitemapindex><sitemap><loc>{origin}/post-sitemap.xml</loc></sitemap>"
        "<sitemap><loc>{origin}/page-sitemap.xml</loc></sitemap></sitemapindex>"
    )
    site.pages["/post-sitemap.xml"] = "".join(
        f"<url><loc>{{origin}}{path}</loc></url>" for path in sorted(wanted)
    ).join(("<urlset>", "</urlset>"))
    site.pages["/page-sitemap.xml"] = "".join(
        f"<url><loc>{{origin}}{path}</loc></url>" for path in sorted(OTHERS)
    ).join(("<urlset>", "</urlset>"))
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & OTHERS


def test_a_feed_adds_what_listings_no_longer_show(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{n}.html" for n in range(6)])
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in range(3)
    )
    feed = "<link rel=alternate type=application/rss+xml href=/feed.xml>"
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>", head=feed)
    entries = "".join(f"<item><link>{{origin}}{path}</link></item>" for path in sorted(wanted))
    site.pages["/feed.xml"] = f"<rss><channel>{entries}</channel></rss>"
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown


@pytest.mark.parametrize("by", ["feed", "sitemap"])
def test_a_listing_that_a_script_fills_is_told_by_what_lies_below_it(site: Site, tmp_path: Path, by: str) -> None:
    wanted = posts(site, [f"/column/{n}/" for n in range(6)])
    others = posts(site, ["/news/1/", "/column/tag/pain/"])
    entries = sorted({*wanted, *others, *OTHERS, "/column/"})
    if by == "feed":
        head = "<link rel=alternate type=application/rss+xml href=/feed.xml>"
        links = "".join(f"<item><link>{{origin}}{path}</link></item>" for path in entries)
        site.pages["/feed.xml"] = f"<rss><channel>{links}</channel></rss>"
    else:
        head = ""
        links = "".join(f"<url><loc>{{origin}}{path}</loc></url>" for path in entries)
        site.pages["/sitemap.xml"] = f"<urlset>{links}</urlset>"
    site.pages["/column/"] = page("コラム", "<h1>コラム</h1><div id=app></div>", head=head)
    _, shown = crawled(tmp_path, site, "/column/")
    assert shown == {"/column/", *wanted}


def test_wordpress_lists_its_posts(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{n}/" for n in range(6)])
    items = "".join(
        f"<article><time>2025-01-01</time><h2><a href=/column/{n}/>題名その{n}</a></h2></article>" for n in range(3)
    )
    site.pages["/column/"] = page("コラム", items, head='<link rel="https://api.w.org/" href="/wp-json/">')
    listed = ",".join(
        f'{{"link": "{{origin}}{path}", "modified_gmt": "2025-01-01T00:00:00"}}' for path in sorted(wanted)
    )
    site.pages["/wp-json/wp/v2/posts?per_page=100&_fields=link,modified_gmt"] = f"[{listed}]"
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown


@pytest.mark.parametrize("offered", ["head", "header", "without readable addresses"])
def test_wordpress_lists_its_posts_on_many_pages(site: Site, tmp_path: Path, offered: str) -> None:
    wanted = posts(site, [f"/hiza-{n}/" for n in range(9)])
    items = "".join(f"<article><time>2025-01-01</time><h2><a href={path}>題名その{path}</a></h2></article>"
                    for path in sorted(wanted)[:2])  # fmt: skip
    api = "/?rest_route=/" if offered.startswith("without") else "/wp-json/"
    link = f'<link rel="https://api.w.org/" href="{api}">'
    header = {"Link": f'<{{origin}}{api}>; rel="https://api.w.org/"'} if offered == "header" else {}
    html = page("コラム", items, head="" if header else link)
    site.pages["/column/"] = Reply(200, html.encode(), header)
    first = f"{api}wp/v2/posts{'&' if '?' in api else '?'}per_page=100&_fields=link,modified_gmt"
    for number, path in enumerate([first, f"{first}&page=2", f"{first}&page=3"]):
        some = sorted(wanted)[number * 3 : number * 3 + 3]
        listed = ",".join(f'{{"link": "{site.url}{one}"}}' for one in some)
        site.pages[path] = Reply(200, f"[{listed}]".encode(), {"X-WP-TotalPages": "3", "Content-Type": "text/json"})
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & OTHERS
    assert len(site.paths()) == len(set(site.paths()))


def test_wordpress_list_is_bounded_and_obeys_robots(site: Site, tmp_path: Path) -> None:
    posts(site, [f"/column/{n}/" for n in range(3)])
    items = "".join(f"<li>2025年1月{n + 1}日<a href=/column/{n}/>再生医療のお話の題名{n}</a></li>" for n in range(3))
    site.pages["/column/"] = page("コラム", items, head='<link rel="https://api.w.org/" href="/wp-json/">')
    first = "/wp-json/wp/v2/posts?per_page=100&_fields=link,modified_gmt"
    endless = Reply(200, b"[]", {"X-WP-TotalPages": "999999999999", "Content-Type": "text/json"})
    site.pages |= {first: endless} | {f"{first}&page={number}": endless for number in range(2, 200)}
    crawled(tmp_path, site, "/column/")
    assert sum(path.startswith("/wp-json/") for path in site.paths()) == 50
    site.asked.clear()
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /wp-json/\n"
    (tmp_path / "other").mkdir()
    crawled(tmp_path / "other", site, "/column/")
    assert "/column/2/" in site.paths()
    assert not any(path.startswith("/wp-json/") for path in site.paths())


def test_a_sitemap_index_of_more_files_than_are_read(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{n}.html" for n in range(9)])
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in range(3)
    )
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    files = "".join(f"<sitemap><loc>{{origin}}/map{n}.xml</loc></sitemap>" for n in range(90))
    site.pages["/sitemap.xml"] = f"<sitemapindex>{files}</sitemapindex>"
    entries = "".join(f"<url><loc>{{origin}}{path}</loc></url>" for path in sorted(wanted))
    site.pages["/map7.xml"] = f"<urlset>{entries}</urlset>"
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert sum("map" in path for path in site.paths()) == 50


def test_months_that_only_a_list_to_choose_from_leads_to(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/blog/hiza-{month}/" for month in range(1, 7)])
    months = "".join(f'<option value="{{origin}}/blog/2025/{n:02}/"> 2025年{n}月 </option>' for n in range(1, 7))
    areas = "".join(f"<option value={path}>{path}</option>" for path in sorted(OTHERS))
    choice = f'<select onchange="go()"><option value="">月を選択</option>{months}</select><select>{areas}</select>'
    for n in range(1, 7):
        entry = f"<h3><a href=/blog/hiza-{n}/>今月の膝のお話の題名{n}</a></h3><p>2025年{n}月3日</p><p>{SAID}</p>"
        site.pages[f"/blog/2025/{n:02}/"] = page(f"{n}月", f"<div class=entry>{entry}</div>{choice}")
    site.pages["/blog/"] = site.pages["/blog/2025/06/"]
    _, shown = crawled(tmp_path, site, "/blog/")
    assert wanted <= shown
    assert not shown & OTHERS


@pytest.mark.parametrize("by", ["meta", "header", "redirect"])
def test_a_listing_that_moved_is_followed_to_where_it_is(site: Site, tmp_path: Path, by: str) -> None:
    wanted = posts(site, [f"/blog/{n}.html" for n in range(4)])
    items = "".join(f"<li>2025年1月{n + 1}日<a href=/blog/{n}.html>再生医療のお話の題名{n}</a></li>" for n in range(4))
    site.pages["/blog/"] = page("コラム", f"<ul>{items}</ul>")
    if by == "meta":
        site.pages["/column/"] = page("移転", "移転しました", head="<meta http-equiv=refresh content='3; url=/blog/'>")
    elif by == "header":
        site.pages["/column/"] = Reply(200, page("移転", "移転しました").encode(), {"Refresh": "0;URL=/blog/"})
    else:
        site.pages["/column/"] = Reply(301, b"", {"Location": "/blog/"})
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown
    assert not shown & OTHERS


def test_a_column_on_several_pages_and_its_twin_in_another_language(site: Site, tmp_path: Path) -> None:
    items = "".join(f"<li>2025年1月{n + 1}日<a href=/column/{n}/>再生医療のお話の題名{n}</a></li>" for n in range(4))
    recent = f"<div class=recent><ul>{items}</ul></div>"
    twins = "<link rel=alternate hreflang=en href=/en/column/{0}/><link rel=alternate hreflang=ja href=/column/{0}/>"
    for n in range(4):
        site.pages[f"/column/{n}/"] = post(n, more=recent, head=twins.format(n))
        site.pages[f"/en/column/{n}/"] = page("Knees", f"<h1>On knees {n}</h1><p>{n} {'Knees hurt. ' * 60}</p>")
    site.pages["/column/2/"] = post(2, more=f"<div class=page-links><a href=/column/2/2/>2</a></div>{recent}")
    site.pages["/column/2/2/"] = post(22, more=f"<div class=page-links><a href=/column/2/>1</a></div>{recent}")
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    _, shown = crawled(tmp_path, site, "/column/")
    assert {f"/column/{n}/" for n in range(4)} | {"/column/2/2/"} <= shown
    assert not shown & OTHERS


@pytest.mark.parametrize("encoding", ["shift_jis", "euc_jp", "utf-8"])
def test_queries_go_in_the_encoding_of_their_page(site: Site, tmp_path: Path, encoding: str) -> None:
    # A browser leaves the second byte of 表 as the backslash that it is.
    said = {quote(part, encoding=encoding).replace("%5C", "\\") for part in ("ひざ", "腰", "表")}
    wanted = {f"/blog.cgi?c={part}" for part in said}
    site.pages.update({path: post(number) for number, path in enumerate(sorted(wanted))})
    items = "".join(f"<li>2025年1月{n}日 <a href='blog.cgi?c={part}'>{part}の再生医療のお話の題名</a></li>"
                    for n, part in enumerate(("ひざ", "腰", "表"), 1))  # fmt: skip
    html = page("コラム", f"<ul>{items}</ul>").replace("charset=utf-8", f"charset={encoding.replace('_jp', '-jp')}")
    site.pages["/blog.html"] = Reply(200, html.encode(encoding), {"Content-Type": "text/html"})
    _, shown = crawled(tmp_path, site, "/blog.html")
    assert wanted <= shown


def test_spellings_of_an_address_are_one_page(site: Site, tmp_path: Path) -> None:
    names = ["ひざの痛み", "腰の痛み", "肩の痛み"]
    large = [f"/column/{quote(name)}/" for name in names]
    small = [path.lower() for path in large]
    others = "".join(f"<li><a href={path}>別の記事{path}</a></li>" for path in small)
    site.pages |= {path: post(n, more=f"<div class=recent>{others}</div>") for n, path in enumerate(large)}
    site.pages |= {path: post(n, more=f"<div class=recent>{others}</div>") for n, path in enumerate(small)}
    items = "".join(
        f"<li>2025年1月{n}日 <a href=/column/{name}/>{name}の話の題名</a></li>" for n, name in enumerate(names, 1)
    )
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    site.pages["/sitemap.xml"] = "".join(f"<url><loc>{{origin}}{path}</loc></url>" for path in small).join(
        ("<urlset>", "</urlset>")
    )
    for _ in range(2):
        _, shown = crawled(tmp_path, site, "/column/")
        assert shown == {"/column/", *large}
    assert not set(small) & set(site.paths())


def test_redirects_refreshes_and_canonical_links_are_followed(site: Site, tmp_path: Path) -> None:
    items = "".join(f"<li>2025年1月{n}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in (1, 2, 3))
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    site.pages["/column/1.html"] = Reply(301, b"", {"Location": "/column/one/"})
    site.pages["/column/one/"] = post(1)
    site.pages["/column/2.html"] = post(2, head="<meta http-equiv=refresh content='0; URL=/column/two/'>")
    site.pages["/column/two/"] = post(22)
    site.pages["/column/3.html"] = post(3, head="<link rel=canonical href=/column/three/>")
    site.pages["/column/three/"] = post(3, head="<link rel=canonical href=/column/three/>")
    summary, shown = crawled(tmp_path, site, "/column/")
    assert {"/column/one/", "/column/two/", "/column/three/"} <= shown
    assert summary.outcomes["redirected"] == 1
    assert site.paths().count("/column/one/") == 1


@pytest.mark.parametrize(
    "around",
    [
        "<article class='post-9 page type-page status-publish hentry category-knee tag-ache'>{}</article>",
        "<div id=globalContents>{}</div>",
    ],
)
def test_what_an_entry_is_about_and_a_wide_wrapper_are_no_menus(site: Site, tmp_path: Path, around: str) -> None:
    wanted = posts(site, [f"/column/{n}.html" for n in range(8)])
    links = "<br>".join(f"<a href={path}>題名その{n}</a>" for n, path in enumerate(sorted(wanted)))
    site.pages["/column/"] = page("読みもの", around.format(f"<h1>読みもの</h1><p>{links}</p>"))
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown


def test_a_plain_listing_that_says_it_is_an_article(site: Site, tmp_path: Path) -> None:
    wanted = posts(site, [f"/column/{n}.html" for n in range(8)])
    links = "<br>".join(f"<a href={path}>題名その{n}</a>" for n, path in enumerate(sorted(wanted)))
    head = "<meta property=og:type content=article>"
    site.pages["/column/"] = page("読みもの", f"<h1>読みもの</h1><p>{links}</p>", head=head)
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted <= shown


def test_nofollow_is_kept_and_settings_decide(site: Site, tmp_path: Path) -> None:
    posts(site, [f"/column/{n}.html" for n in range(4)])
    items = "".join(
        f"<li>2025年1月{n + 1}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in range(4)
    )
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    settings = '[[site]]\nstart = ["{origin}/column/"]\nkinds = { "/column/2.html" = "other" }\n'
    _, shown = crawled(tmp_path, site, "/column/", sites=settings)
    assert shown == {"/column/", "/column/0.html", "/column/1.html", "/column/3.html"}
    site.pages["/closed/"] = page("コラム", f"<ul>{items}</ul>", head="<meta name=robots content='noindex, nofollow'>")
    (tmp_path / "other").mkdir()
    _, shown = crawled(tmp_path / "other", site, "/closed/")
    assert shown == {"/closed/"}


@pytest.mark.parametrize(
    ("name", "start", "columns"),
    spread(
        [
            ("nishifuna-seitai.jp", "blog/blog/", "blog/"),
            ("nishifuna-seitai.jp", "blog/2014/11/post-33-907485.html", "blog/"),
            ("fukui-law-saimuseiri", "column/index.html", "column/"),
            ("fukui-law-saimuseiri", "column/21-fukui-kojin-saisei.html", "column/"),
            ("fukui-law-saimuseiri", "cases.html", "cases/"),
            ("sunny-career", "terms/", "terms/"),
            ("sunny-career", "column/kimerarenai-yoru/", "column/"),
        ],
        4,
    ),
)
def test_real_sites(shared: Path, tmp_path: Path, name: str, start: str, columns: str) -> None:
    import json

    folder = shared / "corpus/sites" / name
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    with Site({}) as site:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix == ".html":
                body = path.read_bytes()
                if manifest["url"]:
                    own = manifest["url"].rstrip("/").encode()
                    body = body.replace(own, site.url.encode())
                place = "/" + path.relative_to(folder).as_posix()
                site.pages[place] = body
                if place.endswith("/index.html"):
                    site.pages[place.removesuffix("index.html")] = body
                    if place != "/index.html":
                        site.pages[place.removesuffix("/index.html")] = body
        _, shown = crawled(tmp_path, site, "/" + start)
    wanted = {"/" + path for path in manifest["columns"] if path.startswith(columns)}
    found = {path if path.endswith(".html") else path.rstrip("/") + "/index.html" for path in shown}
    assert len(wanted - found) <= (name == "sunny-career"), "one page of that site is linked from nowhere"
    outside = [path for path in found if not path.startswith(("/" + columns, "/" + start))]
    assert len(outside) <= 2, outside


def test_a_link_that_only_a_late_column_has_is_followed(site: Site, tmp_path: Path) -> None:
    """Columns whose links are all known are only skimmed; one that leads to a new column is read."""
    wanted = posts(site, [f"/column/{number}.html" for number in range(30)])
    items = "".join(f"<li><a href={path}>再生医療のお話の長い題名 {path}</a></li>" for path in sorted(wanted))
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    site.pages["/column/hidden.html"] = post(99)
    site.pages["/column/29.html"] = post(29, more="<p>詳しくは<a href=hidden.html>こちらのコラム</a>へ</p>")
    _, shown = crawled(tmp_path, site, "/column/")
    assert wanted | {"/column/hidden.html"} <= shown
    assert not shown & OTHERS


def test_what_a_page_asks_of_robots_is_recorded(site: Site, tmp_path: Path) -> None:
    html = post(1, head="<meta name=robots content='NOARCHIVE, noindex'>")
    asked = {"Content-Type": "text/html; charset=utf-8", "X-Robots-Tag": "otherbot: nofollow"}
    site.pages["/column/1.html"] = Reply(200, html.encode(), asked)
    site.pages["/column/2.html"] = Reply(200, post(2).encode(), asked | {"X-Robots-Tag": "noimageindex"})
    items = "".join(f"<li>2025年1月{n}日<a href=/column/{n}.html>再生医療のお話の題名{n}</a></li>" for n in (1, 2))
    site.pages["/column/"] = page("コラム", f"<ul>{items}</ul>")
    crawled(tmp_path, site, "/column/")
    with Database.open(tmp_path / "archive.db", write=False) as db:
        said = {url: row.robots for url in ("1", "2") for row in captures.of_page(db, f"{site.url}/column/{url}.html")}
    assert said == {"1": "noarchive, noindex", "2": "noimageindex"}
